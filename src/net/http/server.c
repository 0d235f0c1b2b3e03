/* The server: socket, loop, workers, and how it ends. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/module.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 250

/* ---- news for the loop ---- */

void facet__wake(struct facet_http_server *s)
{
    uint64_t one = 1;
    (void)!write(s->bell, &one, sizeof(one));
}

void facet__ready(struct facet_http_request *q)
{
    struct facet_http_server *s = q->server;
    bool is_new;
    facet_lock_take(&s->lock);
    is_new = !q->is_ready;
    if (is_new) {
        facet__request_ref(q);
        q->is_ready = true;
        q->next_ready = NULL;
        *s->ready_end = q;
        s->ready_end = &q->next_ready;
    }
    facet_lock_give(&s->lock);
    if (is_new)
        facet__wake(s);
}

static struct facet_http_request *take_ready(struct facet_http_server *s)
{
    facet_lock_take(&s->lock);
    struct facet_http_request *q = s->ready;
    if (q) {
        s->ready = q->next_ready;
        if (!s->ready)
            s->ready_end = &s->ready;
        q->is_ready = false;
    }
    facet_lock_give(&s->lock);
    return q;
}

static void hear_news(struct facet_http_server *s)
{
    uint64_t rings;
    (void)!read(s->bell, &rings, sizeof(rings));
    for (struct facet_http_request *q; (q = take_ready(s));) {
        if (q->conn && q->conn->h2)
            facet__wire2_news(q);
        if (q->conn)
            facet__conn_pump(q->conn);
        facet__request_unref(&q);
    }
}

/* ---- the loop ---- */

static void listen_again(struct facet_http_server *s, bool on)
{
    struct epoll_event e = { .events = on ? EPOLLIN : 0, .data.ptr = s };
    epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->listener, &e);
    if (on)
        s->is_deaf = false;
}

static void tick(struct facet_http_server *s, uint64_t now)
{
    for (struct facet__conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        facet__conn_tick(c, now);
    }
    if (s->is_deaf && s->listener >= 0)
        listen_again(s, true);
}

static bool pump_again(struct facet_http_server *s)
{
    bool any = false;
    for (struct facet__conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (!c->is_again)
            continue;
        facet__conn_pump(c);
        any |= !c->is_closed && c->is_again;
    }
    return any;
}

/* No new ones: streams end now, answers under way may finish. */
static void begin_end(struct facet_http_server *s)
{
    if (s->listener < 0)
        return;
    close(s->listener);
    s->listener = -1;
    for (struct facet__conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->h2)
            s->module->h2_bye(c->h2);
        for (struct facet_http_request *q = c->requests, *after; q; q = after) {
            after = q->next;
            if (facet__is_stream(q))
                s->module->h2_reset(c->h2, q->stream_id, false);
        }
        c->closes = true;
        c->is_dead |= facet__conn_is_idle(c) || (c->q && facet__is_stream(c->q));
        facet__conn_pump(c);
    }
}

static void handle(struct facet_http_server *s, const struct epoll_event *e)
{
    if (e->data.ptr == s) {
        facet__conn_accept(s);
        if (s->is_deaf)
            listen_again(s, false);
    } else if (e->data.ptr) {
        facet__conn_event(e->data.ptr, e->events);
    }
}

static void loop_main(void *ctx)
{
    struct facet_http_server *s = ctx;
    struct epoll_event events[64];
    uint64_t ticked = facet_now_ns();
    bool again = false;
    while (atomic_load(&s->stopping) < 2) {
        int n = epoll_wait(s->epoll, events, 64, again ? 0 : TICK_MS);
        for (int i = 0; i < n; i++)
            handle(s, &events[i]);
        hear_news(s);
        again = pump_again(s);
        uint64_t now = facet_now_ns();
        if (now - ticked >= TICK_MS * 1000000u) {
            tick(s, now);
            ticked = now;
        }
        if (atomic_load(&s->stopping) == 1) {
            begin_end(s);
            if (!atomic_load(&s->requests) && !s->n_conns)
                break;
        }
        facet__conn_bury(s);
    }
    while (s->conns)
        facet__conn_close(s->conns);
    facet__conn_bury(s);
}

/* ---- opening ---- */

static int bind_one(struct facet_http_server *s, const struct addrinfo *a)
{
    int one = 1, zero = 0;
    s->listener = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return -1;
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (a->ai_family == AF_INET6)
        setsockopt(s->listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (!bind(s->listener, a->ai_addr, a->ai_addrlen) && !listen(s->listener, 512))
        return 0;
    int why = errno;
    close(s->listener);
    s->listener = -1;
    errno = why;
    return -1;
}

static int open_listener(struct facet_http_server *s)
{
    struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *list = NULL;
    const char *host = s->o.host ? s->o.host : "127.0.0.1";
    char port[16];
    snprintf(port, sizeof(port), "%d", s->o.port);
    int e = getaddrinfo(host, port, &hints, &list);
    if (e)
        return facet_fail(FACET_E_NET, "cannot listen at '%s': %s", host, gai_strerror(e));
    int bad = bind_one(s, list), why = errno;
    freeaddrinfo(list);
    if (bad)
        return facet_fail(FACET_E_NET, "cannot listen at '%s' port %d: %s", host, s->o.port, strerror(why));
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    char text[16] = "";
    if (!getsockname(s->listener, (struct sockaddr *)&a, &len))
        getnameinfo((struct sockaddr *)&a, len, NULL, 0, text, sizeof(text), NI_NUMERICSERV);
    s->port = (int)strtol(text, NULL, 10);
    return FACET_OK;
}

static int open_epoll(struct facet_http_server *s)
{
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    s->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s }, bell = { .events = EPOLLIN, .data.ptr = NULL };
    if (s->epoll < 0 || s->bell < 0 || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &e) || epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->bell, &bell))
        return facet_fail(FACET_E_LIMIT, "cannot wait for connections: %s", strerror(errno));
    return FACET_OK;
}

static int open_tls(struct facet_http_server *s, struct facet_tls **out)
{
    char why[256] = "";
    struct facet_tls_files f = { s->cert, s->key ? s->key : s->cert, s->client_ca };
    const void *table = s->module;
    int err = table ? FACET_OK : facet_module_open(&table, "facet-http", FACET_HTTP_MODULE_SYMBOL, "libnghttp2-14 libssl3");
    if (!err && ((const struct facet_http_module *)table)->version != FACET_HTTP_MODULE_VERSION)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot use module 'facet-http': it belongs to another version");
    if (!err && !s->module) /* before the loop runs; later it is the loop's */
        s->module = table;
    if (!err && s->module->tls_open(out, &f, why, sizeof(why)))
        err = facet_fail(FACET_E_FORMAT, "cannot use the certificate: %s", why);
    return err;
}

static char *copy(const char *text, int *err)
{
    char *c = text && *text && !*err ? strdup(text) : NULL;
    if (text && *text && !c && !*err)
        *err = facet_fail_nomem();
    return c;
}

static void fill_defaults(struct facet_http_server_opts *o)
{
    o->workers = o->workers ? o->workers : 4;
    o->max_connections = o->max_connections ? o->max_connections : 256;
    o->max_streams = o->max_streams ? o->max_streams : 64;
    o->head_timeout_ms = o->head_timeout_ms ? o->head_timeout_ms : 5000;
    o->body_timeout_ms = o->body_timeout_ms ? o->body_timeout_ms : 30000;
    o->idle_timeout_ms = o->idle_timeout_ms ? o->idle_timeout_ms : 60000;
}

static int init_parts(struct facet_http_server *s)
{
    int err = facet_lock_init(&s->lock);
    s->has_lock = !err;
    if (!err)
        err = facet_queue_init(&s->work, (size_t)s->o.workers * 16 + 64);
    s->has_queue = !err;
    for (int i = 0; i < FACET_MAX_HTTP_UPLOADS; i++) {
        pthread_mutex_init(&s->upload[i].lock, NULL);
        pthread_cond_init(&s->upload[i].news, NULL);
    }
    s->worker = calloc(s->o.workers, sizeof(*s->worker));
    return err ? err : s->worker ? FACET_OK : facet_fail_nomem();
}

static int start_threads(struct facet_http_server *s)
{
    int err = FACET_OK;
    for (unsigned i = 0; !err && i < s->o.workers; i++) {
        err = facet_thread_start(&s->worker[i], "http-worker", facet__work, s);
        s->n_workers += !err;
    }
    if (!err)
        err = facet_thread_start(&s->loop, "http", loop_main, s);
    s->has_loop = !err;
    return err;
}

int facet_http_server_open(struct facet_http_server **out, const struct facet_http_server_opts *o)
{
    struct facet_http_server *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return facet_fail_nomem();
    s->o = *o;
    s->listener = s->epoll = s->bell = -1;
    s->ready_end = &s->ready;
    fill_defaults(&s->o);
    int err = init_parts(s);
    s->cert = copy(o->cert, &err);
    s->key = copy(o->key, &err);
    s->client_ca = copy(o->client_ca, &err);
    if (!err && s->cert)
        err = open_tls(s, &s->tls);
    if (!err)
        err = open_listener(s);
    if (!err)
        err = open_epoll(s);
    if (!err)
        err = start_threads(s);
    if (err)
        facet_http_server_close(&s, 0);
    *out = s;
    return err;
}

/* ---- the end ---- */

static void end_loop(struct facet_http_server *s, unsigned wait_ms)
{
    uint64_t until = facet_now_ns() + (uint64_t)wait_ms * 1000000u;
    atomic_store(&s->stopping, 1);
    facet__wake(s);
    while (atomic_load(&s->requests) && facet_now_ns() < until)
        usleep(5000);
    atomic_store(&s->stopping, 2);
    facet__wake(s);
    facet_thread_join(&s->loop);
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

void facet_http_server_close(struct facet_http_server **server, unsigned wait_ms)
{
    struct facet_http_server *s = *server;
    *server = NULL;
    if (!s)
        return;
    if (s->has_loop)
        end_loop(s, wait_ms);
    if (s->has_queue)
        facet_queue_close(&s->work);
    for (unsigned i = 0; i < s->n_workers; i++)
        facet_thread_join(&s->worker[i]);
    facet__uploads_stop(s);
    for (struct facet_http_request *q; s->has_lock && (q = take_ready(s));)
        facet__request_unref(&q);
    if (s->tls)
        s->module->tls_close(&s->tls);
    close_fd(s->listener);
    close_fd(s->epoll);
    close_fd(s->bell);
    for (int i = 0; i < FACET_MAX_HTTP_UPLOADS; i++) {
        pthread_mutex_destroy(&s->upload[i].lock);
        pthread_cond_destroy(&s->upload[i].news);
    }
    if (s->has_queue)
        facet_queue_fini(&s->work);
    if (s->has_lock)
        facet_lock_fini(&s->lock);
    free(s->worker);
    free(s->cert);
    free(s->key);
    free(s->client_ca);
    free(s);
}

int facet_http_server_port(const struct facet_http_server *s)
{
    return s->port;
}

int facet_http_server_check_tls(struct facet_http_server *s)
{
    struct facet_tls *fresh = NULL;
    int err = s->tls ? open_tls(s, &fresh) : FACET_OK;
    if (fresh)
        s->module->tls_close(&fresh);
    return err;
}

int facet_http_server_reload_tls(struct facet_http_server *s)
{
    struct facet_tls *fresh = NULL, *old;
    if (!s->tls)
        return FACET_OK;
    int err = open_tls(s, &fresh);
    if (err)
        return err;
    facet_lock_take(&s->lock);
    old = s->tls;
    s->tls = fresh;
    facet_lock_give(&s->lock);
    s->module->tls_close(&old);
    return FACET_OK;
}
