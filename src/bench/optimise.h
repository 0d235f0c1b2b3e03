/* A model made smaller and faster, measured against what it was made from: facet models optimise. The
 * arithmetic is engine/quant's; here it meets faces, files and the models folder. */
#ifndef FACET_BENCH_OPTIMISE_H
#define FACET_BENCH_OPTIMISE_H

#include "bench/calibrate.h"
#include "bench/stats.h"

#include <stdatomic.h>

struct facet_manifest;

enum facet_optimise_to { FACET_OPTIMISE_F32, FACET_OPTIMISE_INT8, FACET_OPTIMISE_BF16, FACET_OPTIMISE_FP16 };

struct facet_optimise_opts {
    const struct facet_manifest *manifest;
    const struct facet_model_spec *model;        /* what it is made from, and how it is fed; NULL with `file` alone */
    const char *file;              /* an ONNX file instead of the model's own network; NULL: that */
    const char *output;            /* the result goes into this file; NULL: into the models folder */
    const char *name;              /* in the models folder; NULL: made of the model's */
    bool force;
    enum facet_optimise_to to;
    int cluster;                   /* values a layer's weights take; 0: as many as they like */
    double prune;                  /* share of weights that become zero */
    const char *calibrate;         /* folder; INT8 needs it, the others are compared with it; NULL: none */
    size_t pictures;               /* 0: 320 */
    enum facet_quant_method method;
    double percentile;             /* 0: 99.99 */
    double aim;                    /* the mean loss that layers are kept in float for; 0: by task */
    int most_kept;                 /* layers, at most; -1: a quarter */
    size_t tried;                  /* held-out inputs for the list of layers; 0: 8 */
    bool no_list;                  /* leave the list out */
    unsigned threads;              /* 0: as many as there are */
    const char *backend;
    atomic_int *cancel;
    facet_quant_progress_fn *progress; void *ctx;
};

struct facet_optimise_layer { char name[128]; char op[16]; int64_t macs, weights; double loss; bool is_kept; };

struct facet_optimise_part {
    char name[32];
    int64_t bytes[2], packed[2];   /* of the file, before and after; `packed`: as deflate leaves it */
    struct facet_stat ms[2], ratio;               /* of one input; ratio: before by after; n 0: not measured */
    bool is_compared;
    struct facet_quant_score loss;                /* on held-out inputs */
    size_t calibrated, held;       /* inputs */
    int64_t zeros, weights;        /* after pruning */
    struct facet_optimise_layer *layers;          /* INT8: the network's, the worst first */
    size_t n_layers, kept;
};

struct facet_optimise_result {
    char name[FACET_MAX_NAME];     /* as registered, "" with `output` */
    struct facet_optimise_part parts[FACET_MODEL_PARTS];
    size_t n_parts;
    enum facet_quant_loss loss;    /* how parts are compared */
    size_t pictures, faces;
    double aim;
};

/* FACET_E_INVALID for options that do not go together. A failure leaves the models folder as it was. */
int facet_optimise(struct facet_optimise_result *out, const struct facet_optimise_opts *o);
void facet_optimise_fini(struct facet_optimise_result *r);

/* "int8" ... */
const char *facet_optimise_word(enum facet_optimise_to to);

/* Bytes of a file as deflate leaves it at its usual effort. */
int facet_packed_size(int64_t *out, const char *path);

#endif
