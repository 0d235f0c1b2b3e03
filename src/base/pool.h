/* Threads that share one loop. They sleep between jobs (shared cores make spinning pools collapse:
 * see docs/engine.md), after a spin of some microseconds, and leave the caller alone for a while when cores are taken away. */
#ifndef FACET_BASE_POOL_H
#define FACET_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

struct facet_pool;

/* `threads` counts the caller: 1 makes no thread at all. 0 means as many as the process may use. */
int facet_pool_open(struct facet_pool **out, unsigned threads);
void facet_pool_close(struct facet_pool **p);
unsigned facet_pool_threads(const struct facet_pool *p);      /* 1 for NULL */

/* Calls fn(ctx, i, worker) for each i below n, on the caller and the workers, and returns when all
 * are done. `worker` is below facet_pool_threads. p NULL: plain loop. One call at a time per pool. */
typedef void facet_pool_fn(void *ctx, size_t i, unsigned worker);
void facet_pool_for(struct facet_pool *p, size_t n, facet_pool_fn *fn, void *ctx);

/* CPU time that the pool's own threads have used so far: what a stage that lends work to a pool adds
 * to the time of its own thread. 0 for NULL. */
uint64_t facet_pool_cpu_ns(const struct facet_pool *p);

/* Processors this process may run on (affinity and cgroup quota counted), at least 1. */
unsigned facet_cpu_count(void);

#endif
