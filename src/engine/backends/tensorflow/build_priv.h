/* A graph of ours becoming one of TensorFlow's. Inside this back end. */
#ifndef FACET_ENGINE_BACKENDS_TENSORFLOW_BUILD_PRIV_H
#define FACET_ENGINE_BACKENDS_TENSORFLOW_BUILD_PRIV_H

#include "engine/backends/tensorflow/tf.h"
#include "engine/graph.h"

/* Where a value is to be had: as ONNX orders it, and (rank 4) with channels last. */
struct tf_place { struct tf_output plain, last; };

struct tf_builder {
    const struct facet_tf *tf;
    const struct facet_graph *g;
    void *graph;
    struct tf_place *at;              /* one a value */
    int serial;                       /* for names */
    int err;                          /* the first failure; later steps do nothing */
};

/* An operation in the making: name its kind, give inputs and attributes, finish. After a failure all do nothing. */
void *facet__tf_begin(struct tf_builder *b, const char *kind);
void facet__tf_in(struct tf_builder *b, void *making, struct tf_output x);
struct tf_output facet__tf_finish(struct tf_builder *b, void *making, const char *kind);
/* All of it, for operations without attributes; y.op NULL: one input. */
struct tf_output facet__tf_op(struct tf_builder *b, const char *kind, struct tf_output x, struct tf_output y);

struct tf_output facet__tf_const(struct tf_builder *b, int type, const int64_t *dims, int rank, const void *data);
struct tf_output facet__tf_ints(struct tf_builder *b, const int32_t *v, int n);
struct tf_output facet__tf_number(struct tf_builder *b, float v);
struct tf_output facet__tf_turn(struct tf_builder *b, struct tf_output x, const int32_t *perm, int rank);

/* Value v in ONNX's order; with channels last (rank 4). Constants and changes of order are made on first use. */
struct tf_output facet__tf_plain(struct tf_builder *b, int v);
struct tf_output facet__tf_last(struct tf_builder *b, int v);

/* One node (nodes.c), which facet__tf_supports took. */
void facet__tf_node(struct tf_builder *b, const struct facet_node *n);
bool facet__tf_supports(const struct facet_graph *g, int node);

#endif
