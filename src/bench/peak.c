#include "bench/peak.h"

#include "base/pool.h"

const char *const facet_peak_names[FACET_PEAK_KINDS] = { "fp32", "bf16", "int8" };

struct job { enum facet_peak_kind kind; uint64_t loops; double ops[256]; };

static void one(void *ctx, size_t i, unsigned worker)
{
    struct job *j = ctx;
    j->ops[i] = facet_peak_loop(j->kind, j->loops);
}

double facet_peak_run(struct facet_pool *pool, enum facet_peak_kind kind, uint64_t loops)
{
    struct job j = { .kind = kind, .loops = loops };
    unsigned n = facet_pool_threads(pool);
    double ops = 0;
    n = n > 256 ? 256 : n;
    facet_pool_for(pool, n, one, &j);
    for (unsigned i = 0; i < n; i++)
        ops += j.ops[i];
    return ops;
}
