/* Every operator that the cpu back end takes, against ref. Tolerance: 1e-4 of the largest number. */
#include "kernels/nets.h"

#include "base/pool.h"
#include "engine/format/build.h"
#include "engine/plan.h"

#include <facet/error.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* strict: nothing may be left to ref. */
static void agree(struct facet_graph *(*build)(const struct facet_shape *), struct facet_shape in, unsigned passes_off, bool strict, unsigned threads)
{
    size_t n_want, n_got;
    struct facet_plan_opts ref = { .backend = "ref" }, cpu = { .backend = "cpu", .passes_off = passes_off, .strict = strict };
    struct facet_pool *pool = NULL;
    if (threads > 1)
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
    float *want = run_net(build(&in), &ref, &in, NULL, &n_want), *got = run_net(build(&in), &cpu, &in, pool, &n_got);
    float most = 0;
    assert_int_equal(n_got, n_want);
    for (size_t i = 0; i < n_want; i++)
        most = fmaxf(most, fabsf(want[i]));
    for (size_t i = 0; i < n_want; i++)
        if (!(fabsf(got[i] - want[i]) <= 1e-4f * most + 1e-6f))
            fail_msg("number %zu is %g, ref says %g", i, (double)got[i], (double)want[i]);
    free(want);
    free(got);
    facet_pool_close(&pool);
}

static void agree_all_ways(struct facet_graph *(*build)(const struct facet_shape *), struct facet_shape in)
{
    agree(build, in, 0, true, 1);
    agree(build, in, 0, true, 3);
    agree(build, in, FACET_PASS_ALL, false, 1);
    in.dim[0] = 3;
    agree(build, in, 0, true, 1);
}

static struct facet_graph *build_convs(const struct facet_shape *in)
{
    struct net n = net_new();
    int x = facet_graph_input(n.g, "x", FACET_F32, in);
    x = net_conv(&n, x, 24, 3, 3, 2, 1, 1);
    x = net_node(&n, "PRelu", x, net_const(&n, shape(3, 24, 1, 1, 0)), -1, NULL);
    int y = net_conv(&n, x, 24, 24, 3, 1, 1, 24);
    y = net_node(&n, "Clip", y, -1, -1, NULL);
    y = net_conv(&n, y, 24, 24, 1, 1, 0, 1);
    x = net_node(&n, "Add", x, y, -1, NULL);
    x = net_node(&n, "Relu", x, -1, -1, NULL);
    x = net_conv(&n, x, 40, 24, 3, 1, 0, 2);
    x = net_node(&n, "HardSwish", x, -1, -1, NULL);
    return net_end(&n, net_conv(&n, x, 33, 40, 3, 1, 1, 1));
}

static void test_cpu__convolutions_and_their_endings(void **state)
{
    agree_all_ways(build_convs, shape(4, 1, 3, 37, 41));
}

static struct facet_graph *build_gemm(const struct facet_shape *in)
{
    struct net n = net_new();
    int node, x = facet_graph_input(n.g, "x", FACET_F32, in);
    x = net_node(&n, "Gemm", x, net_const(&n, shape(2, 70, 45, 0, 0)), net_const(&n, shape(1, 70, 0, 0, 0)), &node);
    facet_graph_attr_int(n.g, node, "transB", 1);
    facet_graph_attr_float(n.g, node, "alpha", 0.5f);
    facet_graph_attr_float(n.g, node, "beta", 2);
    x = net_node(&n, "LeakyRelu", x, -1, -1, NULL);
    x = net_node(&n, "MatMul", x, net_const(&n, shape(2, 70, 19, 0, 0)), -1, NULL);
    x = net_node(&n, "Add", x, net_const(&n, shape(1, 19, 0, 0, 0)), -1, NULL);
    x = net_node(&n, "Tanh", x, -1, -1, NULL);
    x = net_node(&n, "LpNormalization", x, -1, -1, NULL);
    return net_end(&n, net_node(&n, "Softmax", x, -1, -1, NULL));
}

static void test_cpu__products(void **state)
{
    agree_all_ways(build_gemm, shape(2, 1, 45, 0, 0));
}

static struct facet_graph *build_pools(const struct facet_shape *in)
{
    struct net n = net_new();
    int node, x = facet_graph_input(n.g, "x", FACET_F32, in), parts[3];
    int a = net_node(&n, "MaxPool", x, -1, -1, &node);
    facet_graph_attr_ints(n.g, node, "kernel_shape", (int64_t[]){ 3, 3 }, 2);
    facet_graph_attr_ints(n.g, node, "strides", (int64_t[]){ 2, 2 }, 2);
    facet_graph_attr_int(n.g, node, "ceil_mode", 1);
    int b = net_node(&n, "AveragePool", x, -1, -1, &node);
    facet_graph_attr_ints(n.g, node, "kernel_shape", (int64_t[]){ 3, 3 }, 2);
    facet_graph_attr_ints(n.g, node, "strides", (int64_t[]){ 2, 2 }, 2);
    facet_graph_attr_ints(n.g, node, "pads", (int64_t[]){ 1, 1, 1, 1 }, 4);
    parts[0] = a;
    parts[1] = b;
    parts[2] = net_conv(&n, a, 17, in->dim[1], 1, 1, 0, 1);
    x = facet_graph_node(n.g, "Concat", "cat", parts, 3, &node);
    facet_graph_attr_int(n.g, node, "axis", 1);
    x = net_node(&n, "Mul", x, net_const(&n, shape(3, 2 * in->dim[1] + 17, 1, 1, 0)), -1, NULL);
    x = net_node(&n, "Sub", net_const(&n, shape(1, 1, 0, 0, 0)), x, -1, NULL);
    x = net_node(&n, "Sigmoid", x, -1, -1, NULL);
    x = net_node(&n, "GlobalAveragePool", x, -1, -1, NULL);
    return net_end(&n, net_node(&n, "Flatten", x, -1, -1, NULL));
}

static void test_cpu__pools_and_concatenation(void **state)
{
    agree_all_ways(build_pools, shape(4, 1, 21, 18, 24));
}

static struct facet_graph *build_named(const char *name)
{
    struct facet_graph *g = NULL;
    const struct facet_builder *b = facet_builder_find(name);
    assert_non_null(b);
    assert_int_equal(b->build(&g, 5), FACET_OK);
    return g;
}

static struct facet_graph *build_pnet(const struct facet_shape *in)
{
    return build_named("pnet");
}

static struct facet_graph *build_rnet(const struct facet_shape *in)
{
    return build_named("rnet");
}

static struct facet_graph *build_onet(const struct facet_shape *in)
{
    return build_named("onet");
}

static struct facet_graph *build_mobilefacenet(const struct facet_shape *in)
{
    return build_named("mobilefacenet");
}

static void test_cpu__pnet_of_several_sizes(void **state)
{
    static const int sides[][2] = { { 11, 12 }, { 33, 47 }, { 58, 91 }, { 97, 60 } };
    for (size_t i = 0; i < 4; i++) {
        agree(build_pnet, shape(4, 1, 3, sides[i][0], sides[i][1]), 0, true, 1);
        agree(build_pnet, shape(4, 2, 3, sides[i][0], sides[i][1]), 0, true, 2);
        agree(build_pnet, shape(4, 1, 3, sides[i][0], sides[i][1]), FACET_PASS_FUSE_NETWORK, true, 1);
    }
}

static void test_cpu__pnet_becomes_one_node(void **state)
{
    struct facet_graph *g = build_named("pnet");
    struct facet_plan *p = NULL;
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = "cpu" }), FACET_OK);
    const struct facet_graph *after = facet_plan_graph(p);
    int fused = 0, convs = 0;
    for (int i = 0; i < after->n_nodes; i++) {
        fused += !strcmp(after->nodes[i].op, "PNet");
        convs += !strcmp(after->nodes[i].op, "Conv");
    }
    facet_plan_close(&p);
    assert_true((fused == 1 && convs == 0) || (fused == 0 && convs == 5));
}

static void test_cpu__pnet_refuses_a_picture_too_small(void **state)
{
    struct facet_graph *g = build_named("pnet");
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_shape in = shape(4, 1, 3, 10, 40);
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){ 0 }), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    assert_true(facet_exec_bind(e, &in, 1) < 0);
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_cpu__face_networks(void **state)
{
    agree(build_rnet, shape(4, 3, 3, 24, 24), 0, true, 1);
    agree(build_onet, shape(4, 2, 3, 48, 48), 0, true, 2);
    agree(build_mobilefacenet, shape(4, 1, 3, 112, 112), 0, true, 1);
}

static struct facet_graph *build_odd(const struct facet_shape *in)
{
    struct net n = net_new();
    int x = facet_graph_input(n.g, "x", FACET_F32, in);
    return net_end(&n, net_node(&n, "Exp", x, -1, -1, NULL));
}

static void test_cpu__a_declined_operator_runs_on_ref_and_strict_refuses(void **state)
{
    struct facet_shape in = shape(2, 2, 5, 0, 0);
    struct facet_graph *g = build_odd(&in);
    struct facet_plan *p = NULL;
    agree(build_odd, in, 0, false, 1);
    assert_true(facet_plan_open(&p, &g, &(struct facet_plan_opts){ .strict = true }) < 0);
    assert_null(p);
    assert_non_null(strstr(facet_error_text(), "Exp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu__convolutions_and_their_endings),
        cmocka_unit_test(test_cpu__products),
        cmocka_unit_test(test_cpu__pools_and_concatenation),
        cmocka_unit_test(test_cpu__pnet_of_several_sizes),
        cmocka_unit_test(test_cpu__pnet_becomes_one_node),
        cmocka_unit_test(test_cpu__pnet_refuses_a_picture_too_small),
        cmocka_unit_test(test_cpu__face_networks),
        cmocka_unit_test(test_cpu__a_declined_operator_runs_on_ref_and_strict_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
