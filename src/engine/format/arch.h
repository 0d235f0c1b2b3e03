/* Writing an architecture down once, whether its weights come from files or from a seed. A layer is
 * one call that takes a value and returns one; the first failure is kept, and calls after it do
 * nothing, so that an architecture reads from top to bottom. */
#ifndef FACET_ENGINE_FORMAT_ARCH_H
#define FACET_ENGINE_FORMAT_ARCH_H

#include "base/rng.h"
#include "engine/graph.h"

enum facet__role {
    FACET__KERNEL,      /* O I H W */
    FACET__MATRIX,      /* inputs x outputs */
    FACET__BIAS,
    FACET__GAMMA,
    FACET__BETA,
    FACET__MEAN,
    FACET__VARIANCE,
    FACET__SLOPE,
};

/* Gives the numbers of one tensor: *out is malloc'ed. `layer` is the layer's name. */
struct facet__source {
    int (*get)(void *ctx, const char *layer, enum facet__role role, int rank, const int64_t *dims, float **out);
    void *ctx;
};

/* Seeded numbers at which activations neither die nor grow: He's deviation for kernels, statistics
 * near 0 and 1. */
struct facet__random { struct facet_rng rng; };
struct facet__source facet__random_source(struct facet__random *r, uint64_t seed);

struct facet__arch {
    struct facet_graph *graph;
    struct facet__source source;
    int err;            /* of the first call that failed */
};

struct facet__conv {
    int64_t out, kh, kw, stride, pad_h, pad_w, group;     /* 0: stride 1, group 1 */
    bool has_bias;
    float weight_scale;                                   /* folded into kernel and bias; 0: 1 */
};

int facet__arch_begin(struct facet__arch *a, const char *name, struct facet__source source);
/* Hands the graph over, or frees it and returns the failure. */
int facet__arch_end(struct facet__arch *a, struct facet_graph **out);

int facet__arch_input(struct facet__arch *a, const char *name, int64_t c, int64_t h, int64_t w);   /* -1: free */
void facet__arch_output(struct facet__arch *a, int value);

/* Each names its value `name`; `in` channels are the caller's to know. */
int facet__arch_conv(struct facet__arch *a, const char *name, int x, int64_t in, const struct facet__conv *p);
int facet__arch_bn(struct facet__arch *a, const char *name, const char *layer, int x, int64_t channels, bool has_gamma,
                   float epsilon);
int facet__arch_prelu(struct facet__arch *a, const char *name, const char *layer, int x, int64_t channels, bool is_flat);
int facet__arch_max_pool(struct facet__arch *a, const char *name, int x, int64_t kernel, int64_t stride, bool ceil_mode);
/* Fully connected over rows of `in` numbers. */
int facet__arch_dense(struct facet__arch *a, const char *name, int x, int64_t in, int64_t out, bool has_bias);
int facet__arch_flatten(struct facet__arch *a, const char *name, int x);
int facet__arch_plain(struct facet__arch *a, const char *op, const char *name, const int *inputs, int n);
int facet__arch_concat(struct facet__arch *a, const char *name, const int *inputs, int n);
int facet__arch_clip(struct facet__arch *a, const char *name, int x, float lo, float hi);
/* A node attribute for the node that made the last value. */
void facet__arch_int(struct facet__arch *a, const char *attr, int64_t v);

#endif
