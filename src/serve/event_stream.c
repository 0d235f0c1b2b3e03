/* Server-sent events. A listener of the node, and of the database where other servers write to it, only wakes the thread;
 * what is sent is read from the store behind each stream's cursor, in order. So a slow reader is no burden (the store is his
 * buffer), and who comes back with Last-Event-ID goes on where he was. */
#include "serve/events.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "serve/event_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS 64
#define HEARTBEAT_NS 15000000000u
#define RETRY_NS 200000000u        /* when a reader's buffer was full */
#define CHUNK 64                   /* events of one look into the store */

struct stream {
    struct facet_http_stream *out;     /* NULL: free */
    struct facet__event_query query;
    int64_t after;                     /* the last that was sent, or was there when it began */
    bool is_behind, is_gone;           /* more may be there; its reader went */
};

struct facet__event_streams {
    struct facet_node *node;
    struct facet_events *events;
    struct facet_thread thread;
    bool has_lock, has_bell, has_cond, is_running;
    int handle;                        /* at the node */
    struct facet_lock lock;            /* of the streams: held while they are fed */
    struct stream at[STREAMS];
    struct facet_lock bell;            /* of the rest: never held long, the node's threads ring it */
    struct facet_cond rung;
    uint64_t news;                     /* grows with each event and stream */
    bool is_stopping;
};

/* --- writing --- */

struct sending { struct stream *s; struct facet_str text; };

static int send_event(void *ctx, int64_t seq, const struct facet_event *e)
{
    struct sending *g = ctx;
    facet_str_clear(&g->text);
    facet_str_printf(&g->text, "id: %lld\ndata: ", (long long)seq);
    (void)facet_event_to_json(e, &g->text);
    facet_str_puts(&g->text, "\n\n");
    int err = g->text.err ? g->text.err : facet_http_stream_write(g->s->out, g->text.data, g->text.len);
    if (!err)
        g->s->after = seq;
    return err;
}

/* Sends what is there; says whether it got through all of it. */
static void catch_up(struct facet__event_streams *p, struct stream *s)
{
    struct sending g = {s, FACET_STR_INIT};
    struct facet_events_filter f = s->query.filter;
    int64_t before;
    int err;
    f.limit = CHUNK;
    do {
        before = s->after;
        f.after_seq = s->after ? s->after : -1;
        err = facet_events_query(p->events, &f, send_event, &g);
    } while (!err && s->after != before);
    facet_str_fini(&g.text);
    s->is_gone = err == FACET_E_END;
    s->is_behind = err && !s->is_gone;
}

static void beat(struct stream *s)
{
    if (facet_http_stream_write(s->out, ": still here\n\n", 14) == FACET_E_END)
        s->is_gone = true;
}

/* --- the thread --- */

static bool feed_all(struct facet__event_streams *p, bool wants_beat)
{
    bool is_behind = false;
    for (int i = 0; i < STREAMS; i++) {
        struct stream *s = &p->at[i];
        if (!s->out)
            continue;
        catch_up(p, s);
        if (wants_beat && !s->is_gone && !s->is_behind)
            beat(s);
        if (s->is_gone)
            facet_http_stream_end(&s->out);
        is_behind = is_behind || (s->out && s->is_behind);
    }
    return is_behind;
}

static void end_all(struct facet__event_streams *p)
{
    facet_lock_take(&p->lock);
    for (int i = 0; i < STREAMS; i++)
        if (p->at[i].out)
            facet_http_stream_end(&p->at[i].out);
    facet_lock_give(&p->lock);
}

/* Waits for news behind `seen`; false: it is over. */
static bool wait_news(struct facet__event_streams *p, uint64_t *seen, uint64_t until_ns)
{
    facet_lock_take(&p->bell);
    while (!p->is_stopping && p->news == *seen && facet_cond_wait_until(&p->rung, &p->bell, until_ns))
        continue;
    *seen = p->news;
    bool goes_on = !p->is_stopping;
    facet_lock_give(&p->bell);
    return goes_on;
}

static void feed(void *ctx)
{
    struct facet__event_streams *p = ctx;
    uint64_t seen = 0, until = 0, beat_ns = facet_now_ns() + HEARTBEAT_NS;
    while (wait_news(p, &seen, until)) {
        uint64_t now = facet_now_ns();
        bool wants_beat = now >= beat_ns;
        if (wants_beat)
            beat_ns = now + HEARTBEAT_NS;
        facet_lock_take(&p->lock);
        bool is_behind = feed_all(p, wants_beat);
        facet_lock_give(&p->lock);
        until = is_behind ? now + RETRY_NS : beat_ns;
    }
    end_all(p);
}

static void ring(struct facet__event_streams *p, bool stop)
{
    facet_lock_take(&p->bell);
    p->news++;
    p->is_stopping = p->is_stopping || stop;
    facet_cond_wake(&p->rung);
    facet_lock_give(&p->bell);
}

static void on_event(void *ctx, const struct facet_event *e)
{
    ring(ctx, false);
}

/* Another server may have put it there. */
static int on_change(void *ctx)
{
    ring(ctx, false);
    return FACET_OK;
}

/* --- open and close --- */

int facet__event_streams_open(struct facet__event_streams **out, struct facet_node *node)
{
    struct facet__event_streams *p = *out = calloc(1, sizeof(*p));
    if (!p)
        return facet_fail_nomem();
    p->node = node;
    p->events = facet_node_events(node);
    p->handle = -1;
    int err = facet_lock_init(&p->lock);
    p->has_lock = !err;
    if (!err)
        err = facet_lock_init(&p->bell);
    p->has_bell = p->has_lock && !err;
    if (!err)
        err = facet_cond_init(&p->rung);
    p->has_cond = p->has_bell && !err;
    if (!err)
        err = facet_thread_start(&p->thread, "events", feed, p);
    p->is_running = !err;
    if (!err)
        err = facet_node_listen(node, on_event, p, &p->handle);
    if (!err)
        err = facet_events_watch(p->events, on_change, p);
    if (err)
        facet__event_streams_close(out);
    return err;
}

void facet__event_streams_stop(struct facet__event_streams *p)
{
    if (p->handle >= 0)
        facet_node_unlisten(p->node, p->handle);
    p->handle = -1;
    facet_events_unwatch(p->events);
    if (!p->is_running)
        return;
    ring(p, true);
    facet_thread_join(&p->thread);
    p->is_running = false;
}

void facet__event_streams_close(struct facet__event_streams **pp)
{
    struct facet__event_streams *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    facet__event_streams_stop(p);
    if (p->has_cond)
        facet_cond_fini(&p->rung);
    if (p->has_bell)
        facet_lock_fini(&p->bell);
    if (p->has_lock)
        facet_lock_fini(&p->lock);
    free(p);
}

/* --- joining --- */

static int read_start(struct facet__event_streams *p, struct facet_http_request *q, int64_t *after)
{
    const char *text = facet_http_header(q, "last-event-id");
    if (!text || !*text)
        text = facet_http_query(q, "last_event_id");
    if (!text || !*text)
        return facet_events_last(p->events, after);
    return facet_parse_int(text, after) || *after < 0
               ? facet__refused(q, 400, facet_fail(FACET_E_INVALID, "Last-Event-ID is '%.64s', not an id that this stream gave", text))
               : FACET_OK;
}

static struct stream *find_free(struct facet__event_streams *p)
{
    for (int i = 0; i < STREAMS; i++)
        if (!p->at[i].out)
            return &p->at[i];
    return NULL;
}

/* The filter's texts lie in the query itself: they move with it. */
static void copy_query(struct facet__event_query *to, const struct facet__event_query *from)
{
    *to = *from;
    to->filter.camera = from->filter.camera ? to->camera : NULL;
    to->filter.device = from->filter.device ? to->device : NULL;
    to->filter.name = from->filter.name ? to->name : NULL;
}

int facet__event_streams_add(struct facet__event_streams *p, struct facet_http_request *q)
{
    struct facet__event_query query;
    struct facet_http_stream *out = NULL;
    int64_t after;
    int err = facet__event_query_read(&query, q);
    if (!err)
        err = read_start(p, q, &after);
    if (err)
        return err;
    facet_lock_take(&p->lock);
    struct stream *s = p->is_running ? find_free(p) : NULL;
    err = s ? FACET_OK : facet_fail(FACET_E_AGAIN, "there are %d listeners already; try again later", STREAMS);
    if (!err)
        (void)facet_http_set_header(q, "cache-control", "no-store");
    if (!err)
        err = facet_http_stream_begin(q, "text/event-stream", &out);
    if (err == FACET_E_LIMIT)
        err = facet__refused(q, 503, err);
    if (!err) {
        *s = (struct stream){.out = out, .after = after};
        copy_query(&s->query, &query);
        (void)facet_http_stream_write(out, "retry: 2000\n\n", 13);
    }
    facet_lock_give(&p->lock);
    if (!err)
        ring(p, false);
    return err;
}
