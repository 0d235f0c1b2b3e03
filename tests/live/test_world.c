/* What the world hears of a node, and what it can do to it, at a real Mosquitto: every topic of docs/mqtt.md with its payload,
 * commands good and bad, Home Assistant's discovery, and a hostile client. */
#include "lib/broker.h"

#include "base/json.h"
#include "base/lock.h"
#include "base/rng.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "image/image.h"
#include "media/video.h"
#include "store/gallery.h"

#include <facet/error.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOPICS 256
#define MS 8000
#define AVAILABLE "\"availability_template\":\"{{ 'online' if value == 'online' else 'offline' }}\","

struct heard { char topic[200], payload[1400]; size_t len; int count; bool retained; };

struct room {
    struct broker b;
    struct facet_site site;
    struct facet_node *n;
    struct facet_mqtt *ear;
    struct facet_lock lock;
    struct heard heard[TOPICS];
    int n_heard;
    char clip[300];
};

/* ---- a listener ---- */

static struct heard *find(struct room *r, const char *topic)
{
    for (int i = 0; i < r->n_heard; i++)
        if (!strcmp(r->heard[i].topic, topic))
            return &r->heard[i];
    return NULL;
}

static int hear(void *ctx, const struct facet_mqtt_message *m)
{
    struct room *r = ctx;
    facet_lock_take(&r->lock);
    struct heard *h = find(r, m->topic);
    if (!h && r->n_heard < TOPICS) {
        h = &r->heard[r->n_heard++];
        snprintf(h->topic, sizeof(h->topic), "%s", m->topic);
    }
    if (h) {
        h->len = m->len;
        h->count++;
        h->retained = m->is_retained_copy;
        snprintf(h->payload, sizeof(h->payload), "%.*s", (int)(m->len < 1399 ? m->len : 1399), m->payload ? (const char *)m->payload : "");
    }
    facet_lock_give(&r->lock);
    return FACET_OK;
}

static struct heard last(struct room *r, const char *topic)
{
    facet_lock_take(&r->lock);
    struct heard *h = find(r, topic), copy = { .count = 0 };
    if (h)
        copy = *h;
    facet_lock_give(&r->lock);
    return copy;
}

static void forget(struct room *r)
{
    facet_lock_take(&r->lock);
    r->n_heard = 0;
    facet_lock_give(&r->lock);
}

static struct facet_mqtt *open_ear(struct room *r, const char *id)
{
    struct facet_mqtt *m;
    struct facet_mqtt_opts o = { .host = "127.0.0.1", .port = r->b.port, .client_id = id, .clean_start = true, .on_message = hear,
                                 .ctx = r, .backoff_ms = 20, .backoff_max_ms = 100 };
    assert_int_equal(facet_mqtt_open(&m, &o), FACET_OK);
    assert_int_equal(facet_mqtt_subscribe(m, "home/#", 1), FACET_OK);
    assert_int_equal(facet_mqtt_subscribe(m, "homeassistant/#", 1), FACET_OK);
    assert_int_equal(facet_mqtt_subscribe(m, "ready", 1), FACET_OK);
    WAIT_FOR((broker_publish(&r->b, "ready", "yes", NULL), last(r, "ready").count > 0), MS);
    return m;
}

/* A new listener hears only what is retained. */
static void listen_anew(struct room *r)
{
    facet_mqtt_close(&r->ear, 0);
    forget(r);
    r->ear = open_ear(r, "ear");
}

/* ---- the node ---- */

static bool ticked(struct room *r)
{
    if (r->n)
        facet__parts_tick(r->n, facet__wall_ms());
    return true;
}

static bool says(struct room *r, const char *topic, const char *payload)
{
    ticked(r);
    struct heard h = last(r, topic);
    return h.count > 0 && !strcmp(h.payload, payload);
}

#define assert_heard(r, topic, wanted) do { \
        struct wait w_ = wait_begin(MS); \
        while (!says(r, topic, wanted)) \
            if (!wait_more(&w_)) { \
                print_error("%s\n wanted: %s\n heard:  %s\n", topic, wanted, last(r, topic).payload); \
                _fail(__FILE__, __LINE__); \
            } \
    } while (0)

static void put_clip(const char *path)
{
    struct facet_video_writer *w;
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 64, 48), FACET_OK);
    facet_image_fill(&img, 90, 120, 30);
    if (facet_video_writer_open(&w, path, 64, 48, 25) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < 10; i++)
        assert_int_equal(facet_video_writer_put(w, &img, i * 40), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
}

static void open_node(struct room *r)
{
    struct facet_node_opts o = { .site = &r->site, .role = FACET_NODE_SERVER };
    if (facet_node_open(&r->n, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
}

static void add_camera(struct room *r, const char *name)
{
    struct facet_camera_conf c = { .native_rate = true, .loop = true };
    snprintf(c.name, sizeof(c.name), "%s", name);
    snprintf(c.url, sizeof(c.url), "%s", r->clip);
    assert_int_equal(facet_cameras_add(facet_node_cameras(r->n), &c), FACET_OK);
}

static void add_person(struct room *r, const char *name)
{
    struct facet_gallery *g = facet_node_gallery(r->n);
    struct facet_gallery_info info;
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    float *e = calloc((size_t)info.dim, sizeof(*e));
    struct facet_rng rng;
    facet_rng_seed(&rng, strlen(name) + (unsigned char)name[0]);
    double sum = 0;
    for (int i = 0; i < info.dim; i++) {
        e[i] = facet_rng_normal(&rng);
        sum += (double)e[i] * (double)e[i];
    }
    for (int i = 0; i < info.dim; i++)
        e[i] = (float)((double)e[i] / sqrt(sum));
    if (facet_gallery_add(g, name, e, info.dim, NULL, NULL) != FACET_OK)
        fail_msg("%s", facet_error_text());
    free(e);
    facet__parts_gallery(r->n);
}

static void make_site(struct room *r)
{
    struct facet_site *s = &r->site;
    assert_int_equal(facet_site_defaults(s), FACET_OK);
    snprintf(s->name, sizeof(s->name), "villa");
    snprintf(s->device, sizeof(s->device), "box.1");
    snprintf(s->mqtt.host, sizeof(s->mqtt.host), "127.0.0.1");
    s->mqtt.port = r->b.port;
    snprintf(s->mqtt.prefix, sizeof(s->mqtt.prefix), "home");
    s->mqtt.discovery = true;
    s->gallery.absence_ms = 300;
    snprintf(s->gallery.path, sizeof(s->gallery.path), "%s", broker_file(&r->b, "gallery.db"));
    snprintf(s->store.events, sizeof(s->store.events), "%s", broker_file(&r->b, "events.db"));
    setenv("FACET_DATA", r->b.scratch.dir, 1);
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    *state = r;
    assert_int_equal(facet_lock_init(&r->lock), FACET_OK);
    broker_open(&r->b, NULL);
    make_site(r);
    snprintf(r->clip, sizeof(r->clip), "%s", broker_file(&r->b, "clip.mp4"));
    put_clip(r->clip);
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    facet_node_close(&r->n);
    facet_mqtt_close(&r->ear, 0);
    broker_close(&r->b);
    proc_stop_all();
    facet_site_fini(&r->site);
    facet_lock_fini(&r->lock);
    free(r);
    return 0;
}

/* ---- availability ---- */

static void test_availability__is_retained_and_ends_with_a_goodbye(void **state)
{
    struct room *r = *state;
    r->ear = open_ear(r, "ear");
    open_node(r);
    assert_heard(r, "home/box.1/available", "online");
    listen_anew(r);
    assert_heard(r, "home/box.1/available", "online");
    assert_true(last(r, "home/box.1/available").retained);
    facet_node_close(&r->n);
    assert_heard(r, "home/box.1/available", "stopped");
}

static void test_availability__of_the_dead_is_told_by_the_broker(void **state)
{
    struct room *r = *state;
    struct proc watcher;
    int status;
    broker_listen(&r->b, &watcher, "home/+/available");
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        open_node(r);
        for (;;)
            ticked(r), poll(NULL, 0, 10);
    }
    proc_wait_line(&watcher, "home/box.1/available 0 online", MS);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    proc_wait_line(&watcher, "home/box.1/available 0 offline", MS);
}

static void test_world__is_told_again_to_a_broker_that_forgot(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    broker_kill(&r->b);
    unlink(broker_file(&r->b, "mosquitto.db"));
    forget(r);
    broker_start(&r->b);
    assert_heard(r, "home/box.1/available", "online");
    assert_heard(r, "home/front/status", "online");
    assert_heard(r, "home/front/enabled/state", "ON");
}

/* ---- cameras ---- */

static void test_camera__state_is_retained_until_it_is_removed(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    assert_heard(r, "home/front/enabled/state", "ON");
    WAIT_FOR(ticked(r) && strstr(last(r, "home/front/attributes").payload, "live"), MS);
    struct heard h = last(r, "home/front/attributes");
    struct facet_json *j;
    assert_int_equal(facet_json_parse(&j, h.payload, h.len, "attributes"), FACET_OK);
    assert_string_equal(facet_json_str(facet_json_get(j, "state"), ""), "live");
    assert_int_equal(facet_json_int(facet_json_get(j, "width"), 0), 64);
    facet_json_unref(&j);
    assert_int_equal(facet_cameras_remove(facet_node_cameras(r->n), "front"), FACET_OK);
    assert_heard(r, "home/front/status", "");
    assert_heard(r, "home/front/enabled/state", "");
    listen_anew(r);
    assert_heard(r, "home/box.1/available", "online");
    assert_int_equal(last(r, "home/front/status").count, 0);
}

static void test_command__switches_a_camera_off_and_on(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    broker_publish(&r->b, "home/front/enabled/set", "OFF", NULL);
    assert_heard(r, "home/front/enabled/state", "OFF");
    assert_heard(r, "home/front/status", "disabled");
    broker_publish(&r->b, "home/front/enabled/set", "ON", NULL);
    assert_heard(r, "home/front/enabled/state", "ON");
    assert_heard(r, "home/front/status", "online");
}

static void test_command__brings_a_picture(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    struct facet_packet *p; /* the picture that was looked at last is sent: look at one */
    assert_int_equal(facet_packet_open(&p, 0), FACET_OK);
    assert_int_equal(facet_stage_step(r->n->source, p), FACET_OK);
    facet_packet_close(&p);
    broker_publish(&r->b, "home/front/snapshot/set", "PRESS", NULL);
    WAIT_FOR(ticked(r) && last(r, "home/front/snapshot").count > 0, MS);
    struct heard h = last(r, "home/front/snapshot");
    assert_memory_equal(h.payload, "\xff\xd8\xff", 3);
    assert_true(h.len > 300);
    listen_anew(r);
    assert_heard(r, "home/box.1/available", "online");
    assert_int_equal(last(r, "home/front/snapshot").count, 0); /* a picture of people is not left at the broker */
}

static void test_command__that_is_retained_or_nonsense_is_left_alone(void **state)
{
    static const char *const nonsense[][2] = {
        { "home/front/enabled/set", "on" }, { "home/front/enabled/set", "OFF " }, { "home/front/enabled/set", "" },
        { "home/nobody/enabled/set", "OFF" }, { "home/nobody/snapshot/set", "PRESS" }, { "home/a/b/enabled/set", "OFF" },
        { "home//enabled/set", "OFF" }, { "home/front/enabled/set", "{\"state\":\"OFF\"}" },
    };
    struct room *r = *state;
    broker_publish(&r->b, "home/front/enabled/set", "OFF", (const char *const[]){ "-r", NULL });
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
        broker_publish(&r->b, nonsense[i][0], nonsense[i][1], NULL);
    broker_stop(&r->b);
    broker_start(&r->b); /* the retained command is shown once more */
    forget(r);
    assert_heard(r, "home/box.1/available", "online");
    add_camera(r, "back");
    assert_heard(r, "home/back/status", "online");
    assert_heard(r, "home/front/enabled/state", "ON");
}

static void test_command__is_not_taken_where_the_site_says_so(void **state)
{
    struct room *r = *state;
    r->site.mqtt.commands = false;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    broker_publish(&r->b, "home/front/enabled/set", "OFF", NULL);
    add_camera(r, "back");
    assert_heard(r, "home/back/status", "online");
    assert_string_equal(last(r, "home/front/enabled/state").payload, "ON");
    assert_int_equal(last(r, "homeassistant/switch/facet_box_1/front_enabled/config").count, 0);
}

/* ---- people ---- */

static struct facet_event seen(struct room *r, const char *id, enum facet_event_type type, int64_t person, const char *name)
{
    struct facet_event e = { .type = type, .track = 7, .captured_ms = facet__wall_ms(), .identity = { .cosine = -1 } };
    snprintf(e.id, sizeof(e.id), "%s", id);
    snprintf(e.run, sizeof(e.run), "night");
    snprintf(e.device, sizeof(e.device), "%s", r->site.device);
    snprintf(e.camera, sizeof(e.camera), "front");
    if (person)
        e.identity = (struct facet_identity){ .decision = FACET_KNOWN, .person = person, .cosine = 0.7f, .score = 0.9762f };
    snprintf(e.identity.name, sizeof(e.identity.name), "%s", name);
    return e;
}

static void test_presence__comes_and_goes_and_is_never_retained(void **state)
{
    struct room *r = *state;
    char when[25], wanted[512];
    open_node(r);
    r->ear = open_ear(r, "ear");
    struct facet_event e = seen(r, "e1", FACET_EVENT_IDENTITY, 3, "Ada \"A\"");
    facet_format_time(when, e.captured_ms);
    facet__node_event(r->n, &e, 0);
    snprintf(wanted, sizeof(wanted), "{\"person\":3,\"name\":\"Ada \\\"A\\\"\",\"present\":true,\"camera\":\"front\",\"since\":\"%s\","
             "\"last_seen\":\"%s\",\"calibrated\":0.9762}", when, when);
    assert_heard(r, "home/box.1/person/3", wanted);
    struct facet_event gone = seen(r, "e2", FACET_EVENT_END, 0, "");
    gone.captured_ms = e.captured_ms + 40;
    facet__node_event(r->n, &gone, 0);
    char later[25];
    facet_format_time(later, gone.captured_ms);
    snprintf(wanted, sizeof(wanted), "{\"person\":3,\"name\":\"Ada \\\"A\\\"\",\"present\":false,\"camera\":\"\",\"since\":\"%s\","
             "\"last_seen\":\"%s\",\"calibrated\":0.9762}", when, later);
    assert_heard(r, "home/box.1/person/3", wanted);
    listen_anew(r);
    assert_heard(r, "home/box.1/available", "online");
    assert_int_equal(last(r, "home/box.1/person/3").count, 0);
}

static void test_presence__events_of_an_outage_bring_nobody_back(void **state)
{
    struct room *r = *state;
    open_node(r);
    r->ear = open_ear(r, "ear");
    struct facet_event old = seen(r, "e1", FACET_EVENT_IDENTITY, 3, "Ada"), now = seen(r, "e2", FACET_EVENT_IDENTITY, 4, "Bob");
    old.captured_ms -= 60000;
    facet__node_event(r->n, &old, 0);
    facet__node_event(r->n, &now, 0);
    WAIT_FOR(ticked(r) && last(r, "home/box.1/person/4").count > 0, MS);
    assert_int_equal(last(r, "home/box.1/person/3").count, 0);
}

/* ---- Home Assistant ---- */

static const char *const front_switch = "{\"name\":\"Enabled\",\"unique_id\":\"facet_box_1_front_enabled\","
    "\"availability_topic\":\"home/box.1/available\"," AVAILABLE "\"state_topic\":\"home/front/enabled/state\","
    "\"command_topic\":\"home/front/enabled/set\",\"payload_on\":\"ON\",\"payload_off\":\"OFF\",\"device\":{\"identifiers\":"
    "[\"facet_box_1_front\"],\"name\":\"front\",\"manufacturer\":\"Facet\",\"sw_version\":\"" FACET_VERSION "\",\"via_device\":\"facet_box_1\"}}";

static void test_discovery__describes_cameras_while_they_are_there(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "homeassistant/switch/facet_box_1/front_enabled/config", front_switch);
    static const char *const topics[] = { "homeassistant/binary_sensor/facet_box_1/front_connection/config",
                                          "homeassistant/button/facet_box_1/front_snapshot/config",
                                          "homeassistant/camera/facet_box_1/front_picture/config" };
    for (size_t i = 0; i < 3; i++) {
        struct facet_json *j;
        WAIT_FOR(ticked(r) && last(r, topics[i]).count > 0, MS);
        struct heard h = last(r, topics[i]);
        assert_int_equal(facet_json_parse(&j, h.payload, h.len, topics[i]), FACET_OK);
        assert_non_null(facet_json_str(facet_json_get(j, "unique_id"), NULL));
        facet_json_unref(&j);
    }
    assert_int_equal(facet_cameras_remove(facet_node_cameras(r->n), "front"), FACET_OK);
    for (size_t i = 0; i < 3; i++)
        assert_heard(r, topics[i], "");
    assert_heard(r, "homeassistant/switch/facet_box_1/front_enabled/config", "");
}

static void test_discovery__is_told_again_when_home_assistant_starts(void **state)
{
    struct room *r = *state;
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "homeassistant/switch/facet_box_1/front_enabled/config", front_switch);
    forget(r);
    broker_publish(&r->b, "homeassistant/status", "online", NULL);
    assert_heard(r, "homeassistant/switch/facet_box_1/front_enabled/config", front_switch);
    assert_heard(r, "home/box.1/available", "online");
}

static void test_discovery__forgets_what_an_earlier_life_left(void **state)
{
    struct room *r = *state;
    const char *const keep[] = { "-r", NULL };
    broker_publish(&r->b, "homeassistant/switch/facet_box_1/old_enabled/config", "{}", keep);
    broker_publish(&r->b, "homeassistant/switch/facet_other/old_enabled/config", "{}", keep);
    r->ear = open_ear(r, "ear");
    open_node(r);
    add_camera(r, "front");
    assert_heard(r, "homeassistant/switch/facet_box_1/front_enabled/config", front_switch);
    assert_heard(r, "homeassistant/switch/facet_box_1/old_enabled/config", "");
    assert_string_equal(last(r, "homeassistant/switch/facet_other/old_enabled/config").payload, "{}"); /* another device's */
}

static void test_discovery__people_go_with_the_gallery(void **state)
{
    struct room *r = *state;
    open_node(r);
    r->ear = open_ear(r, "ear");
    add_person(r, "Ada");
    assert_heard(r, "homeassistant/binary_sensor/facet_box_1/person_1/config", "{\"name\":\"Ada\",\"unique_id\":\"facet_box_1_person_1\","
        "\"availability_topic\":\"home/box.1/available\"," AVAILABLE "\"state_topic\":\"home/box.1/person/1\","
        "\"value_template\":\"{{ 'ON' if value_json.present else 'OFF' }}\",\"json_attributes_topic\":\"home/box.1/person/1\","
        "\"device_class\":\"presence\",\"device\":{\"identifiers\":[\"facet_box_1\"],\"name\":\"Facet box.1\",\"manufacturer\":\"Facet\","
        "\"sw_version\":\"" FACET_VERSION "\"}}");
    WAIT_FOR(ticked(r) && last(r, "homeassistant/sensor/facet_box_1/person_1_camera/config").len > 10, MS);
    assert_int_equal(facet_gallery_delete(facet_node_gallery(r->n), "Ada"), FACET_OK);
    facet__parts_gallery(r->n);
    assert_heard(r, "homeassistant/binary_sensor/facet_box_1/person_1/config", "");
    assert_heard(r, "homeassistant/sensor/facet_box_1/person_1_camera/config", "");
}

/* ---- figures ---- */

static void test_stats__are_json_of_this_device(void **state)
{
    struct room *r = *state;
    struct facet_json *j;
    r->ear = open_ear(r, "ear");
    open_node(r);
    assert_heard(r, "home/box.1/available", "online");
    WAIT_FOR(ticked(r) && last(r, "home/stats").count > 0, 15000);
    struct heard h = last(r, "home/stats");
    assert_int_equal(facet_json_parse(&j, h.payload, h.len, "stats"), FACET_OK);
    assert_string_equal(facet_json_str(facet_json_get(j, "device"), ""), "box.1");
    assert_true(facet_json_int(facet_json_get(j, "resident_bytes"), 0) > 0);
    assert_true(facet_json_num(facet_json_get(facet_json_get(j, "delay"), "p99_ms"), -1) >= 0);
    facet_json_unref(&j);
}

/* ---- a hostile client ---- */

static void shout(struct room *r, struct facet_rng *rng, int i)
{
    static const char *const topics[] = { "home/events", "home/wire/x/chip", "home/wire/x/track", "home/wire/../clock", "home/wire/x/status",
                                          "home/front/enabled/set", "home/front/snapshot/set", "homeassistant/status",
                                          "homeassistant/switch/facet_box_1/x/config", "home/wire/x/inbox", "home/box.1/available/x" };
    static char payload[200000];
    struct facet_mqtt_message m = { .topic = topics[(size_t)i % (sizeof(topics) / sizeof(topics[0]))], .payload = payload, .qos = 1,
                                    .retain = i % 7 == 0 };
    m.len = i % 50 == 0 ? sizeof(payload) : facet_rng_below(rng, 300);
    for (size_t k = 0; k < m.len; k++)
        payload[k] = (char)facet_rng_below(rng, 256);
    if (i % 3 == 0)
        m.len = (size_t)snprintf(payload, sizeof(payload), "{\"type\":\"new\",\"after\":{\"id\":\"h%d\",\"type\":\"face\",\"score\":1e999}}", i);
    WAIT_FOR(facet_mqtt_publish(r->ear, &m, i) != FACET_E_AGAIN && ticked(r), MS);
}

static void test_node__lives_through_a_hostile_client(void **state)
{
    struct room *r = *state;
    struct facet_rng rng;
    struct facet_str json = FACET_STR_INIT;
    facet_rng_seed(&rng, 8);
    open_node(r);
    add_camera(r, "front");
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/front/status", "online");
    for (int i = 0; i < 600; i++)
        shout(r, &rng, i);
    struct facet_event e = seen(r, "good", FACET_EVENT_NEW, 0, ""), back;
    snprintf(e.device, sizeof(e.device), "door");
    facet_str_puts(&json, "{\"type\":\"new\",\"id\":\"good\",\"before\":null,\"after\":");
    assert_int_equal(facet_event_to_json(&e, &json), FACET_OK);
    facet_str_puts(&json, "}");
    broker_publish(&r->b, "home/events", facet_str_text(&json), NULL);
    WAIT_FOR(ticked(r) && facet_events_get(facet_node_events(r->n), "good", &back) == FACET_OK, MS);
    assert_string_equal(back.camera, "front");
    assert_string_equal(last(r, "home/front/status").payload, "online");
    int64_t count = 0;
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    all.device = "door";
    assert_int_equal(facet_events_count(facet_node_events(r->n), &all, &count), FACET_OK);
    assert_int_equal(count, 1);
    facet_str_fini(&json);
}

/* What an event of our own says was before it. */
static void assert_before(struct room *r, const struct facet_event *e, const char *id, const char *name)
{
    struct facet_json *j;
    facet__node_event(r->n, e, 0);
    WAIT_FOR(strstr(last(r, "home/events").payload, e->id) && strstr(strstr(last(r, "home/events").payload, "\"after\""), e->id), MS);
    struct heard h = last(r, "home/events");
    assert_int_equal(facet_json_parse(&j, h.payload, h.len, "event"), FACET_OK);
    const struct facet_json *before = facet_json_get(j, "before");
    assert_string_equal(facet_json_str(facet_json_get(before, "id"), ""), id);
    assert_string_equal(facet_json_str(facet_json_get(before, "name"), ""), name);
    facet_json_unref(&j);
}

static void test_events__say_what_was_before(void **state)
{
    struct room *r = *state;
    struct facet_event back;
    open_node(r);
    r->ear = open_ear(r, "ear");
    ticked(r);                     /* what is too old goes with the first, and x2 has no time */
    struct facet_event begins = seen(r, "e1", FACET_EVENT_NEW, 0, ""), named = seen(r, "e2", FACET_EVENT_IDENTITY, 3, "Ada");
    struct facet_event renamed = seen(r, "e3", FACET_EVENT_IDENTITY, 4, "Bob"), ends = seen(r, "e4", FACET_EVENT_END, 4, "Bob");
    assert_before(r, &begins, "", "");
    assert_before(r, &named, "e1", "");
    assert_before(r, &renamed, "e2", "");      /* an event names one person */
    assert_before(r, &ends, "e3", "Bob");
    struct facet_event other = seen(r, "e5", FACET_EVENT_NEW, 0, "");
    assert_before(r, &other, "", "");
    /* with an object there, others still find what is after it */
    static const char text[] = "{\"type\":\"end\",\"id\":\"x2\",\"before\":{\"id\":\"x1\",\"type\":\"face_new\",\"run\":\"\\\"after\\\":{\"},"
                               "\"after\":{\"id\":\"x2\",\"type\":\"track_end\",\"run\":\"r\"}}";
    broker_publish(&r->b, "home/events", text, NULL);
    WAIT_FOR(ticked(r) && facet_events_get(facet_node_events(r->n), "x2", &back) == FACET_OK, MS);
    assert_int_equal(facet_events_get(facet_node_events(r->n), "x1", &back), FACET_E_NOT_FOUND);
}

static void test_events__that_were_retained_are_not_believed(void **state)
{
    struct room *r = *state;
    struct facet_event back;
    static const char old[] = "{\"type\":\"new\",\"id\":\"old\",\"before\":null,\"after\":{\"id\":\"old\",\"type\":\"face_new\",\"run\":\"r\"}}";
    static const char good[] = "{\"type\":\"new\",\"id\":\"new\",\"before\":null,\"after\":{\"id\":\"new\",\"type\":\"face_new\",\"run\":\"r\"}}";
    broker_publish(&r->b, "home/events", old, (const char *const[]){ "-r", NULL });
    open_node(r);
    r->ear = open_ear(r, "ear");
    assert_heard(r, "home/box.1/available", "online");
    broker_publish(&r->b, "home/events", good, NULL);
    WAIT_FOR(ticked(r) && facet_events_get(facet_node_events(r->n), "new", &back) == FACET_OK, MS);
    assert_int_equal(facet_events_get(facet_node_events(r->n), "old", &back), FACET_E_NOT_FOUND);
}

#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_availability__is_retained_and_ends_with_a_goodbye),
        WORLD_TEST(test_availability__of_the_dead_is_told_by_the_broker),
        WORLD_TEST(test_world__is_told_again_to_a_broker_that_forgot),
        WORLD_TEST(test_camera__state_is_retained_until_it_is_removed),
        WORLD_TEST(test_command__switches_a_camera_off_and_on),
        WORLD_TEST(test_command__brings_a_picture),
        WORLD_TEST(test_command__that_is_retained_or_nonsense_is_left_alone),
        WORLD_TEST(test_command__is_not_taken_where_the_site_says_so),
        WORLD_TEST(test_presence__comes_and_goes_and_is_never_retained),
        WORLD_TEST(test_presence__events_of_an_outage_bring_nobody_back),
        WORLD_TEST(test_discovery__describes_cameras_while_they_are_there),
        WORLD_TEST(test_discovery__is_told_again_when_home_assistant_starts),
        WORLD_TEST(test_discovery__forgets_what_an_earlier_life_left),
        WORLD_TEST(test_discovery__people_go_with_the_gallery),
        WORLD_TEST(test_stats__are_json_of_this_device),
        WORLD_TEST(test_node__lives_through_a_hostile_client),
        WORLD_TEST(test_events__say_what_was_before),
        WORLD_TEST(test_events__that_were_retained_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
