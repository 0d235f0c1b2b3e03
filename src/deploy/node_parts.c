/* The list of a node's parts, and walks over it. */
#include "base/errors.h"
#include "base/log.h"
#include "deploy/node_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct facet__part *const facet__parts[] = {
    &facet__part_events_out,
    &facet__part_events_in,
    &facet__part_server_known,
    &facet__part_server_told,
    &facet__part_world,
    &facet__part_clock_device,
    &facet__part_clock_server,
    &facet__part_status,
    &facet__part_devices,
    &facet__part_gallery_server,
    &facet__part_gallery_device,
    &facet__part_hybrid_device,
    &facet__part_hybrid_server,
    &facet__part_webhook,
    &facet__part_cloud_device,
    &facet__part_keep,
    NULL,
};
_Static_assert(sizeof(facet__parts) / sizeof(facet__parts[0]) <= FACET__NODE_PARTS + 1, "a node has a state for each part");

/* ---- open, close ---- */

int facet__node_open_parts(struct facet_node *n)
{
    int err = FACET_OK;
    for (int i = 0; facet__parts[i] && !err; i++) {
        const struct facet__part *p = facet__parts[i];
        if (!p->wanted(n))
            continue;
        n->part[i] = calloc(1, p->state_size);
        err = n->part[i] ? p->open(n->part[i], n) : facet_fail_nomem();
    }
    return err;
}

void facet__parts_stop(struct facet_node *n)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->stop)
            facet__parts[i]->stop(n->part[i]);
}

void facet__parts_close(struct facet_node *n)
{
    for (int i = 0; facet__parts[i]; i++) {
        if (n->part[i])
            facet__parts[i]->close(n->part[i]);
        free(n->part[i]);
        n->part[i] = NULL;
    }
}

/* ---- walks ---- */

void facet__parts_place(struct facet_node *n, struct facet_pipeline_opts *o)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->place)
            facet__parts[i]->place(n->part[i], o);
}

void facet__parts_online(struct facet_node *n)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->online)
            facet__parts[i]->online(n->part[i]);
}

void facet__parts_tick(struct facet_node *n, int64_t now_ms)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->tick)
            facet__parts[i]->tick(n->part[i], now_ms);
}

void facet__parts_event(struct facet_node *n, const struct facet_event *e, bool is_own)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->event)
            facet__parts[i]->event(n->part[i], e, is_own);
}

void facet__parts_gallery(struct facet_node *n)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->gallery)
            facet__parts[i]->gallery(n->part[i]);
}

int facet__parts_erase(struct facet_node *n, const char *person, int64_t *removed)
{
    int err = FACET_OK;
    for (int i = 0; facet__parts[i] && !err; i++) {
        int64_t count = 0;
        if (n->part[i] && facet__parts[i]->erase)
            err = facet__parts[i]->erase(n->part[i], person, &count);
        *removed += count;
    }
    return err;
}

bool facet__parts_done(struct facet_node *n)
{
    bool any = false;
    for (int i = 0; facet__parts[i]; i++) {
        if (!n->part[i] || !facet__parts[i]->is_done)
            continue;
        any = true;
        if (!facet__parts[i]->is_done(n->part[i]))
            return false;
    }
    return any;
}

void facet__parts_count(struct facet_node *n, struct facet_node_stats *s)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->count)
            facet__parts[i]->count(n->part[i], s);
}

int facet_node_devices(struct facet_node *n, struct facet_device *out, int max)
{
    for (int i = 0; facet__parts[i]; i++)
        if (n->part[i] && facet__parts[i]->devices)
            return facet__parts[i]->devices(n->part[i], out, max);
    return 0;
}

/* ---- messages ---- */

/* A server hears of every device, a device what is meant for it and for all. */
static int subscribe_word(struct facet_node *n, const char *word)
{
    char topic[256];
    bool is_server = facet__node_is_server(n);
    int err = facet__wire_topic(n, is_server ? "+" : n->site->device, word, topic, sizeof(topic));
    if (!err)
        err = facet_mqtt_subscribe(n->mqtt, topic, 1);
    if (!err && !is_server)
        err = facet__wire_topic(n, ".all", word, topic, sizeof(topic));
    if (!err && !is_server)
        err = facet_mqtt_subscribe(n->mqtt, topic, 1);
    return err;
}

static int subscribe_topic(struct facet_node *n, const char *below)
{
    char topic[256];
    snprintf(topic, sizeof(topic), "%s/%s", n->site->mqtt.prefix, below);
    return facet_mqtt_subscribe(n->mqtt, topic, 1);
}

int facet__parts_subscribe(struct facet_node *n)
{
    int err = FACET_OK;
    for (int i = 0; facet__parts[i] && !err; i++) {
        for (const char *const *w = n->part[i] ? facet__parts[i]->words : NULL; w && *w && !err; w++)
            err = subscribe_word(n, *w);
        for (const char *const *t = n->part[i] ? facet__parts[i]->topics : NULL; t && *t && !err; t++)
            err = subscribe_topic(n, *t);
    }
    return err;
}

static int find_part(const struct facet_node *n, const char *word)
{
    for (int i = 0; facet__parts[i]; i++)
        for (const char *const *w = n->part[i] ? facet__parts[i]->words : NULL; w && *w; w++)
            if (!strcmp(*w, word))
                return i;
    return -1;
}

/* Device and word of "<prefix>/wire/<device>/<word>". */
static bool split_topic(const struct facet_node *n, const char *topic, char device[64], const char **word)
{
    size_t len = strlen(n->site->mqtt.prefix);
    if (strncmp(topic, n->site->mqtt.prefix, len) || strncmp(topic + len, "/wire/", 6))
        return false;
    const char *from = topic + len + 6, *slash = strchr(from, '/');
    if (!slash || slash == from || slash - from >= 64 || strchr(slash + 1, '/'))
        return false;
    memcpy(device, from, (size_t)(slash - from));
    device[slash - from] = '\0';
    *word = slash + 1;
    return true;
}

/* What cannot be understood would not be understood the next time: it is told and let go. */
static int take_wire(struct facet_node *n, const char *device, const char *word, const struct facet_mqtt_message *msg)
{
    struct facet_message m;
    int i = find_part(n, word);
    if (i < 0 || msg->is_retained_copy) /* nobody of ours retains these: it would be an old one, replayed */
        return FACET_OK;
    if (facet_message_unpack(&m, msg->payload, msg->len)) {
        facet_log(FACET_LOG_WARN, "node", "a message of '%s' is not understood: %s", device, facet_error_text());
        return FACET_OK;
    }
    int err = facet__parts[i]->message(n->part[i], device, &m, msg->payload, msg->len);
    facet_message_fini(&m);
    if (!facet__node_is_server(n))
        facet__server_heard(n);
    return err;
}

int facet__parts_message(struct facet_node *n, const struct facet_mqtt_message *m)
{
    char device[64];
    const char *word;
    int err = FACET_E_NOT_FOUND;
    if (split_topic(n, m->topic, device, &word))
        return take_wire(n, device, word, m);
    for (int i = 0; facet__parts[i] && err == FACET_E_NOT_FOUND; i++)
        if (n->part[i] && facet__parts[i]->topic)
            err = facet__parts[i]->topic(n->part[i], m);
    return err == FACET_E_NOT_FOUND ? FACET_OK : err;
}
