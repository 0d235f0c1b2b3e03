/* The broker's client against a real Mosquitto: logins, certificates, losses, what is in flight over a restart, and
 * messages that are only acknowledged when they were taken. */
#include "lib/broker.h"

#include "base/lock.h"
#include "net/mqtt/mqtt.h"

#include <facet/error.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_HEARD 4096

struct room {
    struct broker b;
    struct facet_mqtt *m, *peer;
    struct facet_lock lock;
    int states, n_heard, n_published, refuse_next;
    char why[256];
    char heard[MAX_HEARD][48];
    bool retained[MAX_HEARD];
    bool published[MAX_HEARD];
    size_t largest;
};

static void on_state(void *ctx, enum facet_mqtt_state state, const char *why)
{
    struct room *r = ctx;
    facet_lock_take(&r->lock);
    r->states |= 1 << state;
    if (why[0])
        snprintf(r->why, sizeof(r->why), "%s", why);
    facet_lock_give(&r->lock);
}

static int on_message(void *ctx, const struct facet_mqtt_message *m)
{
    struct room *r = ctx;
    int err = FACET_OK;
    facet_lock_take(&r->lock);
    if (r->refuse_next > 0) {
        r->refuse_next--;
        err = FACET_E_STORE;
    } else if (r->n_heard < MAX_HEARD) {
        r->retained[r->n_heard] = m->is_retained_copy;
        snprintf(r->heard[r->n_heard++], 48, "%.*s", m->len > 40 ? 40 : (int)m->len, m->payload ? (const char *)m->payload : "");
        r->largest = m->len > r->largest ? m->len : r->largest;
    }
    facet_lock_give(&r->lock);
    return err;
}

static void on_published(void *ctx, int64_t token)
{
    struct room *r = ctx;
    facet_lock_take(&r->lock);
    if (token >= 0 && token < MAX_HEARD && !r->published[token]) {
        r->published[token] = true;
        r->n_published++;
    }
    facet_lock_give(&r->lock);
}

static int number(struct room *r, const int *field)
{
    facet_lock_take(&r->lock);
    int v = *field;
    facet_lock_give(&r->lock);
    return v;
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    assert_int_equal(facet_lock_init(&r->lock), FACET_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    facet_mqtt_close(&r->m, 0);
    facet_mqtt_close(&r->peer, 0);
    broker_close(&r->b);
    proc_stop_all();
    facet_lock_fini(&r->lock);
    free(r);
    return 0;
}

static struct facet_mqtt_opts opts(struct room *r, const char *id)
{
    return (struct facet_mqtt_opts){.host = "localhost", .port = r->b.port, .client_id = id, .backoff_ms = 20, .backoff_max_ms = 200,
                                    .on_state = on_state, .on_message = on_message, .on_published = on_published, .ctx = r};
}

static struct facet_mqtt *open_client(const struct facet_mqtt_opts *o)
{
    struct facet_mqtt *m;
    if (facet_mqtt_open(&m, o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return m;
}

static bool is_in(struct facet_mqtt *m, enum facet_mqtt_state state)
{
    struct facet_mqtt_stats s;
    facet_mqtt_stats(m, &s);
    return s.state == state;
}

static int say(struct facet_mqtt *m, const char *topic, const char *text, int64_t token)
{
    struct facet_mqtt_message msg = {.topic = topic, .payload = text, .len = strlen(text), .qos = 1};
    return facet_mqtt_publish(m, &msg, token);
}

static void test_client__hears_what_it_says(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "one");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "a/#", 1), FACET_OK);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    assert_int_equal(say(r->m, "a/b", "hello", 7), FACET_OK);
    WAIT_FOR(number(r, &r->n_heard) == 1 && number(r, &r->n_published) == 1, 5000);
    assert_string_equal(r->heard[0], "hello");
    assert_true(r->published[7]);
    struct facet_mqtt_stats s;
    facet_mqtt_stats(r->m, &s);
    assert_int_equal(s.sent, 1);
    assert_int_equal(s.bytes_sent, 5);
    assert_int_equal(s.bytes_received, 5);
    assert_int_equal(s.in_flight, 0);
}

static void test_client__wrong_words_are_refused_at_once(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "one");
    o.client_id = "";
    assert_int_equal(facet_mqtt_open(&r->m, &o), FACET_E_INVALID);
    o = opts(r, "one");
    o.port = 70000;
    assert_int_equal(facet_mqtt_open(&r->m, &o), FACET_E_INVALID);
    o = opts(r, "one");
    o.password = "x";
    assert_int_equal(facet_mqtt_open(&r->m, &o), FACET_E_INVALID);
    o = opts(r, "one");
    o.use_tls = true;
    o.tls.ca = "/nowhere/ca.crt";
    assert_int_equal(facet_mqtt_open(&r->m, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/nowhere/ca.crt"));
    assert_null(r->m);
    o = opts(r, "one");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "a/#/b", 1), FACET_E_INVALID);
    assert_int_equal(facet_mqtt_subscribe(r->m, "a", 2), FACET_E_INVALID);
    assert_int_equal(facet_mqtt_unsubscribe(r->m, "a"), FACET_E_NOT_FOUND);
    assert_int_equal(say(r->m, "a/+", "x", 0), FACET_E_INVALID);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    struct facet_mqtt_message huge = {.topic = "a", .payload = "x", .len = (size_t)1 << 30, .qos = 1};
    assert_int_equal(facet_mqtt_publish(r->m, &huge, 0), FACET_E_LIMIT);
}

static void test_login__without_the_right_password_is_refused(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, &(struct broker_opts){.user = "ada", .password = "secret"});
    struct facet_mqtt_opts o = opts(r, "one");
    o.username = "ada";
    o.password = "wrong";
    r->m = open_client(&o);
    WAIT_FOR(is_in(r->m, FACET_MQTT_REFUSED), 5000);
    assert_string_equal(r->why, "Not authorized");
    assert_int_equal(say(r->m, "a", "x", 0), FACET_E_AGAIN);
    facet_mqtt_close(&r->m, 0);
    o.password = "secret";
    r->m = open_client(&o);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
}

static void open_tls(struct room *r, int port, const char *ca, const char *who)
{
    char cert[64], key[64];
    struct facet_mqtt_opts o = opts(r, "one");
    snprintf(cert, sizeof(cert), "%s.crt", who);
    snprintf(key, sizeof(key), "%s.key", who);
    o.port = port;
    o.use_tls = true;
    o.tls = (struct facet_mqtt_tls){.ca = broker_file(&r->b, ca), .cert = broker_file(&r->b, cert), .key = broker_file(&r->b, key)};
    facet_mqtt_close(&r->m, 0);
    r->why[0] = '\0';
    r->m = open_client(&o);
}

static bool has_failed(struct room *r, const char *part)
{
    facet_lock_take(&r->lock);
    bool yes = strstr(r->why, part) != NULL;
    facet_lock_give(&r->lock);
    return yes;
}

static void test_tls__only_those_whom_the_authority_signed_come_in(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, &(struct broker_opts){.tls = true});
    open_tls(r, r->b.mutual_port, "ca.crt", "client");
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    open_tls(r, r->b.tls_port, "other-ca.crt", "client"); /* the broker is a stranger */
    WAIT_FOR(has_failed(r, "certificate verify failed"), 5000);
    assert_false(is_in(r->m, FACET_MQTT_ONLINE));
    open_tls(r, r->b.mutual_port, "ca.crt", "other"); /* we are */
    WAIT_FOR(is_in(r->m, FACET_MQTT_OFFLINE) || is_in(r->m, FACET_MQTT_REFUSED), 5000);
    struct facet_mqtt_stats s;
    facet_mqtt_stats(r->m, &s);
    assert_int_equal(s.connects, 0);
}

static void test_tls__insecure_is_only_by_word(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, &(struct broker_opts){.tls = true});
    struct facet_mqtt_opts o = opts(r, "one");
    o.host = "127.0.0.1";
    o.port = r->b.tls_port;
    o.use_tls = true;
    r->m = open_client(&o); /* the system's authorities know nothing of it */
    WAIT_FOR(has_failed(r, "certificate verify failed"), 5000);
    facet_mqtt_close(&r->m, 0);
    o.tls.insecure = true;
    r->m = open_client(&o);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
}

static void test_client__comes_back_when_the_broker_does(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "one");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "a", 1), FACET_OK);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    for (int i = 0; i < 3; i++) {
        broker_kill(&r->b);
        WAIT_FOR(!is_in(r->m, FACET_MQTT_ONLINE), 5000);
        assert_int_equal(say(r->m, "a", "x", 0), FACET_E_AGAIN);
        broker_start(&r->b);
        WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    }
    broker_publish(&r->b, "a", "again", NULL); /* subscriptions are renewed */
    WAIT_FOR(number(r, &r->n_heard) >= 1, 5000);
    assert_string_equal(r->heard[0], "again");
}

static void test_client__opens_without_a_broker_and_closes_at_once(void **state)
{
    struct room *r = *state;
    struct facet_mqtt_opts o = opts(r, "one");
    o.port = free_port();
    r->m = open_client(&o);
    WAIT_FOR(is_in(r->m, FACET_MQTT_OFFLINE), 5000);
    assert_true(strlen(r->why) > 5);
    facet_mqtt_close(&r->m, 60000); /* nothing to wait for: the test would run into its limit */
}

/* Each text that was heard, once and at least once. */
static int distinct(struct room *r, int n)
{
    static bool seen[MAX_HEARD];
    int count = 0;
    memset(seen, 0, sizeof(seen));
    facet_lock_take(&r->lock);
    for (int i = 0; i < r->n_heard; i++) {
        int v = (int)strtol(r->heard[i], NULL, 10);
        if (v >= 0 && v < n && !seen[v]) {
            seen[v] = true;
            count++;
        }
    }
    facet_lock_give(&r->lock);
    return count;
}

#define BURST 400

static void test_flight__is_sent_again_to_a_broker_that_comes_back(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "writer"), p = opts(r, "reader");
    o.on_message = NULL;
    p.on_published = NULL;
    r->peer = open_client(&p);
    assert_int_equal(facet_mqtt_subscribe(r->peer, "n", 1), FACET_OK);
    r->m = open_client(&o);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE) && is_in(r->peer, FACET_MQTT_ONLINE), 5000);
    broker_publish(&r->b, "n", "9999", NULL);
    WAIT_FOR(number(r, &r->n_heard) > 0, 5000); /* the reader's session is there */
    for (int i = 0; i < BURST; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%d", i);
        if (i % 100 == 50) {
            broker_stop(&r->b); /* what a killed one had in memory is lost: deploy/pump.h */
            broker_start(&r->b);
        }
        int err;
        WAIT_FOR((err = say(r->m, "n", text, i)) == FACET_OK, 10000);
    }
    WAIT_FOR(number(r, &r->n_published) == BURST, 15000);
    WAIT_FOR(distinct(r, BURST) == BURST, 15000);
}

static void test_message__comes_again_until_it_was_taken(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "reader");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "n", 1), FACET_OK);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    facet_lock_take(&r->lock);
    r->refuse_next = 3;
    facet_lock_give(&r->lock);
    for (int i = 0; i < 5; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%d", i);
        broker_publish(&r->b, "n", text, NULL);
    }
    WAIT_FOR(distinct(r, 5) == 5, 10000);
    assert_int_equal(number(r, &r->refuse_next), 0);
    assert_true(has_failed(r, "a message could not be taken"));
    assert_string_equal(r->heard[0], "0"); /* and in order */
}

static void test_session__keeps_what_came_while_we_were_away(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "reader");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "n", 1), FACET_OK);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE), 5000);
    broker_publish(&r->b, "n", "0", NULL);
    WAIT_FOR(number(r, &r->n_heard) == 1, 5000);
    facet_mqtt_close(&r->m, 1000);
    broker_publish(&r->b, "n", "1", NULL);
    broker_stop(&r->b);
    broker_start(&r->b);
    r->m = open_client(&o);
    WAIT_FOR(distinct(r, 2) == 2, 5000);
}

/* A process of its own that connects with a will, says "alive", and goes or waits for its death. */
static void run_with_will(struct room *r, bool says_goodbye)
{
    struct facet_mqtt_message will = {.topic = "state/one", .payload = "offline", .len = 7, .qos = 1};
    struct facet_mqtt_opts o = opts(r, "one");
    struct facet_mqtt *m;
    o.will = &will;
    o.on_message = NULL;
    o.on_state = NULL;
    if (facet_mqtt_open(&m, &o))
        _exit(1);
    while (say(m, "state/two", "alive", 1))
        poll(NULL, 0, 5);
    while (!number(r, &r->n_published))
        poll(NULL, 0, 5);
    if (says_goodbye)
        facet_mqtt_close(&m, 2000);
    else
        pause();
    _exit(0);
}

static pid_t start_with_will(struct room *r, bool says_goodbye)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run_with_will(r, says_goodbye);
    }
    return pid;
}

static void test_will__is_said_for_the_dead_only(void **state)
{
    struct room *r = *state;
    struct proc watcher;
    int status;
    broker_open(&r->b, NULL);
    broker_listen(&r->b, &watcher, "state/#");
    pid_t polite = start_with_will(r, true);
    assert_int_equal(waitpid(polite, &status, 0), polite);
    assert_int_equal(status, 0);
    pid_t dead = start_with_will(r, false);
    proc_wait_line(&watcher, "state/two 0 alive", 5000);
    proc_wait_line(&watcher, "state/two 0 alive", 5000);
    kill(dead, SIGKILL);
    waitpid(dead, &status, 0);
    proc_wait_line(&watcher, "state/one 0 offline", 5000);
    char *text = proc_text(&watcher);
    assert_null(strstr(strstr(text, "offline") + 1, "offline")); /* one will, and that after both were alive */
    free(text);
}

static void test_message__large_ones_pass_and_larger_ones_are_left_out(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    struct facet_mqtt_opts o = opts(r, "reader"), p = opts(r, "writer");
    o.max_message = 1 << 20;
    p.on_message = NULL;
    r->m = open_client(&o);
    r->peer = open_client(&p);
    assert_int_equal(facet_mqtt_subscribe(r->m, "n", 1), FACET_OK);
    WAIT_FOR(is_in(r->m, FACET_MQTT_ONLINE) && is_in(r->peer, FACET_MQTT_ONLINE), 5000);
    char *large = calloc(1, 5 << 20);
    assert_non_null(large);
    struct facet_mqtt_message msg = {.topic = "n", .payload = large, .len = 1 << 20, .qos = 1};
    assert_int_equal(facet_mqtt_publish(r->peer, &msg, 0), FACET_OK);
    WAIT_FOR(number(r, &r->n_heard) == 1, 5000);
    assert_int_equal(r->largest, 1 << 20);
    msg.len = 5 << 20; /* the broker keeps it from us: we said what we take */
    assert_int_equal(facet_mqtt_publish(r->peer, &msg, 1), FACET_OK);
    broker_publish(&r->b, "n", "after", NULL);
    WAIT_FOR(number(r, &r->n_heard) == 2, 5000);
    assert_string_equal(r->heard[1], "after");
    free(large);
}

static void test_message__retained_ones_are_known_as_such(void **state)
{
    struct room *r = *state;
    broker_open(&r->b, NULL);
    broker_publish(&r->b, "n", "old", (const char *const[]){"-r", NULL});
    struct facet_mqtt_opts o = opts(r, "reader");
    r->m = open_client(&o);
    assert_int_equal(facet_mqtt_subscribe(r->m, "n", 1), FACET_OK);
    WAIT_FOR(number(r, &r->n_heard) == 1, 5000);
    assert_true(r->retained[0]);
    broker_publish(&r->b, "n", "new", (const char *const[]){"-r", NULL});
    WAIT_FOR(number(r, &r->n_heard) == 2, 5000);
    assert_false(r->retained[1]);
}

#define MQTT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MQTT_TEST(test_client__hears_what_it_says),
        MQTT_TEST(test_client__wrong_words_are_refused_at_once),
        MQTT_TEST(test_login__without_the_right_password_is_refused),
        MQTT_TEST(test_tls__only_those_whom_the_authority_signed_come_in),
        MQTT_TEST(test_tls__insecure_is_only_by_word),
        MQTT_TEST(test_client__comes_back_when_the_broker_does),
        MQTT_TEST(test_client__opens_without_a_broker_and_closes_at_once),
        MQTT_TEST(test_flight__is_sent_again_to_a_broker_that_comes_back),
        MQTT_TEST(test_message__comes_again_until_it_was_taken),
        MQTT_TEST(test_session__keeps_what_came_while_we_were_away),
        MQTT_TEST(test_will__is_said_for_the_dead_only),
        MQTT_TEST(test_message__large_ones_pass_and_larger_ones_are_left_out),
        MQTT_TEST(test_message__retained_ones_are_known_as_such),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
