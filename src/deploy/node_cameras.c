/* Cameras that come and go while a node runs; those whose pictures are sent to us have a ring. */
#include "base/errors.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/upload.h"

#include <stdlib.h>
#include <string.h>

static struct facet__uploaded *find(struct facet_node *n, const char *name)
{
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        if (n->uploads[i].upload && !strcmp(n->uploads[i].name, name))
            return &n->uploads[i];
    return NULL;
}

static struct facet__uploaded *find_free(struct facet_node *n)
{
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        if (!n->uploads[i].upload)
            return &n->uploads[i];
    return NULL;
}

static int no_cameras(void)
{
    return facet_fail(FACET_E_UNSUPPORTED, "this node looks at no cameras of its own");
}

bool facet_node_is_upload(const char *url)
{
    return !strcmp(url, FACET_UPLOAD_URL);
}

static int add_uploaded(struct facet_node *n, const struct facet_camera_conf *conf)
{
    struct facet_camera_conf *copy = malloc(sizeof(*copy));
    struct facet_upload *u = NULL;
    int err = copy ? facet_upload_open(&u, 0) : facet_fail_nomem();
    if (!err) {
        *copy = *conf;
        copy->read = facet_upload_read;
        copy->read_ctx = u;
        facet_lock_take(&n->lock);
        struct facet__uploaded *e = find(n, conf->name) ? NULL : find_free(n);
        if (e) {
            e->upload = facet_upload_ref(u);
            memcpy(e->name, conf->name, sizeof(e->name));
        } else
            err = facet_fail(FACET_E_EXISTS, "there is a camera '%s' already", conf->name);
        facet_lock_give(&n->lock);
    }
    if (!err) {
        err = facet_cameras_add(facet_node_cameras(n), copy);
        if (err)
            facet__node_drop_upload(n, conf->name);
    }
    facet_upload_unref(&u);
    free(copy);
    return err;
}

void facet__node_drop_upload(struct facet_node *n, const char *name)
{
    struct facet_upload *u = NULL;
    facet_lock_take(&n->lock);
    struct facet__uploaded *e = find(n, name);
    if (e) {
        u = e->upload;
        e->upload = NULL;
    }
    facet_lock_give(&n->lock);
    if (u)
        facet_upload_abandon(u);
    facet_upload_unref(&u);
}

/* The ring outlives the camera that reads from it. */
static int remove_camera(struct facet_node *n, const char *name)
{
    int err = facet_cameras_remove(facet_node_cameras(n), name);
    if (!err)
        facet__node_drop_upload(n, name);
    return err;
}

int facet_node_camera_add(struct facet_node *n, const struct facet_camera_conf *conf, bool keep)
{
    if (!facet_node_cameras(n))
        return no_cameras();
    int err = facet_node_is_upload(conf->url) ? add_uploaded(n, conf) : facet_cameras_add(facet_node_cameras(n), conf);
    if (err || !keep)
        return err;
    err = facet__node_keep_camera(n, conf);
    if (err)
        (void)remove_camera(n, conf->name);
    return err;
}

int facet_node_camera_enable(struct facet_node *n, const char *name, bool enabled)
{
    int err = facet_node_cameras(n) ? facet_cameras_enable(facet_node_cameras(n), name, enabled) : no_cameras();
    return err ? err : facet__node_kept_is_on(n, name, enabled);
}

int facet_node_camera_set_areas(struct facet_node *n, const struct facet_camera_conf *areas, bool *is_kept)
{
    *is_kept = false;
    int err = facet_node_cameras(n) ? facet_cameras_set_areas(facet_node_cameras(n), areas) : no_cameras();
    return err ? err : facet__node_kept_areas(n, areas, is_kept);
}

int facet_node_camera_remove(struct facet_node *n, const char *name)
{
    int err = facet_node_cameras(n) ? remove_camera(n, name) : no_cameras();
    return err ? err : facet__node_forget_camera(n, name);
}

int facet_node_upload(struct facet_node *n, const char *camera, struct facet_upload **out)
{
    facet_lock_take(&n->lock);
    struct facet__uploaded *e = find(n, camera);
    *out = e ? facet_upload_ref(e->upload) : NULL;
    facet_lock_give(&n->lock);
    return *out ? FACET_OK : facet_fail(FACET_E_NOT_FOUND, "there is no camera '%s' whose pictures are sent here", camera);
}

void facet__node_drop_uploads(struct facet_node *n)
{
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        facet_upload_unref(&n->uploads[i].upload);
}
