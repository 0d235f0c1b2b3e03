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
    const char *rivals;             /* back ends, "openvino,onednn"; NULL: those that start; "none" */
    unsigned rounds, threads;       /* 0: 21; as many as the program likes */
    const atomic_int *cancel;       /* NULL: never */
};

/* Every recogniser with our back end and with the rivals', in turns; what cannot start is told in a note, and fails
 * only where nothing can. FACET_E_NOT_FOUND, too, for a rival that is none. `r` is initialised. */
int facet_bench_start_run(struct facet_report *r, const struct facet_bench_start_opts *o);

#endif
