/* The real networks: pulled from the mirror, imported, and held against other engines' numbers
 * (fixtures/networks.txt; make_network_fixtures.py says how they were made). */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/plan.h"
#include "models/models.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLERANCE 1e-5f

static struct facet_manifest *manifest;

static const char *mirror(void)
{
    static char path[PATH_MAX];
    const char *env = getenv("FACET_MIRROR");
    if (env && *env)
        return env;
    snprintf(path, sizeof(path), "%s/../shared", getenv("FACET_TEST_SOURCE"));
    return facet_path_is_dir(path) ? path : NULL;
}

static int start(void **state)
{
    return facet_manifest_open(&manifest, NULL);
}

static int stop(void **state)
{
    facet_manifest_close(&manifest);
    return 0;
}

static const struct facet_model_spec *pulled(const char *name)
{
    const struct facet_model_spec *s = facet_manifest_find(manifest, name);
    struct facet_pull_opts o = {.mirror = mirror()};
    if (!s || facet_model_pull(s, &o))
        fail_msg("%s (set FACET_MIRROR, or let the test reach the network)", facet_error_text());
    return s;
}

static void test_models_data__every_model_is_pulled_and_whole(void **state)
{
    for (size_t i = 0; i < facet_manifest_count(manifest); i++) {
        const struct facet_model_spec *s = pulled(facet_manifest_at(manifest, i)->name);
        if (facet_model_check(s))
            fail_msg("%s: %s", s->name, facet_error_text());
        for (size_t k = 0; k < s->n_parts; k++) {
            struct facet_graph *g;
            if (facet_model_graph(&g, s, s->parts[k].name) || facet_graph_infer(g))
                fail_msg("%s: %s", s->name, facet_error_text());
            facet_graph_free(&g);
        }
    }
}

static void test_models_data__embedders_have_what_the_manifest_says(void **state)
{
    for (size_t i = 0; i < facet_manifest_count(manifest); i++) {
        const struct facet_model_spec *s = facet_manifest_at(manifest, i);
        struct facet_graph *g;
        if (strcmp(s->task, "embed"))
            continue;
        assert_int_equal(facet_model_graph(&g, pulled(s->name), ""), 0);
        assert_int_equal(facet_graph_infer(g), 0);
        const struct facet_shape *in = &g->values[g->inputs[0]].shape;
        int out = facet_graph_find(g, s->output);
        assert_true(out >= 0);
        assert_int_equal(in->dim[3], s->width);
        assert_int_equal(in->dim[2], s->height);
        assert_int_equal(g->values[out].shape.dim[1], s->dim);
        facet_graph_free(&g);
    }
}

static void test_models_data__sizes_are_free_where_they_must_be(void **state)
{
    const struct facet_model_spec *s = pulled("mtcnn");
    static const char *const want[] = {"?x3x?x?", "?x3x24x24", "?x3x48x48"};
    for (int i = 0; i < 3; i++) {
        struct facet_graph *g;
        char text[64];
        assert_int_equal(facet_model_graph(&g, s, s->parts[i].name), 0);
        facet_shape_text(&g->values[g->inputs[0]].shape, text, sizeof(text));
        assert_string_equal(text, want[i]);
        facet_graph_free(&g);
    }
}

/* ---- numbers ---- */

struct network { const char *name, *model, *part; struct facet_shape in; };
static const struct network networks[] = {
    {"pnet", "mtcnn", "pnet", {4, {1, 3, 26, 34}}},
    {"rnet", "mtcnn", "rnet", {4, {2, 3, 24, 24}}},
    {"onet", "mtcnn", "onet", {4, {2, 3, 48, 48}}},
    {"facenet", "facenet-20180402", "", {4, {1, 3, 160, 160}}},
};

static void run(struct facet_exec *e, const struct facet_shape *in)
{
    assert_int_equal(facet_exec_bind(e, in, 1), 0);
    float *x = facet_exec_input(e, 0)->data;
    for (int64_t i = 0; i < facet_shape_count(in); i++)
        x[i] = (float)((double)(i * 7919 % 1000) / 500 - 1);
    assert_int_equal(facet_exec_run(e), 0);
}

/* One line of the fixtures: output's name, how many numbers it has, and every step-th of them. */
static void compare(const struct facet_exec *e, const char *network, char *line)
{
    char output[32];
    long count, step;
    int used = 0;
    assert_int_equal(sscanf(line, "%31s %ld %ld%n", output, &count, &step, &used), 3);
    const struct facet_tensor *t = facet_exec_output_named(e, output);
    assert_non_null(t);
    assert_int_equal(facet_shape_count(&t->shape), count);
    char *at = line + used;
    for (long i = 0; i < count; i += step) {
        float want = strtof(at, &at), got = ((const float *)t->data)[i];
        if (!(fabsf(want - got) <= TOLERANCE * fmaxf(1, fabsf(want))))
            fail_msg("%s %s[%ld]: %.7g, and %.7g elsewhere", network, output, i, (double)got, (double)want);
    }
}

static void compare_network(const struct network *n, const char *backend)
{
    char path[PATH_MAX], line[8192], name[32];
    struct facet_plan_opts o = {.backend = backend};
    struct facet_plan *p;
    struct facet_exec *e;
    int used, lines = 0;
    assert_int_equal(facet_model_path(pulled(n->model), n->part, path, sizeof(path)), 0);
    assert_int_equal(facet_plan_load(&p, path, &o), 0);
    assert_int_equal(facet_exec_open(&e, p, NULL), 0);
    run(e, &n->in);
    snprintf(path, sizeof(path), "%s/tests/data/fixtures/networks.txt", getenv("FACET_TEST_SOURCE"));
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "%31s%n", name, &used) == 1 && !strcmp(name, n->name)) {
            compare(e, n->name, line + used);
            lines++;
        }
    fclose(f);
    assert_true(lines > 0);
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_models_data__networks_agree_with_other_engines(void **state)
{
    for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
        compare_network(&networks[i], "cpu");
}

static void test_models_data__plain_back_end_agrees_too(void **state)
{
    for (size_t i = 0; i < 3; i++) /* FaceNet takes seconds there */
        compare_network(&networks[i], "ref");
}

static void test_models_data__data_set_is_whole(void **state)
{
    char dir[] = "/tmp/facet-data-XXXXXX", command[64];
    bool nothing;
    struct facet_pull_opts o = {.mirror = mirror(), .did_nothing = &nothing};
    assert_non_null(mkdtemp(dir));
    const struct facet_data_spec *s = facet_manifest_data_find(manifest, "hamilton");
    int err = facet_data_pull(s, dir, &o), again = facet_data_pull(s, dir, &o);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(err, 0);
    assert_int_equal(again, 0);
    assert_true(nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_data__every_model_is_pulled_and_whole),
        cmocka_unit_test(test_models_data__embedders_have_what_the_manifest_says),
        cmocka_unit_test(test_models_data__sizes_are_free_where_they_must_be),
        cmocka_unit_test(test_models_data__networks_agree_with_other_engines),
        cmocka_unit_test(test_models_data__plain_back_end_agrees_too),
        cmocka_unit_test(test_models_data__data_set_is_whole),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
