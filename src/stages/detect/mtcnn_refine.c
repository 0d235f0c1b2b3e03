#include "stages/detect/mtcnn_priv.h"

#include "base/errors.h"
#include "base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FAR_AWAY 65536.0f        /* pixels; no box of a face is there */

static int open_bucket(struct facet__refiner *r, struct facet__refiner_lane *l, int i)
{
    const struct facet_shape shape = {4, {1 << i, 3, r->side, r->side}};
    int err = facet_exec_open(&l->exec[i], r->plan, NULL);
    return err ? err : facet_exec_bind(l->exec[i], &shape, 1);
}

static int open_lane(struct facet__refiner *r, struct facet__refiner_lane *l)
{
    int err = facet_image_init(&l->window, FACET_PIXEL_RGB24, r->side, r->side);
    for (int i = 0; !err && i < r->buckets; i++)
        err = open_bucket(r, l, i);
    return err;
}

int facet__refiner_open(struct facet__refiner *r, const struct facet_detector_opts *o, const char *part, int side, int max)
{
    r->o = o;
    r->part = part;
    r->side = side;
    r->pool = o->tap ? NULL : o->pool;     /* who looks sees one batch after the other */
    r->n_lanes = facet_pool_threads(r->pool);
    while (r->buckets < FACET__MTCNN_BUCKETS && 1 << r->buckets <= max)
        r->buckets++;
    r->lanes = calloc(r->n_lanes, sizeof(*r->lanes));
    int err = r->lanes ? facet__detect_plan(&r->plan, o, part) : facet_fail_nomem();
    for (unsigned i = 0; !err && i < r->n_lanes; i++)
        err = open_lane(r, &r->lanes[i]);
    if (!err && (!facet__output_with(r->lanes[0].exec[0], r->plan, 2) || !facet__output_with(r->lanes[0].exec[0], r->plan, 4)))
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s' of model '%s': it does not give 2 scores and 4 box shifts", part,
                         o->model->name);
    return err;
}

void facet__refiner_close(struct facet__refiner *r)
{
    for (unsigned k = 0; r->lanes && k < r->n_lanes; k++) {
        for (int i = 0; i < FACET__MTCNN_BUCKETS; i++)
            facet_exec_close(&r->lanes[k].exec[i]);
        facet_image_fini(&r->lanes[k].window);
    }
    free(r->lanes);
    facet_plan_close(&r->plan);
}

/* ---- a batch ---- */

/* The i-th window of all, and what it is a window of. */
static struct facet__candidate *window_at(const struct facet__refiner *r, size_t i, const struct facet_image **picture)
{
    const struct facet__windows *w = r->of;
    for (; i >= w->list->n; w++)
        i -= w->list->n;
    *picture = w->picture;
    return &w->list->at[i];
}

static int cut_windows(const struct facet__refiner *r, struct facet__refiner_lane *l, size_t from, size_t n, float *dst)
{
    size_t numbers = (size_t)r->side * (size_t)r->side * 3;
    for (size_t i = 0; i < n; i++) {
        const struct facet_image *picture;
        struct facet_box b = window_at(r, from + i, &picture)->box;
        b.x2 += 1;
        b.y2 += 1;
        int err = facet_resize_box(&l->window, picture, b, FACET_SCALE_COVER, 0);
        if (err)
            return err;
        facet_image_to_float(dst + i * numbers, &l->window, &r->o->model->norm);
    }
    return FACET_OK;
}

static void take_points(struct facet__candidate *c, const float *p)
{
    float w = c->box.x2 - c->box.x1 + 1, h = c->box.y2 - c->box.y1 + 1;
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        c->points.p[i].x = c->box.x1 - 1 + w * p[i];
        c->points.p[i].y = c->box.y1 - 1 + h * p[FACET_LANDMARKS + i];
    }
}

static void take_rows(const struct facet__refiner *r, const struct facet_exec *e, size_t from, size_t n)
{
    const struct facet_image *picture;
    const float *score = facet__output_with(e, r->plan, 2)->data, *shift = facet__output_with(e, r->plan, 4)->data;
    const struct facet_tensor *points = facet__output_with(e, r->plan, 2 * FACET_LANDMARKS);
    for (size_t i = 0; i < n; i++) {
        struct facet__candidate *c = window_at(r, from + i, &picture);
        c->score = score[2 * i + 1];
        memcpy(c->shift, shift + 4 * i, sizeof(c->shift));
        if (points)
            take_points(c, (const float *)points->data + 2 * FACET_LANDMARKS * i);
    }
}

/* Where part i begins: whole batches come first, then halves, quarters ... of one as the rest needs them. */
static size_t part_begin(const struct facet__refiner *r, size_t i, int *bucket)
{
    size_t whole = r->todo >> r->bucket, from = whole << r->bucket, rest = r->todo - from;
    *bucket = r->bucket;
    if (i < whole)
        return i << r->bucket;
    for (size_t k = whole;; k++) {
        while (!(rest >> *bucket))
            --*bucket;
        if (k == i)
            return from;
        from += (size_t)1 << *bucket;
        rest -= (size_t)1 << *bucket;
    }
}

static void run_part(void *ctx, size_t i, unsigned worker)
{
    struct facet__refiner *r = ctx;
    struct facet__refiner_lane *l = &r->lanes[worker];
    int bucket;
    size_t from = part_begin(r, i, &bucket), n = (size_t)1 << bucket;
    struct facet_exec *e = l->exec[bucket];
    int err = cut_windows(r, l, from, n, facet_exec_input(e, 0)->data);
    if (!err)
        err = facet__detect_exec(r->o, r->part, e);
    if (!err)
        take_rows(r, e, from, n);
    else
        l->err = err;
}

/* ---- a list ---- */

/* Batches are small enough that every thread gets some. */
static size_t plan_parts(struct facet__refiner *r, size_t n)
{
    r->todo = n;
    r->bucket = r->buckets - 1;
    while (r->bucket > 0 && (size_t)r->n_lanes << r->bucket > n)
        r->bucket--;
    size_t rest = n & (((size_t)1 << r->bucket) - 1), parts = n >> r->bucket;
    for (; rest; rest &= rest - 1)
        parts++;
    return parts;
}

static void keep_good(struct facet__candidates *c, float least)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->at[i].score > least)
            c->at[kept++] = c->at[i];
    c->n = kept;
}

int facet__refiner_run(struct facet__refiner *r, const struct facet__windows *of, int n_pictures, float least)
{
    size_t n = 0;
    for (int i = 0; i < n_pictures; i++)
        n += of[i].list->n;
    r->of = of;
    for (unsigned i = 0; i < r->n_lanes; i++)
        r->lanes[i].err = FACET_OK;
    if (n)
        facet_pool_for(r->pool, plan_parts(r, n), run_part, r);
    for (unsigned i = 0; i < r->n_lanes; i++)
        if (r->lanes[i].err)
            return facet_fail(r->lanes[i].err, "cannot run '%s' of model '%s' on %zu windows", r->part, r->o->model->name, n);
    for (int i = 0; i < n_pictures; i++)
        keep_good(of[i].list, least);
    return FACET_OK;
}

void facet__mtcnn_calibrate(struct facet__candidates *c, float plus)
{
    for (size_t i = 0; i < c->n; i++) {
        struct facet_box *b = &c->at[i].box;
        const float *s = c->at[i].shift;
        float w = b->x2 - b->x1 + plus, h = b->y2 - b->y1 + plus;
        *b = (struct facet_box){b->x1 + s[0] * w, b->y1 + s[1] * h, b->x2 + s[2] * w, b->y2 + s[3] * h};
    }
}

static int is_box(struct facet_box b)
{
    return b.x1 > -FAR_AWAY && b.y1 > -FAR_AWAY && b.x2 < FAR_AWAY && b.y2 < FAR_AWAY && b.x2 >= b.x1 && b.y2 >= b.y1;
}

void facet__mtcnn_square(struct facet__candidates *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct facet_box b = c->at[i].box;
        float w = b.x2 - b.x1, h = b.y2 - b.y1, side = fmaxf(w, h);
        float x1 = b.x1 + w * 0.5f - side * 0.5f, y1 = b.y1 + h * 0.5f - side * 0.5f;
        b = (struct facet_box){truncf(x1), truncf(y1), truncf(x1 + side), truncf(y1 + side)};
        if (!is_box(b))
            continue;
        c->at[kept] = c->at[i];
        c->at[kept++].box = b;
    }
    c->n = kept;
}
