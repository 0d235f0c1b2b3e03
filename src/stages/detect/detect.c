#include "stages/detect/detect.h"

#include "base/errors.h"
#include "base/pool.h"
#include "models/models.h"
#include "stages/detect/detect_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A new detector is one file and one line here. */
static const struct facet__detector_ops *const detectors[] = {
    &facet__detector_mtcnn,
    &facet__detector_yunet,
    &facet__detector_scrfd,
    NULL,
};

struct facet_detector {
    const struct facet__detector_ops *ops;
    struct facet_detector_opts o;
    void *state;
};

static const struct facet__detector_ops *find_detector(const char *kind)
{
    for (size_t i = 0; detectors[i]; i++)
        if (!strcmp(detectors[i]->kind, kind))
            return detectors[i];
    return NULL;
}

static void fill_defaults(struct facet_detector_opts *o, const struct facet_detector_opts *d)
{
    o->min_face = o->min_face ? o->min_face : d->min_face;
    o->factor = o->factor != 0 ? o->factor : d->factor;
    o->nms = o->nms != 0 ? o->nms : d->nms;
    o->max_side = o->max_side ? o->max_side : d->max_side;
    o->max_faces = o->max_faces ? o->max_faces : FACET_MAX_FACES;
    for (int i = 0; i < 3; i++)
        o->threshold[i] = o->threshold[i] != 0 ? o->threshold[i] : d->threshold[i];
}

static int check_options(const struct facet_detector_opts *o)
{
    if (o->max_faces < 1 || o->max_faces > FACET_MAX_FACES)
        return facet_fail(FACET_E_INVALID, "cannot keep %d faces of a picture: give 1 to %d", o->max_faces, FACET_MAX_FACES);
    if (!(o->nms >= 0) || o->nms > 1)
        return facet_fail(FACET_E_INVALID, "cannot suppress overlaps of %g: give 0 to 1", (double)o->nms);
    for (int i = 0; i < 3; i++)
        if (!(o->threshold[i] >= 0) || o->threshold[i] > 1)
            return facet_fail(FACET_E_INVALID, "cannot detect at a threshold of %g: give 0 to 1", (double)o->threshold[i]);
    return FACET_OK;
}

int facet_detector_open(struct facet_detector **out, const struct facet_detector_opts *o)
{
    *out = NULL;
    if (!o->model)
        return facet_fail(FACET_E_INVALID, "cannot detect without a model");
    const struct facet__detector_ops *ops = find_detector(o->model->kind);
    if (!ops)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot detect with model '%s': its kind '%s' is no detector", o->model->name,
                          o->model->kind);
    struct facet_detector *d = calloc(1, sizeof(*d));
    if (!d)
        return facet_fail_nomem();
    d->ops = ops;
    d->o = *o;
    fill_defaults(&d->o, &ops->defaults);
    int err = check_options(&d->o);
    if (!err)
        err = ops->open(&d->state, &d->o);
    if (err)
        facet_detector_close(&d);
    *out = d;
    return err;
}

void facet_detector_close(struct facet_detector **d)
{
    if (!*d)
        return;
    if ((*d)->state)
        (*d)->ops->close((*d)->state);
    free(*d);
    *d = NULL;
}

int facet_detector_run(struct facet_detector *d, const struct facet_image *img, struct facet_detection *out, int max)
{
    if (img->format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot detect faces in a picture that is not RGB24");
    return d->ops->run(d->state, img, out, max < d->o.max_faces ? max : d->o.max_faces);
}

const char *facet_detector_name(const struct facet_detector *d)
{
    return d->o.model->name;
}

int facet__detect_plan(struct facet_plan **out, const struct facet_detector_opts *o, const char *part)
{
    struct facet_plan_opts po = FACET_PLAN_OPTS_INIT;
    po.backend = o->backend;
    po.strict = o->strict;
    po.cache = true;
    return facet_model_plan(out, o->model, part, &po);
}

int facet__detect_exec(const struct facet_detector_opts *o, const char *part, struct facet_exec *e)
{
    int err = o->tap ? o->tap(o->tap_ctx, part, e) : FACET_OK;
    return err ? err : facet_exec_run(e);
}

const struct facet_tensor *facet__output_with(const struct facet_exec *e, const struct facet_plan *p, int64_t channels)
{
    for (int i = 0; i < facet_plan_graph(p)->n_outputs; i++) {
        const struct facet_tensor *t = facet_exec_output(e, i);
        if (t && t->shape.rank >= 2 && t->shape.dim[1] == channels)
            return t;
    }
    return NULL;
}

/* ---- the stage ---- */

struct detect {
    struct facet_detector *detector;
    const struct facet_pool *pool;      /* lent to the detector; its threads' time is counted here */
    struct facet_detection found[FACET_MAX_FACES];
};

static int detect_open(void *state, const void *opts)
{
    struct detect *d = state;
    d->pool = ((const struct facet_detector_opts *)opts)->pool;
    return facet_detector_open(&d->detector, opts);
}

static void put_face(struct facet_face *f, const struct facet_detection *d)
{
    f->box = d->box;
    f->points = d->points;
    f->has_points = d->has_points;
    f->score = d->score;
    f->track = 0;
    f->is_new_track = f->wants_embedding = f->has_chip = f->has_embedding = f->identity_changed = false;
    memset(&f->quality, 0, sizeof(f->quality));
    memset(&f->now, 0, sizeof(f->now));
    memset(&f->identity, 0, sizeof(f->identity));
}

static int detect_step(void *state, struct facet_packet *p)
{
    struct detect *d = state;
    if (!p->frame)
        return FACET_OK;
    uint64_t before = facet_pool_cpu_ns(d->pool);
    int n = facet_detector_run(d->detector, &p->frame->image, d->found, FACET_MAX_FACES);
    p->cpu_ns += facet_pool_cpu_ns(d->pool) - before;
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        put_face(&p->faces[i], &d->found[i]);
    p->n_faces = n;
    return FACET_OK;
}

static void detect_close(void *state)
{
    struct detect *d = state;
    facet_detector_close(&d->detector);
}

const struct facet_stage_ops facet_stage_detect = {
    .name = "detect",
    .state_size = sizeof(struct detect),
    .open = detect_open,
    .step = detect_step,
    .close = detect_close,
};
