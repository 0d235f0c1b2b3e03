/* What the world hears of a node by MQTT besides events, and what it may ask for: availability, cameras, people, figures, commands.
 * docs/mqtt.md tells every topic. What is said is put on a board (board.h) that the node's tick brings to the broker: a
 * broker that is away or busy delays it, and only the newest of it is said then. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/world_priv.h"
#include "media/picture.h"
#include "store/gallery.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAMERAS_MS 500
#define STATS_MS 10000
#define COMPLAIN_MS 10000
#define SNAPSHOT_QUALITY 85

static int64_t now_mono_ms(void)
{
    return (int64_t)(facet_now_ns() / 1000000);
}

void facet__world_topic(const struct world *w, char out[256], const char *fmt, ...)
{
    va_list args;
    int n = snprintf(out, 256, "%s/", w->node->site->mqtt.prefix);
    va_start(args, fmt);
    if (n > 0 && n < 256)
        vsnprintf(out + n, 256 - (size_t)n, fmt, args);
    va_end(args);
}

void facet__world_set(struct world *w, int group, const char *topic, const char *payload, bool retain)
{
    if (facet_board_set(&w->board, group, topic, payload, retain))
        facet_log(FACET_LOG_WARN, "mqtt", "%s", facet_error_text());
}

static int say(struct world *w, const char *topic, const void *payload, size_t len, int qos, bool retain)
{
    struct facet_mqtt *mqtt = atomic_load(&w->node->mqtt);
    struct facet_mqtt_message m = { .topic = topic, .payload = payload, .len = len, .qos = qos, .retain = retain };
    return mqtt ? facet_mqtt_publish(mqtt, &m, -1) : FACET_E_AGAIN;
}

static int say_board(void *ctx, const char *topic, const char *payload, bool retain)
{
    int err = say(ctx, topic, payload, strlen(payload), 1, retain);
    if (err && err != FACET_E_AGAIN)
        facet_log(FACET_LOG_WARN, "mqtt", "%s", facet_error_text());
    return err == FACET_E_AGAIN ? err : FACET_OK; /* what can never be said must not hold up the rest */
}

/* ---- cameras ---- */

static const char *status_word(enum facet_camera_state s)
{
    return s == FACET_CAMERA_LIVE ? "online" : s == FACET_CAMERA_DISABLED ? "disabled" : "offline";
}

static void write_attributes(struct facet_str *s, const struct facet_camera_status *c)
{
    struct facet_jsonw j;
    char since[25];
    facet_format_time(since, c->since_ms);
    facet_str_clear(s);
    facet_jsonw_init(&j, s, false);
    facet_jsonw_object(&j);
    facet_jsonw_kstr(&j, "state", facet_camera_state_words[c->state]);
    facet_jsonw_kstr(&j, "since", since);
    facet_jsonw_kstr(&j, "error", c->error);
    facet_jsonw_kstr(&j, "url", c->url);
    facet_jsonw_kint(&j, "width", c->width);
    facet_jsonw_kint(&j, "height", c->height);
    facet_jsonw_kstr(&j, "codec", c->codec);
    facet_jsonw_kstr(&j, "decoder", c->decoder);
    facet_jsonw_kint(&j, "reconnects", c->reconnects);
    facet_jsonw_end_object(&j);
}

static void tell_camera(struct world *w, const struct facet_camera_status *c, struct facet_str *text)
{
    char topic[256];
    facet__world_topic(w, topic, "%s/status", c->name);
    facet__world_set(w, FACET__WORLD_CAMERA, topic, status_word(c->state), true);
    facet__world_topic(w, topic, "%s/enabled/state", c->name);
    facet__world_set(w, FACET__WORLD_CAMERA, topic, c->state == FACET_CAMERA_DISABLED ? "OFF" : "ON", true);
    facet__world_topic(w, topic, "%s/attributes", c->name);
    write_attributes(text, c);
    if (!text->err)
        facet__world_set(w, FACET__WORLD_CAMERA, topic, facet_str_text(text), true);
    if (w->node->site->mqtt.discovery)
        facet__world_describe_camera(w, c->name);
}

/* With the lock. */
static void tell_cameras(struct world *w)
{
    struct facet_cameras *cameras = facet_node_cameras(w->node);
    struct facet_camera_status *all = cameras ? calloc(FACET_MAX_CAMERAS, sizeof(*all)) : NULL;
    struct facet_str text = FACET_STR_INIT;
    if (cameras && !all)
        return;
    int n = cameras ? facet_cameras_status(cameras, all, FACET_MAX_CAMERAS) : 0;
    facet_board_begin(&w->board);
    for (int i = 0; i < n && i < FACET_MAX_CAMERAS; i++)
        tell_camera(w, &all[i], &text);
    facet_board_sweep(&w->board, FACET__WORLD_CAMERA);
    facet_board_sweep(&w->board, FACET__WORLD_CAMERA_HA);
    facet_str_fini(&text);
    free(all);
}

/* ---- people ---- */

static void tell_person(struct world *w, const struct facet_present *p)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw j;
    char topic[256], time[25];
    facet__world_topic(w, topic, "%s/person/%lld", w->node->site->device, (long long)p->person);
    facet_jsonw_init(&j, &s, false);
    facet_jsonw_object(&j);
    facet_jsonw_kint(&j, "person", p->person);
    facet_jsonw_kstr(&j, "name", p->name);
    facet_jsonw_kbool(&j, "present", p->is_present);
    facet_jsonw_kstr(&j, "camera", p->camera);
    facet_format_time(time, p->since_ms);
    facet_jsonw_kstr(&j, "since", time);
    facet_format_time(time, p->seen_ms);
    facet_jsonw_kstr(&j, "last_seen", time);
    facet_jsonw_knum(&j, "calibrated", (double)p->score, 4);
    facet_jsonw_end_object(&j);
    if (!s.err)
        facet__world_set(w, FACET__WORLD_PERSON, topic, facet_str_text(&s), false);
    facet_str_fini(&s);
}

static void tell_presence(struct world *w, int64_t now_ms)
{
    struct facet_present p;
    facet_presence_tick(w->presence, now_ms);
    while (facet_presence_changed(w->presence, &p))
        tell_person(w, &p);
}

struct listing { struct world *w; int n; };

static int describe(void *ctx, const struct facet_person *p)
{
    struct listing *l = ctx;
    if (l->n++ < FACET__WORLD_PEOPLE)
        facet__world_describe_person(l->w, p->id, p->name);
    return 0;
}

/* Who is gone from the gallery is not told of any longer. */
static void forget_people(struct world *w)
{
    int64_t ids[FACET_PRESENCE_PEOPLE];
    int n = facet_presence_people(w->presence, ids);
    struct facet_person p;
    char topic[256];
    for (int i = 0; i < n; i++) {
        if (facet_gallery_person_by_id(w->node->gallery, ids[i], &p) != FACET_E_NOT_FOUND)
            continue;
        facet_presence_forget(w->presence, ids[i]);
        facet__world_topic(w, topic, "%s/person/%lld", w->node->site->device, (long long)ids[i]);
        facet_board_remove(&w->board, topic);
    }
}

/* With the lock. */
static void tell_people(struct world *w)
{
    struct listing l = { .w = w };
    if (!w->node->gallery)
        return;
    forget_people(w);
    if (!w->node->site->mqtt.discovery)
        return;
    facet_board_begin(&w->board);
    if (facet_gallery_people(w->node->gallery, describe, &l))
        return;
    facet_board_sweep(&w->board, FACET__WORLD_PERSON_HA);
    if (l.n > FACET__WORLD_PEOPLE)
        facet_log(FACET_LOG_WARN, "mqtt", "of %d people only %d are described to Home Assistant", l.n, FACET__WORLD_PEOPLE);
}

/* ---- figures ---- */

static void put_seconds(struct facet_jsonw *j, const char *key, const struct facet_histogram *h)
{
    facet_jsonw_key(j, key);
    facet_jsonw_object(j);
    facet_jsonw_knum(j, "mean_ms", h->count ? (double)h->sum_ns / (double)h->count / 1e6 : 0, 3);
    facet_jsonw_knum(j, "p50_ms", (double)facet_histogram_quantile(h, 0.5) / 1e6, 3);
    facet_jsonw_knum(j, "p95_ms", (double)facet_histogram_quantile(h, 0.95) / 1e6, 3);
    facet_jsonw_knum(j, "p99_ms", (double)facet_histogram_quantile(h, 0.99) / 1e6, 3);
    facet_jsonw_end_object(j);
}

static void write_stats(struct facet_str *s, const struct world *w, const struct facet_node_stats *st)
{
    const struct facet_site *site = w->node->site;
    struct facet_jsonw j;
    facet_jsonw_init(&j, s, false);
    facet_jsonw_object(&j);
    facet_jsonw_kstr(&j, "site", site->name);
    facet_jsonw_kstr(&j, "device", site->device);
    facet_jsonw_kstr(&j, "strategy", site->strategy);
    facet_jsonw_knum(&j, "uptime_s", st->seconds, 1);
    facet_jsonw_kint(&j, "frames", st->frames);
    facet_jsonw_kint(&j, "faces", st->faces);
    facet_jsonw_kint(&j, "tracks", st->tracks);
    facet_jsonw_kint(&j, "dropped", st->dropped);
    put_seconds(&j, "frame", &st->total);
    put_seconds(&j, "delay", &st->delay);
    facet_jsonw_kint(&j, "bytes_sent", st->bytes_sent);
    facet_jsonw_kint(&j, "bytes_received", st->bytes_received);
    facet_jsonw_kint(&j, "outbox_items", st->outbox_items);
    facet_jsonw_kint(&j, "outbox_bytes", st->outbox_bytes);
    facet_jsonw_kint(&j, "outbox_dropped", st->outbox_dropped);
    facet_jsonw_knum(&j, "cpu_seconds", st->cpu_seconds, 2);
    facet_jsonw_kint(&j, "resident_bytes", st->resident_bytes);
    facet_jsonw_end_object(&j);
}

/* Without the lock: a node's figures are asked of all its parts. */
static int tell_stats(struct world *w)
{
    struct facet_node_stats st;
    struct facet_str s = FACET_STR_INIT;
    char topic[256];
    facet_node_stats(w->node, &st);
    write_stats(&s, w, &st);
    facet__world_topic(w, topic, "stats");
    int err = s.err ? s.err : say(w, topic, s.data, s.len, 0, false);
    facet_str_fini(&s);
    return err;
}

/* ---- commands ---- */

/* A hostile client must not fill the log. */
static void complain(struct world *w, const struct facet_mqtt_message *m, const char *why)
{
    int64_t now = now_mono_ms();
    if (w->complained_at && now - w->complained_at < COMPLAIN_MS)
        return;
    w->complained_at = now;
    facet_log(FACET_LOG_WARN, "mqtt", "what came to '%.120s' (%zu bytes) is left alone: %s", m->topic, m->len, why);
}

static bool says(const struct facet_mqtt_message *m, const char *word)
{
    return m->len == strlen(word) && !memcmp(m->payload, word, m->len);
}

/* With the lock. Of what a camera was asked for and has not done yet, the last word counts. */
static void note(struct world *w, const struct facet_mqtt_message *m, enum facet__world_order order, const char *camera)
{
    for (int i = w->n_commands - 1; i >= 0; i--) {
        const struct facet__world_command *c = &w->commands[i];
        if (!strcmp(c->camera, camera) && (c->order == FACET__WORLD_PICTURE) == (order == FACET__WORLD_PICTURE))
            w->commands[i] = w->commands[--w->n_commands];
    }
    if (w->n_commands == FACET__WORLD_COMMANDS) {
        complain(w, m, "too many commands are waiting");
        return;
    }
    w->commands[w->n_commands].order = order;
    snprintf(w->commands[w->n_commands++].camera, FACET_MAX_NAME, "%s", camera);
}

/* "<prefix>/<camera><leaf>": the camera's name, or false. */
static bool split(const struct world *w, const char *topic, const char *leaf, char camera[FACET_MAX_NAME])
{
    const char *prefix = w->node->site->mqtt.prefix;
    size_t before = strlen(prefix), all = strlen(topic), behind = strlen(leaf);
    if (all <= before + 1 + behind || strncmp(topic, prefix, before) || topic[before] != '/' || strcmp(topic + all - behind, leaf))
        return false;
    size_t len = all - before - 1 - behind;
    if (len >= FACET_MAX_NAME || memchr(topic + before + 1, '/', len))
        return false;
    memcpy(camera, topic + before + 1, len);
    camera[len] = '\0';
    return true;
}

static int take_command(struct world *w, const struct facet_mqtt_message *m)
{
    char camera[FACET_MAX_NAME];
    bool enables = split(w, m->topic, "/enabled/set", camera);
    if (!enables && !split(w, m->topic, "/snapshot/set", camera))
        return FACET_E_NOT_FOUND;
    if (!w->node->site->mqtt.commands)
        complain(w, m, "commands are not taken (mqtt.commands)");
    else if (m->is_retained_copy)
        complain(w, m, "a command must not be retained");
    else if (enables && !says(m, "ON") && !says(m, "OFF"))
        complain(w, m, "neither ON nor OFF");
    else if (m->len > 64)
        complain(w, m, "too much for a command");
    else
        note(w, m, !enables ? FACET__WORLD_PICTURE : says(m, "ON") ? FACET__WORLD_ENABLE : FACET__WORLD_DISABLE, camera);
    return FACET_OK;
}

static void send_snapshot(struct world *w, const char *camera)
{
    struct facet_cameras *cameras = facet_node_cameras(w->node);
    struct facet_frame *frame = NULL;
    struct facet_str jpeg = FACET_STR_INIT;
    char topic[256];
    int err = cameras ? facet_cameras_picture(cameras, camera, &frame) : FACET_E_NOT_FOUND;
    if (!err)
        err = facet_picture_encode(&jpeg, &frame->image, "jpeg", SNAPSHOT_QUALITY);
    facet__world_topic(w, topic, "%s/snapshot", camera);
    if (!err)
        err = say(w, topic, jpeg.data, jpeg.len, 0, false);
    if (err)
        facet_log(FACET_LOG_INFO, "mqtt", "there is no picture of camera '%s' to send", camera);
    facet_frame_unref(&frame);
    facet_str_fini(&jpeg);
}

static void obey(struct world *w, const struct facet__world_command *c)
{
    if (c->order == FACET__WORLD_PICTURE)
        send_snapshot(w, c->camera);
    else if (facet_node_camera_enable(w->node, c->camera, c->order == FACET__WORLD_ENABLE))
        facet_log(FACET_LOG_INFO, "mqtt", "there is no camera '%s' here to switch", c->camera);
    else
        facet_log(FACET_LOG_INFO, "mqtt", "camera '%s' was switched %s", c->camera, c->order == FACET__WORLD_ENABLE ? "on" : "off");
}

/* On the node's thread, without the lock. */
static void obey_all(struct world *w)
{
    struct facet__world_command todo[FACET__WORLD_COMMANDS];
    facet_lock_take(&w->lock);
    int n = w->n_commands;
    memcpy(todo, w->commands, sizeof(todo[0]) * (size_t)n);
    w->n_commands = 0;
    facet_lock_give(&w->lock);
    for (int i = 0; i < n; i++)
        obey(w, &todo[i]);
    if (n)
        w->cameras_at = 0;
}

/* ---- a part of a node ---- */

static bool world_wanted(const struct facet_node *n)
{
    return facet__node_has_broker(n);
}

/* Names at Home Assistant are letters, digits, '_' and '-'. */
static void make_id(struct world *w)
{
    snprintf(w->id, sizeof(w->id), "facet_%s", w->node->site->device);
    for (char *c = w->id; *c; c++)
        if (*c == '.')
            *c = '_';
}

static int world_open(void *state, struct facet_node *n)
{
    struct world *w = state;
    w->node = n;
    facet_board_init(&w->board);
    make_id(w);
    facet__world_topic(w, w->available, "%s/available", n->site->device);
    w->will = (struct facet_mqtt_message){ .topic = w->available, .payload = "offline", .len = 7, .qos = 1, .retain = true };
    n->will = &w->will;
    int err = facet_lock_init(&w->lock);
    w->has_lock = !err;
    if (!err)
        err = facet_presence_open(&w->presence, n->site->gallery.absence_ms);
    if (!err)
        err = facet_board_set(&w->board, FACET__WORLD_NODE, w->available, "online", true);
    if (!err)
        tell_people(w);
    return err;
}

/* Once: the client renews it. Not when the connection is there first: that may be before the node has its client. */
static void listen_to_ha(struct world *w)
{
    char status[256], configs[256];
    struct facet_mqtt *mqtt = atomic_load(&w->node->mqtt);
    if (w->listens_to_ha || !mqtt || !w->node->site->mqtt.discovery)
        return;
    facet__world_ha_filters(w, status, configs);
    w->listens_to_ha = !facet_mqtt_subscribe(mqtt, status, 1) && !facet_mqtt_subscribe(mqtt, configs, 1);
}

static void world_online(void *state)
{
    struct world *w = state;
    facet_lock_take(&w->lock);
    facet_board_resend(&w->board);
    (void)facet_board_flush(&w->board, say_board, w);
    facet_lock_give(&w->lock);
}

static void world_tick(void *state, int64_t wall_ms)
{
    struct world *w = state;
    int64_t now = now_mono_ms();
    (void)wall_ms;
    listen_to_ha(w);
    obey_all(w);
    facet_lock_take(&w->lock);
    if (now >= w->cameras_at) {
        tell_cameras(w);
        facet__world_ha_clean(w);
        w->cameras_at = now + CAMERAS_MS;
    }
    tell_presence(w, now);
    (void)facet_board_flush(&w->board, say_board, w);
    facet_lock_give(&w->lock);
    if (now >= w->stats_at)
        w->stats_at = now + (tell_stats(w) ? CAMERAS_MS : STATS_MS);
}

/* Events of an outage come late: they tell what was, not who is there. */
static void world_event(void *state, const struct facet_event *e, bool is_own)
{
    struct world *w = state;
    int64_t offset = is_own ? 0 : facet__device_offset_ms(w->node, e->device);
    facet_lock_take(&w->lock);
    facet_presence_event(w->presence, e, facet__wall_ms() - (e->captured_ms + offset), now_mono_ms());
    facet_lock_give(&w->lock);
}

static void world_gallery(void *state)
{
    struct world *w = state;
    facet_lock_take(&w->lock);
    tell_people(w);
    facet_lock_give(&w->lock);
}

static int world_message(void *state, const struct facet_mqtt_message *m)
{
    struct world *w = state;
    facet_lock_take(&w->lock);
    int err = take_command(w, m);
    if (err == FACET_E_NOT_FOUND && w->node->site->mqtt.discovery)
        err = facet__world_ha_message(w, m);
    facet_lock_give(&w->lock);
    return err;
}

/* A goodbye leaves no will behind: it is said by ourselves. */
static void world_stop(void *state)
{
    struct world *w = state;
    facet_lock_take(&w->lock);
    facet__world_set(w, FACET__WORLD_NODE, w->available, "stopped", true);
    (void)facet_board_flush(&w->board, say_board, w);
    facet_lock_give(&w->lock);
}

static void world_close(void *state)
{
    struct world *w = state;
    w->node->will = NULL;
    facet_presence_close(&w->presence);
    while (w->n_stale)
        free(w->stale[--w->n_stale]);
    facet_board_fini(&w->board);
    if (w->has_lock)
        facet_lock_fini(&w->lock);
}

static const char *const world_topics[] = { "+/enabled/set", "+/snapshot/set", NULL };

const struct facet__part facet__part_world = {
    .name = "world",
    .state_size = sizeof(struct world),
    .wanted = world_wanted,
    .open = world_open,
    .topics = world_topics,
    .topic = world_message,
    .online = world_online,
    .tick = world_tick,
    .event = world_event,
    .gallery = world_gallery,
    .stop = world_stop,
    .close = world_close,
};
