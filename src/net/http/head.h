/* The head of a request, and chunked bodies: parsers of what strangers send (HTTP/1.1, RFC 9112), without a socket.
 *
 * Strict where servers behind proxies got hurt: one length or none, chunked alone, no folded lines, no bare line feeds, no spaces
 * before a colon. HTTP/2 hands its headers over one by one and meets the same rules. */
#ifndef FACET_NET_HTTP_HEAD_H
#define FACET_NET_HTTP_HEAD_H

#include "base/limits.h"
#include "base/str.h"
#include "net/http/server.h"

struct facet_http_head {
    struct facet_str text;             /* of all names and values, each with its NUL */
    enum facet_http_method method;
    size_t target;                     /* offsets into `text` */
    int n;
    struct { size_t name, value; } field[FACET_MAX_HTTP_FIELDS];
    bool is_http10, wants_close, expects_continue;
    bool is_chunked, has_length;
    uint64_t length;
};

void facet_http_head_fini(struct facet_http_head *h);
/* The whole head, up to and with the empty line. *status is what to answer on failure: 400, 431, 505. `h` is zero before. */
int facet_http_head_parse(struct facet_http_head *h, const char *data, size_t len, int *status);
/* One header after the other (HTTP/2, ":method" and ":path" among them), then the end. */
int facet_http_head_put(struct facet_http_head *h, const char *name, size_t name_len, const char *value, size_t value_len, int *status);
int facet_http_head_finish(struct facet_http_head *h, int *status);
/* The first of that name, lower case; NULL: absent. */
const char *facet_http_head_get(const struct facet_http_head *h, const char *name);
const char *facet_http_head_target(const struct facet_http_head *h);

/* Chunked bodies, in whatever pieces they come. */
struct facet_http_chunks { int state; uint64_t left; unsigned digits, trailer; bool is_done; };
#define FACET_HTTP_CHUNKS_INIT { 0 }
/* Reads from `in`; *data and *len are the next piece of the body (0: none yet). Returns bytes read, or FACET_E_FORMAT. */
int64_t facet_http_chunks_read(struct facet_http_chunks *c, const uint8_t *in, size_t n, const uint8_t **data, size_t *len);

#endif
