/* Layouts. A node's values lie as its back end wants them; where maker and user differ, a Layout node
 * stands between (one per value, shared by its users). Transpose between the two orders of the same
 * four dimensions becomes free: its input is asked for in the other layout, and nothing moves. */
#include "base/errors.h"
#include "engine/passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct layouts {
    struct facet_graph *g;
    const struct facet_backend_ops *preferred;
    bool on;
    enum facet_layout *of;   /* per value; room for the values to come */
    int *other;              /* per value: the same in the other layout, -1: not made yet */
};

static bool is_perm(const struct facet_node *n, int64_t b, int64_t c, int64_t d)
{
    int64_t perm[4];
    return strcmp(n->op, "Transpose") == 0 && facet_node_ints(n, "perm", perm, 4) == 4 && perm[0] == 0 && perm[1] == b &&
           perm[2] == c && perm[3] == d;
}

/* The layouts in which node i takes its inputs and gives its outputs. */
static void wanted(const struct layouts *l, int i, enum facet_layout *in, enum facet_layout *out)
{
    const struct facet_node *n = &l->g->nodes[i];
    *in = *out = FACET_NCHW;
    if (l->on && is_perm(n, 2, 3, 1)) {
        *in = FACET_NHWC;
    } else if (l->on && is_perm(n, 3, 1, 2)) {
        *out = FACET_NHWC;
    } else if (strcmp(n->op, "Identity") == 0 || strcmp(n->op, "Dropout") == 0) {
        *in = *out = n->inputs[0] >= 0 ? l->of[n->inputs[0]] : FACET_NCHW;
    } else if (!facet_pass_is_view(n)) {
        const struct facet_backend_ops *b = facet_pass_backend(l->g, i, l->preferred);
        if (b && b->layout)
            *in = *out = b->layout(l->g, i);
    }
}

/* Value v in the other layout: a new value behind a Layout node. */
static int converted(struct layouts *l, int v)
{
    if (l->other[v] >= 0)
        return l->other[v];
    char name[32];
    snprintf(name, sizeof(name), "facet:layout:%d", l->g->n_values);
    int out = facet_graph_value(l->g, name);
    int node = out < 0 ? out : facet_graph_add_node(l->g, "Layout", "facet", name, &v, 1, &out, 1);
    if (node < 0)
        return node;
    l->g->values[out].dtype = l->g->values[v].dtype;
    l->g->values[out].shape = l->g->values[v].shape;
    if (l->g->values[v].is_stored)
        facet_pass_keep(l->g, out, l->g->values[v].store, &l->g->values[v].quant);
    l->of[out] = l->of[v] == FACET_NCHW ? FACET_NHWC : FACET_NCHW;
    l->other[v] = out;
    l->other[out] = v;
    return out;
}

static bool is_movable(const struct layouts *l, int v)
{
    return v >= 0 && l->g->values[v].shape.rank == 4 && !l->g->values[v].data;
}

static int convert_inputs(struct layouts *l, int i, enum facet_layout want)
{
    for (int k = 0; k < l->g->nodes[i].n_inputs + 1; k++) {
        bool is_residual = k == l->g->nodes[i].n_inputs;
        int v = is_residual ? l->g->nodes[i].epi.residual : l->g->nodes[i].inputs[k];
        if (!is_movable(l, v) || l->of[v] == want)
            continue;
        int other = converted(l, v);
        if (other < 0)
            return other;
        struct facet_node *n = &l->g->nodes[i]; /* may have moved */
        *(is_residual ? &n->epi.residual : &n->inputs[k]) = other;
    }
    return FACET_OK;
}

static int layout_node(struct layouts *l, int i)
{
    enum facet_layout in, out;
    wanted(l, i, &in, &out);
    int err = convert_inputs(l, i, in);
    for (int k = 0; !err && k < l->g->nodes[i].n_outputs; k++) {
        int v = l->g->nodes[i].outputs[k];
        if (!is_movable(l, v))
            continue;
        l->of[v] = out;
        if (!l->on && out == FACET_NHWC) { /* users see it converted back */
            int back = converted(l, v);
            err = back < 0 ? back : FACET_OK;
        }
    }
    return err;
}

static int convert_outputs(struct layouts *l)
{
    for (int i = 0; i < l->g->n_outputs; i++) {
        if (l->of[l->g->outputs[i]] == FACET_NCHW)
            continue;
        int v = converted(l, l->g->outputs[i]);
        if (v < 0)
            return v;
        l->g->outputs[i] = v;
    }
    return FACET_OK;
}

static bool only_moves(const struct facet_graph *g, const struct facet_node *n)
{
    return !strcmp(n->op, "Layout") && facet_pass_same_keeping(&g->values[n->inputs[0]], &g->values[n->outputs[0]]);
}

/* A Cast behind a Layout, or in front of one, is done on the way. */
static void merge_casts(struct layouts *l)
{
    struct facet_graph *g = l->g;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        int before = n->op && n->inputs[0] >= 0 ? g->values[n->inputs[0]].producer : -1;
        if (before < 0 || facet_graph_uses(g, n->inputs[0]) != 1)
            continue;
        const struct facet_node *b = &g->nodes[before];
        bool cast_last = only_moves(g, b) && facet_pass_is_cast(g, n), cast_first = only_moves(g, n) && facet_pass_is_cast(g, b);
        if (cast_last) {
            facet_pass_take_output(g, before, i, n->outputs[0]);
        } else if (cast_first) {
            g->nodes[i].inputs[0] = b->inputs[0];
            facet_graph_kill_node(g, before);
        }
    }
}

int facet_pass_layout(struct facet_graph *g, const struct facet_backend_ops *preferred, bool on, enum facet_layout **layouts)
{
    size_t room = 2 * (size_t)g->n_values + 1;
    struct layouts l = {.g = g, .preferred = preferred, .on = on, .of = calloc(room, sizeof(*l.of)),
                        .other = malloc(room * sizeof(*l.other))};
    int n_nodes = g->n_nodes, err = l.of && l.other ? FACET_OK : facet_fail_nomem();
    for (size_t i = 0; !err && i < room; i++)
        l.other[i] = -1;
    for (int i = 0; !err && i < n_nodes; i++)
        err = layout_node(&l, i);
    if (!err)
        err = convert_outputs(&l);
    if (!err && on) {
        merge_casts(&l);
        facet_graph_sweep(g);
    }
    if (!err)
        err = facet_graph_sort(g);
    free(l.other);
    if (err) {
        free(l.of);
        l.of = NULL;
    }
    *layouts = l.of;
    return err;
}
