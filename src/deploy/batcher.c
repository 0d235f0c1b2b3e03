#include "deploy/batcher.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"
#include "base/thread.h"
#include "measure/measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A caller's chips; lives on the caller's stack until `is_done`. */
struct job {
    const struct facet_image *const *chips;
    float *out;
    int n, taken, ready;
    int err;
    bool is_done;
    char text[256];
    uint64_t since_ns;
    struct facet_batcher_times times;
    struct job *next;
};

/* A job's share of a batch: `n` chips from number `first` on. */
struct share { struct job *job; int first, n; };

struct facet_batcher {
    struct facet_batcher_opts o;
    struct facet_lock lock;
    struct facet_cond came, done;
    struct facet_thread thread;
    bool has_lock, has_came, has_done, is_running, is_stopping;
    struct job *head, *tail;               /* those with chips that are not taken */
    int waiting, expected;                 /* chips; callers on the way */
    const struct facet_image **chips;      /* of the batch under way: max_batch */
    float *rows;
    struct share *shares;
    int n_shares;
    struct facet_batcher_stats stats;
};

/* --- taking, under the lock --- */

static bool wants_more(const struct facet_batcher *b)
{
    return b->waiting < b->o.max_batch && b->expected > 0 && !b->is_stopping;
}

static void wait_for_chips(struct facet_batcher *b)
{
    while (!b->head && !b->is_stopping)
        facet_cond_wait(&b->came, &b->lock);
    uint64_t until = b->head ? b->head->since_ns + (uint64_t)(b->o.deadline_ms * 1e6) : 0;
    while (b->head && wants_more(b) && facet_cond_wait_until(&b->came, &b->lock, until))
        continue;
}

static void drop_head(struct facet_batcher *b)
{
    b->head = b->head->next;
    if (!b->head)
        b->tail = NULL;
}

static int take_batch(struct facet_batcher *b)
{
    uint64_t now = facet_now_ns();
    int n = 0;
    b->n_shares = 0;
    while (b->head && n < b->o.max_batch) {
        struct job *j = b->head;
        int room = b->o.max_batch - n, left = j->n - j->taken, some = left < room ? left : room;
        if (!j->taken)
            j->times.queued_ns += now - j->since_ns;
        memcpy(b->chips + n, j->chips + j->taken, (size_t)some * sizeof(*b->chips));
        b->shares[b->n_shares++] = (struct share){j, j->taken, some};
        j->taken += some;
        n += some;
        if (j->taken == j->n)
            drop_head(b);
    }
    b->waiting -= n;
    return n;
}

/* --- running, without it --- */

static void fail_share(const struct share *s, int err)
{
    s->job->err = err;
    snprintf(s->job->text, sizeof(s->job->text), "%s", facet_error_text());
}

static void run_each(struct facet_batcher *b)
{
    int at = 0;
    for (int i = 0; i < b->n_shares; i++) {
        const struct share *s = &b->shares[i];
        float *rows = b->rows + (size_t)at * (size_t)b->o.dim;
        int err = b->o.run(b->o.ctx, b->chips + at, s->n, rows);
        if (err)
            fail_share(s, err);
        at += s->n;
    }
}

static void run_batch(struct facet_batcher *b, int n)
{
    int err = b->o.run(b->o.ctx, b->chips, n, b->rows);
    if (err && b->n_shares > 1)
        run_each(b);
    else if (err)
        fail_share(&b->shares[0], err);
}

static void hand_out(struct facet_batcher *b)
{
    const size_t dim = (size_t)b->o.dim;
    const float *row = b->rows;
    for (int i = 0; i < b->n_shares; i++) {
        const struct share *s = &b->shares[i];
        if (!s->job->err)
            memcpy(s->job->out + (size_t)s->first * dim, row, (size_t)s->n * dim * sizeof(*row));
        row += (size_t)s->n * dim;
    }
}

/* --- finishing, under the lock again --- */

static void give_up(struct facet_batcher *b, struct job *j)
{
    if (j->taken == j->n)
        return;
    b->waiting -= j->n - j->taken;      /* only the first in line is taken in part */
    drop_head(b);
}

static void finish_batch(struct facet_batcher *b, int n, uint64_t took_ns, uint64_t cpu_ns)
{
    for (int i = 0; i < b->n_shares; i++) {
        struct job *j = b->shares[i].job;
        j->times.worked_ns += took_ns;
        j->times.cpu_ns += cpu_ns * (uint64_t)b->shares[i].n / (uint64_t)n;
        j->ready += b->shares[i].n;
        if (j->err)
            give_up(b, j);
        j->is_done = j->err || j->ready == j->n;
    }
    b->stats.batches++;
    b->stats.chips += (uint64_t)n;
    b->stats.largest = (uint64_t)n > b->stats.largest ? (uint64_t)n : b->stats.largest;
    facet_cond_wake(&b->done);
}

static uint64_t cpu_so_far(const struct facet_batcher *b)
{
    return facet_thread_cpu_ns() + (b->o.cpu_ns ? b->o.cpu_ns(b->o.ctx) : 0);
}

static void work(void *ctx)
{
    struct facet_batcher *b = ctx;
    facet_lock_take(&b->lock);
    for (;;) {
        wait_for_chips(b);
        if (!b->head)
            break;
        int n = take_batch(b);
        facet_lock_give(&b->lock);
        uint64_t began = facet_now_ns(), cpu = cpu_so_far(b);
        run_batch(b, n);
        hand_out(b);
        uint64_t took = facet_now_ns() - began;
        cpu = cpu_so_far(b) - cpu;
        facet_lock_take(&b->lock);
        finish_batch(b, n, took, cpu);
    }
    facet_lock_give(&b->lock);
}

/* --- callers --- */

static int start(struct facet_batcher *b)
{
    size_t max = (size_t)b->o.max_batch;
    b->chips = calloc(max, sizeof(*b->chips));
    b->rows = calloc(max * (size_t)b->o.dim, sizeof(*b->rows));
    b->shares = calloc(max, sizeof(*b->shares));
    if (!b->chips || !b->rows || !b->shares)
        return facet_fail_nomem();
    int err = facet_lock_init(&b->lock);
    b->has_lock = !err;
    if (!err)
        err = facet_cond_init(&b->came);
    b->has_came = !err;
    if (!err)
        err = facet_cond_init(&b->done);
    b->has_done = b->has_came && !err;
    if (!err)
        err = facet_thread_start(&b->thread, "batcher", work, b);
    b->is_running = !err;
    return err;
}

int facet_batcher_open(struct facet_batcher **out, const struct facet_batcher_opts *o)
{
    *out = NULL;
    if (!o->run || o->dim < 1 || o->max_batch < 1 || !(o->deadline_ms >= 0) || o->deadline_ms > 60000)
        return facet_fail(FACET_E_INVALID, "cannot embed %d chips at once within %g ms: give 1 or more, and 0 to 60000", o->max_batch,
                          o->deadline_ms);
    struct facet_batcher *b = calloc(1, sizeof(*b));
    if (!b)
        return facet_fail_nomem();
    b->o = *o;
    int err = start(b);
    if (err)
        facet_batcher_close(&b);
    *out = b;
    return err;
}

static void stop(struct facet_batcher *b)
{
    facet_lock_take(&b->lock);
    b->is_stopping = true;
    facet_cond_wake(&b->came);
    facet_lock_give(&b->lock);
    facet_thread_join(&b->thread);
}

void facet_batcher_close(struct facet_batcher **pb)
{
    struct facet_batcher *b = *pb;
    *pb = NULL;
    if (!b)
        return;
    if (b->is_running)
        stop(b);
    if (b->has_done)
        facet_cond_fini(&b->done);
    if (b->has_came)
        facet_cond_fini(&b->came);
    if (b->has_lock)
        facet_lock_fini(&b->lock);
    free(b->shares);
    free(b->rows);
    free(b->chips);
    free(b);
}

void facet_batcher_expect(struct facet_batcher *b, int more)
{
    facet_lock_take(&b->lock);
    b->expected += more;
    if (more < 0)
        facet_cond_wake(&b->came);
    facet_lock_give(&b->lock);
}

int facet_batcher_run(struct facet_batcher *b, const struct facet_image *const *chips, int n, bool was_expected, float *out,
                      struct facet_batcher_times *times)
{
    if (n < 1) {
        facet_batcher_expect(b, was_expected ? -1 : 0);
        return n ? facet_fail(FACET_E_INVALID, "cannot embed %d chips", n) : FACET_OK;
    }
    struct job j = {.chips = chips, .out = out, .n = n, .since_ns = facet_now_ns()};
    facet_lock_take(&b->lock);
    if (b->tail)
        b->tail->next = &j;
    else
        b->head = &j;
    b->tail = &j;
    b->waiting += n;
    b->expected -= was_expected;
    facet_cond_wake(&b->came);
    while (!j.is_done)
        facet_cond_wait(&b->done, &b->lock);
    facet_lock_give(&b->lock);
    times->queued_ns += j.times.queued_ns;
    times->worked_ns += j.times.worked_ns;
    times->cpu_ns += j.times.cpu_ns;
    return j.err ? facet_fail(j.err, "%s", j.text) : FACET_OK;
}

void facet_batcher_stats(struct facet_batcher *b, struct facet_batcher_stats *out)
{
    facet_lock_take(&b->lock);
    *out = b->stats;
    facet_lock_give(&b->lock);
}
