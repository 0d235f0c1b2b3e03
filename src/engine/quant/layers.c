/* What of a network can be run in 8 bits, which nodes belong to one layer, and which values share steps:
 * a concat's parts and its result, what goes into a max pool and what comes out, whatever is only viewed
 * in another shape. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_one_of(const char *op, const char *const *ops)
{
    for (int i = 0; ops[i]; i++)
        if (!strcmp(ops[i], op))
            return true;
    return false;
}

int facet__quant_weights_of(const struct facet_graph *g, int node)
{
    static const char *const ops[] = {"Conv", "Gemm", NULL};
    const struct facet_node *n = &g->nodes[node];
    if (!n->op || *n->domain || !is_one_of(n->op, ops) || n->n_inputs < 2 || n->inputs[0] < 0 || n->inputs[1] < 0)
        return -1;
    const struct facet_value *w = &g->values[n->inputs[1]];
    bool has_bias = n->n_inputs > 2 && n->inputs[2] >= 0;
    if (!w->data || w->dtype != FACET_F32 || w->is_stored || w->shape.rank < 2 || facet_shape_count(&w->shape) < 1 ||
        g->values[n->inputs[0]].data)
        return -1;
    if (has_bias && (!g->values[n->inputs[2]].data || g->values[n->inputs[2]].shape.rank != 1))
        return -1;
    if (n->op[0] == 'G' && (facet_node_float(n, "alpha", 1) != 1 || facet_node_float(n, "beta", 1) != 1 || facet_node_int(n, "transA", 0)))
        return -1;
    return n->inputs[1];
}

static bool outputs_are_columns(const struct facet_node *n)
{
    return n->op[0] == 'G' && !facet_node_int(n, "transB", 0);
}

int64_t facet__quant_output_of(const struct facet_graph *g, int node, int64_t i)
{
    const struct facet_shape *s = &g->values[g->nodes[node].inputs[1]].shape;
    return outputs_are_columns(&g->nodes[node]) ? i % s->dim[1] : i / (facet_shape_count(s) / s->dim[0]);
}

float *facet__quant_lengths(const struct facet_graph *g, int node, int64_t *outs)
{
    const struct facet_value *v = &g->values[g->nodes[node].inputs[1]];
    int64_t n = facet_shape_count(&v->shape);
    *outs = v->shape.dim[outputs_are_columns(&g->nodes[node]) ? 1 : 0];
    float *lengths = calloc((size_t)*outs, sizeof(*lengths));
    const float *w = v->data;
    for (int64_t i = 0; lengths && i < n; i++)
        lengths[facet__quant_output_of(g, node, i)] += w[i] * w[i];
    for (int64_t o = 0; lengths && o < *outs; o++)
        lengths[o] = lengths[o] > 0 ? sqrtf(lengths[o] / (float)(n / *outs)) : 1;
    return lengths;
}

/* ---- layers ---- */

static bool is_activation(const struct facet_graph *g, const struct facet_node *n)
{
    static const char *const plain[] = {"Relu", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", NULL};
    static const char *const with_constants[] = {"Clip", "PRelu", NULL};
    if (*n->domain || (!is_one_of(n->op, plain) && !is_one_of(n->op, with_constants)))
        return false;
    for (int i = 1; i < n->n_inputs; i++)
        if (n->inputs[i] >= 0 && !g->values[n->inputs[i]].data)
            return false;
    return true;
}

/* The other value of a plain sum, when the layer's result may be the one. */
static int other_summand(const struct facet_quantiser *q, int add, int v)
{
    const struct facet_graph *g = q->g;
    const struct facet_node *n = &g->nodes[add];
    if (strcmp(n->op, "Add") || *n->domain || q->roles[add] != FACET__ROLE_FLOAT || n->inputs[0] == n->inputs[1])
        return -1;
    int other = n->inputs[n->inputs[0] == v];
    if (g->values[other].data || !facet_shape_equal(&g->values[other].shape, &g->values[v].shape))
        return -1;
    return g->values[other].producer > g->values[v].producer && q->layer_of[g->values[other].producer] < 0 &&
           facet__quant_weights_of(g, g->values[other].producer) >= 0 && facet_graph_uses(g, other) == 1 ? -1 : other;
}

static void find_chain(struct facet_quantiser *q, struct facet__layer *l, int number)
{
    bool has_act = false;
    while (l->n_chain < FACET__QUANT_CHAIN) {
        int user = facet_pass_single_user(q->g, l->out);
        if (user < 0)
            return;
        const struct facet_node *n = &q->g->nodes[user];
        int other = l->residual < 0 ? other_summand(q, user, l->out) : -1;
        bool act = !has_act && n->inputs[0] == l->out && is_activation(q->g, n);
        if (other < 0 && !act)
            return;
        if (other >= 0)
            l->residual = other;
        has_act |= act || (other >= 0 && has_act);
        q->roles[user] = FACET__ROLE_CHAIN;
        q->layer_of[user] = number;
        l->chain[l->n_chain++] = user;
        l->out = n->outputs[0];
    }
}

static int add_layer(struct facet_quantiser *q, int node, int weights)
{
    struct facet__layer *l = &q->layers[q->n_layers];
    const struct facet_shape *s = &q->g->values[weights].shape;
    *l = (struct facet__layer){.node = node, .residual = -1, .out = q->g->nodes[node].outputs[0], .loss = -1, .outs = s->dim[0]};
    l->ins = facet_shape_count(s) / l->outs;
    q->roles[node] = FACET__ROLE_LAYER;
    q->layer_of[node] = (int)q->n_layers;
    find_chain(q, l, (int)q->n_layers);
    q->n_layers++;
    return FACET_OK;
}

/* ---- the others ---- */

static enum facet__role role_of(const struct facet_graph *g, const struct facet_node *n)
{
    static const char *const pass[] = {"Concat", "MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", NULL};
    static const char *const compute[] = {"GlobalAveragePool", "AveragePool", "Add", NULL};
    if (*n->domain || g->values[n->outputs[0]].dtype != FACET_F32 || n->n_outputs != 1)
        return FACET__ROLE_FLOAT;
    bool passes = is_one_of(n->op, pass);
    if (!passes && !is_one_of(n->op, compute))
        return FACET__ROLE_FLOAT;
    bool all = !strcmp(n->op, "Concat") || !strcmp(n->op, "Add");
    for (int i = 0; i < (all ? n->n_inputs : 1); i++)
        if (g->values[n->inputs[i]].data || g->values[n->inputs[i]].dtype != FACET_F32)
            return FACET__ROLE_FLOAT;
    return passes ? FACET__ROLE_PASS : FACET__ROLE_COMPUTE;
}

static int root_of(struct facet_quantiser *q, int v)
{
    while (q->root[v] != v)
        v = q->root[v];
    return v;
}

static void join(struct facet_quantiser *q, int a, int b)
{
    q->root[root_of(q, a)] = root_of(q, b);
}

static void find_groups(struct facet_quantiser *q)
{
    for (int v = 0; v < q->g->n_values; v++)
        q->root[v] = v;
    for (int i = 0; i < q->g->n_nodes; i++) {
        const struct facet_node *n = &q->g->nodes[i];
        bool concat = !strcmp(n->op, "Concat");
        for (int k = 0; q->roles[i] == FACET__ROLE_PASS && k < (concat ? n->n_inputs : 1); k++)
            join(q, n->inputs[k], n->outputs[0]);
    }
    for (int v = 0; v < q->g->n_values; v++)
        q->root[v] = root_of(q, v);
}

int facet__quant_find(struct facet_quantiser *q)
{
    const struct facet_graph *g = q->g;
    int err = FACET_OK;
    for (int i = 0; i < g->n_nodes; i++)
        q->layer_of[i] = -1;
    for (int i = 0; !err && i < g->n_nodes; i++) {
        int w = facet__quant_weights_of(g, i);
        if (w >= 0)
            err = add_layer(q, i, w);
    }
    for (int i = 0; i < g->n_nodes; i++)
        if (q->roles[i] == FACET__ROLE_FLOAT)
            q->roles[i] = role_of(g, &g->nodes[i]);
    find_groups(q);
    return err;
}

/* ---- what gets steps ---- */

bool facet__quant_is_small(const struct facet_quantiser *q, int node, const bool *wants)
{
    if (q->layer_of[node] >= 0)
        return !q->layers[q->layer_of[node]].is_kept;
    return q->roles[node] != FACET__ROLE_FLOAT && wants[q->g->nodes[node].outputs[0]];
}

static void want_inner(const struct facet_quantiser *q, const struct facet__layer *l, bool *inner)
{
    int v = q->g->nodes[l->node].outputs[0];
    for (int i = 0; i < l->n_chain; i++) {
        const struct facet_node *n = &q->g->nodes[l->chain[i]];
        if (strcmp(n->op, "Relu") && strcmp(n->op, "Clip")) /* these are one with the rounding behind them */
            inner[v] = true;
        v = n->outputs[0];
    }
}

void facet__quant_wants(const struct facet_quantiser *q, bool *wants, bool *inner)
{
    const struct facet_graph *g = q->g;
    memset(wants, 0, (size_t)g->n_values * sizeof(*wants));
    memset(inner, 0, (size_t)g->n_values * sizeof(*inner));
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const struct facet_node *n = &g->nodes[i];
        const struct facet__layer *l = q->layer_of[i] >= 0 ? &q->layers[q->layer_of[i]] : NULL;
        if (!facet__quant_is_small(q, i, wants))
            continue;
        if (l && l->node == i) {
            wants[n->inputs[0]] = true;
            want_inner(q, l, inner);
            if (l->residual >= 0)
                wants[l->residual] = true;
        }
        bool all = !strcmp(n->op, "Concat") || !strcmp(n->op, "Add");
        for (int k = 0; !l && k < (all ? n->n_inputs : 1); k++)
            wants[n->inputs[k]] = true;
    }
}
