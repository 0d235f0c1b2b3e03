/* HTTP/1.1 on a connection: one request after the other, keep-alive, chunks both ways. */
#include "net/http/server_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void consume(struct facet__conn *c, size_t n)
{
    c->in_len -= n;
    memmove(c->in, c->in + n, c->in_len);
}

static void set_state(struct facet__conn *c, enum facet__wire1 state)
{
    c->state = state;
    c->phase_ns = facet_now_ns();
    c->phase_bytes = 0;
}

/* ---- the head ---- */

/* Bytes of the head with its empty line; 0: not whole yet. */
static size_t head_length(struct facet__conn *c)
{
    size_t from = c->looked > 3 ? c->looked - 3 : 0;
    const uint8_t *end = c->in_len > from ? memmem(c->in + from, c->in_len - from, "\r\n\r\n", 4) : NULL;
    c->looked = c->in_len;
    return end ? (size_t)(end - c->in) + 4 : 0;
}

static void begin_body(struct facet__conn *c)
{
    const struct facet_http_head *h = &c->q->head;
    bool has_body = h->is_chunked || (h->has_length && h->length > 0);
    c->body_left = h->is_chunked ? 0 : h->length;
    c->chunks = (struct facet_http_chunks)FACET_HTTP_CHUNKS_INIT;
    c->closes |= h->wants_close;
    set_state(c, has_body ? FACET__BODY : FACET__WAIT);
    facet__dispatch_head(c->q, has_body);
    if (has_body && h->expects_continue && !atomic_load(&c->q->is_handed))
        c->is_dead |= facet__bytes_put(&c->out, "HTTP/1.1 100 Continue\r\n\r\n", 25) != FACET_OK;
}

static void refuse_head(struct facet__conn *c, int status)
{
    c->closes = true;
    set_state(c, FACET__BODY); /* whatever follows is thrown away */
    facet__refuse(c->q, status, status == 431 ? FACET_E_LIMIT : status == 503 ? FACET_E_NOMEM : FACET_E_FORMAT);
}

static bool read_head(struct facet__conn *c)
{
    while (c->in_len >= 2 && c->in[0] == '\r' && c->in[1] == '\n')
        consume(c, 2), c->looked = 0;
    size_t like = c->in_len < sizeof(preface) - 1 ? c->in_len : sizeof(preface) - 1;
    if (like > 3 && !memcmp(c->in, preface, like)) {
        if (like == sizeof(preface) - 1 && facet__wire2_open(c))
            c->is_dead = true;
        return like == sizeof(preface) - 1;
    }
    size_t n = head_length(c);
    if (!n && c->in_len < FACET_MAX_HTTP_HEAD)
        return false;
    int status = 431;
    c->looked = 0;
    c->q = facet__request_new(c);
    if (!c->q) {
        c->is_dead = true;
        return false;
    }
    if (!n || n > FACET_MAX_HTTP_HEAD)
        facet_fail(FACET_E_LIMIT, "its headers are longer than %u bytes", FACET_MAX_HTTP_HEAD);
    if (!n || n > FACET_MAX_HTTP_HEAD || facet_http_head_parse(&c->q->head, (const char *)c->in, n, &status)) {
        refuse_head(c, status);
        return true;
    }
    consume(c, n);
    begin_body(c);
    return true;
}

/* ---- the body ---- */

static void end_body(struct facet__conn *c)
{
    set_state(c, FACET__WAIT);
    facet__dispatch_end(c->q);
}

static bool read_plain(struct facet__conn *c)
{
    size_t n = c->in_len < c->body_left ? c->in_len : (size_t)c->body_left;
    if (!n || !facet__dispatch_data(c->q, c->in, n))
        return false;
    c->body_left -= n;
    c->phase_bytes += n;
    consume(c, n);
    if (!c->body_left)
        end_body(c);
    return true;
}

static bool read_chunks(struct facet__conn *c)
{
    const uint8_t *data;
    size_t len, at = 0;
    bool is_taken = true;
    while (at < c->in_len && !c->chunks.is_done && is_taken) {
        int64_t n = facet_http_chunks_read(&c->chunks, c->in + at, c->in_len - at, &data, &len);
        if (n < 0 && c->q->is_piecewise) { /* its thread has the answer in hand */
            c->is_dead = true;
            return false;
        }
        if (n < 0) {
            facet__refuse(c->q, 400, FACET_E_FORMAT);
            return true;
        }
        is_taken = !len || facet__dispatch_data(c->q, data, len);
        at += (size_t)n;
        c->phase_bytes += len;
    }
    consume(c, at);
    if (c->chunks.is_done)
        end_body(c);
    return at > 0;
}

bool facet__wire1_wants(const struct facet__conn *c)
{
    if (c->is_eof || c->in_len >= FACET__IN_SIZE)
        return false;
    return !(c->state == FACET__BODY && c->q && facet__upload_is_full(c->q));
}

bool facet__wire1_read(struct facet__conn *c)
{
    if (c->state == FACET__DRAIN || (c->state == FACET__BODY && atomic_load(&c->q->is_handed))) {
        bool any = c->in_len > 0;
        c->drained += c->in_len;
        c->in_len = 0;
        if (c->drained > FACET__DRAIN_MAX || (c->is_eof && c->state == FACET__DRAIN))
            c->is_dead = true;
        return any;
    }
    if (c->state == FACET__HEAD)
        return c->in_len > 0 && !atomic_load(&c->server->stopping) && read_head(c);
    if (c->state != FACET__BODY || facet__upload_is_full(c->q) || !c->in_len)
        return false;
    return c->q->head.is_chunked ? read_chunks(c) : read_plain(c);
}

/* ---- the answer ---- */

static bool has_no_body(const struct facet_http_request *q)
{
    return q->head.method == FACET_HTTP_HEAD || q->status == 204 || q->status == 304;
}

static int put_head(struct facet__conn *c, struct facet_http_request *q)
{
    char text[512], date[40];
    time_t now = time(NULL);
    struct tm tm;
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &tm));
    int n = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\ndate: %s\r\nx-request-id: %s\r\n", q->status, facet__reason(q->status), date, q->id);
    int err = facet__bytes_put(&c->out, text, (size_t)n);
    for (int i = 0; !err && i < q->n_fields; i++) {
        err = facet__bytes_put(&c->out, q->field[i].name, strlen(q->field[i].name));
        if (!err)
            err = facet__bytes_put(&c->out, ": ", 2);
        if (!err)
            err = facet__bytes_put(&c->out, q->field[i].value, strlen(q->field[i].value));
        if (!err)
            err = facet__bytes_put(&c->out, "\r\n", 2);
    }
    n = 0;
    if (q->is_streaming && !q->head.is_http10)
        n = snprintf(text, sizeof(text), "transfer-encoding: chunked\r\n");
    else if (!q->is_streaming && q->status != 204 && q->status != 304)
        n = snprintf(text, sizeof(text), "content-length: %zu\r\n", facet__answer_length(q));
    n += snprintf(text + n, sizeof(text) - (size_t)n, "%s\r\n", c->closes ? "connection: close\r\n" : "");
    return err ? err : facet__bytes_put(&c->out, text, (size_t)n);
}

static void finish(struct facet__conn *c)
{
    bool is_early = c->state == FACET__SEND && !c->q->is_body_whole && c->closes;
    facet__done(c->q);
    struct facet_http_request *q = c->q;
    c->q = NULL;
    facet__dispatch_gone(q);
    c->had_request = true;
    set_state(c, is_early || c->closes ? FACET__DRAIN : FACET__HEAD);
    c->drained = 0;
}

static bool put_body(struct facet__conn *c)
{
    uint8_t piece[16384];
    char size[16];
    bool end = false, is_chunked = c->q->is_streaming && !c->q->head.is_http10;
    if (has_no_body(c->q)) {
        finish(c);
        return true;
    }
    size_t n = facet__answer_read(c->q, piece, sizeof(piece), &end);
    int err = FACET_OK;
    if (n && is_chunked)
        err = facet__bytes_put(&c->out, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", n));
    if (!err && n)
        err = facet__bytes_put(&c->out, piece, n);
    if (!err && n && is_chunked)
        err = facet__bytes_put(&c->out, "\r\n", 2);
    if (!err && end && is_chunked)
        err = facet__bytes_put(&c->out, "0\r\n\r\n", 5);
    c->is_dead |= err != FACET_OK;
    if (end && !err)
        finish(c);
    return n > 0 || end;
}

bool facet__wire1_write(struct facet__conn *c)
{
    struct facet_http_request *q = c->q;
    if (!q || c->out.len >= FACET__OUT_LOW)
        return false;
    if (c->state == FACET__SEND)
        return put_body(c);
    if (!atomic_load(&q->is_handed) || (c->state != FACET__WAIT && c->state != FACET__BODY))
        return false;
    /* An answer before the body was read: the rest of it is no request. */
    c->closes |= c->state == FACET__BODY || atomic_load(&c->server->stopping) || (q->is_streaming && q->head.is_http10);
    c->is_dead |= put_head(c, q) != FACET_OK;
    set_state(c, FACET__SEND);
    return true;
}
