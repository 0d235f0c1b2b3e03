/* Clients that mean harm, in HTTP/2 and in numbers: the server stays, and answers others. */
#include "test.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/rng.h"
#include "net/http/server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static int say_hello(void *ctx, struct facet_http_request *q)
{
    return facet_http_send(q, "text/plain", "hello", 5);
}

static int echo(void *ctx, struct facet_http_request *q)
{
    size_t len;
    const void *body = facet_http_body(q, &len);
    return facet_http_send(q, "text/plain", body, len);
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/", .handler = say_hello },
    { .method = FACET_HTTP_POST, .path = "/", .handler = echo, .max_body = 1 << 16 },
};

static int start(void **state)
{
    static struct facet_http_server *s;
    struct facet_http_server_opts o = { .host = "127.0.0.1", .routes = routes, .n_routes = 2, .workers = 2, .head_timeout_ms = 300,
                                        .body_timeout_ms = 300, .idle_timeout_ms = 1000 };
    if (facet_http_server_open(&s, &o))
        fail_msg("%s", facet_error_text());
    *state = s;
    return 0;
}

static int stop(void **state)
{
    struct facet_http_server *s = *state;
    facet_http_server_close(&s, 1000);
    return 0;
}

static int dial(const struct facet_http_server *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)facet_http_server_port(s)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval t = { .tv_sec = 10 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* As much as it takes; the server may have hung up. */
static bool give(int fd, const void *data, size_t len)
{
    for (const char *p = data; len;) {
        ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static void frame(unsigned char *out, size_t len, int type, int flags, unsigned stream)
{
    const unsigned char head[9] = { (unsigned char)(len >> 16), (unsigned char)(len >> 8), (unsigned char)len, (unsigned char)type, (unsigned char)flags,
                                    (unsigned char)(stream >> 24), (unsigned char)(stream >> 16), (unsigned char)(stream >> 8), (unsigned char)stream };
    memcpy(out, head, 9);
}

static bool give_frame(int fd, int type, int flags, unsigned stream, const void *data, size_t len)
{
    unsigned char head[9];
    frame(head, len, type, flags, stream);
    return give(fd, head, 9) && (!len || give(fd, data, len));
}

static int begin_h2(const struct facet_http_server *s)
{
    int fd = dial(s);
    assert_true(give(fd, preface, sizeof(preface) - 1));
    assert_true(give_frame(fd, 4, 0, 0, NULL, 0));
    return fd;
}

static void drain(int fd)
{
    char text[4096];
    while (recv(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
        ;
}

static bool is_alive(const struct facet_http_server *s)
{
    char text[1024] = "";
    int fd = dial(s);
    bool ok = give(fd, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 46);
    size_t n = 0;
    for (ssize_t r; ok && n < sizeof(text) - 1 && (r = recv(fd, text + n, sizeof(text) - 1 - n, 0)) > 0;)
        n += (size_t)r;
    close(fd);
    return strstr(text, "200 OK") && strstr(text, "hello");
}

/* It may be busy telling others off (503) for a moment; it must come back. */
static bool is_alive_soon(const struct facet_http_server *s)
{
    bool alive = false;
    for (uint64_t until = facet_now_ns() + 10000000000u; !alive && facet_now_ns() < until;)
        alive = is_alive(s);
    return alive;
}

/* :method GET, :scheme http, :path /, :authority x */
static const unsigned char asking[] = { 0x82, 0x86, 0x84, 0x41, 0x01, 'x' };

static void test_h2__requests_taken_back_at_once_do_no_harm(void **state)
{
    const struct facet_http_server *s = *state;
    static const unsigned char cancel[4] = { 0, 0, 0, 8 };
    int fd = begin_h2(s);
    for (unsigned i = 0; i < 20000; i++) {
        if (!give_frame(fd, 1, 5, 2 * i + 1, asking, sizeof(asking)) || !give_frame(fd, 3, 0, 2 * i + 1, cancel, 4))
            break; /* it may hang up */
        drain(fd);
    }
    assert_true(is_alive_soon(s));
    close(fd);
    assert_true(is_alive_soon(s));
}

static void test_h2__heads_without_end_are_ended(void **state)
{
    const struct facet_http_server *s = *state;
    int fd = begin_h2(s);
    assert_true(give_frame(fd, 1, 1, 1, asking, sizeof(asking))); /* END_STREAM, but not END_HEADERS */
    bool hung_up = false;
    for (int i = 0; i < 4000 && !hung_up; i++) {
        unsigned char one[] = { 0x00, 0x01, 'a', 0x7f, 0x80, 0x01 }; /* a: 255 bytes */
        unsigned char block[sizeof(one) + 255];
        memcpy(block, one, sizeof(one));
        memset(block + sizeof(one), 'b', 255);
        hung_up = !give_frame(fd, 9, 0, 1, block, sizeof(block));
        drain(fd);
    }
    assert_true(hung_up); /* a megabyte of headers is never held */
    assert_true(is_alive_soon(s));
    close(fd);
}

static void test_h2__garbage_hangs_up(void **state)
{
    const struct facet_http_server *s = *state;
    struct facet_rng r;
    facet_rng_seed(&r, 7);
    for (int i = 0; i < 200; i++) {
        unsigned char noise[512];
        int fd = i % 2 ? begin_h2(s) : dial(s);
        for (size_t k = 0; k < sizeof(noise); k++)
            noise[k] = (unsigned char)facet_rng_next(&r);
        (void)give(fd, noise, 1 + facet_rng_below(&r, sizeof(noise) - 1));
        if (i % 3)
            shutdown(fd, SHUT_WR);
        close(fd);
    }
    assert_true(is_alive_soon(s));
}

static void test_h2__settings_and_pings_in_floods_do_no_harm(void **state)
{
    const struct facet_http_server *s = *state;
    static const unsigned char ping[8] = { 1 };
    int fd = begin_h2(s);
    for (int i = 0; i < 20000; i++) /* answers are not read */
        if (!give_frame(fd, i % 2 ? 6 : 4, 0, 0, ping, i % 2 ? 8 : 0))
            break;
    assert_true(is_alive_soon(s));
    close(fd);
}

static void test_h2__a_body_that_does_not_come_is_ended(void **state)
{
    const struct facet_http_server *s = *state;
    static const unsigned char posting[] = { 0x83, 0x86, 0x84, 0x41, 0x01, 'x' };
    char text[4096];
    size_t n = 0;
    int fd = begin_h2(s);
    assert_true(give_frame(fd, 1, 4, 1, posting, sizeof(posting)));
    for (ssize_t r; n < sizeof(text) && (r = recv(fd, text + n, sizeof(text) - n, 0)) > 0;)
        n += (size_t)r; /* until it hangs up */
    assert_non_null(memmem(text, n, "FACET_E_TIMEOUT", 15));
    close(fd);
    assert_true(is_alive_soon(s));
}

/* A window of nothing: the answer can never be sent. */
static void test_h2__an_answer_that_is_not_taken_is_ended(void **state)
{
    const struct facet_http_server *s = *state;
    static const unsigned char window[6] = { 0, 4, 0, 0, 0, 0 };
    unsigned char text[4096];
    size_t n = 0;
    int fd = dial(s);
    assert_true(give(fd, preface, sizeof(preface) - 1));
    assert_true(give_frame(fd, 4, 0, 0, window, sizeof(window)));
    assert_true(give_frame(fd, 1, 5, 1, asking, sizeof(asking)));
    for (ssize_t r; n < sizeof(text) && (r = recv(fd, text + n, sizeof(text) - n, 0)) > 0;)
        n += (size_t)r; /* until it hangs up */
    assert_null(memmem(text, n, "hello", 5));
    close(fd);
    assert_true(is_alive_soon(s));
}

static void test_http__half_a_thousand_half_requests_do_not_keep_others_out(void **state)
{
    enum { N = 500 };
    const struct facet_http_server *s = *state;
    int fd[N];
    for (int i = 0; i < N; i++) {
        fd[i] = dial(s);
        (void)give(fd[i], "POST / HTTP/1.1\r\nHost: x\r\nContent-Le", 36);
    }
    assert_true(is_alive_soon(s));
    for (int i = 0; i < N; i++)
        close(fd[i]);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_h2__requests_taken_back_at_once_do_no_harm),
        CASE(test_h2__heads_without_end_are_ended),
        CASE(test_h2__garbage_hangs_up),
        CASE(test_h2__settings_and_pings_in_floods_do_no_harm),
        CASE(test_h2__a_body_that_does_not_come_is_ended),
        CASE(test_h2__an_answer_that_is_not_taken_is_ended),
        CASE(test_http__half_a_thousand_half_requests_do_not_keep_others_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
