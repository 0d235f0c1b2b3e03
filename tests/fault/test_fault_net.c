#include "test.h"

#include "fault.h"

#include "base/errors.h"
#include "net/http/head.h"
#include "net/http/multipart.h"
#include "net/http/server.h"
#include "net/http/target.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int parse_head(void *ctx)
{
    struct facet_http_head h = { .n = 0 };
    int status;
    int err = facet_http_head_parse(&h, ctx, strlen(ctx), &status);
    facet_http_head_fini(&h);
    return err;
}

static int parse_target(void *ctx)
{
    struct facet_http_target t;
    int err = facet_http_target_parse(&t, ctx);
    facet_http_target_fini(&t);
    return err;
}

static int parse_form(void *ctx)
{
    struct facet_http_multipart m;
    int err = facet_http_multipart_parse(&m, "multipart/form-data; boundary=b", ctx, strlen(ctx));
    facet_http_multipart_fini(&m);
    return err;
}

static void test_http__each_request_of_a_parser_may_fail(void **state)
{
    assert_int_equal(fault_loop(parse_head, "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n"), 0);
    assert_int_equal(fault_loop(parse_target, "/v1/people/a%20b?x=1"), 0);
    assert_int_equal(fault_loop(parse_form, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--\r\n"), 0);
}

/* ---- a server that runs out of memory ---- */

static int echo(void *ctx, struct facet_http_request *q)
{
    size_t len;
    const void *body = facet_http_body(q, &len);
    struct facet_str t = FACET_STR_INIT;
    (void)facet_http_set_header(q, "x-a", "b");
    facet_str_append(&t, body, len);
    return facet_http_send_str(q, "text/plain", &t);
}

static int begin_and_end(void *ctx, struct facet_http_request *q)
{
    struct facet_http_stream *s;
    int err = facet_http_stream_begin(q, "text/event-stream", &s);
    if (err)
        return err;
    (void)facet_http_stream_write(s, "data: x\n\n", 9);
    facet_http_stream_end(&s);
    return FACET_OK;
}

static int take(void *ctx, struct facet_http_request *q, const void *data, size_t len)
{
    return FACET_OK;
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_POST, .path = "/echo", .handler = echo, .max_body = 4096 },
    { .method = FACET_HTTP_GET, .path = "/stream", .handler = begin_and_end },
    { .method = FACET_HTTP_PUT, .path = "/upload/{name}", .handler = echo, .piece = take },
};

/* Whatever the answer is, it comes, or the connection ends. */
static void ask(const struct facet_http_server *s, const char *request)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)facet_http_server_port(s)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval t = { .tv_sec = 10 };
    char text[1024];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ssize_t n = -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    if (!connect(fd, (struct sockaddr *)&a, sizeof(a)) && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
        while ((n = recv(fd, text, sizeof(text), 0)) > 0)
            ;
    close(fd);
}

static int serve(void *ctx)
{
    struct facet_http_server *s;
    struct facet_http_server_opts o = { .host = "127.0.0.1", .routes = routes, .n_routes = 3, .workers = 1 };
    int err = facet_http_server_open(&s, &o);
    if (err)
        return err;
    ask(s, ctx);
    facet_http_server_close(&s, 1000);
    return FACET_OK;
}

static void test_server__each_request_may_fail(void **state)
{
    (void)fault_loop_any_code(serve, "POST /echo?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc");
    (void)fault_loop_any_code(serve, "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    (void)fault_loop_any_code(serve, "PUT /upload/n HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    (void)fault_loop_any_code(serve, "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http__each_request_of_a_parser_may_fail),
        cmocka_unit_test(test_server__each_request_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
