/* Runs experiments one by one, each in a process of its own, and keeps what they tell in a folder:
 *   experiments.json    what was asked for          runs/ID/frames.csv   docs/csv.md
 *   environment.json    where it was measured       runs/ID/run.json     what the run told, and what it cost
 *   summary.csv         one row for each            runs/ID/failed.txt   why there is none
 * A folder that is there is gone on with: what is done is not run again. */
#ifndef FACET_BENCH_EXPERIMENT_RUN_H
#define FACET_BENCH_EXPERIMENT_RUN_H

#include "bench/experiment.h"

#include <stdatomic.h>

struct facet_experiment_told {
    size_t at, n;                          /* of those to be run now */
    const struct facet_experiment *now;
    double left_s;                         /* expected, by how the expectation held so far */
    const char *fault;                     /* of the one just run; NULL: none */
};

struct facet_experiment_run_opts {
    const char *out;                       /* the folder */
    const char *program;                   /* what is run; NULL: this program */
    bool retry;                            /* those that failed before, too */
    const atomic_int *cancel;              /* NULL: never */
    void (*progress)(void *ctx, const struct facet_experiment_told *t); void *ctx;      /* before each, and after with `fault` */
};
struct facet_experiment_count { size_t done, failed, before, left; };      /* before: done by an earlier run; left: time was over */

/* A failing experiment is recorded, and the rest go on. FACET_E_CANCELLED keeps what is done. */
int facet_experiments_run(const struct facet_experiments *x, const struct facet_experiment_run_opts *o, struct facet_experiment_count *count);
/* Rough, before anything was measured: by frames, lines and mode. */
double facet_experiments_expected_s(const struct facet_experiments *x);
/* How many of them a folder has already. */
size_t facet_experiments_done(const struct facet_experiments *x, const char *out);

#endif
