/* Convolutions and products of values kept in 8 or 16 bits: the cpu back end against ref. ref runs the 8-bit networks
 * as they are written, in floats between QuantizeLinear and DequantizeLinear: the cpu back end's numbers may be one
 * step of the output away where a sum lies between two. Several layers that end in floats of the same network are
 * compared with ref keeping the same values in 8 bits. bf16: 2 % of the largest number. */
#include "kernels/nets.h"

#include "base/pool.h"

#include <facet/error.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP 0.03f

static int scalar(struct net *n, float v)
{
    char name[16];
    struct facet_shape s = { 0 };
    snprintf(name, sizeof(name), "s%d", n->names++);
    return facet_graph_const(n->g, name, FACET_F32, &s, &v);
}

static int zero_point(struct net *n, uint8_t v)
{
    char name[16];
    struct facet_shape s = { 0 };
    snprintf(name, sizeof(name), "z%d", n->names++);
    return facet_graph_const(n->g, name, FACET_U8, &s, &v);
}

/* x through 8 bits and back. */
static int quantised(struct net *n, int x, float scale, uint8_t zero)
{
    int s = scalar(n, scale), z = zero_point(n, zero);
    return net_node(n, "DequantizeLinear", net_node(n, "QuantizeLinear", x, s, z, NULL), s, z, NULL);
}

/* Constant weights of 8 bits with a scale for each of the first dimension. */
static int weights(struct net *n, struct facet_shape s, float scale)
{
    char name[16];
    size_t count = (size_t)facet_shape_count(&s), outs = (size_t)s.dim[0];
    int8_t *v = malloc(count);
    float *scales = malloc(outs * sizeof(float));
    struct facet_shape row = shape(1, s.dim[0], 0, 0, 0);
    int node;
    assert_true(v && scales);
    for (size_t i = 0; i < count; i++)
        v[i] = (int8_t)((int)(facet_rng_uniform(&n->rng) * 255) - 127);
    for (size_t i = 0; i < outs; i++)
        scales[i] = scale * (0.5f + facet_rng_uniform(&n->rng));
    snprintf(name, sizeof(name), "w%d", n->names++);
    int w = facet_graph_const(n->g, name, FACET_I8, &s, v);
    snprintf(name, sizeof(name), "w%d", n->names++);
    int sc = facet_graph_const(n->g, name, FACET_F32, &row, scales);
    free(v);
    free(scales);
    int out = net_node(n, "DequantizeLinear", w, sc, -1, &node);
    facet_graph_attr_int(n->g, node, "axis", 0);
    return out;
}

struct layer { int64_t oc, ic, kh, kw, stride, pad, dilation, group; };

static int convolution(struct net *n, int x, const struct layer *l)
{
    int node;
    float scale = 0.02f / sqrtf((float)(l->ic / l->group * l->kh * l->kw));
    int out = net_node(n, "Conv", x, weights(n, shape(4, l->oc, l->ic / l->group, l->kh, l->kw), scale), net_const(n, shape(1, l->oc, 0, 0, 0)), &node);
    facet_graph_attr_ints(n->g, node, "strides", (int64_t[]){ l->stride, l->stride }, 2);
    facet_graph_attr_ints(n->g, node, "pads", (int64_t[]){ l->pad, l->pad, l->pad, l->pad }, 4);
    facet_graph_attr_ints(n->g, node, "dilations", (int64_t[]){ l->dilation, l->dilation }, 2);
    facet_graph_attr_int(n->g, node, "group", l->group);
    return out;
}

/* The layer and the ending that the builders below make; set by the test before them. */
static struct layer layer;
static const char *ending;

static int ended(struct net *n, int x, int residual)
{
    if (!strcmp(ending, "residual"))
        x = net_node(n, "Relu", net_node(n, "Add", x, residual, -1, NULL), -1, -1, NULL);
    else if (!strcmp(ending, "PRelu"))
        x = net_node(n, "PRelu", x, net_const(n, shape(3, layer.oc, 1, 1, 0)), -1, NULL);
    else if (!strcmp(ending, "Clip"))
        x = net_node(n, "Clip", x, scalar(n, -0.5f), scalar(n, 0.75f), NULL);
    else if (*ending)
        x = net_node(n, ending, x, -1, -1, NULL);
    return x;
}

static struct facet_graph *build_layer(const struct facet_shape *in)
{
    struct net n = net_new();
    int x = quantised(&n, facet_graph_input(n.g, "x", FACET_F32, in), 0.009f, 113);
    int r = !strcmp(ending, "residual") ? quantised(&n, convolution(&n, x, &layer), 0.017f, 90) : -1;
    x = ended(&n, convolution(&n, x, &layer), r);
    return net_end(&n, quantised(&n, x, STEP, !strcmp(ending, "Relu") ? 0 : 120));
}

/* The same with one value in floats behind it. */
static struct facet_graph *build_layer_to_floats(const struct facet_shape *in)
{
    struct net n = net_new();
    int x = quantised(&n, facet_graph_input(n.g, "x", FACET_F32, in), 0.009f, 113);
    int r = !strcmp(ending, "residual") ? quantised(&n, convolution(&n, x, &layer), 0.017f, 90) : -1;
    return net_end(&n, ended(&n, convolution(&n, x, &layer), r));
}

static int count_stored(struct facet_graph *g, const struct facet_plan_opts *o, const char *op, enum facet_dtype t)
{
    struct facet_plan *p = NULL;
    int stored = 0;
    if (facet_plan_open(&p, &g, o))
        fail_msg("%s", facet_error_text());
    const struct facet_graph *after = facet_plan_graph(p);
    for (int i = 0; i < after->n_nodes; i++) {
        const struct facet_value *x = &after->values[after->nodes[i].n_inputs ? after->nodes[i].inputs[0] : 0];
        stored += !strcmp(after->nodes[i].op, op) && x->is_stored && x->store == t;
    }
    facet_plan_close(&p);
    return stored;
}

static void agree(struct facet_graph *(*build)(const struct facet_shape *), struct facet_shape in, const struct facet_plan_opts *cpu, unsigned ref_off,
                  unsigned threads, float tolerance, float share)
{
    size_t n_want, n_got, far = 0;
    struct facet_plan_opts ref = { .backend = "ref", .passes_off = ref_off };
    struct facet_pool *pool = NULL;
    if (threads > 1)
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
    float *want = run_net(build(&in), &ref, &in, NULL, &n_want), *got = run_net(build(&in), cpu, &in, pool, &n_got), most = 0;
    assert_int_equal(n_got, n_want);
    for (size_t i = 0; i < n_want; i++)
        most = fmaxf(most, fabsf(want[i]));
    tolerance = tolerance > 0 ? tolerance : -tolerance * most;
    for (size_t i = 0; i < n_want; i++) {
        if (!(fabsf(got[i] - want[i]) <= tolerance + 1e-6f))
            fail_msg("number %zu is %g, ref says %g (ending '%s', %d channels)", i, (double)got[i], (double)want[i], ending, (int)layer.oc);
        far += fabsf(got[i] - want[i]) > tolerance / 2;
    }
    if ((float)far > share * (float)n_want)
        fail_msg("%zu of %zu numbers are a step away", far, n_want);
    free(want);
    free(got);
    facet_pool_close(&pool);
}

static const struct facet_plan_opts bytes = { .backend = "cpu", .strict = true }, halves = { .backend = "cpu", .precision = FACET_PRECISION_BF16 };
static const char *const endings[] = { "", "Relu", "Clip", "PRelu", "LeakyRelu", "residual" };

static void check_layer(struct layer l, struct facet_shape in)
{
    layer = l;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        ending = endings[i];
        assert_true(count_stored(build_layer(&in), &bytes, "Conv", FACET_U8) > 0);
        agree(build_layer, in, &bytes, FACET_PASS_STORE, 1, STEP * 1.01f, 0.01f);
        agree(build_layer_to_floats, in, &bytes, FACET_PASS_STORE, 1, -1e-4f, 1);
        agree(build_layer_to_floats, in, &halves, FACET_PASS_ALL, 2, -0.02f, 1);
        in.dim[0] = 2;
        agree(build_layer, in, &bytes, FACET_PASS_STORE, 3, STEP * 1.01f, 0.01f);
        in.dim[0] = 1;
    }
}

static void test_cpu_stored__convolutions(void **state)
{
    check_layer((struct layer){ 24, 3, 3, 3, 2, 1, 1, 1 }, shape(4, 1, 3, 19, 22));
    check_layer((struct layer){ 33, 17, 3, 3, 1, 1, 2, 1 }, shape(4, 1, 17, 12, 9));
    check_layer((struct layer){ 130, 64, 1, 1, 1, 0, 1, 1 }, shape(4, 1, 64, 3, 3));
    check_layer((struct layer){ 20, 20, 1, 7, 1, 3, 1, 1 }, shape(4, 1, 20, 5, 11));
}

static void test_cpu_stored__groups_and_depthwise(void **state)
{
    check_layer((struct layer){ 24, 40, 3, 3, 1, 1, 1, 2 }, shape(4, 1, 40, 9, 10));
    check_layer((struct layer){ 30, 15, 3, 3, 1, 1, 1, 3 }, shape(4, 1, 15, 9, 10));
    check_layer((struct layer){ 21, 21, 3, 3, 2, 1, 1, 21 }, shape(4, 1, 21, 9, 10));
}

static struct facet_graph *build_product(const struct facet_shape *in)
{
    struct net n = net_new();
    int node, x = quantised(&n, facet_graph_input(n.g, "x", FACET_F32, in), 0.009f, 113);
    x = net_node(&n, "Gemm", x, weights(&n, shape(2, 70, in->dim[1], 0, 0), 0.001f), net_const(&n, shape(1, 70, 0, 0, 0)), &node);
    facet_graph_attr_int(n.g, node, "transB", 1);
    x = net_node(&n, "Relu", x, -1, -1, NULL);
    return net_end(&n, quantised(&n, x, STEP, 0));
}

static void test_cpu_stored__products(void **state)
{
    static const int64_t depths[] = { 45, 64, 1, 130 };
    for (size_t i = 0; i < 4; i++) {
        struct facet_shape in = shape(2, 1, depths[i], 0, 0);
        ending = "product";
        assert_int_equal(count_stored(build_product(&in), &bytes, "Gemm", FACET_U8), 1);
        agree(build_product, in, &bytes, FACET_PASS_STORE, 1, STEP * 1.01f, 0.02f);
        agree(build_product, in, &halves, FACET_PASS_STORE, 1, STEP * 1.01f, 1);
        in.dim[0] = 37;
        agree(build_product, in, &bytes, FACET_PASS_STORE, 3, STEP * 1.01f, 0.02f);
    }
}

/* Two branches side by side, written in place; a residual in 8 bits; then floats. */
static struct facet_graph *build_block(const struct facet_shape *in)
{
    struct net n = net_new();
    int node, parts[2], c = (int)in->dim[1];
    int x = quantised(&n, facet_graph_input(n.g, "x", FACET_F32, in), 0.009f, 113);
    for (int i = 0; i < 2; i++) {
        struct layer l = { 24 + 8 * i, c, 1 + 2 * i, 1 + 2 * i, 1, i, 1, 1 };
        parts[i] = net_node(&n, "Relu", convolution(&n, x, &l), -1, -1, NULL);
    }
    int cat = quantised(&n, facet_graph_node(n.g, "Concat", "cat", parts, 2, &node), 0.013f, 0);
    facet_graph_attr_int(n.g, node, "axis", 1);
    struct layer up = { c, 56, 1, 1, 1, 0, 1, 1 };
    int sum = net_node(&n, "Add", x, convolution(&n, cat, &up), -1, NULL);
    x = quantised(&n, net_node(&n, "Relu", sum, -1, -1, NULL), 0.012f, 0);
    return net_end(&n, convolution(&n, x, &(struct layer){ 19, c, 3, 3, 2, 1, 1, 1 }));
}

static void test_cpu_stored__a_block_of_branches_and_a_residual(void **state)
{
    struct facet_shape in = shape(4, 1, 40, 9, 11);
    ending = "block";
    assert_int_equal(count_stored(build_block(&in), &bytes, "Conv", FACET_U8), 4);
    agree(build_block, in, &bytes, 0, 1, -0.01f, 1);
    agree(build_block, in, &bytes, 0, 3, -0.01f, 1);
    agree(build_block, in, &halves, FACET_PASS_ALL, 2, -0.03f, 1);
}

static void same_on_threads(struct facet_graph *(*build)(const struct facet_shape *), const struct facet_plan_opts *o, struct facet_shape in)
{
    size_t n_one, n_more;
    struct facet_pool *pool = NULL;
    assert_int_equal(facet_pool_open(&pool, 3), FACET_OK);
    float *one = run_net(build(&in), o, &in, NULL, &n_one), *more = run_net(build(&in), o, &in, pool, &n_more);
    assert_int_equal(n_one, n_more);
    assert_memory_equal(one, more, n_one * sizeof(float));
    free(one);
    free(more);
    facet_pool_close(&pool);
}

static void test_cpu_stored__threads_change_no_bit(void **state)
{
    same_on_threads(build_block, &bytes, shape(4, 2, 40, 9, 11));
    same_on_threads(build_block, &halves, shape(4, 2, 40, 9, 11));
    same_on_threads(build_product, &bytes, shape(2, 9, 64, 0, 0));
}

/* 8-bit weights for an output that has no scale of its own, and sums that might not fit: ref's, or floats. */
static struct facet_graph *build_deep(const struct facet_shape *in)
{
    struct net n = net_new();
    int node, x = quantised(&n, facet_graph_input(n.g, "x", FACET_F32, in), 0.009f, 113);
    x = net_node(&n, "Gemm", x, weights(&n, shape(2, 3, in->dim[1], 0, 0), 1e-5f), -1, &node);
    facet_graph_attr_int(n.g, node, "transB", 1);
    return net_end(&n, x);
}

static void test_cpu_stored__too_deep_a_product_is_declined(void **state)
{
    struct facet_shape deep = shape(2, 1, 65537, 0, 0), fits = shape(2, 1, 65536, 0, 0);
    ending = "deep";
    assert_int_equal(count_stored(build_deep(&fits), &bytes, "Gemm", FACET_U8), 1);
    assert_int_equal(count_stored(build_deep(&deep), &bytes, "Gemm", FACET_U8), 0);
    agree(build_deep, fits, &bytes, FACET_PASS_STORE, 1, -1e-3f, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_stored__convolutions),
        cmocka_unit_test(test_cpu_stored__groups_and_depthwise),
        cmocka_unit_test(test_cpu_stored__products),
        cmocka_unit_test(test_cpu_stored__a_block_of_branches_and_a_residual),
        cmocka_unit_test(test_cpu_stored__threads_change_no_bit),
        cmocka_unit_test(test_cpu_stored__too_deep_a_product_is_declined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
