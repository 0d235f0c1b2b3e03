/* What may change while a node runs. Cameras come and go one by one; other options of the path put a new pipeline behind the
 * cameras. What would need new connections, files or models is refused before anything is changed. */
#include "base/errors.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAME(a, b, field) (memcmp(&(a)->field, &(b)->field, sizeof((a)->field)) == 0)

static int needs_restart(const struct facet_site *s, const char *what)
{
    return facet_fail(FACET_E_UNSUPPORTED, "cannot take over '%s' while running: %s changed, which needs a restart", s->path, what);
}

/* Readers zero what they fill, so bytes can be compared. */
static int check(const struct facet_node *n, const struct facet_site *s)
{
    const struct facet_site *is = n->site;
    bool has_sinks = n->o.csv || n->o.events || n->o.video;
    if (!SAME(is, s, name) || !SAME(is, s, device) || !SAME(is, s, strategy))
        return needs_restart(s, "site, device or strategy");
    if (!SAME(is, s, mqtt))
        return needs_restart(s, "mqtt");
    if (!SAME(is, s, server) || !SAME(is, s, outbox))
        return needs_restart(s, "server or outbox");
    if (strcmp(is->gallery.path, s->gallery.path) || is->gallery.sync != s->gallery.sync)
        return needs_restart(s, "gallery.path or gallery.sync");
    if (strcmp(is->models.detector, s->models.detector) || strcmp(is->models.recogniser, s->models.recogniser) ||
        strcmp(is->models.antispoof, s->models.antispoof))
        return needs_restart(s, "a model");
    if (strcmp(is->store.events, s->store.events) || strcmp(is->store.key, s->store.key))
        return needs_restart(s, "store.events or store.key");
    if (!SAME(is, s, hybrid))
        return needs_restart(s, "hybrid");
    if (has_sinks && (!SAME(is, s, models) || !SAME(is, s, track) || !SAME(is, s, gallery)))
        return needs_restart(s, "an option of the path, while CSV, events or video are written,");
    return FACET_OK;
}

static const struct facet_camera_conf *find(const struct facet_site *s, const char *name)
{
    for (int i = 0; i < s->n_cameras; i++)
        if (!strcmp(s->cameras[i].name, name))
            return &s->cameras[i];
    return NULL;
}

static void note(struct facet_str *changed, const char *what, const char *name)
{
    facet_str_printf(changed, "%s%s%s%s", changed->len ? ", " : "", what, *name ? " " : "", name);
}

static bool is_changed(const struct facet_camera_conf *was, const struct facet_camera_conf *is)
{
    return !is || memcmp(was, is, sizeof(*is)) != 0;
}

/* As there are to be: those of the file, and those that others added and the file does not name. */
static int check_count(struct facet_node *n, const struct facet_site *s)
{
    struct facet_cameras *c = facet_node_cameras(n);
    struct facet_camera_status *there = c ? calloc(FACET_MAX_CAMERAS, sizeof(*there)) : NULL;
    if (c && !there)
        return facet_fail_nomem();
    int count = c ? facet_cameras_status(c, there, FACET_MAX_CAMERAS) : 0, all = s->n_cameras;
    for (int i = 0; i < count && i < FACET_MAX_CAMERAS; i++)
        all += !find(n->site, there[i].name) && !find(s, there[i].name);
    free(there);
    return all <= FACET_MAX_CAMERAS ? FACET_OK : facet_fail(FACET_E_LIMIT, "cannot take over '%s': with those that were added by others there "
                                                            "would be %d cameras, more than %d", s->path, all, FACET_MAX_CAMERAS);
}

struct progress { int old, fresh; };   /* cameras of the old and of the new file that were seen to */

/* Cameras that others added while it ran (by the API) are in neither file, and stay; one that comes into the file takes the place
 * of one of its name. */
static int change_cameras(struct facet_node *n, const struct facet_site *s, struct progress *p, struct facet_str *changed)
{
    struct facet_cameras *c = facet_node_cameras(n);
    int err = FACET_OK;
    for (; c && p->old < n->site->n_cameras && !err; p->old++) {
        const struct facet_camera_conf *was = &n->site->cameras[p->old], *is = find(s, was->name);
        if (!is_changed(was, is))
            continue;
        note(changed, is ? "changed camera" : "removed camera", was->name);
        err = facet_cameras_remove(c, was->name);
        if (err == FACET_E_NOT_FOUND)
            err = FACET_OK;
        if (!err && is)
            err = facet_cameras_add(c, is);
    }
    for (; c && p->fresh < s->n_cameras && !err; p->fresh++) {
        const char *name = s->cameras[p->fresh].name;
        if (find(n->site, name))
            continue;
        bool was_added = facet_node_camera_remove(n, name) == FACET_OK;
        note(changed, was_added ? "changed camera" : "added camera", name);
        err = facet_cameras_add(c, &s->cameras[p->fresh]);
    }
    return err;
}

/* What was seen to becomes as it was. The error's text stays. */
static int change_back(struct facet_node *n, const struct facet_site *s, const struct progress *p, int err)
{
    struct facet_cameras *c = facet_node_cameras(n);
    char why[512];
    snprintf(why, sizeof(why), "%s", facet_error_text());
    for (int i = 0; i < p->fresh; i++)
        if (!find(n->site, s->cameras[i].name))
            (void)facet_cameras_remove(c, s->cameras[i].name);
    for (int i = 0; i < p->old; i++) {
        const struct facet_camera_conf *was = &n->site->cameras[i];
        if (!is_changed(was, find(s, was->name)))
            continue;
        (void)facet_cameras_remove(c, was->name);
        if (facet_cameras_add(c, was))
            facet_log(FACET_LOG_ERROR, "node", "camera '%s' is gone: %s", was->name, facet_error_text());
    }
    return facet_fail(err, "%s", why);
}

static bool path_differs(const struct facet_site *a, const struct facet_site *b)
{
    return !SAME(a, b, models) || !SAME(a, b, track) || !SAME(a, b, gallery) || a->event_expires_ms != b->event_expires_ms;
}

/* Nothing of the node is touched before all is known to be right. */
int facet_node_reload(struct facet_node *n, const struct facet_site *site, struct facet_str *changed)
{
    struct facet_identify_opts identify;
    struct progress done = { .old = 0 };
    int err = check(n, site);
    for (int i = 0; i < site->n_cameras && !err; i++)
        err = facet_camera_conf_check(&site->cameras[i]);
    if (!err)
        err = facet__node_plan_identify(n, site, &identify);
    if (err)
        return err;
    facet_lock_take(&n->path_lock);
    bool renew = path_differs(n->site, site);
    err = check_count(n, site);
    if (!err) {
        err = change_cameras(n, site, &done, changed);
        err = err ? change_back(n, site, &done, err) : FACET_OK;
    }
    if (!err && memcmp(&n->site->store.retention, &site->store.retention, sizeof(site->store.retention)))
        note(changed, "retention", "");
    if (!err && renew) {
        (void)facet__node_end_path(n);
        note(changed, "models, gallery or track", "");
    }
    if (!err) {
        n->site = site;
        facet__node_use_identify(n, &identify);
    }
    facet_lock_give(&n->path_lock);
    return err;
}
