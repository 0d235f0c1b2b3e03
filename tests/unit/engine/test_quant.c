/* A small network with a residual, a PReLU, a concat, a pool and a product is quantised, and looked at. */
#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net { struct facet_graph *g; struct facet_rng rng; int numbered; };

static int constant(struct net *n, int rank, int64_t a, int64_t b, int64_t c, int64_t d, float reach)
{
    struct facet_shape s = {rank, {a, b, c, d}};
    int64_t count = facet_shape_count(&s);
    float *data = malloc((size_t)count * sizeof(float));
    assert_non_null(data);
    for (int64_t i = 0; i < count; i++)
        data[i] = reach * facet_rng_normal(&n->rng);
    return facet_graph_const_take(n->g, NULL, FACET_F32, &s, data);
}

static int node(struct net *n, const char *op, const char *name, const int *in, int n_in, int *at)
{
    int v = facet_graph_node(n->g, op, name, in, n_in, at);
    assert_true(v >= 0);
    return v;
}

static int conv(struct net *n, const char *name, int x, int from, int to, int k)
{
    int in[3] = {x, constant(n, 4, to, from, k, k, 0.3f), constant(n, 1, to, 0, 0, 0, 0.2f)}, at;
    int v = node(n, "Conv", name, in, 3, &at);
    int64_t pads[4] = {k / 2, k / 2, k / 2, k / 2};
    assert_int_equal(facet_graph_attr_ints(n->g, at, "pads", pads, 4), FACET_OK);
    return v;
}

static int unary(struct net *n, const char *op, const char *name, int x)
{
    return node(n, op, name, &x, 1, NULL);
}

static int binary(struct net *n, const char *op, const char *name, int a, int b)
{
    const int in[2] = {a, b};
    return node(n, op, name, in, 2, NULL);
}

static struct facet_graph *make_net(void)
{
    struct net n = {0};
    const struct facet_shape in = {4, {-1, 3, 12, 12}};
    int at;
    facet_rng_seed(&n.rng, 11);
    assert_int_equal(facet_graph_new(&n.g, "small", 13), FACET_OK);
    int x = facet_graph_input(n.g, "in", FACET_F32, &in);
    int a = unary(&n, "Relu", "a", conv(&n, "conv_a", x, 3, 8, 3));
    int b = binary(&n, "PRelu", "b", conv(&n, "conv_b", a, 8, 8, 3), constant(&n, 3, 8, 1, 1, 0, 0.2f));
    int c = unary(&n, "Relu", "c", binary(&n, "Add", "sum", a, conv(&n, "conv_c", b, 8, 8, 1)));
    int d = unary(&n, "Relu", "d", conv(&n, "conv_d", c, 8, 4, 1));
    const int parts[2] = {c, d};
    int joined = node(&n, "Concat", "joined", parts, 2, &at);
    assert_int_equal(facet_graph_attr_int(n.g, at, "axis", 1), FACET_OK);
    int pooled = node(&n, "MaxPool", "pooled", &joined, 1, &at);
    const int64_t two[2] = {2, 2};
    facet_graph_attr_ints(n.g, at, "kernel_shape", two, 2);
    facet_graph_attr_ints(n.g, at, "strides", two, 2);
    int flat = unary(&n, "Flatten", "flat", pooled);
    const int product[2] = {flat, constant(&n, 2, 12 * 36, 16, 0, 0, 0.1f)};
    int out = node(&n, "Gemm", "out", product, 2, NULL);
    assert_int_equal(facet_graph_output(n.g, out), FACET_OK);
    return n.g;
}

static int fill(void *ctx, size_t i, struct facet_exec *e)
{
    const struct facet_shape s = {4, {2, 3, 12, 12}};
    struct facet_rng rng;
    int err = facet_exec_bind(e, &s, 1);
    facet_rng_seed(&rng, 100 + i + (ctx ? 1000 : 0));
    float *x = facet_exec_input(e, 0)->data;
    for (int k = 0; !err && k < 2 * 3 * 144; k++)
        x[k] = 2 * facet_rng_uniform(&rng) - 1;
    return err;
}

static int held_mark;
static const struct facet_quant_inputs seen = {24, fill, NULL}, held = {8, fill, &held_mark}, none = {0, fill, NULL};

static struct facet_quantiser *open_quantiser(struct facet_quant_opts o)
{
    struct facet_graph *g = make_net();
    struct facet_quantiser *q;
    int err = facet_quant_open(&q, g, &o);
    facet_graph_free(&g);
    if (err)
        fail_msg("%s", facet_error_text());
    return q;
}

static struct facet_quantiser *calibrated(struct facet_quant_opts o)
{
    struct facet_quantiser *q = open_quantiser(o);
    if (facet_quant_calibrate(q, &seen))
        fail_msg("%s", facet_error_text());
    return q;
}

static const struct facet_quant_opts defaults = FACET_QUANT_OPTS_INIT;

static struct facet_graph *quantised(struct facet_quantiser *q)
{
    struct facet_graph *g;
    if (facet_quant_graph(q, &g) || facet_graph_check(g) || facet_graph_infer(g))
        fail_msg("%s", facet_error_text());
    return g;
}

static int count(const struct facet_graph *g, const char *op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += !strcmp(g->nodes[i].op, op);
    return n;
}

static const struct facet_node *maker(const struct facet_graph *g, int v)
{
    return g->values[v].producer >= 0 ? &g->nodes[g->values[v].producer] : NULL;
}

static const struct facet_node *find(const struct facet_graph *g, const char *name)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (!strcmp(g->nodes[i].name, name))
            return &g->nodes[i];
    fail_msg("no node '%s'", name);
    return NULL;
}

/* The scale that a value's QuantizeLinear has. */
static float scale_of(const struct facet_graph *g, const char *value)
{
    int v = facet_graph_find(g, value);
    for (int i = 0; i < g->n_nodes; i++)
        if (!strcmp(g->nodes[i].op, "QuantizeLinear") && g->nodes[i].inputs[0] == v)
            return *(const float *)g->values[g->nodes[i].inputs[1]].data;
    fail_msg("'%s' is not quantised", value);
    return 0;
}

/* ---- the graph ---- */

static void test_quant__weights_have_a_scale_for_each_output(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_graph *g = quantised(q);
    static const char *const layers[] = {"conv_a", "conv_b", "conv_c", "conv_d", "out"};
    for (size_t i = 0; i < 5; i++) {
        const struct facet_node *n = find(g, layers[i]), *dq = maker(g, n->inputs[1]);
        assert_string_equal(dq->op, "DequantizeLinear");
        assert_int_equal(facet_node_int(dq, "axis", 1), 0);
        const struct facet_value *w = &g->values[dq->inputs[0]], *s = &g->values[dq->inputs[1]];
        assert_int_equal(w->dtype, FACET_I8);
        assert_int_equal(s->shape.dim[0], w->shape.dim[0]);
        assert_string_equal(maker(g, n->inputs[2])->op, "DequantizeLinear");
        assert_int_equal(g->values[maker(g, n->inputs[2])->inputs[0]].dtype, FACET_I32);
    }
    assert_int_equal(facet_node_int(find(g, "out"), "transB", 0), 1);
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__inputs_and_outputs_stay_float(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_graph *g = quantised(q);
    assert_int_equal(g->values[g->inputs[0]].dtype, FACET_F32);
    assert_int_equal(g->values[g->outputs[0]].dtype, FACET_F32);
    assert_string_equal(maker(g, g->outputs[0])->op, "Gemm");
    assert_string_equal(g->values[g->outputs[0]].name, "out");
    assert_string_equal(facet_graph_meta(g, "facet.precision"), "int8");
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__an_activation_follows_its_layer_at_once(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_graph *g = quantised(q);
    assert_string_equal(maker(g, find(g, "a")->inputs[0])->op, "Conv");
    assert_string_equal(maker(g, find(g, "c")->inputs[0])->op, "Add");
    assert_string_equal(maker(g, find(g, "d")->inputs[0])->op, "Conv");
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__parts_of_a_concat_and_pools_share_steps(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_graph *g = quantised(q);
    float whole = scale_of(g, "joined");
    assert_true(scale_of(g, "c") == whole && scale_of(g, "d") == whole && scale_of(g, "pooled") == whole && scale_of(g, "flat") == whole);
    assert_true(scale_of(g, "a") != whole && scale_of(g, "in") != whole);
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__what_rounds_within_a_layer_goes_when_it_is_one_kernel(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_graph *g = quantised(q);
    struct facet_plan *p;
    assert_string_equal(maker(g, find(g, "b")->inputs[0])->op, "DequantizeLinear");
    assert_non_null(facet_graph_meta(g, "facet.inner"));
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){.backend = "ref"}), FACET_OK);
    const struct facet_graph *after = facet_plan_graph(p);
    assert_int_equal(count(after, "PRelu") + count(after, "Add") + count(after, "Relu"), 0);
    assert_int_equal(count(after, "QuantizeLinear") + count(after, "DequantizeLinear"), 0);
    facet_plan_close(&p);
    facet_quant_close(&q);
}

static void test_quant__a_layer_that_is_kept_has_float_weights(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    for (size_t i = 0; i < facet_quant_layers(q); i++)
        facet_quant_keep(q, i, !strcmp(facet_quant_layer(q, i).name, "conv_b"));
    struct facet_graph *g = quantised(q);
    assert_null(maker(g, find(g, "conv_b")->inputs[1]));
    assert_non_null(g->values[find(g, "conv_b")->inputs[1]].data);
    assert_non_null(maker(g, find(g, "conv_c")->inputs[1]));
    facet_graph_free(&g);
    for (size_t i = 0; i < facet_quant_layers(q); i++)
        facet_quant_keep(q, i, true);
    g = quantised(q);
    assert_int_equal(count(g, "QuantizeLinear"), 0);
    facet_graph_free(&g);
    facet_quant_close(&q);
}

/* ---- what it computes ---- */

static void test_quant__stays_near_the_float_network_by_every_method(void **state)
{
    static const enum facet_quant_method methods[] = {FACET_QUANT_MINMAX, FACET_QUANT_PERCENTILE, FACET_QUANT_ENTROPY, FACET_QUANT_MSE};
    for (size_t m = 0; m < 4; m++) {
        struct facet_quant_opts o = defaults;
        struct facet_quant_score s;
        o.method = methods[m];
        struct facet_quantiser *q = calibrated(o);
        struct facet_graph *g = quantised(q);
        assert_int_equal(facet_quant_compare(q, g, &held, &s), FACET_OK);
        assert_true(s.mean < (methods[m] == FACET_QUANT_ENTROPY ? 0.02 : 0.002) && s.mean > 0 && s.worst >= s.mean);
        facet_graph_free(&g);
        facet_quant_close(&q);
    }
}

static void test_quant__fake_and_real_8_bits_agree(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    float out[2][32];
    for (int real = 0; real < 2; real++) {
        struct facet_graph *g = quantised(q);
        struct facet_plan *p;
        struct facet_exec *e = NULL;
        struct facet_plan_opts o = {.passes_off = real ? 0 : FACET_PASS_STORE};
        assert_int_equal(facet_plan_open(&p, &g, &o), FACET_OK);
        assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
        assert_int_equal(fill(NULL, 0, e), FACET_OK);
        assert_int_equal(facet_exec_run(e), FACET_OK);
        memcpy(out[real], facet_exec_output(e, 0)->data, sizeof(out[real]));
        facet_exec_close(&e);
        facet_plan_close(&p);
    }
    float most = 0, apart = 0;
    for (int i = 0; i < 32; i++) {
        most = fmaxf(most, fabsf(out[0][i]));
        apart = fmaxf(apart, fabsf(out[0][i] - out[1][i]));
    }
    assert_true(apart < 0.05f * most);
    facet_quant_close(&q);
}

static void test_quant__scaling_channels_changes_nothing(void **state)
{
    struct facet_graph *before = make_net();
    struct facet_quant_score s;
    struct facet_quantiser *q = calibrated(defaults); /* its own network is scaled now */
    assert_int_equal(facet_graph_infer(before), FACET_OK);
    assert_int_equal(facet_quant_compare(q, before, &held, &s), FACET_OK);
    assert_true(s.worst < 1e-6);
    facet_graph_free(&before);
    facet_quant_close(&q);
}

static void test_quant__the_layers_that_hurt_are_kept_until_the_aim_is_met(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_quant_score all, some, every;
    assert_int_equal(facet_quant_sensitivity(q, &held), FACET_OK);
    for (size_t i = 0; i < facet_quant_layers(q); i++) {
        assert_true(facet_quant_layer(q, i).loss > 0 && facet_quant_layer(q, i).macs > 0);
        assert_false(facet_quant_layer(q, i).is_kept);
    }
    assert_int_equal(facet_quant_settle(q, &held, 1, 99, &all), FACET_OK);
    assert_int_equal(facet_quant_settle(q, &held, all.mean * 0.7, 99, &some), FACET_OK);
    assert_true(some.mean <= all.mean * 0.7);
    assert_int_equal(facet_quant_settle(q, &held, 0, 99, &every), FACET_OK); /* cannot be met but with all in float */
    assert_true(every.mean < 1e-6);
    facet_quant_close(&q);
}

static void test_quant__no_more_are_kept_than_allowed(void **state)
{
    struct facet_quantiser *q = calibrated(defaults);
    struct facet_quant_score s;
    size_t kept = 0;
    assert_int_equal(facet_quant_sensitivity(q, &held), FACET_OK);
    assert_int_equal(facet_quant_settle(q, &held, 0, 1, &s), FACET_OK);
    for (size_t i = 0; i < facet_quant_layers(q); i++)
        kept += facet_quant_layer(q, i).is_kept;
    assert_int_equal(kept, 1);
    facet_quant_close(&q);
}

/* ---- smaller weights ---- */

static double loss_after(int change, double by)
{
    struct facet_graph *g = make_net();
    struct facet_quantiser *q = open_quantiser(defaults);
    struct facet_quant_score s;
    int64_t zeros, weights;
    int err = change == 'c' ? facet_quant_cluster(g, (int)by) : change == 'p' ? facet_quant_prune(g, by, &zeros, &weights)
              : facet_quant_halve(g, change == 'h' ? FACET_F16 : FACET_BF16);
    if (err || facet_graph_check(g) || facet_graph_infer(g) || facet_quant_compare(q, g, &held, &s))
        fail_msg("%s", facet_error_text());
    facet_graph_free(&g);
    facet_quant_close(&q);
    return s.mean;
}

static void test_quant__halved_weights_lose_little(void **state)
{
    double half = loss_after('h', 0), brain = loss_after('b', 0);
    assert_true(half < 1e-6 && brain < 1e-4 && brain > half);
}

static void test_quant__more_values_lose_less(void **state)
{
    double few = loss_after('c', 4), many = loss_after('c', 64), most = loss_after('c', 256);
    assert_true(most < many && many < few && many < 0.01);
}

static void test_quant__pruning_takes_the_smallest(void **state)
{
    struct facet_graph *g = make_net();
    int64_t zeros, weights;
    assert_int_equal(facet_quant_prune(g, 0.25, &zeros, &weights), FACET_OK);
    assert_true(zeros >= weights / 4 - 5 && zeros <= weights / 4 + 5);
    assert_int_equal(facet_quant_prune(g, 1, &zeros, &weights), FACET_OK);
    assert_int_equal(zeros, weights);
    facet_graph_free(&g);
    assert_true(loss_after('p', 0.1) < loss_after('p', 0.5));
    assert_true(loss_after('p', 0) < 1e-9);
}

static void test_quant__a_table_stands_in_for_weights(void **state)
{
    struct facet_graph *g = make_net();
    assert_int_equal(facet_quant_cluster(g, 16), FACET_OK);
    const struct facet_node *mul = maker(g, find(g, "conv_b")->inputs[1]), *gather = maker(g, mul->inputs[0]);
    assert_int_equal(facet_shape_count(&g->values[mul->inputs[1]].shape), 8); /* a length for each output */
    assert_string_equal(gather->op, "Gather");
    assert_int_equal(g->values[gather->inputs[0]].shape.dim[0], 16);
    assert_int_equal(g->values[maker(g, gather->inputs[1])->inputs[0]].dtype, FACET_U8);
    facet_graph_free(&g);
}

/* ---- refusals ---- */

static void test_quant__refuses_numbers_out_of_range(void **state)
{
    struct facet_graph *g = make_net();
    int64_t zeros, weights;
    assert_int_equal(facet_quant_cluster(g, 1), FACET_E_INVALID);
    assert_int_equal(facet_quant_cluster(g, 257), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "2 to 256"));
    assert_int_equal(facet_quant_prune(g, -0.1, &zeros, &weights), FACET_E_INVALID);
    assert_int_equal(facet_quant_prune(g, 1.1, &zeros, &weights), FACET_E_INVALID);
    assert_int_equal(facet_quant_prune(g, NAN, &zeros, &weights), FACET_E_INVALID);
    assert_int_equal(facet_quant_halve(g, FACET_I8), FACET_E_INVALID);
    facet_graph_free(&g);
}

static void test_quant__refuses_what_is_quantised_already(void **state)
{
    struct facet_quantiser *q = calibrated(defaults), *again;
    struct facet_graph *g = quantised(q);
    assert_int_equal(facet_quant_open(&again, g, &defaults), FACET_E_UNSUPPORTED);
    assert_null(again);
    assert_non_null(strstr(facet_error_text(), "quantised already"));
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__refuses_a_network_without_weights(void **state)
{
    struct facet_graph *g;
    struct facet_quantiser *q;
    const struct facet_shape in = {2, {-1, 3}};
    int64_t zeros, weights;
    assert_int_equal(facet_graph_new(&g, "none", 13), FACET_OK);
    int x = facet_graph_input(g, "in", FACET_F32, &in);
    facet_graph_output(g, facet_graph_node(g, "Relu", "out", &x, 1, NULL));
    assert_int_equal(facet_quant_open(&q, g, &defaults), FACET_E_UNSUPPORTED);
    assert_int_equal(facet_quant_cluster(g, 16), FACET_E_UNSUPPORTED);
    assert_int_equal(facet_quant_prune(g, 0.5, &zeros, &weights), FACET_E_UNSUPPORTED);
    assert_int_equal(facet_quant_halve(g, FACET_BF16), FACET_E_UNSUPPORTED);
    facet_graph_free(&g);
}

static void test_quant__refuses_to_write_what_was_not_calibrated(void **state)
{
    struct facet_quantiser *q = open_quantiser(defaults);
    struct facet_graph *g;
    assert_int_equal(facet_quant_graph(q, &g), FACET_E_INVALID);
    assert_null(g);
    assert_int_equal(facet_quant_calibrate(q, &none), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "without inputs"));
    facet_quant_close(&q);
}

static void test_quant__refuses_an_old_softmax(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_quantiser *q;
    int x = facet_graph_find(g, "c"), at;
    facet_graph_output(g, facet_graph_node(g, "Softmax", "soft", &x, 1, &at));
    g->opset = 11;
    assert_int_equal(facet_quant_open(&q, g, &defaults), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "convert the model to opset 13"));
    facet_graph_free(&g);
}

static void test_quant__an_old_clip_gets_its_bounds_as_inputs(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_quantiser *q;
    int x = facet_graph_find(g, "c"), at;
    facet_graph_output(g, facet_graph_node(g, "Clip", "clipped", &x, 1, &at));
    facet_graph_attr_float(g, at, "max", 6);
    g->opset = 10;
    assert_int_equal(facet_quant_open(&q, g, &defaults), FACET_OK);
    assert_int_equal(facet_quant_calibrate(q, &seen), FACET_OK);
    struct facet_graph *out = quantised(q);
    assert_int_equal(out->opset, 13);
    assert_int_equal(find(out, "clipped")->n_inputs, 3);
    facet_graph_free(&out);
    facet_graph_free(&g);
    facet_quant_close(&q);
}

static void test_quant__ends_when_cancelled(void **state)
{
    atomic_int cancel = 1;
    struct facet_quant_opts o = defaults;
    o.cancel = &cancel;
    struct facet_quantiser *q = open_quantiser(o);
    assert_int_equal(facet_quant_calibrate(q, &seen), FACET_E_CANCELLED);
    facet_quant_close(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quant__weights_have_a_scale_for_each_output),
        cmocka_unit_test(test_quant__inputs_and_outputs_stay_float),
        cmocka_unit_test(test_quant__an_activation_follows_its_layer_at_once),
        cmocka_unit_test(test_quant__parts_of_a_concat_and_pools_share_steps),
        cmocka_unit_test(test_quant__what_rounds_within_a_layer_goes_when_it_is_one_kernel),
        cmocka_unit_test(test_quant__a_layer_that_is_kept_has_float_weights),
        cmocka_unit_test(test_quant__stays_near_the_float_network_by_every_method),
        cmocka_unit_test(test_quant__fake_and_real_8_bits_agree),
        cmocka_unit_test(test_quant__scaling_channels_changes_nothing),
        cmocka_unit_test(test_quant__the_layers_that_hurt_are_kept_until_the_aim_is_met),
        cmocka_unit_test(test_quant__no_more_are_kept_than_allowed),
        cmocka_unit_test(test_quant__halved_weights_lose_little),
        cmocka_unit_test(test_quant__more_values_lose_less),
        cmocka_unit_test(test_quant__pruning_takes_the_smallest),
        cmocka_unit_test(test_quant__a_table_stands_in_for_weights),
        cmocka_unit_test(test_quant__refuses_numbers_out_of_range),
        cmocka_unit_test(test_quant__refuses_what_is_quantised_already),
        cmocka_unit_test(test_quant__refuses_a_network_without_weights),
        cmocka_unit_test(test_quant__refuses_to_write_what_was_not_calibrated),
        cmocka_unit_test(test_quant__refuses_an_old_softmax),
        cmocka_unit_test(test_quant__an_old_clip_gets_its_bounds_as_inputs),
        cmocka_unit_test(test_quant__ends_when_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
