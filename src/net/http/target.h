/* A request's address: decoded path, its parts, the query; and which route it is. */
#ifndef FACET_NET_HTTP_TARGET_H
#define FACET_NET_HTTP_TARGET_H

#include "base/limits.h"
#include "net/http/server.h"

struct facet_http_pair { const char *name, *value; };

struct facet_http_target {
    char *path;                        /* decoded, without query */
    char *memory;
    const char *segment[FACET_MAX_HTTP_SEGMENTS]; int n_segments;      /* each decoded: a slash in one is a character */
    struct facet_http_pair query[FACET_MAX_HTTP_QUERY]; int n_query;
};

/* FACET_E_FORMAT: damaged escapes, control characters, bytes that are no UTF-8, "." and ".." as a part. FACET_E_LIMIT. */
int facet_http_target_parse(struct facet_http_target *t, const char *raw);
void facet_http_target_fini(struct facet_http_target *t);

struct facet_http_params { struct facet_http_pair p[8]; int n; char *memory; };
/* The most literal route; NULL: none of that path, or (*allowed not 0, a bit for each method) none of that method. HEAD takes GET's. */
const struct facet_http_route *facet_http_route_find(const struct facet_http_route *routes, size_t n, enum facet_http_method method,
                                                     const struct facet_http_target *t, unsigned *allowed);
/* What the pattern's braces stand for. */
int facet_http_params_read(struct facet_http_params *out, const struct facet_http_route *r, const struct facet_http_target *t);
void facet_http_params_fini(struct facet_http_params *p);

#endif
