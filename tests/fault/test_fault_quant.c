/* Quantising, clustering, pruning and halving a small network with every allocation failing once; a model
 * made here that is read and written so. */
#include "test.h"

#include "base/errors.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"
#include "fault.h"

#include <string.h>

static int layer(struct facet_graph *g, const char *op, const char *name, int x, const struct facet_shape *s)
{
    float w[64];
    for (int i = 0; i < 64; i++)
        w[i] = (float)((i * 37) % 23 - 11) * 0.05f;
    int c = facet_graph_const(g, NULL, FACET_F32, s, w);
    const int in[2] = {x, c};
    return c < 0 ? c : facet_graph_node(g, op, name, in, 2, NULL);
}

static int make_net(struct facet_graph **out)
{
    const struct facet_shape in = {4, {-1, 4, 1, 1}}, conv = {4, {4, 4, 1, 1}}, product = {2, {4, 3}};
    struct facet_graph *g = NULL;
    int err = facet_graph_new(&g, "small", 13);
    int x = err ? err : facet_graph_input(g, "in", FACET_F32, &in);
    x = x < 0 ? x : layer(g, "Conv", "a", x, &conv);
    x = x < 0 ? x : facet_graph_node(g, "Relu", "b", &x, 1, NULL);
    x = x < 0 ? x : facet_graph_node(g, "Flatten", "c", &x, 1, NULL);
    x = x < 0 ? x : layer(g, "Gemm", "d", x, &product);
    err = x < 0 ? x : facet_graph_output(g, x);
    if (!err)
        err = facet_graph_infer(g);
    if (err)
        facet_graph_free(&g);
    *out = g;
    return err;
}

static int fill(void *ctx, size_t i, struct facet_exec *e)
{
    const struct facet_shape s = {4, {1, 4, 1, 1}};
    int err = facet_exec_bind(e, &s, 1);
    for (int k = 0; !err && k < 4; k++)
        ((float *)facet_exec_input(e, 0)->data)[k] = (float)((int)i + k) * 0.3f - 0.5f;
    return err;
}

static int quantise(void *ctx)
{
    const struct facet_quant_opts *o = ctx;
    const struct facet_quant_inputs in = {2, fill, NULL};
    struct facet_graph *g = NULL, *out = NULL;
    struct facet_quantiser *q = NULL;
    struct facet_quant_score s;
    int err = make_net(&g);
    if (!err)
        err = facet_quant_open(&q, g, o);
    if (!err)
        err = facet_quant_calibrate(q, &in);
    if (!err)
        err = facet_quant_sensitivity(q, &in);
    if (!err)
        err = facet_quant_settle(q, &in, 0, 1, &s);
    if (!err)
        err = facet_quant_graph(q, &out);
    assert_true(err || out);
    facet_graph_free(&out);
    facet_quant_close(&q);
    facet_graph_free(&g);
    return err;
}

static int shrink(void *ctx)
{
    struct facet_graph *g = NULL;
    int64_t zeros, weights;
    int err = make_net(&g);
    if (!err)
        err = facet_quant_prune(g, 0.3, &zeros, &weights);
    if (!err)
        err = ctx ? facet_quant_halve(g, FACET_BF16) : facet_quant_cluster(g, 4);
    facet_graph_free(&g);
    return err;
}

/* Sweeps and folding without memory leave things as they are and go on: such calls end well. */
static void test_quant__quantising_survives_failed_allocations(void **state)
{
    struct facet_quant_opts o = FACET_QUANT_OPTS_INIT;
    o.backend = "ref";
    fault_loop(quantise, &o);
}

static void test_quant__smaller_weights_survive_failed_allocations(void **state)
{
    int mark;
    fault_loop(shrink, NULL);
    fault_loop(shrink, &mark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quant__quantising_survives_failed_allocations),
        cmocka_unit_test(test_quant__smaller_weights_survive_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
