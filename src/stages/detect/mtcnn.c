/* MTCNN: Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
 * Convolutional Networks", IEEE Signal Processing Letters 23 (10), 2016, with its authors' networks
 * and their procedure: P-Net over a pyramid, R-Net and O-Net on the windows that are left, boxes
 * calibrated after each, overlaps suppressed in each scale (0.5), across scales (0.7), after R-Net
 * (0.7) and, by the smaller area, after O-Net (0.7).
 *
 * Boxes are counted in pixels with the last one included, and cells begin at 1, as in the authors'
 * program; docs/accuracy.md tells what that means. Windows are resampled by the area each sample
 * covers. */
#include "stages/detect/mtcnn_priv.h"
#include "stages/detect/pyramid.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_BOXES 4096         /* the best of one level; real pictures have far fewer */
#define ALL_BOXES 16384
#define FOLLOW_NMS 0.5f          /* the windows of one face are few and much alike: one or two of them suffice */

struct mtcnn {
    struct facet_detector_opts o;
    struct facet__pyramid pyramid;
    struct facet__refiner rnet, onet;
    struct facet__candidates one, all;
};

static int check_options(const struct facet_detector_opts *o)
{
    if (o->min_face < FACET__CELL)
        return facet_fail(FACET_E_INVALID, "cannot look for faces of %d pixels: %d is the least", o->min_face, FACET__CELL);
    if (o->max_face && o->max_face < o->min_face)
        return facet_fail(FACET_E_INVALID, "cannot look for faces of at most %d pixels that have at least %d", o->max_face, o->min_face);
    if (!(o->factor >= 0.2f) || o->factor > 0.95f)
        return facet_fail(FACET_E_INVALID, "cannot build a pyramid by factor %g: give 0.2 to 0.95", (double)o->factor);
    return FACET_OK;
}

static int mtcnn_open(void **state, const struct facet_detector_opts *o)
{
    struct mtcnn *m = calloc(1, sizeof(*m));
    *state = m;
    if (!m)
        return facet_fail_nomem();
    m->o = *o;
    int err = check_options(o);
    if (!err)
        err = facet__pyramid_open(&m->pyramid, &m->o);
    if (!err)
        err = facet__refiner_open(&m->rnet, &m->o, "rnet", 24, 16);
    if (!err)
        err = facet__refiner_open(&m->onet, &m->o, "onet", 48, 8);
    if (!err)
        err = facet__candidates_reserve(&m->one, LEVEL_BOXES);
    return err ? err : facet__candidates_reserve(&m->all, ALL_BOXES);
}

static void mtcnn_close(void *state)
{
    struct mtcnn *m = state;
    facet__refiner_close(&m->onet);
    facet__refiner_close(&m->rnet);
    facet__pyramid_close(&m->pyramid);
    facet__candidates_fini(&m->one);
    facet__candidates_fini(&m->all);
    free(m);
}

/* ---- P-Net ---- */

static int propose(struct mtcnn *m, const struct facet_image *img)
{
    int err = facet__pyramid_run(&m->pyramid, img);
    m->all.n = 0;
    for (int i = 0; !err && i < m->pyramid.levels; i++) {
        err = facet__pyramid_take(&m->pyramid, i, m->o.threshold[0], LEVEL_BOXES, &m->one);
        if (err)
            return err;
        facet__candidates_suppress(&m->one, 0.5f, FACET__OVER_UNION, 1);
        size_t room = ALL_BOXES - m->all.n, n = m->one.n < room ? m->one.n : room;
        if (n)
            memcpy(m->all.at + m->all.n, m->one.at, n * sizeof(*m->one.at));
        m->all.n += n;
    }
    if (err)
        return err;
    facet__candidates_sort(&m->all);
    facet__candidates_suppress(&m->all, m->o.nms, FACET__OVER_UNION, 1);
    facet__mtcnn_calibrate(&m->all, 0);
    facet__mtcnn_square(&m->all);
    return FACET_OK;
}

/* ---- all three ---- */

static int give(const struct facet__candidates *c, struct facet_detection *out, int max)
{
    int n = c->n < (size_t)max ? (int)c->n : max;
    for (int i = 0; i < n; i++)
        out[i] = (struct facet_detection){c->at[i].box, c->at[i].points, true, c->at[i].score};
    return n;
}

/* What the two other networks leave of the windows in m->all, points included. Of those that R-Net leaves, the ones
 * that overlap a better one by more than `most` go. */
static int judge(struct mtcnn *m, const struct facet_image *img, float most)
{
    struct facet__candidates *c = &m->all;
    int err = facet__refiner_run(&m->rnet, img, c, m->o.threshold[1]);
    if (err)
        return err;
    facet__candidates_sort(c);
    facet__candidates_suppress(c, most, FACET__OVER_UNION, 1);
    facet__mtcnn_calibrate(c, 1);
    facet__mtcnn_square(c);
    err = facet__refiner_run(&m->onet, img, c, m->o.threshold[2]);
    if (err)
        return err;
    facet__mtcnn_calibrate(c, 1);
    facet__candidates_sort(c);
    facet__candidates_suppress(c, m->o.nms, FACET__OVER_SMALLER, 1);
    return FACET_OK;
}

static int mtcnn_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    int err = propose(m, img);
    if (!err)
        err = judge(m, img, m->o.nms);
    return err ? err : give(&m->all, out, max);
}

/* ---- around faces that are followed ---- */

/* Where windows lie around a seed, in its sides: R-Net finds the size by itself. */
static const struct facet_point around[] = {{0, 0}, {-0.12f, 0}, {0.12f, 0}, {0, -0.12f}, {0, 0.12f}};
#define AROUND (sizeof(around) / sizeof(around[0]))

static void put_windows(struct facet__candidates *c, struct facet_box seed)
{
    float side = fmaxf(seed.x2 - seed.x1, seed.y2 - seed.y1) + 1;
    float x = (seed.x1 + seed.x2) / 2, y = (seed.y1 + seed.y2) / 2;
    for (size_t i = 0; i < AROUND && c->n < ALL_BOXES; i++) {
        float half = side / 2, cx = x + around[i].x * side, cy = y + around[i].y * side;
        c->at[c->n++] = (struct facet__candidate){.box = {cx - half, cy - half, cx + half - 1, cy + half - 1}};
    }
}

static int mtcnn_follow(void *state, const struct facet_image *img, const struct facet_box *seeds, int n,
                        struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    m->all.n = 0;
    for (int i = 0; i < n; i++)
        put_windows(&m->all, seeds[i]);
    facet__mtcnn_square(&m->all);
    int err = judge(m, img, FOLLOW_NMS);
    return err ? err : give(&m->all, out, max);
}

const struct facet__detector_ops facet__detector_mtcnn = {
    .kind = "mtcnn",
    .defaults = {.min_face = 20, .factor = 0.709f, .threshold = {0.6f, 0.7f, 0.7f}, .nms = 0.7f},
    .open = mtcnn_open,
    .run = mtcnn_run,
    .follow = mtcnn_follow,
    .close = mtcnn_close,
};
