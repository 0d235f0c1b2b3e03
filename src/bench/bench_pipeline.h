/* `facet bench pipeline`: the whole path over sample videos of several heights, as a user runs it, in several modes:
 * a recogniser on every face of every frame; on new and better faces of each track only; and with detection
 * guided by tracks between full scans. */
#ifndef FACET_BENCH_BENCH_PIPELINE_H
#define FACET_BENCH_BENCH_PIPELINE_H

#include "bench/report.h"

#include <stdatomic.h>
#include <stdbool.h>

enum facet_bench_mode { FACET_BENCH_EVERY, FACET_BENCH_TRACK, FACET_BENCH_GUIDED, FACET_BENCH_MODES };
extern const char *const facet_bench_mode_names[FACET_BENCH_MODES];       /* "every" "track" "guided" */

struct facet_bench_pipeline_opts {
    const char *const *clips; int n_clips;   /* video files, or folders of them; none: $FACET_MIRROR/data/video */
    const char *heights;                     /* "480,720,1080" of the samples; NULL: these */
    const char *modes;                       /* "every,track,guided"; NULL: these */
    const char *detector, *recogniser;       /* NULL: the defaults */
    const char *reference;                   /* detector whose faces are compared with; NULL: the default, "none": no comparison */
    const char *backend;
    int min_face;                            /* 0: 40 */
    int scan_every;                          /* guided: a full scan each n-th frame; 0: 5 */
    unsigned together; double together_ms;   /* as in facet_pipeline_opts */
    bool quick_pyramid;                      /* as `facet run --quick-pyramid`; never in the reference */
    int64_t max_frames;                      /* of each clip, when samples are made and run; 0: all */
    unsigned threads, rounds;                /* 0: as many as the process may use; 1. The fastest round counts */
    const atomic_int *cancel;                /* NULL: never */
    void (*progress)(void *ctx, const char *what); void *ctx;
};

/* Sample videos are made once, with FFmpeg's encoder, and kept in the cache folder. `r` is initialised. */
int facet_bench_pipeline_run(struct facet_report *r, const struct facet_bench_pipeline_opts *o);

/* Makes a copy of a clip with that many lines, unless it is there; `out` receives its path. */
int facet_bench_sample(char *out, size_t cap, const char *clip, int height, int64_t max_frames, const atomic_int *cancel);

#endif
