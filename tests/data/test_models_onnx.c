/* Every ONNX file of the mirror against ONNX Runtime's numbers (tests/fixtures/models/models.txt),
 * on ref and on cpu, the one with operators on 8-bit integers, too. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void mirror_path(char out[1024], const char *path)
{
    const char *mirror = getenv("FACET_MIRROR"), *root = getenv("FACET_TEST_SOURCE");
    if (mirror && *mirror)
        snprintf(out, 1024, "%s/models/%s", mirror, path);
    else
        snprintf(out, 1024, "%s/../shared/models/%s", root ? root : ".", path);
    if (!facet_path_exists(out))
        fail_msg("'%s' is not there: set FACET_MIRROR to the folder that holds models/", out);
}

struct reader {
    FILE *f;
    char word[256];
};

static const char *next_word(struct reader *r)
{
    return fscanf(r->f, "%255s", r->word) == 1 ? r->word : "";
}

static double next_number(struct reader *r)
{
    char *end;
    double v = strtod(next_word(r), &end);
    if (end == r->word || *end)
        fail_msg("models.txt: '%s' is no number", r->word);
    return v;
}

static void fill_picture(struct facet_tensor *t, double lo, double hi)
{
    int64_t count = facet_shape_count(&t->shape);
    for (int64_t i = 0; i < count; i++) {
        uint32_t u = (uint32_t)((uint64_t)i * 2654435761u);
        ((float *)t->data)[i] = (float)(lo + (hi - lo) * (u / 4294967296.0));
    }
}

/* Within 1e-4 of the output's scale (root mean square) and of the number itself, or 1e-6: ONNX Runtime's
 * sigmoid is no better where it is nearly zero. */
static unsigned compare_output(struct reader *r, const struct facet_exec *e, const char *model)
{
    char name[256];
    snprintf(name, sizeof(name), "%s", next_word(r));
    const struct facet_tensor *t = facet_exec_output_named(e, name);
    int64_t count = (int64_t)next_number(r);
    double norm = next_number(r), own = 0, scale = norm / sqrt((double)count);
    if (!t || facet_shape_count(&t->shape) != count)
        fail_msg("%s: output '%s' is missing or of another size", model, name);
    const float *v = t->data;
    unsigned wrong = 0;
    for (int64_t i = 0; i < count; i++)
        own += (double)v[i] * v[i];
    wrong += fabs(sqrt(own) - norm) > 1e-4 * norm + 1e-6 * sqrt((double)count);
    for (int64_t k = 0; k < 32; k++) {
        double want = next_number(r);
        wrong += fabs(v[k * count / 32] - want) > 1e-4 * (scale + fabs(want)) + 1e-6;
    }
    if (wrong)
        print_error("%s: output '%s': %u of 33 numbers differ\n", model, name, wrong);
    return wrong;
}

static void check_models(const char *backend)
{
    char path[1024], model[256];
    const char *root = getenv("FACET_TEST_SOURCE");
    struct reader r = {0};
    unsigned wrong = 0, models = 0;
    struct facet_exec *e = NULL;
    struct facet_plan *p = NULL;
    snprintf(path, sizeof(path), "%s/tests/fixtures/models/models.txt", root ? root : ".");
    r.f = fopen(path, "r");
    assert_non_null(r.f);
    for (const char *w = next_word(&r); *w; w = next_word(&r)) {
        if (strcmp(w, "output") == 0) {
            wrong += compare_output(&r, e, model);
            continue;
        }
        facet_exec_close(&e);
        facet_plan_close(&p);
        snprintf(model, sizeof(model), "%s", next_word(&r));
        struct facet_shape s = {.rank = 4};
        for (int i = 0; i < 4; i++)
            s.dim[i] = (int64_t)next_number(&r);
        double lo = next_number(&r), hi = next_number(&r);
        mirror_path(path, model);
        int err = facet_plan_load(&p, path, &(struct facet_plan_opts){.backend = backend});
        if (!err)
            err = facet_exec_open(&e, p, NULL);
        if (!err)
            err = facet_exec_bind(e, &s, 1);
        if (err)
            fail_msg("%s", facet_error_text());
        fill_picture(facet_exec_input(e, 0), lo, hi);
        assert_int_equal(facet_exec_run(e), FACET_OK);
        models++;
    }
    facet_exec_close(&e);
    facet_plan_close(&p);
    fclose(r.f);
    assert_true(models >= 11);
    assert_int_equal(wrong, 0);
}

static void test_models__ref_agrees_with_onnx_runtime(void **state)
{
    check_models("ref");
}

static void test_models__cpu_agrees_with_onnx_runtime(void **state)
{
    check_models("cpu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models__ref_agrees_with_onnx_runtime),
        cmocka_unit_test(test_models__cpu_agrees_with_onnx_runtime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
