/* What the engine knows of each operator before any back end runs it: how many arguments, which
 * opsets, what shapes come out, what it costs. A new operator is a row in a family's file here and a
 * row in backends/ref (its meaning); faster back ends are free to take it or not.
 *
 * Facts. Inference keeps one fact per value: type, shape with -1 for what is not known yet, and for
 * small integer values (shapes computed by Shape, Gather, Concat ...) their contents, so that the
 * networks that compute their own Reshape targets need no running to know their shapes. */
#ifndef FACET_ENGINE_OPS_OPS_H
#define FACET_ENGINE_OPS_OPS_H

#include "engine/graph.h"

#define FACET_FACT_MAX 16                 /* contents are followed up to this many numbers */
#define FACET_FACT_FREE INT64_MIN         /* an element not known until bound */

struct facet_fact {
    enum facet_dtype dtype;
    struct facet_shape shape;             /* rank -1: nothing known */
    int n_known;                          /* -1: contents not followed */
    int64_t known[FACET_FACT_MAX];
};

struct facet_infer {
    const struct facet_graph *g;
    const struct facet_node *n;           /* the node being inferred */
    struct facet_fact *facts;             /* one per value */
};

struct facet_op {
    const char *name;
    const char *domain;                   /* NULL: ONNX's own */
    int since, until;                     /* opsets; until 0: no end */
    int min_in, max_in;                   /* max -1: any number */
    int max_out;                          /* at least one; -1: any number */
    int (*infer)(struct facet_infer *c);
    int64_t (*macs)(const struct facet_graph *g, const struct facet_node *n);   /* NULL: none */
};

const struct facet_op *facet_op_find(const char *domain, const char *name);   /* NULL: unknown */

/* Fills the facts of constants and graph inputs from the graph / runs every node's rule. */
void facet_infer_start(const struct facet_graph *g, struct facet_fact *facts);
int facet_infer_run(const struct facet_graph *g, struct facet_fact *facts);

/* ---- for the rules ---- */

/* FACET_E_<code> with "cannot use 'model': node 'x' (Op): <why>". */
int facet_op_fail(const struct facet_graph *g, const struct facet_node *n, int err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

const struct facet_fact *facet_fact_in(const struct facet_infer *c, int i);    /* NULL: absent */
struct facet_fact *facet_fact_out(const struct facet_infer *c, int i);         /* NULL: not wanted */
/* Sets output i: type, shape, contents not followed. */
void facet_fact_set(const struct facet_infer *c, int i, enum facet_dtype t, const struct facet_shape *s);

/* A list of integers given as attribute `name` or (newer opsets) as input `i`. *count -1: given
 * nowhere. FACET_E_AGAIN when it is an input whose contents are not known (yet). */
int facet_infer_ints(const struct facet_infer *c, int i, const char *name, int64_t *out, int *count);

/* Counts negative axes from the end; FACET_E_FORMAT when out of range. */
int facet_op_axis(const struct facet_graph *g, const struct facet_node *n, int64_t axis, int rank, int *out);

/* Numpy's rule; -1 with n (n > 1) gives n. False when the shapes do not go together. */
bool facet_shape_broadcast(const struct facet_shape *a, const struct facet_shape *b, struct facet_shape *out);

/* The families. Rows end with name NULL. */
extern const struct facet_op facet_ops_conv[], facet_ops_matmul[], facet_ops_pool[], facet_ops_elementwise[],
    facet_ops_norm[], facet_ops_shape[], facet_ops_move[], facet_ops_reduce[], facet_ops_resize[],
    facet_ops_fused[], facet_ops_quant[];

/* Shapes of convolutions and products, whatever the type of their numbers. */
int facet_conv_shape(const struct facet_infer *c, const struct facet_fact *x, const struct facet_fact *w, struct facet_shape *out);
int facet_matmul_shape(const struct facet_infer *c, const struct facet_fact *a, const struct facet_fact *b, struct facet_shape *out);

#endif
