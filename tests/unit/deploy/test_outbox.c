#include "test.h"

#include "base/errors.h"
#include "base/lock.h"
#include "deploy/outbox.h"
#include "lib/proc.h"
#include "lib/scratch.h"
#include "net/mqtt/mqtt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A broker that notes what it was given. */
struct broker {
    struct facet_lock lock;
    bool is_away;
    int n;
    int64_t token[512];
    char payload[512][16];
};

static struct scratch scratch;
static struct broker broker;

static int take(void *ctx, const struct facet_mqtt_message *m, int64_t token)
{
    struct broker *b = ctx;
    facet_lock_take(&b->lock);
    int err = b->is_away || b->n == 512 ? FACET_E_AGAIN : FACET_OK;
    if (!err) {
        b->token[b->n] = token;
        snprintf(b->payload[b->n++], sizeof(b->payload[0]), "%.*s", (int)m->len, (const char *)m->payload);
    }
    facet_lock_give(&b->lock);
    return err;
}

static int count(void)
{
    facet_lock_take(&broker.lock);
    int n = broker.n;
    facet_lock_give(&broker.lock);
    return n;
}

static void away(bool is)
{
    facet_lock_take(&broker.lock);
    broker.is_away = is;
    facet_lock_give(&broker.lock);
}

static int make(void **state)
{
    (void)state;
    scratch_open(&scratch);
    memset(&broker, 0, sizeof(broker));
    return facet_lock_init(&broker.lock);
}

static int drop(void **state)
{
    (void)state;
    facet_lock_fini(&broker.lock);
    scratch_close(&scratch);
    return 0;
}

static struct facet_outbox *open_box(bool server_confirms, unsigned resend_ms)
{
    struct facet_outbox *b;
    struct facet_outbox_opts o = { .path = scratch_path(&scratch, "outbox.db"), .publish = take, .ctx = &broker,
                                   .server_confirms = server_confirms, .resend_ms = resend_ms };
    int err = facet_outbox_open(&b, &o);
    assert_string_equal(err ? facet_error_text() : "", "");
    return b;
}

static void put(struct facet_outbox *b, const char *id, enum facet_spool_class class)
{
    struct facet_spool_item item = { .class = class, .payload = (void *)(uintptr_t)id, .len = strlen(id) };
    snprintf(item.id, sizeof(item.id), "%s", id);
    snprintf(item.topic, sizeof(item.topic), "t");
    assert_int_equal(facet_outbox_put(b, &item), FACET_OK);
}

static int64_t left(struct facet_outbox *b)
{
    struct facet_spool_stats s;
    facet_outbox_stats(b, &s);
    return s.items;
}

static void test_outbox__sends_in_order_and_lets_go_what_the_broker_has(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    put(b, "a", FACET_SPOOL_EVENT);
    put(b, "b", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 2, 5000);
    assert_string_equal(broker.payload[0], "a");
    assert_string_equal(broker.payload[1], "b");
    assert_int_equal(left(b), 2);
    facet_outbox_published(b, broker.token[0]);
    assert_int_equal(left(b), 1);
    facet_outbox_published(b, broker.token[1]);
    assert_true(facet_outbox_drain(b, 1000));
    facet_outbox_close(&b);
}

static void test_outbox__keeps_a_chip_until_the_server_has_it(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    put(b, "chip", FACET_SPOOL_CHIP);
    WAIT_FOR(count() == 1, 5000);
    facet_outbox_published(b, broker.token[0]);
    assert_int_equal(left(b), 1);
    facet_outbox_stored(b, "another");
    assert_int_equal(left(b), 1);
    facet_outbox_stored(b, "chip");
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

static void test_outbox__events_can_wait_for_the_server_too(void **state)
{
    struct facet_outbox *b = open_box(true, 0);
    (void)state;
    put(b, "e", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 1, 5000);
    facet_outbox_published(b, broker.token[0]);
    assert_int_equal(left(b), 1);
    facet_outbox_stored(b, "e");
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

static void test_outbox__sends_again_what_nobody_confirmed(void **state)
{
    struct facet_outbox *b = open_box(true, 20);
    (void)state;
    put(b, "e", FACET_SPOOL_EVENT);
    WAIT_FOR(count() >= 2, 5000);
    assert_string_equal(broker.payload[1], "e");
    facet_outbox_stored(b, "e");
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

static void test_outbox__a_new_connection_sends_all_again(void **state)
{
    struct facet_outbox *b = open_box(true, 600000);
    (void)state;
    put(b, "a", FACET_SPOOL_EVENT);
    put(b, "b", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 2, 5000);
    facet_outbox_online(b);
    WAIT_FOR(count() == 4, 5000);
    assert_string_equal(broker.payload[2], "a");
    assert_string_equal(broker.payload[3], "b");
    facet_outbox_close(&b);
}

static void test_outbox__an_outage_delays_and_loses_nothing(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    away(true);
    put(b, "a", FACET_SPOOL_EVENT);
    put(b, "b", FACET_SPOOL_CHIP);
    facet_outbox_close(&b);
    b = open_box(false, 0);
    assert_int_equal(left(b), 2);
    assert_int_equal(count(), 0);
    away(false);
    facet_outbox_online(b);
    WAIT_FOR(count() == 2, 5000);
    assert_string_equal(broker.payload[0], "a");
    facet_outbox_close(&b);
}

static void test_outbox__the_same_id_is_kept_once(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    put(b, "a", FACET_SPOOL_EVENT);
    put(b, "a", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 1, 5000);
    facet_outbox_published(b, broker.token[0]);
    put(b, "a", FACET_SPOOL_EVENT);
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

/* More than fit under way at once: the rest goes as the first are confirmed. */
static void test_outbox__holds_back_what_does_not_fit_the_window(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    char id[16];
    (void)state;
    for (int i = 0; i < FACET_OUTBOX_WINDOW + 10; i++) {
        snprintf(id, sizeof(id), "%d", i);
        put(b, id, FACET_SPOOL_EVENT);
    }
    WAIT_FOR(count() == FACET_OUTBOX_WINDOW, 10000);
    for (int i = 0; i < FACET_OUTBOX_WINDOW; i++)
        facet_outbox_published(b, broker.token[i]);
    WAIT_FOR(count() == FACET_OUTBOX_WINDOW + 10, 10000);
    facet_outbox_close(&b);
}

static void test_outbox__cannot_open_in_a_folder_that_is_not_there(void **state)
{
    struct facet_outbox *b;
    struct facet_outbox_opts o = { .path = scratch_path(&scratch, "file/outbox.db"), .publish = take, .ctx = &broker };
    (void)state;
    scratch_write(&scratch, "file", "no folder");
    assert_int_not_equal(facet_outbox_open(&b, &o), FACET_OK);
    assert_null(b);
}

/* As the broker does: all that it was given and has not acknowledged yet. */
static int acknowledge(struct facet_outbox *b, int from)
{
    int n = count();
    for (; from < n; from++)
        facet_outbox_published(b, broker.token[from]);
    return n;
}

/* As the server does. */
static int store(struct facet_outbox *b, int from)
{
    int n = count();
    for (; from < n; from++)
        facet_outbox_stored(b, broker.payload[from]);
    return n;
}

static struct facet_outbox *open_hasty(unsigned resend_ms)
{
    struct facet_outbox *b;
    struct facet_outbox_opts o = { .path = scratch_path(&scratch, "outbox.db"), .publish = take, .ctx = &broker,
                                   .server_confirms = true, .resend_ms = resend_ms, .hold_ms = 1 };
    assert_int_equal(facet_outbox_open(&b, &o), FACET_OK);
    return b;
}

/* Nobody who listens to the broker waits for a server that is away; when it is back it gets all of it. */
static void test_outbox__a_silent_server_holds_nothing_up(void **state)
{
    enum { ALL = FACET_OUTBOX_WINDOW + 40 };
    struct facet_outbox *b = open_hasty(0);
    char id[16];
    int acked = 0;
    (void)state;
    for (int i = 0; i < ALL; i++) {
        snprintf(id, sizeof(id), "%d", i);
        put(b, id, FACET_SPOOL_EVENT);
    }
    WAIT_FOR((acked = acknowledge(b, acked)) == ALL, 60000);
    assert_int_equal(left(b), ALL);            /* and each of them once */
    facet_outbox_online(b);
    facet_outbox_heard(b);
    WAIT_FOR((acked = store(b, acked)) == 2 * ALL, 60000);
    assert_string_equal(broker.payload[ALL], "0");
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

static void test_outbox__what_the_broker_has_goes_again_when_the_server_is_heard(void **state)
{
    struct facet_outbox *b = open_hasty(600000);
    (void)state;
    put(b, "a", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 1, 5000);
    facet_outbox_published(b, broker.token[0]);
    facet_outbox_online(b);                    /* the broker has it, and the server says nothing: it is not told again */
    put(b, "b", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 2, 5000);
    assert_string_equal(broker.payload[1], "b");
    facet_outbox_published(b, broker.token[1]);
    facet_outbox_heard(b);
    facet_outbox_stored(b, "b");
    WAIT_FOR(count() == 3, 5000);
    assert_string_equal(broker.payload[2], "a");
    facet_outbox_close(&b);
}

static void test_outbox__whose_word_counts_may_change(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    facet_outbox_expect(b, true);
    put(b, "a", FACET_SPOOL_EVENT);
    put(b, "s", FACET_SPOOL_STATE);
    WAIT_FOR(count() == 2, 5000);
    (void)acknowledge(b, 0);
    assert_int_equal(left(b), 1);              /* what is no event never waits for the server */
    facet_outbox_expect(b, false);
    put(b, "b", FACET_SPOOL_EVENT);
    WAIT_FOR(count() == 3, 5000);
    (void)acknowledge(b, 2);
    assert_int_equal(left(b), 1);
    facet_outbox_stored(b, "a");
    assert_int_equal(left(b), 0);
    facet_outbox_close(&b);
}

static int replace(struct facet_outbox *b, const char *id, const char *payload)
{
    struct facet_spool_item item = { .class = FACET_SPOOL_CHIP, .payload = (void *)(uintptr_t)payload, .len = strlen(payload) };
    snprintf(item.id, sizeof(item.id), "%s", id);
    snprintf(item.topic, sizeof(item.topic), "t");
    return facet_outbox_replace(b, &item);
}

static void test_outbox__replaces_what_was_not_sent_and_nothing_else(void **state)
{
    struct facet_outbox *b = open_box(false, 0);
    (void)state;
    assert_int_equal(replace(b, "none", "x"), FACET_E_NOT_FOUND);
    put(b, "sent", FACET_SPOOL_CHIP);
    WAIT_FOR(count() == 1, 5000);
    away(true);
    put(b, "waits", FACET_SPOOL_CHIP);
    assert_int_equal(replace(b, "sent", "better"), FACET_E_NOT_FOUND);
    WAIT_FOR(replace(b, "waits", "better") == FACET_OK, 5000);         /* not in the moment in which it is tried */
    away(false);
    facet_outbox_stored(b, "sent");
    WAIT_FOR(count() == 2, 5000);
    assert_string_equal(broker.payload[1], "better");
    assert_int_equal(replace(b, "waits", "best"), FACET_E_NOT_FOUND);
    assert_int_equal(left(b), 1);
    facet_outbox_close(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_outbox__sends_in_order_and_lets_go_what_the_broker_has),
        TEST(test_outbox__keeps_a_chip_until_the_server_has_it),
        TEST(test_outbox__events_can_wait_for_the_server_too),
        TEST(test_outbox__sends_again_what_nobody_confirmed),
        TEST(test_outbox__a_new_connection_sends_all_again),
        TEST(test_outbox__an_outage_delays_and_loses_nothing),
        TEST(test_outbox__the_same_id_is_kept_once),
        TEST(test_outbox__holds_back_what_does_not_fit_the_window),
        TEST(test_outbox__a_silent_server_holds_nothing_up),
        TEST(test_outbox__what_the_broker_has_goes_again_when_the_server_is_heard),
        TEST(test_outbox__whose_word_counts_may_change),
        TEST(test_outbox__replaces_what_was_not_sent_and_nothing_else),
        TEST(test_outbox__cannot_open_in_a_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
