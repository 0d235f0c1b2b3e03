#include <facet/people.h>

#include "api/options.h"
#include "api/photo_priv.h"
#include "api/session_priv.h"
#include "base/errors.h"
#include "deploy/enrol.h"
#include "models/models.h"
#include "stages/identify/identify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        .model = s->model->name,
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
            .calib_a = s->model->calib_a, .calib_b = s->model->calib_b,
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

/* A photo of one face, found as it is: the caller looks after borders and groups. */
int facet_people_enrol(struct facet_people *k, const char *name, const struct facet_photo *p)
{
    const struct facet_enrol_opts o = { .threshold = k->session->threshold, .clear = -1, .pad = -1 };
    struct facet_template about = { .id = 0 };
    struct facet_enrolled done;
    return facet_enrol(k->session->recogniser, k->gallery, name, &p->image, &about, &o, &done);
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
