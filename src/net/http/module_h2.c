/* The module facet-http.so, its HTTP/2: nghttp2's framing, flow control and header compression, and what the module exports. */
#include "net/http/server_module_priv.h"

#include <facet/export.h>

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (256 << 10)         /* bytes of one request's body on their way */
#define MAX_FIELDS 32

struct facet_h2 {
    nghttp2_session *session;
    const struct facet_h2_calls *calls;
    void *conn;
};

static void *request_of(nghttp2_session *s, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(s, stream);
}

/* ---- in ---- */

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
    struct facet_h2 *h = ctx;
    if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    void *q = h->calls->begin(h->conn, f->hd.stream_id);
    if (!q)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    nghttp2_session_set_stream_user_data(s, f->hd.stream_id, q);
    return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *ctx)
{
    struct facet_h2 *h = ctx;
    void *q = request_of(s, f->hd.stream_id);
    if (f->hd.type != NGHTTP2_HEADERS || f->headers.cat != NGHTTP2_HCAT_REQUEST || !q)
        return 0; /* trailers */
    return h->calls->field(q, (const char *)name, name_len, (const char *)value, value_len) ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_frame_recv(nghttp2_session *s, const nghttp2_frame *f, void *ctx)
{
    struct facet_h2 *h = ctx;
    void *q = request_of(s, f->hd.stream_id);
    bool ends = f->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (!q)
        return 0;
    if (f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST)
        h->calls->head(q, !ends);
    if (ends && (f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && request_of(s, f->hd.stream_id))
        h->calls->data_end(q);
    return 0;
}

static int on_data_chunk(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *data, size_t len, void *ctx)
{
    struct facet_h2 *h = ctx;
    void *q = request_of(s, stream);
    if (q)
        h->calls->data(q, data, len);
    else
        nghttp2_session_consume(s, stream, len);
    return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t stream, uint32_t error, void *ctx)
{
    struct facet_h2 *h = ctx;
    void *q = request_of(s, stream);
    nghttp2_session_set_stream_user_data(s, stream, NULL);
    if (q)
        h->calls->closed(q);
    return 0;
}

/* ---- life ---- */

static int make_session(struct facet_h2 *h)
{
    nghttp2_session_callbacks *c = NULL;
    nghttp2_option *o = NULL;
    int err = nghttp2_session_callbacks_new(&c);
    if (!err)
        err = nghttp2_option_new(&o);
    if (!err) {
        nghttp2_option_set_no_auto_window_update(o, 1);
        nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(c, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data_chunk);
        nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
        err = nghttp2_session_server_new2(&h->session, c, h, o);
    }
    nghttp2_option_del(o);
    nghttp2_session_callbacks_del(c);
    return err;
}

static int h2_open(struct facet_h2 **out, const struct facet_h2_calls *calls, void *conn, unsigned max_streams, size_t max_head)
{
    nghttp2_settings_entry set[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)max_head },
    };
    struct facet_h2 *h = calloc(1, sizeof(*h));
    *out = NULL;
    if (!h)
        return -1;
    h->calls = calls;
    h->conn = conn;
    int err = make_session(h);
    if (!err)
        err = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, set, sizeof(set) / sizeof(set[0]));
    if (!err) /* many bodies at once share the connection's window */
        err = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, 8 * WINDOW);
    if (err) {
        nghttp2_session_del(h->session);
        free(h);
        return -1;
    }
    *out = h;
    return 0;
}

static void h2_close(struct facet_h2 **h)
{
    if (!*h)
        return;
    nghttp2_session_del((*h)->session);
    free(*h);
    *h = NULL;
}

static int h2_feed(struct facet_h2 *h, const void *data, size_t len)
{
    ssize_t n = nghttp2_session_mem_recv(h->session, data, len);
    return n < 0 || (size_t)n != len ? -1 : 0;
}

static ssize_t h2_pull(struct facet_h2 *h, const uint8_t **data)
{
    ssize_t n = nghttp2_session_mem_send(h->session, data);
    return n < 0 ? -1 : n;
}

static bool h2_is_over(struct facet_h2 *h)
{
    return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

/* ---- out ---- */

static ssize_t read_answer(nghttp2_session *s, int32_t stream, uint8_t *buf, size_t cap, uint32_t *flags, nghttp2_data_source *source,
                           void *ctx)
{
    struct facet_h2 *h = ctx;
    void *q = request_of(s, stream);
    bool end = true;
    size_t n = q ? h->calls->answer(q, buf, cap, &end) : 0;
    if (end)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return n || end ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
}

static nghttp2_nv field_of(const char *name, const char *value)
{
    return (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static int h2_answer(struct facet_h2 *h, int32_t stream, int status, const struct facet_h2_field *fields, size_t n, bool has_body)
{
    nghttp2_nv nv[MAX_FIELDS + 1];
    nghttp2_data_provider body = { .read_callback = read_answer };
    char text[8];
    snprintf(text, sizeof(text), "%d", status < 100 || status > 999 ? 500 : status);
    nv[0] = field_of(":status", text);
    n = n < MAX_FIELDS ? n : MAX_FIELDS;
    for (size_t i = 0; i < n; i++)
        nv[i + 1] = field_of(fields[i].name, fields[i].value);
    return nghttp2_submit_response(h->session, stream, nv, n + 1, has_body ? &body : NULL);
}

static void h2_more(struct facet_h2 *h, int32_t stream)
{
    nghttp2_session_resume_data(h->session, stream);
}

static void h2_took(struct facet_h2 *h, int32_t stream, size_t len)
{
    nghttp2_session_consume(h->session, stream, len);
}

static void h2_reset(struct facet_h2 *h, int32_t stream, bool refused)
{
    nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, stream, refused ? NGHTTP2_REFUSED_STREAM : NGHTTP2_NO_ERROR);
}

static void h2_bye(struct facet_h2 *h)
{
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
}

FACET_API extern const struct facet_http_module facet_http_module;
const struct facet_http_module facet_http_module = {
    .version = FACET_HTTP_MODULE_VERSION,
    .tls_open = facet__tls_open, .tls_close = facet__tls_close, .tls_accept = facet__tls_accept, .tls_end = facet__tls_end,
    .tls_read = facet__tls_read, .tls_write = facet__tls_write, .tls_is_h2 = facet__tls_is_h2,
    .h2_open = h2_open, .h2_close = h2_close, .h2_feed = h2_feed, .h2_pull = h2_pull, .h2_answer = h2_answer,
    .h2_more = h2_more, .h2_took = h2_took, .h2_reset = h2_reset, .h2_bye = h2_bye, .h2_is_over = h2_is_over,
};
