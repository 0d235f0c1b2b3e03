/* The network, and the stage behind align. A track's verdict is the mean of its last looks. */
#include "stages/antispoof/antispoof.h"

#include "base/errors.h"
#include "engine/plan.h"
#include "image/resize.h"
#include "models/models.h"
#include "stages/antispoof/tracks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_FACE 40
#define LOOKS 8                    /* later looks weigh at least 1/LOOKS */

struct facet_antispoof {
    struct facet_antispoof_opts o;
    struct facet_plan *plan;
    struct facet_exec *exec;
    struct facet_image chip;
    size_t chip_cap;
};

/* ---- one look ---- */

static int check_spec(const struct facet_model_spec *s)
{
    if (strcmp(s->kind, "antispoof") != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot tell real faces with model '%s': its kind is '%s', not 'antispoof'", s->name, s->kind);
    if (s->width < 1 || s->height < 1 || s->chip.crop != FACET_CROP_SQUARE)
        return facet_fail(FACET_E_FORMAT, "cannot tell real faces with model '%s': its input and chip are not told as they must be", s->name);
    return FACET_OK;
}

static int open_network(struct facet_antispoof *a)
{
    const struct facet_model_spec *s = a->o.model;
    struct facet_plan_opts po = FACET_PLAN_OPTS_INIT;
    const struct facet_shape shape = { 4, { 1, 3, s->height, s->width } };
    po.backend = a->o.backend;
    po.strict = a->o.strict;
    po.cache = true;
    int err = facet_model_plan(&a->plan, s, s->n_parts ? s->parts[0].name : "", &po);
    if (!err)
        err = facet_exec_open(&a->exec, a->plan, NULL);
    if (!err)
        err = facet_exec_bind(a->exec, &shape, 1);
    if (err)
        return err;
    const struct facet_tensor *out = facet_exec_output(a->exec, 0);
    if (!out || out->dtype != FACET_F32 || facet_shape_count(&out->shape) != 2)
        return facet_fail(FACET_E_FORMAT, "cannot tell real faces with model '%s': its output does not hold two numbers", s->name);
    return FACET_OK;
}

int facet_antispoof_open(struct facet_antispoof **out, const struct facet_antispoof_opts *o)
{
    *out = NULL;
    if (!o->model)
        return facet_fail(FACET_E_INVALID, "cannot tell real faces without a model");
    if (!(o->threshold >= 0 && o->threshold <= 1))
        return facet_fail(FACET_E_INVALID, "cannot tell real faces by a threshold of %g: give 0 to 1", (double)o->threshold);
    struct facet_antispoof *a = calloc(1, sizeof(*a));
    if (!a)
        return facet_fail_nomem();
    a->o = *o;
    a->o.threshold = o->threshold > 0 ? o->threshold : 0.5f;
    a->o.min_face = o->min_face == 0 ? SMALLEST_FACE : o->min_face;
    int err = check_spec(o->model);
    if (!err)
        err = open_network(a);
    if (err)
        facet_antispoof_close(&a);
    *out = a;
    return err;
}

void facet_antispoof_close(struct facet_antispoof **ap)
{
    struct facet_antispoof *a = *ap;
    if (!a)
        return;
    facet_exec_close(&a->exec);
    facet_plan_close(&a->plan);
    facet_image_fini(&a->chip);
    free(a);
    *ap = NULL;
}

static struct facet_box square_around(struct facet_box b, float margin)
{
    float w = facet_box_width(b), h = facet_box_height(b), half = fmaxf(w, h) * (0.5f + margin);
    float x = (b.x1 + b.x2) / 2, y = (b.y1 + b.y2) / 2;
    return (struct facet_box){ x - half, y - half, x + half, y + half };
}

int facet_antispoof_look(struct facet_antispoof *a, const struct facet_image *img, struct facet_box box, float *real)
{
    const struct facet_model_spec *s = a->o.model;
    if (!(facet_box_width(box) >= 1) || !(facet_box_height(box) >= 1))
        return facet_fail(FACET_E_INVALID, "cannot look at an empty box");
    int err = facet_image_reserve(&a->chip, &a->chip_cap, img->format, s->width, s->height);
    if (!err)
        err = facet_resize_box(&a->chip, img, square_around(box, s->chip.margin), FACET_SCALE_AREA, s->chip.outside);
    if (err)
        return err;
    facet_image_to_float(facet_exec_input(a->exec, 0)->data, &a->chip, &s->norm);
    err = facet_exec_run(a->exec);
    const float *logits = facet_exec_output(a->exec, 0)->data;
    *real = 1 / (1 + expf(logits[1] - logits[0]));
    return err ? err : isfinite(*real) ? FACET_OK : facet_fail(FACET_E_INTERNAL, "the anti-spoof network answers with no number");
}

/* ---- the stage ---- */

struct antispoof {
    struct facet_antispoof *network;
    struct facet__live_tracks tracks;
};

static int antispoof_open(void *state, const void *opts)
{
    struct antispoof *s = state;
    return facet_antispoof_open(&s->network, opts);
}

static int judge(struct antispoof *s, struct facet_live_track *t, const struct facet_packet *p, const struct facet_face *f)
{
    const struct facet_antispoof_opts *o = &s->network->o;
    float real;
    if (fminf(facet_box_width(f->box), facet_box_height(f->box)) < fmaxf(o->min_face, 1))
        return FACET_OK;
    int err = facet_antispoof_look(s->network, &p->frame->image, f->box, &real);
    if (err)
        return err;
    t->looks = t->looks < LOOKS ? t->looks + 1 : LOOKS;
    t->real += (real - t->real) / (float)t->looks;
    return FACET_OK;
}

static int antispoof_step(void *state, struct facet_packet *p)
{
    struct antispoof *s = state;
    facet__live_begin(&s->tracks);
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct facet_face *f = &p->faces[i];
        struct facet_live_track alone = { 0 };
        struct facet_live_track *t = f->track ? facet__live_find(&s->tracks, f->track) : &alone;
        int err = f->wants_embedding ? judge(s, t, p, f) : FACET_OK;
        if (err)
            return err;
        f->live = !t->looks ? FACET_LIVE_UNJUDGED : t->real >= s->network->o.threshold ? FACET_LIVE_REAL : FACET_LIVE_SPOOF;
        f->live_score = t->real;
        f->wants_embedding = f->wants_embedding && f->live == FACET_LIVE_REAL;
        f->has_chip = f->has_chip && f->wants_embedding;
    }
    facet__live_forget(&s->tracks, p);
    return FACET_OK;
}

static void antispoof_close(void *state)
{
    struct antispoof *s = state;
    facet_antispoof_close(&s->network);
}

/* Its time is align's, as it stands in for align's choice. */
const struct facet_stage_ops facet_stage_antispoof = {
    .name = "align",
    .state_size = sizeof(struct antispoof),
    .open = antispoof_open,
    .step = antispoof_step,
    .close = antispoof_close,
};
