/* The way to a server, shaped and counted: by the relay everywhere, by the kernel where this process may. */
#include "test.h"

#include "base/errors.h"
#include "bench/child.h"
#include "bench/shaped.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Somebody to talk to. */
static int listen_here(int *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return fd;
}

static void test_shaped__counts_what_passes(void **state)
{
    struct facet_shaped *s;
    struct facet_netsim_stats stats;
    struct facet_shaped_opts o = { .target_host = "127.0.0.1" };
    char text[6] = "";
    int listener = listen_here(&o.target_port);
    (void)state;
    assert_int_equal(facet_shaped_open(&s, &o), FACET_OK);
    assert_int_equal(facet_shaped_by(s), FACET_SHAPER_NONE);
    assert_int_equal(facet_shaped_net_fd(s), 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)facet_shaped_port(s)) };
    assert_int_equal(inet_pton(AF_INET, facet_shaped_host(s), &to.sin_addr), 1);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(write(fd, "hello", 5), 5);
    int other = accept(listener, NULL, NULL);
    assert_int_equal(recv(other, text, 5, MSG_WAITALL), 5);
    assert_string_equal(text, "hello");
    close(fd);
    close(other);
    close(listener);
    facet_shaped_end(s, &stats);
    assert_int_equal(stats.way[FACET_NETSIM_UP].bytes, 5);
    assert_int_equal(stats.way[FACET_NETSIM_DOWN].bytes, 0);
    facet_shaped_end(s, &stats);           /* once more is fine */
    facet_shaped_close(&s);
    assert_null(s);
    facet_shaped_close(&s);
}

static void test_shaped__is_by_the_relay_where_no_namespace_is_wanted(void **state)
{
    struct facet_shaped *s;
    const struct facet_shaped_opts o = { .target_host = "127.0.0.1", .target_port = 9, .no_namespace = true, .way = { { .rate_kbps = 1000 } } };
    (void)state;
    assert_int_equal(facet_shaped_open(&s, &o), FACET_OK);
    assert_int_equal(facet_shaped_by(s), FACET_SHAPER_RELAY);
    assert_string_equal(facet_shaper_words[facet_shaped_by(s)], "relay");
    assert_string_equal(facet_shaped_host(s), "127.0.0.1");
    facet_shaped_close(&s);
}

/* Inside, the device's interface has the token bucket; outside it is gone when we are. */
static void test_shaped__is_by_the_kernel_where_it_may(void **state)
{
    struct facet_shaped *s;
    const struct facet_shaped_opts o = { .target_host = "127.0.0.1", .target_port = 9, .way = { { .rate_kbps = 750 }, { .rate_kbps = 2000 } } };
    const char *const words[] = { "/bin/sh", "-c", "PATH=$PATH:/usr/sbin:/sbin; tc qdisc show dev facet0 | grep -q 'tbf.* rate 750Kbit'", NULL };
    struct facet_child c;
    (void)state;
    assert_int_equal(facet_shaped_open(&s, &o), FACET_OK);
    if (facet_shaped_by(s) != FACET_SHAPER_TBF) {
        assert_int_equal(facet_shaped_by(s), FACET_SHAPER_RELAY);
        assert_int_equal(facet_shaped_net_fd(s), 0);
        facet_shaped_close(&s);
        print_message("no network namespace with tbf here: the relay shapes\n");
        skip();
    }
    assert_int_equal(facet_child_start(&c, &(struct facet_child_opts){ .argv = words, .out = "/dev/null", .log = "/dev/null",
                                                                       .net_fd = facet_shaped_net_fd(s) }), FACET_OK);
    while (facet_child_is_running(&c))
        usleep(1000);
    assert_int_equal(c.cost.code, 0);
    facet_shaped_close(&s);
}

static void test_shaped__refuses_lines_that_cannot_be(void **state)
{
    struct facet_shaped *s;
    (void)state;
    assert_int_equal(facet_shaped_open(&s, &(struct facet_shaped_opts){ .target_host = "127.0.0.1" }), FACET_E_INVALID);
    assert_null(s);
    assert_int_equal(facet_shaped_open(&s, &(struct facet_shaped_opts){ .target_host = "127.0.0.1", .target_port = 9, .no_namespace = true,
                                                                        .way = { { .loss = 7 } } }), FACET_E_INVALID);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shaped__counts_what_passes),
        cmocka_unit_test(test_shaped__is_by_the_relay_where_no_namespace_is_wanted),
        cmocka_unit_test(test_shaped__is_by_the_kernel_where_it_may),
        cmocka_unit_test(test_shaped__refuses_lines_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
