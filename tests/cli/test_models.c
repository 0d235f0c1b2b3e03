/* facet models, facet data: what needs no weights. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A models folder of its own, empty. */
static int setup(void **state)
{
    int err = cli_setup(state);
    if (!err)
        setenv("FACET_MODELS", cli_path(*state, "models"), 1);
    return err;
}

static void test_models__list_names_every_licence(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "list");
    assert_code(c, 0);
    assert_says(c->out, "mtcnn                        detect  -        2.0 MB  MIT  (default)");
    assert_says(c->out, "facenet-20180402");
    assert_says(c->out, "none stated");
    assert_says(c->out, "research only");
}

static void test_models__list_of_one_task_as_json(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "list", "--task", "embed", "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"name\": \"facenet-20180402\"");
    assert_says(c->out, "GPL-3.0");
    assert_says(c->out, "\"present\": false");
    assert_null(strstr(c->out, "mtcnn"));
}

static void test_models__check_of_absent_ones_says_no(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "check");
    assert_code(c, 1);
    assert_says(c->err, "run: facet models pull mtcnn");
    assert_says(c->err, "run: facet models pull facenet-20180402"); /* goes on after the first */
    CLI(c, "models", "check", "--json", "mtcnn");
    assert_code(c, 1);
    assert_says(c->out, "\"whole\": false");
}

static void test_models__unknown_names_are_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "pull", "yunet");
    assert_code(c, 3);
    assert_says(c->err, "there is no model 'yunet'; near: yunet-n-320");
    CLI(c, "models", "rm", "nobody");
    assert_code(c, 3);
    CLI(c, "models", "rm", "mtcnn");
    assert_code(c, 3);
    assert_says(c->err, "it is not there");
    CLI(c, "models", "info", "mtcnn");
    assert_code(c, 3);
    assert_says(c->err, "run: facet models pull mtcnn");
    CLI(c, "models", "info", "mtcnn/qnet");
    assert_code(c, 3);
    assert_says(c->err, "has no part 'qnet'; it has pnet, rnet, onet");
    assert_string_equal(c->out, "");
}

static void test_models__words_are_counted(void **state)
{
    struct cli *c = *state;
    CLI(c, "models");
    assert_code(c, 2);
    CLI(c, "models", "fetch");
    assert_code(c, 2);
    CLI(c, "models", "rm");
    assert_code(c, 2);
    CLI(c, "models", "import", "out.onnx");
    assert_code(c, 2);
    CLI(c, "data", "pull", "hamilton");
    assert_code(c, 2);
}

static void test_models__import_refuses_what_it_cannot_read(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "import", "--from", "tensorflow", "out.onnx", "in.pb");
    assert_code(c, 2);
    assert_says(c->err, "there is no format 'tensorflow'");
    assert_says(c->err, "caffe-swapped");
    cli_write(c, "net.prototxt", "layer {", 7);
    cli_write(c, "net.caffemodel", "", 0);
    CLI(c, "models", "import", cli_path(c, "out.onnx"), cli_path(c, "net.prototxt"), cli_path(c, "net.caffemodel"));
    assert_code(c, 3);
    assert_says(c->err, "net.prototxt': what opens in line 1 is never closed");
    cli_write(c, "bad.onnx", "no network", 10);
    CLI(c, "models", "info", cli_path(c, "bad.onnx"));
    assert_code(c, 3);
    assert_says(c->err, "bad.onnx");
}

/* A small network made by tests/fixtures/make_ops.py. */
static const char *corpus(const char *name)
{
    static char path[1024];
    const char *root = getenv("FACET_TEST_SOURCE");
    snprintf(path, sizeof(path), "%s/fuzz/corpus/onnx/%s", root ? root : ".", name);
    return path;
}

static void test_models__info_tells_how_values_are_kept(void **state)
{
    struct cli *c = *state;
    CLI(c, "models", "info", corpus("qdq_residual"));
    assert_code(c, 0);
    assert_says(c->out, "KEPT AS");
    assert_says(c->out, "uint8");
    assert_says(c->out, "layers write 8 bits, 0 write 16");
    CLI(c, "models", "info", corpus("qdq_residual"), "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"kept\": \"uint8\"");
    assert_says(c->out, "\"zero\": 120");
    CLI(c, "models", "info", corpus("conv_bf16"));
    assert_code(c, 0);
    assert_says(c->out, "the file says bf16");
    CLI(c, "models", "info", corpus("no_quantize_scale_nan"));
    assert_code(c, 3);
    assert_says(c->err, "not above 0");
}

static const char unreachable[] =
    "manifest: 1\nmodels:\n  - name: m\n    version: 1\n    task: other\n    kind: k\n    title: T\n"
    "    licence: MIT\n    commercial: yes\n    source: S\n    importer: onnx\n"
    "    files: [{path: m.onnx, url: 'https://facet.invalid/m.onnx', bytes: 1, sha256: "
    "0000000000000000000000000000000000000000000000000000000000000000}]\n"
    "    input: {width: 1, height: 1, mean: 0, scale: 1, order: rgb}\n";

static void test_models__pull_without_the_files_or_a_network_says_what_to_do(void **state)
{
    struct cli *c = *state;
    setenv("https_proxy", "http://127.0.0.1:1", 1); /* nothing answers there */
    cli_write(c, "m.yaml", unreachable, strlen(unreachable));
    char *was = getenv("FACET_MANIFEST") ? strdup(getenv("FACET_MANIFEST")) : NULL;
    setenv("FACET_MANIFEST", cli_path(c, "m.yaml"), 1);
    CLI(c, "models", "pull", "--mirror", "/nowhere", "m");
    assert_code(c, 3);
    assert_says(c->err, "cannot reach facet.invalid");
    assert_says(c->err, "FACET_MIRROR");
    if (was)
        setenv("FACET_MANIFEST", was, 1);
    free(was);
    unsetenv("https_proxy");
}

static void test_data__list_and_unknown_set(void **state)
{
    struct cli *c = *state;
    CLI(c, "data", "list");
    assert_code(c, 0);
    assert_says(c->out, "hamilton");
    CLI(c, "data", "pull", "lfw", "x");
    assert_code(c, 3);
    assert_says(c->err, "there is no data set 'lfw'; known are: hamilton");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_models__list_names_every_licence),
        TEST(test_models__list_of_one_task_as_json),
        TEST(test_models__check_of_absent_ones_says_no),
        TEST(test_models__unknown_names_are_refused),
        TEST(test_models__words_are_counted),
        TEST(test_models__import_refuses_what_it_cannot_read),
        TEST(test_models__info_tells_how_values_are_kept),
        TEST(test_models__pull_without_the_files_or_a_network_says_what_to_do),
        TEST(test_data__list_and_unknown_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
