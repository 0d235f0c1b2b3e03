/* Nodes for an engine that takes graphs whole. Each node gets a depth: how often, on the longest way to it,
 * the work went from those nodes to others or back. Nodes of one depth that the engine supports are one
 * group: no way leads from one of them out of the group and in again, for that would deepen it. */
#include "base/errors.h"
#include "engine/backend.h"
#include "engine/passes/passes.h"

#include <stdlib.h>
#include <string.h>

struct grouping {
    struct facet_graph *g;
    unsigned char *mine;            /* per node: supported */
    int *depth;                     /* per node */
    int *inside;                    /* value -> number in the body that is being made, -1: not there */
    int *ins, *outs;                /* values at the border of that body */
    int n_ins, n_outs;
    struct facet_graph *body;
};

bool facet_node_is_subgraph(const struct facet_node *n)
{
    return n->body != NULL;
}

/* ---- who goes with whom ---- */

static void deepen(struct grouping *s, int node, int value)
{
    int maker = value < 0 ? -1 : s->g->values[value].producer;
    if (maker < 0)
        return;
    int least = s->depth[maker] + (s->mine[maker] != s->mine[node]);
    s->depth[node] = least > s->depth[node] ? least : s->depth[node];
}

static int find_groups(struct grouping *s, const struct facet_backend_ops *ops)
{
    int deepest = 0;
    for (int i = 0; i < s->g->n_nodes; i++) {
        const struct facet_node *n = &s->g->nodes[i];
        s->mine[i] = ops->supports(s->g, i);
        s->depth[i] = s->mine[i]; /* odd for supported nodes, even for others */
        for (int k = 0; k < n->n_inputs; k++)
            deepen(s, i, n->inputs[k]);
        deepen(s, i, n->epi.residual);
        deepest = s->depth[i] > deepest ? s->depth[i] : deepest;
    }
    return deepest;
}

/* ---- one body ---- */

static int copy_quant(struct facet_value *to, const struct facet_value *from)
{
    to->is_stored = from->is_stored;
    to->store = from->store;
    to->quant = from->quant;
    to->quant.scales = NULL;
    if (!from->quant.scales)
        return FACET_OK;
    size_t bytes = (size_t)from->quant.n_scales * sizeof(float);
    to->quant.scales = malloc(bytes);
    if (!to->quant.scales)
        return facet_fail_nomem();
    memcpy(to->quant.scales, from->quant.scales, bytes);
    return FACET_OK;
}

/* The body's number for a value; made on its first use. A constant is copied, what comes from outside is an input. */
static int enter_value(struct grouping *s, int value, bool is_made_here)
{
    if (value < 0 || s->inside[value] >= 0)
        return value < 0 ? -1 : s->inside[value];
    const struct facet_value *v = &s->g->values[value];
    int at;
    if (is_made_here) {
        at = facet_graph_value(s->body, v->name);
    } else if (v->data) {
        void *data = malloc(v->bytes ? v->bytes : 1);
        if (!data)
            return facet_fail_nomem();
        memcpy(data, v->data, v->bytes);
        at = facet_graph_value(s->body, v->name);
        if (at >= 0) {
            s->body->values[at].data = data;
            s->body->values[at].bytes = v->bytes;
        } else {
            free(data);
        }
    } else {
        at = facet_graph_input(s->body, v->name, v->dtype, &v->shape);
        s->ins[s->n_ins++] = value;
    }
    if (at < 0)
        return at;
    s->body->values[at].dtype = v->dtype;
    s->body->values[at].shape = v->shape;
    int err = copy_quant(&s->body->values[at], v);
    s->inside[value] = at;
    return err ? err : at;
}

static int enter_all(struct grouping *s, const int *values, int n, bool is_made_here, int *to)
{
    for (int i = 0; i < n; i++) {
        to[i] = enter_value(s, values[i], is_made_here);
        if (to[i] < -1 || (to[i] < 0 && values[i] >= 0))
            return to[i] < -1 ? to[i] : facet_fail_nomem();
    }
    return FACET_OK;
}

/* The node goes over with everything it owns; what stays behind is a shell that is killed later. */
static int move_node(struct grouping *s, int node)
{
    struct facet_node *n = &s->g->nodes[node];
    int *in = calloc((size_t)(n->n_inputs + n->n_outputs) + 1, sizeof(int)), *out = in + n->n_inputs;
    int extra[2] = { n->epi.residual, n->epi.slope };
    int err = in ? enter_all(s, n->inputs, n->n_inputs, false, in) : facet_fail_nomem();
    if (!err)
        err = enter_all(s, n->outputs, n->n_outputs, true, out);
    if (!err)
        err = enter_all(s, extra, 2, false, extra);
    int at = err ? err : facet_graph_add_node(s->body, n->op, n->domain, n->name, in, n->n_inputs, out, n->n_outputs);
    free(in);
    if (at < 0)
        return at;
    struct facet_node *copy = &s->body->nodes[at];
    copy->epi = n->epi;
    copy->epi.residual = extra[0];
    copy->epi.slope = extra[1];
    copy->attrs = n->attrs;
    copy->n_attrs = n->n_attrs;
    n->attrs = NULL;
    n->n_attrs = 0;
    return FACET_OK;
}

static bool is_wanted_outside(const struct grouping *s, int value, int depth)
{
    const struct facet_graph *g = s->g;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == value)
            return true;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        bool uses = n->epi.residual == value;
        for (int k = 0; k < n->n_inputs; k++)
            uses |= n->inputs[k] == value;
        if (uses && n->op && !n->body && s->depth[i] != depth)
            return true;
    }
    return false;
}

static int name_outputs(struct grouping *s, int depth)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < s->g->n_nodes; i++) {
        const struct facet_node *n = &s->g->nodes[i];
        for (int k = 0; !err && s->depth[i] == depth && k < n->n_outputs; k++)
            if (n->outputs[k] >= 0 && is_wanted_outside(s, n->outputs[k], depth)) {
                err = facet_graph_output(s->body, s->inside[n->outputs[k]]);
                s->outs[s->n_outs++] = n->outputs[k];
            }
    }
    return err;
}

static int copy_meta(struct grouping *s)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < s->g->n_meta; i++)
        err = facet_graph_meta_set(s->body, s->g->meta[2 * i], s->g->meta[2 * i + 1]);
    return err;
}

static int make_body(struct grouping *s, int depth)
{
    s->n_ins = s->n_outs = 0;
    for (int v = 0; v < s->g->n_values; v++)
        s->inside[v] = -1;
    int err = facet_graph_new(&s->body, s->g->name, s->g->opset);
    if (!err)
        err = copy_meta(s);
    for (int i = 0; !err && i < s->g->n_nodes; i++)
        if (s->depth[i] == depth)
            err = move_node(s, i);
    return err ? err : name_outputs(s, depth);
}

/* ---- in its place ---- */

static int put_node(struct grouping *s, int depth, int n_nodes)
{
    for (int i = 0; i < n_nodes; i++)
        if (s->depth[i] == depth)
            facet_graph_kill_node(s->g, i);
    int node = facet_graph_add_node(s->g, "Subgraph", "facet", NULL, s->ins, s->n_ins, s->outs, s->n_outs);
    if (node < 0)
        return node;
    s->g->nodes[node].body = s->body;
    s->body = NULL;
    return FACET_OK;
}

static int group_all(struct grouping *s, const struct facet_backend_ops *ops)
{
    int n_nodes = s->g->n_nodes, deepest = find_groups(s, ops), err = FACET_OK;
    for (int depth = 1; !err && depth <= deepest; depth += 2) {
        bool any = false;
        for (int i = 0; i < n_nodes; i++)
            any |= s->depth[i] == depth;
        err = any ? make_body(s, depth) : FACET_OK;
        if (!err && any)
            err = put_node(s, depth, n_nodes);
    }
    return err;
}

int facet_pass_subgraphs(struct facet_graph *g, const struct facet_backend_ops *ops)
{
    struct grouping s = { .g = g };
    size_t nodes = (size_t)g->n_nodes, values = (size_t)g->n_values + 1;
    s.mine = calloc(2 * nodes + 1, 1);              /* nodes that are added are nobody's */
    s.depth = calloc(2 * nodes + 1, sizeof(int));
    s.inside = calloc(values, sizeof(int));
    s.ins = calloc(values, sizeof(int));
    s.outs = calloc(values, sizeof(int));
    int err = s.mine && s.depth && s.inside && s.ins && s.outs ? group_all(&s, ops) : facet_fail_nomem();
    facet_graph_free(&s.body);
    free(s.mine);
    free(s.depth);
    free(s.inside);
    free(s.ins);
    free(s.outs);
    return err;
}
