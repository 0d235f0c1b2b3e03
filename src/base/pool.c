/* How a loop is shared. A job is published by opening the gate: one word that holds "open" and how
 * many workers are inside. A worker that comes while the gate is open joins and takes chunks of
 * indices from an atomic counter; one that comes late finds it closed and goes back to sleep. The
 * caller works too, closes the gate when no index is left, and waits only for those inside: a
 * worker that the system has not woken yet delays nobody. Whoever waits spins for some
 * microseconds, because the next layer of a network comes that soon, and then sleeps, because the
 * core may be somebody else's. */
#include "base/pool.h"

#include "base/cpu_priv.h"
#include "base/errors.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define POOL_MAX_THREADS 256
#define POOL_SPINS 100 /* of a pause instruction: 2 to 5 us */
#define POOL_CHUNKS_PER_THREAD 8
#define GATE_OPEN 1u
#define GATE_ONE 2u /* one worker inside */

struct pool_worker {
    struct facet_pool *pool;
    pthread_t thread;
    unsigned index;
};

struct facet_pool {
    unsigned threads;
    unsigned started; /* workers that really run */
    unsigned spins;
    struct pool_worker *workers;

    /* the job: written while the gate is shut */
    facet_pool_fn *fn;
    void *ctx;
    size_t n, chunk;

    _Alignas(64) atomic_size_t next;
    _Alignas(64) atomic_uint gate;
    _Alignas(64) atomic_uint generation;
    atomic_uint sleepers;
    atomic_bool quit;

    bool has_lock;
    pthread_mutex_t lock;
    pthread_cond_t wake, idle;
    bool caller_sleeps; /* under lock */
};

static void work(struct facet_pool *p, unsigned worker)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&p->next, p->chunk, memory_order_relaxed);
        if (i >= p->n)
            return;
        size_t end = p->n - i < p->chunk ? p->n : i + p->chunk;
        for (; i < end; i++)
            p->fn(p->ctx, i, worker);
    }
}

static bool gate_enter(struct facet_pool *p)
{
    unsigned g = atomic_load_explicit(&p->gate, memory_order_acquire);
    while (g & GATE_OPEN) {
        if (atomic_compare_exchange_weak_explicit(&p->gate, &g, g + GATE_ONE, memory_order_acquire,
                                                  memory_order_acquire))
            return true;
    }
    return false;
}

static void gate_leave(struct facet_pool *p)
{
    if (atomic_fetch_sub_explicit(&p->gate, GATE_ONE, memory_order_acq_rel) != GATE_ONE)
        return; /* still open, or others inside */
    pthread_mutex_lock(&p->lock);
    if (p->caller_sleeps)
        pthread_cond_signal(&p->idle);
    pthread_mutex_unlock(&p->lock);
}

static void gate_close_and_wait(struct facet_pool *p)
{
    unsigned g = atomic_fetch_and_explicit(&p->gate, ~GATE_OPEN, memory_order_acq_rel) & ~GATE_OPEN;
    for (unsigned i = 0; g && i < p->spins; i++) {
        facet__cpu_pause();
        g = atomic_load_explicit(&p->gate, memory_order_acquire);
    }
    if (!g)
        return;
    pthread_mutex_lock(&p->lock);
    p->caller_sleeps = true;
    while (atomic_load_explicit(&p->gate, memory_order_acquire))
        pthread_cond_wait(&p->idle, &p->lock);
    p->caller_sleeps = false;
    pthread_mutex_unlock(&p->lock);
}

/* The order matters: a worker counts itself as sleeping before it looks at the generation, the
 * caller turns the generation before it looks for sleepers; so one of them sees the other. */
static void wait_for_job(struct facet_pool *p, unsigned seen)
{
    for (unsigned i = 0; i < p->spins; i++) {
        if (atomic_load_explicit(&p->generation, memory_order_acquire) != seen)
            return;
        facet__cpu_pause();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->generation) == seen)
        pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void turn_generation(struct facet_pool *p, size_t wanted)
{
    atomic_fetch_add(&p->generation, 1);
    unsigned sleepers = atomic_load(&p->sleepers);
    if (!sleepers)
        return;
    pthread_mutex_lock(&p->lock);
    if (wanted >= sleepers)
        pthread_cond_broadcast(&p->wake);
    else
        for (size_t i = 0; i < wanted; i++)
            pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    struct pool_worker *w = arg;
    struct facet_pool *p = w->pool;
    unsigned seen = 0;
    for (;;) {
        wait_for_job(p, seen);
        seen = atomic_load(&p->generation);
        if (atomic_load(&p->quit))
            return NULL;
        if (gate_enter(p)) {
            work(p, w->index);
            gate_leave(p);
        }
    }
}

static int pool_start(struct facet_pool *p)
{
    p->workers = calloc(p->threads, sizeof(*p->workers));
    if (!p->workers)
        return facet_fail_nomem();
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->has_lock = true;
    for (unsigned i = 1; i < p->threads; i++) {
        struct pool_worker *w = &p->workers[p->started];
        *w = (struct pool_worker){.pool = p, .index = i};
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0)
            return facet_fail(FACET_E_LIMIT,
                              "cannot start thread %u of %u: the system refuses more", i + 1,
                              p->threads);
        p->started++;
    }
    return FACET_OK;
}

int facet_pool_open(struct facet_pool **out, unsigned threads)
{
    unsigned cpus = facet_cpu_count();
    *out = NULL;
    if (threads == 0)
        threads = cpus < POOL_MAX_THREADS ? cpus : POOL_MAX_THREADS;
    if (threads > POOL_MAX_THREADS)
        return facet_fail(FACET_E_LIMIT, "a pool has at most %d threads, not %u", POOL_MAX_THREADS,
                          threads);
    struct facet_pool *p = aligned_alloc(_Alignof(struct facet_pool), sizeof(*p));
    if (!p)
        return facet_fail_nomem();
    *p = (struct facet_pool){.threads = threads, .spins = threads > cpus ? 0 : POOL_SPINS};
    int err = pool_start(p);
    if (err)
        facet_pool_close(&p);
    *out = p;
    return err;
}

void facet_pool_close(struct facet_pool **pp)
{
    struct facet_pool *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    if (p->has_lock) {
        atomic_store(&p->quit, true);
        turn_generation(p, p->threads);
        for (unsigned i = 0; i < p->started; i++)
            pthread_join(p->workers[i].thread, NULL);
        pthread_cond_destroy(&p->idle);
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
    }
    free(p->workers);
    free(p);
}

unsigned facet_pool_threads(const struct facet_pool *p)
{
    return p ? p->threads : 1;
}

uint64_t facet_pool_cpu_ns(const struct facet_pool *p)
{
    uint64_t sum = 0;
    for (unsigned i = 0; p && i < p->started; i++) {
        clockid_t clock;
        struct timespec t;
        if (pthread_getcpuclockid(p->workers[i].thread, &clock) == 0 &&
            clock_gettime(clock, &t) == 0)
            sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return sum;
}

void facet_pool_for(struct facet_pool *p, size_t n, facet_pool_fn *fn, void *ctx)
{
    if (!p || p->started == 0 || n < 2) {
        for (size_t i = 0; i < n; i++)
            fn(ctx, i, 0);
        return;
    }
    size_t chunk = n / ((size_t)p->threads * POOL_CHUNKS_PER_THREAD);
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    p->chunk = chunk ? chunk : 1;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    atomic_store_explicit(&p->gate, GATE_OPEN, memory_order_release);
    turn_generation(p, n - 1);
    work(p, 0);
    gate_close_and_wait(p);
}
