/* Home Assistant's discovery: retained descriptions of entities, docs/mqtt.md. What was described in an earlier life of this node
 * and is no longer there is taken back when the broker shows it. */
#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "deploy/world_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entity {
    const char *component, *object;    /* "switch", "front_enabled" */
    const char *name;                  /* NULL: the thing itself */
    const char *thing, *thing_name;    /* what it belongs to: a camera's identifier and name; NULL: the node */
};

static const char *device_of(const struct world *w)
{
    return w->node->site->device;
}

static void write_device(struct facet_jsonw *j, const struct world *w, const struct entity *e)
{
    char node_name[128];
    snprintf(node_name, sizeof(node_name), "Facet %s", device_of(w));
    facet_jsonw_key(j, "device");
    facet_jsonw_object(j);
    facet_jsonw_key(j, "identifiers");
    facet_jsonw_array(j);
    facet_jsonw_str(j, e->thing ? e->thing : w->id);
    facet_jsonw_end_array(j);
    facet_jsonw_kstr(j, "name", e->thing ? e->thing_name : node_name);
    facet_jsonw_kstr(j, "manufacturer", "Facet");
    facet_jsonw_kstr(j, "sw_version", FACET_VERSION);
    if (e->thing)
        facet_jsonw_kstr(j, "via_device", w->id);
    facet_jsonw_end_object(j);
}

static void begin(struct facet_jsonw *j, struct facet_str *s, const struct world *w, const struct entity *e)
{
    char id[512];
    snprintf(id, sizeof(id), "%s_%s", w->id, e->object);
    facet_str_clear(s);
    facet_jsonw_init(j, s, false);
    facet_jsonw_object(j);
    facet_jsonw_kstr(j, "name", e->name);
    facet_jsonw_kstr(j, "unique_id", id);
    facet_jsonw_kstr(j, "availability_topic", w->available);
    facet_jsonw_kstr(j, "availability_template", "{{ 'online' if value == 'online' else 'offline' }}");
}

static void end(struct facet_jsonw *j, struct facet_str *s, struct world *w, const struct entity *e, int group)
{
    char topic[512];
    write_device(j, w, e);
    facet_jsonw_end_object(j);
    snprintf(topic, sizeof(topic), "%s/%s/%s/%s/config", w->node->site->mqtt.discovery_prefix, e->component, w->id, e->object);
    if (!s->err)
        facet__world_set(w, group, topic, facet_str_text(s), true);
}

static void put_topic(struct facet_jsonw *j, const struct world *w, const char *key, const char *thing, const char *leaf)
{
    char topic[256];
    facet__world_topic(w, topic, "%s/%s", thing, leaf);
    facet_jsonw_kstr(j, key, topic);
}

/* ---- cameras ---- */

static void describe_connection(struct world *w, struct facet_str *s, const char *camera, const struct entity *e)
{
    struct facet_jsonw j;
    begin(&j, s, w, e);
    put_topic(&j, w, "state_topic", camera, "status");
    facet_jsonw_kstr(&j, "payload_on", "online");
    facet_jsonw_kstr(&j, "payload_off", "offline");
    facet_jsonw_kstr(&j, "value_template", "{{ 'online' if value == 'online' else 'offline' }}");
    put_topic(&j, w, "json_attributes_topic", camera, "attributes");
    facet_jsonw_kstr(&j, "device_class", "connectivity");
    end(&j, s, w, e, FACET__WORLD_CAMERA_HA);
}

static void describe_switch(struct world *w, struct facet_str *s, const char *camera, const struct entity *e)
{
    struct facet_jsonw j;
    begin(&j, s, w, e);
    put_topic(&j, w, "state_topic", camera, "enabled/state");
    put_topic(&j, w, "command_topic", camera, "enabled/set");
    facet_jsonw_kstr(&j, "payload_on", "ON");
    facet_jsonw_kstr(&j, "payload_off", "OFF");
    end(&j, s, w, e, FACET__WORLD_CAMERA_HA);
}

static void describe_button(struct world *w, struct facet_str *s, const char *camera, const struct entity *e)
{
    struct facet_jsonw j;
    begin(&j, s, w, e);
    put_topic(&j, w, "command_topic", camera, "snapshot/set");
    facet_jsonw_kstr(&j, "payload_press", "PRESS");
    end(&j, s, w, e, FACET__WORLD_CAMERA_HA);
}

static void describe_picture(struct world *w, struct facet_str *s, const char *camera, const struct entity *e)
{
    struct facet_jsonw j;
    begin(&j, s, w, e);
    put_topic(&j, w, "topic", camera, "snapshot");
    end(&j, s, w, e, FACET__WORLD_CAMERA_HA);
}

void facet__world_describe_camera(struct world *w, const char *camera)
{
    static const struct {
        const char *component, *what, *name;
        bool is_command;
        void (*describe)(struct world *w, struct facet_str *s, const char *camera, const struct entity *e);
    } all[] = {
        { "binary_sensor", "connection", "Connection", false, describe_connection },
        { "switch", "enabled", "Enabled", true, describe_switch },
        { "button", "snapshot", "Take snapshot", true, describe_button },
        { "camera", "picture", "Snapshot", true, describe_picture },
    };
    struct facet_str s = FACET_STR_INIT;
    char thing[320], object[192];
    snprintf(thing, sizeof(thing), "%s_%s", w->id, camera);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (all[i].is_command && !w->node->site->mqtt.commands)
            continue;
        snprintf(object, sizeof(object), "%s_%s", camera, all[i].what);
        const struct entity e = { all[i].component, object, all[i].name, thing, camera };
        all[i].describe(w, &s, camera, &e);
    }
    facet_str_fini(&s);
}

/* ---- people ---- */

static void describe_person(struct world *w, struct facet_str *s, int64_t id, const struct entity *e, const char *template)
{
    struct facet_jsonw j;
    char topic[256];
    facet__world_topic(w, topic, "%s/person/%lld", device_of(w), (long long)id);
    begin(&j, s, w, e);
    facet_jsonw_kstr(&j, "state_topic", topic);
    facet_jsonw_kstr(&j, "value_template", template);
    facet_jsonw_kstr(&j, "json_attributes_topic", topic);
    if (!strcmp(e->component, "binary_sensor"))
        facet_jsonw_kstr(&j, "device_class", "presence");
    end(&j, s, w, e, FACET__WORLD_PERSON_HA);
}

void facet__world_describe_person(struct world *w, int64_t id, const char *name)
{
    struct facet_str s = FACET_STR_INIT;
    char object[64], where[FACET_MAX_NAME + 16];
    snprintf(object, sizeof(object), "person_%lld", (long long)id);
    const struct entity present = { "binary_sensor", object, name, NULL, NULL };
    describe_person(w, &s, id, &present, "{{ 'ON' if value_json.present else 'OFF' }}");
    snprintf(object, sizeof(object), "person_%lld_camera", (long long)id);
    snprintf(where, sizeof(where), "%s camera", name);
    const struct entity camera = { "sensor", object, where, NULL, NULL };
    describe_person(w, &s, id, &camera, "{{ value_json.camera }}");
    facet_str_fini(&s);
}

/* ---- what comes from there ---- */

void facet__world_ha_filters(const struct world *w, char status[256], char configs[256])
{
    const char *prefix = w->node->site->mqtt.discovery_prefix;
    snprintf(status, 256, "%s/status", prefix);
    snprintf(configs, 256, "%s/+/%s/+/config", prefix, w->id);
}

/* "<prefix>/<component>/<id>/<object>/config" of this node. */
static bool is_our_config(const struct world *w, const char *topic)
{
    const char *prefix = w->node->site->mqtt.discovery_prefix;
    size_t len = strlen(prefix), id = strlen(w->id), all = strlen(topic);
    const char *at = strncmp(topic, prefix, len) || topic[len] != '/' ? NULL : strchr(topic + len + 1, '/');
    return at && !strncmp(at + 1, w->id, id) && at[1 + id] == '/' && all > 7 && !strcmp(topic + all - 7, "/config");
}

int facet__world_ha_message(struct world *w, const struct facet_mqtt_message *m)
{
    char status[256], configs[256];
    facet__world_ha_filters(w, status, configs);
    if (!strcmp(m->topic, status)) {
        if (m->len == 6 && !memcmp(m->payload, "online", 6))
            facet_board_resend(&w->board); /* it has just started and knows nothing */
        return FACET_OK;
    }
    if (!is_our_config(w, m->topic))
        return FACET_E_NOT_FOUND;
    if (m->is_retained_copy && m->len && w->n_stale < FACET__WORLD_STALE_MAX && (w->stale[w->n_stale] = strdup(m->topic)))
        w->n_stale++;
    return FACET_OK;
}

void facet__world_ha_clean(struct world *w)
{
    while (w->n_stale) {
        char *topic = w->stale[--w->n_stale];
        if (!facet_board_has(&w->board, topic)) {
            facet__world_set(w, FACET__WORLD_STALE, topic, "gone", true);
            facet_board_remove(&w->board, topic);
        }
        free(topic);
    }
}
