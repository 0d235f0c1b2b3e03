#include "engine/backends/xnnpack/xnnpack_priv.h"

#include <string.h>

static bool is_op(const struct facet_node *n, const char *op)
{
    return !*n->domain && strcmp(n->op, op) == 0;
}

static bool is_float(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 && !g->values[v].is_stored;
}

static bool is_const(const struct facet_graph *g, int v)
{
    return is_float(g, v) && g->values[v].data;
}

static int rank_of(const struct facet_graph *g, int v)
{
    return g->values[v].shape.rank;
}

static bool takes_epilogue(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_epilogue *e = &n->epi;
    bool is_slope = e->act == FACET_ACT_PRELU && is_const(g, e->slope);
    if (e->residual >= 0 && (e->residual_after || e->residual_scale != 1 || !is_float(g, e->residual)))
        return false;
    return e->act == FACET_ACT_NONE || e->act == FACET_ACT_RELU || e->act == FACET_ACT_CLIP || e->act == FACET_ACT_LEAKY || is_slope;
}

static bool heavy_fits(const struct facet_graph *g, const struct facet_node *n)
{
    if (n->n_inputs < 2 || !is_const(g, n->inputs[1]) || !takes_epilogue(g, n) || (n->n_inputs > 2 && n->inputs[2] >= 0 && !is_const(g, n->inputs[2])))
        return false;
    if (is_op(n, "Conv"))
        return rank_of(g, n->inputs[0]) == 4 && rank_of(g, n->inputs[1]) == 4;
    bool has_bias = n->n_inputs > 2 && n->inputs[2] >= 0;
    return rank_of(g, n->inputs[0]) == 2 && rank_of(g, n->inputs[1]) == 2 && !facet_node_int(n, "transA", 0) &&
           facet_node_float(n, "alpha", 1) == 1 && (!has_bias || (facet_node_float(n, "beta", 1) == 1 &&
           facet_shape_count(&g->values[n->inputs[2]].shape) == g->values[n->outputs[0]].shape.dim[1]));
}

static bool pool_fits(const struct facet_graph *g, const struct facet_node *n)
{
    int64_t k[2] = { 0, 0 };
    facet_node_ints(n, "kernel_shape", k, 2);
    return n->n_outputs == 1 && rank_of(g, n->inputs[0]) == 4 && k[0] * k[1] > 1 && !facet_node_int(n, "count_include_pad", 0);
}

/* Channels last: what goes along them is a row. */
static bool along_channels(const struct facet_graph *g, const struct facet_node *n, int64_t fallback)
{
    int rank = rank_of(g, n->inputs[0]);
    int64_t axis = facet_node_int(n, "axis", fallback);
    return (axis < 0 ? axis + rank : axis) == 1;
}

static bool parts_fit(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (!is_float(g, n->inputs[i]) || g->values[n->inputs[i]].data || rank_of(g, n->inputs[i]) != 4)
            return false;
    return along_channels(g, n, 0);
}

static bool prelu_fits(const struct facet_graph *g, const struct facet_node *n)
{
    int rank = rank_of(g, n->inputs[0]);
    return is_const(g, n->inputs[1]) && (rank == 2 || rank == 4) &&
           facet_shape_count(&g->values[n->inputs[1]].shape) == g->values[n->inputs[0]].shape.dim[1];
}

bool facet__xn_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    if (n->n_inputs < 1 || !is_float(g, n->inputs[0]) || g->values[n->inputs[0]].data || !is_float(g, n->outputs[0]))
        return false;
    if (strcmp(n->domain, "facet") == 0)
        return strcmp(n->op, "Layout") == 0 && rank_of(g, n->inputs[0]) == 4;
    if (is_op(n, "Conv") || is_op(n, "Gemm") || is_op(n, "MatMul"))
        return heavy_fits(g, n);
    if (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    if (is_op(n, "MaxPool") || is_op(n, "AveragePool"))
        return pool_fits(g, n);
    if (is_op(n, "GlobalAveragePool"))
        return rank_of(g, n->inputs[0]) == 4;
    if (is_op(n, "Concat"))
        return parts_fit(g, n);
    if (is_op(n, "PRelu"))
        return prelu_fits(g, n);
    if (is_op(n, "Softmax"))
        return (rank_of(g, n->inputs[0]) == 2 || (rank_of(g, n->inputs[0]) == 4 && g->opset >= 13)) && along_channels(g, n, g->opset < 13 ? 1 : -1);
    if (is_op(n, "Add"))
        return is_float(g, n->inputs[1]) && !g->values[n->inputs[1]].data && facet_shape_equal(&g->values[n->inputs[0]].shape, &g->values[n->inputs[1]].shape);
    return is_op(n, "Relu") || is_op(n, "LeakyRelu") || is_op(n, "Sigmoid");
}

enum facet_layout facet__xn_layout(const struct facet_graph *g, int node)
{
    return rank_of(g, g->nodes[node].inputs[0]) == 4 ? FACET_NHWC : FACET_NCHW;
}

unsigned facet__xn_strided(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    if (strcmp(n->domain, "facet") == 0 || is_op(n, "Add"))
        return 0;
    if (n->epi.residual >= 0)
        return FACET_STRIDED_IN;
    return FACET_STRIDED_IN | FACET_STRIDED_OUT;
}
