/* A graph as bytes, for the plan file (plan_cache.c): every field of values, nodes and attributes. Large
 * constants are left out where the packed weights hold their numbers. */
#include "engine/graph_priv.h"

#include "engine/ops/ops.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LIST (1 << 20)        /* inputs, outputs, attributes, metadata; the bytes left bound them, too */
#define LARGE_CONSTANT 16384      /* bytes */

static void io_shape(struct facet__io *io, struct facet_shape *s)
{
    facet__io_int(io, &s->rank);
    if (s->rank < -1 || s->rank > FACET_MAX_DIMS) {
        facet__io_damaged(io);
        s->rank = -1;
    }
    for (int i = 0; i < s->rank; i++)
        facet__io_i64(io, &s->dim[i]);
}

static void io_quant(struct facet__io *io, struct facet_quant *q)
{
    facet__io_float(io, &q->scale);
    facet__io_int(io, &q->zero);
    facet__io_int(io, &q->axis);
    facet__io_count(io, &q->n_scales, sizeof(float), MAX_LIST);
    if (q->n_scales > 0)
        facet__io_block(io, (void **)&q->scales, (size_t)q->n_scales, sizeof(float));
}

/* Reading: a constant's numbers must be as many as its shape says. */
static bool fits_shape(const struct facet_value *v)
{
    int64_t count = facet_shape_count(&v->shape);
    return v->producer < 0 && count >= 0 && (uint64_t)v->bytes == (uint64_t)count * facet_dtype_size(facet_value_store(v));
}

/* Biases, scales and slopes travel with the plan whatever their length, and so does all that is small: back ends
 * find them when they prepare. What is left out are matrices that a back end has packed. */
static bool is_left_out(const struct facet_value *v)
{
    int wide = 0;
    for (int i = 0; i < v->shape.rank; i++)
        wide += v->shape.dim[i] > 1;
    return v->is_packed && wide > 1 && v->bytes > LARGE_CONSTANT;
}

static void io_data(struct facet__io *io, struct facet_value *v)
{
    bool has_data = v->data && !is_left_out(v);
    uint64_t bytes = v->bytes;
    facet__io_bool(io, &v->is_packed);
    facet__io_bool(io, &has_data);
    facet__io_u64(io, &bytes);
    v->bytes = (size_t)bytes;
    if (io->is_reading && (v->is_packed || has_data) && !fits_shape(v))
        facet__io_damaged(io);
    if (has_data)
        facet__io_block(io, &v->data, v->bytes, 1);
}

static void io_value(struct facet__io *io, struct facet_value *v)
{
    facet__io_text(io, &v->name);
    FACET__IO_ENUM(io, &v->dtype, FACET_BF16 + 1);
    io_shape(io, &v->shape);
    facet__io_int(io, &v->producer);
    facet__io_bool(io, &v->is_stored);
    FACET__IO_ENUM(io, &v->store, FACET_BF16 + 1);
    io_quant(io, &v->quant);
    io_data(io, v);
    if (io->is_reading && !v->name)
        facet__io_damaged(io);
}

static void io_list(struct facet__io *io, int **list, int *n)
{
    facet__io_count(io, n, sizeof(int), MAX_LIST);
    *list = facet__io_array(io, *list, (size_t)*n, sizeof(int));
    for (int i = 0; *list && i < *n; i++)
        facet__io_int(io, &(*list)[i]);
}

static void io_tensor(struct facet__io *io, struct facet_tensor *t)
{
    FACET__IO_ENUM(io, &t->dtype, FACET_BF16 + 1);
    io_shape(io, &t->shape);
    int64_t count = facet_shape_count(&t->shape);
    if (count < 0)
        facet__io_damaged(io);
    else
        facet__io_block(io, &t->data, (size_t)count, facet_dtype_size(t->dtype));
}

static void io_attr(struct facet__io *io, struct facet_attr *a)
{
    int count = (int)a->count;
    facet__io_text(io, &a->name);
    FACET__IO_ENUM(io, &a->kind, FACET_ATTR_TENSOR + 1);
    switch (a->kind) {
    case FACET_ATTR_INT:
        facet__io_i64(io, &a->i);
        break;
    case FACET_ATTR_FLOAT:
        facet__io_float(io, &a->f);
        break;
    case FACET_ATTR_STRING:
        facet__io_text(io, &a->s);
        break;
    case FACET_ATTR_INTS:
        facet__io_count(io, &count, sizeof(int64_t), MAX_LIST);
        facet__io_block(io, (void **)&a->ints, (size_t)count, sizeof(int64_t));
        break;
    case FACET_ATTR_FLOATS:
        facet__io_count(io, &count, sizeof(float), MAX_LIST);
        facet__io_block(io, (void **)&a->floats, (size_t)count, sizeof(float));
        break;
    case FACET_ATTR_TENSOR:
        io_tensor(io, &a->tensor);
        break;
    }
    a->count = (size_t)count;
    if (io->is_reading && (!a->name || (a->kind == FACET_ATTR_STRING && !a->s)))
        facet__io_damaged(io);
}

static void io_epilogue(struct facet__io *io, struct facet_epilogue *e)
{
    facet__io_int(io, &e->residual);
    facet__io_float(io, &e->residual_scale);
    facet__io_bool(io, &e->residual_after);
    FACET__IO_ENUM(io, &e->act, FACET_ACT_HARD_SIGMOID + 1);
    facet__io_float(io, &e->lo);
    facet__io_float(io, &e->hi);
    facet__io_float(io, &e->alpha);
    facet__io_float(io, &e->beta);
    facet__io_int(io, &e->slope);
}

static void io_node(struct facet__io *io, struct facet_node *n)
{
    facet__io_text(io, &n->name);
    facet__io_text(io, &n->op);
    facet__io_text(io, &n->domain);
    io_list(io, &n->inputs, &n->n_inputs);
    io_list(io, &n->outputs, &n->n_outputs);
    facet__io_count(io, &n->n_attrs, 8, MAX_LIST);
    n->attrs = facet__io_array(io, n->attrs, (size_t)n->n_attrs, sizeof(*n->attrs));
    n->n_attrs = n->attrs ? n->n_attrs : 0;
    for (int i = 0; i < n->n_attrs; i++)
        io_attr(io, &n->attrs[i]);
    io_epilogue(io, &n->epi);
    if (!io->is_reading)
        return;
    if (!n->name || !n->op || !n->domain)
        facet__io_damaged(io);
    else
        n->kind = facet_op_find(n->domain, n->op);
}

static void io_meta(struct facet__io *io, struct facet_graph *g)
{
    facet__io_count(io, &g->n_meta, 8, MAX_LIST);
    g->meta = facet__io_array(io, g->meta, 2 * (size_t)g->n_meta, sizeof(*g->meta));
    g->n_meta = g->meta ? g->n_meta : 0;
    for (int i = 0; i < 2 * g->n_meta; i++) {
        facet__io_text(io, &g->meta[i]);
        if (io->is_reading && !g->meta[i])
            facet__io_damaged(io);
    }
}

static void io_lists(struct facet__io *io, struct facet_graph *g)
{
    facet__io_count(io, &g->n_values, 8, 4 * FACET_MAX_MODEL_NODES);
    g->values = facet__io_array(io, g->values, (size_t)g->n_values, sizeof(*g->values));
    g->n_values = g->values ? g->n_values : 0;
    for (int i = 0; i < g->n_values; i++)
        io_value(io, &g->values[i]);
    facet__io_count(io, &g->n_nodes, 8, FACET_MAX_MODEL_NODES);
    g->nodes = facet__io_array(io, g->nodes, (size_t)g->n_nodes, sizeof(*g->nodes));
    g->n_nodes = g->nodes ? g->n_nodes : 0;
    for (int i = 0; i < g->n_nodes; i++)
        io_node(io, &g->nodes[i]);
    io_list(io, &g->inputs, &g->n_inputs);
    io_list(io, &g->outputs, &g->n_outputs);
}

void facet__graph_io(struct facet__io *io, struct facet_graph *g)
{
    facet__io_int(io, &g->opset);
    facet__io_raw(io, g->hash, sizeof(g->hash));
    g->hash[sizeof(g->hash) - 1] = '\0';
    io_meta(io, g);
    io_lists(io, g);
    if (!io->is_reading)
        return;
    g->cap_values = g->n_values;
    g->cap_nodes = g->n_nodes;
    g->cap_inputs = g->n_inputs;
    g->cap_outputs = g->n_outputs;
    if (!io->failed && facet__graph_reindex(g))
        facet__io_damaged(io);
}
