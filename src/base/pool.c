/* How a loop is shared. A job is published by opening the gate: one word that holds "open" and how
 * many workers are inside. A worker that comes while the gate is open joins; one that comes late finds
 * it closed and waits for the next. Each thread has its share of the indices, the same part from job to job, so that
 * what it wrote in one layer it finds in its own cache in the next; it takes its share in chunks from an
 * atomic counter, and then helps itself to what is left of the others'. The caller works too, closes the gate
 * when no index is left, and waits only for those inside: a worker that the system has not
 * woken yet delays nobody.
 *
 * Whoever waits spins a little, because the next layer of a network comes within microseconds and
 * waking a thread costs tens of them, and then sleeps on a futex, because the core may be somebody
 * else's. How long a spin may be is learnt: one that was in vain halves the next, one that met what it waited
 * for makes the next longer. Between networks, and where cores are shared, threads so go to sleep at once.
 *
 * When the system takes a core away in the middle of a chunk, the caller loses a time slice of milliseconds,
 * in every layer anew if it goes on sharing. So a job that was held up much longer than it took
 * makes the next milliseconds' jobs run on the caller alone, and the more so the sooner it happens again. */
#include "base/pool.h"

#include "base/clock.h"
#include "base/cpu_priv.h"
#include "base/errors.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define POOL_MAX_THREADS 256
#define POOL_CHUNKS_PER_THREAD 8
#define SPIN_LEAST_NS 3000u
#define SPIN_MOST_NS 60000u
#define PAUSES_PER_LOOK 16           /* at the clock */
#define STALL_NS 700000u             /* waited for others: a core was taken away */
#define ALONE_LEAST_NS 3000000u      /* jobs then run on the caller alone for so long */
#define ALONE_MOST_NS 48000000u
#define CALM_NS 20000000u            /* without a stall: the next one begins with the least again */

/* The gate */
#define GATE_OPEN 1u
#define GATE_AWAITED 2u              /* the caller sleeps until all are out */
#define GATE_ONE 4u                  /* one worker inside */

/* A thread's own part of the indices: [next, end). Others help themselves to what is left of it. */
struct pool_share {
    _Alignas(64) atomic_size_t next;
    size_t end;
};

struct pool_worker {
    struct facet_pool *pool;
    pthread_t thread;
    unsigned index;
    uint64_t spin_ns;
};

struct facet_pool {
    unsigned threads;
    unsigned started; /* workers that really run */
    uint64_t spin_most_ns, spin_ns;  /* the caller's */
    uint64_t alone_until_ns, alone_ns, stalled_ns;
    struct pool_worker *workers;

    /* the job: written while the gate is shut */
    facet_pool_fn *fn;
    void *ctx;
    size_t n, chunk;
    struct pool_share *shares;       /* one a thread */

    _Alignas(64) atomic_uint gate;
    _Alignas(64) atomic_uint generation;
    atomic_uint sleepers;
    atomic_bool quit;
};

/* ---- waiting ---- */

/* Sleeps while *word is `value`; may wake for nothing. */
static void futex_wait(atomic_uint *word, unsigned value)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

/* Spins until *word is (or, with `until` false, is no longer) `value`, and learns from whether it came to that. */
static bool spin(atomic_uint *word, unsigned value, bool until, uint64_t *spin_ns, uint64_t most_ns)
{
    uint64_t begun = facet_now_ns();
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if ((atomic_load_explicit(word, memory_order_acquire) == value) == until) {
                *spin_ns = *spin_ns + *spin_ns / 2 < most_ns ? *spin_ns + *spin_ns / 2 : most_ns;
                return true;
            }
            facet__cpu_pause();
        }
    } while (facet_now_ns() - begun < *spin_ns);
    *spin_ns = *spin_ns / 2 > SPIN_LEAST_NS ? *spin_ns / 2 : SPIN_LEAST_NS;
    return false;
}

/* ---- the job ---- */

static void work_on(struct facet_pool *p, struct pool_share *s, unsigned worker)
{
    while (atomic_load_explicit(&s->next, memory_order_relaxed) < s->end) {
        size_t i = atomic_fetch_add_explicit(&s->next, p->chunk, memory_order_relaxed);
        if (i >= s->end)
            return;
        size_t end = s->end - i < p->chunk ? s->end : i + p->chunk;
        for (; i < end; i++)
            p->fn(p->ctx, i, worker);
    }
}

/* Its own share first. */
static void work(struct facet_pool *p, unsigned worker)
{
    for (unsigned k = 0; k < p->threads; k++)
        work_on(p, &p->shares[(worker + k) % p->threads], worker);
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

/* The last one out wakes the caller, if it sleeps. The pool is there until its threads have ended. */
static void gate_leave(struct facet_pool *p)
{
    if (atomic_fetch_sub_explicit(&p->gate, GATE_ONE, memory_order_acq_rel) == (GATE_ONE | GATE_AWAITED))
        futex_wake(&p->gate, 1);
}

static void gate_close_and_wait(struct facet_pool *p)
{
    unsigned g = atomic_fetch_and_explicit(&p->gate, ~GATE_OPEN, memory_order_acq_rel) & ~GATE_OPEN;
    if (!g || (p->spin_most_ns && spin(&p->gate, 0, true, &p->spin_ns, p->spin_most_ns)))
        return;
    g = atomic_fetch_or(&p->gate, GATE_AWAITED) | GATE_AWAITED;
    while (g != GATE_AWAITED) {
        futex_wait(&p->gate, g);
        g = atomic_load_explicit(&p->gate, memory_order_acquire);
    }
    atomic_store_explicit(&p->gate, 0, memory_order_relaxed);
}

/* The order matters: a worker counts itself as sleeping before it looks at the generation, the
 * caller turns the generation before it looks for sleepers; so one of them sees the other. */
static void wait_for_job(struct pool_worker *w, unsigned seen)
{
    struct facet_pool *p = w->pool;
    if (p->spin_most_ns && spin(&p->generation, seen, false, &w->spin_ns, p->spin_most_ns))
        return;
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->generation) == seen)
        futex_wait(&p->generation, seen);
    atomic_fetch_sub(&p->sleepers, 1);
}

static void turn_generation(struct facet_pool *p, size_t wanted)
{
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->sleepers))
        futex_wake(&p->generation, wanted < INT_MAX ? (int)wanted : INT_MAX);
}

static void *worker_main(void *arg)
{
    struct pool_worker *w = arg;
    struct facet_pool *p = w->pool;
    unsigned seen = 0;
    for (;;) {
        wait_for_job(w, seen);
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
    p->shares = aligned_alloc(_Alignof(struct pool_share), p->threads * sizeof(*p->shares));
    if (!p->workers || !p->shares)
        return facet_fail_nomem();
    for (unsigned i = 1; i < p->threads; i++) {
        struct pool_worker *w = &p->workers[p->started];
        *w = (struct pool_worker){.pool = p, .index = i, .spin_ns = p->spin_most_ns};
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
    *p = (struct facet_pool){.threads = threads, .alone_ns = ALONE_LEAST_NS};
    p->spin_most_ns = p->spin_ns = threads > cpus ? 0 : SPIN_MOST_NS;
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
    atomic_store(&p->quit, true);
    turn_generation(p, p->threads);
    for (unsigned i = 0; i < p->started; i++)
        pthread_join(p->workers[i].thread, NULL);
    free(p->workers);
    free(p->shares);
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

static void run_alone(size_t n, facet_pool_fn *fn, void *ctx)
{
    for (size_t i = 0; i < n; i++)
        fn(ctx, i, 0);
}

/* The caller worked from `begun` to `worked`, then waited until now. */
static void learn_of_stall(struct facet_pool *p, uint64_t begun, uint64_t worked)
{
    uint64_t now = facet_now_ns(), waited = now - worked;
    if (waited < STALL_NS || waited < 2 * (worked - begun))
        return;
    bool is_again = now - p->stalled_ns < p->alone_ns + CALM_NS;
    p->alone_ns = !is_again ? ALONE_LEAST_NS : p->alone_ns * 2 < ALONE_MOST_NS ? p->alone_ns * 2 : ALONE_MOST_NS;
    p->alone_until_ns = now + p->alone_ns;
    p->stalled_ns = now;
}

void facet_pool_for(struct facet_pool *p, size_t n, facet_pool_fn *fn, void *ctx)
{
    if (!p || p->started == 0 || n < 2) {
        run_alone(n, fn, ctx);
        return;
    }
    uint64_t begun = facet_now_ns();
    if (begun < p->alone_until_ns) {
        run_alone(n, fn, ctx);
        return;
    }
    size_t chunk = n / ((size_t)p->threads * POOL_CHUNKS_PER_THREAD);
    p->fn = fn;
    p->ctx = ctx;
    p->n = n;
    p->chunk = chunk ? chunk : 1;
    for (unsigned t = 0; t < p->threads; t++) {
        atomic_store_explicit(&p->shares[t].next, n * t / p->threads, memory_order_relaxed);
        p->shares[t].end = n * (t + 1) / p->threads;
    }
    atomic_store_explicit(&p->gate, GATE_OPEN, memory_order_release);
    turn_generation(p, n - 1);
    work(p, 0);
    uint64_t worked = facet_now_ns();
    gate_close_and_wait(p);
    learn_of_stall(p, begun, worked);
}
