/* The stage: measures every face, and cuts a chip of those that are worth the recogniser. */
#include "stages/align/align.h"

#include "base/errors.h"

#include <math.h>

#define TRACKS 1024              /* live tracks remembered; beyond that the one seen longest ago is forgotten */

struct seen {
    int64_t track;               /* 0: free */
    float best;
    int looks;                   /* chips cut so far */
    double embedded_ms;
    uint64_t used;               /* step in which it was last seen; times of different sources cannot be compared */
};

struct align {
    struct facet_align_opts o;
    struct seen seen[TRACKS];
    int n;                       /* entries ever used */
    uint64_t now;                /* steps so far */
};

static struct seen *find_track(struct align *a, int64_t track)
{
    for (int i = 0; i < a->n; i++)
        if (a->seen[i].track == track)
            return &a->seen[i];
    return NULL;
}

static struct seen *free_entry(struct align *a)
{
    struct seen *oldest = a->seen;
    for (int i = 0; i < a->n; i++) {
        if (!a->seen[i].track)
            return &a->seen[i];
        if (a->seen[i].used < oldest->used)
            oldest = &a->seen[i];
    }
    return a->n < TRACKS ? &a->seen[a->n++] : oldest;
}

static bool is_worth_it(struct align *a, const struct facet_face *f, double now_ms)
{
    if (a->o.every_frame)
        return f->quality.score >= a->o.min_quality;
    if (!f->track)
        return false;
    struct seen *s = find_track(a, f->track);
    if (s)
        s->used = a->now;
    if (f->quality.score < a->o.min_quality)
        return false;
    bool is_first = !s, is_better = s && f->quality.score > s->best + a->o.better;
    double since_ms = s ? now_ms - s->embedded_ms : 0;
    bool is_due = s && ((a->o.refresh_ms >= 0 && since_ms >= a->o.refresh_ms) ||
                        (s->looks < a->o.eager && since_ms >= a->o.eager_ms));
    if (!is_first && !is_better && !is_due)
        return false;
    if (is_first) {
        s = free_entry(a);
        *s = (struct seen){.track = f->track, .used = a->now};
    }
    s->best = is_due ? f->quality.score : fmaxf(s->best, f->quality.score);
    s->embedded_ms = now_ms;
    s->looks++;
    return true;
}

static int cut(struct align *a, struct facet_packet *p, struct facet_face *f)
{
    const struct facet_image *img = &p->frame->image;
    const struct facet_chip_spec *spec = &a->o.chip;
    int err = facet_packet_chip(p, f, img->format, spec->width, spec->height);
    if (err)
        return err;
    /* Points that cannot be aligned spoil this face, not the run. */
    err = facet_align_chip(&f->chip, img, spec, f->box, f->has_points ? &f->points : NULL);
    f->has_chip = !err;
    return err == FACET_E_INVALID && f->has_points ? FACET_OK : err;
}

static void forget_ended(struct align *a, const struct facet_packet *p)
{
    for (int i = 0; i < p->n_ended; i++) {
        struct seen *s = find_track(a, p->ended[i]);
        if (s)
            s->track = 0;
    }
}

static int align_step(void *state, struct facet_packet *p)
{
    struct align *a = state;
    a->now++;
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct facet_face *f = &p->faces[i];
        facet_quality_measure(&f->quality, &p->frame->image, f->box, f->has_points ? &f->points : NULL);
        f->has_chip = false;
        f->wants_embedding = is_worth_it(a, f, p->frame->pts_ms);
        int err = f->wants_embedding ? cut(a, p, f) : FACET_OK;
        if (err)
            return err;
        f->wants_embedding = f->has_chip;
    }
    forget_ended(a, p);
    return FACET_OK;
}

static int align_open(void *state, const void *opts)
{
    struct align *a = state;
    a->o = *(const struct facet_align_opts *)opts;
    if (a->o.chip.width < 1 || a->o.chip.height < 1 || a->o.chip.width > 4096 || a->o.chip.height > 4096)
        return facet_fail(FACET_E_INVALID, "cannot align to chips of %dx%d", a->o.chip.width, a->o.chip.height);
    a->o.better = a->o.better > 0 ? a->o.better : 0.1f;
    a->o.refresh_ms = a->o.refresh_ms == 0 ? 2000 : a->o.refresh_ms;
    a->o.eager = a->o.eager == 0 ? 5 : a->o.eager;
    a->o.eager_ms = a->o.eager_ms > 0 ? a->o.eager_ms : 150;
    return FACET_OK;
}

static void align_close(void *state)
{
}

const struct facet_stage_ops facet_stage_align = {
    .name = "align",
    .state_size = sizeof(struct align),
    .open = align_open,
    .step = align_step,
    .close = align_close,
};
