/* A node's broker and outbox: states and messages go to the parts, what is to be kept goes through the outbox. */
#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOODBYE_MS 2000

bool facet__node_has_broker(const struct facet_node *n)
{
    return *n->site->mqtt.host != '\0';
}

/* ---- the client's callbacks ---- */

static void on_state(void *ctx, enum facet_mqtt_state state, const char *why)
{
    struct facet_node *n = ctx;
    bool is_online = state == FACET_MQTT_ONLINE;
    facet_log(is_online ? FACET_LOG_INFO : FACET_LOG_WARN, "mqtt", "broker '%s': %s%s%s", n->site->mqtt.host,
              is_online ? "online" : state == FACET_MQTT_CONNECTING ? "connecting" : state == FACET_MQTT_REFUSED ? "refused" : "offline",
              *why ? ": " : "", why);
    if (!is_online)
        return;
    facet_outbox_online(n->outbox);
    facet__parts_online(n);
}

static int on_message(void *ctx, const struct facet_mqtt_message *m)
{
    return facet__parts_message(ctx, m);
}

static void on_published(void *ctx, int64_t token)
{
    struct facet_node *n = ctx;
    facet_outbox_published(n->outbox, token);
}

/* ---- sending ---- */

/* The outbox is there before the client is. */
static int publish(void *ctx, const struct facet_mqtt_message *m, int64_t token)
{
    struct facet_node *n = ctx;
    struct facet_mqtt *mqtt = atomic_load(&n->mqtt);
    return mqtt ? facet_mqtt_publish(mqtt, m, token) : FACET_E_AGAIN;
}

int facet__wire_topic(const struct facet_node *n, const char *device, const char *word, char *out, size_t cap)
{
    int len = snprintf(out, cap, "%s/wire/%s/%s", n->site->mqtt.prefix, device, word);
    return len > 0 && (size_t)len < cap ? FACET_OK : facet_fail(FACET_E_LIMIT, "the topic for '%s' is too long", device);
}

static int send_now(struct facet_node *n, const char *topic, const struct facet_str *bytes)
{
    struct facet_mqtt_message msg = { .topic = topic, .payload = bytes->data, .len = bytes->len };
    return publish(n, &msg, 0);
}

static int send_later(struct facet_node *n, const char *topic, const struct facet_str *bytes, const struct facet__wire_how *how)
{
    struct facet_spool_item item = { .class = how->class, .payload = bytes->data, .len = bytes->len, .expires_ms = how->expires_ms,
                                     .created_ms = facet__wall_ms() };
    int err = facet_copy_text(item.id, sizeof(item.id), how->id);
    if (!err)
        err = facet_copy_text(item.topic, sizeof(item.topic), topic);
    if (!err && how->person)
        err = facet_copy_text(item.person, sizeof(item.person), how->person);
    if (err)
        return facet_fail(err, "a message's id or topic is too long");
    return how->replaces ? facet_outbox_replace(n->outbox, &item) : facet_outbox_put(n->outbox, &item);
}

int facet__wire_send(struct facet_node *n, const char *device, const char *word, const struct facet_message *m, const struct facet__wire_how *how)
{
    struct facet_str bytes = FACET_STR_INIT;
    char topic[256];
    if (!n->outbox)
        return facet_fail(FACET_E_INVALID, "there is no broker to send to");
    int err = facet__wire_topic(n, device, word, topic, sizeof(topic));
    if (!err)
        err = facet_message_pack(m, &bytes);
    if (!err)
        err = how ? send_later(n, topic, &bytes, how) : send_now(n, topic, &bytes);
    facet_str_fini(&bytes);
    return err;
}

/* ---- life ---- */

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static int open_outbox(struct facet_node *n)
{
    char path[1024];
    char dir[1024];
    struct facet_outbox_opts o = { .path = n->site->outbox.path, .max_bytes = n->site->outbox.max_bytes,
                                   .max_age_ms = n->site->outbox.max_age_ms, .publish = publish, .ctx = n, .vault = n->vault,
                                   .server_confirms = !facet__node_is_server(n) && !strcmp(n->site->outbox.confirm, "server") };
    int err = FACET_OK;
    if (!*o.path) {
        err = facet_data_dir(dir, sizeof(dir));
        if (!err)
            err = facet_path_join(path, sizeof(path), dir, facet__node_is_server(n) ? "server-outbox.db" : "outbox.db");
        o.path = path;
    }
    return err ? err : facet_outbox_open(&n->outbox, &o);
}

static int open_client(struct facet_node *n)
{
    const struct facet_site *s = n->site;
    char id[160];
    struct facet_mqtt *mqtt = NULL;
    snprintf(id, sizeof(id), "facet-%s-%s-%s", facet__node_is_server(n) ? "server" : "device", s->name, s->device);
    struct facet_mqtt_opts o = {
        .host = s->mqtt.host, .port = s->mqtt.port, .client_id = id,
        .username = or_null(s->mqtt.username), .password = or_null(s->mqtt.password),
        .use_tls = s->mqtt.tls,
        .tls = { .ca = or_null(s->mqtt.ca), .cert = or_null(s->mqtt.cert), .key = or_null(s->mqtt.key), .insecure = s->mqtt.insecure },
        .will = n->will,
        .on_state = on_state, .on_message = on_message, .on_published = on_published, .ctx = n,
    };
    int err = facet_mqtt_open(&mqtt, &o);
    atomic_store(&n->mqtt, mqtt);
    return err ? err : facet__parts_subscribe(n);
}

int facet__node_open_broker(struct facet_node *n)
{
    return facet__node_has_broker(n) ? open_outbox(n) : FACET_OK;
}

int facet__node_connect(struct facet_node *n)
{
    return facet__node_has_broker(n) ? open_client(n) : FACET_OK;
}

int64_t facet__node_owes(struct facet_node *n)
{
    struct facet_mqtt *mqtt = atomic_load(&n->mqtt);
    struct facet_mqtt_stats m = { .state = FACET_MQTT_OFFLINE };
    struct facet_spool_stats s = { .items = 0 };
    if (mqtt)
        facet_mqtt_stats(mqtt, &m);
    if (m.state == FACET_MQTT_ONLINE)
        facet_outbox_stats(n->outbox, &s);
    return s.items;
}

/* What is still on the disk goes the next time. */
void facet__node_close_broker(struct facet_node *n)
{
    struct facet_mqtt *mqtt;
    if (n->outbox && atomic_load(&n->mqtt))
        (void)facet_outbox_drain(n->outbox, GOODBYE_MS);
    facet_outbox_stop(n->outbox);
    mqtt = atomic_exchange(&n->mqtt, NULL);
    if (mqtt)
        facet_mqtt_close(&mqtt, GOODBYE_MS);
}
