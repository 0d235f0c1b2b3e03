#include "engine/ops/ops.h"

#include "base/errors.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct facet_op *const families[] = {
    facet_ops_conv,  facet_ops_matmul, facet_ops_pool,   facet_ops_elementwise, facet_ops_norm,
    facet_ops_shape, facet_ops_move,   facet_ops_reduce, facet_ops_resize,      facet_ops_fused,
    facet_ops_quant,
};

const struct facet_op *facet_op_find(const char *domain, const char *name)
{
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (const struct facet_op *op = families[f]; op->name; op++)
            if (strcmp(op->name, name) == 0 && strcmp(op->domain ? op->domain : "", domain) == 0)
                return op;
    return NULL;
}

int facet_op_fail(const struct facet_graph *g, const struct facet_node *n, int err, const char *fmt, ...)
{
    char why[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return facet_fail(err, "cannot use '%s': node '%s' (%s): %s", g->name, n->name, n->op, why);
}

/* ---- facts ---- */

const struct facet_fact *facet_fact_in(const struct facet_infer *c, int i)
{
    return i < c->n->n_inputs && c->n->inputs[i] >= 0 ? &c->facts[c->n->inputs[i]] : NULL;
}

struct facet_fact *facet_fact_out(const struct facet_infer *c, int i)
{
    return i < c->n->n_outputs && c->n->outputs[i] >= 0 ? &c->facts[c->n->outputs[i]] : NULL;
}

void facet_fact_set(const struct facet_infer *c, int i, enum facet_dtype t, const struct facet_shape *s)
{
    struct facet_fact *f = facet_fact_out(c, i);
    if (!f)
        return;
    f->dtype = t;
    f->shape = *s;
    f->n_known = -1;
}

static void fact_of_constant(const struct facet_value *v, struct facet_fact *f)
{
    int64_t count = facet_shape_count(&v->shape);
    if (count < 0 || count > FACET_FACT_MAX || (v->dtype != FACET_I64 && v->dtype != FACET_I32))
        return;
    f->n_known = (int)count;
    for (int i = 0; i < f->n_known; i++)
        f->known[i] = v->dtype == FACET_I64 ? ((const int64_t *)v->data)[i] : ((const int32_t *)v->data)[i];
}

void facet_infer_start(const struct facet_graph *g, struct facet_fact *facts)
{
    for (int i = 0; i < g->n_values; i++) {
        const struct facet_value *v = &g->values[i];
        struct facet_fact *f = &facts[i];
        f->dtype = v->dtype;
        f->shape = v->shape;
        f->n_known = -1;
        if (v->data)
            fact_of_constant(v, f);
        else if (v->producer >= 0)
            f->shape.rank = -1;
    }
}

static int check_output(const struct facet_graph *g, const struct facet_node *n, const struct facet_shape *s)
{
    int64_t count = 1;
    if (s->rank < 0 || s->rank > FACET_MAX_DIMS)
        return facet_op_fail(g, n, FACET_E_LIMIT, "more than %d dimensions", FACET_MAX_DIMS);
    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dim[i] < 0 ? 1 : s->dim[i];
        if (__builtin_mul_overflow(count, d, &count) || count > INT32_MAX)
            return facet_op_fail(g, n, FACET_E_LIMIT, "its output has too many elements");
    }
    return FACET_OK;
}

static int infer_node(struct facet_infer *c)
{
    const struct facet_node *n = c->n;
    if (!n->kind)
        return facet_op_fail(c->g, n, FACET_E_UNSUPPORTED, "this operator is not supported");
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] >= 0 && c->facts[n->inputs[i]].shape.rank < 0)
            return facet_op_fail(c->g, n, FACET_E_UNSUPPORTED, "the shape of its input '%s' is not known",
                                 c->g->values[n->inputs[i]].name);
    int err = n->kind->infer(c);
    for (int i = 0; !err && i < n->n_outputs; i++)
        if (n->outputs[i] >= 0)
            err = check_output(c->g, n, &c->facts[n->outputs[i]].shape);
    return err;
}

int facet_infer_run(const struct facet_graph *g, struct facet_fact *facts)
{
    struct facet_infer c = {.g = g, .facts = facts};
    int err = FACET_OK;
    for (int i = 0; !err && i < g->n_nodes; i++) {
        c.n = &g->nodes[i];
        err = infer_node(&c);
    }
    return err;
}

int facet_graph_infer(struct facet_graph *g)
{
    struct facet_fact *facts = malloc(((size_t)g->n_values + 1) * sizeof(*facts));
    if (!facts)
        return facet_fail_nomem();
    facet_infer_start(g, facts);
    int err = facet_infer_run(g, facts);
    for (int i = 0; !err && i < g->n_values; i++) {
        g->values[i].dtype = facts[i].dtype;
        g->values[i].shape = facts[i].shape;
    }
    free(facts);
    return err;
}

int64_t facet_node_macs(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    return n->kind && n->kind->macs ? n->kind->macs(g, n) : 0;
}

/* ---- arguments ---- */

int facet_infer_ints(const struct facet_infer *c, int i, const char *name, int64_t *out, int *count)
{
    const struct facet_fact *f = i >= 0 ? facet_fact_in(c, i) : NULL;
    *count = -1;
    if (f) {
        if (f->n_known < 0)
            return FACET_E_AGAIN;
        for (int k = 0; k < f->n_known; k++) {
            if (f->known[k] == FACET_FACT_FREE)
                return FACET_E_AGAIN;
            out[k] = f->known[k];
        }
        *count = f->n_known;
        return FACET_OK;
    }
    const struct facet_attr *a = name ? facet_node_attr(c->n, name) : NULL;
    if (!a)
        return FACET_OK;
    if (a->kind != FACET_ATTR_INTS || a->count > FACET_FACT_MAX)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "'%s' is no short list of integers", name);
    *count = (int)facet_node_ints(c->n, name, out, FACET_FACT_MAX);
    return FACET_OK;
}

int facet_op_axis(const struct facet_graph *g, const struct facet_node *n, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return facet_op_fail(g, n, FACET_E_FORMAT, "axis %lld of a tensor with %d dimensions", (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return FACET_OK;
}

static bool broadcast_dim(int64_t a, int64_t b, int64_t *out)
{
    if (a == b)
        *out = a;
    else if (a == 1 || b == 1)
        *out = a == 1 ? b : a;
    else if (a < 0 || b < 0)
        *out = a < 0 ? b : a;
    else
        return false;
    return true;
}

bool facet_shape_broadcast(const struct facet_shape *a, const struct facet_shape *b, struct facet_shape *out)
{
    struct facet_shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < s.rank; i++) {
        int ia = i - (s.rank - a->rank), ib = i - (s.rank - b->rank);
        if (!broadcast_dim(ia < 0 ? 1 : a->dim[ia], ib < 0 ? 1 : b->dim[ib], &s.dim[i]))
            return false;
    }
    *out = s;
    return true;
}
