/* What is done to a graph between reading and planning. One file and one line in passes.c each; the
 * graph is swept, ordered, checked and inferred again after every one. */
#ifndef FACET_ENGINE_PASSES_PASSES_H
#define FACET_ENGINE_PASSES_PASSES_H

#include "engine/backend.h"

#define FACET_PASS_BF16 (1u << 16)    /* beside the plan's FACET_PASS_*: values in bfloat16 (set by plan.c) */

struct facet_pass {
    const char *name;
    unsigned flag;                    /* FACET_PASS_* (plan.h), any of them; 0: always */
    int (*run)(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
};

/* In order; ends with name NULL. */
extern const struct facet_pass facet_passes[];

int facet_passes_run(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);

/* The back end that will run a node: `preferred` unless it declines, then ref, then NULL. */
const struct facet_backend_ops *facet_pass_backend(const struct facet_graph *g, int node,
                                                   const struct facet_backend_ops *preferred);

/* Operators that leave their numbers where they are (given the right layouts). */
bool facet_pass_is_view(const struct facet_node *n);

/* Gives each value a layout and inserts conversions where two differ; *layouts: one per value, malloc'ed.
 * `on` false: values are always NCHW and every NHWC node is wrapped in conversions. */
int facet_pass_layout(struct facet_graph *g, const struct facet_backend_ops *preferred, bool on, enum facet_layout **layouts);

int facet_pass_free_batch(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_fold_const(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_drop_identity(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_fold_affine(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_drop_inner(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_fuse(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_quantise(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_fold_rest(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_precision(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_take_whole(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);
int facet_pass_fuse_network(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags);

/* ---- for passes ---- */

/* Node `node` makes value v from now on instead of its first output, and `dead` (v's maker so far) goes. */
void facet_pass_take_output(struct facet_graph *g, int node, int dead, int v);

/* The only use of value v, as an input of a node: its number, or -1 (several, none, or an output). */
int facet_pass_single_user(const struct facet_graph *g, int v);

/* A constant of n floats at `value`, or NULL (stored in fewer bits, too). */
const float *facet_pass_floats(const struct facet_graph *g, int value, int64_t n);

/* ---- values in fewer bits (stored.c) ---- */

/* Has the plan's own back end kernels for node i on numbers of type t? What it declines runs in float32. */
bool facet_pass_stores(const struct facet_graph *g, int node, const struct facet_backend_ops *preferred, enum facet_dtype t);
bool facet_pass_is_heavy(const struct facet_node *n);                    /* convolutions and products */
bool facet_pass_is_real(const struct facet_graph *g, int v);             /* a float value that is no constant */
bool facet_pass_is_cast(const struct facet_graph *g, const struct facet_node *n);   /* between ways to keep a float value */
void facet_pass_keep(struct facet_graph *g, int v, enum facet_dtype t, const struct facet_quant *q);   /* takes q's scales */
bool facet_pass_same_keeping(const struct facet_value *a, const struct facet_value *b);
/* A new value behind a Cast: v kept as t (FACET_F32: as it is). Its number, or an error. */
int facet_pass_cast(struct facet_graph *g, int v, enum facet_dtype t, const struct facet_quant *q);

#endif
