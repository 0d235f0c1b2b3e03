#include "engine/backends/ref/ref_priv.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* One function of one number; the node's attributes come along in `e`. */
typedef float unary_fn(const struct facet_epilogue *e, float v);

static float relu(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_RELU, e, 0, v); }
static float leaky(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_LEAKY, e, 0, v); }
static float clip(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_CLIP, e, 0, v); }
static float sigmoid(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_SIGMOID, e, 0, v); }
static float tangent(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_TANH, e, 0, v); }
static float hswish(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_HARD_SWISH, e, 0, v); }
static float hsigmoid(const struct facet_epilogue *e, float v) { return facet_ref_activate(FACET_ACT_HARD_SIGMOID, e, 0, v); }
static float elu(const struct facet_epilogue *e, float v) { return v >= 0 ? v : e->alpha * (expf(v) - 1.0f); }
static float exponential(const struct facet_epilogue *e, float v) { return expf(v); }
static float logarithm(const struct facet_epilogue *e, float v) { return logf(v); }
static float root(const struct facet_epilogue *e, float v) { return sqrtf(v); }
static float negative(const struct facet_epilogue *e, float v) { return -v; }
static float absolute(const struct facet_epilogue *e, float v) { return fabsf(v); }
static float lower(const struct facet_epilogue *e, float v) { return floorf(v); }
static float upper(const struct facet_epilogue *e, float v) { return ceilf(v); }

static const struct unary {
    const char *op;
    unary_fn *fn;
    float alpha, beta; /* defaults of the attributes */
} unaries[] = {
    {"Relu", relu, 0, 0},       {"LeakyRelu", leaky, 0.01f, 0},   {"Clip", clip, 0, 0},        {"Sigmoid", sigmoid, 0, 0},
    {"Tanh", tangent, 0, 0},    {"HardSwish", hswish, 0, 0},      {"Elu", elu, 1, 0},          {"HardSigmoid", hsigmoid, 0.2f, 0.5f},
    {"Exp", exponential, 0, 0}, {"Log", logarithm, 0, 0},         {"Sqrt", root, 0, 0},        {"Neg", negative, 0, 0},
    {"Abs", absolute, 0, 0},    {"Floor", lower, 0, 0},           {"Ceil", upper, 0, 0},
};

static float bound(const struct facet_node *n, const struct facet_run *r, int i, const char *name, float fallback)
{
    const float *given = facet_ref_floats(r, i);
    return given ? *given : facet_node_float(n, name, fallback);
}

static int run_unary(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct unary *u = unaries;
    while (strcmp(u->op, n->op) != 0)
        u++;
    struct facet_epilogue e = {.alpha = facet_node_float(n, "alpha", u->alpha), .beta = facet_node_float(n, "beta", u->beta)};
    e.lo = bound(n, r, 1, "min", -FLT_MAX);
    e.hi = bound(n, r, 2, "max", FLT_MAX);
    const float *x = r->in[0]->data;
    float *y = r->out[0]->data;
    size_t count = facet_ref_count(r->out[0]);
    for (size_t i = 0; i < count; i++)
        y[i] = u->fn(&e, x[i]);
    return 0;
}

const struct facet_ref_op facet_ref_unary[] = {
    {"Relu", run_unary}, {"LeakyRelu", run_unary}, {"Clip", run_unary}, {"Sigmoid", run_unary}, {"Tanh", run_unary},
    {"HardSwish", run_unary}, {"Elu", run_unary}, {"HardSigmoid", run_unary}, {"Exp", run_unary}, {"Log", run_unary},
    {"Sqrt", run_unary}, {"Neg", run_unary}, {"Abs", run_unary}, {"Floor", run_unary}, {"Ceil", run_unary}, {0},
};
