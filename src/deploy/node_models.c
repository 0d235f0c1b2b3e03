/* Which networks and whose faces: what a node looks up before anything runs. */
#include "base/errors.h"
#include "base/log.h"
#include "deploy/engine_room.h"
#include "deploy/node_priv.h"
#include "models/models.h"
#include "store/gallery.h"

#include <string.h>

static int find_model(const struct facet_model_spec **out, const struct facet_node *n, const char *name, const char *task)
{
    *out = *name ? facet_manifest_find(n->manifest, name) : facet_manifest_default(n->manifest, task);
    if (!*out)
        return FACET_E_NOT_FOUND;
    if (strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", name, (*out)->task, task);
    return FACET_OK;
}

/* A gallery that is there says whose embeddings it holds. */
static int recogniser_of_gallery(const struct facet_node *n, char out[FACET_MAX_NAME], const char *path)
{
    struct facet_gallery_opts o = { .path = path, .read_only = true, .vault = n->vault };
    struct facet_gallery_info info = { .schema = 0 };
    struct facet_gallery *g;
    int err = facet_gallery_open(&g, &o);
    if (err == FACET_E_NOT_FOUND)
        return FACET_OK;
    if (!err)
        err = facet_gallery_info(g, &info);
    if (!err)
        memcpy(out, info.model, sizeof(info.model));
    facet_gallery_close(&g);
    return err;
}

static const char *gallery_path(const struct facet_node *n)
{
    return *n->site->gallery.path ? n->site->gallery.path : NULL;
}

int facet__node_open_models(struct facet_node *n)
{
    char model[FACET_MAX_NAME] = "";
    int err = facet_manifest_open(&n->manifest, NULL);
    if (!err)
        err = find_model(&n->detector, n, n->site->models.detector, "detect");
    if (!err && *n->site->models.antispoof)
        err = find_model(&n->antispoof, n, n->site->models.antispoof, "other");
    if (!err && !*n->site->models.recogniser)
        err = recogniser_of_gallery(n, model, gallery_path(n));
    if (!err)
        err = find_model(&n->recogniser, n, *model ? model : n->site->models.recogniser, "embed");
    return err;
}

/* The same networks as a path of this node would open, looked up once. */
static int open_engine(struct facet_node *n)
{
    const struct facet_site *s = n->site;
    char contract[65];
    int err = facet_model_contract(n->recogniser, contract);
    struct facet_engine_room_opts o = {
        .detector = n->detector->name,
        .recogniser = n->recogniser->name,
        .backend = *s->models.backend ? s->models.backend : NULL,
        .contract = contract,
        .threads = (unsigned)s->models.threads,
        .min_face = s->models.min_face,
    };
    return err ? err : facet_engine_room_open(&n->engine, &o);
}

int facet_node_engine(struct facet_node *n, struct facet_engine_room **out)
{
    int err = facet__node_is_server(n) ? FACET_OK : facet_fail(FACET_E_UNSUPPORTED, "a device recognises in its path alone");
    if (!err) {
        facet_lock_take(&n->engine_lock);
        err = n->engine ? FACET_OK : open_engine(n);
        facet_lock_give(&n->engine_lock);
    }
    *out = err ? NULL : n->engine;
    return err;
}

/* A server makes its gallery, and so does a device that keeps a copy of it; a device without one knows nobody. */
int facet__node_open_gallery(struct facet_node *n)
{
    char contract[65];
    bool is_written = facet__node_is_server(n) || n->site->gallery.sync;
    int err = facet_model_contract(n->recogniser, contract);
    struct facet_gallery_opts o = {
        .path = gallery_path(n),
        .contract = contract,
        .model = n->recogniser->name,
        .dim = n->recogniser->dim,
        .create = is_written,
        .read_only = !is_written,
        .vault = n->vault,
    };
    if (!err)
        err = facet_gallery_open(&n->gallery, &o);
    if (err == FACET_E_NOT_FOUND && !is_written && !gallery_path(n)) {
        facet_log(FACET_LOG_WARN, "node", "there is no gallery: everyone is unknown (facet enroll makes one)");
        return FACET_OK;
    }
    return err;
}
