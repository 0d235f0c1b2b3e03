#include "stages/detect/detect.h"

#include "base/errors.h"
#include "base/pool.h"
#include "flow/sources.h"
#include "models/models.h"
#include "stages/detect/detect_priv.h"
#include "stages/detect/guide.h"

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

static int check_options(const struct facet__detector_ops *ops, const struct facet_detector_opts *o)
{
    if (o->scan_every < 0)
        return facet_fail(FACET_E_INVALID, "cannot look over a picture in each %d: give 1 or more", o->scan_every);
    if (o->scan_every > 1 && !ops->follow)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot follow faces between scans with detector '%s': it looks at whole pictures only",
                          o->model->name);
    if (o->max_face < 0)
        return facet_fail(FACET_E_INVALID, "cannot look for faces of at most %d pixels", o->max_face);
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
    int err = check_options(ops, &d->o);
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

int facet_detector_follow(struct facet_detector *d, const struct facet_image *img, const struct facet_box *seeds, int n,
                          struct facet_detection *out, int max)
{
    if (!d->ops->follow)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot follow faces with detector '%s': it looks at whole pictures only",
                          d->o.model->name);
    if (img->format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot detect faces in a picture that is not RGB24");
    if (n < 0 || n > FACET_MAX_FACES)
        return facet_fail(FACET_E_LIMIT, "cannot follow %d faces: %d at most", n, FACET_MAX_FACES);
    return d->ops->follow(d->state, img, seeds, n, out, max < d->o.max_faces ? max : d->o.max_faces);
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
    bool (*keep)(void *ctx, int source, const struct facet_image *img, const struct facet_box *box);
    void *keep_ctx;
    struct facet_sources sources;
    struct facet__guide guides[FACET_MAX_LIVE_SOURCES];
    struct facet_box seeds[FACET_MAX_FACES];
    struct facet_detection found[FACET_MAX_FACES];
};

static int detect_open(void *state, const void *opts)
{
    struct detect *d = state;
    const struct facet_detector_opts *o = opts;
    d->pool = o->pool;
    d->keep = o->keep;
    d->keep_ctx = o->keep_ctx;
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES; i++)
        facet__guide_init(&d->guides[i], o->scan_every);
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

static int find_faces(struct detect *d, const struct facet_packet *p)
{
    bool is_new;
    struct facet__guide *g = &d->guides[facet_sources_slot(&d->sources, p->source, &is_new)];
    if (is_new)
        facet__guide_init(g, g->every);
    bool is_scan = facet__guide_wants_scan(g, p->source, p->frame);
    const struct facet_image *img = &p->frame->image;
    int n = is_scan ? facet_detector_run(d->detector, img, d->found, FACET_MAX_FACES)
                    : facet_detector_follow(d->detector, img, d->seeds, facet__guide_seeds(g, d->seeds), d->found, FACET_MAX_FACES);
    if (n >= 0)
        facet__guide_found(g, d->found, n, is_scan);
    return n;
}

static int detect_step(void *state, struct facet_packet *p)
{
    struct detect *d = state;
    uint64_t before = facet_pool_cpu_ns(d->pool);
    int n = p->frame ? find_faces(d, p) : 0;
    p->cpu_ns += facet_pool_cpu_ns(d->pool) - before;
    if (n < 0)
        return n;
    if (p->flush)
        facet_sources_end(&d->sources, p->source);
    p->n_faces = 0;
    for (int i = 0; i < n; i++)
        if (!d->keep || d->keep(d->keep_ctx, p->source, &p->frame->image, &d->found[i].box))
            put_face(&p->faces[p->n_faces++], &d->found[i]);
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
