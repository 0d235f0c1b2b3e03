/* Files that `facet models optimise` made round a value between a convolution and the sum or activation
 * behind it, for engines that run these one by one. Here they are one kernel, which rounds once, at its end:
 * the inner Q and DQ go. Only in files that say so themselves (metadata "facet.inner"): elsewhere the ends of
 * an inner range may stand for an activation. */
#include "engine/passes/passes.h"

#include "base/errors.h"

#include <string.h>

static bool is_op(const struct facet_graph *g, int i, const char *op)
{
    return i >= 0 && g->nodes[i].op && !*g->nodes[i].domain && !strcmp(g->nodes[i].op, op);
}

/* A sum or an activation, which the node before takes in. */
static bool is_taken_in(const struct facet_graph *g, int i, int value)
{
    static const char *const ops[] = {"Add", "PRelu", "LeakyRelu", "HardSwish", "HardSigmoid", "Sigmoid", "Tanh", NULL};
    for (int k = 0; ops[k]; k++)
        if (is_op(g, i, ops[k]))
            return k == 0 || g->nodes[i].inputs[0] == value;
    return false;
}

static bool makes_inner(const struct facet_graph *g, int i)
{
    return is_op(g, i, "Conv") || is_op(g, i, "Gemm") || is_op(g, i, "Relu") || is_op(g, i, "Clip") ||
           is_taken_in(g, i, g->nodes[i].inputs[0]);
}

int facet_pass_drop_inner(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    if (!facet_graph_meta(g, "facet.inner"))
        return FACET_OK;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!is_op(g, i, "QuantizeLinear"))
            continue;
        int x = g->nodes[i].inputs[0], back = facet_pass_single_user(g, g->nodes[i].outputs[0]);
        if (!is_op(g, back, "DequantizeLinear") || facet_graph_uses(g, x) != 1 || g->values[x].producer < 0)
            continue;
        int maker = g->values[x].producer, y = g->nodes[back].outputs[0], user = facet_pass_single_user(g, y);
        if (user < 0 || !makes_inner(g, maker) || !is_taken_in(g, user, y))
            continue;
        facet_graph_replace_value(g, y, x);
        facet_graph_kill_node(g, back);
        facet_graph_kill_node(g, i);
    }
    return FACET_OK;
}
