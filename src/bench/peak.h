/* What this processor's multipliers can do at most: a loop of nothing but multiply-adds in registers. */
#ifndef FACET_BENCH_PEAK_H
#define FACET_BENCH_PEAK_H

#include <stdint.h>

struct facet_pool;

enum facet_peak_kind { FACET_PEAK_F32, FACET_PEAK_BF16, FACET_PEAK_INT8, FACET_PEAK_KINDS };
extern const char *const facet_peak_names[FACET_PEAK_KINDS];

/* `loops` rounds of the loop of the best kind that facet_cpu_flags allows. Returns how many operations (a
 * multiply-add is two) that was; 0: this processor has no such instruction, nothing was run. */
double facet_peak_loop(enum facet_peak_kind kind, uint64_t loops);
/* The same on every thread of the pool at once; the operations of all. */
double facet_peak_run(struct facet_pool *pool, enum facet_peak_kind kind, uint64_t loops);

#endif
