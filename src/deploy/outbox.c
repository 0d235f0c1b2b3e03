#include "deploy/outbox.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/mqtt/mqtt.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RESEND_MS 20000
#define HOLD_MS 2000
#define PROBE 3                   /* times RESEND_MS: a server that is never heard is sent one item to answer to */
#define IDLE_MS 500
#define MS 1000000u

struct under_way {
    int64_t seq;                   /* 0: free */
    char id[FACET_EVENT_ID];
    bool waits_for_server, is_at_broker, was_sent;     /* was_sent: before this time */
    uint64_t sent_ns;              /* 0: to be sent again at once */
};

struct facet_outbox {
    struct facet_outbox_opts o;
    struct facet_spool *spool;
    struct facet_thread thread;
    bool runs, has_lock;
    atomic_bool stop;
    struct facet_lock lock;        /* below */
    struct under_way way[FACET_OUTBOX_WINDOW];
    int64_t after, newest;         /* sent up to here; and ever */
    int64_t left;                  /* the oldest that left the window unconfirmed; 0: none */
    uint64_t left_ns, online_ns, heard_ns, probed_ns;
};

/* ---- the table of what is under way; under the lock ---- */

static struct under_way *find_free(struct facet_outbox *b)
{
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (!b->way[i].seq)
            return &b->way[i];
    return NULL;
}

static struct under_way *find_seq(struct facet_outbox *b, int64_t seq)
{
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (b->way[i].seq == seq)
            return &b->way[i];
    return NULL;
}

/* Of what the broker has and the server has not confirmed, sent at `sent_ns`: is the server there to be told again? */
static bool is_missed(const struct facet_outbox *b, uint64_t sent_ns, uint64_t now)
{
    bool is_stale = sent_ns < b->online_ns && b->heard_ns >= b->online_ns;
    return is_stale || (b->heard_ns > sent_ns && now - sent_ns > (uint64_t)b->o.resend_ms * MS);
}

static bool is_due(const struct facet_outbox *b, const struct under_way *w, uint64_t now)
{
    if (w->waits_for_server && w->is_at_broker)
        return is_missed(b, w->sent_ns, now);
    return !w->sent_ns || now - w->sent_ns > (uint64_t)b->o.resend_ms * MS;
}

/* The oldest that is to go again; NULL: none. */
static struct under_way *find_due(struct facet_outbox *b, uint64_t now)
{
    struct under_way *found = NULL, *oldest = NULL;
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++) {
        struct under_way *w = &b->way[i];
        if (w->seq && (!oldest || w->seq < oldest->seq))
            oldest = w;
        if (w->seq && (!found || w->seq < found->seq) && is_due(b, w, now))
            found = w;
    }
    if (found || !oldest || now - b->probed_ns < (uint64_t)b->o.resend_ms * PROBE * MS)
        return found;
    if (!oldest->is_at_broker || now - oldest->sent_ns <= (uint64_t)b->o.resend_ms * MS)
        return NULL;
    b->probed_ns = now;
    return oldest;
}

/* A place in the window: a free one, or that of the oldest for which a silent server lets us wait. It stays on disk. */
static struct under_way *find_place(struct facet_outbox *b, uint64_t now)
{
    struct under_way *place = find_free(b), *oldest = NULL;
    bool is_silent = now - b->heard_ns > (uint64_t)b->o.resend_ms * MS;
    uint64_t hold = (uint64_t)(is_silent ? b->o.hold_ms : b->o.resend_ms) * MS;
    for (int i = 0; i < FACET_OUTBOX_WINDOW && !place; i++) {
        struct under_way *w = &b->way[i];
        if (w->waits_for_server && w->is_at_broker && now - w->sent_ns > hold && (!oldest || w->seq < oldest->seq))
            oldest = w;
    }
    if (place || !oldest)
        return place;
    b->left = !b->left || oldest->seq < b->left ? oldest->seq : b->left;
    b->left_ns = now;
    *oldest = (struct under_way){ .seq = 0 };
    return oldest;
}

/* What left the window goes again, in order, and with it all behind it that the server has not confirmed. */
static void return_to_left(struct facet_outbox *b)
{
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (b->way[i].waits_for_server && b->way[i].is_at_broker)
            b->way[i] = (struct under_way){ .seq = 0 };
    b->after = b->left - 1;
    b->left = 0;
}

/* Before publishing: the answer may come while publish has not returned yet. */
static void note_sent(struct facet_outbox *b, struct under_way *w, const struct facet_spool_item *item)
{
    bool waits = item->class == FACET_SPOOL_CHIP || (item->class == FACET_SPOOL_EVENT && b->o.server_confirms);
    *w = (struct under_way){ .seq = item->seq, .sent_ns = facet_now_ns(), .waits_for_server = waits, .was_sent = item->seq <= b->newest };
    memcpy(w->id, item->id, sizeof(w->id));
    b->after = item->seq > b->after ? item->seq : b->after;
    b->newest = b->after > b->newest ? b->after : b->newest;
}

/* What goes for the first time is as if it had never been picked: it may still be replaced. */
static void note_not_sent(struct facet_outbox *b, int64_t seq)
{
    facet_lock_take(&b->lock);
    struct under_way *w = find_seq(b, seq);
    if (w)
        w->sent_ns = 0;
    if (w && seq == b->newest && !w->was_sent) {
        w->seq = 0;
        b->after = b->newest = seq - 1;
    }
    facet_lock_give(&b->lock);
}

/* ---- confirming ---- */

static void tell(struct facet_outbox *b, int err)
{
    if (err)
        facet_log(FACET_LOG_WARN, "outbox", "cannot acknowledge: %s", facet_error_text());
    facet_spool_wake(b->spool);
}

void facet_outbox_published(struct facet_outbox *b, int64_t token)
{
    int64_t done = 0;
    facet_lock_take(&b->lock);
    struct under_way *w = token > 0 ? find_seq(b, token) : NULL;
    if (w && w->waits_for_server)
        w->is_at_broker = true;
    else if (w) {
        done = w->seq;
        w->seq = 0;
    }
    facet_lock_give(&b->lock);
    if (done)
        tell(b, facet_spool_ack(b->spool, done));
}

void facet_outbox_stored(struct facet_outbox *b, const char *id)
{
    facet_lock_take(&b->lock);
    b->heard_ns = facet_now_ns();
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (b->way[i].seq && !strcmp(b->way[i].id, id))
            b->way[i].seq = 0;
    facet_lock_give(&b->lock);
    tell(b, facet_spool_ack_id(b->spool, id));
}

/* ---- sending ---- */

static unsigned expiry_of(const struct facet_spool_item *item)
{
    int64_t left = item->expires_ms ? item->expires_ms - facet_clock_system.wall_ms(facet_clock_system.ctx) : 0;
    if (left <= 0 && item->class == FACET_SPOOL_EVENT) /* late, and still wanted by who keeps events */
        return 0;
    return left <= 0 ? item->expires_ms != 0 : left / 1000 > 0xfffffff0LL ? 0xfffffff0u : (unsigned)(left / 1000) + 1;
}

/* The item with this number and no other: it may have been dropped meanwhile. */
static int read_again(struct facet_outbox *b, int64_t seq, struct facet_spool_item *out)
{
    int err = facet_spool_next(b->spool, seq - 1, out);
    if (err || out->seq == seq)
        return err;
    free(out->payload);
    return FACET_E_END;
}

static int pick_new(struct facet_outbox *b, uint64_t now, struct facet_spool_item *out)
{
    struct under_way *w = find_place(b, now);
    if (!w)
        return FACET_E_END;
    int err = facet_spool_next(b->spool, b->after, out);
    struct under_way *same = err ? NULL : find_seq(b, out->seq); /* after a return, some are still under way */
    if (!err)
        note_sent(b, same ? same : w, out);
    return err;
}

/* What is to be sent now, taken out of the spool and noted under the lock, so that nothing is replaced in between.
 * FACET_E_END: nothing; FACET_E_AGAIN: look again. */
static int pick(struct facet_outbox *b, struct facet_spool_item *out)
{
    uint64_t now = facet_now_ns();
    if (b->left && is_missed(b, b->left_ns, now))
        return_to_left(b);
    struct under_way *w = find_due(b, now);
    if (w) {
        int err = read_again(b, w->seq, out);
        if (err == FACET_E_END)
            w->seq = 0;
        else if (!err)
            note_sent(b, w, out);
        return err == FACET_E_END ? FACET_E_AGAIN : err;
    }
    return pick_new(b, now, out);
}

/* It will never go. */
static void let_go(struct facet_outbox *b, const struct facet_spool_item *item)
{
    facet_log(FACET_LOG_ERROR, "outbox", "item is let go: %s", facet_error_text());
    tell(b, facet_spool_ack(b->spool, item->seq));
}

/* One item; FACET_E_END: there is nothing to send now. */
static int send_next(struct facet_outbox *b)
{
    struct facet_spool_item item;
    facet_lock_take(&b->lock);
    int err = pick(b, &item);
    facet_lock_give(&b->lock);
    if (err == FACET_E_FORMAT && item.seq) {
        let_go(b, &item);
        return FACET_OK;
    }
    if (err)
        return err == FACET_E_AGAIN ? FACET_OK : err;
    struct facet_mqtt_message m = { .topic = item.topic, .payload = item.payload, .len = item.len, .qos = 1, .expiry_s = expiry_of(&item) };
    err = b->o.publish(b->o.ctx, &m, item.seq);
    if (err)
        note_not_sent(b, item.seq);
    free(item.payload);
    return err;
}

static void pump(void *ctx)
{
    struct facet_outbox *b = ctx;
    while (!atomic_load(&b->stop)) {
        int err = send_next(b);
        if (!err)
            continue;
        if (err != FACET_E_END && err != FACET_E_AGAIN)
            facet_log(FACET_LOG_WARN, "outbox", "%s", facet_error_text());
        facet_lock_take(&b->lock);
        /* Nothing new can go while the window is full or the broker away: then only a wake-up or time helps. */
        int64_t after = err == FACET_E_END && find_free(b) ? b->after : INT64_MAX;
        facet_lock_give(&b->lock);
        if (!atomic_load(&b->stop))
            facet_spool_wait(b->spool, after, IDLE_MS);
    }
}

/* ---- life ---- */

int facet_outbox_open(struct facet_outbox **out, const struct facet_outbox_opts *o)
{
    struct facet_spool_opts so = { .path = o->path, .max_bytes = o->max_bytes, .max_age_ms = o->max_age_ms, .vault = o->vault };
    struct facet_outbox *b = calloc(1, sizeof(*b));
    int err = b ? facet_lock_init(&b->lock) : facet_fail_nomem();
    *out = NULL;
    if (!err) {
        b->has_lock = true;
        b->o = *o;
        b->o.resend_ms = o->resend_ms ? o->resend_ms : RESEND_MS;
        b->o.hold_ms = o->hold_ms ? o->hold_ms : HOLD_MS;
        b->probed_ns = facet_now_ns();
        err = facet_spool_open(&b->spool, &so);
    }
    if (!err)
        err = facet_thread_start(&b->thread, "outbox", pump, b);
    if (!err)
        b->runs = true;
    else
        facet_outbox_close(&b);
    *out = b;
    return err;
}

void facet_outbox_stop(struct facet_outbox *b)
{
    if (!b || !b->runs)
        return;
    atomic_store(&b->stop, true);
    facet_spool_wake(b->spool);
    facet_thread_join(&b->thread);
    b->runs = false;
}

void facet_outbox_close(struct facet_outbox **pb)
{
    struct facet_outbox *b = *pb;
    *pb = NULL;
    if (!b)
        return;
    facet_outbox_stop(b);
    facet_spool_close(&b->spool);
    if (b->has_lock)
        facet_lock_fini(&b->lock);
    free(b);
}

int facet_outbox_put(struct facet_outbox *b, const struct facet_spool_item *item)
{
    int err = facet_spool_put(b->spool, item);
    return err == FACET_E_EXISTS ? FACET_OK : err;
}

int facet_outbox_replace(struct facet_outbox *b, const struct facet_spool_item *item)
{
    facet_lock_take(&b->lock);
    int err = facet_spool_replace(b->spool, item, b->newest);
    facet_lock_give(&b->lock);
    return err;
}

bool facet_outbox_waits(struct facet_outbox *b, const char *id)
{
    facet_lock_take(&b->lock);
    bool waits = facet_spool_waits(b->spool, id, b->newest);
    facet_lock_give(&b->lock);
    return waits;
}

void facet_outbox_online(struct facet_outbox *b)
{
    facet_lock_take(&b->lock);
    b->online_ns = facet_now_ns();
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (!b->way[i].is_at_broker)
            b->way[i].sent_ns = 0;
    facet_lock_give(&b->lock);
    facet_spool_wake(b->spool);
}

void facet_outbox_heard(struct facet_outbox *b)
{
    facet_lock_take(&b->lock);
    b->heard_ns = facet_now_ns();
    facet_lock_give(&b->lock);
}

void facet_outbox_expect(struct facet_outbox *b, bool server_confirms)
{
    facet_lock_take(&b->lock);
    b->o.server_confirms = server_confirms;
    facet_lock_give(&b->lock);
}

bool facet_outbox_drain(struct facet_outbox *b, unsigned wait_ms)
{
    struct facet_spool_stats s;
    uint64_t until = facet_now_ns() + (uint64_t)wait_ms * MS;
    for (;;) {
        facet_spool_stats(b->spool, &s);
        if (s.items == 0 || facet_now_ns() >= until)
            return s.items == 0;
        facet_spool_wait(b->spool, INT64_MAX, 20);
    }
}

void facet_outbox_stats(struct facet_outbox *b, struct facet_spool_stats *out)
{
    facet_spool_stats(b->spool, out);
}

struct facet_spool *facet_outbox_spool(struct facet_outbox *b)
{
    return b->spool;
}
