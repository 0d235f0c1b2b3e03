/* The meaning of every operator, in plain C on dense NCHW arrays. Nothing here is tuned: other back
 * ends are tested against it, and it runs what they decline. */
#ifndef FACET_ENGINE_BACKENDS_REF_PRIV_H
#define FACET_ENGINE_BACKENDS_REF_PRIV_H

#include "engine/backend.h"

typedef int facet_ref_fn(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r);

struct facet_ref_op {
    const char *name;
    facet_ref_fn *run;
    size_t (*scratch)(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *shapes);  /* NULL: none */
};

/* The families; rows end with name NULL. */
extern const struct facet_ref_op facet_ref_conv[], facet_ref_matmul[], facet_ref_pool[], facet_ref_unary[],
    facet_ref_binary[], facet_ref_norm[], facet_ref_move[], facet_ref_cut[], facet_ref_reduce[], facet_ref_resize[],
    facet_ref_quant[];

/* ---- helpers of the families ---- */

static inline const struct facet_tensor *facet_ref_in(const struct facet_run *r, int i)
{
    return i < r->n_in ? r->in[i] : NULL;
}

static inline const float *facet_ref_floats(const struct facet_run *r, int i)
{
    const struct facet_tensor *t = facet_ref_in(r, i);
    return t ? t->data : NULL;
}

static inline size_t facet_ref_count(const struct facet_tensor *t)
{
    return (size_t)facet_shape_count(&t->shape);
}

/* Row-major distances. */
void facet_ref_strides(const struct facet_shape *s, int64_t strides[FACET_MAX_DIMS]);

/* Distances that walk `from` while indices run over `over`: 0 along dimensions it is spread over. */
void facet_ref_spread(const struct facet_shape *from, const struct facet_shape *over, int64_t strides[FACET_MAX_DIMS]);

/* Next index of a row-major walk over `s`; keeps n offsets up to date. */
void facet_ref_next(const struct facet_shape *s, int64_t *index, int64_t *offsets, const int64_t (*strides)[FACET_MAX_DIMS], int n);

/* A list given as input i or attribute `name`; *count -1: given nowhere. At most 16 numbers. */
void facet_ref_ints(const struct facet_node *n, const struct facet_run *r, int i, const char *name, int64_t *out, int *count);

/* What passes folded into the node: residual and activation, in place on its output. */
void facet_ref_epilogue(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r);

/* A convolution of 32-bit integers that wrap: r gives the input's shape and the pool. */
int facet_ref_conv_u32(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r, const struct facet_shape *weights,
                       const uint32_t *x, const uint32_t *w, const uint32_t *bias, uint32_t *y);

/* Nodes with values that passes keep in fewer bits (stored.c). */
#define FACET_REF_MAX_ARGS 64
bool facet_ref_has_stored(const struct facet_graph *g, const struct facet_node *n);
bool facet_ref_stored_fits(const struct facet_graph *g, const struct facet_node *n);
size_t facet_ref_stored_bytes(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r);
int facet_ref_run_stored(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r, facet_ref_fn *run);

float facet_ref_activate(enum facet_act act, const struct facet_epilogue *e, float slope, float v);

#endif
