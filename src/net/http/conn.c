/* Connections: bytes in and out of sockets, time limits. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- sockets ---- */

static ssize_t receive(struct facet__conn *c, void *to, size_t cap)
{
    if (c->tls) {
        ssize_t n = c->server->module->tls_read(c->tls, to, cap);
        c->tls_wants_write |= n == FACET_TLS_WRITE;
        return n >= 0 ? n : n == FACET_TLS_DEAD ? -1 : -2;
    }
    ssize_t n = recv(c->fd, to, cap, 0);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -2 : -1;
}

static ssize_t transmit(struct facet__conn *c, const void *from, size_t len)
{
    if (c->tls) {
        ssize_t n = c->server->module->tls_write(c->tls, from, len);
        return n > 0 ? n : n == FACET_TLS_DEAD ? -1 : -2;
    }
    ssize_t n = send(c->fd, from, len, MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? -2 : -1;
}

static bool read_some(struct facet__conn *c)
{
    bool wants = c->h2 ? !c->is_eof && c->out.len < 4 * FACET__OUT_LOW : facet__wire1_wants(c);
    if (!wants || c->in_len >= FACET__IN_SIZE)
        return false;
    ssize_t n = receive(c, c->in + c->in_len, FACET__IN_SIZE - c->in_len);
    if (n > 0) {
        c->in_len += (size_t)n;
        c->last_ns = facet_now_ns();
        if (c->in_len == (size_t)n && c->state == FACET__HEAD && !c->h2)
            c->phase_ns = c->last_ns; /* the first bytes of a head */
    }
    if (n == -1)
        c->is_dead = true;
    c->is_eof |= n == 0;
    return n > 0;
}

static bool write_some(struct facet__conn *c)
{
    if (!c->out.len)
        return false;
    ssize_t n = transmit(c, c->out.data + c->out.off, c->out.len);
    if (n == -1)
        c->is_dead = true;
    if (n > 0) {
        facet__bytes_drop(&c->out, (size_t)n);
        c->last_ns = facet_now_ns();
    }
    return n > 0;
}

/* ---- moving on ---- */

bool facet__is_stream(const struct facet_http_request *q)
{
    return atomic_load(&q->is_handed) && q->is_streaming;
}

/* The other side ended: an answer that it waits for is still sent, a stream is not. */
static void look_at_end(struct facet__conn *c)
{
    if (!c->is_eof)
        return;
    bool waits = !c->h2 && c->q && c->state != FACET__BODY && !facet__is_stream(c->q);
    if (!waits && !c->out.len)
        c->is_dead = true;
    if (c->state == FACET__BODY || (c->q && facet__is_stream(c->q)) || c->h2)
        c->is_dead = true;
    c->closes = true;
}

static void half_close(struct facet__conn *c)
{
    if (c->h2 || c->state != FACET__DRAIN || c->out.len || c->is_dead)
        return;
    if (c->is_eof)
        c->is_dead = true;
    else if (c->phase_bytes == 0) {
        if (!c->tls)
            shutdown(c->fd, SHUT_WR);
        c->phase_bytes = 1;
    }
}

static void set_interest(struct facet__conn *c)
{
    bool wants = c->h2 ? !c->is_eof && c->out.len < 4 * FACET__OUT_LOW : facet__wire1_wants(c);
    unsigned events = (wants ? EPOLLIN : 0u) | (c->out.len || c->tls_wants_write ? EPOLLOUT : 0u);
    if (events == c->interest)
        return;
    struct epoll_event e = { .events = events, .data.ptr = c };
    if (epoll_ctl(c->server->epoll, EPOLL_CTL_MOD, c->fd, &e))
        c->is_dead = true;
    c->interest = events;
}

static bool step(struct facet__conn *c)
{
    bool moved = read_some(c);
    if (c->tls && !c->h2 && !c->q && c->state == FACET__HEAD && c->server->module->tls_is_h2(c->tls) && facet__wire2_open(c))
        c->is_dead = true;
    if (!c->is_dead)
        moved |= c->h2 ? facet__wire2_read(c) : facet__wire1_read(c);
    if (!c->is_dead)
        moved |= c->h2 ? facet__wire2_write(c) : facet__wire1_write(c);
    if (!c->is_dead)
        moved |= write_some(c);
    return moved && !c->is_dead;
}

void facet__conn_pump(struct facet__conn *c)
{
    int rounds = 0;
    c->tls_wants_write = false;
    while (rounds < 64 && step(c))
        rounds++;
    c->is_again = rounds == 64;
    look_at_end(c);
    half_close(c);
    if (!c->is_dead)
        set_interest(c);
    if (c->is_dead)
        facet__conn_close(c);
}

void facet__conn_event(struct facet__conn *c, unsigned events)
{
    if (c->is_closed)
        return;
    if (events & (EPOLLERR | EPOLLHUP) && !(events & EPOLLIN))
        c->is_dead = true;
    facet__conn_pump(c);
}

/* ---- time ---- */

static bool is_over(uint64_t now, uint64_t since, unsigned ms)
{
    return now > since && now - since > (uint64_t)ms * 1000000u;
}

bool facet__conn_is_idle(const struct facet__conn *c)
{
    return c->h2 ? !c->requests && !c->out.len : !c->q && !c->out.len && !c->in_len;
}

/* A head that does not come to its end is answered when it began, and closed silently otherwise. */
static void late_head(struct facet__conn *c)
{
    c->q = c->in_len ? facet__request_new(c) : NULL;
    c->in_len = 0;
    if (!c->q) {
        c->is_dead = true;
        return;
    }
    c->closes = true;
    c->state = FACET__BODY;
    facet__refuse(c->q, 408, facet_fail(FACET_E_TIMEOUT, "the request did not come to its end in time"));
}

static void late_body(struct facet__conn *c)
{
    if (c->q->is_piecewise) {
        c->is_dead = true;
        return;
    }
    facet__refuse(c->q, 408, facet_fail(FACET_E_TIMEOUT, "the body did not come to its end in time"));
}

/* A body has the time of its limit and a second more for each 16 KiB that came; pieces must go on coming. */
static bool is_body_late(const struct facet__conn *c, uint64_t now)
{
    unsigned ms = c->server->o.body_timeout_ms;
    if (atomic_load(&c->q->is_handed))
        return is_over(now, c->phase_ns, ms);
    if (c->q->is_piecewise)
        return !facet__upload_is_full(c->q) && is_over(now, c->last_ns, ms);
    return is_over(now, c->phase_ns, ms) && is_over(now, c->phase_ns, ms + (unsigned)(c->phase_bytes / 16384u * 1000u));
}

static void tick1(struct facet__conn *c, uint64_t now)
{
    const struct facet_http_server_opts *o = &c->server->o;
    switch (c->state) {
    case FACET__HEAD:
        if (c->in_len ? is_over(now, c->phase_ns, o->head_timeout_ms)
                      : is_over(now, c->last_ns, c->had_request ? o->idle_timeout_ms : o->head_timeout_ms))
            late_head(c);
        break;
    case FACET__BODY:
        if (is_body_late(c, now)) {
            if (atomic_load(&c->q->is_handed))
                c->is_dead = true;
            else
                late_body(c);
        }
        break;
    case FACET__WAIT: break;
    case FACET__SEND: c->is_dead |= c->out.len && is_over(now, c->last_ns, o->idle_timeout_ms); break;
    default: c->is_dead |= is_over(now, c->phase_ns, c->out.len ? o->idle_timeout_ms : 1000); break;
    }
}

/* An upload that stopped, or an answer that its asker does not take any more. */
static bool is_stuck(struct facet_http_request *q, uint64_t now)
{
    const struct facet_http_server_opts *o = &q->server->o;
    uint64_t since = q->moved_ns > q->begun_ns ? q->moved_ns : q->begun_ns;
    if (q->is_piecewise && !q->is_body_whole && !atomic_load(&q->is_handed))
        return !facet__upload_is_full(q) && is_over(now, since, o->body_timeout_ms);
    if (atomic_load(&q->is_handed) && q->ended_ns > since) /* before, it is the worker's */
        since = q->ended_ns;
    return q->is_answered && !q->is_answer_done && is_over(now, since, o->idle_timeout_ms) && facet__answer_waits(q);
}

static void late_bodies2(struct facet__conn *c, uint64_t now)
{
    unsigned ms = c->server->o.body_timeout_ms;
    for (struct facet_http_request *q = c->requests; q; q = q->next) {
        bool is_late = !q->is_body_whole && !q->is_piecewise && is_over(now, q->begun_ns, ms + (unsigned)(q->bytes_in / 16384u * 1000u));
        if ((is_late && q->is_answer_done) || is_stuck(q, now))
            c->server->module->h2_reset(c->h2, q->stream_id, false); /* a body that nobody waits for */
        else if (is_late && !q->is_dispatched)
            facet__refuse(q, 408, facet_fail(FACET_E_TIMEOUT, "the request did not come to its end in time"));
    }
}

void facet__conn_tick(struct facet__conn *c, uint64_t now)
{
    const struct facet_http_server_opts *o = &c->server->o;
    if (!c->h2) {
        tick1(c, now);
    } else {
        late_bodies2(c, now);
        bool idle = facet__conn_is_idle(c);
        c->is_dead |= (idle || c->out.len) && is_over(now, c->last_ns, o->idle_timeout_ms);
    }
    if (c->is_dead)
        facet__conn_close(c);
    else if (c->is_again || c->h2)
        facet__conn_pump(c);
}

/* ---- life ---- */

static void name_peer(struct facet__conn *c, const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &in6->sin6_addr, c->peer, sizeof(c->peer));
        if (!strncmp(c->peer, "::ffff:", 7) && strchr(c->peer, '.'))
            memmove(c->peer, c->peer + 7, strlen(c->peer + 7) + 1);
    } else {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)a)->sin_addr, c->peer, sizeof(c->peer));
    }
}

/* Room for one more: who is idle for longest goes. */
static bool make_room(struct facet_http_server *s)
{
    struct facet__conn *oldest = NULL;
    if (s->n_conns < s->o.max_connections)
        return true;
    for (struct facet__conn *c = s->conns; c; c = c->next)
        if (facet__conn_is_idle(c) && (!oldest || c->last_ns < oldest->last_ns))
            oldest = c;
    if (oldest)
        facet__conn_close(oldest);
    return oldest != NULL;
}

static int conn_open(struct facet_http_server *s, int fd, const struct sockaddr_storage *a)
{
    struct facet__conn *c = calloc(1, sizeof(*c));
    if (!c)
        return facet_fail_nomem();
    *c = (struct facet__conn){ .server = s, .fd = fd, .in = malloc(FACET__IN_SIZE), .interest = EPOLLIN };
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    int err = c->in ? FACET_OK : facet_fail_nomem();
    facet_lock_take(&s->lock); /* the certificate may be read anew */
    if (!err && s->tls && s->module->tls_accept(&c->tls, s->tls, fd))
        err = FACET_E_NOMEM;
    facet_lock_give(&s->lock);
    if (!err && epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &e))
        err = FACET_E_LIMIT;
    if (err) {
        if (c->tls)
            s->module->tls_end(&c->tls);
        free(c->in);
        free(c);
        return err;
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    name_peer(c, a);
    c->last_ns = c->phase_ns = facet_now_ns();
    c->next = s->conns;
    if (s->conns)
        s->conns->prev = c;
    s->conns = c;
    s->n_conns++;
    return FACET_OK;
}

void facet__conn_accept(struct facet_http_server *s)
{
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";
    for (int i = 0; i < 64; i++) {
        struct sockaddr_storage a;
        socklen_t len = sizeof(a);
        int fd = accept4(s->listener, (struct sockaddr *)&a, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            s->is_deaf = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
            return;
        }
        bool has_room = make_room(s);
        if (!has_room && !s->cert)
            (void)!send(fd, full, sizeof(full) - 1, MSG_NOSIGNAL);
        if (!has_room || conn_open(s, fd, &a))
            close(fd);
    }
}

void facet__conn_close(struct facet__conn *c)
{
    struct facet_http_server *s = c->server;
    if (c->is_closed)
        return;
    if (c->q)
        facet__dispatch_gone(c->q);
    c->q = NULL;
    if (c->h2)
        s->module->h2_close(&c->h2); /* `closed` of each request */
    while (c->requests) {
        struct facet_http_request *q = c->requests;
        c->requests = q->next;
        facet__dispatch_gone(q);
    }
    if (c->tls)
        s->module->tls_end(&c->tls);
    /* A child between fork and exec holds the socket, too: closing it here would not take it out of the set. */
    (void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, c->fd, NULL);
    close(c->fd);
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->n_conns--;
    facet__bytes_fini(&c->out);
    free(c->in);
    c->in = NULL;
    c->is_closed = true;
    c->next = s->graves;
    s->graves = c;
}

void facet__conn_bury(struct facet_http_server *s)
{
    while (s->graves) {
        struct facet__conn *c = s->graves;
        s->graves = c->next;
        free(c);
    }
}
