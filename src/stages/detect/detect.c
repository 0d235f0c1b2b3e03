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

static int check_look(const struct facet_detector *d, const struct facet_look *l)
{
    if (l->n_seeds >= 0 && !d->ops->follow)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot follow faces with detector '%s': it looks at whole pictures only",
                          d->o.model->name);
    if (l->img->format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot detect faces in a picture that is not RGB24");
    if (l->n_seeds > FACET_MAX_FACES)
        return facet_fail(FACET_E_LIMIT, "cannot follow %d faces: %d at most", l->n_seeds, FACET_MAX_FACES);
    return FACET_OK;
}

static int look_at_one(struct facet_detector *d, struct facet_look *l)
{
    l->n = l->n_seeds < 0 ? d->ops->run(d->state, l->img, l->out, l->max)
                          : d->ops->follow(d->state, l->img, l->seeds, l->n_seeds, l->out, l->max);
    return l->n < 0 ? l->n : FACET_OK;
}

int facet_detector_look(struct facet_detector *d, struct facet_look *looks, int n)
{
    int err = n < 1 || n > FACET_FLOW_TOGETHER
                  ? facet_fail(FACET_E_INVALID, "cannot look at %d pictures at once: give 1 to %d", n, FACET_FLOW_TOGETHER)
                  : FACET_OK;
    for (int i = 0; !err && i < n; i++) {
        looks[i].max = looks[i].max < d->o.max_faces ? looks[i].max : d->o.max_faces;
        err = check_look(d, &looks[i]);
    }
    if (!err && n > 1 && d->ops->look)
        return d->ops->look(d->state, looks, n);
    for (int i = 0; !err && i < n; i++)
        err = look_at_one(d, &looks[i]);
    return err;
}

int facet_detector_run(struct facet_detector *d, const struct facet_image *img, struct facet_detection *out, int max)
{
    struct facet_look l = {.img = img, .n_seeds = -1, .out = out, .max = max};
    int err = facet_detector_look(d, &l, 1);
    return err ? err : l.n;
}

int facet_detector_follow(struct facet_detector *d, const struct facet_image *img, const struct facet_box *seeds, int n,
                          struct facet_detection *out, int max)
{
    struct facet_look l = {.img = img, .seeds = seeds, .n_seeds = n, .out = out, .max = max};
    if (n < 0)
        return facet_fail(FACET_E_LIMIT, "cannot follow %d faces", n);
    int err = facet_detector_look(d, &l, 1);
    return err ? err : l.n;
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
    struct facet_box seeds[FACET_FLOW_TOGETHER][FACET_MAX_FACES];
    struct facet_detection found[FACET_FLOW_TOGETHER][FACET_MAX_FACES];
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

static struct facet__guide *guide_of(struct detect *d, int source)
{
    bool is_new;
    struct facet__guide *g = &d->guides[facet_sources_slot(&d->sources, source, &is_new)];
    if (is_new)
        facet__guide_init(g, g->every);
    return g;
}

static void take_faces(struct detect *d, struct facet_packet *p, const struct facet_detection *found, int n)
{
    for (int i = 0; i < n; i++)
        if (!d->keep || d->keep(d->keep_ctx, p->source, &p->frame->image, &found[i].box))
            put_face(&p->faces[p->n_faces++], &found[i]);
}

/* Pictures of which none needs to know what another shows. */
static int find_faces(struct detect *d, struct facet_packet *const *p, int n)
{
    struct facet_look looks[FACET_FLOW_TOGETHER];
    struct facet__guide *guides[FACET_FLOW_TOGETHER];
    struct facet_packet *seen[FACET_FLOW_TOGETHER];
    int some = 0;
    for (int i = 0; i < n; i++) {
        p[i]->n_faces = 0;
        if (!p[i]->frame)
            continue;
        struct facet__guide *g = guides[some] = guide_of(d, p[i]->source);
        bool is_scan = facet__guide_wants_scan(g, p[i]->source, p[i]->frame);
        looks[some] = (struct facet_look){.img = &p[i]->frame->image, .seeds = d->seeds[some], .out = d->found[some], .max = FACET_MAX_FACES,
                                          .n_seeds = is_scan ? -1 : facet__guide_seeds(g, d->seeds[some])};
        seen[some++] = p[i];
    }
    int err = some ? facet_detector_look(d->detector, looks, some) : FACET_OK;
    for (int i = 0; !err && i < some; i++) {
        facet__guide_found(guides[i], looks[i].out, looks[i].n, looks[i].n_seeds < 0);
        take_faces(d, seen[i], looks[i].out, looks[i].n);
    }
    for (int i = 0; !err && i < n; i++)
        if (p[i]->flush)
            facet_sources_end(&d->sources, p[i]->source);
    return err;
}

/* A source's picture is looked at before its next where faces are followed, and its end comes before all that is behind it. */
static int count_apart(const struct detect *d, struct facet_packet *const *p, int n)
{
    int some = 1;
    for (bool is_apart = !p[0]->flush; some < n && is_apart; some += is_apart) {
        is_apart = !p[some - 1]->flush;
        for (int i = 0; i < some && d->guides[0].every > 1; i++)
            is_apart &= p[i]->source != p[some]->source;
    }
    return some;
}

static int detect_step_together(void *state, struct facet_packet *const *p, int n)
{
    struct detect *d = state;
    uint64_t before = facet_pool_cpu_ns(d->pool);
    int err = FACET_OK;
    for (int i = 0, some; !err && i < n; i += some) {
        some = count_apart(d, p + i, n - i);
        err = find_faces(d, p + i, some);
    }
    uint64_t cpu = facet_pool_cpu_ns(d->pool) - before;
    for (int i = 0; i < n; i++)
        p[i]->cpu_ns += cpu / (uint64_t)n;
    return err;
}

static int detect_step(void *state, struct facet_packet *p)
{
    return detect_step_together(state, &p, 1);
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
    .step_together = detect_step_together,
    .close = detect_close,
};
