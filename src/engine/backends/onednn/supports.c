/* What may come here, and by whom it is built. */
#include "engine/backends/onednn/onednn_priv.h"

#include <string.h>

static const struct { const char *op; facet__dn_build_fn *build; } builders[] = {
    { "Conv", facet__dn_conv }, { "Gemm", facet__dn_conv }, { "MatMul", facet__dn_conv },
    { "PRelu", facet__dn_prelu_node },
    { "Relu", facet__dn_eltwise }, { "LeakyRelu", facet__dn_eltwise }, { "Clip", facet__dn_eltwise }, { "Sigmoid", facet__dn_eltwise },
    { "Tanh", facet__dn_eltwise }, { "Sqrt", facet__dn_eltwise }, { "Exp", facet__dn_eltwise }, { "Abs", facet__dn_eltwise },
    { "Add", facet__dn_binary }, { "Sub", facet__dn_binary }, { "Mul", facet__dn_binary }, { "Div", facet__dn_binary },
    { "Max", facet__dn_binary }, { "Min", facet__dn_binary },
    { "MaxPool", facet__dn_pool }, { "AveragePool", facet__dn_pool }, { "GlobalAveragePool", facet__dn_pool }, { "GlobalMaxPool", facet__dn_pool },
    { "Softmax", facet__dn_softmax }, { "Concat", facet__dn_concat },
    { "Reshape", facet__dn_view }, { "Flatten", facet__dn_view }, { "Squeeze", facet__dn_view }, { "Unsqueeze", facet__dn_view },
    { "Identity", facet__dn_view }, { "Dropout", facet__dn_view },
    { "Transpose", facet__dn_transpose }, { "Cast", facet__dn_cast },
};

facet__dn_build_fn *facet__dn_builder(const struct facet_node *n)
{
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
        if (!*n->domain && strcmp(builders[i].op, n->op) == 0)
            return builders[i].build;
    return NULL;
}

/* ---- one thing each ---- */

static bool is_float(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 && facet__dn_type(facet_value_store(&g->values[v])) != dnnl_data_type_undef;
}

static bool is_const(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].data != NULL;
}

static int rank_of(const struct facet_graph *g, int v)
{
    return v >= 0 ? g->values[v].shape.rank : -1;
}

static bool takes_epilogue(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_epilogue *e = &n->epi;
    bool knows = e->act == FACET_ACT_NONE || e->act == FACET_ACT_RELU || e->act == FACET_ACT_CLIP || e->act == FACET_ACT_LEAKY ||
                 e->act == FACET_ACT_PRELU || e->act == FACET_ACT_SIGMOID || e->act == FACET_ACT_TANH;
    bool is_bent = e->act == FACET_ACT_SIGMOID || e->act == FACET_ACT_TANH; /* not the same in steps of the output */
    if (is_bent && facet_value_store(&g->values[n->outputs[0]]) == FACET_U8)
        return false;
    if (e->residual >= 0 && e->act == FACET_ACT_PRELU && e->residual_after)
        return false; /* PReLU stands behind everything else */
    return knows && (e->residual < 0 || (is_float(g, e->residual) && e->residual_scale == 1));
}

/* Slopes by channel are [C,1,1], or [1,C,1,1]; one for all is a LeakyRelu in disguise and comes here, too. */
static bool has_slopes(const struct facet_graph *g, int v)
{
    return is_const(g, v) && g->values[v].dtype == FACET_F32 && !g->values[v].is_stored;
}

static bool conv_fits(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *w = &g->values[n->inputs[1]].shape;
    return w->rank == 4 && rank_of(g, n->inputs[0]) == 4 && w->dim[0] % facet_node_int(n, "group", 1) == 0;
}

static bool product_fits(const struct facet_graph *g, const struct facet_node *n)
{
    bool has_bias = n->n_inputs > 2 && n->inputs[2] >= 0;
    int64_t outs = g->values[n->outputs[0]].shape.dim[1];
    return rank_of(g, n->inputs[0]) == 2 && rank_of(g, n->inputs[1]) == 2 && !facet_node_int(n, "transA", 0) &&
           facet_node_float(n, "alpha", 1) == 1 && (!has_bias || (facet_node_float(n, "beta", 1) == 1 &&
           facet_shape_count(&g->values[n->inputs[2]].shape) == outs));
}

static bool heavy_fits(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *w = n->n_inputs > 1 && n->inputs[1] >= 0 ? &g->values[n->inputs[1]] : NULL;
    if (!w || !w->data || w->dtype != FACET_F32 || !is_float(g, n->inputs[0]) || !takes_epilogue(g, n))
        return false;
    if (n->n_inputs > 2 && n->inputs[2] >= 0 && !has_slopes(g, n->inputs[2]))
        return false;
    if (n->epi.act == FACET_ACT_PRELU && !has_slopes(g, n->epi.slope))
        return false;
    bool bytes = facet_value_store(&g->values[n->inputs[0]]) == FACET_U8;
    if (bytes != (facet_value_store(w) == FACET_I8))
        return false;
    return !strcmp(n->op, "Conv") ? conv_fits(g, n) : product_fits(g, n);
}

static bool binary_fits(const struct facet_graph *g, const struct facet_node *n)
{
    int a = n->inputs[0], b = n->inputs[1];
    if (n->n_inputs != 2 || !is_float(g, a) || !is_float(g, b) || is_const(g, a) || rank_of(g, a) < 1)
        return false;
    if (is_const(g, b))
        return rank_of(g, b) <= rank_of(g, a) && !g->values[b].is_stored;
    return facet_shape_equal(&g->values[a].shape, &g->values[b].shape);
}

static bool all_alike(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (!is_float(g, n->inputs[i]) || is_const(g, n->inputs[i]))
            return false;
    return n->n_inputs < DN_MAX_ARGS;
}

static bool pool_fits(const struct facet_graph *g, const struct facet_node *n)
{
    int64_t d[2] = { 1, 1 };
    facet_node_ints(n, "dilations", d, 2);
    return n->n_outputs == 1 && rank_of(g, n->inputs[0]) == 4 && d[0] == 1 && d[1] == 1;
}

static bool clip_fits(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 1; i < n->n_inputs; i++)
        if (n->inputs[i] >= 0 && !is_const(g, n->inputs[i]))
            return false;
    return true;
}

bool facet__dn_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    facet__dn_build_fn *build = facet__dn_builder(n);
    if (facet_node_is_subgraph(n))
        return true;
    if (!build || n->inputs[0] < 0 || n->outputs[0] < 0 || !is_float(g, n->inputs[0]) || is_const(g, n->inputs[0]) ||
        !is_float(g, n->outputs[0]) || rank_of(g, n->outputs[0]) < 1)
        return false;
    if (build == facet__dn_conv)
        return heavy_fits(g, n);
    if (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    if (build == facet__dn_binary)
        return binary_fits(g, n);
    if (build == facet__dn_pool)
        return pool_fits(g, n);
    if (build == facet__dn_concat)
        return all_alike(g, n);
    if (build == facet__dn_prelu_node)
        return rank_of(g, n->inputs[0]) >= 2 && has_slopes(g, n->inputs[1]) &&
               facet_shape_count(&g->values[n->inputs[1]].shape) == g->values[n->inputs[0]].shape.dim[1];
    if (build == facet__dn_eltwise)
        return strcmp(n->op, "Clip") != 0 || clip_fits(g, n);
    return build != facet__dn_softmax || (g->opset >= 13 || rank_of(g, n->inputs[0]) == 2);
}

bool facet__dn_stores(const struct facet_graph *g, int node, enum facet_dtype t)
{
    const struct facet_node *n = &g->nodes[node];
    facet__dn_build_fn *build = facet__dn_builder(n);
    if (!facet__dn_supports(g, node) || (t != FACET_BF16 && t != FACET_U8))
        return false;
    if (build == facet__dn_conv)
        return t == FACET_BF16 || (n->epi.act != FACET_ACT_SIGMOID && n->epi.act != FACET_ACT_TANH);
    if (build == facet__dn_concat || (build == facet__dn_pool && strcmp(n->op, "MaxPool") == 0))
        return true;
    return t == FACET_BF16 && (build == facet__dn_pool || build == facet__dn_prelu_node || build == facet__dn_eltwise);
}
