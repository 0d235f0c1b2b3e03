/* `facet bench engine`: the face networks on our back end and on every rival that is here, all in one
 * interleaved run on the same input, beside a loop of nothing but multiply-adds. */
#ifndef FACET_BENCH_BENCH_ENGINE_H
#define FACET_BENCH_BENCH_ENGINE_H

#include "bench/report.h"

#include <stdatomic.h>
#include <stdbool.h>

struct facet_bench_engine_opts {
    unsigned threads;          /* 0: 1 */
    unsigned rounds, warmup;   /* 0: 21, 2 */
    const char *only;          /* networks, "pnet,rnet"; NULL: all */
    const char *rivals;        /* back ends, "onnxruntime,onednn": all must be there; NULL: those that are; "none" */
    const char *precision;     /* "fp32,bf16"; NULL: fp32; "all" */
    bool layers;               /* time each node of ours, too */
    bool scaling;              /* each with one thread, too: what the others gain */
    bool busy;                 /* each again while another process takes a core */
    bool cpu_time;             /* time that the processor gave us, not the clock's: for one thread on a busy machine */
    const atomic_int *cancel;
};
#define FACET_BENCH_ENGINE_OPTS_INIT { 0 }

/* FACET_E_NOT_FOUND when a name in opts is none; FACET_E_UNSUPPORTED when a rival that is named is not here. Networks
 * whose models are not pulled are left out unless named. The report is begun here; facet_report_fini it, on failure too.
 * FACET_E_INTERNAL when fp32 results of two engines differ by more than 1e-4 of the largest: then there was no race. */
int facet_bench_engine_run(struct facet_report *out, const struct facet_bench_engine_opts *o);

#endif
