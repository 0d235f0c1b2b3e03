/* Events to the world and to the server: "<prefix>/events", one JSON object each, never retained. They go through the outbox,
 * so an outage delays them and loses none. */
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "deploy/before.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "store/gallery.h"

#include <stdio.h>
#include <string.h>

struct events_out {
    struct facet_node *node;
    struct facet_lock lock;        /* of `before` */
    bool has_lock;
    struct facet_before before;
};

static const char *word_of(enum facet_event_type t)
{
    return t == FACET_EVENT_NEW || t == FACET_EVENT_FACE ? "new" : t == FACET_EVENT_END ? "end" : "update";
}

/* {"type":"update","id":"...","before":{...},"after":{...}}; `before` NULL: null. */
static int to_json(const struct facet_event *e, const struct facet_event *before, struct facet_str *out)
{
    facet_str_printf(out, "{\"type\":\"%s\",\"id\":\"%s\",\"before\":", word_of(e->type), e->id);
    int err = before ? facet_event_to_json(before, out) : FACET_OK;
    facet_str_puts(out, before ? ",\"after\":" : "null,\"after\":");
    if (!err)
        err = facet_event_to_json(e, out);
    facet_str_puts(out, "}");
    return err ? err : out->err;
}

static bool out_wanted(const struct facet_node *n)
{
    return facet__node_has_broker(n);
}

static int out_open(void *state, struct facet_node *n)
{
    struct events_out *o = state;
    o->node = n;
    int err = facet_lock_init(&o->lock);
    o->has_lock = !err;
    return err;
}

/* Whom either of the two names: `before` names nobody else (before.h). */
static const char *person_of(const struct facet_event *e, const struct facet_event *before)
{
    return e->identity.decision == FACET_KNOWN ? e->identity.name : before ? before->identity.name : "";
}

static int put(struct facet_node *n, const struct facet_event *e, const char *person, const struct facet_str *json)
{
    struct facet_spool_item item = { .class = FACET_SPOOL_EVENT, .payload = json->data, .len = json->len,
                                     .created_ms = e->published_ms, .expires_ms = e->expires_ms };
    int err = facet_copy_text(item.id, sizeof(item.id), e->id);
    if (!err)
        err = facet_copy_text(item.person, sizeof(item.person), person);
    snprintf(item.topic, sizeof(item.topic), "%s/events", n->site->mqtt.prefix);
    return err ? err : facet_outbox_put(n->outbox, &item);
}

/* A camera's state has topics of its own. What arrives from elsewhere is what was before our own word of it (hybrid). */
static void out_event(void *state, const struct facet_event *e, bool is_own)
{
    struct events_out *o = state;
    struct facet_str json = FACET_STR_INIT;
    struct facet_event before;
    if (e->type == FACET_EVENT_CAMERA)
        return;
    facet_lock_take(&o->lock);
    bool has_before = facet_before_step(&o->before, e, &before);
    facet_lock_give(&o->lock);
    if (!is_own)
        return;
    int err = to_json(e, has_before ? &before : NULL, &json);
    if (!err)
        err = put(o->node, e, person_of(e, has_before ? &before : NULL), &json);
    if (err)
        facet_log(FACET_LOG_ERROR, "node", "event %s could not be put into the outbox: %s", e->id, facet_error_text());
    facet_str_fini(&json);
}

static void out_close(void *state)
{
    struct events_out *o = state;
    facet_before_fini(&o->before);
    if (o->has_lock)
        facet_lock_fini(&o->lock);
}

const struct facet__part facet__part_events_out = {
    .name = "events-out",
    .state_size = sizeof(struct events_out),
    .wanted = out_wanted,
    .open = out_open,
    .event = out_event,
    .close = out_close,
};

/* ---- the server's side ---- */

struct events_in { struct facet_node *node; };

static bool in_wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

/* The object behind "after" is the last member, and the one before it has no such key: a quote inside a text is escaped, so the
 * first match is it. */
static int from_json(struct facet_event *out, const char *text, size_t len)
{
    static const char key[] = "\"after\":";
    const char *at = len > sizeof(key) ? memmem(text, len, key, sizeof(key) - 1) : NULL;     /* nothing at all has no text */
    if (!at || text[len - 1] != '}')
        return facet_fail(FACET_E_FORMAT, "no event: there is no \"after\" in it");
    at += sizeof(key) - 1;
    return facet_event_from_json(out, at, (size_t)(text + len - 1 - at));
}

/* It is on our disk: the device need not send it again. A lost word costs a double, which is known by its id. */
static void tell_stored(struct facet_node *n, const struct facet_event *e)
{
    struct facet_message m = { .kind = FACET_MESSAGE_STORED, .stored = { .n = 1 } };
    memcpy(m.stored.ids[0], e->id, sizeof(e->id));
    if (*e->device && strcmp(e->device, n->site->device))
        (void)facet__wire_send(n, e->device, "stored", &m, NULL);
}

static int in_open(void *state, struct facet_node *n)
{
    ((struct events_in *)state)->node = n;
    return FACET_OK;
}

static void in_close(void *state)
{
    (void)state;
}

/* A device whose copy of our gallery is a moment old may still name who was erased here: it is nobody we know. */
static void forget_the_erased(struct facet_node *n, struct facet_event *e)
{
    struct facet_person p;
    if (e->identity.decision == FACET_KNOWN && facet__device_has_copy(n, e->device) &&
        facet_gallery_person_by_id(n->gallery, e->identity.person, &p) == FACET_E_NOT_FOUND)
        e->identity = (struct facet_identity){ .decision = FACET_UNKNOWN, .cosine = -1 };
}

static int in_topic(void *state, const struct facet_mqtt_message *m)
{
    struct facet_node *n = ((struct events_in *)state)->node;
    struct facet_event e;
    char topic[128];
    snprintf(topic, sizeof(topic), "%s/events", n->site->mqtt.prefix);
    if (strcmp(m->topic, topic))
        return FACET_E_NOT_FOUND;
    if (m->is_retained_copy) /* events are never retained: somebody replays an old one */
        return FACET_OK;
    if (from_json(&e, m->payload, m->len)) {
        facet_log(FACET_LOG_WARN, "node", "an event is not understood: %s", facet_error_text());
        return FACET_OK;
    }
    forget_the_erased(n, &e);
    int err = facet__node_arrived(n, &e);
    if (!err)
        tell_stored(n, &e);
    return err;
}

static const char *const in_topics[] = { "events", NULL };

const struct facet__part facet__part_events_in = {
    .name = "events-in",
    .state_size = sizeof(struct events_in),
    .wanted = in_wanted,
    .open = in_open,
    .topics = in_topics,
    .topic = in_topic,
    .close = in_close,
};
