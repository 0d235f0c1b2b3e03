#include "deploy/outbox.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"
#include "deploy/sealed.h"
#include "net/mqtt/mqtt.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RESEND_MS 20000
#define IDLE_MS 500

struct under_way {
    int64_t seq;                   /* 0: free */
    char id[FACET_EVENT_ID];
    bool waits_for_server;
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
    int64_t after;                 /* all up to here were sent once */
};

/* ---- the table of what is under way ---- */

static struct under_way *find_free(struct facet_outbox *b)
{
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (!b->way[i].seq)
            return &b->way[i];
    return NULL;
}

/* The oldest that was not confirmed in time; 0: none. */
static int64_t find_overdue(struct facet_outbox *b)
{
    uint64_t now = facet_now_ns(), limit = (uint64_t)b->o.resend_ms * 1000000u;
    int64_t seq = 0;
    facet_lock_take(&b->lock);
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++) {
        const struct under_way *w = &b->way[i];
        if (w->seq && (!w->sent_ns || now - w->sent_ns > limit) && (!seq || w->seq < seq))
            seq = w->seq;
    }
    facet_lock_give(&b->lock);
    return seq;
}

static bool has_room(struct facet_outbox *b, int64_t *after)
{
    facet_lock_take(&b->lock);
    bool has = find_free(b) != NULL;
    *after = b->after;
    facet_lock_give(&b->lock);
    return has;
}

/* Before publishing: the answer may come while publish has not returned yet. */
static void note_sent(struct facet_outbox *b, const struct facet_spool_item *item)
{
    struct under_way *w = NULL;
    facet_lock_take(&b->lock);
    for (int i = 0; i < FACET_OUTBOX_WINDOW && !w; i++)
        if (b->way[i].seq == item->seq)
            w = &b->way[i];
    w = w ? w : find_free(b);
    if (w) {
        *w = (struct under_way){ .seq = item->seq, .sent_ns = facet_now_ns(),
                                 .waits_for_server = b->o.server_confirms || item->class == FACET_SPOOL_CHIP };
        memcpy(w->id, item->id, sizeof(w->id));
    }
    if (item->seq > b->after)
        b->after = item->seq;
    facet_lock_give(&b->lock);
}

static void note_not_sent(struct facet_outbox *b, int64_t seq)
{
    facet_lock_take(&b->lock);
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        if (b->way[i].seq == seq)
            b->way[i].sent_ns = 0;
    facet_lock_give(&b->lock);
}

/* Frees the entry; the sequence number to acknowledge, or 0. */
static int64_t take_out(struct facet_outbox *b, int64_t seq, const char *id)
{
    int64_t found = 0;
    facet_lock_take(&b->lock);
    for (int i = 0; i < FACET_OUTBOX_WINDOW && !found; i++) {
        struct under_way *w = &b->way[i];
        bool is_it = w->seq && (id ? !strcmp(w->id, id) : w->seq == seq && !w->waits_for_server);
        if (!is_it)
            continue;
        found = w->seq;
        w->seq = 0;
    }
    facet_lock_give(&b->lock);
    return found;
}

static void confirm(struct facet_outbox *b, int64_t seq)
{
    if (seq && facet_spool_ack(b->spool, seq))
        facet_log(FACET_LOG_WARN, "outbox", "cannot acknowledge: %s", facet_error_text());
    if (seq)
        facet_spool_wake(b->spool);
}

/* ---- sending ---- */

static unsigned expiry_of(const struct facet_spool_item *item)
{
    int64_t left = item->expires_ms ? item->expires_ms - facet_clock_system.wall_ms(facet_clock_system.ctx) : 0;
    if (left <= 0 && item->class == FACET_SPOOL_EVENT) /* late, and still wanted by who keeps events */
        return 0;
    return left <= 0 ? item->expires_ms != 0 : left / 1000 > 0xfffffff0LL ? 0xfffffff0u : (unsigned)(left / 1000) + 1;
}

static int send_item(struct facet_outbox *b, const struct facet_spool_item *item)
{
    struct facet_mqtt_message m = { .topic = item->topic, .payload = item->payload, .len = item->len, .qos = 1,
                                    .expiry_s = expiry_of(item) };
    note_sent(b, item);
    int err = b->o.publish(b->o.ctx, &m, item->seq);
    if (err)
        note_not_sent(b, item->seq);
    return err;
}

/* One item; FACET_E_END: there is nothing to send now. */
static int send_next(struct facet_outbox *b)
{
    struct facet_spool_item item;
    int64_t after, overdue = find_overdue(b);
    if (!overdue && !has_room(b, &after))
        return FACET_E_END;
    int err = facet_spool_next(b->spool, overdue ? overdue - 1 : after, &item);
    if (overdue && (err || item.seq != overdue)) { /* it was dropped meanwhile */
        if (!err)
            free(item.payload);
        facet_lock_take(&b->lock);
        for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
            if (b->way[i].seq == overdue)
                b->way[i].seq = 0;
        facet_lock_give(&b->lock);
        return err && err != FACET_E_END ? err : FACET_OK;
    }
    if (err)
        return err;
    err = facet_sealed_open(b->o.vault, &item);
    if (err) { /* it will never go: the key it was sealed with is not here any more */
        facet_log(FACET_LOG_ERROR, "outbox", "item is let go: %s", facet_error_text());
        note_sent(b, &item);
        facet_outbox_stored(b, item.id);
    } else
        err = send_item(b, &item);
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
    struct facet_spool_opts so = { .path = o->path, .max_bytes = o->max_bytes, .max_age_ms = o->max_age_ms };
    struct facet_outbox *b = calloc(1, sizeof(*b));
    int err = b ? facet_lock_init(&b->lock) : facet_fail_nomem();
    *out = NULL;
    if (!err) {
        b->has_lock = true;
        b->o = *o;
        b->o.resend_ms = o->resend_ms ? o->resend_ms : RESEND_MS;
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
    int err = facet_sealed_put(b->spool, b->o.vault, item);
    return err == FACET_E_EXISTS ? FACET_OK : err;
}

void facet_outbox_published(struct facet_outbox *b, int64_t token)
{
    confirm(b, take_out(b, token, NULL));
}

void facet_outbox_stored(struct facet_outbox *b, const char *id)
{
    confirm(b, take_out(b, 0, id));
}

void facet_outbox_online(struct facet_outbox *b)
{
    facet_lock_take(&b->lock);
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        b->way[i].sent_ns = 0;
    facet_lock_give(&b->lock);
    facet_spool_wake(b->spool);
}

bool facet_outbox_drain(struct facet_outbox *b, unsigned wait_ms)
{
    struct facet_spool_stats s;
    uint64_t until = facet_now_ns() + (uint64_t)wait_ms * 1000000u;
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
