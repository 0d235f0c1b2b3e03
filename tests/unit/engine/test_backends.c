#include "test.h"

#include "base/cpu.h"
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backend.h"
#include "engine/format/build.h"
#include "engine/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 16384

/* ---- by name ---- */

static void test_backend__unknown_name_is_refused_with_those_known(void **state)
{
    const struct facet_backend_ops *b = &facet_backend_cpu;
    assert_int_equal(facet_backend_find(&b, "abacus"), FACET_E_NOT_FOUND);
    assert_null(b);
    for (int i = 0; facet_backend_names[i]; i++) {
        assert_non_null(strstr(facet_error_text(), facet_backend_names[i]));
        assert_non_null(strstr(FACET_BACKEND_WORDS, facet_backend_names[i]));
    }
}

static void test_backend__absent_module_is_refused_with_its_name(void **state)
{
    const struct facet_backend_ops *b = NULL;
    setenv("FACET_MODULES", "/nonexistent", 1);
    assert_int_equal(facet_backend_find(&b, "onednn"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "back end 'onednn' is not here"));
    assert_int_equal(facet_backend_find(&b, "xnnpack"), FACET_E_UNSUPPORTED);
    assert_int_equal(facet_backend_find(&b, "opencv"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "back end 'opencv' is not here"));
    unsetenv("FACET_MODULES");
    assert_null(b);
}

static void test_backend__plan_for_an_absent_one_is_refused(void **state)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    setenv("FACET_MODULES", "/nonexistent", 1);
    assert_int_equal(facet_builder_find("rnet")->build(&g, 1), FACET_OK);
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = "onednn" }), FACET_E_UNSUPPORTED);
    assert_null(p);
    assert_null(g);
    unsetenv("FACET_MODULES");
}

/* ---- groups ---- */

static bool no_relu(const struct facet_graph *g, int node)
{
    return facet_node_is_subgraph(&g->nodes[node]) || strcmp(g->nodes[node].op, "Relu") != 0;
}

static const struct facet_backend_ops picky = { .name = "picky", .supports = no_relu };

static int add(struct facet_graph *g, const char *op, const char *out, int a, int b)
{
    int in[2] = { a, b };
    return facet_graph_node(g, op, out, in, b < 0 ? 1 : 2, NULL);
}

/* x -> Abs -> Relu -> Add(Abs, Relu) -> y: the sum may not join the first group, for Relu lies between. */
static struct facet_graph *ring(void)
{
    const struct facet_shape s = { 2, { 1, 3 } };
    struct facet_graph *g = NULL;
    assert_int_equal(facet_graph_new(&g, "ring", 13), FACET_OK);
    int x = facet_graph_input(g, "x", FACET_F32, &s);
    int a = add(g, "Abs", "a", x, -1), r = add(g, "Relu", "r", a, -1);
    facet_graph_output(g, add(g, "Add", "y", a, r));
    assert_int_equal(facet_graph_infer(g), FACET_OK);
    return g;
}

static void test_subgraphs__never_close_a_ring(void **state)
{
    struct facet_graph *g = ring();
    assert_int_equal(facet_pass_subgraphs(g, &picky), FACET_OK);
    facet_graph_sweep(g);
    assert_int_equal(facet_graph_sort(g), FACET_OK);
    assert_int_equal(facet_graph_check(g), FACET_OK);
    assert_int_equal(facet_graph_infer(g), FACET_OK);
    assert_int_equal(g->n_nodes, 3);
    assert_string_equal(g->nodes[0].op, "Subgraph");
    assert_string_equal(g->nodes[1].op, "Relu");
    assert_string_equal(g->nodes[2].op, "Subgraph");
    assert_int_equal(g->nodes[2].body->n_inputs, 2);
    assert_int_equal(g->nodes[0].body->n_outputs, 1);
    facet_graph_free(&g);
}

static bool nothing(const struct facet_graph *g, int node)
{
    return false;
}

static void test_subgraphs__of_nothing_change_nothing(void **state)
{
    struct facet_graph *g = ring();
    const struct facet_backend_ops none = { .name = "none", .supports = nothing };
    assert_int_equal(facet_pass_subgraphs(g, &none), FACET_OK);
    assert_int_equal(g->n_nodes, 3);
    for (int i = 0; i < g->n_nodes; i++)
        assert_false(facet_node_is_subgraph(&g->nodes[i]));
    facet_graph_free(&g);
}

static void test_subgraph__without_a_body_is_refused(void **state)
{
    const struct facet_shape s = { 2, { 1, 3 } };
    struct facet_graph *g = NULL;
    assert_int_equal(facet_graph_new(&g, "hollow", 13), FACET_OK);
    int x = facet_graph_input(g, "x", FACET_F32, &s), y = facet_graph_value(g, "y");
    assert_true(facet_graph_add_node(g, "Subgraph", "facet", NULL, &x, 1, &y, 1) >= 0);
    facet_graph_output(g, y);
    assert_int_equal(facet_graph_infer(g), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "body"));
    facet_graph_free(&g);
}

/* ---- agreement with ours ---- */

struct outcome { float numbers[MOST]; size_t n; };

static void fill(struct facet_tensor *t)
{
    for (int64_t i = 0; i < facet_shape_count(&t->shape); i++)
        ((float *)t->data)[i] = (float)((i * 37) % 101) / 50 - 1;
}

static void run_net_as(struct outcome *out, const char *net, const char *backend, enum facet_precision precision,
                       const struct facet_shape *shapes, int n_shapes)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_pool *pool = NULL;
    assert_int_equal(facet_builder_find(net)->build(&g, 5), FACET_OK);
    if (facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = backend, .precision = precision }))
        fail_msg("%s on %s: %s", net, backend, facet_error_text());
    assert_int_equal(facet_pool_open(&pool, 2), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, pool), FACET_OK);
    out->n = 0;
    for (int k = 0; k < n_shapes; k++) {
        if (facet_exec_bind(e, &shapes[k], 1))
            fail_msg("%s on %s: %s", net, backend, facet_error_text());
        fill(facet_exec_input(e, 0));
        if (facet_exec_run(e) || facet_exec_run(e))
            fail_msg("%s on %s: %s", net, backend, facet_error_text());
        for (int i = 0; i < facet_plan_graph(p)->n_outputs; i++) {
            const struct facet_tensor *t = facet_exec_output(e, i);
            size_t n = (size_t)facet_shape_count(&t->shape);
            assert_true(out->n + n <= MOST);
            memcpy(out->numbers + out->n, t->data, n * sizeof(float));
            out->n += n;
        }
    }
    facet_exec_close(&e);
    facet_pool_close(&pool);
    facet_plan_close(&p);
}

static void run_net(struct outcome *out, const char *net, const char *backend, const struct facet_shape *shapes, int n_shapes)
{
    run_net_as(out, net, backend, FACET_PRECISION_F32, shapes, n_shapes);
}

static double cosine(const struct outcome *a, const struct outcome *b)
{
    double ab = 0, aa = 1e-30, bb = 1e-30;
    for (size_t i = 0; i < a->n; i++) {
        ab += (double)a->numbers[i] * (double)b->numbers[i];
        aa += (double)a->numbers[i] * (double)a->numbers[i];
        bb += (double)b->numbers[i] * (double)b->numbers[i];
    }
    return ab / sqrt(aa * bb);
}

static void assert_agree(const char *net, const char *backend, const struct facet_shape *shapes, int n_shapes)
{
    static struct outcome ours, theirs;
    run_net(&ours, net, "cpu", shapes, n_shapes);
    run_net(&theirs, net, backend, shapes, n_shapes);
    assert_int_equal(ours.n, theirs.n);
    double most = 1e-30, apart = 0;
    for (size_t i = 0; i < ours.n; i++) {
        most = fmax(most, fabs((double)ours.numbers[i]));
        apart = fmax(apart, fabs((double)ours.numbers[i] - (double)theirs.numbers[i]));
    }
    if (!(apart <= 1e-4 * most))
        fail_msg("%s on %s is off by %g of %g", net, backend, apart, most);
}

/* LeakSanitizer's tracer falls over oneDNN's threads at exit, so other engines are left out under sanitizers. */
static void find_rival(const struct facet_backend_ops **b, const char *name)
{
    if (test_is_sanitized()) {
        print_message("'%s' is not run under sanitizers\n", name);
        skip();
    }
    if (facet_backend_find(b, name)) {
        print_message("%s\n", facet_error_text());
        skip();
    }
}

/* The larger networks are compared by `facet bench engine`. Shapes change and come back, so that what a session keeps is used again. */
static void check_rival(const char *backend)
{
    const struct facet_backend_ops *b = NULL;
    const struct facet_shape pictures[] = { { 4, { 1, 3, 37, 53 } }, { 4, { 1, 3, 24, 31 } }, { 4, { 1, 3, 37, 53 } } };
    const struct facet_shape r[] = { { 4, { 3, 3, 24, 24 } }, { 4, { 1, 3, 24, 24 } } }, o[] = { { 4, { 2, 3, 48, 48 } } };
    const struct facet_shape m[] = { { 4, { 1, 3, 112, 112 } } };
    find_rival(&b, backend);
    assert_agree("pnet", backend, pictures, 3);
    assert_agree("rnet", backend, r, 2);
    assert_agree("onet", backend, o, 1);
    assert_agree("mobilefacenet", backend, m, 1);
}

static void test_onnxruntime__agrees_where_it_is(void **state)
{
    check_rival("onnxruntime");
}

static void test_openvino__agrees_where_it_is(void **state)
{
    check_rival("openvino");
}

/* More shapes than any engine keeps something for. */
static void check_ever_new_shapes(const char *backend)
{
    const struct facet_backend_ops *b = NULL;
    struct facet_shape s[7];
    find_rival(&b, backend);
    for (int i = 0; i < 7; i++)
        s[i] = (struct facet_shape){ 4, { 1 + i % 3, 3, 20 + i, 31 - i } };
    assert_agree("pnet", backend, s, 7);
}

static void test_openvino__agrees_on_ever_new_shapes(void **state)
{
    check_ever_new_shapes("openvino");
}

/* Close to the numbers in float32, but not they: then there were 16 bits. */
static void check_16_bits(const char *backend)
{
    static struct outcome ours, theirs;
    const struct facet_shape s = { 4, { 2, 3, 48, 48 } };
    const struct facet_backend_ops *b = NULL;
    find_rival(&b, backend);
    if (!(facet_cpu_flags(NULL) & FACET_CPU_AVX512_BF16)) {
        print_message("this processor has no bf16\n");
        skip();
    }
    run_net(&ours, "onet", "cpu", &s, 1);
    run_net_as(&theirs, "onet", backend, FACET_PRECISION_BF16, &s, 1);
    assert_true(cosine(&ours, &theirs) > 0.999);
    assert_true(cosine(&ours, &theirs) < 1 - 1e-9);
}

static void test_openvino__agrees_in_16_bits_where_it_has_them(void **state)
{
    check_16_bits("openvino");
}

static void test_tensorflow__agrees_where_it_is(void **state)
{
    const struct facet_shape m = { 4, { 1, 3, 224, 224 } };
    check_rival("tensorflow");
    check_ever_new_shapes("tensorflow");
    assert_agree("mobilenetv2", "tensorflow", &m, 1);
}

static void test_tensorflow__agrees_in_16_bits_where_it_has_them(void **state)
{
    check_16_bits("tensorflow");
}

static void test_onednn__agrees_where_it_is(void **state)
{
    check_rival("onednn");
}

static void test_onednn__agrees_in_16_bits_where_it_is(void **state)
{
    static struct outcome ours, theirs;
    static const char *const nets[] = { "onet", "mobilefacenet" };
    const struct facet_backend_ops *b = NULL;
    const struct facet_shape shapes[] = { { 4, { 2, 3, 48, 48 } }, { 4, { 1, 3, 112, 112 } } };
    find_rival(&b, "onednn");
    for (int i = 0; i < 2; i++) {
        run_net(&ours, nets[i], "cpu", &shapes[i], 1);
        run_net_as(&theirs, nets[i], "onednn", FACET_PRECISION_BF16, &shapes[i], 1);
        assert_true(cosine(&ours, &theirs) > 0.999);
    }
}

static void test_xnnpack__agrees_where_it_is(void **state)
{
    check_rival("xnnpack");
}

/* Bounds that are inputs, too. */
static void test_opencv__agrees_where_it_is(void **state)
{
    const struct facet_shape m = { 4, { 1, 3, 224, 224 } };
    check_rival("opencv");
    check_ever_new_shapes("opencv");
    assert_agree("mobilenetv2", "opencv", &m, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backend__unknown_name_is_refused_with_those_known),
        cmocka_unit_test(test_backend__absent_module_is_refused_with_its_name),
        cmocka_unit_test(test_backend__plan_for_an_absent_one_is_refused),
        cmocka_unit_test(test_subgraphs__never_close_a_ring),
        cmocka_unit_test(test_subgraphs__of_nothing_change_nothing),
        cmocka_unit_test(test_subgraph__without_a_body_is_refused),
        cmocka_unit_test(test_onnxruntime__agrees_where_it_is),
        cmocka_unit_test(test_openvino__agrees_where_it_is),
        cmocka_unit_test(test_openvino__agrees_on_ever_new_shapes),
        cmocka_unit_test(test_openvino__agrees_in_16_bits_where_it_has_them),
        cmocka_unit_test(test_tensorflow__agrees_where_it_is),
        cmocka_unit_test(test_tensorflow__agrees_in_16_bits_where_it_has_them),
        cmocka_unit_test(test_onednn__agrees_where_it_is),
        cmocka_unit_test(test_onednn__agrees_in_16_bits_where_it_is),
        cmocka_unit_test(test_xnnpack__agrees_where_it_is),
        cmocka_unit_test(test_opencv__agrees_where_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
