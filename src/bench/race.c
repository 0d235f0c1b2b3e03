#include "bench/race.h"

#include "base/clock.h"
#include "base/errors.h"

#include <stdlib.h>
#include <time.h>

#define ROUNDS 21
#define WARMUP 2

int facet_race_add(struct facet_race *r, const char *name, int (*run)(void *ctx), void *ctx)
{
    if (r->n == FACET_RACE_MAX)
        return facet_fail(FACET_E_LIMIT, "cannot race '%s': %d are racing already", name, FACET_RACE_MAX);
    r->who[r->n] = (struct facet_contestant){ .name = name, .run = run, .ctx = ctx };
    return (int)r->n++;
}

static int reserve(struct facet_race *r)
{
    r->rounds = r->rounds ? r->rounds : ROUNDS;
    r->warmup = r->warmup ? r->warmup : WARMUP;
    if (r->rounds > FACET_RACE_MAX_ROUNDS || r->warmup > FACET_RACE_MAX_ROUNDS)
        return facet_fail(FACET_E_LIMIT, "cannot race more than %d rounds", FACET_RACE_MAX_ROUNDS);
    for (size_t i = 0; i < r->n; i++) {
        free(r->who[i].ms);
        r->who[i].ms = calloc(r->rounds, sizeof(double));
        if (!r->who[i].ms)
            return facet_fail_nomem();
    }
    return FACET_OK;
}

static uint64_t now_of(const struct facet_race *r)
{
    struct timespec t;
    if (!r->cpu_time || clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t))
        return facet_now_ns();
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int time_one(const struct facet_race *r, struct facet_contestant *c, double *ms)
{
    unsigned times = c->repeat ? c->repeat : 1;
    int err = FACET_OK;
    if (r->settle_us)
        nanosleep(&(struct timespec){ .tv_nsec = (long)r->settle_us * 1000 }, NULL);
    if (c->before)
        err = c->before(c->ctx);
    for (unsigned i = 0; !err && i < r->untimed; i++)
        err = c->run(c->ctx);
    uint64_t start = now_of(r);
    for (unsigned i = 0; !err && i < times; i++)
        err = c->run(c->ctx);
    *ms = (double)(now_of(r) - start) * 1e-6 / times;
    return err ? facet_fail_prefix(err, "%s", c->name) : FACET_OK;
}

int facet_race_run(struct facet_race *r)
{
    int err = reserve(r);
    for (unsigned i = 0; !err && i < r->warmup + r->rounds; i++)
        for (size_t k = 0; !err && k < r->n; k++) {
            struct facet_contestant *c = &r->who[(i + k) % r->n];
            double ms = 0;
            err = time_one(r, c, &ms);
            if (!err && i >= r->warmup)
                c->ms[i - r->warmup] = ms;
            if (!err && r->cancel && *r->cancel)
                err = facet_fail(FACET_E_CANCELLED, "the race was cancelled");
        }
    return err;
}

int facet_race_stat(const struct facet_race *r, int who, struct facet_stat *out)
{
    return facet_stat_of(out, r->who[who].ms, r->rounds);
}

int facet_race_ratio(const struct facet_race *r, int who, int reference, struct facet_stat *out)
{
    return facet_stat_ratio(out, r->who[who].ms, r->who[reference].ms, r->rounds);
}

void facet_race_fini(struct facet_race *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->who[i].ms);
    *r = (struct facet_race){ 0 };
}
