/* What bench_engine.c and engine_tell.c share. */
#ifndef FACET_BENCH_BENCH_ENGINE_PRIV_H
#define FACET_BENCH_BENCH_ENGINE_PRIV_H

#include "bench/bench_engine.h"
#include "bench/engine_lane.h"
#include "bench/hog.h"
#include "bench/peak.h"
#include "bench/race.h"
#include "bench/rivals.h"

#define FACET_BENCH_MAX_LANES 48

struct facet__peak { enum facet_peak_kind kind; struct facet_pool *pool; uint64_t loops; double ops; int in_race; };

/* A lane in the race, while another process takes a core or not. */
struct facet__entry { struct facet_bench_lane *lane; struct facet_hog *hog; bool busy; int in_race; };

struct facet__bench {
    struct facet_report *report;
    const struct facet_bench_engine_opts *o;
    struct facet_pool *pools[2];            /* the threads asked for; one thread, for scaling */
    bool here[FACET_BENCH_RIVALS], wanted[FACET_BENCH_PRECISIONS];
    struct facet_hog *hog;
    /* of the network at hand */
    const struct facet_bench_net *net;
    struct facet_graph *quantised;          /* NULL: int8 is not wanted */
    struct facet_bench_lane lanes[FACET_BENCH_MAX_LANES];
    int n_lanes, reference;                 /* ours in fp32 */
    struct facet__entry entries[2 * FACET_BENCH_MAX_LANES];
    int n_entries;
    struct facet__peak peaks[2 * FACET_PEAK_KINDS];
    int n_peaks;
    struct facet_race race;
};

/* Adds the race's rows to the report's table. */
int facet__bench_tell(struct facet__bench *b, const double *diffs, const double *cosines);
/* A table with the time of each node of our lanes. */
int facet__bench_tell_layers(struct facet__bench *b);

#endif
