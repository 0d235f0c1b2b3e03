/* How long a start takes: the real program is started again and again on one picture (`facet embed --timings`), and
 * tells when each step was done, from just before it was started to the first embedding. */
#ifndef FACET_BENCH_BENCH_START_H
#define FACET_BENCH_BENCH_START_H

#include "bench/report.h"

#include <stdatomic.h>

struct facet_bench_start_opts {
    const char *program;            /* NULL: the one that runs */
    const char *picture;            /* with a face */
    const char *detector;           /* NULL: the default */
    const char *const *recognisers; /* names, NULL-ended; NULL: every one that is there */
    unsigned rounds, threads;       /* 0: 21; as many as the program likes */
    const atomic_int *cancel;       /* NULL: never */
};

/* Every recogniser with our back end and with ONNX Runtime's, in turns; what cannot start is told in a note, and fails
 * only where nothing can. `r` is initialised. */
int facet_bench_start_run(struct facet_report *r, const struct facet_bench_start_opts *o);

#endif
