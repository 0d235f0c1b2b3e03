/* Residual sums and activations are hung on the node whose result they take, when its back end says
 * it can run them there. One walk in order: conv, add, relu becomes one node, and so does conv, relu,
 * add (the sum after the activation). */
#include "base/errors.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <float.h>
#include <string.h>

static bool takes_epilogue(const struct facet_node *n)
{
    static const char *const ops[] = {"Conv", "Gemm", "MatMul", "Add", "BatchNormalization", NULL};
    for (int i = 0; n->op && ops[i]; i++)
        if (strcmp(n->op, ops[i]) == 0)
            return true;
    return false;
}

/* ---- activations ---- */

static bool read_bound(const struct facet_graph *g, const struct facet_node *n, int i, const char *name, float *out)
{
    *out = facet_node_float(n, name, *out);
    if (i >= n->n_inputs || n->inputs[i] < 0)
        return true;
    const float *v = facet_pass_floats(g, n->inputs[i], 1);
    *out = v ? *v : 0;
    return v != NULL;
}

static bool read_clip(const struct facet_graph *g, const struct facet_node *n, struct facet_epilogue *e)
{
    e->lo = -FLT_MAX;
    e->hi = FLT_MAX;
    if (!read_bound(g, n, 1, "min", &e->lo) || !read_bound(g, n, 2, "max", &e->hi))
        return false;
    e->act = e->lo == 0 && e->hi == FLT_MAX ? FACET_ACT_RELU : FACET_ACT_CLIP;
    return true;
}

static bool read_prelu(const struct facet_graph *g, const struct facet_node *n, struct facet_epilogue *e)
{
    const struct facet_value *s = &g->values[n->inputs[1]];
    const struct facet_shape *y = &g->values[n->outputs[0]].shape;
    if (!s->data || s->dtype != FACET_F32 || y->rank < 2)
        return false;
    for (int i = 0; i < s->shape.rank; i++)
        if (s->shape.dim[i] != 1 && (i + y->rank - s->shape.rank != 1 || s->shape.dim[i] != y->dim[1]))
            return false;
    e->act = FACET_ACT_PRELU;
    e->slope = n->inputs[1];
    return true;
}

static bool read_activation(const struct facet_graph *g, const struct facet_node *n, struct facet_epilogue *e)
{
    static const struct { const char *op; enum facet_act act; float alpha, beta; } plain[] = {
        {"Relu", FACET_ACT_RELU, 0, 0},           {"LeakyRelu", FACET_ACT_LEAKY, 0.01f, 0},
        {"Sigmoid", FACET_ACT_SIGMOID, 0, 0},     {"Tanh", FACET_ACT_TANH, 0, 0},
        {"HardSwish", FACET_ACT_HARD_SWISH, 0, 0}, {"HardSigmoid", FACET_ACT_HARD_SIGMOID, 0.2f, 0.5f},
    };
    if (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    if (strcmp(n->op, "Clip") == 0)
        return read_clip(g, n, e);
    if (strcmp(n->op, "PRelu") == 0)
        return read_prelu(g, n, e);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(n->op, plain[i].op) != 0)
            continue;
        e->act = plain[i].act;
        e->alpha = facet_node_float(n, "alpha", plain[i].alpha);
        e->beta = facet_node_float(n, "beta", plain[i].beta);
        return true;
    }
    return false;
}

/* Hangs `e` on `node` if whoever would run it without still runs it with; false: nothing changed. */
static bool accept(struct facet_graph *g, int node, const struct facet_epilogue *e, const struct facet_backend_ops *preferred)
{
    struct facet_epilogue before = g->nodes[node].epi;
    const struct facet_backend_ops *backend = facet_pass_backend(g, node, preferred);
    g->nodes[node].epi = *e;
    if (backend && facet_pass_backend(g, node, preferred) == backend)
        return true;
    g->nodes[node].epi = before;
    return false;
}

static void fuse_activation(struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    int x = g->nodes[i].inputs[0], node = x >= 0 ? g->values[x].producer : -1;
    if (node < 0 || !takes_epilogue(&g->nodes[node]) || facet_graph_uses(g, x) != 1)
        return;
    struct facet_epilogue e = g->nodes[node].epi;
    if (e.act != FACET_ACT_NONE || e.residual_after || !read_activation(g, &g->nodes[i], &e) || !accept(g, node, &e, preferred))
        return;
    facet_pass_take_output(g, node, i, g->nodes[i].outputs[0]);
}

/* ---- residuals ---- */

static bool can_add(const struct facet_graph *g, int value, int other)
{
    int node = g->values[value].producer;
    if (node < 0 || !g->nodes[node].op || (strcmp(g->nodes[node].op, "Conv") != 0 && strcmp(g->nodes[node].op, "Gemm") != 0))
        return false;
    return g->nodes[node].epi.residual < 0 && value != other && facet_graph_uses(g, value) == 1 && !g->values[other].data &&
           g->values[other].shape.rank == g->values[value].shape.rank;
}

/* Equal where both are known, free where either is: nothing may be spread. */
static bool same_shape(const struct facet_graph *g, int a, int b)
{
    return facet_shape_equal(&g->values[a].shape, &g->values[b].shape);
}

static void fuse_residual(struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    const struct facet_node *n = &g->nodes[i];
    if (strcmp(n->op, "Add") != 0 || n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0 || !same_shape(g, n->inputs[0], n->inputs[1]))
        return;
    bool first = can_add(g, n->inputs[0], n->inputs[1]), second = can_add(g, n->inputs[1], n->inputs[0]);
    if (!first && !second)
        return;
    if (first && second) /* the later one: the other sum is there by then */
        first = g->values[n->inputs[0]].producer > g->values[n->inputs[1]].producer;
    int value = n->inputs[first ? 0 : 1], other = n->inputs[first ? 1 : 0], node = g->values[value].producer;
    struct facet_epilogue e = g->nodes[node].epi;
    e.residual = other;
    e.residual_scale = 1.0f;
    e.residual_after = e.act != FACET_ACT_NONE;
    if (accept(g, node, &e, preferred))
        facet_pass_take_output(g, node, i, n->outputs[0]);
}

int facet_pass_fuse(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i].op && !*g->nodes[i].domain && (flags & FACET_PASS_FUSE_RESIDUAL))
            fuse_residual(g, i, preferred);
        if (g->nodes[i].op && !*g->nodes[i].domain && (flags & FACET_PASS_FUSE_ACT))
            fuse_activation(g, i, preferred);
    }
    return FACET_OK;
}
