/* Signed events to a receiver of this program, which answers as it is told. */
#include "test.h"

#include "base/errors.h"
#include "base/lock.h"
#include "base/clock.h"
#include "base/thread.h"
#include "deploy/webhook.h"
#include "lib/scratch.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 16
#define DEADLINE_NS 20000000000ull

struct request { char head[2048], body[4096]; };

struct receiver {
    int listener, port, n_answers, n;
    const char *answers[MOST];     /* lines of status; after the last: 204 */
    struct request seen[MOST];
    struct facet_lock lock;
    struct facet_cond more;
    struct facet_thread thread;
};

static size_t read_head(int fd, struct request *q)
{
    size_t len = 0;
    while (len + 1 < sizeof(q->head) && recv(fd, q->head + len, 1, 0) == 1) {
        q->head[++len] = '\0';
        if (len > 4 && !strcmp(q->head + len - 4, "\r\n\r\n"))
            break;
    }
    const char *at = strcasestr(q->head, "content-length:");
    return at ? strtoul(at + 15, NULL, 10) : 0;
}

static void serve_one(struct receiver *r, int fd)
{
    struct request q = { 0 };
    char text[256];
    size_t want = read_head(fd, &q), len = 0;
    ssize_t n;
    while (len < want && len < sizeof(q.body) - 1 && (n = recv(fd, q.body + len, want - len, 0)) > 0)
        len += (size_t)n;
    facet_lock_take(&r->lock);
    const char *answer = r->n < r->n_answers ? r->answers[r->n] : "204 No Content";
    if (r->n < MOST && q.head[0])
        r->seen[r->n++] = q;
    facet_cond_wake(&r->more);
    facet_lock_give(&r->lock);
    int k = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", answer);
    send(fd, text, (size_t)k, MSG_NOSIGNAL);
}

static void serve(void *ctx)
{
    struct receiver *r = ctx;
    int fd;
    while ((fd = accept(r->listener, NULL, NULL)) >= 0) {
        serve_one(r, fd);
        close(fd);
    }
}

/* port 0: any free one. */
static void receiver_start(struct receiver *r, int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
    socklen_t len = sizeof(at);
    const int one = 1;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    assert_int_equal(bind(r->listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(r->listener, 8), 0);
    getsockname(r->listener, (struct sockaddr *)&at, &len);
    r->port = ntohs(at.sin_port);
    assert_int_equal(facet_lock_init(&r->lock), FACET_OK);
    assert_int_equal(facet_cond_init(&r->more), FACET_OK);
    assert_int_equal(facet_thread_start(&r->thread, "receiver", serve, r), FACET_OK);
}

static void receiver_stop(struct receiver *r)
{
    shutdown(r->listener, SHUT_RDWR);
    facet_thread_join(&r->thread);
    close(r->listener);
    facet_cond_fini(&r->more);
    facet_lock_fini(&r->lock);
}

static void await_requests(struct receiver *r, int n)
{
    const uint64_t until = facet_now_ns() + DEADLINE_NS;
    facet_lock_take(&r->lock);
    while (r->n < n && facet_cond_wait_until(&r->more, &r->lock, until))
        continue;
    const int got = r->n;
    facet_lock_give(&r->lock);
    assert_true(got >= n);
}

struct bench { struct scratch dir; struct receiver r; struct facet_webhook *w; char url[128], path[512]; };

static struct facet_webhook_opts options(struct bench *b)
{
    snprintf(b->url, sizeof(b->url), "http://127.0.0.1:%d/hook?token=hidden", b->r.port);
    return (struct facet_webhook_opts){ .url = b->url, .secret = "secret", .path = b->path, .backoff_ms = 5, .backoff_max_ms = 20 };
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    *state = b;
    scratch_open(&b->dir);
    snprintf(b->path, sizeof(b->path), "%s", scratch_path(&b->dir, "webhook.db"));
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    facet_webhook_close(&b->w);
    scratch_close(&b->dir);
    free(b);
    return 0;
}

static void start(struct bench *b)
{
    const struct facet_webhook_opts o = options(b);
    if (facet_webhook_open(&b->w, &o))
        fail_msg("%s", facet_error_text());
}

static void put_until(struct bench *b, const char *id, int64_t expires_ms)
{
    struct facet_event e = { .type = FACET_EVENT_IDENTITY, .run = "night", .camera = "front", .captured_ms = 1769860801204,
                             .published_ms = facet_clock_system.wall_ms(NULL), .expires_ms = expires_ms,
                             .identity = { .decision = FACET_KNOWN, .person = 3, .name = "ada" } };
    snprintf(e.id, sizeof(e.id), "%s", id);
    if (facet_webhook_put(b->w, &e))
        fail_msg("%s", facet_error_text());
}

static void put(struct bench *b, const char *id)
{
    put_until(b, id, 0);
}

static void await_stats(struct bench *b, bool (*is_so)(const struct facet_webhook_stats *s))
{
    const uint64_t until = facet_now_ns() + DEADLINE_NS;
    struct facet_webhook_stats s;
    do {
        facet_webhook_stats(b->w, &s);
    } while (!is_so(&s) && facet_now_ns() < until);
    assert_true(is_so(&s));
}

static bool nothing_waits(const struct facet_webhook_stats *s)
{
    return s->waiting == 0;
}

static bool something_failed(const struct facet_webhook_stats *s)
{
    return s->last_error[0] != '\0';
}

static void header_of(const struct request *q, const char *name, char *out, size_t cap)
{
    const char *at = strcasestr(q->head, name);
    assert_non_null(at);
    at += strlen(name) + 2;
    snprintf(out, cap, "%.*s", (int)strcspn(at, "\r"), at);
}

static void test_webhook__signs_as_receivers_compute_it(void **state)
{
    char s[FACET_WEBHOOK_SIGNATURE];
    facet_webhook_sign(s, "secret", 1700000000, "{\"id\":\"1\"}", 10);     /* by Python's hmac */
    assert_string_equal(s, "sha256=086f6aff7bd084c98679825129c5a64dbad88c760016d6d2c0fb123f27951d54");
}

static void test_webhook__events_arrive_in_order_and_signed(void **state)
{
    struct bench *b = *state;
    char want[FACET_WEBHOOK_SIGNATURE], got[128], stamp[64], id[64];
    receiver_start(&b->r, 0);
    start(b);
    put(b, "e-1");
    put(b, "e-2");
    put(b, "e-2");                 /* again: once is enough */
    put(b, "e-3");
    await_requests(&b->r, 3);
    await_stats(b, nothing_waits);
    receiver_stop(&b->r);
    assert_int_equal(b->r.n, 3);
    for (int i = 0; i < 3; i++) {
        const struct request *q = &b->r.seen[i];
        assert_int_equal(strncmp(q->head, "POST /hook?token=hidden HTTP/1.1", 32), 0);
        header_of(q, "X-Facet-Event", id, sizeof(id));
        assert_int_equal(id[2], '1' + i);
        assert_non_null(strstr(q->body, id));
        assert_non_null(strstr(q->body, "\"name\":\"ada\""));
        header_of(q, "X-Facet-Timestamp", stamp, sizeof(stamp));
        header_of(q, "X-Facet-Signature", got, sizeof(got));
        facet_webhook_sign(want, "secret", strtoll(stamp, NULL, 10), q->body, strlen(q->body));
        assert_string_equal(got, want);
    }
}

static void test_webhook__a_busy_receiver_is_asked_again(void **state)
{
    struct bench *b = *state;
    b->r.answers[0] = "503 Busy";
    b->r.answers[1] = "429 Slower";
    b->r.answers[2] = "302 Elsewhere\r\nLocation: http://127.0.0.1:1/";
    b->r.n_answers = 3;
    receiver_start(&b->r, 0);
    start(b);
    put(b, "e-1");
    await_requests(&b->r, 4);
    await_stats(b, nothing_waits);
    receiver_stop(&b->r);
    assert_int_equal(b->r.n, 4);
    struct facet_webhook_stats s;
    facet_webhook_stats(b->w, &s);
    assert_int_equal(s.delivered, 1);
    assert_int_equal(s.tries, 4);
    assert_string_equal(s.last_error, "");
}

static void test_webhook__a_refused_event_does_not_stop_the_next(void **state)
{
    struct bench *b = *state;
    b->r.answers[0] = "400 Bad";
    b->r.n_answers = 1;
    receiver_start(&b->r, 0);
    start(b);
    put(b, "e-1");
    put(b, "e-2");
    await_requests(&b->r, 2);
    await_stats(b, nothing_waits);
    receiver_stop(&b->r);
    struct facet_webhook_stats s;
    facet_webhook_stats(b->w, &s);
    assert_int_equal(s.refused, 1);
    assert_int_equal(s.delivered, 1);
}

static void test_webhook__what_waits_survives_a_restart(void **state)
{
    struct bench *b = *state;
    struct facet_webhook_stats s;
    receiver_start(&b->r, 0);
    const int port = b->r.port;
    receiver_stop(&b->r);          /* nobody is there now */
    start(b);
    put(b, "e-1");
    put(b, "e-2");
    await_stats(b, something_failed);
    facet_webhook_stats(b->w, &s);
    assert_int_equal(s.waiting, 2);
    assert_int_equal(s.delivered, 0);
    assert_non_null(strstr(s.last_error, "127.0.0.1"));
    assert_null(strstr(s.last_error, "hidden"));
    facet_webhook_close(&b->w);
    b->r = (struct receiver){ 0 };
    receiver_start(&b->r, port);
    start(b);
    await_requests(&b->r, 2);
    await_stats(b, nothing_waits);
    receiver_stop(&b->r);
    assert_int_equal(b->r.n, 2);
}

static void test_webhook__what_is_over_its_time_is_not_told(void **state)
{
    struct bench *b = *state;
    struct facet_webhook_stats s;
    receiver_start(&b->r, 0);
    start(b);
    put_until(b, "e-1", facet_clock_system.wall_ms(NULL) - 1000);
    put_until(b, "e-2", facet_clock_system.wall_ms(NULL) + 600000);
    await_requests(&b->r, 1);
    await_stats(b, nothing_waits);
    receiver_stop(&b->r);
    facet_webhook_stats(b->w, &s);
    assert_int_equal(s.expired, 1);
    assert_int_equal(s.delivered, 1);
    assert_non_null(strstr(b->r.seen[0].body, "e-2"));
}

static void test_webhook__erasing_a_person_removes_what_waits(void **state)
{
    struct bench *b = *state;
    int64_t removed = 0;
    b->r.port = 1;                 /* nobody listens there */
    start(b);
    put(b, "e-1");
    put(b, "e-2");
    assert_int_equal(facet_webhook_erase(b->w, "ada", &removed), FACET_OK);
    assert_int_equal(removed, 2);
    await_stats(b, nothing_waits);
}

static void test_webhook__refuses_half_an_address(void **state)
{
    struct bench *b = *state;
    struct facet_webhook_opts o = options(b);
    o.secret = "";
    assert_int_equal(facet_webhook_open(&b->w, &o), FACET_E_INVALID);
    assert_null(b->w);
    assert_non_null(strstr(facet_error_text(), "a secret to sign them with"));
    o = options(b);
    o.url = NULL;
    assert_int_equal(facet_webhook_open(&b->w, &o), FACET_E_INVALID);
    o = options(b);
    scratch_write(&b->dir, "file", "");
    o.path = scratch_path(&b->dir, "file/webhook.db");
    assert_int_not_equal(facet_webhook_open(&b->w, &o), FACET_OK);
    assert_null(b->w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook__signs_as_receivers_compute_it),
        TEST(test_webhook__events_arrive_in_order_and_signed),
        TEST(test_webhook__a_busy_receiver_is_asked_again),
        TEST(test_webhook__a_refused_event_does_not_stop_the_next),
        TEST(test_webhook__what_waits_survives_a_restart),
        TEST(test_webhook__what_is_over_its_time_is_not_told),
        TEST(test_webhook__erasing_a_person_removes_what_waits),
        TEST(test_webhook__refuses_half_an_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
