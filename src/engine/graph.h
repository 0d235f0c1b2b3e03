/* A network as read from a file: values and nodes in topological order. What passes work on. */
#ifndef FACET_ENGINE_GRAPH_H
#define FACET_ENGINE_GRAPH_H

#include "engine/tensor.h"

#include <stdbool.h>

enum facet_attr_kind { FACET_ATTR_INT, FACET_ATTR_FLOAT, FACET_ATTR_STRING, FACET_ATTR_INTS, FACET_ATTR_FLOATS, FACET_ATTR_TENSOR };

struct facet_attr {
    char *name;
    enum facet_attr_kind kind;
    int64_t i;
    float f;
    char *s;
    int64_t *ints;
    float *floats;
    size_t count;                     /* of ints or floats */
    struct facet_tensor tensor;       /* owned */
};

struct facet_value {
    char *name;
    enum facet_dtype dtype;
    struct facet_shape shape;         /* rank -1: unknown until inferred */
    void *data;                       /* constant (initializer), owned; NULL otherwise */
    size_t bytes;
    bool is_packed;                   /* a constant whose numbers are in the packed weights: the plan drops `data` */
    int producer;                     /* the node that makes it, -1: none (kept by graph.c) */
    /* Passes may have a value kept in fewer bits than it means: dtype stays what it means (FACET_F32), the memory
     * (a constant's data, too) holds `store`. An operator's meaning is always on real numbers: inputs are read
     * as reals, the result is rounded once, to nearest even, saturating, when it is stored. */
    bool is_stored;
    enum facet_dtype store;           /* FACET_BF16, FACET_U8 (with quant), for weights FACET_I8 (with quant) */
    struct facet_quant quant;
};
bool facet_value_is_const(const struct facet_value *v);                /* its numbers may be dropped already */
enum facet_dtype facet_value_store(const struct facet_value *v);       /* how it lies in memory */

/* What a pass folded into a node, applied in this order after the operator itself. */
enum facet_act {
    FACET_ACT_NONE, FACET_ACT_RELU, FACET_ACT_CLIP, FACET_ACT_LEAKY, FACET_ACT_PRELU, FACET_ACT_SIGMOID,
    FACET_ACT_TANH, FACET_ACT_HARD_SWISH, FACET_ACT_HARD_SIGMOID
};
struct facet_epilogue {
    int residual;                     /* value added before the activation, -1: none */
    float residual_scale;             /* out = act(op + residual_scale * residual); passes always leave 1 */
    bool residual_after;              /* added after the activation instead */
    enum facet_act act;
    float lo, hi;                     /* CLIP */
    float alpha, beta;                /* LEAKY, HARD_SIGMOID */
    int slope;                        /* PRELU: constant value with one slope per channel (or one) */
};

struct facet_op;
struct facet_node {
    char *name;                       /* never NULL; made up when the file has none */
    char *op;                         /* ONNX operator type */
    const struct facet_op *kind;      /* its row in ops/, NULL: unknown (set with the node) */
    char *domain;                     /* "" for ONNX's own */
    int *inputs, *outputs;            /* value numbers; -1: optional and absent */
    int n_inputs, n_outputs;
    struct facet_attr *attrs;
    int n_attrs;
    struct facet_epilogue epi;
    struct facet_graph *body;         /* "Subgraph" of domain "facet": the nodes that run as one, owned; inputs and outputs
                                       * correspond by place. NULL: any other node */
};

struct facet_graph {
    char *name;                       /* file or builder it came from, for messages */
    int opset;
    struct facet_value *values;
    int n_values;
    struct facet_node *nodes;
    int n_nodes;
    int *inputs, *outputs;            /* value numbers; inputs leave out initializers */
    int n_inputs, n_outputs;
    char **meta;                      /* the file's metadata: key, value, key, value ...; owned */
    int n_meta;                       /* pairs */
    char hash[33];                    /* of the file it was read from (facet_hash64 and length in hex); "" when built by hand */
    /* capacities, owned by graph.c */
    int cap_values, cap_nodes, cap_inputs, cap_outputs;
    int *index, cap_index;            /* names to values: open addressing, -1 is a free slot */
};

/* An empty graph / building one by hand (importers and architecture builders). Names are copied.
 * Functions that return a value number return a negative error instead. */
int facet_graph_new(struct facet_graph **out, const char *name, int opset);
void facet_graph_free(struct facet_graph **g);
int facet_graph_input(struct facet_graph *g, const char *name, enum facet_dtype t, const struct facet_shape *s);
int facet_graph_const(struct facet_graph *g, const char *name, enum facet_dtype t, const struct facet_shape *s, const void *data);
int facet_graph_value(struct facet_graph *g, const char *name);         /* found or made; shape unknown */
int facet_graph_find(const struct facet_graph *g, const char *name);    /* -1: none */
/* Appends a node with one fresh output named `out_name`; returns the output's value number. `node`
 * (may be NULL) receives the node's index, for attributes. */
int facet_graph_node(struct facet_graph *g, const char *op, const char *out_name, const int *inputs, int n_inputs, int *node);
int facet_graph_node_output(struct facet_graph *g, int node, const char *out_name);   /* one more output */
int facet_graph_output(struct facet_graph *g, int value);
int facet_graph_attr_int(struct facet_graph *g, int node, const char *name, int64_t v);
int facet_graph_attr_float(struct facet_graph *g, int node, const char *name, float v);
int facet_graph_attr_string(struct facet_graph *g, int node, const char *name, const char *v);
int facet_graph_attr_ints(struct facet_graph *g, int node, const char *name, const int64_t *v, size_t n);
int facet_graph_attr_floats(struct facet_graph *g, int node, const char *name, const float *v, size_t n);
/* Takes `data` (malloc'ed), on failure too. */
int facet_graph_attr_tensor(struct facet_graph *g, int node, const char *name, enum facet_dtype t, const struct facet_shape *s, void *data);

/* Metadata that goes with the file (ONNX metadata_props); setting a key again replaces its value. */
int facet_graph_meta_set(struct facet_graph *g, const char *key, const char *value);
const char *facet_graph_meta(const struct facet_graph *g, const char *key);      /* NULL: absent */

/* Editing, for passes. Removing nodes renumbers them; values keep their numbers. */
int facet_graph_add_node(struct facet_graph *g, const char *op, const char *domain, const char *name, const int *inputs,
                         int n_inputs, const int *outputs, int n_outputs);     /* the node's number */
/* Takes malloc'ed data, on failure too; NULL name: made up. */
int facet_graph_const_take(struct facet_graph *g, const char *name, enum facet_dtype t, const struct facet_shape *s,
                           void *data);
int facet_graph_uses(const struct facet_graph *g, int value);       /* by nodes (epilogues counted) and as outputs */
void facet_graph_replace_value(struct facet_graph *g, int from, int to);   /* in every use, outputs included */
void facet_graph_kill_node(struct facet_graph *g, int node);        /* marks it; facet_graph_sweep removes */
void facet_graph_sweep(struct facet_graph *g);      /* drops marked nodes, nodes nothing needs, and their constants' data */
int facet_graph_sort(struct facet_graph *g);        /* stable topological order; a cycle is FACET_E_FORMAT */

/* Reading attributes: the default when absent. */
const struct facet_attr *facet_node_attr(const struct facet_node *n, const char *name);
int64_t facet_node_int(const struct facet_node *n, const char *name, int64_t fallback);
float facet_node_float(const struct facet_node *n, const char *name, float fallback);
const char *facet_node_string(const struct facet_node *n, const char *name, const char *fallback);
size_t facet_node_ints(const struct facet_node *n, const char *name, int64_t *out, size_t max);   /* count, 0: absent */

/* Every node's inputs come before it, every number is in range, outputs are made once, operators are
 * known (an unknown one is named with node and model in the refusal: FACET_E_UNSUPPORTED). */
int facet_graph_check(const struct facet_graph *g);

/* Where an operator's arguments are given wrong, errors read "cannot use 'model': node 'x' (Conv): why". */

/* Shapes and types of every value from the inputs' (free dimensions stay -1 where they must). */
int facet_graph_infer(struct facet_graph *g);

/* Multiply-accumulates of node i with the shapes as bound (free batch counted as 1). */
int64_t facet_node_macs(const struct facet_graph *g, int node);

#endif
