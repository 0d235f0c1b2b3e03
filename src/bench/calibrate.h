/* What networks of faces are fed with, from a folder of pictures and videos: a recogniser sees chips as the
 * path cuts them, each part of a detector what the path runs it on (levels of the pyramid, windows). For
 * calibration and for comparing forms of a network. */
#ifndef FACET_BENCH_CALIBRATE_H
#define FACET_BENCH_CALIBRATE_H

#include "base/hash.h"
#include "engine/quant/quant.h"
#include "models/spec.h"

#include <stdatomic.h>

struct facet_calib_input { struct facet_shape shape; float *data; };

struct facet_calib_set {             /* of one network */
    struct facet_calib_input *items;
    size_t n, cap;
    size_t calibrated;               /* the first so many are for calibration, the others held out */
    size_t bytes;
};

struct facet_calib {
    struct facet_calib_set sets[FACET_MODEL_PARTS];     /* by the model's parts */
    size_t n_sets;
    size_t pictures, faces;          /* used; of videos each frame counts */
    char sha256[FACET_SHA256_HEX];   /* over the files, in their order */
};

struct facet_calib_opts {
    const char *dir;
    size_t most;                     /* pictures and frames; 0: 320 */
    const struct facet_model_spec *model;        /* what is fed */
    const struct facet_model_spec *detector;     /* finds the faces for a recogniser */
    struct facet_pool *pool;
    atomic_int *cancel;
    void (*progress)(void *ctx, const char *what, int64_t done, int64_t total); void *ctx;
};

/* FACET_E_NOT_FOUND for a folder that is not there or holds no picture, FACET_E_NO_FACE when there are no
 * faces in them. A file that cannot be read is told in the log and left out. */
int facet_calib_read(struct facet_calib *out, const struct facet_calib_opts *o);
void facet_calib_fini(struct facet_calib *c);

/* Inputs of a set as the engine wants them. */
struct facet_quant_inputs facet_calib_inputs(struct facet_calib_set *s, bool held);

#endif
