/* How packets go round. All packets are made at open. A free one goes to the source, which fills
 * it; then from queue to queue, one thread a stage; after the last stage it is reset (its frame
 * goes home) and is free again. Queues hold few packets, so a slow stage slows the source, and
 * nothing grows.
 *
 * Ending is always the same: the source closes the first queue, each stage empties its own and then
 * closes the next. After a failure the stages only pass over what they take, so the queues empty
 * fast and nobody is left waiting.
 *
 * A stage that can takes several packets at once: those that wait in its queue and, within a deadline, those that are
 * known to be under way (filled by the source, not yet here). */
#include "flow/runner.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/queue.h"
#include "base/thread.h"
#include "flow/sources.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNNER_MAX_STAGES 32
#define RUNNER_MAX_DEPTH 1024

struct runner_lane {
    struct facet_runner *runner;
    struct facet_stage *stage;
    size_t index;
    struct facet_thread thread;
    struct facet_queue out; /* to the next stage; of the last one: the free packets */
    uint64_t taken;
};

struct facet_runner {
    struct facet_runner_opts o;
    struct runner_lane *lanes;
    size_t n_lanes;
    struct facet_packet **packets;
    size_t n_packets;
    bool has_run;
    atomic_bool stop, failed;
    atomic_uint_least64_t filled; /* packets by the source */
    int err; /* of the first failure: written by the one who set `failed`, read after the joins */
    char text[1024];
};

static struct facet_queue *free_packets(struct facet_runner *r)
{
    return &r->lanes[r->n_lanes - 1].out;
}

static bool is_cancelled(const struct facet_runner *r)
{
    return r->o.cancel && *r->o.cancel;
}

/* Keeps the first failure, with the text of the thread on which it happened. */
static void keep_failure(struct facet_runner *r, int err)
{
    if (!atomic_exchange(&r->failed, true)) {
        r->err = err;
        snprintf(r->text, sizeof(r->text), "%s", facet_error_text());
    }
    atomic_store(&r->stop, true);
}

/* --- the source --- */

/* What a cancelled stage could not say any more: the tracks of each source that is open end. */
static int fill_last_flush(struct facet_packet *p, const struct facet_sources *open)
{
    if (!facet_sources_first(open, &p->source))
        return FACET_E_END;
    p->flush = true;
    return FACET_OK;
}

static void note_source(struct facet_sources *open, const struct facet_packet *p)
{
    bool is_new;
    if (p->flush)
        facet_sources_end(open, p->source);
    else
        facet_sources_slot(open, p->source, &is_new);
}

/* FACET_OK: a packet to send on. FACET_E_END: no more, for good or by failure. */
static int fill(struct facet_runner *r, struct facet_packet *p, struct facet_sources *open)
{
    int err;
    p->born_ns = facet_now_ns();
    do {
        if (atomic_load(&r->stop))
            return FACET_E_END;
        if (is_cancelled(r))
            err = fill_last_flush(p, open);
        else
            err = facet_stage_step(r->lanes[0].stage, p);
    } while (err == FACET_E_AGAIN);
    /* A source that watches the same flag ends by itself: the flush is owed all the same. */
    if ((err == FACET_E_END || err == FACET_E_CANCELLED) && is_cancelled(r))
        err = fill_last_flush(p, open);
    if (err && err != FACET_E_END)
        keep_failure(r, err);
    if (err)
        return FACET_E_END;
    note_source(open, p);
    return FACET_OK;
}

static void give_back(struct facet_runner *r, struct facet_packet *p)
{
    facet_packet_reset(p);
    facet_queue_put(free_packets(r), p); /* has room for all */
}

static void source_main(void *arg)
{
    struct runner_lane *lane = arg;
    struct facet_runner *r = lane->runner;
    struct facet_sources open = {0};
    void *item;
    while (facet_queue_take(free_packets(r), &item) == FACET_OK) {
        struct facet_packet *p = item;
        if (fill(r, p, &open) != FACET_OK) {
            give_back(r, p);
            break;
        }
        p->enqueued_ns = facet_now_ns();
        atomic_fetch_add(&r->filled, 1);
        facet_queue_put(&lane->out, p);
    }
    facet_queue_close(&lane->out);
}

/* --- the other stages --- */

/* After a failure packets are only passed over: the last stages never see them. */
static void send_on(struct runner_lane *lane, struct facet_packet *p, int err)
{
    struct facet_runner *r = lane->runner;
    bool is_last = lane->index + 1 == r->n_lanes;
    if (!err && is_last && r->o.done)
        r->o.done(r->o.ctx, p);
    if (err || is_last) {
        give_back(r, p);
        return;
    }
    p->enqueued_ns = facet_now_ns();
    facet_queue_put(&lane->out, p);
}

static void work_on(struct runner_lane *lane, struct facet_packet *const *p, int n)
{
    struct facet_runner *r = lane->runner;
    uint64_t now = facet_now_ns();
    for (int i = 0; i < n; i++)
        p[i]->queue_ns += now - p[i]->enqueued_ns;
    int err = atomic_load(&r->stop) ? FACET_E_CANCELLED : facet_stage_step_together(lane->stage, p, n);
    if (err && !atomic_load(&r->stop))
        keep_failure(r, err);
    for (int i = 0; i < n; i++)
        send_on(lane, p[i], err);
}

static bool takes_several(const struct runner_lane *lane)
{
    return lane->runner->o.together > 1 && facet_stage_ops_of(lane->stage)->step_together;
}

/* Packets that are there, and those that come in time; 0: there will be none. */
static int gather(struct runner_lane *lane, struct facet_packet **p)
{
    struct facet_runner *r = lane->runner;
    struct facet_queue *in = &r->lanes[lane->index - 1].out;
    int most = takes_several(lane) ? (int)r->o.together : 1, n = 0;
    void *item;
    if (facet_queue_take(in, &item) != FACET_OK)
        return 0;
    uint64_t until = most > 1 ? facet_now_ns() + (uint64_t)(r->o.together_ms * 1e6) : 0;
    do {
        p[n++] = item;
        lane->taken++;
    } while (n < most &&
             facet_queue_take_until(in, &item, atomic_load(&r->filled) > lane->taken ? until : 0) == FACET_OK);
    return n;
}

static void stage_main(void *arg)
{
    struct runner_lane *lane = arg;
    struct facet_packet *p[FACET_FLOW_TOGETHER];
    for (int n; (n = gather(lane, p)) > 0;)
        work_on(lane, p, n);
    if (lane->index + 1 < lane->runner->n_lanes)
        facet_queue_close(&lane->out);
}

/* The source is started last: when a thread is refused, there is nothing under way yet. */
static int run_threads(struct facet_runner *r)
{
    size_t first = r->n_lanes;
    int err = FACET_OK;
    while (first > 0 && !err) {
        struct runner_lane *lane = &r->lanes[first - 1];
        err = facet_thread_start(&lane->thread, facet_stage_ops_of(lane->stage)->name,
                                 first == 1 ? source_main : stage_main, lane);
        first -= !err;
    }
    if (err) {
        keep_failure(r, err);
        facet_queue_close(&r->lanes[first - 1].out);
    }
    for (size_t i = first; i < r->n_lanes; i++)
        facet_thread_join(&r->lanes[i].thread);
    return r->err;
}

/* --- everything on the caller's thread --- */

static int pass_through(struct facet_runner *r, struct facet_packet *p)
{
    for (size_t i = 1; i < r->n_lanes; i++) {
        int err = facet_stage_step(r->lanes[i].stage, p);
        if (err)
            return err;
    }
    if (r->o.done)
        r->o.done(r->o.ctx, p);
    return FACET_OK;
}

static int run_alone(struct facet_runner *r)
{
    struct facet_packet *p = r->packets[0];
    struct facet_sources open = {0};
    while (fill(r, p, &open) == FACET_OK) {
        int err = pass_through(r, p);
        if (err)
            keep_failure(r, err);
        facet_packet_reset(p);
    }
    facet_packet_reset(p);
    return r->err;
}

/* --- life --- */

static int open_lanes(struct facet_runner *r, struct facet_stage *const *stages, size_t n)
{
    r->lanes = calloc(n, sizeof(*r->lanes));
    if (!r->lanes)
        return facet_fail_nomem();
    r->n_lanes = n;
    for (size_t i = 0; i < n; i++) {
        struct runner_lane *lane = &r->lanes[i];
        *lane = (struct runner_lane){.runner = r, .stage = stages[i], .index = i};
        int err = facet_queue_init(&lane->out, i + 1 < n ? r->o.depth : r->n_packets);
        if (err)
            return err;
    }
    return FACET_OK;
}

static int open_packets(struct facet_runner *r)
{
    r->packets = calloc(r->n_packets, sizeof(struct facet_packet *));
    if (!r->packets)
        return facet_fail_nomem();
    for (size_t i = 0; i < r->n_packets; i++) {
        int err = facet_packet_open(&r->packets[i], r->o.dim);
        if (err)
            return err;
        facet_queue_put(free_packets(r), r->packets[i]);
    }
    return FACET_OK;
}

/* Packets beyond one that stages hold. */
static size_t count_held(struct facet_stage *const *stages, size_t n, const struct facet_runner_opts *o)
{
    size_t held = 0;
    for (size_t i = 1; i < n && o->together > 1; i++)
        held += facet_stage_ops_of(stages[i])->step_together ? o->together - 1 : 0;
    return held;
}

int facet_runner_open(struct facet_runner **out, struct facet_stage *const *stages, size_t n,
                      const struct facet_runner_opts *o)
{
    *out = NULL;
    if (n == 0 || n > RUNNER_MAX_STAGES)
        return facet_fail(FACET_E_INVALID, "a runner has 1 to %d stages, not %zu",
                          RUNNER_MAX_STAGES, n);
    if (o->depth > RUNNER_MAX_DEPTH)
        return facet_fail(FACET_E_LIMIT, "a queue between stages holds at most %d packets, not %u",
                          RUNNER_MAX_DEPTH, o->depth);
    if (o->together > FACET_FLOW_TOGETHER || !(o->together_ms >= 0) || o->together_ms > 1000)
        return facet_fail(FACET_E_INVALID, "a stage takes at most %d packets together and waits 0 to 1000 ms for them, not %u and %g",
                          FACET_FLOW_TOGETHER, o->together, o->together_ms);
    struct facet_runner *r = calloc(1, sizeof(*r));
    if (!r)
        return facet_fail_nomem();
    r->o = *o;
    r->o.depth = o->depth ? o->depth : 2;
    r->n_packets = o->threads == 1 || n == 1 ? 1 : (n - 1) * r->o.depth + n + count_held(stages, n, o);
    int err = open_lanes(r, stages, n);
    if (!err)
        err = open_packets(r);
    if (err)
        facet_runner_close(&r);
    *out = r;
    return err;
}

int facet_runner_run(struct facet_runner *r)
{
    if (r->has_run)
        return facet_fail(FACET_E_INVALID, "a runner runs once");
    r->has_run = true;
    int err = r->n_packets == 1 ? run_alone(r) : run_threads(r);
    return err ? facet_fail(err, "%s", r->text) : FACET_OK;
}

void facet_runner_close(struct facet_runner **pr)
{
    struct facet_runner *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    for (size_t i = 0; i < r->n_lanes; i++)
        facet_queue_fini(&r->lanes[i].out);
    for (size_t i = 0; r->packets && i < r->n_packets; i++)
        facet_packet_close(&r->packets[i]);
    free(r->packets);
    free(r->lanes);
    free(r);
}
