/* HTTP/2 on a connection: the module's framing between bytes and requests. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/module.h"

#include <stdio.h>
#include <string.h>

#define MAX_STREAMS 100

static void *on_begin(void *conn, int32_t stream)
{
    struct facet__conn *c = conn;
    if (atomic_load(&c->server->stopping))
        return NULL;
    struct facet_http_request *q = facet__request_new(c);
    if (!q)
        return NULL;
    q->stream_id = stream;
    q->next = c->requests;
    c->requests = q;
    return q;
}

static bool on_field(void *request, const char *name, size_t name_len, const char *value, size_t value_len)
{
    struct facet_http_request *q = request;
    int status = 0;
    if (q->is_dispatched)
        return true;
    int err = facet_http_head_put(&q->head, name, name_len, value, value_len, &status);
    if (err)
        facet__refuse(q, status, err);
    return true;
}

static void on_head(void *request, bool has_body)
{
    struct facet_http_request *q = request;
    int status = 0;
    if (q->is_dispatched)
        return;
    int err = facet_http_head_finish(&q->head, &status);
    if (err)
        facet__refuse(q, status, err);
    else
        facet__dispatch_head(q, has_body);
}

static void on_data(void *request, const uint8_t *data, size_t len)
{
    struct facet_http_request *q = request;
    const struct facet_http_server *s = q->server;
    struct facet__conn *c = q->conn;
    bool is_wanted = facet__dispatch_data(q, data, len);
    if (!q->is_piecewise || !q->upload)
        s->module->h2_took(c->h2, q->stream_id, len);
    if (!is_wanted && q->bytes_in > FACET__DRAIN_MAX + (q->route ? q->route->max_body : 0)) /* answered already, and it does not end */
        s->module->h2_reset(c->h2, q->stream_id, false);
}

static void on_data_end(void *request)
{
    struct facet_http_request *q = request;
    if (!q->is_body_whole)
        facet__dispatch_end(q);
}

static size_t on_answer(void *request, uint8_t *out, size_t cap, bool *end)
{
    struct facet_http_request *q = request;
    size_t n = facet__answer_read(q, out, cap, end);
    if (*end)
        facet__done(q);
    return n;
}

static void on_closed(void *request)
{
    struct facet_http_request *q = request;
    struct facet__conn *c = q->conn;
    for (struct facet_http_request **p = &c->requests; *p; p = &(*p)->next)
        if (*p == q) {
            *p = q->next;
            break;
        }
    facet__dispatch_gone(q);
}

static const struct facet_h2_calls calls = {
    .begin = on_begin, .field = on_field, .head = on_head, .data = on_data, .data_end = on_data_end,
    .answer = on_answer, .closed = on_closed,
};

int facet__wire2_open(struct facet__conn *c)
{
    struct facet_http_server *s = c->server;
    const void *table = s->module;
    int err = table ? FACET_OK : facet_module_open(&table, "facet-http", FACET_HTTP_MODULE_SYMBOL, "libnghttp2-14");
    if (!err && ((const struct facet_http_module *)table)->version != FACET_HTTP_MODULE_VERSION)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot use module 'facet-http': it belongs to another version");
    if (err)
        return err;
    s->module = table;
    return s->module->h2_open(&c->h2, &calls, c, MAX_STREAMS, FACET_MAX_HTTP_HEAD) ? facet_fail_nomem() : FACET_OK;
}

bool facet__wire2_read(struct facet__conn *c)
{
    size_t n = c->in_len;
    c->in_len = 0;
    if (n && c->server->module->h2_feed(c->h2, c->in, n))
        c->is_dead = true;
    return n > 0;
}

bool facet__wire2_write(struct facet__conn *c)
{
    const uint8_t *data = NULL;
    if (c->out.len >= FACET__OUT_LOW)
        return false;
    ssize_t n = c->server->module->h2_pull(c->h2, &data);
    if (n < 0 || (n > 0 && facet__bytes_put(&c->out, data, (size_t)n)))
        c->is_dead = true;
    if (n == 0 && !c->out.len && c->server->module->h2_is_over(c->h2))
        c->is_dead = true;
    return n > 0;
}

static void put_answer(struct facet_http_request *q)
{
    struct facet_h2_field f[FACET__ANSWER_FIELDS + 2];
    char length[24];
    size_t n = 0;
    bool has_body = q->head.method != FACET_HTTP_HEAD && q->status != 204 && q->status != 304;
    f[n++] = (struct facet_h2_field){ "x-request-id", q->id };
    for (int i = 0; i < q->n_fields; i++)
        f[n++] = (struct facet_h2_field){ q->field[i].name, q->field[i].value };
    if (!q->is_streaming && q->status != 204 && q->status != 304) {
        snprintf(length, sizeof(length), "%zu", facet__answer_length(q));
        f[n++] = (struct facet_h2_field){ "content-length", length };
    }
    q->is_dispatched = true;
    has_body = has_body && (q->is_streaming || facet__answer_length(q));
    if (q->server->module->h2_answer(q->conn->h2, q->stream_id, q->status, f, n, has_body))
        q->conn->is_dead = true;
    if (!has_body)
        facet__done(q);
}

/* The worker, the upload's thread or the stream's writer had something to say. */
void facet__wire2_news(struct facet_http_request *q)
{
    struct facet__conn *c = q->conn;
    const struct facet_http_module *m = c->server->module;
    size_t took = facet__upload_took(q);
    if (took)
        m->h2_took(c->h2, q->stream_id, took);
    if (!atomic_load(&q->is_handed))
        return;
    if (q->is_answered)
        m->h2_more(c->h2, q->stream_id);
    else
        q->is_answered = true, put_answer(q);
}
