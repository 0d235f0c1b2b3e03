#include "stages/detect/mtcnn_priv.h"

#include "base/errors.h"

#include <math.h>
#include <string.h>

#define FAR_AWAY 65536.0f        /* pixels; no box of a face is there */

static int open_bucket(struct facet__refiner *r, struct facet_pool *pool, int i)
{
    const struct facet_shape shape = {4, {1 << i, 3, r->side, r->side}};
    int err = facet_exec_open(&r->exec[i], r->plan, pool);
    return err ? err : facet_exec_bind(r->exec[i], &shape, 1);
}

int facet__refiner_open(struct facet__refiner *r, const struct facet_detector_opts *o, const char *part, int side, int max)
{
    r->o = o;
    r->part = part;
    r->side = side;
    int err = facet_image_init(&r->window, FACET_PIXEL_RGB24, side, side);
    if (!err)
        err = facet__detect_plan(&r->plan, o, part);
    for (int i = 0; !err && 1 << i <= max && i < FACET__MTCNN_BUCKETS; i++) {
        err = open_bucket(r, o->pool, i);
        r->buckets = i + 1;
    }
    if (!err && (!facet__output_with(r->exec[0], r->plan, 2) || !facet__output_with(r->exec[0], r->plan, 4)))
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s' of model '%s': it does not give 2 scores and 4 box shifts", part,
                         o->model->name);
    return err;
}

void facet__refiner_close(struct facet__refiner *r)
{
    for (int i = 0; i < FACET__MTCNN_BUCKETS; i++)
        facet_exec_close(&r->exec[i]);
    facet_plan_close(&r->plan);
    facet_image_fini(&r->window);
}

static int cut_windows(struct facet__refiner *r, const struct facet_image *img, const struct facet_norm *norm,
                       const struct facet__candidate *c, int n, float *dst)
{
    size_t numbers = (size_t)r->side * (size_t)r->side * 3;
    for (int i = 0; i < n; i++) {
        struct facet_box b = c[i].box;
        b.x2 += 1;
        b.y2 += 1;
        int err = facet_resize_box(&r->window, img, b, FACET_SCALE_COVER, 0);
        if (err)
            return err;
        facet_image_to_float(dst + (size_t)i * numbers, &r->window, norm);
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

/* Keeps the good ones of rows from..from+n at the list's front, where `kept` already are. */
static size_t keep_good(const struct facet__refiner *r, const struct facet_exec *e, struct facet__candidates *c, size_t from,
                        size_t n, size_t kept, float least)
{
    const float *score = facet__output_with(e, r->plan, 2)->data, *shift = facet__output_with(e, r->plan, 4)->data;
    const struct facet_tensor *points = facet__output_with(e, r->plan, 2 * FACET_LANDMARKS);
    for (size_t i = 0; i < n; i++) {
        if (!(score[2 * i + 1] > least))
            continue;
        struct facet__candidate *k = &c->at[kept++];
        k->box = c->at[from + i].box;
        k->score = score[2 * i + 1];
        memcpy(k->shift, shift + 4 * i, sizeof(k->shift));
        if (points)
            take_points(k, (const float *)points->data + 2 * FACET_LANDMARKS * i);
    }
    return kept;
}

int facet__refiner_run(struct facet__refiner *r, const struct facet_image *img, const struct facet_norm *norm,
                       struct facet__candidates *c, float least)
{
    size_t kept = 0, done = 0;
    for (int bucket = r->buckets - 1; done < c->n;) {
        size_t rows = (size_t)1 << bucket;
        if (rows > c->n - done) {
            bucket--;
            continue;
        }
        struct facet_exec *e = r->exec[bucket];
        int err = cut_windows(r, img, norm, c->at + done, (int)rows, facet_exec_input(e, 0)->data);
        if (!err)
            err = facet__detect_exec(r->o, r->part, e);
        if (err)
            return err;
        kept = keep_good(r, e, c, done, rows, kept, least);
        done += rows;
    }
    c->n = kept;
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
