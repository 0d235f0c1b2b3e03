/* Cameras that were added while a node ran, and are to be there after a restart: each is a state in the event store, sealed like
 * everything there. The site's file rules: of a name that stands in both, the file's camera is looked at and the other is
 * forgotten. On a database of several servers each has its own, by the name `device:`. */
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/camera_json.h"
#include "deploy/node_priv.h"
#include "store/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY 192

static void key_of(const struct facet_node *n, const char *camera, char out[KEY])
{
    int len = snprintf(out, KEY, "camera/%.63s/%s", n->site->device, camera);
    if (len >= KEY)
        out[0] = '\0'; /* the store refuses it */
}

static bool is_of_file(const struct facet_site *s, const char *camera)
{
    for (int i = 0; i < s->n_cameras; i++)
        if (!strcmp(s->cameras[i].name, camera))
            return true;
    return false;
}

/* The text holds the camera's password. */
static void wipe(struct facet_str *text)
{
    if (text->data)
        explicit_bzero(text->data, text->len);
    facet_str_fini(text);
}

int facet__node_keep_camera(struct facet_node *n, const struct facet_camera_conf *conf)
{
    char key[KEY];
    struct facet_str text = FACET_STR_INIT;
    struct facet_jsonw w;
    if (!n->events)
        return FACET_OK;
    key_of(n, conf->name, key);
    facet_jsonw_init(&w, &text, false);
    facet_jsonw_object(&w);
    facet_camera_to_json(&w, conf, true);
    facet_jsonw_end_object(&w);
    int err = text.err ? facet_fail_nomem() : facet_events_state_put(n->events, key, text.data, text.len);
    wipe(&text);
    return err;
}

static int read_kept(struct facet_camera_conf *out, const char *text, size_t len)
{
    struct facet_json *j;
    int err = facet_json_parse(&j, text, len, "a camera that was kept");
    if (!err)
        err = facet_camera_from_json(out, j);
    facet_json_unref(&j);
    return err;
}

/* FACET_E_NOT_FOUND: it is none of those. */
static int get_kept(struct facet_node *n, const char *camera, struct facet_camera_conf *out)
{
    char key[KEY];
    void *text = NULL;
    size_t len = 0;
    key_of(n, camera, key);
    int err = n->events ? facet_events_state_get(n->events, key, &text, &len) : FACET_E_NOT_FOUND;
    if (!err)
        err = read_kept(out, text, len);
    if (text)
        explicit_bzero(text, len);
    free(text);
    return err;
}

int facet__node_forget_camera(struct facet_node *n, const char *camera)
{
    char key[KEY];
    if (!n->events)
        return FACET_OK;
    key_of(n, camera, key);
    return facet_events_state_delete(n->events, key);
}

int facet__node_kept_is_on(struct facet_node *n, const char *camera, bool on)
{
    struct facet_camera_conf *conf = malloc(sizeof(*conf));
    int err = conf ? get_kept(n, camera, conf) : facet_fail_nomem();
    if (!err && conf->disabled == on) {
        conf->disabled = !on;
        err = facet__node_keep_camera(n, conf);
    }
    free(conf);
    return err == FACET_E_NOT_FOUND ? FACET_OK : err;
}

int facet__node_kept_areas(struct facet_node *n, const struct facet_camera_conf *areas, bool *is_kept)
{
    struct facet_camera_conf *conf = malloc(sizeof(*conf));
    int err = conf ? get_kept(n, areas->name, conf) : facet_fail_nomem();
    if (!err) {
        memcpy(conf->zones, areas->zones, sizeof(conf->zones));
        memcpy(conf->masks, areas->masks, sizeof(conf->masks));
        conf->n_zones = areas->n_zones;
        conf->n_masks = areas->n_masks;
        err = facet__node_keep_camera(n, conf);
    }
    *is_kept = !err;
    free(conf);
    return err == FACET_E_NOT_FOUND ? FACET_OK : err;
}

/* ---- at the start ---- */

static void yield(struct facet_node *n, const char *camera)
{
    facet_log(FACET_LOG_WARN, "node", "camera '%s' stands in the site's file, too: the one that was added is forgotten", camera);
    if (facet__node_forget_camera(n, camera))
        facet_log(FACET_LOG_ERROR, "node", "camera '%s' could not be forgotten: %s", camera, facet_error_text());
}

/* What cannot be added is told and stays kept: a node that starts without one camera is better than none. */
static int take(void *ctx, const char *key, const void *data, size_t len)
{
    struct facet_node *n = ctx;
    struct facet_camera_conf *conf = malloc(sizeof(*conf));
    int err = conf ? read_kept(conf, data, len) : facet_fail_nomem();
    if (!err && is_of_file(n->site, conf->name))
        yield(n, conf->name);
    else if (!err)
        err = facet_node_camera_add(n, conf, false);
    if (err)
        facet_log(FACET_LOG_ERROR, "node", "'%s' cannot be looked at again: %s", key, facet_error_text());
    free(conf);
    return FACET_OK;
}

int facet__node_open_kept(struct facet_node *n)
{
    char prefix[KEY];
    key_of(n, "", prefix);
    return n->events && facet_node_cameras(n) ? facet_events_states(n->events, prefix, take, n) : FACET_OK;
}
