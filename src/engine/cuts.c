/* Where a network can be split in two: after a node, only one value is still needed. */
#include "base/errors.h"
#include "engine/plan.h"

#include <stdlib.h>

static void last_uses(const struct facet_graph *g, int *last)
{
    for (int v = 0; v < g->n_values; v++)
        last[v] = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k] >= 0)
                last[n->inputs[k]] = i;
        if (n->epi.residual >= 0)
            last[n->epi.residual] = i;
    }
    for (int i = 0; i < g->n_outputs; i++)
        last[g->outputs[i]] = g->n_nodes;
}

static bool is_activation(const struct facet_graph *g, int v)
{
    return v >= 0 && !g->values[v].data && (g->values[v].producer >= 0 || g->values[v].shape.rank >= 0);
}

/* Bytes with a free batch counted as one; -1 when more is free. */
static int64_t bytes_of(const struct facet_graph *g, int v)
{
    struct facet_shape s = g->values[v].shape;
    if (s.rank > 0 && s.dim[0] < 0)
        s.dim[0] = 1;
    int64_t count = facet_shape_count(&s);
    return count < 0 ? -1 : count * (int64_t)facet_dtype_size(facet_value_store(&g->values[v]));
}

/* The values alive during the walk: how many, and the sum of their numbers, which names the one
 * that is left when there is only one. */
struct living {
    int count;
    int64_t sum;
};

static void begin(struct living *l, int v)
{
    l->count++;
    l->sum += v;
}

static void end_uses(const struct facet_graph *g, struct living *l, const int *last, int *ended, int node)
{
    const struct facet_node *n = &g->nodes[node];
    for (int k = 0; k <= n->n_inputs; k++) {
        int v = k < n->n_inputs ? n->inputs[k] : n->epi.residual;
        if (!is_activation(g, v) || last[v] != node || ended[v])
            continue;
        ended[v] = 1;
        l->count--;
        l->sum -= v;
    }
}

size_t facet_graph_cuts(const struct facet_graph *g, struct facet_cut *out, size_t max)
{
    int *last = malloc(((size_t)g->n_values + 1) * sizeof(int)), *ended = calloc((size_t)g->n_values + 1, sizeof(int));
    struct living alive = {0, 0};
    int64_t before = -1;
    size_t found = 0;
    if (last && ended)
        last_uses(g, last);
    for (int i = 0; last && ended && i < g->n_inputs; i++)
        if (last[g->inputs[i]] >= 0)
            begin(&alive, g->inputs[i]);
    for (int i = 0; last && ended && i < g->n_nodes - 1; i++) {
        for (int k = 0; k < g->nodes[i].n_outputs; k++)
            if (g->nodes[i].outputs[k] >= 0 && last[g->nodes[i].outputs[k]] >= 0)
                begin(&alive, g->nodes[i].outputs[k]);
        end_uses(g, &alive, last, ended, i);
        if (alive.count != 1 || alive.sum == before || g->values[alive.sum].producer < 0)
            continue;
        before = alive.sum;
        int v = (int)alive.sum;
        if (found < max)
            out[found] = (struct facet_cut){.node = i, .value = v, .shape = g->values[v].shape, .bytes = bytes_of(g, v)};
        found++;
    }
    free(last);
    free(ended);
    return found;
}
