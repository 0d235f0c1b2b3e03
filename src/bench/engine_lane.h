/* One contestant of `facet bench engine`: a network on a back end, in a precision, with some threads. */
#ifndef FACET_BENCH_ENGINE_LANE_H
#define FACET_BENCH_ENGINE_LANE_H

#include "bench/engine_nets.h"
#include "engine/plan.h"

struct facet_pool;

enum facet_bench_precision { FACET_BENCH_F32, FACET_BENCH_BF16, FACET_BENCH_INT8, FACET_BENCH_PRECISIONS };
extern const char *const facet_bench_precision_names[FACET_BENCH_PRECISIONS];

struct facet_bench_lane {
    const char *backend;            /* "cpu", "onnxruntime" ... */
    bool one_slope;
    enum facet_bench_precision precision;
    struct facet_pool *pool;        /* borrowed */
    const struct facet_graph *quantised;    /* for INT8, borrowed while it is opened */
    unsigned threads;
    struct facet_plan *plan;
    struct facet_exec *execs[FACET_BENCH_MAX_SHAPES];
    int n_execs;
    int n_ref;                      /* nodes that `ref` had to run for it */
};

/* Fills `lane` from what is set in it: backend, one_slope, precision, pool. FACET_E_UNSUPPORTED: this back end is
 * not here, or has no such precision; then nothing is open. */
int facet_bench_lane_open(struct facet_bench_lane *lane, const struct facet_bench_net *net);
void facet_bench_lane_close(struct facet_bench_lane *lane);
/* All runs of it; ctx is the lane. */
int facet_bench_lane_run(void *lane);
/* Of what both gave last: the largest difference as part of the largest number, and the least cosine of any output. */
void facet_bench_lane_compare(const struct facet_bench_lane *a, const struct facet_bench_lane *b, double *diff, double *cosine);

#endif
