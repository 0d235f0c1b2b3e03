/* The HTTP server over real sockets: HTTP/1.1 spoken byte by byte, HTTP/2 and TLS by libcurl. */
#include "test.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "net/http/server.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct world {
    struct facet_http_server *server;
    pthread_mutex_t lock; pthread_cond_t moved;
    bool is_held;                          /* handlers of /held wait while it is */
    int held;
    size_t pieces; int piece_calls; bool upload_ended, upload_was_gone;
    struct facet_http_stream *stream;
    atomic_int done, done_status;
};

/* ---- handlers ---- */

static int say_hello(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_query(q, "name");
    struct facet_str t = FACET_STR_INIT;
    facet_str_printf(&t, "hello %s", name ? name : "world");
    return facet_http_send_str(q, "text/plain", &t);
}

static int say_name(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_param(q, "name");
    if (!strcmp(name, "nobody"))
        return facet_fail(FACET_E_NOT_FOUND, "there is no \"%s\"", name);
    return facet_http_send(q, "text/plain", name, strlen(name));
}

static int echo(void *ctx, struct facet_http_request *q)
{
    size_t len;
    const void *body = facet_http_body(q, &len);
    facet_http_status(q, 201);
    (void)facet_http_set_header(q, "x-kind", "echo");
    return facet_http_send(q, "application/octet-stream", body, len);
}

static int form(void *ctx, struct facet_http_request *q)
{
    size_t len;
    const char *file;
    const void *data = facet_http_part(q, "file", 0, &len, &file);
    struct facet_str t = FACET_STR_INIT;
    facet_str_printf(&t, "%s %zu", data ? file : "none", len);
    return facet_http_send_str(q, "text/plain", &t);
}

static int held(void *ctx, struct facet_http_request *q)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->held++;
    pthread_cond_broadcast(&w->moved);
    while (w->is_held)
        pthread_cond_wait(&w->moved, &w->lock);
    pthread_mutex_unlock(&w->lock);
    return facet_http_send(q, "text/plain", "late", 4);
}

static int begin_stream(void *ctx, struct facet_http_request *q)
{
    struct world *w = ctx;
    struct facet_http_stream *s;
    int err = facet_http_stream_begin(q, "text/event-stream", &s);
    if (err)
        return err;
    pthread_mutex_lock(&w->lock);
    w->stream = s;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
    return FACET_OK;
}

static int take_piece(void *ctx, struct facet_http_request *q, const void *data, size_t len)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->pieces += len;
    w->piece_calls++;
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
    return len && *(const char *)data == '!' ? facet_fail(FACET_E_FORMAT, "no such video") : FACET_OK;
}

static int end_upload(void *ctx, struct facet_http_request *q)
{
    struct world *w = ctx;
    pthread_mutex_lock(&w->lock);
    w->upload_ended = true;
    w->upload_was_gone = facet_http_is_gone(q);
    pthread_cond_broadcast(&w->moved);
    pthread_mutex_unlock(&w->lock);
    return facet_http_send(q, "text/plain", "taken", 5);
}

static int mute(void *ctx, struct facet_http_request *q)
{
    return FACET_OK;
}

static int large(void *ctx, struct facet_http_request *q)
{
    struct facet_str t = FACET_STR_INIT;
    for (int i = 0; i < 1 << 18; i++)
        facet_str_puts(&t, "0123456789abcdef");
    return facet_http_send_str(q, "text/plain", &t);
}

static int authorise(void *ctx, struct facet_http_request *q, const struct facet_http_route *r)
{
    const char *key = facet_http_header(q, "x-api-key");
    if (!r->flags || (key && !strcmp(key, "right")))
        return FACET_OK;
    facet_http_status(q, 401);
    return facet_fail(FACET_E_PERMISSION, "a key is needed");
}

static void done(void *ctx, const struct facet_http_request *q, int status, uint64_t queued, uint64_t worked, size_t in, size_t out)
{
    struct world *w = ctx;
    atomic_store(&w->done_status, status);
    atomic_fetch_add(&w->done, 1);
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/hello", .handler = say_hello },
    { .method = FACET_HTTP_GET, .path = "/people/{name}", .handler = say_name },
    { .method = FACET_HTTP_POST, .path = "/echo", .handler = echo, .max_body = 4 << 20 },
    { .method = FACET_HTTP_POST, .path = "/small", .handler = echo, .max_body = 16 },
    { .method = FACET_HTTP_POST, .path = "/form", .handler = form, .max_body = 4096 },
    { .method = FACET_HTTP_GET, .path = "/held", .handler = held },
    { .method = FACET_HTTP_GET, .path = "/stream", .handler = begin_stream },
    { .method = FACET_HTTP_GET, .path = "/mute", .handler = mute },
    { .method = FACET_HTTP_GET, .path = "/large", .handler = large },
    { .method = FACET_HTTP_PUT, .path = "/upload", .handler = end_upload, .piece = take_piece },
    { .method = FACET_HTTP_POST, .path = "/secret", .handler = echo, .max_body = 64, .flags = 1 },
};

/* ---- the world ---- */

static void open_world(struct world *w, struct facet_http_server_opts o)
{
    *w = (struct world){ .server = NULL };
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->moved, NULL);
    o.routes = routes;
    o.n_routes = sizeof(routes) / sizeof(routes[0]);
    o.authorise = authorise;
    o.done = done;
    o.ctx = w;
    int err = facet_http_server_open(&w->server, &o);
    if (err)
        print_error("%s\n", facet_error_text());
    assert_int_equal(err, FACET_OK);
}

static void close_world(struct world *w)
{
    facet_http_server_close(&w->server, 2000);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->moved);
}

static int dial(const struct world *w)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)facet_http_server_port(w->server)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval t = { .tv_sec = 10 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `mark` stands in it or the other side ended; the text is static. */
static const char *get(int fd, const char *mark)
{
    static char text[65536];
    size_t n = 0;
    text[0] = '\0';
    while (n + 1 < sizeof(text) && !(mark && strstr(text, mark))) {
        ssize_t r = recv(fd, text + n, 1, 0);
        if (r <= 0)
            break;
        n += (size_t)r;
        text[n] = '\0';
    }
    return text;
}

static bool has(const char *text, const char *part)
{
    if (!strstr(text, part))
        print_error("'%s' is not in: %s\n", part, text);
    return strstr(text, part) != NULL;
}

/* One request on a connection of its own; all that comes until the end. */
static const char *ask(const struct world *w, const char *request)
{
    int fd = dial(w);
    put(fd, request);
    const char *answer = get(fd, NULL);
    close(fd);
    return answer;
}

#define HOST "Host: x\r\nConnection: close\r\n"

static void wait_for(struct world *w, const bool *flag)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    pthread_mutex_lock(&w->lock);
    while (!*flag && !pthread_cond_timedwait(&w->moved, &w->lock, &until))
        ;
    pthread_mutex_unlock(&w->lock);
    assert_true(*flag);
}

/* ---- HTTP/1.1 ---- */

static void test_server__answers_and_says_who_asked_what(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    const char *a = ask(&w, "GET /hello?name=a%20b HTTP/1.1\r\nX-Request-Id: abc-1\r\n" HOST "\r\n");
    assert_true(has(a, "HTTP/1.1 200 OK\r\n") && has(a, "x-request-id: abc-1") && has(a, "content-length: 9") && has(a, "\r\n\r\nhello a b"));
    a = ask(&w, "GET /people/x%2Fy HTTP/1.1\r\n" HOST "\r\n");
    assert_true(has(a, "\r\n\r\nx/y"));
    a = ask(&w, "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n" HOST "\r\nabc");
    assert_true(has(a, "201 Created") && has(a, "x-kind: echo") && has(a, "\r\n\r\nabc"));
    a = ask(&w, "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n");
    assert_true(has(a, "content-length: 7") && has(a, "\r\n\r\nabcdefg"));
    a = ask(&w, "HEAD /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_true(has(a, "content-length: 11") && !strstr(a, "hello"));
    close_world(&w);
}

static void test_server__refuses_with_the_right_status(void **state)
{
    static const struct { const char *request, *status; } bad[] = {
        { "GET /nothing HTTP/1.1\r\n" HOST "\r\n", "404 Not Found" },
        { "GET /people/nobody HTTP/1.1\r\n" HOST "\r\n", "404 Not Found" },
        { "GET /../etc/passwd HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET /people/%2e%2e HTTP/1.1\r\n" HOST "\r\n", "400 Bad Request" },
        { "PUT /hello HTTP/1.1\r\n" HOST "\r\n", "405 Method Not Allowed" },
        { "BREW /hello HTTP/1.1\r\n" HOST "\r\n", "405 Method Not Allowed" },
        { "POST /secret HTTP/1.1\r\nContent-Length: 2\r\n" HOST "\r\nxx", "401 Unauthorized" },
        { "POST /small HTTP/1.1\r\nContent-Length: 17\r\n" HOST "\r\n01234567890123456", "413 Content Too Large" },
        { "POST /small HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n11\r\n01234567890123456\r\n0\r\n\r\n", "413 Content Too Large" },
        { "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\nzz\r\n", "400 Bad Request" },
        { "GET /hello HTTP/1.1\r\nConnection: close\r\n\r\n", "400 Bad Request" },
        { "GET /hello HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n", "400 Bad Request" },
        { "GET /hello HTTP/3.7\r\n" HOST "\r\n", "505 HTTP Version" },
        { "GET /mute HTTP/1.1\r\n" HOST "\r\n", "500 Internal" },
        { "\x16\x03\x01\x02\r\n\r\n", "400 Bad Request" },
    };
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *a = ask(&w, bad[i].request);
        assert_true(has(a, bad[i].status) && has(a, "{\"error\":{\"code\":\"FACET_E_"));
    }
    assert_true(has(ask(&w, "PUT /hello HTTP/1.1\r\n" HOST "\r\n"), "allow: GET, HEAD"));
    assert_true(has(ask(&w, "POST /secret HTTP/1.1\r\nX-Api-Key: right\r\nContent-Length: 2\r\n" HOST "\r\nxx"), "201 Created"));
    close_world(&w);
}

static void test_server__keeps_a_connection_and_answers_in_order(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "GET /hello?name=1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /hello?name=2 HTTP/1.1\r\n");
    assert_true(has(get(fd, "hello 1"), "hello 1"));
    assert_true(has(get(fd, "abc"), "201"));
    put(fd, "Host: x\r\n\r\n");
    assert_true(has(get(fd, "hello 2"), "hello 2"));
    put(fd, "POST /secret HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    const char *a = get(fd, NULL); /* an early answer ends the connection: what follows is no request */
    assert_true(has(a, "401") && has(a, "connection: close"));
    close(fd);
    close_world(&w);
}

static void test_server__says_continue_before_a_body(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "POST /echo HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n" HOST "\r\n");
    assert_true(has(get(fd, "\r\n\r\n"), "100 Continue"));
    put(fd, "abc");
    assert_true(has(get(fd, NULL), "201 Created"));
    close(fd);
    fd = dial(&w);
    put(fd, "POST /small HTTP/1.1\r\nContent-Length: 300\r\nExpect: 100-continue\r\n" HOST "\r\n");
    const char *a = get(fd, "}}");
    assert_true(has(a, "413") && !strstr(a, "100 Continue"));
    close(fd);
    close_world(&w);
}

static void test_server__slow_heads_and_bodies_are_ended(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .head_timeout_ms = 300, .body_timeout_ms = 300, .idle_timeout_ms = 400 });
    int loris = dial(&w), body = dial(&w), silent = dial(&w), kept = dial(&w), good = dial(&w);
    put(loris, "GET /hello HTTP/1.1\r\nHost: x\r\nX-A: b");
    put(body, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");
    put(kept, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(has(get(kept, "hello world"), "200"));
    put(good, "GET /hello HTTP/1.1\r\n" HOST "\r\n"); /* others are served meanwhile */
    assert_true(has(get(good, NULL), "200 OK"));
    assert_true(has(get(loris, NULL), "408 Request Timeout"));
    assert_true(has(get(body, NULL), "408 Request Timeout"));
    assert_string_equal(get(silent, NULL), "");
    assert_string_equal(get(kept, NULL), "");
    close(loris), close(body), close(silent), close(kept), close(good);
    close_world(&w);
}

static void test_server__heads_have_a_ceiling(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    char filler[1025];
    memset(filler, 'a', 1024);
    filler[1024] = '\0';
    int fd = dial(&w);
    put(fd, "GET /hello HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 20; i++)
        put(fd, filler);
    assert_true(has(get(fd, "\"}"), "431 Request Header"));
    close(fd);
    close_world(&w);
}

static void test_server__connections_have_a_ceiling(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .max_connections = 2, .workers = 2 });
    w.is_held = true;
    int a = dial(&w), b = dial(&w);
    put(a, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    put(b, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    pthread_mutex_lock(&w.lock);
    while (w.held < 2)
        pthread_cond_wait(&w.moved, &w.lock);
    pthread_mutex_unlock(&w.lock);
    int c = dial(&w);
    assert_true(has(get(c, "\r\n\r\n"), "503 Service Unavailable"));
    pthread_mutex_lock(&w.lock);
    w.is_held = false;
    pthread_cond_broadcast(&w.moved);
    pthread_mutex_unlock(&w.lock);
    assert_true(has(get(a, "late"), "200 OK") && has(get(b, "late"), "200 OK"));
    int d = dial(&w); /* one that idles makes room */
    put(d, "GET /hello HTTP/1.1\r\n" HOST "\r\n");
    assert_true(has(get(d, NULL), "200 OK"));
    close(a), close(b), close(c), close(d);
    close_world(&w);
}

static void test_server__the_queue_has_a_ceiling(void **state)
{
    enum { N = 100 };
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .workers = 1 });
    w.is_held = true;
    int fd[N], ok = 0, refused = 0;
    for (int i = 0; i < N; i++) {
        fd[i] = dial(&w);
        put(fd[i], "GET /held HTTP/1.1\r\n" HOST "\r\n");
    }
    struct pollfd last = { .fd = fd[N - 1], .events = POLLIN };
    assert_int_equal(poll(&last, 1, 10000), 1); /* told off while the others wait */
    pthread_mutex_lock(&w.lock);
    w.is_held = false;
    pthread_cond_broadcast(&w.moved);
    pthread_mutex_unlock(&w.lock);
    for (int i = 0; i < N; i++) {
        const char *a = get(fd[i], NULL);
        ok += strstr(a, "200 OK") != NULL;
        refused += strstr(a, "503 Service") != NULL && strstr(a, "retry-after: 1") != NULL;
        close(fd[i]);
    }
    assert_int_equal(ok + refused, N);
    assert_true(ok >= 80 && refused > 0);
    close_world(&w);
}

static void test_server__who_goes_early_harms_nobody(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .workers = 1 });
    w.is_held = true;
    int fd = dial(&w);
    put(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    pthread_mutex_lock(&w.lock);
    while (w.held < 1)
        pthread_cond_wait(&w.moved, &w.lock);
    pthread_mutex_unlock(&w.lock);
    struct linger now = { 1, 0 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd); /* reset */
    for (int i = 0; i < 20; i++) {
        int half = dial(&w);
        put(half, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc");
        close(half);
    }
    pthread_mutex_lock(&w.lock);
    w.is_held = false;
    pthread_cond_broadcast(&w.moved);
    pthread_mutex_unlock(&w.lock);
    assert_true(has(ask(&w, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), "200 OK"));
    fd = dial(&w);
    put(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    get(fd, "0123456789");
    close(fd); /* amid a long answer */
    assert_true(has(ask(&w, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), "200 OK"));
    close_world(&w);
}

static void test_server__forms_are_read(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    static const char body[] = "--q\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f.png\"\r\n\r\nabcd\r\n--q--\r\n";
    char request[512];
    snprintf(request, sizeof(request), "POST /form HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=q\r\nContent-Length: %zu\r\n" HOST
             "\r\n%s", sizeof(body) - 1, body);
    const char *a = ask(&w, request);
    assert_true(has(a, "f.png 4"));
    close_world(&w);
}

/* ---- streams ---- */

static void open_stream(struct world *w)
{
    bool is_there = false;
    for (uint64_t until = facet_now_ns() + 10000000000u; !is_there && facet_now_ns() < until;) {
        pthread_mutex_lock(&w->lock);
        is_there = w->stream != NULL;
        pthread_mutex_unlock(&w->lock);
    }
    assert_true(is_there);
}

static void test_stream__is_written_by_others_and_ended(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(has(get(fd, "\r\n\r\n"), "transfer-encoding: chunked"));
    open_stream(&w);
    assert_int_equal(facet_http_stream_write(w.stream, "data: 1\n\n", 9), FACET_OK);
    assert_true(has(get(fd, "\n\n"), "9\r\ndata: 1\n\n"));
    assert_int_equal(facet_http_stream_write(w.stream, "data: 2\n\n", 9), FACET_OK);
    facet_http_stream_end(&w.stream);
    assert_true(has(get(fd, "0\r\n\r\n"), "data: 2"));
    put(fd, "GET /hello HTTP/1.1\r\n" HOST "\r\n"); /* the connection goes on */
    assert_true(has(get(fd, NULL), "200 OK"));
    close(fd);
    close_world(&w);
}

static void test_stream__a_slow_reader_is_told_and_a_gone_one_too(void **state)
{
    struct world w;
    static char block[65536];
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    get(fd, "\r\n\r\n");
    open_stream(&w);
    int err = FACET_OK;
    for (int i = 0; !err && i < 1000; i++) /* 64 MB and more than any socket holds */
        err = facet_http_stream_write(w.stream, block, sizeof(block));
    assert_int_equal(err, FACET_E_AGAIN);
    close(fd);
    for (uint64_t until = facet_now_ns() + 10000000000u; err != FACET_E_END && facet_now_ns() < until;)
        err = facet_http_stream_write(w.stream, "x", 1);
    assert_int_equal(err, FACET_E_END);
    facet_http_stream_end(&w.stream);
    close_world(&w);
}

static void test_stream__outlives_the_server_for_its_writer(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    get(fd, "\r\n\r\n");
    open_stream(&w);
    struct facet_http_stream *s = w.stream;
    close_world(&w);
    assert_int_equal(facet_http_stream_write(s, "x", 1), FACET_E_END);
    facet_http_stream_end(&s);
    close(fd);
}

static void test_stream__there_is_a_ceiling(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .max_streams = 1 });
    int fd = dial(&w);
    put(fd, "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
    get(fd, "\r\n\r\n");
    open_stream(&w);
    assert_true(has(ask(&w, "GET /stream HTTP/1.1\r\n" HOST "\r\n"), "FACET_E_LIMIT"));
    facet_http_stream_end(&w.stream);
    close(fd);
    close_world(&w);
}

/* ---- uploads ---- */

static void test_upload__comes_in_pieces(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n");
    for (int i = 0; i < 100; i++)
        put(fd, "5\r\nhello\r\n");
    put(fd, "0\r\n\r\n");
    assert_true(has(get(fd, NULL), "taken"));
    assert_int_equal(w.pieces, 500);
    assert_true(w.upload_ended && !w.upload_was_gone);
    close(fd);
    close_world(&w);
}

static void test_upload__one_that_breaks_off_is_told(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n5\r\nhello\r\n");
    close(fd);
    wait_for(&w, &w.upload_ended);
    assert_true(w.upload_was_gone);
    fd = dial(&w);
    put(fd, "PUT /upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" HOST "\r\n5\r\n!ello\r\n");
    assert_true(has(get(fd, "}"), "400 Bad Request")); /* the body goes on, the answer is there */
    close(fd);
    close_world(&w);
}

/* ---- HTTP/2 and TLS ---- */

static size_t collect(char *data, size_t one, size_t n, void *ctx)
{
    facet_str_append(ctx, data, n);
    return n;
}

static CURL *client(const struct world *w, const char *scheme, const char *path, struct facet_str *body)
{
    char url[256];
    CURL *c = curl_easy_init();
    snprintf(url, sizeof(url), "%s://127.0.0.1:%d%s", scheme, facet_http_server_port(w->server), path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, body);
    return c;
}

static long perform(CURL *c, long *version)
{
    long status = 0;
    CURLcode code = curl_easy_perform(c);
    if (code)
        print_error("curl: %s\n", curl_easy_strerror(code));
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c, CURLINFO_HTTP_VERSION, version);
    curl_easy_cleanup(c);
    return status;
}

static void test_h2__speaks_without_tls_to_who_knows(void **state)
{
    struct world w;
    struct facet_str body = FACET_STR_INIT;
    long version;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    CURL *c = client(&w, "http", "/hello?name=two", &body);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    assert_int_equal(perform(c, &version), 200);
    assert_int_equal(version, CURL_HTTP_VERSION_2);
    assert_string_equal(facet_str_text(&body), "hello two");
    facet_str_clear(&body);
    c = client(&w, "http", "/large", &body);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    assert_int_equal(perform(c, &version), 200);
    assert_int_equal(body.len, 4 << 20);
    facet_str_fini(&body);
    close_world(&w);
}

static void test_h2__takes_long_bodies_and_refuses_too_long_ones(void **state)
{
    struct world w;
    struct facet_str body = FACET_STR_INIT;
    long version;
    static char sent[3 << 20];
    memset(sent, 'x', sizeof(sent));
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    static const struct { const char *path; long size; int status; } cases[] = {
        { "/echo", sizeof(sent), 201 }, { "/small", sizeof(sent), 413 }, { "/secret", 10, 401 }, { "/nothing", 10, 404 }, { "/upload", sizeof(sent), 200 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        facet_str_clear(&body);
        CURL *c = client(&w, "http", cases[i].path, &body);
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, sent);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, cases[i].size);
        if (!strcmp(cases[i].path, "/upload"))
            curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, "PUT");
        assert_int_equal(perform(c, &version), cases[i].status);
    }
    assert_int_equal(w.pieces, sizeof(sent));
    facet_str_fini(&body);
    close_world(&w);
}

/* A key and its own certificate, made anew. */
static void make_certificate(const char *dir, const char *name, char cert[4096], char key[4096])
{
    char line[9000];
    snprintf(cert, 4096, "%s/%s.crt", dir, name);
    snprintf(key, 4096, "%s/%s.key", dir, name);
    snprintf(line, sizeof(line), "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=%s "
             "-addext subjectAltName=IP:127.0.0.1 -keyout '%s' -out '%s' 2>/dev/null", name, key, cert);
    if (system(line))
        fail_msg("openssl makes no certificate: is the package openssl installed?");
}

static void remove_folder(const char *dir)
{
    char line[4200];
    snprintf(line, sizeof(line), "rm -r '%s'", dir);
    assert_int_equal(system(line), 0);
}

static void test_tls__speaks_both_versions_and_reads_a_new_certificate(void **state)
{
    struct world w;
    struct facet_str body = FACET_STR_INIT;
    char dir[] = "/tmp/facet-http-XXXXXX", cert[4096], key[4096], other[4096], other_key[4096];
    long version;
    assert_non_null(mkdtemp(dir));
    make_certificate(dir, "one", cert, key);
    make_certificate(dir, "two", other, other_key);
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .cert = cert, .key = key });
    static const long speak[] = { CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_2TLS };
    for (int i = 0; i < 2; i++) {
        facet_str_clear(&body);
        CURL *c = client(&w, "https", "/large", &body);
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, speak[i]);
        curl_easy_setopt(c, CURLOPT_CAINFO, cert);
        assert_int_equal(perform(c, &version), 200);
        assert_int_equal(version, i ? CURL_HTTP_VERSION_2 : CURL_HTTP_VERSION_1_1);
        assert_int_equal(body.len, 4 << 20);
    }
    assert_int_equal(rename(other, cert), 0);
    assert_int_not_equal(facet_http_server_reload_tls(w.server), FACET_OK); /* the key does not fit yet: the old goes on */
    assert_int_equal(rename(other_key, key), 0);
    assert_int_equal(facet_http_server_reload_tls(w.server), FACET_OK);
    CURL *c = client(&w, "https", "/hello", &body);
    curl_easy_setopt(c, CURLOPT_CAINFO, cert);
    assert_int_equal(perform(c, &version), 200);
    assert_true(!strstr(ask(&w, "GET /hello HTTP/1.1\r\n" HOST "\r\n"), "200")); /* plain text gets nothing */
    facet_str_fini(&body);
    close_world(&w);
    remove_folder(dir);
}

static void test_tls__asks_for_clients_certificates(void **state)
{
    struct world w;
    struct facet_str body = FACET_STR_INIT;
    char dir[] = "/tmp/facet-http-XXXXXX", cert[4096], key[4096], ca[4096], ca_key[4096];
    long version;
    assert_non_null(mkdtemp(dir));
    make_certificate(dir, "server", cert, key);
    make_certificate(dir, "client", ca, ca_key);
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1", .cert = cert, .key = key, .client_ca = ca });
    CURL *c = client(&w, "https", "/hello", &body);
    curl_easy_setopt(c, CURLOPT_CAINFO, cert);
    curl_easy_setopt(c, CURLOPT_SSLCERT, ca);
    curl_easy_setopt(c, CURLOPT_SSLKEY, ca_key);
    assert_int_equal(perform(c, &version), 200);
    c = client(&w, "https", "/hello", &body);
    curl_easy_setopt(c, CURLOPT_CAINFO, cert);
    assert_int_not_equal(curl_easy_perform(c), CURLE_OK);
    curl_easy_cleanup(c);
    facet_str_fini(&body);
    close_world(&w);
    remove_folder(dir);
}

static void test_tls__a_missing_certificate_is_named(void **state)
{
    struct facet_http_server *s;
    struct facet_http_server_opts o = { .host = "127.0.0.1", .cert = "/nothing/cert.pem", .key = "/nothing/key.pem" };
    assert_int_equal(facet_http_server_open(&s, &o), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "/nothing/cert.pem"));
    assert_null(s);
    o = (struct facet_http_server_opts){ .host = "no such host" };
    assert_int_equal(facet_http_server_open(&s, &o), FACET_E_NET);
    assert_null(s);
}

static void test_server__closing_waits_for_answers_under_way(void **state)
{
    struct world w;
    open_world(&w, (struct facet_http_server_opts){ .host = "127.0.0.1" });
    int fd = dial(&w);
    put(fd, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
    get(fd, "\r\n\r\n");
    put(fd, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    struct facet_http_server *s = w.server;
    w.server = NULL;
    facet_http_server_close(&s, 200); /* nobody reads: it does not wait for ever */
    assert_null(s);
    close(fd);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server__answers_and_says_who_asked_what),
        cmocka_unit_test(test_server__refuses_with_the_right_status),
        cmocka_unit_test(test_server__keeps_a_connection_and_answers_in_order),
        cmocka_unit_test(test_server__says_continue_before_a_body),
        cmocka_unit_test(test_server__slow_heads_and_bodies_are_ended),
        cmocka_unit_test(test_server__heads_have_a_ceiling),
        cmocka_unit_test(test_server__connections_have_a_ceiling),
        cmocka_unit_test(test_server__the_queue_has_a_ceiling),
        cmocka_unit_test(test_server__who_goes_early_harms_nobody),
        cmocka_unit_test(test_server__forms_are_read),
        cmocka_unit_test(test_stream__is_written_by_others_and_ended),
        cmocka_unit_test(test_stream__a_slow_reader_is_told_and_a_gone_one_too),
        cmocka_unit_test(test_stream__outlives_the_server_for_its_writer),
        cmocka_unit_test(test_stream__there_is_a_ceiling),
        cmocka_unit_test(test_upload__comes_in_pieces),
        cmocka_unit_test(test_upload__one_that_breaks_off_is_told),
        cmocka_unit_test(test_h2__speaks_without_tls_to_who_knows),
        cmocka_unit_test(test_h2__takes_long_bodies_and_refuses_too_long_ones),
        cmocka_unit_test(test_tls__speaks_both_versions_and_reads_a_new_certificate),
        cmocka_unit_test(test_tls__asks_for_clients_certificates),
        cmocka_unit_test(test_tls__a_missing_certificate_is_named),
        cmocka_unit_test(test_server__closing_waits_for_answers_under_way),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
