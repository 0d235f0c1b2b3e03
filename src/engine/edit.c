/* Rewiring, removing and ordering nodes. */
#include "base/errors.h"
#include "engine/graph_priv.h"

#include <stdlib.h>
#include <string.h>

static int node_uses(const struct facet_node *n, int value)
{
    int uses = (n->epi.residual == value) + (n->epi.slope == value);
    for (int i = 0; i < n->n_inputs; i++)
        uses += n->inputs[i] == value;
    return uses;
}

int facet_graph_uses(const struct facet_graph *g, int value)
{
    int uses = 0;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op)
            uses += node_uses(&g->nodes[i], value);
    for (int i = 0; i < g->n_outputs; i++)
        uses += g->outputs[i] == value;
    return uses;
}

void facet_graph_replace_value(struct facet_graph *g, int from, int to)
{
    for (int i = 0; i < g->n_nodes; i++) {
        struct facet_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k] == from)
                n->inputs[k] = to;
        if (n->epi.residual == from)
            n->epi.residual = to;
        if (n->epi.slope == from)
            n->epi.slope = to;
    }
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == from)
            g->outputs[i] = to;
}

/* A killed node stays in its place, without operator, until the sweep. */
void facet_graph_kill_node(struct facet_graph *g, int node)
{
    struct facet_node *n = &g->nodes[node];
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] >= 0 && g->values[n->outputs[i]].producer == node)
            g->values[n->outputs[i]].producer = -1;
    facet__node_free(n);
    n->epi.residual = n->epi.slope = -1;
}

static void count_uses(const struct facet_graph *g, int *uses)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k] >= 0)
                uses[n->inputs[k]]++;
        if (n->op && n->epi.residual >= 0)
            uses[n->epi.residual]++;
        if (n->op && n->epi.slope >= 0)
            uses[n->epi.slope]++;
    }
    for (int i = 0; i < g->n_outputs; i++)
        uses[g->outputs[i]]++;
}

static bool node_is_needed(const struct facet_node *n, const int *uses)
{
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] >= 0 && uses[n->outputs[i]] > 0)
            return true;
    return false;
}

/* From the last node to the first, so that one walk finds whole dead chains. */
static void kill_unneeded(struct facet_graph *g, int *uses)
{
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        struct facet_node *n = &g->nodes[i];
        if (!n->op || node_is_needed(n, uses))
            continue;
        for (int k = 0; k < n->n_inputs; k++)
            if (n->inputs[k] >= 0)
                uses[n->inputs[k]]--;
        if (n->epi.residual >= 0)
            uses[n->epi.residual]--;
        if (n->epi.slope >= 0)
            uses[n->epi.slope]--;
        facet_graph_kill_node(g, i);
    }
}

static void renumber(struct facet_graph *g)
{
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].op)
            continue;
        if (kept != i)
            g->nodes[kept] = g->nodes[i];
        for (int k = 0; k < g->nodes[kept].n_outputs; k++)
            if (g->nodes[kept].outputs[k] >= 0)
                g->values[g->nodes[kept].outputs[k]].producer = kept;
        kept++;
    }
    g->n_nodes = kept;
}

void facet_graph_sweep(struct facet_graph *g)
{
    int *uses = calloc((size_t)g->n_values + 1, sizeof(int));
    if (uses) { /* without memory the dead simply stay */
        count_uses(g, uses);
        kill_unneeded(g, uses);
        for (int v = 0; v < g->n_values; v++)
            if (uses[v] == 0 && g->values[v].data) {
                free(g->values[v].data);
                g->values[v].data = NULL;
                g->values[v].bytes = 0;
            }
    }
    free(uses);
    renumber(g);
}

/* ---- order ---- */

struct sorter {
    const struct facet_graph *g;
    unsigned char *state; /* per node: 0 unseen, 1 open, 2 done */
    int *stack, *cursor;  /* open nodes and which of their inputs comes next */
    int depth;
    int *order;
    int n_order;
};

static int node_input_at(const struct facet_node *n, int at)
{
    if (at < n->n_inputs)
        return n->inputs[at];
    return at == n->n_inputs ? n->epi.residual : n->epi.slope;
}

static int open_node(struct sorter *s, int node)
{
    if (s->state[node] == 1)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s': node '%s' (%s) depends on its own output", s->g->name,
                          s->g->nodes[node].name, s->g->nodes[node].op);
    if (s->state[node] == 2)
        return FACET_OK;
    s->state[node] = 1;
    s->stack[s->depth] = node;
    s->cursor[s->depth++] = 0;
    return FACET_OK;
}

static int visit(struct sorter *s, int root)
{
    int err = s->state[root] ? FACET_OK : open_node(s, root);
    while (!err && s->depth > 0) {
        int node = s->stack[s->depth - 1];
        const struct facet_node *n = &s->g->nodes[node];
        int at = s->cursor[s->depth - 1]++;
        if (at >= n->n_inputs + 2) {
            s->state[node] = 2;
            s->order[s->n_order++] = node;
            s->depth--;
            continue;
        }
        int v = node_input_at(n, at);
        if (v >= 0 && s->g->values[v].producer >= 0)
            err = open_node(s, s->g->values[v].producer);
    }
    return err;
}

int facet_graph_sort(struct facet_graph *g)
{
    size_t n = (size_t)g->n_nodes + 1;
    struct sorter s = {.g = g,
                       .state = calloc(n, 1),
                       .stack = malloc(n * sizeof(int)),
                       .cursor = malloc(n * sizeof(int)),
                       .order = malloc(n * sizeof(int))};
    struct facet_node *sorted = malloc(n * sizeof(*sorted));
    int err = s.state && s.stack && s.cursor && s.order && sorted ? FACET_OK : facet_fail_nomem();
    for (int i = 0; !err && i < g->n_nodes; i++)
        err = visit(&s, i);
    if (!err) {
        for (int i = 0; i < g->n_nodes; i++)
            sorted[i] = g->nodes[s.order[i]];
        if (g->n_nodes > 0)
            memcpy(g->nodes, sorted, (size_t)g->n_nodes * sizeof(*sorted));
        renumber(g);
    }
    free(s.state);
    free(s.stack);
    free(s.cursor);
    free(s.order);
    free(sorted);
    return err;
}
