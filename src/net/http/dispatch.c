/* From a request's head to its answer: route, permission, body, worker. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- answers of our own ---- */

static void escape(char *out, size_t cap, const char *text)
{
    size_t n = 0;
    for (; *text && n + 3 < cap; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = (unsigned char)*text < 32 ? ' ' : *text;
    }
    out[n] = '\0';
}

static void plain_answer(struct facet_http_request *q, int err)
{
    char why[600], body[800];
    if (!q->status)
        q->status = facet__status_of(err);
    escape(why, sizeof(why), facet_error_text());
    int n = snprintf(body, sizeof(body), "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"},\"request_id\":\"%s\"}", facet_error_name(err),
                     why, q->id);
    (void)facet_http_send(q, "application/json", body, (size_t)n);
}

static void fail(struct facet_http_request *q, int err)
{
    const struct facet_http_server_opts *o = &q->server->o;
    if (o->fail)
        o->fail(o->ctx, q, err);
    if (!q->has_answer)
        plain_answer(q, err);
    if (!q->has_answer) { /* no memory even for that */
        q->status = 503;
        q->has_answer = true;
    }
}

/* Hands the answer to the loop; the end of the one who worked on it. */
static void hand_over(struct facet_http_request *q)
{
    q->ended_ns = facet_now_ns();
    atomic_store(&q->is_handed, true);
    facet__ready(q);
}

void facet__refuse(struct facet_http_request *q, int status, int err)
{
    if (q->is_dispatched || q->has_answer)
        return;
    q->is_dispatched = true;
    q->status = status;
    fail(q, err);
    hand_over(q);
}

/* ---- workers ---- */

static void run(struct facet_http_request *q)
{
    const struct facet_http_server_opts *o = &q->server->o;
    q->started_ns = facet_now_ns();
    int err = atomic_load(&q->is_gone) && !q->is_piecewise ? FACET_E_CANCELLED : q->route->handler(o->ctx, q);
    if (!q->has_answer) {
        if (!err)
            err = facet_fail(FACET_E_INTERNAL, "cannot answer '%s': nothing was said", facet_http_path(q));
        fail(q, err);
    }
    hand_over(q);
}

void facet__work(void *server)
{
    struct facet_http_server *s = server;
    void *item;
    while (facet_queue_take(&s->work, &item) == FACET_OK) {
        struct facet_http_request *q = item;
        run(q);
        facet__request_unref(&q);
    }
}

/* ---- bodies in pieces ---- */

static void upload_main(void *ctx)
{
    struct facet__upload *u = ctx;
    struct facet_http_request *q = u->q;
    const struct facet_http_server_opts *o = &q->server->o;
    int err = FACET_OK;
    for (bool more = true; more && !err;) {
        struct facet__bytes got;
        pthread_mutex_lock(&u->lock);
        while (!u->waiting.len && !u->has_ended)
            pthread_cond_wait(&u->news, &u->lock);
        got = u->waiting;
        u->waiting = (struct facet__bytes){ .data = NULL };
        u->took += got.len;
        more = got.len > 0;
        pthread_mutex_unlock(&u->lock);
        if (got.len) {
            facet__ready(q);
            err = q->route->piece(o->ctx, q, got.data + got.off, got.len);
        }
        facet__bytes_fini(&got);
    }
    if (err)
        fail(q, err);
    run(q);
    facet__request_unref(&q);
    atomic_store(&u->state, 2);
}

static int upload_start(struct facet_http_request *q)
{
    struct facet_http_server *s = q->server;
    for (int i = 0; i < FACET_MAX_HTTP_UPLOADS; i++) {
        struct facet__upload *u = &s->upload[i];
        if (atomic_load(&u->state) == 1)
            continue;
        if (atomic_load(&u->state) == 2)
            facet_thread_join(&u->thread);
        atomic_store(&u->state, 0);
        facet__bytes_fini(&u->waiting);
        u->has_ended = false;
        u->took = 0;
        u->q = q;
        atomic_store(&u->state, 1);
        facet__request_ref(q);
        q->upload = u;
        int err = facet_thread_start(&u->thread, "upload", upload_main, u);
        if (!err)
            return FACET_OK;
        atomic_store(&u->state, 0);
        q->upload = NULL;
        struct facet_http_request *drop = q;
        facet__request_unref(&drop);
        return err;
    }
    return facet_fail(FACET_E_AGAIN, "cannot take another upload: there are %d already", FACET_MAX_HTTP_UPLOADS);
}

static void upload_put(struct facet__upload *u, const uint8_t *data, size_t len, bool ends)
{
    pthread_mutex_lock(&u->lock);
    if (len && facet__bytes_put(&u->waiting, data, len))
        ends = true; /* no memory: what came is what there is */
    u->has_ended |= ends;
    pthread_cond_signal(&u->news);
    pthread_mutex_unlock(&u->lock);
}

bool facet__upload_is_full(struct facet_http_request *q)
{
    if (!q->upload || atomic_load(&q->is_handed))
        return false;
    pthread_mutex_lock(&q->upload->lock);
    bool is_full = q->upload->waiting.len >= FACET__UPLOAD_HIGH;
    pthread_mutex_unlock(&q->upload->lock);
    return is_full;
}

size_t facet__upload_took(struct facet_http_request *q)
{
    if (!q->upload || atomic_load(&q->is_handed))
        return 0;
    pthread_mutex_lock(&q->upload->lock);
    size_t n = q->upload->took;
    q->upload->took = 0;
    pthread_mutex_unlock(&q->upload->lock);
    return n;
}

void facet__uploads_stop(struct facet_http_server *s)
{
    for (int i = 0; i < FACET_MAX_HTTP_UPLOADS; i++) {
        struct facet__upload *u = &s->upload[i];
        if (atomic_load(&u->state) == 1)
            upload_put(u, NULL, 0, true);
        if (atomic_load(&u->state) != 0)
            facet_thread_join(&u->thread);
        facet__bytes_fini(&u->waiting);
        atomic_store(&u->state, 0);
    }
}

/* ---- from the head on ---- */

static void take_id(struct facet_http_request *q)
{
    const char *id = facet_http_header(q, "x-request-id");
    size_t n = id ? strlen(id) : 0;
    if (n && n < sizeof(q->id) && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n)
        memcpy(q->id, id, n + 1);
}

static int refuse_method(struct facet_http_request *q, unsigned allowed)
{
    static const char *const words[] = { "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD" };
    char list[64] = "";
    if (allowed & 1u << FACET_HTTP_GET)
        allowed |= 1u << FACET_HTTP_HEAD;
    for (int i = 0; i < 6; i++)
        if (allowed & 1u << i)
            snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", *list ? ", " : "", words[i]);
    (void)facet_http_set_header(q, "allow", list);
    q->status = 405;
    return facet_fail(FACET_E_UNSUPPORTED, "'%s' takes %s", facet_http_path(q), list);
}

static int find_route(struct facet_http_request *q)
{
    const struct facet_http_server_opts *o = &q->server->o;
    unsigned allowed = 0;
    q->route = facet_http_route_find(o->routes, o->n_routes, q->head.method, &q->target, &allowed);
    if (!q->route && allowed)
        return refuse_method(q, allowed);
    if (!q->route) {
        q->status = 404;
        return facet_fail(FACET_E_NOT_FOUND, "there is nothing at '%.200s'", facet_http_path(q));
    }
    return facet_http_params_read(&q->params, q->route, &q->target);
}

static int check_body(struct facet_http_request *q, bool has_body)
{
    bool is_piecewise = q->route->piece != NULL;
    if (!has_body || is_piecewise)
        return FACET_OK;
    if (q->route->max_body && !(q->head.has_length && q->head.length > q->route->max_body))
        return FACET_OK;
    q->status = 413;
    return facet_fail(FACET_E_LIMIT, q->route->max_body ? "the body is longer than the %zu bytes allowed" : "no body is taken here (%zu bytes)",
                      q->route->max_body);
}

void facet__dispatch_head(struct facet_http_request *q, bool has_body)
{
    const struct facet_http_server_opts *o = &q->server->o;
    take_id(q);
    int err = facet_http_target_parse(&q->target, facet_http_head_target(&q->head));
    if (err)
        q->status = err == FACET_E_NOMEM ? 503 : 400;
    if (!err)
        err = find_route(q);
    if (!err && o->authorise)
        err = o->authorise(o->ctx, q, q->route);
    if (!err)
        err = check_body(q, has_body);
    if (!err && q->route->piece) {
        q->is_piecewise = true;
        err = upload_start(q);
        q->is_dispatched = !err;
    }
    if (err) {
        facet__refuse(q, q->status, err);
        return;
    }
    if (!has_body)
        facet__dispatch_end(q);
}

bool facet__dispatch_data(struct facet_http_request *q, const uint8_t *data, size_t len)
{
    q->bytes_in += len;
    q->moved_ns = facet_now_ns();
    if (q->is_piecewise) {
        if (q->upload && !atomic_load(&q->is_handed))
            upload_put(q->upload, data, len, false);
        return true;
    }
    if (q->is_dispatched)
        return false;
    q->body.max = q->route->max_body + 1;
    if (q->body.len + len > q->route->max_body) {
        facet__refuse(q, 413, facet_fail(FACET_E_LIMIT, "the body is longer than the %zu bytes allowed", q->route->max_body));
        return false;
    }
    if (facet_str_append(&q->body, data, len)) {
        facet__refuse(q, 503, facet_fail_nomem());
        return false;
    }
    return true;
}

void facet__dispatch_end(struct facet_http_request *q)
{
    q->is_body_whole = true;
    if (q->is_piecewise && q->upload && !atomic_load(&q->is_handed))
        upload_put(q->upload, NULL, 0, true);
    if (q->is_dispatched)
        return;
    q->queued_ns = facet_now_ns();
    q->is_dispatched = true;
    facet__request_ref(q);
    if (atomic_load(&q->server->stopping) < 2 && facet_queue_try_put(&q->server->work, q) == FACET_OK)
        return;
    struct facet_http_request *drop = q;
    facet__request_unref(&drop);
    q->is_dispatched = false;
    (void)facet_http_set_header(q, "retry-after", "1");
    facet__refuse(q, 503, facet_fail(FACET_E_AGAIN, "too many requests wait already; try again"));
}

/* ---- the end ---- */

static void stream_leave(struct facet_http_request *q)
{
    struct facet_http_stream *s = q->stream;
    q->stream = NULL;
    if (!s)
        return;
    facet_lock_take(&s->lock);
    bool is_mine = s->has_ended;
    s->is_gone = true;
    facet_lock_give(&s->lock);
    atomic_fetch_sub(&q->server->streams, 1);
    if (!is_mine)
        return; /* its writer finds out */
    facet__bytes_fini(&s->waiting);
    facet_lock_fini(&s->lock);
    struct facet_http_request *r = s->q;
    free(s);
    facet__request_unref(&r);
}

void facet__done(struct facet_http_request *q)
{
    const struct facet_http_server_opts *o = &q->server->o;
    if (q->is_answer_done)
        return;
    q->is_answer_done = true;
    stream_leave(q);
    uint64_t worked = q->started_ns && q->ended_ns > q->started_ns ? q->ended_ns - q->started_ns : 0;
    if (o->done)
        o->done(o->ctx, q, q->status, facet_http_queued_ns(q), worked, q->bytes_in, q->bytes_out);
}

/* The connection lets go of it, answered or not. */
void facet__dispatch_gone(struct facet_http_request *q)
{
    if (q->is_closed)
        return;
    q->is_closed = true;
    q->conn = NULL;
    if (!q->is_answer_done)
        atomic_store(&q->is_gone, true);
    if (q->is_piecewise && q->upload && !atomic_load(&q->is_handed))
        upload_put(q->upload, NULL, 0, true);
    if (atomic_load(&q->is_handed))
        facet__done(q);
    atomic_fetch_sub(&q->server->requests, 1);
    facet__request_unref(&q);
}
