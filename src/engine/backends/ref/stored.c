/* Values that a pass keeps in fewer bits. An operator means what it means on reals: stored inputs are
 * read into scratch, the operator runs on float32, and its result is rounded once when it is stored. */
#include "engine/backends/ref/ref_priv.h"
#include "engine/number.h"

#include <string.h>

static size_t floats_for(const struct facet_tensor *t)
{
    return (facet_ref_count(t) + 15) / 16 * 16;
}

static bool is_stored(const struct facet_graph *g, int value)
{
    return value >= 0 && g->values[value].is_stored;
}

bool facet_ref_has_stored(const struct facet_graph *g, const struct facet_node *n)
{
    bool any = is_stored(g, n->epi.residual);
    for (int i = 0; i < n->n_inputs; i++)
        any |= is_stored(g, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        any |= is_stored(g, n->outputs[i]);
    return any;
}

size_t facet_ref_stored_bytes(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t floats = is_stored(g, n->epi.residual) ? floats_for(r->residual) : 0;
    for (int i = 0; i < n->n_inputs; i++)
        floats += is_stored(g, n->inputs[i]) ? floats_for(r->in[i]) : 0;
    for (int i = 0; i < n->n_outputs; i++)
        floats += is_stored(g, n->outputs[i]) ? floats_for(r->out[i]) : 0;
    return floats * sizeof(float);
}

/* Weights have a scale for each index along an axis. */
static void read_reals(const struct facet_tensor *t, float *out)
{
    size_t count = facet_ref_count(t), inner = 1;
    if (!t->quant.scales) {
        facet_numbers_real(out, t->data, t->dtype, &t->quant, count);
        return;
    }
    for (int i = t->quant.axis + 1; i < t->shape.rank; i++)
        inner *= (size_t)t->shape.dim[i];
    for (size_t i = 0; i < count; i += inner) {
        struct facet_quant one = {.scale = t->quant.scales[i / inner % (size_t)t->quant.n_scales]};
        facet_numbers_real(out + i, (const char *)t->data + i * facet_dtype_size(t->dtype), t->dtype, &one, inner);
    }
}

struct bench {                        /* the float32 stand-ins of one call */
    struct facet_tensor tensors[FACET_REF_MAX_ARGS];
    const struct facet_tensor *in[FACET_REF_MAX_ARGS];
    struct facet_tensor *out[FACET_REF_MAX_ARGS];
    int used;
    float *scratch;
};

static struct facet_tensor *stand_in(struct bench *b, const struct facet_tensor *t)
{
    struct facet_tensor *own = &b->tensors[b->used++];
    *own = *t;
    own->dtype = FACET_F32;
    own->data = b->scratch;
    own->quant = (struct facet_quant){0};
    b->scratch += floats_for(t);
    return own;
}

static const struct facet_tensor *read_in(struct bench *b, const struct facet_graph *g, int value, const struct facet_tensor *t)
{
    if (!is_stored(g, value))
        return t;
    struct facet_tensor *own = stand_in(b, t);
    read_reals(t, own->data);
    return own;
}

static int count_stored(const struct facet_graph *g, const struct facet_node *n)
{
    int count = is_stored(g, n->epi.residual);
    for (int i = 0; i < n->n_inputs; i++)
        count += is_stored(g, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        count += is_stored(g, n->outputs[i]);
    return count;
}

bool facet_ref_stored_fits(const struct facet_graph *g, const struct facet_node *n)
{
    return n->n_inputs <= FACET_REF_MAX_ARGS && n->n_outputs <= FACET_REF_MAX_ARGS && count_stored(g, n) <= FACET_REF_MAX_ARGS;
}

int facet_ref_run_stored(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r, facet_ref_fn *run)
{
    struct bench b = {.scratch = r->scratch};
    struct facet_run floats = *r;
    floats.in = b.in;
    floats.out = b.out;
    for (int i = 0; i < n->n_inputs; i++)
        b.in[i] = read_in(&b, g, n->inputs[i], r->in[i]);
    floats.residual = read_in(&b, g, n->epi.residual, r->residual);
    for (int i = 0; i < n->n_outputs; i++)
        b.out[i] = is_stored(g, n->outputs[i]) ? stand_in(&b, r->out[i]) : r->out[i];
    floats.scratch = b.scratch;
    int err = run(g, n, &floats);
    for (int i = 0; !err && i < n->n_outputs; i++)
        if (is_stored(g, n->outputs[i]))
            facet_numbers_store(r->out[i]->data, r->out[i]->dtype, &r->out[i]->quant, b.out[i]->data, facet_ref_count(r->out[i]));
    return err;
}
