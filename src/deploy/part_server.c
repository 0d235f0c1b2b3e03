/* Is there a server that keeps events? Where there is one, a device keeps an event until the server has it; where there is none,
 * the broker's word must do. A server says of itself, retained, on "<prefix>/server" that it is there, and a device remembers
 * with its outbox when it last heard one. What a server never confirms goes by age, and after that age without a word from any
 * server there is none. Events reach the broker all the same: only what is kept on the device's disk differs. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "deploy/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS ((int64_t)3600 * 1000)
#define LOOK_MS 10000

static void name_topic(const struct facet_node *n, char out[128])
{
    snprintf(out, 128, "%s/server", n->site->mqtt.prefix);
}

/* ---- device: knows ---- */

struct known { struct facet_node *node; int64_t looked_ms; bool is_believed; };

static bool known_wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && facet__node_has_broker(n);
}

static bool is_auto(const struct facet_node *n)
{
    return !strcmp(n->site->outbox.confirm, "auto");
}

/* Was a server seen so lately that what waits for its word is not dropped yet? */
static bool is_believed(struct facet_node *n)
{
    int64_t seen = atomic_load(&n->server_seen_ms);
    return seen > 0 && facet__wall_ms() - seen < n->site->outbox.max_age_ms;
}

static void see(struct facet_node *n, int64_t at_ms)
{
    int64_t was = atomic_exchange(&n->server_seen_ms, at_ms);
    if (llabs(at_ms - was) > HOUR_MS && facet_spool_keep(facet_outbox_spool(n->outbox), at_ms))
        facet_log(FACET_LOG_WARN, "node", "that there is a server could not be remembered: %s", facet_error_text());
    if (is_auto(n))
        facet_outbox_expect(n->outbox, true);
}

void facet__server_heard(struct facet_node *n)
{
    atomic_store(&n->server_heard_ns, facet_now_ns());
    see(n, facet__wall_ms());
    facet_outbox_heard(n->outbox);
}

static bool is_configured(const struct facet_node *n)
{
    return n->strategy == &facet_strategy_hybrid || n->site->gallery.sync || *n->site->server.url;
}

static int known_open(void *state, struct facet_node *n)
{
    struct known *k = state;
    k->node = n;
    atomic_store(&n->server_seen_ms, is_configured(n) ? facet__wall_ms() : facet_spool_kept(facet_outbox_spool(n->outbox)));
    k->is_believed = is_believed(n);
    if (is_auto(n))
        facet_outbox_expect(n->outbox, k->is_believed);
    return FACET_OK;
}

static void known_tick(void *state, int64_t now_ms)
{
    struct known *k = state;
    if (!is_auto(k->node) || llabs(now_ms - k->looked_ms) < LOOK_MS)
        return;
    k->looked_ms = now_ms;
    bool was = k->is_believed;
    k->is_believed = is_believed(k->node);
    facet_outbox_expect(k->node->outbox, k->is_believed);
    if (was && !k->is_believed)
        facet_log(FACET_LOG_WARN, "node", "no server was heard for as long as events are kept: from now on the broker's word lets them go");
}

/* Nothing in it: somebody took the server away for good. */
static int known_topic(void *state, const struct facet_mqtt_message *m)
{
    struct facet_node *n = ((struct known *)state)->node;
    struct facet_json *j;
    char topic[128];
    int64_t at;
    name_topic(n, topic);
    if (strcmp(m->topic, topic))
        return FACET_E_NOT_FOUND;
    if (!m->len) {
        if (!is_configured(n))
            atomic_store(&n->server_seen_ms, 0);
        (void)facet_spool_keep(facet_outbox_spool(n->outbox), 0);
        return FACET_OK;
    }
    if (facet_json_parse(&j, m->payload, m->len, topic)) {
        facet_log(FACET_LOG_WARN, "node", "what was said of a server is not understood: %s", facet_error_text());
        return FACET_OK;
    }
    const char *text = facet_json_str(facet_json_get(j, "time"), "");
    int64_t now = facet__wall_ms();
    if (!facet_parse_time(text, &at) && at > atomic_load(&n->server_seen_ms) && now - at < n->site->outbox.max_age_ms)
        see(n, at < now ? at : now);
    facet_json_unref(&j);
    return FACET_OK;
}

static int known_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct facet_node *n = ((struct known *)state)->node;
    (void)device, (void)payload, (void)len;
    if (m->kind == FACET_MESSAGE_GALLERY_NOTICE)
        facet_outbox_online(n->outbox);
    for (int i = 0; m->kind == FACET_MESSAGE_STORED && i < m->stored.n; i++)
        facet_outbox_stored(n->outbox, m->stored.ids[i]);
    return FACET_OK;
}

static void nothing_to_close(void *state)
{
    (void)state;
}

static const char *const known_words[] = { "stored", "hello", NULL };
static const char *const known_topics[] = { "server", NULL };

const struct facet__part facet__part_server_known = {
    .name = "server-known",
    .state_size = sizeof(struct known),
    .wanted = known_wanted,
    .open = known_open,
    .words = known_words,
    .message = known_message,
    .topics = known_topics,
    .topic = known_topic,
    .tick = known_tick,
    .close = nothing_to_close,
};

/* ---- server: tells ---- */

struct told { struct facet_node *node; atomic_bool is_due; int64_t told_ms; };

static bool told_wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

static int told_open(void *state, struct facet_node *n)
{
    ((struct told *)state)->node = n;
    return FACET_OK;
}

static int announce(struct facet_node *n)
{
    struct facet_mqtt *mqtt = atomic_load(&n->mqtt);
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw j;
    char topic[128], time[25];
    name_topic(n, topic);
    facet_format_time(time, facet__wall_ms());
    facet_jsonw_init(&j, &s, false);
    facet_jsonw_object(&j);
    facet_jsonw_kstr(&j, "name", n->site->device);
    facet_jsonw_kstr(&j, "time", time);
    facet_jsonw_end_object(&j);
    struct facet_mqtt_message m = { .topic = topic, .payload = s.data, .len = s.len, .qos = 1, .retain = true };
    int err = s.err ? s.err : mqtt ? facet_mqtt_publish(mqtt, &m, 0) : FACET_E_AGAIN;
    facet_str_fini(&s);
    return err;
}

/* Devices send at once what was not confirmed to a server that says hello. */
static void told_online(void *state)
{
    struct told *t = state;
    struct facet_message m = { .kind = FACET_MESSAGE_GALLERY_NOTICE };
    (void)facet__wire_send(t->node, ".all", "hello", &m, NULL);
    atomic_store(&t->is_due, true);
}

static void told_tick(void *state, int64_t now_ms)
{
    struct told *t = state;
    if (!atomic_load(&t->is_due) && llabs(now_ms - t->told_ms) < HOUR_MS)
        return;
    t->told_ms = now_ms;
    atomic_store(&t->is_due, announce(t->node) == FACET_E_AGAIN);
}

const struct facet__part facet__part_server_told = {
    .name = "server-told",
    .state_size = sizeof(struct told),
    .wanted = told_wanted,
    .open = told_open,
    .online = told_online,
    .tick = told_tick,
    .close = nothing_to_close,
};
