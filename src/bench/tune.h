/* What is fastest on this machine: kinds of kernels, threads of detector and recogniser, faces a call, pictures at once, how
 * seldom a video's pictures need be scanned in full, and which of the recognisers that are there and as good. Takes well under a minute. */
#ifndef FACET_BENCH_TUNE_H
#define FACET_BENCH_TUNE_H

#include "bench/report.h"
#include "deploy/tuning.h"

#include <stdatomic.h>

struct facet_tune_opts {
    const char *const *pictures;    /* with faces: what is measured on, and what lower precision is judged by; the first video
                                     * (by its name) is what intervals of scans are judged by */
    size_t n_pictures;              /* 0: a made-up picture, and the recogniser is left as it is */
    const char *detector, *recogniser;      /* NULL: the defaults */
    const atomic_int *cancel;       /* NULL: never */
    void (*progress)(void *ctx, const char *what);      /* NULL: not told */
    void *ctx;
};

/* A recogniser of lower precision is only chosen when its embeddings of the pictures' faces have this mean cosine to those
 * of the one it was made from (issue and docs/quantisation.md: that keeps LFW accuracy within 0.1 points). */
#define FACET_TUNE_COSINE 0.995

/* Fills `out` (the machine's part too) and the report, which is initialised. */
int facet_tune_run(struct facet_tuning *out, struct facet_report *r, const struct facet_tune_opts *o);

#endif
