/* A graph of ours, after folding, as one of TensorFlow's: operation by operation, channels last inside. */
#ifndef FACET_ENGINE_BACKENDS_TENSORFLOW_BUILD_H
#define FACET_ENGINE_BACKENDS_TENSORFLOW_BUILD_H

#include "engine/backends/tensorflow/tf.h"
#include "engine/graph.h"

#define FACET_TF_ARGUMENTS 16

struct facet_tf_graph {
    void *graph;                      /* the caller's, to TF_DeleteGraph; NULL after a failure */
    struct tf_output in[FACET_TF_ARGUMENTS], out[FACET_TF_ARGUMENTS];
    int n_in, n_out;
};

/* Copies all constants. */
int facet_tf_build(struct facet_tf_graph *out, const struct facet_tf *tf, const struct facet_graph *g);

#endif
