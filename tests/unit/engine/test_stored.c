/* Values kept in 8 or 16 bits: what the passes quantise and precision make of a network, that every pass
 * leaves its numbers within a step, and what is refused. The networks in 8 bits are those of ops.bin. */
#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- looking at graphs ---- */

static int count_op(const struct facet_graph *g, const char *op)
{
    int count = 0;
    for (int i = 0; i < g->n_nodes; i++)
        count += strcmp(g->nodes[i].op, op) == 0;
    return count;
}

static int count_stored(const struct facet_graph *g, enum facet_dtype t)
{
    int count = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_outputs; k++) {
            const struct facet_value *v = &g->values[g->nodes[i].outputs[k]];
            count += v->is_stored && v->store == t;
        }
    return count;
}

static const struct facet_node *first_op(const struct facet_graph *g, const char *op)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].op, op) == 0)
            return &g->nodes[i];
    fail_msg("there is no %s", op);
    return NULL;
}

/* ---- networks in 8 bits ---- */

struct opened {
    struct op_fixture f;
    struct op_case c;
    struct facet_plan *p;
    const struct facet_graph *g;
};

static void find_case(struct op_fixture *f, struct op_case *c, const char *name)
{
    op_fixture_open(f);
    while (op_fixture_next(f, c))
        if (strcmp(c->name, name) == 0)
            return;
    fail_msg("the fixture has no case '%s'", name);
}

static void open_case(struct opened *o, const char *name, const struct facet_plan_opts *opts)
{
    struct facet_graph *g = NULL;
    *o = (struct opened){0};
    find_case(&o->f, &o->c, name);
    if (facet_onnx_parse(&g, o->c.model, o->c.model_len, name) || facet_plan_open(&o->p, &g, opts))
        fail_msg("%s", facet_error_text());
    o->g = facet_plan_graph(o->p);
}

static void close_case(struct opened *o)
{
    facet_plan_close(&o->p);
    op_fixture_close(&o->f);
}

static void test_quantise__pairs_become_stored_values(void **state)
{
    struct opened o;
    open_case(&o, "qdq_conv", &(struct facet_plan_opts){.backend = "ref"});
    assert_int_equal(count_op(o.g, "QuantizeLinear") + count_op(o.g, "DequantizeLinear"), 0);
    assert_int_equal(count_op(o.g, "Cast"), 2); /* the picture's, and the output's */
    assert_int_equal(count_stored(o.g, FACET_U8), 2);
    const struct facet_node *conv = first_op(o.g, "Conv");
    const struct facet_value *w = &o.g->values[conv->inputs[1]], *y = &o.g->values[conv->outputs[0]];
    assert_true(w->is_stored && w->store == FACET_I8 && w->dtype == FACET_F32);
    assert_int_equal(w->bytes, 20 * 3 * 9);
    assert_int_equal(w->quant.n_scales, 20);
    assert_int_equal(w->quant.axis, 0);
    assert_true(y->is_stored && y->store == FACET_U8);
    assert_float_equal(y->quant.scale, 0.01f, 0);
    assert_int_equal(y->quant.zero, 0);
    assert_int_equal(conv->epi.act, FACET_ACT_RELU);
    close_case(&o);
}

static void test_quantise__residuals_are_read_as_they_are_kept(void **state)
{
    struct opened o;
    int stored = 0, plain = 0;
    open_case(&o, "qdq_residual", &(struct facet_plan_opts){.backend = "ref"});
    for (int i = 0; i < o.g->n_nodes; i++)
        if (o.g->nodes[i].epi.residual >= 0)
            *(o.g->values[o.g->nodes[i].epi.residual].is_stored ? &stored : &plain) += 1;
    assert_int_equal(count_op(o.g, "Add"), 0);
    assert_int_equal(stored, 1);
    assert_int_equal(plain, 1); /* on the convolution in float32 */
    close_case(&o);
}

static void test_quantise__parts_of_a_concat_are_rounded_as_the_whole(void **state)
{
    struct opened o;
    open_case(&o, "qdq_concat", &(struct facet_plan_opts){.backend = "ref"});
    const struct facet_node *n = first_op(o.g, "Concat");
    const struct facet_quant *whole = &o.g->values[n->outputs[0]].quant;
    for (int i = 0; i < 2; i++) {
        assert_float_equal(o.g->values[n->inputs[i]].quant.scale, whole->scale, 0);
        assert_int_equal(o.g->values[n->inputs[i]].quant.zero, whole->zero);
    }
    close_case(&o);
}

static void test_quantise__a_concat_in_8_bits_is_written_in_place(void **state)
{
    for (int alone = 0; alone < 2; alone++) {
        struct opened o;
        struct facet_exec *e = NULL;
        open_case(&o, "qdq_inplace", &(struct facet_plan_opts){.passes_off = alone ? FACET_PASS_CONCAT_IN_PLACE : 0});
        assert_int_equal(facet_exec_open(&e, o.p, NULL), FACET_OK);
        for (int i = 0; i < o.g->n_nodes; i++)
            if (strcmp(o.g->nodes[i].op, "Concat") == 0)
                assert_int_equal(facet_exec_node_bytes(e, i), alone ? 2 * 64 * 4 * 5 : 0);
        assert_int_equal(count_op(o.g, "Concat"), 1);
        facet_exec_close(&e);
        close_case(&o);
    }
}

static void test_quantise__a_product_the_other_way_round_is_turned(void **state)
{
    struct opened o;
    open_case(&o, "qdq_signed", &(struct facet_plan_opts){.backend = "ref"});
    const struct facet_node *n = first_op(o.g, "Gemm");
    const struct facet_value *w = &o.g->values[n->inputs[1]];
    assert_int_equal(facet_node_int(n, "transB", 0), 1);
    assert_true(w->is_stored);
    assert_int_equal(w->shape.dim[0], 5);
    assert_int_equal(w->quant.n_scales, 5);
    close_case(&o);
}

static void test_quantise__what_cannot_stay_is_left_in_float32(void **state)
{
    struct opened o;
    open_case(&o, "qdq_mixed", &(struct facet_plan_opts){.backend = "ref"});
    assert_int_equal(count_op(o.g, "Conv"), 2);
    for (int i = 0; i < o.g->n_nodes; i++) {
        const struct facet_node *n = &o.g->nodes[i];
        if (strcmp(n->op, "Conv") != 0)
            continue;
        assert_false(o.g->values[n->inputs[0]].is_stored);
        assert_false(o.g->values[n->inputs[1]].is_stored);
        assert_non_null(o.g->values[n->inputs[1]].data); /* its DequantizeLinear was folded */
    }
    assert_int_equal(count_op(o.g, "DequantizeLinear"), 0);
    close_case(&o);
}

static void test_quantise__nothing_is_stored_when_not_asked_for(void **state)
{
    static const struct facet_plan_opts plain[] = {
        {.backend = "ref", .passes_off = FACET_PASS_STORE}, {.backend = "cpu", .precision = FACET_PRECISION_F32},
    };
    for (int i = 0; i < 2; i++) {
        struct opened o;
        open_case(&o, "qdq_residual", &plain[i]);
        assert_int_equal(count_stored(o.g, FACET_U8), 0);
        assert_true(count_op(o.g, "QuantizeLinear") > 0);
        close_case(&o);
    }
}

static unsigned run_case(const struct op_case *c, const struct facet_plan_opts *opts)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    unsigned wrong = 0;
    if (facet_onnx_parse(&g, c->model, c->model_len, c->name) || facet_plan_open(&p, &g, opts) || facet_exec_open(&e, p, NULL) ||
        facet_exec_bind(e, &c->in[0].shape, 1))
        fail_msg("%s", facet_error_text());
    memcpy(facet_exec_input(e, 0)->data, c->in[0].data, (size_t)facet_shape_count(&c->in[0].shape) * sizeof(float));
    if (facet_exec_run(e))
        fail_msg("%s", facet_error_text());
    for (uint32_t k = 0; k < c->n_out; k++) {
        const float *got = facet_exec_output(e, (int)k)->data;
        for (int64_t i = 0; i < facet_shape_count(&c->out[k].shape); i++) {
            float want;
            memcpy(&want, (const char *)c->out[k].data + i * 4, 4);
            wrong += !(fabsf(got[i] - want) <= c->tolerance * (1 + fabsf(want)));
        }
    }
    facet_exec_close(&e);
    facet_plan_close(&p);
    return wrong;
}

static void test_quantise__every_pass_alone_or_left_out_stays_within_a_step(void **state)
{
    struct op_fixture f;
    struct op_case c;
    unsigned cases = 0;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c)) {
        if (strncmp(c.name, "qdq_", 4) != 0)
            continue;
        cases++;
        for (unsigned flag = 1; flag <= FACET_PASS_ALL; flag <<= 1)
            for (int cpu = 0; cpu < 2; cpu++) {
                const char *backend = cpu ? "cpu" : "ref";
                unsigned alone = run_case(&c, &(struct facet_plan_opts){.backend = backend, .passes = flag});
                unsigned beside = run_case(&c, &(struct facet_plan_opts){.backend = backend, .passes = flag | FACET_PASS_STORE});
                unsigned out = run_case(&c, &(struct facet_plan_opts){.backend = backend, .passes_off = flag});
                if (alone || beside || out)
                    fail_msg("%s on %s, pass 0x%x: %u numbers off alone, %u with store, %u without it", c.name, backend, flag, alone, beside, out);
            }
    }
    op_fixture_close(&f);
    assert_true(cases >= 7);
}

/* ---- bfloat16 ---- */

static int constant(struct facet_graph *g, struct facet_rng *rng, const struct facet_shape *s)
{
    size_t count = (size_t)facet_shape_count(s);
    float *data = malloc(count * sizeof(float));
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = 0.4f * facet_rng_normal(rng);
    return facet_graph_const_take(g, NULL, FACET_F32, s, data);
}

static int conv(struct facet_graph *g, struct facet_rng *rng, int x, const char *name, int64_t from, int64_t to)
{
    struct facet_shape w = {4, {to, from, 3, 3}}, b = {1, {to}};
    int64_t pads[4] = {1, 1, 1, 1};
    int in[3] = {x, constant(g, rng, &w), constant(g, rng, &b)}, node;
    int v = facet_graph_node(g, "Conv", name, in, 3, &node);
    assert_int_equal(facet_graph_attr_ints(g, node, "pads", pads, 4), FACET_OK);
    return v;
}

/* Relu (an island), two convolutions with a sum, a pool, a product, Softmax. */
static struct facet_graph *float_net(const char *precision)
{
    struct facet_graph *g = NULL;
    struct facet_rng rng;
    struct facet_shape in = {4, {2, 3, 6, 5}}, w = {2, {7, 12}};
    facet_rng_seed(&rng, 11);
    assert_int_equal(facet_graph_new(&g, "floats", 13), FACET_OK);
    int x = facet_graph_input(g, "in", FACET_F32, &in);
    x = facet_graph_node(g, "LeakyRelu", "island", &x, 1, NULL);
    int a = conv(g, &rng, x, "a", 3, 12);
    a = facet_graph_node(g, "Relu", "ar", &a, 1, NULL);
    int sum[2] = {a, conv(g, &rng, a, "b", 12, 12)};
    int v = facet_graph_node(g, "Add", "sum", sum, 2, NULL);
    v = facet_graph_node(g, "GlobalAveragePool", "mean", &v, 1, NULL);
    v = facet_graph_node(g, "Flatten", "flat", &v, 1, NULL);
    int node, product[2] = {v, constant(g, &rng, &w)};
    v = facet_graph_node(g, "Gemm", "product", product, 2, &node);
    assert_int_equal(facet_graph_attr_int(g, node, "transB", 1), FACET_OK);
    assert_int_equal(facet_graph_output(g, v), FACET_OK);
    v = facet_graph_node(g, "Softmax", "odds", &v, 1, NULL);
    assert_int_equal(facet_graph_output(g, v), FACET_OK);
    if (precision)
        assert_int_equal(facet_graph_meta_set(g, "facet.precision", precision), FACET_OK);
    return g;
}

static struct facet_plan *float_plan(const char *precision, const struct facet_plan_opts *o)
{
    struct facet_graph *g = float_net(precision);
    struct facet_plan *p = NULL;
    if (facet_plan_open(&p, &g, o))
        fail_msg("%s", facet_error_text());
    return p;
}

static void run_plan(struct facet_plan *p, float out[14])
{
    struct facet_exec *e = NULL;
    struct facet_rng rng;
    facet_rng_seed(&rng, 5);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    for (int i = 0; i < 2 * 3 * 30; i++)
        ((float *)facet_exec_input(e, 0)->data)[i] = facet_rng_normal(&rng);
    assert_int_equal(facet_exec_run(e), FACET_OK);
    assert_int_equal(facet_exec_output(e, 0)->dtype, FACET_F32);
    memcpy(out, facet_exec_output(e, 0)->data, 14 * sizeof(float));
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_precision__values_between_convolutions_are_in_16_bits(void **state)
{
    struct facet_plan *p = float_plan(NULL, &(struct facet_plan_opts){.backend = "ref", .precision = FACET_PRECISION_BF16});
    const struct facet_graph *g = facet_plan_graph(p);
    const struct facet_node *conv_a = first_op(g, "Conv"), *product = first_op(g, "Gemm");
    assert_true(g->values[conv_a->inputs[0]].is_stored);
    assert_true(g->values[conv_a->outputs[0]].is_stored);
    assert_false(g->values[conv_a->inputs[1]].is_stored);                     /* weights are rounded when packed */
    assert_false(g->values[first_op(g, "LeakyRelu")->outputs[0]].is_stored); /* an island */
    assert_true(g->values[product->inputs[0]].is_stored);
    assert_false(g->values[product->outputs[0]].is_stored);                  /* an output; Softmax reads it rounded */
    assert_int_equal(count_op(g, "Cast"), 2);
    assert_int_equal(count_stored(g, FACET_BF16), 6);                        /* picture, a, sum, mean, flat, product */
    facet_plan_close(&p);
}

static void test_precision__results_are_nearly_those_of_float32(void **state)
{
    static const char *const backends[] = {"ref", "cpu"};
    float plain[14], half[14];
    run_plan(float_plan(NULL, &(struct facet_plan_opts){.backend = "ref"}), plain);
    for (int b = 0; b < 2; b++)
        for (unsigned flag = 0; flag <= FACET_PASS_ALL; flag = flag ? flag << 1 : 1) {
            run_plan(float_plan(NULL, &(struct facet_plan_opts){.backend = backends[b], .precision = FACET_PRECISION_BF16, .passes_off = flag}), half);
            for (int i = 0; i < 14; i++)
                if (!(fabsf(half[i] - plain[i]) <= 0.03f * (1 + fabsf(plain[i]))))
                    fail_msg("%s without 0x%x: number %d is %g instead of %g", backends[b], flag, i, (double)half[i], (double)plain[i]);
        }
}

/* Odd numbers of channels, groups, strides: what lies behind the last channel must not count. */
static void test_precision__every_convolution_and_product_is_near(void **state)
{
    struct op_fixture f;
    struct op_case c;
    unsigned cases = 0, wrong = 0;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c)) {
        bool is_conv = !strncmp(c.name, "conv_", 5) && strncmp(c.name, "conv_integer", 12), is_product = !strncmp(c.name, "gemm", 4);
        if ((!is_conv && !is_product) || c.n_in != 1)
            continue;
        cases++;
        c.tolerance = 0.05f;
        for (int cpu = 0; cpu < 2; cpu++) {
            unsigned off = run_case(&c, &(struct facet_plan_opts){.backend = cpu ? "cpu" : "ref", .precision = FACET_PRECISION_BF16});
            if (off)
                print_error("%s on %s: %u numbers differ\n", c.name, cpu ? "cpu" : "ref", off);
            wrong += off;
        }
    }
    op_fixture_close(&f);
    assert_true(cases > 20);
    assert_int_equal(wrong, 0);
}

static void test_precision__the_model_may_ask_for_it(void **state)
{
    static const struct { const char *says; enum facet_precision asked; bool stores; } cases[] = {
        {NULL, FACET_PRECISION_MODEL, false},     {"bf16", FACET_PRECISION_MODEL, true},   {"bf16", FACET_PRECISION_F32, false},
        {"fp32", FACET_PRECISION_MODEL, false},   {"int8", FACET_PRECISION_MODEL, false},  {"fp16", FACET_PRECISION_MODEL, false},
        {"fp32", FACET_PRECISION_BF16, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_plan *p = float_plan(cases[i].says, &(struct facet_plan_opts){.backend = "ref", .precision = cases[i].asked});
        assert_int_equal(count_stored(facet_plan_graph(p), FACET_BF16) > 0, cases[i].stores);
        facet_plan_close(&p);
    }
}

static void test_precision__an_unknown_one_is_refused_by_name(void **state)
{
    static const char *const wrong[] = {"bf8", "", "BF16"};
    for (int i = 0; i < 3; i++) {
        struct facet_graph *g = float_net(wrong[i]);
        struct facet_plan *p = NULL;
        assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_E_UNSUPPORTED);
        assert_null(p);
        assert_non_null(strstr(facet_error_text(), "precision"));
        assert_non_null(strstr(facet_error_text(), "floats"));
    }
}

/* Files of optimise --fp16 hold weights in float16 behind a Cast. */
static void test_precision__weights_of_16_bits_in_the_file_become_floats(void **state)
{
    static const enum facet_dtype types[] = {FACET_F16, FACET_BF16};
    static const uint16_t ones[] = {0x3c00, 0x3f80}; /* 1, and -1.5 is */
    static const uint16_t others[] = {0xbe00, 0xbfc0};
    for (int i = 0; i < 2; i++) {
        struct facet_graph *g = NULL;
        struct facet_plan *p = NULL;
        struct facet_exec *e = NULL;
        struct facet_shape in = {2, {1, 2}}, w = {2, {2, 2}};
        const uint16_t half[4] = {ones[i], 0, others[i], ones[i]};
        assert_int_equal(facet_graph_new(&g, "halves", 13), FACET_OK);
        int x = facet_graph_input(g, "in", FACET_F32, &in), c = facet_graph_const(g, "w", types[i], &w, half), node;
        c = facet_graph_node(g, "Cast", "wide", &c, 1, &node);
        assert_int_equal(facet_graph_attr_int(g, node, "to", 1), FACET_OK);
        int product[2] = {x, c}, y = facet_graph_node(g, "MatMul", "y", product, 2, NULL);
        assert_int_equal(facet_graph_output(g, y), FACET_OK);
        assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
        assert_int_equal(count_op(facet_plan_graph(p), "Cast"), 0);
        assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
        ((float *)facet_exec_input(e, 0)->data)[0] = 2;
        ((float *)facet_exec_input(e, 0)->data)[1] = 10;
        assert_int_equal(facet_exec_run(e), FACET_OK);
        assert_float_equal(((const float *)facet_exec_output(e, 0)->data)[0], 2 - 15, 0);
        assert_float_equal(((const float *)facet_exec_output(e, 0)->data)[1], 10, 0);
        facet_exec_close(&e);
        facet_plan_close(&p);
    }
}

static void test_precision__8_and_16_bits_go_together(void **state)
{
    static const char *const backends[] = {"ref", "cpu"};
    struct op_fixture f;
    struct op_case c;
    find_case(&f, &c, "qdq_mixed");
    c.tolerance = 0.06f;
    for (int b = 0; b < 2; b++)
        assert_int_equal(run_case(&c, &(struct facet_plan_opts){.backend = backends[b], .precision = FACET_PRECISION_BF16}), 0);
    op_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantise__pairs_become_stored_values),
        cmocka_unit_test(test_quantise__residuals_are_read_as_they_are_kept),
        cmocka_unit_test(test_quantise__parts_of_a_concat_are_rounded_as_the_whole),
        cmocka_unit_test(test_quantise__a_concat_in_8_bits_is_written_in_place),
        cmocka_unit_test(test_quantise__a_product_the_other_way_round_is_turned),
        cmocka_unit_test(test_quantise__what_cannot_stay_is_left_in_float32),
        cmocka_unit_test(test_quantise__nothing_is_stored_when_not_asked_for),
        cmocka_unit_test(test_quantise__every_pass_alone_or_left_out_stays_within_a_step),
        cmocka_unit_test(test_precision__values_between_convolutions_are_in_16_bits),
        cmocka_unit_test(test_precision__results_are_nearly_those_of_float32),
        cmocka_unit_test(test_precision__every_convolution_and_product_is_near),
        cmocka_unit_test(test_precision__the_model_may_ask_for_it),
        cmocka_unit_test(test_precision__an_unknown_one_is_refused_by_name),
        cmocka_unit_test(test_precision__weights_of_16_bits_in_the_file_become_floats),
        cmocka_unit_test(test_precision__8_and_16_bits_go_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
