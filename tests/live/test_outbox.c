/* From a device's disk to a server's: while the broker is killed (and forgets everything) and the server is killed, each event
 * arrives, and each once. */
#include "lib/broker.h"

#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "store/events.h"

#include <facet/error.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS 240
#define MS 40000

struct room {
    struct broker b;
    struct facet_site site;
    struct proc server;
    struct facet_mqtt *_Atomic mqtt;
    struct facet_outbox *_Atomic outbox;
};

/* ---- the server: this program again, with words ---- */

static void make_site(struct facet_site *s, const char *dir, int port)
{
    assert_int_equal(facet_site_defaults(s), FACET_OK);
    snprintf(s->device, sizeof(s->device), "server");
    snprintf(s->mqtt.host, sizeof(s->mqtt.host), "127.0.0.1");
    s->mqtt.port = port;
    snprintf(s->mqtt.prefix, sizeof(s->mqtt.prefix), "home");
    snprintf(s->gallery.path, sizeof(s->gallery.path), "%s/gallery.db", dir);
    snprintf(s->store.events, sizeof(s->store.events), "%s/events.db", dir);
    setenv("FACET_DATA", dir, 1);
}

static int serve(const char *dir, int port)
{
    struct facet_site site;
    struct facet_node *n;
    struct facet_node_opts o = { .site = &site, .role = FACET_NODE_SERVER };
    make_site(&site, dir, port);
    if (facet_node_open(&n, &o)) {
        fprintf(stderr, "%s\n", facet_error_text());
        return 1;
    }
    for (;;) {
        facet__parts_tick(n, facet__wall_ms());
        poll(NULL, 0, 20);
    }
}

static void start_server(struct room *r)
{
    char port[16];
    snprintf(port, sizeof(port), "%d", r->b.port);
    PROC(&r->server, broker_file(&r->b, "server.log"), "/proc/self/exe", "serve", r->b.scratch.dir, port);
}

static void kill_server(struct room *r)
{
    assert_true(proc_is_running(&r->server)); /* it had not ended by itself */
    proc_kill(&r->server);
}

/* ---- the device ---- */

static void on_state(void *ctx, enum facet_mqtt_state state, const char *why)
{
    struct room *r = ctx;
    struct facet_outbox *b = atomic_load(&r->outbox);
    if (state == FACET_MQTT_ONLINE && b)
        facet_outbox_online(b);
}

static int on_message(void *ctx, const struct facet_mqtt_message *m)
{
    struct room *r = ctx;
    struct facet_message stored;
    if (facet_message_unpack(&stored, m->payload, m->len))
        return FACET_OK;
    for (int i = 0; stored.kind == FACET_MESSAGE_STORED && i < stored.stored.n; i++)
        facet_outbox_stored(atomic_load(&r->outbox), stored.stored.ids[i]);
    if (stored.kind == FACET_MESSAGE_GALLERY_NOTICE) { /* the server's hello */
        facet_outbox_online(atomic_load(&r->outbox));
        facet_outbox_heard(atomic_load(&r->outbox));
    }
    facet_message_fini(&stored);
    return FACET_OK;
}

static void on_published(void *ctx, int64_t token)
{
    facet_outbox_published(atomic_load(&((struct room *)ctx)->outbox), token);
}

static int publish(void *ctx, const struct facet_mqtt_message *m, int64_t token)
{
    struct facet_mqtt *mqtt = atomic_load(&((struct room *)ctx)->mqtt);
    return mqtt ? facet_mqtt_publish(mqtt, m, token) : FACET_E_AGAIN;
}

static void open_device(struct room *r)
{
    struct facet_outbox *b;
    struct facet_mqtt *m;
    struct facet_outbox_opts o = { .path = broker_file(&r->b, "outbox.db"), .publish = publish, .ctx = r, .server_confirms = true,
                                   .resend_ms = 1000 };
    struct facet_mqtt_opts mo = { .host = "127.0.0.1", .port = r->b.port, .client_id = "dev", .backoff_ms = 20, .backoff_max_ms = 200,
                                  .on_state = on_state, .on_message = on_message, .on_published = on_published, .ctx = r };
    if (facet_outbox_open(&b, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    atomic_store(&r->outbox, b);
    if (facet_mqtt_open(&m, &mo) != FACET_OK)
        fail_msg("%s", facet_error_text());
    assert_int_equal(facet_mqtt_subscribe(m, "home/wire/dev/stored", 1), FACET_OK);
    assert_int_equal(facet_mqtt_subscribe(m, "home/wire/.all/hello", 1), FACET_OK);
    atomic_store(&r->mqtt, m);
    facet_outbox_online(b);
}

static void close_device(struct room *r)
{
    struct facet_mqtt *m = atomic_exchange(&r->mqtt, NULL);
    struct facet_outbox *b = atomic_load(&r->outbox);
    facet_outbox_stop(b);
    facet_mqtt_close(&m, 0);
    atomic_store(&r->outbox, NULL);
    facet_outbox_close(&b);
}

static void put(struct room *r, int i)
{
    struct facet_str json = FACET_STR_INIT;
    struct facet_event e = { .type = FACET_EVENT_NEW, .track = i + 1, .captured_ms = facet__wall_ms(), .run = "night", .device = "dev",
                             .camera = "front", .has_box = true, .box = { 1, 2, 3, 4 } };
    struct facet_spool_item item = { .class = FACET_SPOOL_EVENT, .topic = "home/events" };
    snprintf(e.id, sizeof(e.id), "ev-%d", i);
    snprintf(item.id, sizeof(item.id), "%s", e.id);
    facet_str_printf(&json, "{\"type\":\"new\",\"id\":\"%s\",\"before\":null,\"after\":", e.id);
    assert_int_equal(facet_event_to_json(&e, &json), FACET_OK);
    facet_str_puts(&json, "}");
    item.payload = json.data;
    item.len = json.len;
    if (facet_outbox_put(atomic_load(&r->outbox), &item) != FACET_OK)
        fail_msg("%s", facet_error_text());
    facet_str_fini(&json);
}

/* ---- setting ---- */

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    *state = r;
    broker_open(&r->b, NULL);
    make_site(&r->site, r->b.scratch.dir, r->b.port);
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    proc_kill(&r->server);
    if (atomic_load(&r->outbox))
        close_device(r);
    broker_close(&r->b);
    proc_stop_all();
    facet_site_fini(&r->site);
    free(r);
    return 0;
}

static int64_t left(struct room *r)
{
    struct facet_spool_stats s;
    facet_outbox_stats(atomic_load(&r->outbox), &s);
    return s.items;
}

static void check_store(struct room *r)
{
    struct facet_events *events;
    struct facet_events_opts o = { .where = r->site.store.events };
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    struct facet_event e;
    char id[32];
    int64_t count = 0;
    if (facet_events_open(&events, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < EVENTS; i++) {
        snprintf(id, sizeof(id), "ev-%d", i);
        if (facet_events_get(events, id, &e) != FACET_OK)
            fail_msg("event %s is lost", id);
        assert_int_equal(e.track, i + 1);
    }
    f.device = "dev";
    assert_int_equal(facet_events_count(events, &f, &count), FACET_OK);
    assert_int_equal(count, EVENTS);
    facet_events_close(&events);
}

static void test_events__arrive_once_whoever_is_killed(void **state)
{
    struct room *r = *state;
    start_server(r);
    open_device(r);
    for (int i = 0; i < EVENTS; i++) {
        put(r, i);
        if (i == 40 || i == 160) {
            broker_kill(&r->b);
            unlink(broker_file(&r->b, "mosquitto.db")); /* sessions and what it had acknowledged: all gone */
            broker_start(&r->b);
        }
        if (i == 80 || i == 200) {
            kill_server(r);
            start_server(r);
        }
        if (i == 120) { /* the device's program ends and begins again */
            close_device(r);
            open_device(r);
        }
    }
    WAIT_FOR(left(r) == 0, MS);
    struct facet_spool_stats s;
    facet_outbox_stats(atomic_load(&r->outbox), &s);
    assert_int_equal(s.put, EVENTS);
    assert_int_equal(s.acked, EVENTS);
    assert_int_equal(s.dropped_space + s.dropped_age + s.dropped_expired, 0);
    kill_server(r);
    check_store(r);
}

static void test_events__wait_on_disk_while_nobody_is_there(void **state)
{
    struct room *r = *state;
    broker_kill(&r->b);
    open_device(r);
    for (int i = 0; i < EVENTS; i++)
        put(r, i);
    assert_int_equal(left(r), EVENTS);
    broker_start(&r->b);
    struct facet_mqtt_stats s;
    WAIT_FOR((facet_mqtt_stats(atomic_load(&r->mqtt), &s), s.sent > 0), MS);
    assert_int_equal(left(r), EVENTS); /* the broker has some of them: that is not enough */
    start_server(r);
    WAIT_FOR(left(r) == 0, MS);
    kill_server(r);
    check_store(r);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "serve"))
        return serve(argv[2], (int)strtol(argv[3], NULL, 10));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_events__arrive_once_whoever_is_killed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_events__wait_on_disk_while_nobody_is_there, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
