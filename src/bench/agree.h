/* Do two detectors find the same faces? */
#ifndef FACET_BENCH_AGREE_H
#define FACET_BENCH_AGREE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct facet_model_spec;
struct facet_pool;

struct facet_agree_opts {
    const char *dir;                 /* pictures, with those of folders below */
    const struct facet_model_spec *a, *b;
    size_t most;                     /* pictures, evenly over the folder; 0: all */
    int min_face;                    /* 0: the detector's default */
    double iou;                      /* 0: 0.9 */
    struct facet_pool *pool;
    const char *backend;
    atomic_int *cancel;
    void (*progress)(void *ctx, const char *what, int64_t done, int64_t total); void *ctx;
};

struct facet_agree {
    size_t pictures, faces_a, faces_b;
    size_t same;                     /* faces of a with one of b at that overlap; each of b serves once */
    size_t roughly;                  /* ... at an overlap of half */
    double share;                    /* same / the larger number of faces; 1 where there are none */
    double overlap;                  /* mean of those that are the same */
};

int facet_agree_measure(struct facet_agree *out, const struct facet_agree_opts *o);

#endif
