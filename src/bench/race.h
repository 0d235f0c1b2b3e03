/* Contestants run in turns, so that whatever else the machine does meets all alike: every one once a
 * round, each round beginning with another. */
#ifndef FACET_BENCH_RACE_H
#define FACET_BENCH_RACE_H

#include "bench/stats.h"

#include <stdatomic.h>
#include <stdbool.h>

#define FACET_RACE_MAX 48
#define FACET_RACE_MAX_ROUNDS 10000

struct facet_contestant {
    const char *name;               /* borrowed */
    int (*run)(void *ctx);          /* one timed piece of work */
    void *ctx;
    double *ms;                     /* of each timed round; owned by the race */
    unsigned repeat;                /* work runs so often within one time, which is then divided; 0: 1 */
    int (*before)(void *ctx);       /* called before each turn, not timed; NULL: nothing */
};

struct facet_race {
    struct facet_contestant who[FACET_RACE_MAX];
    size_t n;
    unsigned rounds, warmup;        /* 0: 21 and 2 */
    unsigned untimed;               /* runs at the head of every turn that are not timed: caches are one's own then */
    unsigned settle_us;             /* pause before each turn, for threads of the one before that still spin */
    bool cpu_time;                  /* of the process instead of the clock's: for one thread on a busy machine */
    const atomic_int *cancel;       /* NULL: never */
};

/* The contestant's number; FACET_E_LIMIT when there are too many. */
int facet_race_add(struct facet_race *r, const char *name, int (*run)(void *ctx), void *ctx);
/* FACET_E_CANCELLED when *cancel was set; the error of a contestant with its name before it. */
int facet_race_run(struct facet_race *r);
int facet_race_stat(const struct facet_race *r, int who, struct facet_stat *out);
/* Time of `who` over time of `reference`: above 1 when the reference is faster. */
int facet_race_ratio(const struct facet_race *r, int who, int reference, struct facet_stat *out);
void facet_race_fini(struct facet_race *r);

#endif
