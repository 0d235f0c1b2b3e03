/* What the files of this folder share. */
#ifndef FACET_ENGINE_QUANT_PRIV_H
#define FACET_ENGINE_QUANT_PRIV_H

#include "engine/quant/quant.h"
#include "engine/quant/range.h"

#define FACET__QUANT_CHAIN 4          /* nodes behind a layer's own that belong to it */
#define FACET__QUANT_OPSET 13         /* the first with one scale a channel */

/* A convolution or product, and the sum and activation that its result goes through at once. */
struct facet__layer {
    int node;
    int chain[FACET__QUANT_CHAIN], n_chain;
    int residual;                     /* value added on the way, -1: none */
    int out;                          /* the last node's value */
    int64_t outs, ins;                /* the weights: numbers per output, outputs */
    double loss;
    bool is_kept;
    float *drift;                     /* per output: what rounding the weights adds in the mean; NULL: not known */
};

enum facet__role {
    FACET__ROLE_FLOAT,                /* left as it is */
    FACET__ROLE_LAYER,                /* a layer's own node */
    FACET__ROLE_CHAIN,                /* behind it */
    FACET__ROLE_PASS,                 /* moves numbers or picks some: output in the input's steps */
    FACET__ROLE_COMPUTE,              /* in 8 bits where both sides are */
};

/* What is known of a value. */
struct facet__range {
    struct facet__seen seen;          /* of the group, at its root */
    float lo, hi;                     /* chosen, at the root */
    double *sums;                     /* per channel, of the value itself; NULL: not watched */
    float *peaks;                     /* per channel: the largest size */
    int64_t channels;
    double count;                     /* numbers per channel in the sums */
};

struct facet_quantiser {
    struct facet_quant_opts o;
    struct facet_graph *g;            /* fp32 passes done, opset 13 or later */
    struct facet__layer *layers;
    size_t n_layers;
    enum facet__role *roles;          /* per node */
    int *layer_of;                    /* per node, -1: none */
    int *root;                        /* per value: which one's steps it shares */
    struct facet__range *ranges;      /* per value */
    bool is_calibrated, is_equalised;
};

/* Old forms of operators become those of opset 13; FACET_E_UNSUPPORTED names the first that cannot. */
int facet__quant_raise_opset(struct facet_graph *g);

/* Finds layers, roles and groups. */
int facet__quant_find(struct facet_quantiser *q);

/* Which values get steps, with the layers kept as they are: wants[v]; inner[v]: between a layer's own node and
 * a sum or activation behind it (engines without that in one kernel need it there). Both n_values long. */
void facet__quant_wants(const struct facet_quantiser *q, bool *wants, bool *inner);
/* Does node i work on 8-bit numbers, its result being wanted? */
bool facet__quant_is_small(const struct facet_quantiser *q, int node, const bool *wants);

/* Replaces a layer's weights and bias in `g`, a copy of q->g, by 8-bit constants and DequantizeLinear nodes. */
int facet__quant_weights(const struct facet_quantiser *q, struct facet_graph *g, const struct facet__layer *l);
/* Fills l->drift from the means of its input. */
int facet__quant_drift(struct facet_quantiser *q, struct facet__layer *l);

/* Shares steps between channels better, by the peaks seen; tells how many layers it changed. */
int facet__quant_equalise(struct facet_quantiser *q, int *changed);

/* FACET_E_CANCELLED when it was; tells progress otherwise. */
int facet__quant_step(const struct facet_quantiser *q, const char *what, size_t done, size_t total);

/* The constant weights of a Conv or Gemm: value number, -1 for any other node. */
int facet__quant_weights_of(const struct facet_graph *g, int node);

/* The lengths (root of the mean square) of the weights of each output: channels differ in size by what folded
 * batch norms left them, not in what they mean. malloc'ed; *outs of them. `node` has weights. */
float *facet__quant_lengths(const struct facet_graph *g, int node, int64_t *outs);
/* Which output number i of the weights belongs to. */
int64_t facet__quant_output_of(const struct facet_graph *g, int node, int64_t i);

/* n growing values that stand for `count` numbers with little squared error. */
int facet__quant_kmeans(const float *w, int64_t count, int n, float *values);

#endif
