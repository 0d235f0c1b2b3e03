/* What the cpu back end puts in place of several nodes: when it does, when it does not, and that the results are
 * ref's. Tolerance: 1e-4 of the largest number. */
#include "test.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "base/rng.h"
#include "engine/format/build.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"

#include <facet/error.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct first {                    /* a convolution and a maximum; zeros are the defaults below */
    int64_t h, w, ic, oc, stride, pad, pool_kernel, pool_pad;
    const char *act;
    bool floors, map_is_output;
};

static int constant(struct facet_graph *g, const char *name, struct facet_shape s, uint64_t seed)
{
    size_t n = (size_t)facet_shape_count(&s);
    float *v = malloc(n * sizeof(*v));
    struct facet_rng rng;
    assert_non_null(v);
    facet_rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        v[i] = facet_rng_uniform(&rng) - 0.4f;
    int value = facet_graph_const(g, name, FACET_F32, &s, v);
    free(v);
    return value;
}

static struct facet_graph *build(const struct first *f)
{
    struct facet_graph *g = NULL;
    int node, oc = f->oc ? (int)f->oc : 20, ic = f->ic ? (int)f->ic : 3, kernel = f->pool_kernel ? (int)f->pool_kernel : 3;
    assert_int_equal(facet_graph_new(&g, "first", 17), FACET_OK);
    int x = facet_graph_input(g, "x", FACET_F32, &(struct facet_shape){ 4, { -1, ic, f->h ? f->h : 21, f->w ? f->w : 18 } });
    int in[3] = { x, constant(g, "w", (struct facet_shape){ 4, { oc, ic, 3, 3 } }, 1), constant(g, "b", (struct facet_shape){ 1, { oc } }, 2) };
    int v = facet_graph_node(g, "Conv", "map", in, 3, &node);
    int64_t stride = f->stride ? f->stride : 1;
    facet_graph_attr_ints(g, node, "strides", (int64_t[]){ stride, stride }, 2);
    facet_graph_attr_ints(g, node, "pads", (int64_t[]){ f->pad, f->pad, f->pad, f->pad }, 4);
    if (f->act && !strcmp(f->act, "PRelu"))
        v = facet_graph_node(g, "PRelu", "act", (int[]){ v, constant(g, "s", (struct facet_shape){ 3, { oc, 1, 1 } }, 3) }, 2, &node);
    else if (f->act)
        v = facet_graph_node(g, f->act, "act", &v, 1, &node);
    if (f->map_is_output)
        facet_graph_output(g, v);
    v = facet_graph_node(g, "MaxPool", "pool", &v, 1, &node);
    facet_graph_attr_ints(g, node, "kernel_shape", (int64_t[]){ kernel, kernel }, 2);
    facet_graph_attr_ints(g, node, "strides", (int64_t[]){ 2, 2 }, 2);
    facet_graph_attr_ints(g, node, "pads", (int64_t[]){ f->pool_pad, f->pool_pad, f->pool_pad, f->pool_pad }, 4);
    facet_graph_attr_int(g, node, "ceil_mode", !f->floors);
    facet_graph_output(g, v);
    return g;
}

static int count(const struct facet_plan *p, const char *op)
{
    const struct facet_graph *g = facet_plan_graph(p);
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += !strcmp(g->nodes[i].op, op);
    return n;
}

/* The last output for two pictures; malloc'ed. *fused: how many nodes ConvPool the plan has. */
static float *run(const struct first *f, const char *backend, unsigned threads, size_t *n, int *fused)
{
    struct facet_graph *g = build(f);
    struct facet_shape in = g->values[g->inputs[0]].shape;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_pool *pool = NULL;
    struct facet_rng rng;
    int last = g->n_outputs - 1;
    in.dim[0] = 2;
    if (threads > 1)
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
    if (facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = backend }) || facet_exec_open(&e, p, pool) || facet_exec_bind(e, &in, 1))
        fail_msg("%s", facet_error_text());
    *fused = count(p, "ConvPool");
    struct facet_tensor *x = facet_exec_input(e, 0);
    facet_rng_seed(&rng, 99);
    for (int64_t i = 0; i < facet_shape_count(&x->shape); i++)
        ((float *)x->data)[i] = facet_rng_uniform(&rng) * 2 - 1;
    assert_int_equal(facet_exec_run(e), FACET_OK);
    const struct facet_tensor *y = facet_exec_output(e, last);
    *n = (size_t)facet_shape_count(&y->shape);
    float *out = malloc(*n * sizeof(*out));
    assert_non_null(out);
    memcpy(out, y->data, *n * sizeof(*out));
    facet_exec_close(&e);
    facet_plan_close(&p);
    facet_pool_close(&pool);
    return out;
}

static void agrees(struct first f, bool fuses)
{
    size_t n_want, n_got;
    int none, fused;
    float *want = run(&f, "ref", 1, &n_want, &none), *got = run(&f, "cpu", 1, &n_got, &fused), most = 0;
    bool can = (facet_cpu_flags(NULL) & (FACET_CPU_AVX2 | FACET_CPU_NEON)) != 0;
    assert_int_equal(none, 0);
    assert_int_equal(fused, fuses && can);
    assert_int_equal(n_got, n_want);
    for (size_t i = 0; i < n_want; i++)
        most = fmaxf(most, fabsf(want[i]));
    for (size_t i = 0; i < n_want; i++)
        assert_true(fabsf(got[i] - want[i]) <= 1e-4f * most);
    free(got);
    got = run(&f, "cpu", 3, &n_got, &fused);
    free(want);
    want = run(&f, "cpu", 1, &n_want, &fused);
    assert_memory_equal(got, want, n_want * sizeof(*want));
    free(want);
    free(got);
}

static void test_convpool__is_one_node_and_means_what_the_two_mean(void **state)
{
    agrees((struct first){ 0 }, true);
    agrees((struct first){ .act = "PRelu", .h = 24, .w = 24, .oc = 28 }, true);
    agrees((struct first){ .act = "Relu", .h = 6, .w = 5, .oc = 70 }, true);
    agrees((struct first){ .act = "LeakyRelu", .h = 5, .w = 48, .ic = 4 }, true);
    agrees((struct first){ .act = "PRelu", .ic = 1, .h = 30, .w = 31 }, true);
    agrees((struct first){ .floors = true, .h = 23, .w = 19 }, true);       /* nothing to round */
}

static void test_convpool__whatever_differs_stays_two_nodes(void **state)
{
    agrees((struct first){ .ic = 5 }, false);
    agrees((struct first){ .stride = 2 }, false);
    agrees((struct first){ .pad = 1 }, false);
    agrees((struct first){ .pool_kernel = 2 }, false);
    agrees((struct first){ .pool_pad = 1 }, false);
    agrees((struct first){ .floors = true, .h = 22 }, false);
    agrees((struct first){ .w = 200 }, false);                              /* rows of T are of one length */
    agrees((struct first){ .map_is_output = true }, false);
    agrees((struct first){ .act = "Sigmoid" }, false);
}

/* ---- in 8 bits ---- */

#define SIDE 24

static int fill_rnet(void *ctx, size_t i, struct facet_exec *e)
{
    const struct facet_shape in = { 4, { 5, 3, SIDE, SIDE } };
    int err = facet_exec_bind(e, &in, 1);
    float *x = err ? NULL : facet_exec_input(e, 0)->data;
    for (int k = 0; x && k < 5 * 3 * SIDE * SIDE; k++)
        x[k] = (float)((k * 7 + k / SIDE * 13 + (int)i * 31) % 256 - 128) / 128;
    return err;
}

/* R-Net in 8 bits but for the layers whose bits `kept` has. */
static struct facet_graph *quantised_rnet(unsigned kept)
{
    struct facet_graph *g, *out;
    struct facet_quantiser *q;
    struct facet_quant_opts o = FACET_QUANT_OPTS_INIT;
    const struct facet_quant_inputs in = { 3, fill_rnet, NULL };
    assert_int_equal(facet_builder_find("rnet")->build(&g, 1), FACET_OK);
    if (facet_quant_open(&q, g, &o) || facet_quant_calibrate(q, &in))
        fail_msg("%s", facet_error_text());
    for (size_t i = 0; i < facet_quant_layers(q); i++)
        facet_quant_keep(q, i, kept >> i & 1);
    assert_int_equal(facet_quant_graph(q, &out), FACET_OK);
    facet_quant_close(&q);
    facet_graph_free(&g);
    return out;
}

static float *run_rnet(unsigned kept, unsigned passes_off, unsigned threads, int *fused, size_t *n)
{
    struct facet_graph *g = quantised_rnet(kept);
    struct facet_plan *p;
    struct facet_exec *e;
    struct facet_pool *pool = NULL;
    if (threads > 1)
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
    if (facet_plan_open(&p, &g, &(struct facet_plan_opts){ .passes_off = passes_off }) || facet_exec_open(&e, p, pool) ||
        fill_rnet(NULL, 9, e) || facet_exec_run(e))
        fail_msg("%s", facet_error_text());
    *fused = count(p, "ConvPool");
    const struct facet_tensor *y = facet_exec_output(e, 0);
    *n = (size_t)facet_shape_count(&y->shape);
    float *out = malloc(*n * sizeof(*out));
    assert_non_null(out);
    memcpy(out, y->data, *n * sizeof(*out));
    facet_exec_close(&e);
    facet_plan_close(&p);
    facet_pool_close(&pool);
    return out;
}

static void test_convpool__in_8_bits_means_what_the_two_mean(void **state)
{
    size_t n, m;
    int fused, none;
    bool can = (facet_cpu_flags(NULL) & FACET_CPU_AVX512_VNNI) != 0;
    float *want = run_rnet(0, FACET_PASS_FUSE_NETWORK, 1, &none, &m);
    for (unsigned threads = 1; threads <= 3; threads += 2) {
        float *got = run_rnet(0, 0, threads, &fused, &n);
        assert_int_equal(none, 0);
        assert_int_equal(fused, can);
        assert_int_equal(n, m);
        assert_memory_equal(got, want, n * sizeof(*got));
        free(got);
    }
    free(want);
}

/* A map in 8 bits whose maximum is read as floats, or the other way, is no one node. */
static void test_convpool__half_in_8_bits_works_still(void **state)
{
    size_t n, m;
    int fused, none;
    for (unsigned kept = 1; kept <= 2; kept++) {
        float *want = run_rnet(kept, FACET_PASS_FUSE_NETWORK, 1, &none, &m), *got = run_rnet(kept, 0, 1, &fused, &n);
        assert_int_equal(n, m);
        for (size_t i = 0; i < n; i++)
            assert_true(fabsf(got[i] - want[i]) <= 0.02f);
        free(got);
        free(want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convpool__in_8_bits_means_what_the_two_mean),
        cmocka_unit_test(test_convpool__half_in_8_bits_works_still),
        cmocka_unit_test(test_convpool__is_one_node_and_means_what_the_two_mean),
        cmocka_unit_test(test_convpool__whatever_differs_stays_two_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
