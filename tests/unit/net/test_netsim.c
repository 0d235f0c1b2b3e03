/* The relay between real sockets of this machine. What a line does to time is asked of the line itself. */
#include "base/errors.h"
#include "base/thread.h"
#include "net/netsim.h"
#include "net/netsim_priv.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEADLINE_S 20

/* A target, the relay before it, and a wire to its control. */
struct net {
    struct facet_netsim *sim;
    struct facet_thread thread;
    int listener, control, port;   /* listener: the target's, TCP or UDP */
};

static int limited(int fd)
{
    const struct timeval t = { .tv_sec = DEADLINE_S };
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
    return fd;
}

static int bound(int kind, int *port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, kind | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    if (kind == SOCK_STREAM)
        assert_int_equal(listen(fd, 16), 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    *port = ntohs(at.sin_port);
    return limited(fd);
}

static int try_connect(int kind, int port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
    int fd = limited(socket(AF_INET, kind | SOCK_CLOEXEC, 0));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connected(int kind, int port)
{
    int fd = try_connect(kind, port);
    assert_true(fd >= 0);
    return fd;
}

static void run_sim(void *ctx)
{
    facet_netsim_run(ctx);
}

static void start(struct net *n, struct facet_netsim_opts o)
{
    *n = (struct net){ 0 };
    n->listener = bound(o.udp ? SOCK_DGRAM : SOCK_STREAM, &o.target_port);
    o.target_host = "127.0.0.1";
    o.control_port = -1;
    assert_int_equal(facet_netsim_open(&n->sim, &o), FACET_OK);
    n->port = facet_netsim_port(n->sim);
    assert_int_equal(facet_thread_start(&n->thread, "netsim", run_sim, n->sim), FACET_OK);
    n->control = connected(SOCK_STREAM, facet_netsim_control_port(n->sim));
}

static void stop(struct net *n)
{
    facet_netsim_stop(n->sim);
    facet_thread_join(&n->thread);
    facet_netsim_close(&n->sim);
    close(n->control);
    if (n->listener >= 0)
        close(n->listener);
}

/* The answer, until it has been done. */
static const char *tell(struct net *n, const char *line)
{
    static char answer[2048];
    size_t len = 0;
    char text[256];
    snprintf(text, sizeof(text), "%s\n", line);
    assert_int_equal(send(n->control, text, strlen(text), 0), (ssize_t)strlen(text));
    while (len + 1 < sizeof(answer) && recv(n->control, answer + len, 1, 0) == 1 && answer[len] != '\n')
        len++;
    answer[len] = '\0';
    return answer;
}

static void says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("'%s' does not say '%s'", text, part);
}

static uint8_t nth(size_t i)
{
    return (uint8_t)(i * 31 + (i >> 8));
}

static void send_bytes(int fd, size_t from, size_t n)
{
    uint8_t data[4096];
    for (size_t at = 0; at < n;) {
        size_t k = n - at < sizeof(data) ? n - at : sizeof(data);
        for (size_t i = 0; i < k; i++)
            data[i] = nth(from + at + i);
        ssize_t sent = send(fd, data, k, MSG_NOSIGNAL);
        assert_true(sent > 0);
        at += (size_t)sent;
    }
}

static void expect_bytes(int fd, size_t from, size_t n)
{
    uint8_t data[4096];
    for (size_t at = 0; at < n;) {
        ssize_t got = recv(fd, data, n - at < sizeof(data) ? n - at : sizeof(data), 0);
        assert_true(got > 0);
        for (ssize_t i = 0; i < got; i++)
            assert_int_equal(data[i], nth(from + at + (size_t)i));
        at += (size_t)got;
    }
}

/* ---- TCP ---- */

static void test_netsim__bytes_keep_their_order_through_jitter_and_loss(void **state)
{
    struct net n;
    struct facet_netsim_opts o = { .seed = 7, .way = { { .delay_ms = 1, .jitter_ms = 8, .loss = 0.002 }, { .jitter_ms = 3 } } };
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    for (size_t at = 0; at < 300000; at += 60000) {
        send_bytes(client, at, 60000);
        expect_bytes(server, at, 60000);
        send_bytes(server, at, 20000);
        expect_bytes(client, at, 20000);
    }
    says(tell(&n, "stats"), "\"up\":{\"bytes\":300000");
    says(tell(&n, "stats"), "\"down\":{\"bytes\":100000");
    close(client);
    close(server);
    stop(&n);
}

static void test_netsim__the_end_comes_after_the_last_byte(void **state)
{
    struct net n;
    struct facet_netsim_opts o = { .way = { { .delay_ms = 20 } } };
    char one;
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    send_bytes(client, 0, 5000);
    shutdown(client, SHUT_WR);
    expect_bytes(server, 0, 5000);
    assert_int_equal(recv(server, &one, 1, 0), 0);
    send_bytes(server, 0, 100);    /* the other way is still open */
    close(server);
    expect_bytes(client, 0, 100);
    assert_int_equal(recv(client, &one, 1, 0), 0);
    close(client);
    stop(&n);
}

static void test_netsim__a_cut_holds_bytes_until_it_is_mended(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    send_bytes(client, 0, 10);
    expect_bytes(server, 0, 10);
    assert_string_equal(tell(&n, "cut"), "ok");
    send_bytes(client, 10, 10);
    says(tell(&n, "stats"), "\"up\":{\"bytes\":10,");
    says(tell(&n, "stats"), "\"cut\":true");
    assert_string_equal(tell(&n, "mend"), "ok");
    expect_bytes(server, 10, 10);
    assert_string_equal(tell(&n, "cut 0.05"), "ok");
    send_bytes(client, 20, 10);
    expect_bytes(server, 20, 10);  /* mended by itself */
    close(client);
    close(server);
    stop(&n);
}

static void test_netsim__reset_breaks_both_sides(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    char one;
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    send_bytes(client, 0, 1);
    expect_bytes(server, 0, 1);
    assert_string_equal(tell(&n, "reset"), "ok");
    assert_int_equal(recv(client, &one, 1, 0), -1);
    assert_int_equal(errno, ECONNRESET);
    assert_int_equal(recv(server, &one, 1, 0), -1);
    says(tell(&n, "stats"), "\"open\":0");
    close(client);
    close(server);
    stop(&n);
}

static void test_netsim__refuse_closes_the_door_until_mend(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    start(&n, o);
    assert_string_equal(tell(&n, "refuse"), "ok");
    assert_int_equal(try_connect(SOCK_STREAM, n.port), -1);
    assert_int_equal(errno, ECONNREFUSED);
    assert_string_equal(tell(&n, "mend"), "ok");
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    send_bytes(client, 0, 3);
    expect_bytes(server, 0, 3);
    close(client);
    close(server);
    stop(&n);
}

static void test_netsim__an_absent_target_resets_the_client(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    char one;
    start(&n, o);
    close(n.listener);
    n.listener = -1;
    int client = connected(SOCK_STREAM, n.port);
    assert_int_equal(recv(client, &one, 1, 0), -1);
    says(tell(&n, "stats"), "\"refused\":1");
    close(client);
    stop(&n);
}

/* Nobody reads: what is held stays below the buffer, and nothing is lost once somebody does. */
static void test_netsim__a_slow_reader_holds_the_sender(void **state)
{
    struct net n;
    struct facet_netsim_opts o = { .buffer = 4096 };
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    uint8_t data[1024];
    size_t sent = 0;
    for (int dry = 0; dry < 50; dry++) {       /* until nobody takes any more */
        for (size_t i = 0; i < sizeof(data); i++)
            data[i] = nth(sent + i);
        ssize_t k = send(client, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (k > 0) {
            sent += (size_t)k;
            dry = -1;
        } else {
            tell(&n, "stats");
        }
    }
    expect_bytes(server, 0, sent);
    close(client);
    close(server);
    stop(&n);
}

/* ---- UDP ---- */

/* Sends `count` numbered datagrams, then reads until none is missing or `last` has come; marks what came. */
static int exchange(struct net *n, int count, int *order)
{
    int client = connected(SOCK_DGRAM, n->port), got = 0;
    for (int32_t i = 0; i < count; i++) {
        assert_int_equal(send(client, &i, sizeof(i), 0), sizeof(i));
        if (i % 16 == 15)
            tell(n, "stats");      /* the relay's own buffer is not what is tested */
    }
    char want[64];
    for (;;) {                     /* all sent are delivered or lost */
        long long bytes = 0, lost = 0;
        const char *s = tell(n, "stats"), *at = strstr(s, "\"lost\":");
        assert_int_equal(sscanf(s, "{\"up\":{\"bytes\":%lld", &bytes), 1);
        assert_int_equal(sscanf(at, "\"lost\":%lld", &lost), 1);
        snprintf(want, sizeof(want), "%lld", bytes);
        if (bytes / 4 + lost >= count)
            break;
    }
    int32_t i;
    while (recv(n->listener, &i, sizeof(i), MSG_DONTWAIT) == sizeof(i))
        order[got++] = i;
    close(client);
    return got;
}

static void test_netsim__datagrams_come_in_order_when_nothing_is_asked(void **state)
{
    struct net n;
    int order[256];
    struct facet_netsim_opts o = { .udp = true, .way = { { .delay_ms = 2, .jitter_ms = 5 } } };
    start(&n, o);
    assert_int_equal(exchange(&n, 100, order), 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
    stop(&n);
}

static void test_netsim__loss_is_real_counted_and_of_the_seed(void **state)
{
    struct net n;
    int order[256], first[256], got = 0;
    for (int round = 0; round < 2; round++) {
        struct facet_netsim_opts o = { .udp = true, .seed = 5, .way = { { .loss = 0.3 } } };
        start(&n, o);
        int now = exchange(&n, 200, order);
        assert_true(now > 100 && now < 180);
        if (round) {
            assert_int_equal(now, got);
            assert_memory_equal(order, first, (size_t)got * sizeof(int));
        }
        got = now;
        memcpy(first, order, sizeof(first));
        stop(&n);
    }
}

static void test_netsim__reordering_loses_nothing_and_doubles_nothing(void **state)
{
    struct net n;
    int order[256], before = -1, overtaken = 0;
    bool seen[200] = { false };
    struct facet_netsim_opts o = { .udp = true, .seed = 3, .way = { { .reorder = 0.2 } } };
    start(&n, o);
    assert_int_equal(exchange(&n, 200, order), 200);
    for (int i = 0; i < 200; i++) {
        assert_false(seen[order[i]]);
        seen[order[i]] = true;
        overtaken += order[i] < before;
        before = order[i];
    }
    assert_true(overtaken > 0);
    stop(&n);
}

static void test_netsim__datagrams_find_their_way_back(void **state)
{
    struct net n;
    struct facet_netsim_opts o = { .udp = true };
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    char c = 0;
    start(&n, o);
    int one = connected(SOCK_DGRAM, n.port), two = connected(SOCK_DGRAM, n.port);
    for (int i = 0; i < 2; i++) {
        int fd = i ? two : one;
        assert_int_equal(send(fd, i ? "b" : "a", 1, 0), 1);
        assert_int_equal(recvfrom(n.listener, &c, 1, 0, (struct sockaddr *)&from, &len), 1);
        c = (char)(c - 32);
        assert_int_equal(sendto(n.listener, &c, 1, 0, (struct sockaddr *)&from, len), 1);
    }
    assert_int_equal(recv(one, &c, 1, 0), 1);
    assert_int_equal(c, 'A');
    assert_int_equal(recv(two, &c, 1, 0), 1);
    assert_int_equal(c, 'B');
    close(one);
    close(two);
    stop(&n);
}

static void test_netsim__a_cut_loses_datagrams(void **state)
{
    struct net n;
    int order[64];
    struct facet_netsim_opts o = { .udp = true };
    start(&n, o);
    tell(&n, "cut");
    assert_int_equal(exchange(&n, 20, order), 0);
    tell(&n, "mend");
    says(tell(&n, "stats"), "\"lost\":20");
    stop(&n);
}

/* ---- the line ---- */

#define MS 1000000ull

static void test_line__rate_and_delay_add_up(void **state)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 1);
    struct netsim_line l = { .shape = { .delay_ms = 10, .rate_kbps = 8 } };       /* a byte each ms */
    assert_int_equal(facet__netsim_arrival(&l, &rng, false, 0, 100), 110u * MS);
    assert_int_equal(facet__netsim_arrival(&l, &rng, false, 0, 50), 160u * MS);  /* behind the first */
    assert_int_equal(facet__netsim_arrival(&l, &rng, false, 1000u * MS, 50), 1060u * MS);
}

static void test_line__a_lost_segment_is_a_stall_of_tcp(void **state)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 1);
    struct netsim_line l = { .shape = { .loss = 1 } };
    uint64_t at = facet__netsim_arrival(&l, &rng, false, 0, 100);
    assert_int_equal(at, (200u + 400 + 800 + 1600 + 3200 + 6400) * MS);         /* six tries, then it is let through */
    assert_int_equal(l.flow.lost, 6);
    assert_int_equal(facet__netsim_arrival(&l, &rng, true, 0, 100), 0);
}

static void test_line__profiles_are_in_order_of_their_delay(void **state)
{
    const struct facet_netsim_profile *p = facet_netsim_profiles;
    int n = 0;
    for (; p->name; p++, n++) {
        assert_int_equal(facet_netsim_shape_check(&p->way[0]), FACET_OK);
        assert_int_equal(facet_netsim_shape_check(&p->way[1]), FACET_OK);
        if (n)
            assert_true(p->way[0].delay_ms > p[-1].way[0].delay_ms);
    }
    assert_int_equal(n, 5);
}

/* ---- words ---- */

static void test_words__change_one_way_or_both(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    start(&n, o);
    assert_string_equal(tell(&n, "profile 3g"), "ok");
    assert_string_equal(tell(&n, "up delay 5"), "ok");
    says(tell(&n, "stats"), "\"delay_ms\":5,");
    says(tell(&n, "stats"), "\"delay_ms\":75,");
    assert_string_equal(tell(&n, "  down   clear "), "ok");
    says(tell(&n, "stats"), "\"rate_kbps\":0}");
    stop(&n);
}

static void test_words__unknown_ones_are_refused(void **state)
{
    struct net n;
    struct facet_netsim_opts o = FACET_NETSIM_OPTS_INIT;
    start(&n, o);
    says(tell(&n, "dealy 5"), "error: there is no command 'dealy'; there are profile");
    says(tell(&n, "delay"), "error: 'delay' needs NUMBER");
    says(tell(&n, "delay far"), "error: ");
    says(tell(&n, "loss 2"), "error: cannot use loss 2: give 0 to 1");
    says(tell(&n, "delay -1"), "error: cannot use delay -1");
    says(tell(&n, "profile 6g"), "there are lan, wifi, 5g, 4g and 3g");
    says(tell(&n, "mend now"), "error: 'mend' takes nothing behind it");
    says(tell(&n, "cut never"), "error: cannot cut for 'never' seconds");
    says(tell(&n, "up"), "error: there is no command 'up'");
    says(tell(&n, "stats"), "\"delay_ms\":0,");
    stop(&n);
}

static void test_schedule__is_followed(void **state)
{
    struct net n;
    struct facet_netsim_opts o = { .schedule = "0 profile 4g; 0 cut; 0.02 clear; 0.02 mend; 0.03 repeat" };
    start(&n, o);
    int client = connected(SOCK_STREAM, n.port), server = limited(accept(n.listener, NULL, NULL));
    send_bytes(client, 0, 1000);
    expect_bytes(server, 0, 1000); /* mended */
    while (!strstr(tell(&n, "stats"), "\"cut\":true"))
        continue;                  /* and cut again */
    close(client);
    close(server);
    stop(&n);
}

static void refuses(struct facet_netsim_opts o, const char *why)
{
    struct facet_netsim *s = NULL;
    if (!o.target_host)
        o.target_host = "127.0.0.1";
    if (!o.target_port)
        o.target_port = 9;
    assert_int_not_equal(facet_netsim_open(&s, &o), FACET_OK);
    assert_null(s);
    says(facet_error_text(), why);
}

static void test_netsim__refuses_what_it_cannot_do(void **state)
{
    refuses((struct facet_netsim_opts){ .target_port = 70000 }, "1 to 65535");
    refuses((struct facet_netsim_opts){ .target_host = "no.such.host.invalid" }, "cannot find host 'no.such.host.invalid'");
    refuses((struct facet_netsim_opts){ .way = { { .loss = -1 } } }, "loss");
    refuses((struct facet_netsim_opts){ .schedule = "cut" }, "write seconds, then a command");
    refuses((struct facet_netsim_opts){ .schedule = "5" }, "write seconds");
    refuses((struct facet_netsim_opts){ .schedule = "5 cut; 4 mend" }, "goes back");
    refuses((struct facet_netsim_opts){ .schedule = "0 repeat" }, "no length");
    refuses((struct facet_netsim_opts){ .schedule = "1 profile 6g" }, "in the schedule: there is no profile '6g'");
    int port, fd = bound(SOCK_STREAM, &port);
    refuses((struct facet_netsim_opts){ .port = port }, "cannot listen on port");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netsim__bytes_keep_their_order_through_jitter_and_loss),
        cmocka_unit_test(test_netsim__the_end_comes_after_the_last_byte),
        cmocka_unit_test(test_netsim__a_cut_holds_bytes_until_it_is_mended),
        cmocka_unit_test(test_netsim__reset_breaks_both_sides),
        cmocka_unit_test(test_netsim__refuse_closes_the_door_until_mend),
        cmocka_unit_test(test_netsim__an_absent_target_resets_the_client),
        cmocka_unit_test(test_netsim__a_slow_reader_holds_the_sender),
        cmocka_unit_test(test_netsim__datagrams_come_in_order_when_nothing_is_asked),
        cmocka_unit_test(test_netsim__loss_is_real_counted_and_of_the_seed),
        cmocka_unit_test(test_netsim__reordering_loses_nothing_and_doubles_nothing),
        cmocka_unit_test(test_netsim__datagrams_find_their_way_back),
        cmocka_unit_test(test_netsim__a_cut_loses_datagrams),
        cmocka_unit_test(test_line__rate_and_delay_add_up),
        cmocka_unit_test(test_line__a_lost_segment_is_a_stall_of_tcp),
        cmocka_unit_test(test_line__profiles_are_in_order_of_their_delay),
        cmocka_unit_test(test_words__change_one_way_or_both),
        cmocka_unit_test(test_words__unknown_ones_are_refused),
        cmocka_unit_test(test_schedule__is_followed),
        cmocka_unit_test(test_netsim__refuses_what_it_cannot_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
