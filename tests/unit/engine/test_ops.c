/* Every operator against ONNX Runtime's numbers: on ref without passes, on ref with them, on cpu. */
#include "test.h"

#include "base/errors.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double number_at(const struct facet_tensor *t, size_t i)
{
    float f;
    int64_t n;
    int32_t k;
    uint16_t h;
    if (t->dtype == FACET_BOOL || t->dtype == FACET_U8)
        return ((const uint8_t *)t->data)[i];
    if (t->dtype == FACET_I8)
        return ((const int8_t *)t->data)[i];
    if (t->dtype == FACET_F16 || t->dtype == FACET_BF16) { /* compared as they lie */
        memcpy(&h, (const char *)t->data + i * 2, 2);
        return h;
    }
    if (t->dtype == FACET_I32) {
        memcpy(&k, (const char *)t->data + i * 4, 4);
        return k;
    }
    if (t->dtype == FACET_I64) {
        memcpy(&n, (const char *)t->data + i * 8, 8);
        return (double)n;
    }
    memcpy(&f, (const char *)t->data + i * 4, 4);
    return f;
}

/* Prints what differs; true when nothing does. */
static bool agrees(const struct op_case *c, const char *how, const struct facet_tensor *got, const struct facet_tensor *want)
{
    char a[96], b[96];
    facet_shape_text(&got->shape, a, sizeof(a));
    facet_shape_text(&want->shape, b, sizeof(b));
    if (strcmp(a, b) != 0 || got->dtype != want->dtype) {
        print_error("%s on %s: %s %s instead of %s %s\n", c->name, how, facet_dtype_name(got->dtype), a,
                    facet_dtype_name(want->dtype), b);
        return false;
    }
    size_t count = (size_t)facet_shape_count(&want->shape);
    for (size_t i = 0; i < count; i++) {
        double g = number_at(got, i), w = number_at(want, i);
        if (fabs(g - w) <= (double)c->tolerance * (1 + fabs(w)))
            continue;
        print_error("%s on %s: number %zu of %s is %g instead of %g\n", c->name, how, i, b, g, w);
        return false;
    }
    return true;
}

static int run_case(const struct op_case *c, const struct facet_plan_opts *o, const char *how, bool *same)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_shape shapes[FIXTURE_MAX_TENSORS];
    int err = facet_onnx_parse(&g, c->model, c->model_len, c->name);
    if (!err)
        err = facet_plan_open(&p, &g, o);
    if (!err)
        err = facet_exec_open(&e, p, NULL);
    for (uint32_t i = 0; i < c->n_in; i++)
        shapes[i] = c->in[i].shape;
    if (!err)
        err = facet_exec_bind(e, shapes, (int)c->n_in);
    for (uint32_t i = 0; !err && i < c->n_in; i++)
        memcpy(facet_exec_input(e, (int)i)->data, c->in[i].data, (size_t)facet_shape_count(&shapes[i]) * facet_dtype_size(c->in[i].dtype));
    if (!err)
        err = facet_exec_run(e);
    for (uint32_t i = 0; !err && i < c->n_out; i++)
        *same &= agrees(c, how, facet_exec_output(e, (int)i), &c->out[i]);
    facet_exec_close(&e);
    facet_plan_close(&p);
    facet_graph_free(&g);
    return err;
}

static void check_all(const struct facet_plan_opts *o, const char *how)
{
    struct op_fixture f;
    struct op_case c;
    unsigned wrong = 0, cases = 0;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c)) {
        bool same = true;
        if (strncmp(c.name, "no_", 3) == 0)
            continue;
        int err = run_case(&c, o, how, &same);
        if (err)
            print_error("%s on %s: %s\n", c.name, how, facet_error_text());
        wrong += err || !same;
        cases++;
    }
    op_fixture_close(&f);
    assert_true(cases > 150);
    assert_int_equal(wrong, 0);
}

static void test_ops__ref_means_what_onnx_runtime_means(void **state)
{
    check_all(&(struct facet_plan_opts){.backend = "ref", .passes_off = FACET_PASS_ALL}, "ref without passes");
}

static void test_ops__passes_change_no_operator(void **state)
{
    check_all(&(struct facet_plan_opts){.backend = "ref"}, "ref with passes");
}

static void test_ops__cpu_agrees(void **state)
{
    check_all(&(struct facet_plan_opts){.backend = "cpu"}, "cpu");
}

static void test_ops__cpu_agrees_without_layouts(void **state)
{
    check_all(&(struct facet_plan_opts){.backend = "cpu", .passes_off = FACET_PASS_LAYOUT}, "cpu without layouts");
}

static void test_ops__what_makes_no_sense_is_refused_by_name(void **state)
{
    struct op_fixture f;
    struct op_case c;
    unsigned cases = 0, wrong = 0;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c)) {
        bool same = true, about_opset = strncmp(c.name, "no_opset", 8) == 0;
        if (strncmp(c.name, "no_", 3) != 0)
            continue;
        int err = run_case(&c, &(struct facet_plan_opts){.backend = "ref"}, "ref", &same);
        bool named = strstr(facet_error_text(), c.name) && (about_opset || strstr(facet_error_text(), "node 'only'"));
        if (!err || err == FACET_E_NOMEM || err == FACET_E_INTERNAL || !named) {
            print_error("%s: %d, %s\n", c.name, err, err ? facet_error_text() : "was taken");
            wrong++;
        }
        cases++;
    }
    op_fixture_close(&f);
    assert_true(cases > 20);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops__ref_means_what_onnx_runtime_means),
        cmocka_unit_test(test_ops__passes_change_no_operator),
        cmocka_unit_test(test_ops__cpu_agrees),
        cmocka_unit_test(test_ops__cpu_agrees_without_layouts),
        cmocka_unit_test(test_ops__what_makes_no_sense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
