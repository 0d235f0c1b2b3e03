/* A request and its answer: what handlers see. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

/* ---- bytes that wait ---- */

int facet__bytes_put(struct facet__bytes *b, const void *data, size_t len)
{
    if (b->off && b->off + b->len + len > b->cap) {
        memmove(b->data, b->data + b->off, b->len);
        b->off = 0;
    }
    if (b->len + len > b->cap) {
        size_t cap = b->cap ? b->cap : 4096;
        while (cap < b->len + len)
            cap *= 2;
        uint8_t *grown = realloc(b->data, cap);
        if (!grown)
            return facet_fail_nomem();
        b->data = grown;
        b->cap = cap;
    }
    if (len)
        memcpy(b->data + b->off + b->len, data, len);
    b->len += len;
    return FACET_OK;
}

void facet__bytes_drop(struct facet__bytes *b, size_t len)
{
    b->off += len;
    b->len -= len;
    if (b->len)
        return;
    b->off = 0;
    if (b->cap > FACET__OUT_LOW * 4)       /* one large answer does not stay for the connection's life */
        facet__bytes_fini(b);
}

void facet__bytes_fini(struct facet__bytes *b)
{
    free(b->data);
    *b = (struct facet__bytes){ .data = NULL };
}

/* ---- life ---- */

static void make_id(char out[65])
{
    unsigned char r[8] = { 0 };
    if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r)) {
        uint64_t now = facet_now_ns();
        memcpy(r, &now, sizeof(r));
    }
    for (int i = 0; i < 8; i++)
        snprintf(out + 2 * i, 3, "%02x", r[i]);
}

struct facet_http_request *facet__request_new(struct facet__conn *c)
{
    struct facet_http_request *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    atomic_init(&q->refs, 1);
    q->server = c->server;
    q->conn = c;
    q->is_tls = c->tls != NULL;
    q->begun_ns = facet_now_ns();
    snprintf(q->peer, sizeof(q->peer), "%s", c->peer);
    make_id(q->id);
    atomic_fetch_add(&c->server->requests, 1);
    return q;
}

void facet__request_ref(struct facet_http_request *q)
{
    atomic_fetch_add(&q->refs, 1);
}

void facet__request_unref(struct facet_http_request **q)
{
    struct facet_http_request *r = *q;
    *q = NULL;
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    facet_http_head_fini(&r->head);
    facet_http_target_fini(&r->target);
    facet_http_params_fini(&r->params);
    facet_http_multipart_fini(&r->form);
    facet_str_fini(&r->body);
    facet_str_fini(&r->text);
    for (int i = 0; i < r->n_fields; i++)
        free((char *)r->field[i].name);
    free(r->user);
    free(r);
}

/* ---- what was asked ---- */

enum facet_http_method facet_http_method(const struct facet_http_request *q)
{
    return q->head.method;
}

const char *facet_http_path(const struct facet_http_request *q)
{
    return q->target.path ? q->target.path : "";
}

const char *facet_http_header(const struct facet_http_request *q, const char *name)
{
    return facet_http_head_get(&q->head, name);
}

static const char *find_pair(const struct facet_http_pair *p, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(p[i].name, name))
            return p[i].value;
    return NULL;
}

const char *facet_http_query(const struct facet_http_request *q, const char *key)
{
    return find_pair(q->target.query, q->target.n_query, key);
}

const char *facet_http_param(const struct facet_http_request *q, const char *name)
{
    return find_pair(q->params.p, q->params.n, name);
}

const void *facet_http_body(const struct facet_http_request *q, size_t *len)
{
    *len = q->body.len;
    return facet_str_text(&q->body);
}

/* Cookies may stand in several headers (HTTP/2 cuts them up). */
const char *facet_http_cookie(const struct facet_http_request *q, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);
    for (int i = 0; i < q->head.n; i++) {
        const char *p = q->head.text.data + q->head.field[i].value;
        if (strcmp(q->head.text.data + q->head.field[i].name, "cookie") != 0)
            continue;
        for (; *p; p += strcspn(p, ";"), p += *p == ';') {
            p += strspn(p, " ");
            size_t len = strcspn(p, ";");
            if (len <= n || strncmp(p, name, n) != 0 || p[n] != '=' || len - n - 1 >= cap)
                continue;
            snprintf(out, cap, "%.*s", (int)(len - n - 1), p + n + 1);
            return out;
        }
    }
    return NULL;
}

const void *facet_http_part(const struct facet_http_request *asked, const char *name, int i, size_t *len, const char **filename)
{
    struct facet_http_request *q = (struct facet_http_request *)asked; /* read once, on the thread that has it */
    *len = 0;
    if (filename)
        *filename = NULL;
    if (!q->form_read) {
        q->form_read = true;
        q->form_err = facet_http_multipart_parse(&q->form, facet_http_header(q, "content-type"), facet_str_text(&q->body), q->body.len);
    }
    for (int k = 0; k < q->form.n; k++) {
        const struct facet_http_part *p = &q->form.part[k];
        if (strcmp(p->name, name) != 0 || i-- > 0)
            continue;
        *len = p->len;
        if (filename)
            *filename = p->filename;
        return p->data;
    }
    return NULL;
}

const char *facet_http_peer(const struct facet_http_request *q)
{
    return q->peer;
}

const char *facet_http_id(const struct facet_http_request *q)
{
    return q->id;
}

bool facet_http_is_tls(const struct facet_http_request *q)
{
    return q->is_tls;
}

bool facet_http_is_gone(const struct facet_http_request *q)
{
    return atomic_load(&q->is_gone);
}

void *facet_http_user(const struct facet_http_request *q)
{
    return q->user;
}

void facet_http_set_user(struct facet_http_request *q, void *user, size_t len)
{
    free(q->user);
    q->user = malloc(len ? len : 1);
    if (q->user)
        memcpy(q->user, user, len);
}

uint64_t facet_http_queued_ns(const struct facet_http_request *q)
{
    return q->started_ns > q->queued_ns && q->queued_ns ? q->started_ns - q->queued_ns : 0;
}

const struct facet_http_route *facet_http_route_of(const struct facet_http_request *q)
{
    return q->route;
}

/* ---- the answer ---- */

void facet_http_status(struct facet_http_request *q, int status)
{
    q->status = status;
}

int facet_http_status_of(const struct facet_http_request *q)
{
    return q->status;
}

int facet__header_put(struct facet_http_request *q, const char *name, const char *value, size_t len)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 32 || value[i] == 127)
            return facet_fail(FACET_E_INVALID, "cannot set the header '%s': its value has control characters", name);
    if (q->n_fields == FACET__ANSWER_FIELDS)
        return facet_fail(FACET_E_LIMIT, "cannot set the header '%s': there are too many", name);
    char *text = malloc(n + len + 2);
    if (!text)
        return facet_fail_nomem();
    memcpy(text, name, n + 1);
    memcpy(text + n + 1, value, len);
    text[n + 1 + len] = '\0';
    q->field[q->n_fields++] = (struct facet_http_pair){ text, text + n + 1 };
    return FACET_OK;
}

int facet_http_set_header(struct facet_http_request *q, const char *name, const char *value)
{
    return facet__header_put(q, name, value, strlen(value));
}

static int begin_answer(struct facet_http_request *q, const char *content_type)
{
    if (q->has_answer)
        return facet_fail(FACET_E_INVALID, "cannot answer twice");
    int err = content_type ? facet_http_set_header(q, "content-type", content_type) : FACET_OK;
    q->has_answer = !err;
    q->status = q->status ? q->status : 200;
    return err;
}

int facet_http_send(struct facet_http_request *q, const char *content_type, const void *data, size_t len)
{
    q->text.max = len + 1;
    int err = q->has_answer ? FACET_OK : facet_str_append(&q->text, data, len);
    return err ? err : begin_answer(q, content_type);
}

int facet_http_send_str(struct facet_http_request *q, const char *content_type, struct facet_str *text)
{
    int err = text->err ? text->err : begin_answer(q, content_type);
    if (!err) {
        q->text = *text;
        *text = (struct facet_str)FACET_STR_INIT;
    }
    facet_str_fini(text);
    return err;
}

size_t facet__answer_length(const struct facet_http_request *q)
{
    return q->text.len;
}

static size_t read_stream(struct facet_http_stream *s, uint8_t *out, size_t cap, bool *end)
{
    facet_lock_take(&s->lock);
    size_t n = s->waiting.len < cap ? s->waiting.len : cap;
    if (n)
        memcpy(out, s->waiting.data + s->waiting.off, n);
    facet__bytes_drop(&s->waiting, n);
    *end = s->has_ended && !s->waiting.len;
    facet_lock_give(&s->lock);
    return n;
}

/* The next bytes of a text that is whole. */
static size_t read_text(struct facet_http_request *q, uint8_t *out, size_t cap, bool *end)
{
    size_t n = q->text.len - q->sent < cap ? q->text.len - q->sent : cap;
    if (n)
        memcpy(out, q->text.data + q->sent, n);
    q->sent += n;
    *end = q->sent == q->text.len;
    return n;
}

size_t facet__answer_read(struct facet_http_request *q, uint8_t *out, size_t cap, bool *end)
{
    size_t n = 0;
    *end = true; /* of a stream: the writer ended it, and all was read */
    if (!q->is_streaming)
        n = read_text(q, out, cap, end);
    else if (q->stream)
        n = read_stream(q->stream, out, cap, end);
    q->bytes_out += n;
    q->moved_ns = n ? facet_now_ns() : q->moved_ns;
    return n;
}

bool facet__answer_waits(struct facet_http_request *q)
{
    if (!q->is_streaming)
        return q->sent < q->text.len;
    if (!q->stream)
        return false;
    facet_lock_take(&q->stream->lock);
    bool waits = q->stream->waiting.len > 0;
    facet_lock_give(&q->stream->lock);
    return waits;
}

/* ---- streams ---- */

int facet_http_stream_begin(struct facet_http_request *q, const char *content_type, struct facet_http_stream **out)
{
    *out = NULL;
    if (q->has_answer)
        return facet_fail(FACET_E_INVALID, "cannot answer twice");
    if (atomic_fetch_add(&q->server->streams, 1) >= q->server->o.max_streams) {
        atomic_fetch_sub(&q->server->streams, 1);
        return facet_fail(FACET_E_LIMIT, "cannot begin another stream: there are %u already", q->server->o.max_streams);
    }
    struct facet_http_stream *s = calloc(1, sizeof(*s));
    int err = s ? facet_lock_init(&s->lock) : facet_fail_nomem();
    if (!err && (err = begin_answer(q, content_type)))
        facet_lock_fini(&s->lock);
    if (err) {
        free(s);
        atomic_fetch_sub(&q->server->streams, 1);
        return err;
    }
    facet__request_ref(q);
    s->q = q;
    q->stream = s;
    q->is_streaming = true;
    *out = s;
    return FACET_OK;
}

int facet_http_stream_write(struct facet_http_stream *s, const void *data, size_t len)
{
    int err = FACET_OK;
    facet_lock_take(&s->lock);
    if (s->is_gone)
        err = FACET_E_END;
    else if (s->waiting.len && s->waiting.len + len > FACET__STREAM_HIGH)
        err = FACET_E_AGAIN;
    else
        err = facet__bytes_put(&s->waiting, data, len);
    if (!err)
        facet__ready(s->q);
    facet_lock_give(&s->lock);
    return err;
}

/* The connection's side lets go of it first (stream_leave), or the writer's ends it here: whoever is second frees. */
void facet_http_stream_end(struct facet_http_stream **stream)
{
    struct facet_http_stream *s = *stream;
    *stream = NULL;
    if (!s)
        return;
    facet_lock_take(&s->lock);
    bool is_gone = s->is_gone;
    s->has_ended = true;
    if (!is_gone)
        facet__ready(s->q);
    facet_lock_give(&s->lock);
    if (!is_gone)
        return; /* the loop frees it when all was read */
    facet__request_unref(&s->q);
    facet__bytes_fini(&s->waiting);
    facet_lock_fini(&s->lock);
    free(s);
}

/* ---- words ---- */

const char *facet__reason(int status)
{
    static const struct { int status; const char *text; } words[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" }, { 206, "Partial Content" },
        { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" },
        { 400, "Bad Request" }, { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 408, "Request Timeout" }, { 409, "Conflict" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
        { 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" }, { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" }, { 431, "Request Header Fields Too Large" }, { 500, "Internal Server Error" },
        { 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" }, { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].status == status)
            return words[i].text;
    return "Status";
}

int facet__status_of(int err)
{
    switch (err) {
    case FACET_E_INVALID: case FACET_E_FORMAT: return 400;
    case FACET_E_PERMISSION: return 403;
    case FACET_E_NOT_FOUND: return 404;
    case FACET_E_EXISTS: return 409;
    case FACET_E_LIMIT: return 413;
    case FACET_E_AGAIN: case FACET_E_NOMEM: case FACET_E_CANCELLED: return 503;
    case FACET_E_TIMEOUT: return 504;
    default: return 500;
    }
}
