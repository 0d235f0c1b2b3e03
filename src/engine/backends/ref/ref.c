#include "base/errors.h"
#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/ops.h"

#include <string.h>

#define MAX_INTS 16

static const struct facet_ref_op *const families[] = {
    facet_ref_conv, facet_ref_matmul, facet_ref_pool, facet_ref_unary,  facet_ref_binary,
    facet_ref_norm, facet_ref_move,   facet_ref_cut,  facet_ref_reduce, facet_ref_resize,
    facet_ref_quant,
};

static const struct facet_ref_op *find(const struct facet_node *n)
{
    bool is_ours = strcmp(n->domain, "facet") == 0;
    if (*n->domain && !(is_ours && strcmp(n->op, "Layout") == 0))
        return NULL;
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (const struct facet_ref_op *op = families[f]; op->name; op++)
            if (strcmp(op->name, n->op) == 0)
                return op;
    return NULL;
}

void facet_ref_strides(const struct facet_shape *s, int64_t strides[FACET_MAX_DIMS])
{
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= s->dim[i];
    }
}

void facet_ref_spread(const struct facet_shape *from, const struct facet_shape *over, int64_t strides[FACET_MAX_DIMS])
{
    int64_t own[FACET_MAX_DIMS];
    facet_ref_strides(from, own);
    for (int i = 0; i < over->rank; i++) {
        int k = i - (over->rank - from->rank);
        strides[i] = k < 0 || from->dim[k] == 1 ? 0 : own[k];
    }
}

void facet_ref_next(const struct facet_shape *s, int64_t *index, int64_t *offsets, const int64_t (*strides)[FACET_MAX_DIMS],
                    int n)
{
    for (int d = s->rank - 1; d >= 0; d--) {
        for (int k = 0; k < n; k++)
            offsets[k] += strides[k][d];
        if (++index[d] < s->dim[d])
            return;
        for (int k = 0; k < n; k++)
            offsets[k] -= strides[k][d] * s->dim[d];
        index[d] = 0;
    }
}

void facet_ref_ints(const struct facet_node *n, const struct facet_run *r, int i, const char *name, int64_t *out, int *count)
{
    const struct facet_tensor *t = i >= 0 ? facet_ref_in(r, i) : NULL;
    *count = -1;
    if (!t) {
        if (name && facet_node_attr(n, name))
            *count = (int)facet_node_ints(n, name, out, MAX_INTS);
        return;
    }
    *count = (int)facet_ref_count(t);
    if (*count > MAX_INTS)
        *count = MAX_INTS;
    for (int k = 0; k < *count; k++)
        out[k] = t->dtype == FACET_I64 ? ((const int64_t *)t->data)[k] : ((const int32_t *)t->data)[k];
}

static bool ref_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    return find(n) && (!facet_ref_has_stored(g, n) || facet_ref_stored_fits(g, n));
}

static bool is_float(const struct facet_graph *g, int value)
{
    return value < 0 || g->values[value].dtype == FACET_F32 || g->values[value].data;
}

/* Everything whose values are reals: the wrapper of stored.c does the rest. */
static bool ref_stores(const struct facet_graph *g, int node, enum facet_dtype t)
{
    const struct facet_node *n = &g->nodes[node];
    bool fits = find(n) && facet_ref_stored_fits(g, n) && n->n_inputs + n->n_outputs < FACET_REF_MAX_ARGS;
    for (int i = 0; i < n->n_inputs; i++)
        fits &= is_float(g, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        fits &= is_float(g, n->outputs[i]);
    return fits && (t == FACET_BF16 || t == FACET_U8);
}

static size_t ref_scratch_bytes(const void *state, const struct facet_graph *g, int node, const struct facet_run *shapes, unsigned threads)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_ref_op *op = find(n);
    size_t own = op && op->scratch ? op->scratch(g, n, shapes) : 0;
    return own + (facet_ref_has_stored(g, n) ? facet_ref_stored_bytes(g, n, shapes) : 0);
}

static int run_float(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    int err = find(n)->run(g, n, r);
    if (!err && (n->epi.act != FACET_ACT_NONE || r->residual))
        facet_ref_epilogue(g, n, r);
    return err;
}

static int ref_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    if (!find(n))
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "the plain back end does not know it");
    return facet_ref_has_stored(g, n) ? facet_ref_run_stored(g, n, r, run_float) : run_float(g, n, r);
}

const struct facet_backend_ops facet_backend_ref = {
    .name = "ref",
    .supports = ref_supports,
    .stores = ref_stores,
    .scratch_bytes = ref_scratch_bytes,
    .run = ref_run,
};
