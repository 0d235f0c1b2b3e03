/* Between the files of the HTTP server.
 *
 * Threads: the loop's (conn.c, wire1.c, dispatch.c) alone touches connections; a request under way is its worker's (or its
 * upload thread's) until it is answered; streams are written by anybody. Whoever has news for the loop puts the request on the
 * server's ready list (facet__ready) and wakes it. A request is counted: connection, worker, ready list, stream. */
#ifndef FACET_NET_HTTP_SERVER_PRIV_H
#define FACET_NET_HTTP_SERVER_PRIV_H

#include "base/lock.h"
#include "base/queue.h"
#include "base/thread.h"
#include "net/http/head.h"
#include "net/http/multipart.h"
#include "net/http/server.h"
#include "net/http/server_module.h"
#include "net/http/target.h"

#include <stdatomic.h>

#define FACET__IN_SIZE (FACET_MAX_HTTP_HEAD + 16384)
#define FACET__OUT_LOW 65536               /* below, more is taken from answers */
#define FACET__UPLOAD_HIGH (256u << 10)    /* waiting pieces of one upload */
#define FACET__STREAM_HIGH (1u << 20)      /* waiting bytes of one stream */
#define FACET__DRAIN_MAX (4u << 20)        /* bytes thrown away after an early answer */
#define FACET__ANSWER_FIELDS 24

struct facet__conn;

struct facet__bytes { uint8_t *data; size_t off, len, cap; };      /* from off, len of them */
int facet__bytes_put(struct facet__bytes *b, const void *data, size_t len);
void facet__bytes_drop(struct facet__bytes *b, size_t len);
void facet__bytes_fini(struct facet__bytes *b);

struct facet__upload {                     /* a body taken in pieces */
    pthread_mutex_t lock; pthread_cond_t news;
    struct facet__bytes waiting;
    bool has_ended;
    size_t took;                           /* not told to the wire yet */
    struct facet_thread thread;
    atomic_int state;                      /* 0: free, 1: runs, 2: to be joined */
    struct facet_http_request *q;
};

struct facet_http_stream {
    struct facet_lock lock;
    struct facet__bytes waiting;
    bool has_ended, is_gone;
    struct facet_http_request *q;          /* a reference */
};

enum facet__answered { FACET__UNANSWERED, FACET__READY, FACET__TAKEN };

struct facet_http_request {
    atomic_int refs;
    struct facet_http_server *server;      /* not after is_gone */
    struct facet__conn *conn;              /* loop's; NULL: gone */
    struct facet_http_request *next;       /* of its connection (HTTP/2) */
    int32_t stream_id;                     /* HTTP/2 */
    atomic_bool is_gone;
    bool is_tls, is_piecewise, is_body_whole, is_dispatched, is_closed, is_answered, is_answer_done;

    struct facet_http_head head;
    struct facet_http_target target;
    struct facet_http_params params;
    const struct facet_http_route *route;
    struct facet_str body;
    struct facet_http_multipart form; int form_err; bool form_read;
    char id[65], peer[64];
    void *user;
    struct facet__upload *upload;
    uint64_t begun_ns, queued_ns, started_ns, ended_ns;
    size_t bytes_in, bytes_out;
    uint64_t moved_ns;                     /* the wire took or brought something of it; the loop's */

    /* the answer */
    int status;
    struct facet_http_pair field[FACET__ANSWER_FIELDS]; int n_fields;      /* malloc'ed */
    struct facet_str text; size_t sent;
    struct facet_http_stream *stream;      /* a view: its owner ends it */
    bool has_answer, is_streaming;

    /* the ready list; under the server's lock */
    struct facet_http_request *next_ready;
    bool is_ready;
    atomic_bool is_handed;                 /* the worker is done with it: the answer is the loop's */
};

enum facet__wire1 { FACET__HEAD, FACET__BODY, FACET__WAIT, FACET__SEND, FACET__DRAIN };

struct facet__conn {
    struct facet_http_server *server;
    struct facet__conn *prev, *next;
    int fd;
    struct facet_tls_conn *tls;
    struct facet_h2 *h2;
    char peer[64];
    uint8_t *in; size_t in_len;
    struct facet__bytes out;
    unsigned interest;                     /* epoll's */
    bool is_eof, is_dead, is_closed, tls_wants_write, is_again, closes, had_request;
    uint64_t last_ns;                      /* something moved */
    uint64_t phase_ns;                     /* head or body began */
    uint64_t phase_bytes;
    /* HTTP/1.1 */
    enum facet__wire1 state;
    struct facet_http_request *q;
    size_t looked;                         /* of the head */
    uint64_t body_left; struct facet_http_chunks chunks;
    size_t drained;
    /* HTTP/2 */
    struct facet_http_request *requests;
};

struct facet_http_server {
    struct facet_http_server_opts o;
    char *cert, *key, *client_ca;
    const struct facet_http_module *module;        /* NULL: not there */
    struct facet_tls *tls;
    int listener, epoll, bell, port;
    struct facet_thread loop;
    struct facet_thread *worker; unsigned n_workers;
    struct facet_queue work;
    struct facet_lock lock;                /* of what follows */
    struct facet_http_request *ready, **ready_end;
    atomic_int stopping;                   /* 1: no new ones; 2: now */
    atomic_uint streams, requests;
    struct facet__conn *conns, *graves; unsigned n_conns;       /* closed ones are freed when the round is over */
    bool is_deaf;                          /* no descriptors: listens again at the next tick */
    struct facet__upload upload[FACET_MAX_HTTP_UPLOADS];
    bool has_loop, has_queue, has_lock;
};

/* request.c */
struct facet_http_request *facet__request_new(struct facet__conn *c);
void facet__request_ref(struct facet_http_request *q);
void facet__request_unref(struct facet_http_request **q);
int facet__header_put(struct facet_http_request *q, const char *name, const char *value, size_t len);
/* The next bytes of the answer; *end: these are the last. 0 and not *end: none yet. */
size_t facet__answer_read(struct facet_http_request *q, uint8_t *out, size_t cap, bool *end);
size_t facet__answer_length(const struct facet_http_request *q);
/* There is something that the wire has not taken. */
bool facet__answer_waits(struct facet_http_request *q);
const char *facet__reason(int status);
int facet__status_of(int err);

/* dispatch.c; on the loop's thread. */
void facet__dispatch_head(struct facet_http_request *q, bool has_body);
/* False: no more of it is wanted (an answer says why). */
bool facet__dispatch_data(struct facet_http_request *q, const uint8_t *data, size_t len);
void facet__dispatch_end(struct facet_http_request *q);
void facet__dispatch_gone(struct facet_http_request *q);
/* The answer to what the server refuses itself. */
void facet__refuse(struct facet_http_request *q, int status, int err);
void facet__done(struct facet_http_request *q);
void facet__work(void *server);            /* a worker's thread */
bool facet__upload_is_full(struct facet_http_request *q);
size_t facet__upload_took(struct facet_http_request *q);
void facet__uploads_stop(struct facet_http_server *s);

/* server.c: any thread. */
void facet__ready(struct facet_http_request *q);
void facet__wake(struct facet_http_server *s);

/* conn.c */
void facet__conn_accept(struct facet_http_server *s);
void facet__conn_event(struct facet__conn *c, unsigned events);
void facet__conn_pump(struct facet__conn *c);
void facet__conn_tick(struct facet__conn *c, uint64_t now);
void facet__conn_close(struct facet__conn *c);
bool facet__conn_is_idle(const struct facet__conn *c);
void facet__conn_bury(struct facet_http_server *s);
/* The answer goes on for ever. */
bool facet__is_stream(const struct facet_http_request *q);

/* wire1.c: HTTP/1.1 on a connection. True: something moved. */
bool facet__wire1_read(struct facet__conn *c);
bool facet__wire1_write(struct facet__conn *c);
bool facet__wire1_wants(const struct facet__conn *c);
/* wire2.c: HTTP/2. */
int facet__wire2_open(struct facet__conn *c);
bool facet__wire2_read(struct facet__conn *c);
bool facet__wire2_write(struct facet__conn *c);
void facet__wire2_news(struct facet_http_request *q);

#endif
