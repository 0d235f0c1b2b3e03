/* What OpenCV's reader wants said otherwise. It knows Clip's bounds as attributes alone, weights of a product only
 * as [outputs, inputs], and takes outputs by the names of nodes. */
#include "engine/backends/opencv/adapt.h"

#include "base/errors.h"
#include "engine/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_op(const struct facet_node *n, const char *op)
{
    return !*n->domain && strcmp(n->op, op) == 0;
}

static const float *const_floats(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 ? g->values[v].data : NULL;
}

bool facet__cv_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    if (is_op(n, "LpNormalization"))
        return false;
    if (is_op(n, "Clip"))
        for (int k = 1; k < n->n_inputs; k++)
            if (n->inputs[k] >= 0 && !const_floats(g, n->inputs[k]))
                return false;
    if (is_op(n, "Gemm"))
        return const_floats(g, n->inputs[1]) && g->values[n->inputs[1]].shape.rank == 2;
    return true;
}

static int bounds_as_attributes(struct facet_graph *g, int node)
{
    static const char *const names[] = { "min", "max" };
    int err = FACET_OK;
    for (int k = 1; !err && k <= 2; k++) {
        const struct facet_node *n = &g->nodes[node];
        const float *bound = k < n->n_inputs ? const_floats(g, n->inputs[k]) : NULL;
        float v = bound ? *bound : facet_node_float(n, names[k - 1], k == 1 ? -INFINITY : INFINITY);
        err = facet_graph_attr_float(g, node, names[k - 1], v);
    }
    g->nodes[node].n_inputs = 1;
    return err;
}

static int turn_weights(struct facet_graph *g, int node)
{
    int w = g->nodes[node].inputs[1];
    const float *from = const_floats(g, w);
    struct facet_shape s = g->values[w].shape, turned = { 2, { s.dim[1], s.dim[0] } };
    float *to = malloc((size_t)facet_shape_count(&s) * sizeof(*to) + 1);
    if (!to)
        return facet_fail_nomem();
    for (int64_t i = 0; i < s.dim[0]; i++)
        for (int64_t k = 0; k < s.dim[1]; k++)
            to[k * s.dim[0] + i] = from[i * s.dim[1] + k];
    int made = facet_graph_const_take(g, NULL, FACET_F32, &turned, to);
    if (made < 0)
        return made;
    g->nodes[node].inputs[1] = made;
    struct facet_attr *a = (struct facet_attr *)(uintptr_t)facet_node_attr(&g->nodes[node], "transB");
    if (!a)
        return facet_graph_attr_int(g, node, "transB", 1);
    a->i = 1;
    return FACET_OK;
}

static int rename_node(struct facet_graph *g, int node)
{
    struct facet_node *n = &g->nodes[node];
    char *name = strdup(n->outputs[0] >= 0 ? g->values[n->outputs[0]].name : n->name);
    if (!name)
        return facet_fail_nomem();
    free(n->name);
    n->name = name;
    return FACET_OK;
}

int facet__cv_adapt(struct facet_graph *g)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < g->n_nodes; i++) {
        err = rename_node(g, i);
        if (!err && is_op(&g->nodes[i], "Clip"))
            err = bounds_as_attributes(g, i);
        if (!err && is_op(&g->nodes[i], "Gemm") && !facet_node_int(&g->nodes[i], "transB", 0))
            err = turn_weights(g, i);
    }
    if (!err)
        facet_graph_sweep(g);
    return err;
}
