/* An HTTP/1.1 and 2 server: one loop thread for the wire, a few worker threads for handlers, which may take their time.
 * Knows bytes and headers, not faces (serve/ does).
 *
 * HTTP/1.1 is here (head.h, conn.c); TLS (OpenSSL) and the framing of HTTP/2 (nghttp2) are the module facet-http.so, opened
 * when a certificate is given or HTTP/2 spoken. Limits are kept before memory is taken: head, body, connections, requests at
 * once, time. What a handler writes waits in bounded buffers; what it is sent waits on the wire. docs/server.md. */
#ifndef FACET_NET_HTTP_SERVER_H
#define FACET_NET_HTTP_SERVER_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_http_server;
struct facet_http_request;         /* one request; the handler's until it returned */
struct facet_http_stream;          /* an answer that goes on: SSE, MJPEG */

enum facet_http_method { FACET_HTTP_GET, FACET_HTTP_POST, FACET_HTTP_PUT, FACET_HTTP_DELETE, FACET_HTTP_PATCH, FACET_HTTP_HEAD,
                         FACET_HTTP_OTHER };

/* What has been read of the request. All borrowed from the request. */
enum facet_http_method facet_http_method(const struct facet_http_request *q);
const char *facet_http_path(const struct facet_http_request *q);                               /* decoded, without query */
const char *facet_http_header(const struct facet_http_request *q, const char *name);          /* lower case; NULL: absent */
const char *facet_http_query(const struct facet_http_request *q, const char *key);            /* decoded; NULL: absent */
const char *facet_http_param(const struct facet_http_request *q, const char *name);           /* of the path's pattern: "{name}" */
const void *facet_http_body(const struct facet_http_request *q, size_t *len);
/* A part of a multipart/form-data body; NULL: absent. `i` counts parts of that name. */
const void *facet_http_part(const struct facet_http_request *q, const char *name, int i, size_t *len, const char **filename);
/* The value of a cookie; NULL: absent. */
const char *facet_http_cookie(const struct facet_http_request *q, const char *name, char *out, size_t cap);
bool facet_http_is_tls(const struct facet_http_request *q);
/* Has the asker gone? Answers of long work may be left out then. */
bool facet_http_is_gone(const struct facet_http_request *q);
const char *facet_http_peer(const struct facet_http_request *q);      /* address of who asks */
const char *facet_http_id(const struct facet_http_request *q);        /* x-request-id */
void *facet_http_user(const struct facet_http_request *q);            /* what `authorise` set: who asks */
void facet_http_set_user(struct facet_http_request *q, void *user, size_t len);    /* copied */
/* Compute time, told apart from the time in the queue in logs and metrics. */
uint64_t facet_http_queued_ns(const struct facet_http_request *q);

/* The answer: status, headers, then one of these. */
void facet_http_status(struct facet_http_request *q, int status);
int facet_http_status_of(const struct facet_http_request *q);        /* 0: none was set yet */
const struct facet_http_route *facet_http_route_of(const struct facet_http_request *q);      /* NULL: none fits */
int facet_http_set_header(struct facet_http_request *q, const char *name, const char *value);
int facet_http_send(struct facet_http_request *q, const char *content_type, const void *data, size_t len);   /* copies */
int facet_http_send_str(struct facet_http_request *q, const char *content_type, struct facet_str *text);     /* takes the text */
/* Begins an answer without end; the handler returns, others write. The stream is theirs until facet_http_stream_end. FACET_E_LIMIT when there are too many. */
int facet_http_stream_begin(struct facet_http_request *q, const char *content_type, struct facet_http_stream **out);
/* Copies. FACET_E_AGAIN: the reader is slow and its buffer full (nothing was taken). FACET_E_END: it is gone. Thread-safe. */
int facet_http_stream_write(struct facet_http_stream *s, const void *data, size_t len);
void facet_http_stream_end(struct facet_http_stream **s);

typedef int facet_http_handler(void *ctx, struct facet_http_request *q);   /* an error becomes an answer by `fail` */

struct facet_http_route {
    enum facet_http_method method;
    const char *path;              /* "/v1/people/{name}"; "{rest...}" at the end takes all that follows */
    facet_http_handler *handler;
    size_t max_body;               /* 0: no body is taken */
    unsigned flags;                /* serve's own: role, whether it is public ... */
    /* Bodies too long to hold (video upload): called with each piece on a thread of this request alone, in order; then `handler`,
     * also when the sender went away amid the body (facet_http_is_gone) or a piece failed. While it works the sender waits.
     * NULL: the body is collected. */
    int (*piece)(void *ctx, struct facet_http_request *q, const void *data, size_t len);
};

struct facet_http_server_opts {
    const char *host; int port;    /* "127.0.0.1"; 0: any free port */
    const char *cert, *key, *client_ca;        /* PEM files; cert NULL: no TLS. client_ca: clients must show a certificate */
    const struct facet_http_route *routes; size_t n_routes;        /* borrowed */
    /* Before the body is read: FACET_OK, or an error that `fail` turns into an answer (401, 403, 429). */
    int (*authorise)(void *ctx, struct facet_http_request *q, const struct facet_http_route *r);
    /* Error code (and facet_error_text) to an answer. What the server refuses itself (400, 404, 405, 408, 413, 431, 503) has its
     * status set. NULL, or no answer: a plain JSON one. */
    void (*fail)(void *ctx, struct facet_http_request *q, int err);
    /* After each answer was handed on, on the loop's thread: for logs and metrics. */
    void (*done)(void *ctx, const struct facet_http_request *q, int status, uint64_t queued_ns, uint64_t worked_ns, size_t bytes_in, size_t bytes_out);
    void *ctx;
    unsigned workers;              /* 0: 4 */
    unsigned max_connections, max_streams;     /* 0: 256, 64 */
    unsigned head_timeout_ms, body_timeout_ms, idle_timeout_ms;    /* 0: 5000, 30000, 60000 */
};

/* FACET_E_UNSUPPORTED: TLS is asked for, and the module is not there. */
int facet_http_server_open(struct facet_http_server **out, const struct facet_http_server_opts *o);
/* No new connections; waits for answers under way at most `wait_ms`. */
void facet_http_server_close(struct facet_http_server **s, unsigned wait_ms);
int facet_http_server_port(const struct facet_http_server *s);
int facet_http_server_reload_tls(struct facet_http_server *s);       /* reads the certificate files again */
int facet_http_server_check_tls(struct facet_http_server *s);        /* would that do? Takes nothing over */

#endif
