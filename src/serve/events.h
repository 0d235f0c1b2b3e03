/* Between the files of /v1/events. */
#ifndef FACET_SERVE_EVENTS_H
#define FACET_SERVE_EVENTS_H

#include "serve/routes.h"

struct facet_events;

/* 503 where the node keeps no events. */
int facet__need_events(struct facet_serve *s, struct facet_http_request *q, struct facet_events **out);

/* event_stream.c: one thread that feeds all who listen, from the store, so that nobody misses what came while he was away. */
struct facet__event_streams;
int facet__event_streams_open(struct facet__event_streams **out, struct facet_node *node);
void facet__event_streams_stop(struct facet__event_streams *p);       /* ends the streams */
void facet__event_streams_close(struct facet__event_streams **p);
int facet__event_streams_add(struct facet__event_streams *p, struct facet_http_request *q);

#endif
