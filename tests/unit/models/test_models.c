/* Pulls of a small model made here, from a mirror, from a server, and from both at once. */
#include "net/server.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "models/models.h"

#include <limits.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

static char root[] = "/tmp/facet-models-XXXXXX";
static char mirror[64], source[128], sha256[FACET_SHA256_HEX];
static long bytes;
static struct web_server server;

static void manifest_text(struct facet_str *s, const char *url, const char *sum)
{
    facet_str_clear(s);
    facet_str_printf(s,
                     "manifest: 1\n"
                     "models:\n"
                     "  - name: tiny\n    version: 1\n    task: detect\n    kind: mtcnn\n    title: T\n    licence: MIT\n"
                     "    commercial: yes\n    source: S\n    importer: onnx\n"
                     "    files: [{path: t/p.onnx, url: '%s', sha256: %s, bytes: %ld}]\n"
                     "    input: {width: 0, height: 0, mean: 0, scale: 1, order: rgb}\n"
                     "data:\n"
                     "  - name: set\n    title: T\n    licence: MIT\n    source: S\n"
                     "    files: [{path: d/e/p.bin, url: '%s', sha256: %s, bytes: %ld}]\n",
                     url, sum, bytes, url, sum, bytes);
}

static struct facet_manifest *manifest(const char *url, const char *sum)
{
    struct facet_manifest *m;
    struct facet_str s = FACET_STR_INIT;
    manifest_text(&s, url, sum);
    if (facet_manifest_parse(&m, s.data, s.len, "m.yaml"))
        fail_msg("%s", facet_error_text());
    facet_str_fini(&s);
    return m;
}

static int make_model(void)
{
    struct facet_graph *g;
    struct stat st;
    int err = facet_builder_find("pnet")->build(&g, 1);
    if (!err)
        err = facet_onnx_save(g, source);
    facet_graph_free(&g);
    if (!err)
        err = facet_sha256_file(source, sha256);
    if (!err && stat(source, &st) == 0)
        bytes = (long)st.st_size;
    return err;
}

static int start(void **state)
{
    char dir[96];
    if (!mkdtemp(root))
        return -1;
    snprintf(mirror, sizeof(mirror), "%s/mirror", root);
    snprintf(dir, sizeof(dir), "%s/models/t", mirror);
    snprintf(source, sizeof(source), "%s/p.onnx", dir);
    int err = facet_mkdirs(dir);
    snprintf(dir, sizeof(dir), "%s/models", root);
    setenv("FACET_MODELS", dir, 1);
    unsetenv("FACET_MIRROR");
    return err || make_model() ? -1 : web_server_start(&server);
}

static int stop(void **state)
{
    char command[128];
    web_server_stop(&server);
    snprintf(command, sizeof(command), "rm -r %s", root);
    return system(command);
}

static int clean(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    facet_model_remove(facet_manifest_at(m, 0));
    facet_manifest_close(&m);
    return 0;
}

static bool in_folder(const char *name)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/models/%s", root, name);
    return facet_path_exists(path);
}

/* ---- from the mirror ---- */

struct seen { int64_t done, total; };

static void see(void *ctx, const char *what, int64_t done, int64_t total)
{
    assert_string_equal(what, "tiny");
    *(struct seen *)ctx = (struct seen){done, total};
}

static void test_models__pull_from_a_mirror_makes_a_whole_model(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_graph *g;
    struct seen seen = {0};
    bool nothing = true;
    struct facet_pull_opts o = {.mirror = mirror, .progress = see, .ctx = &seen, .did_nothing = &nothing};
    assert_false(facet_model_present(s));
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_false(nothing);
    assert_int_equal(seen.done, bytes);
    assert_int_equal(seen.total, bytes);
    assert_true(facet_model_present(s));
    assert_int_equal(facet_model_check(s), 0);
    assert_false(in_folder(".pull-tiny"));
    assert_int_equal(facet_model_graph(&g, s, ""), 0);
    assert_int_equal(g->n_outputs, 2);
    facet_graph_free(&g);
    facet_manifest_close(&m);
}

static void test_models__second_pull_does_nothing(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    bool nothing = false;
    struct facet_pull_opts o = {.mirror = mirror, .did_nothing = &nothing};
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_true(nothing);
    o.force = true;
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_false(nothing);
    assert_int_equal(facet_model_check(s), 0);
    facet_manifest_close(&m);
}

static void test_models__two_processes_pull_at_once(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_pull_opts o = {.mirror = mirror};
    pid_t child = fork();
    if (child == 0)
        _exit(facet_model_pull(s, &o) ? 1 : 0);
    int status = 1;
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(facet_model_check(s), 0);
    facet_manifest_close(&m);
}

static void test_models__wrong_file_in_the_mirror_is_refused(void **state)
{
    char other[FACET_SHA256_HEX];
    facet_sha256_of("x", 1, other);
    struct facet_manifest *m = manifest("https://facet.invalid/p", other);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_pull_opts o = {.mirror = mirror};
    assert_int_equal(facet_model_pull(s, &o), FACET_E_HASH);
    assert_non_null(strstr(facet_error_text(), "t/p.onnx"));
    assert_non_null(strstr(facet_error_text(), "FACET_MIRROR"));
    assert_false(in_folder("tiny"));
    facet_manifest_close(&m);
}

static void test_models__cancelled_pull_leaves_no_model(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    atomic_int cancel = 1;
    struct facet_pull_opts o = {.mirror = mirror, .cancel = &cancel};
    assert_int_equal(facet_model_pull(s, &o), FACET_E_CANCELLED);
    assert_false(facet_model_present(s));
    assert_false(in_folder("tiny"));
    facet_manifest_close(&m);
}

/* ---- from a server ---- */

static void test_models__without_mirror_the_address_is_asked(void **state)
{
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/missing/p/%ld", server.port, bytes);
    struct facet_manifest *m = manifest(url, sha256);
    struct facet_pull_opts o = {0};
    assert_int_equal(facet_model_pull(facet_manifest_at(m, 0), &o), FACET_E_NET);
    assert_non_null(strstr(facet_error_text(), "404"));
    assert_non_null(strstr(facet_error_text(), "cannot pull 'tiny'"));
    o.mirror = "/nowhere"; /* lacks the file: the address again */
    assert_int_equal(facet_model_pull(facet_manifest_at(m, 0), &o), FACET_E_NET);
    facet_manifest_close(&m);
}

static void test_models__file_that_is_no_model_is_refused_after_its_hash(void **state)
{
    char url[128], sum[FACET_SHA256_HEX];
    long was = bytes;
    unsigned char content[1000];
    bytes = sizeof(content);
    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (unsigned char)(i * 31 % 251);
    facet_sha256_of(content, sizeof(content), sum);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/ok/p/%ld", server.port, bytes);
    struct facet_manifest *m = manifest(url, sum);
    struct facet_pull_opts o = {0};
    assert_int_equal(facet_model_pull(facet_manifest_at(m, 0), &o), FACET_E_FORMAT);
    assert_false(in_folder("tiny"));
    bytes = was;
    facet_manifest_close(&m);
}

/* ---- what is there ---- */

static void damage(const char *name, const char *mode, long at)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/models/tiny/%s", root, name);
    FILE *f = fopen(path, mode);
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    fputc('x', f);
    fclose(f);
}

static void test_models__damage_is_found(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_pull_opts o = {.mirror = mirror};
    char path[PATH_MAX];
    assert_int_equal(facet_model_pull(s, &o), 0);
    damage("model.onnx", "r+", 2000);
    assert_true(facet_model_present(s)); /* its size is right */
    assert_int_equal(facet_model_check(s), FACET_E_HASH);
    assert_non_null(strstr(facet_error_text(), "facet models pull --force tiny"));
    damage("model.onnx", "a", 0);
    assert_false(facet_model_present(s));
    assert_int_equal(facet_model_path(s, "", path, sizeof(path)), FACET_E_HASH);
    assert_int_equal(facet_model_pull(s, &o), 0); /* mends it */
    assert_int_equal(facet_model_check(s), 0);
    damage("model.json", "w", 0);
    assert_false(facet_model_present(s));
    assert_int_equal(facet_model_check(s), FACET_E_NOT_FOUND);
    facet_manifest_close(&m);
}

static void test_models__absent_model_names_the_command(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_graph *g;
    char path[PATH_MAX];
    assert_int_equal(facet_model_path(s, "", path, sizeof(path)), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "facet models pull tiny"));
    assert_int_equal(facet_model_graph(&g, s, ""), FACET_E_NOT_FOUND);
    assert_null(g);
    assert_int_equal(facet_model_check(s), FACET_E_NOT_FOUND);
    assert_int_equal(facet_model_remove(s), FACET_E_NOT_FOUND);
    assert_int_equal(facet_model_path(s, "none", path, sizeof(path)), FACET_E_INVALID);
    facet_manifest_close(&m);
}

static void test_models__removed_model_is_gone(void **state)
{
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    struct facet_pull_opts o = {.mirror = mirror};
    assert_int_equal(facet_model_pull(s, &o), 0);
    assert_int_equal(facet_model_remove(s), 0);
    assert_false(facet_model_present(s));
    assert_false(in_folder("tiny"));
    facet_manifest_close(&m);
}

/* ---- data sets ---- */

static void test_models__data_set_is_put_in_a_folder(void **state)
{
    char dir[96], from[128], path[160];
    struct facet_manifest *m = manifest("https://facet.invalid/p", sha256);
    bool nothing = true;
    struct facet_pull_opts o = {.mirror = mirror, .did_nothing = &nothing};
    snprintf(from, sizeof(from), "%s/data/d/e", mirror);
    assert_int_equal(facet_mkdirs(from), 0);
    snprintf(from, sizeof(from), "%s/data/d/e/p.bin", mirror);
    assert_int_equal(rename(source, from), 0);
    snprintf(dir, sizeof(dir), "%s/out", root);
    snprintf(path, sizeof(path), "%s/d/e/p.bin", dir);
    assert_int_equal(facet_data_pull(facet_manifest_data_find(m, "set"), dir, &o), 0);
    assert_false(nothing);
    assert_true(facet_path_exists(path));
    assert_int_equal(facet_data_pull(facet_manifest_data_find(m, "set"), dir, &o), 0);
    assert_true(nothing);
    assert_int_equal(truncate(path, 10), 0);
    assert_int_equal(facet_data_pull(facet_manifest_data_find(m, "set"), dir, &o), 0);
    assert_false(nothing);
    assert_int_equal(rename(from, source), 0);
    facet_manifest_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_models__pull_from_a_mirror_makes_a_whole_model, clean),
        cmocka_unit_test_setup(test_models__second_pull_does_nothing, clean),
        cmocka_unit_test_setup(test_models__two_processes_pull_at_once, clean),
        cmocka_unit_test_setup(test_models__wrong_file_in_the_mirror_is_refused, clean),
        cmocka_unit_test_setup(test_models__cancelled_pull_leaves_no_model, clean),
        cmocka_unit_test_setup(test_models__without_mirror_the_address_is_asked, clean),
        cmocka_unit_test_setup(test_models__file_that_is_no_model_is_refused_after_its_hash, clean),
        cmocka_unit_test_setup(test_models__damage_is_found, clean),
        cmocka_unit_test_setup(test_models__absent_model_names_the_command, clean),
        cmocka_unit_test_setup(test_models__removed_model_is_gone, clean),
        cmocka_unit_test_setup(test_models__data_set_is_put_in_a_folder, clean),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
