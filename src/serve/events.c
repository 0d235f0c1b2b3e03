/* /v1/events: what was seen - search with cursors, one by its id, the stream of what happens; and the pictures kept of it. */
#include "serve/events.h"

#include "serve/event_query.h"

#include <stdlib.h>
#include <string.h>

int facet__need_events(struct facet_serve *s, struct facet_http_request *q, struct facet_events **out)
{
    struct facet_node *n = NULL;
    int err = facet__need_node(s, q, &n);
    *out = err ? NULL : facet_node_events(n);
    if (!err && !*out)
        err = facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "events are not kept here: give store.events in the site's file"));
    return err;
}

/* --- search --- */

/* One more than is shown tells whether there are more. */
struct page { struct facet__answer a; const struct facet__event_query *query; int shown, wanted; int64_t last; bool has_more; };

static int put_event(void *ctx, int64_t seq, const struct facet_event *e)
{
    struct page *p = ctx;
    if (p->shown == p->wanted) {
        p->has_more = true;
        return 0;
    }
    if (p->shown++)
        facet_str_puts(&p->a.text, ",");
    p->last = seq;
    return facet_event_to_json(e, &p->a.text);
}

static int search(void *ctx, struct facet_http_request *q)
{
    struct facet__event_query query;
    struct facet_events *events;
    char cursor[FACET_CURSOR];
    int err = facet__need_events(ctx, q, &events);
    if (!err)
        err = facet__event_query_read(&query, q);
    if (err)
        return err;
    struct page p = {.query = &query, .wanted = query.filter.limit};
    struct facet_events_filter filter = query.filter;
    filter.limit++;
    facet__answer_begin(&p.a);
    facet_jsonw_key(&p.a.w, "items");
    facet_jsonw_array(&p.a.w);
    err = facet_events_query(events, &filter, put_event, &p);
    facet_jsonw_end_array(&p.a.w);
    facet__event_cursor(cursor, &query, p.last);
    facet_jsonw_kstr(&p.a.w, "next", p.has_more ? cursor : NULL);
    return facet__answer_end(&p.a, q, 200, err);
}

static int one(void *ctx, struct facet_http_request *q)
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_event e;
    struct facet_events *events;
    int err = facet__need_events(ctx, q, &events);
    if (!err)
        err = facet_events_get(events, facet_http_param(q, "id"), &e);
    if (!err)
        err = facet_event_to_json(&e, &text);
    if (!err)
        err = facet__answer_json(q, 200, &text);
    facet_str_fini(&text);
    return err;
}

static int correct(void *ctx, struct facet_http_request *q)
{
    struct facet_events *events;
    struct facet__answer a;
    int n = 0, err = facet__need_events(ctx, q, &events);
    if (!err)
        err = facet_events_correct(events, facet_http_param(q, "id"), &n);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kint(&a.w, "corrected", n);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* --- pictures --- */

static int snapshot(void *ctx, struct facet_http_request *q)
{
    struct facet_events *events;
    void *data = NULL;
    size_t len = 0;
    int err = facet__need_events(ctx, q, &events);
    if (!err)
        err = facet_events_snapshot_get(events, facet_http_param(q, "id"), &data, &len);
    if (err)
        return err;
    bool is_png = len > 8 && !memcmp(data, "\x89PNG", 4);
    facet_http_status(q, 200);
    (void)facet_http_set_header(q, "cache-control", "private, no-store");
    (void)facet_http_set_header(q, "x-content-type-options", "nosniff");
    err = facet_http_send(q, is_png ? "image/png" : "image/jpeg", data, len);
    free(data);
    return err;
}

/* --- the stream --- */

static int stream(void *ctx, struct facet_http_request *q)
{
    struct facet__event_streams *streams = facet__serve_state(ctx, &facet__resource_events);
    struct facet_events *events;
    int err = facet__need_events(ctx, q, &events);
    return err ? err : facet__event_streams_add(streams, q);
}

static int events_open(struct facet_serve *s, void **state)
{
    struct facet_node *n = facet__serve_node(s);
    return n && facet_node_events(n) ? facet__event_streams_open((struct facet__event_streams **)state, n) : FACET_OK;
}

static void events_stop(struct facet_serve *s, void *state)
{
    if (state)
        facet__event_streams_stop(state);
}

static void events_close(struct facet_serve *s, void *state)
{
    struct facet__event_streams *p = state;
    facet__event_streams_close(&p);
}

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_GET, .path = "/v1/events", .handler = search, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_GET, .path = "/v1/events/stream", .handler = stream, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_GET, .path = "/v1/events/{id}", .handler = one, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_POST, .path = "/v1/events/{id}/correct", .handler = correct, .flags = FACET__ROLE(FACET_ROLE_OPERATOR), .max_body = 1024},
    {.method = FACET_HTTP_GET, .path = "/v1/snapshots/{id}", .handler = snapshot, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
};

const struct facet__resource facet__resource_events = {
    .name = "events", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
    .open = events_open, .stop = events_stop, .close = events_close,
};
