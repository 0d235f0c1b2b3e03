/* A graph's copy. Values and nodes keep their numbers, so that what is known of one holds for the other. */
#include "base/errors.h"
#include "engine/quant/quant.h"

#include <stdlib.h>
#include <string.h>

static void *copy_bytes(const void *from, size_t len)
{
    void *to = malloc(len ? len : 1);
    if (to && len)
        memcpy(to, from, len);
    return to;
}

static int copy_value(struct facet_graph *to, const struct facet_value *v)
{
    int at = facet_graph_value(to, v->name);
    if (at < 0)
        return at;
    struct facet_value *c = &to->values[at];
    c->dtype = v->dtype;
    c->shape = v->shape;
    c->is_stored = v->is_stored;
    c->store = v->store;
    c->quant = v->quant;
    c->quant.scales = NULL;
    if (v->quant.scales && !(c->quant.scales = copy_bytes(v->quant.scales, (size_t)v->quant.n_scales * sizeof(float))))
        return facet_fail_nomem();
    if (v->data && !(c->data = copy_bytes(v->data, v->bytes)))
        return facet_fail_nomem();
    c->bytes = v->bytes;
    return FACET_OK;
}

static int copy_attr(struct facet_graph *to, int node, const struct facet_attr *a)
{
    void *data;
    switch (a->kind) {
    case FACET_ATTR_INT: return facet_graph_attr_int(to, node, a->name, a->i);
    case FACET_ATTR_FLOAT: return facet_graph_attr_float(to, node, a->name, a->f);
    case FACET_ATTR_STRING: return facet_graph_attr_string(to, node, a->name, a->s);
    case FACET_ATTR_INTS: return facet_graph_attr_ints(to, node, a->name, a->ints, a->count);
    case FACET_ATTR_FLOATS: return facet_graph_attr_floats(to, node, a->name, a->floats, a->count);
    case FACET_ATTR_TENSOR: break;
    }
    const struct facet_tensor *t = &a->tensor;
    data = copy_bytes(t->data, (size_t)facet_shape_count(&t->shape) * facet_dtype_size(t->dtype));
    return data ? facet_graph_attr_tensor(to, node, a->name, t->dtype, &t->shape, data) : facet_fail_nomem();
}

static int copy_node(struct facet_graph *to, const struct facet_node *n)
{
    int at = facet_graph_add_node(to, n->op, n->domain, n->name, n->inputs, n->n_inputs, n->outputs, n->n_outputs);
    int err = at < 0 ? at : FACET_OK;
    for (int i = 0; !err && i < n->n_attrs; i++)
        err = copy_attr(to, at, &n->attrs[i]);
    if (!err)
        to->nodes[at].epi = n->epi;
    return err;
}

static int copy_input(struct facet_graph *to, const struct facet_graph *g, int v)
{
    struct facet_shape s = g->values[v].shape;
    int at = facet_graph_input(to, g->values[v].name, g->values[v].dtype, &s);
    return at < 0 ? at : FACET_OK;
}

int facet_graph_copy(struct facet_graph **out, const struct facet_graph *g)
{
    struct facet_graph *to = NULL;
    int err = facet_graph_new(&to, g->name, g->opset);
    for (int i = 0; !err && i < g->n_values; i++)
        err = copy_value(to, &g->values[i]);
    for (int i = 0; !err && i < g->n_inputs; i++)
        err = copy_input(to, g, g->inputs[i]);
    for (int i = 0; !err && i < g->n_nodes; i++)
        err = copy_node(to, &g->nodes[i]);
    for (int i = 0; !err && i < g->n_outputs; i++)
        err = facet_graph_output(to, g->outputs[i]);
    for (int i = 0; !err && i < g->n_meta; i++)
        err = facet_graph_meta_set(to, g->meta[2 * i], g->meta[2 * i + 1]);
    if (err)
        facet_graph_free(&to);
    *out = to;
    return err;
}
