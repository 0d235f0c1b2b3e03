/* Which events are asked for: the query's filters and its cursor. */
#ifndef FACET_SERVE_EVENT_QUERY_H
#define FACET_SERVE_EVENT_QUERY_H

#include "serve/serve_priv.h"
#include "store/events.h"

#define FACET_EVENTS_PAGE 500      /* items at most */
#define FACET_CURSOR 48

struct facet__event_query {
    struct facet_events_filter filter;     /* its texts lie below */
    char camera[FACET_MAX_NAME], device[64], name[FACET_MAX_NAME];
    uint64_t mark;                 /* of the filters: a cursor goes on with the question that it came from */
};

/* camera, device, name, type, decision, from, to (Unix milliseconds or "2026-01-31T12:00:00Z"), limit, cursor. 400, 422. */
int facet__event_query_read(struct facet__event_query *out, struct facet_http_request *q);
/* The cursor that goes on behind `seq`. */
void facet__event_cursor(char out[FACET_CURSOR], const struct facet__event_query *e, int64_t seq);

#endif
