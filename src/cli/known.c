#include "cli/people.h"

#include "base/errors.h"
#include "cli/tuned.h"
#include "models/models.h"

#include <string.h>

/* Whose embeddings are in the gallery, if there is one? Its model's name goes to `model`. */
static int ask_gallery(const struct facet_known_opts *o, char model[FACET_MAX_NAME], bool *is_there)
{
    struct facet_gallery *g;
    struct facet_gallery_info info;
    struct facet_gallery_opts look = { .path = o->gallery, .read_only = o->read_only };
    int err = facet_gallery_open(&g, &look);
    *is_there = !err;
    if (err == FACET_E_NOT_FOUND && o->create)
        return FACET_OK;
    if (!err)
        err = facet_gallery_info(g, &info);
    if (!err)
        memcpy(model, info.model, sizeof(info.model));
    facet_gallery_close(&g);
    return err;
}

static int open_gallery(struct facet_known *k, const struct facet_known_opts *o)
{
    struct facet_gallery_opts g = {
        .path = o->gallery,
        .contract = facet_recogniser_contract(k->recogniser),
        .model = facet_recogniser_model(k->recogniser)->name,
        .dim = facet_recogniser_dim(k->recogniser),
        .create = o->create,
        .read_only = o->read_only,
    };
    return facet_gallery_open(&k->gallery, &g);
}

int facet_known_open(struct facet_known *out, const struct facet_known_opts *o)
{
    char model[FACET_MAX_NAME] = "";
    bool is_there = false;
    struct facet_tuning tuning;
    *out = (struct facet_known){ .gallery = NULL };
    int err = facet_cli_tuning(o->cli, &tuning);
    if (!err && !o->without_gallery)
        err = ask_gallery(o, model, &is_there);
    struct facet_recogniser_opts r = {
        .detector = o->detector,
        .recogniser = o->recogniser ? o->recogniser : *model ? model : NULL,
        .min_face = (int)o->min_face,
        .backend = o->backend,
        .tuning = &tuning,
    };
    if (!err)
        err = facet_recogniser_open(&out->recogniser, &r);
    if (!err && (is_there || o->create))
        err = open_gallery(out, o);
    if (err)
        facet_known_close(out);
    return err;
}

void facet_known_close(struct facet_known *k)
{
    facet_gallery_close(&k->gallery);
    facet_recogniser_close(&k->recogniser);
}

int facet_known_threshold(const struct facet_known *k, double threshold, double far, double *out)
{
    *out = threshold;
    return threshold != 0 ? FACET_OK : facet_model_threshold(facet_recogniser_model(k->recogniser), far, out);
}
