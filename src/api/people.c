#include <facet/people.h>

#include "api/options.h"
#include "api/session_priv.h"
#include "base/errors.h"
#include "models/models.h"
#include "stages/identify/identify.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_QUALITY 0.2f

struct facet_people {
    struct facet_session *session;     /* borrowed */
    struct facet_gallery *gallery;
    struct facet_identify_opts identify;
};

int facet_people_open(struct facet_people **out, struct facet_session *s, const struct facet_people_options *theirs)
{
    struct facet_people_options o;
    *out = NULL;
    int err = facet__options_take(&o, sizeof(o), theirs);
    if (err)
        return err;
    struct facet_gallery_opts g = {
        .path = o.path,
        .contract = facet_session_contract(s),
        .model = s->recogniser->name,
        .dim = facet_session_dim(s),
        .create = !o.read_only,
        .read_only = o.read_only != 0,
    };
    struct facet_people *k = calloc(1, sizeof(*k));
    err = k ? facet_gallery_open(&k->gallery, &g) : facet_fail_nomem();
    if (!err) {
        k->session = s;
        k->identify = (struct facet_identify_opts){
            .gallery = k->gallery, .method = FACET_IDENTIFY_NEAREST, .threshold = s->threshold,
            .calib_a = s->recogniser->calib_a, .calib_b = s->recogniser->calib_b,
        };
    } else {
        facet_people_close(&k);
    }
    *out = k;
    return err;
}

void facet_people_close(struct facet_people **kp)
{
    if (!*kp)
        return;
    facet_gallery_close(&(*kp)->gallery);
    free(*kp);
    *kp = NULL;
}

static int only_face(struct facet_people *k, const char *name, const struct facet_photo *p, struct facet_found *out)
{
    struct facet_found faces[2];
    int n = facet_session_find(k->session, p, faces, 2);
    if (n < 0)
        return n;
    if (n == 0)
        return facet_fail(FACET_E_NO_FACE, "cannot enrol '%s': there is no face in the photo", name);
    if (n > 1)
        return facet_fail(FACET_E_MANY_FACES, "cannot enrol '%s': there is more than one face in the photo", name);
    if (faces[0].quality < LEAST_QUALITY)
        return facet_fail(FACET_E_QUALITY, "cannot enrol '%s': quality %.2f, at least %.2f is needed", name,
                          faces[0].quality, LEAST_QUALITY);
    *out = faces[0];
    return FACET_OK;
}

int facet_people_enrol(struct facet_people *k, const char *name, const struct facet_photo *p)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_found face;
    struct facet_who who;
    int err = only_face(k, name, p, &face);
    if (!err)
        err = facet_session_embed(k->session, p, &face, embedding);
    if (!err)
        err = facet_people_identify(k, embedding, &who);
    if (!err && who.is_known && strcmp(who.name, name))
        err = facet_fail(FACET_E_EXISTS, "cannot enrol '%s': the face is that of '%s' (cosine %.2f)", name, who.name, who.cosine);
    struct facet_template about = { .quality = err ? 0 : face.quality };
    return err ? err : facet_gallery_add(k->gallery, name, embedding, facet_session_dim(k->session), &about, NULL);
}

int facet_people_identify(struct facet_people *k, const float *embedding, struct facet_who *out)
{
    struct facet_identity id;
    memset(out, 0, sizeof(*out));
    int err = facet_identify_one(&k->identify, embedding, &id);
    if (err)
        return err;
    out->is_known = id.decision == FACET_KNOWN;
    out->cosine = id.cosine;
    out->score = id.score;
    if (out->is_known)
        snprintf(out->name, sizeof(out->name), "%s", id.name);
    return FACET_OK;
}

int facet_people_delete(struct facet_people *k, const char *name)
{
    return facet_gallery_delete(k->gallery, name);
}

struct visit { facet_people_fn *fn; void *ctx; };

static int visit_person(void *ctx, const struct facet_person *p)
{
    const struct visit *v = ctx;
    return v->fn(v->ctx, p->name, p->templates);
}

int facet_people_each(struct facet_people *k, facet_people_fn *fn, void *ctx)
{
    struct visit v = { fn, ctx };
    return facet_gallery_people(k->gallery, visit_person, &v);
}
