/* A quantised P-Net in a plan: it becomes one node where all but the first layer is in 8 bits, and says nearly what its
 * layers say one by one; any number of threads gives the same bits. */
#include "test.h"

#include "base/pool.h"
#include "engine/format/build.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"

#include <facet/error.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define H 67
#define W 90

static void fill(float *x, size_t i)
{
    for (int k = 0; k < 3 * H * W; k++)
        x[k] = (float)((k * 7 + k / W * 13 + (int)i * 31) % 256 - 128) / 128;
}

static int fill_exec(void *ctx, size_t i, struct facet_exec *e)
{
    const struct facet_shape shape = { 4, { 1, 3, H, W } };
    int err = facet_exec_bind(e, &shape, 1);
    if (!err)
        fill(facet_exec_input(e, 0)->data, i);
    return err;
}

/* Layers are numbered in order; those of `kept` (bits) stay in float. */
static struct facet_graph *quantised_pnet(unsigned kept)
{
    struct facet_graph *g, *out;
    struct facet_quantiser *q;
    struct facet_quant_opts o = FACET_QUANT_OPTS_INIT;
    const struct facet_quant_inputs in = { 3, fill_exec, NULL };
    assert_int_equal(facet_builder_find("pnet")->build(&g, 1), FACET_OK);
    if (facet_quant_open(&q, g, &o) || facet_quant_calibrate(q, &in))
        fail_msg("%s", facet_error_text());
    assert_int_equal(facet_quant_layers(q), 5);
    for (size_t i = 0; i < 5; i++)
        facet_quant_keep(q, i, kept >> i & 1);
    assert_int_equal(facet_quant_graph(q, &out), FACET_OK);
    facet_quant_close(&q);
    facet_graph_free(&g);
    return out;
}

static bool has_node(const struct facet_plan *p, const char *op)
{
    const struct facet_graph *g = facet_plan_graph(p);
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op && !strcmp(g->nodes[i].op, op))
            return true;
    return false;
}

/* All numbers of both outputs; the caller frees. */
static float *run(unsigned kept, unsigned passes_off, unsigned threads, bool *is_one, size_t *n)
{
    struct facet_graph *g = quantised_pnet(kept);
    struct facet_plan *p;
    struct facet_exec *e;
    struct facet_pool *pool = NULL;
    if (threads > 1)
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
    if (facet_plan_open(&p, &g, &(struct facet_plan_opts){ .passes_off = passes_off }) || facet_exec_open(&e, p, pool) ||
        fill_exec(NULL, 7, e) || facet_exec_run(e))
        fail_msg("%s", facet_error_text());
    *is_one = has_node(p, "PNetU8");
    float *out = NULL;
    *n = 0;
    for (int i = 0; i < 2; i++) {
        const struct facet_tensor *t = facet_exec_output(e, i);
        size_t count = (size_t)facet_shape_count(&t->shape);
        out = realloc(out, (*n + count) * sizeof(*out));
        memcpy(out + *n, t->data, count * sizeof(*out));
        *n += count;
    }
    facet_exec_close(&e);
    facet_plan_close(&p);
    facet_pool_close(&pool);
    return out;
}

/* Roundings between a convolution and its PReLU are left out in one node, so that a few steps lie between. */
static void check_near(unsigned kept)
{
    size_t n, m;
    bool is_one;
    float *got = run(kept, 0, 1, &is_one, &n);
    assert_true(is_one);
    float *want = run(kept, FACET_PASS_FUSE_NETWORK, 1, &is_one, &m);
    assert_false(is_one);
    assert_int_equal(n, m);
    double apart = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        apart += (double)(got[i] - want[i]) * (double)(got[i] - want[i]);
        size += (double)want[i] * (double)want[i];
    }
    if (!(sqrt(apart / size) < 0.02))
        fail_msg("the error is %g of the answers' length", sqrt(apart / size));
    free(got);
    free(want);
}

static void test_pnet__in_8_bits_is_near_its_layers(void **state)
{
    check_near(0);
}

static void test_pnet__with_a_float_first_layer_is_near_its_layers(void **state)
{
    check_near(1);
}

static void test_pnet__with_another_float_layer_stays_layers(void **state)
{
    for (unsigned i = 1; i < 5; i++) {
        size_t n;
        bool is_one;
        free(run(1u << i, 0, 1, &is_one, &n));
        assert_false(is_one);
    }
}

static void test_pnet__in_float_arithmetic_stays_layers(void **state)
{
    size_t n;
    bool is_one;
    free(run(0, FACET_PASS_STORE, 1, &is_one, &n));
    assert_false(is_one);
}

static void test_pnet__gives_the_same_bits_by_any_number_of_threads(void **state)
{
    for (unsigned kept = 0; kept < 2; kept++) {
        size_t n, m;
        bool is_one;
        float *one = run(kept, 0, 1, &is_one, &n), *three = run(kept, 0, 3, &is_one, &m);
        assert_int_equal(n, m);
        assert_memory_equal(one, three, n * sizeof(*one));
        free(one);
        free(three);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pnet__in_8_bits_is_near_its_layers),
        cmocka_unit_test(test_pnet__with_a_float_first_layer_is_near_its_layers),
        cmocka_unit_test(test_pnet__with_another_float_layer_stays_layers),
        cmocka_unit_test(test_pnet__in_float_arithmetic_stays_layers),
        cmocka_unit_test(test_pnet__gives_the_same_bits_by_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
