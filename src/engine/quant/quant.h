/* Smaller models: post-training quantisation to 8 bits, 16-bit weights, clustering and pruning. Knows
 * tensors, not faces: what a network is fed with comes through a callback (bench/calibrate.h has faces).
 *
 * Quantising: the network's fp32 passes are done once (open), ranges are watched while it runs on
 * calibration inputs (calibrate), each layer is tried alone in 8 bits on inputs that were held out
 * (sensitivity), and those that hurt most stay in float until an aim is met (settle). What comes out is
 * an ordinary ONNX graph with QuantizeLinear and DequantizeLinear. docs/quantisation.md tells the rest. */
#ifndef FACET_ENGINE_QUANT_QUANT_H
#define FACET_ENGINE_QUANT_QUANT_H

#include "engine/graph.h"

#include <stdatomic.h>

struct facet_exec;
struct facet_pool;
struct facet_quantiser;

/* How the range of a value follows from what was seen. */
enum facet_quant_method { FACET_QUANT_MINMAX, FACET_QUANT_PERCENTILE, FACET_QUANT_ENTROPY, FACET_QUANT_MSE };
/* "minmax" ...; false: there is none of that name. */
bool facet_quant_method_find(const char *name, enum facet_quant_method *out);
const char *facet_quant_method_name(enum facet_quant_method m);

/* How far two results are apart. COSINE: 1 - cosine of all numbers of an output. ERROR: the difference's
 * length in proportion to the output's. Of several outputs the worst counts. */
enum facet_quant_loss { FACET_QUANT_LOSS_COSINE, FACET_QUANT_LOSS_ERROR };

/* Inputs by number, the same each time: `fill` binds the exec and writes its input. */
typedef int facet_quant_fill_fn(void *ctx, size_t i, struct facet_exec *e);
struct facet_quant_inputs { size_t n; facet_quant_fill_fn *fill; void *ctx; };

typedef void facet_quant_progress_fn(void *ctx, const char *what, int64_t done, int64_t total);

struct facet_quant_opts {
    enum facet_quant_method method;
    double percentile;             /* of PERCENTILE, 0: 99.99 */
    enum facet_quant_loss loss;
    bool keep_channels;            /* do not make channels alike by scaling weights on either side */
    bool keep_bias;                /* do not move biases by what rounding the weights does in the mean */
    const char *backend;
    struct facet_pool *pool;       /* borrowed until close, may be NULL */
    atomic_int *cancel;            /* non-zero ends the work with FACET_E_CANCELLED; NULL: never */
    facet_quant_progress_fn *progress; void *ctx;
};
#define FACET_QUANT_OPTS_INIT { .method = FACET_QUANT_MSE }

/* A convolution or product with constant weights, with what follows it at once (sum, activation). */
struct facet_quant_layer {
    const char *name;              /* borrowed until close */
    const char *op;
    int64_t macs, weights;
    double loss;                   /* with this layer alone in 8 bits; -1: not measured */
    bool is_kept;                  /* stays in float */
};

/* Copies what it needs of `g`. FACET_E_UNSUPPORTED for a model that is quantised already, or that has no
 * layer with constant weights. */
int facet_quant_open(struct facet_quantiser **out, const struct facet_graph *g, const struct facet_quant_opts *o);
void facet_quant_close(struct facet_quantiser **q);
size_t facet_quant_layers(const struct facet_quantiser *q);
struct facet_quant_layer facet_quant_layer(const struct facet_quantiser *q, size_t i);
void facet_quant_keep(struct facet_quantiser *q, size_t layer, bool is_kept);

/* Watches the network while it runs on the inputs, and fixes the ranges of its values. */
int facet_quant_calibrate(struct facet_quantiser *q, const struct facet_quant_inputs *in);

/* Measures each layer's loss on inputs that calibration has not seen. */
int facet_quant_sensitivity(struct facet_quantiser *q, const struct facet_quant_inputs *held);

struct facet_quant_score { double mean, worst; };      /* losses */

/* Keeps layers in float, those first whose loss is largest for their share of the work, as few as meet the aim (the mean loss, at most). The score
 * is that of the network as it is then, whether the aim was met or not. `most` bounds how many may stay. */
int facet_quant_settle(struct facet_quantiser *q, const struct facet_quant_inputs *held, double aim, size_t most,
                       struct facet_quant_score *out);
/* Loss of another form of the network (outputs in the same order). `g` is only read. */
int facet_quant_compare(struct facet_quantiser *q, const struct facet_graph *g, const struct facet_quant_inputs *held,
                        struct facet_quant_score *out);

/* The network with its layers in 8 bits as they are settled; needs calibration. The caller's to free. */
int facet_quant_graph(struct facet_quantiser *q, struct facet_graph **out);

/* ---- the same arithmetic, other sizes ---- */

/* A copy of its own; values and nodes keep their numbers. */
int facet_graph_copy(struct facet_graph **out, const struct facet_graph *g);

/* fp32 weights of at least a few numbers become FACET_F16 or FACET_BF16 constants behind a Cast. */
int facet_quant_halve(struct facet_graph *g, enum facet_dtype t);

/* Every layer's weights take at most `n` (2..256) values, found by k-means: 8-bit numbers into a table
 * (Gather) instead of floats. */
int facet_quant_cluster(struct facet_graph *g, int n);
/* The same without the table: weights stay floats, of few values. For what is quantised afterwards. */
int facet_quant_cluster_values(struct facet_graph *g, int n);

/* The share (0..1) of smallest numbers of each layer's weights becomes zero. Tells how many that are. */
int facet_quant_prune(struct facet_graph *g, double share, int64_t *zeros, int64_t *weights);

#endif
