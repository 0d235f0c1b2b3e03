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
#include "stages/detect/spots.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_BOXES 4096         /* the best of one level; real pictures have far fewer */
#define ALL_BOXES 16384

struct mtcnn {
    struct facet_detector_opts o;
    struct facet__pyramid pyramid;
    struct facet__spots spots;
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
    facet__spots_init(&m->spots, &m->pyramid);
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
    facet__spots_fini(&m->spots);
    facet__pyramid_close(&m->pyramid);
    facet__candidates_fini(&m->one);
    facet__candidates_fini(&m->all);
    free(m);
}

/* ---- P-Net ---- */

static int take_level(struct mtcnn *m, int level, bool is_scan)
{
    float least = m->o.threshold[0];
    return is_scan ? facet__pyramid_take(&m->pyramid, level, least, LEVEL_BOXES, &m->one)
                   : facet__spots_take(&m->spots, level, least, LEVEL_BOXES, &m->one);
}

/* The windows of all levels into m->all, after a scan or around places. */
static int propose(struct mtcnn *m, bool is_scan)
{
    m->all.n = 0;
    for (int i = 0; i < m->pyramid.levels; i++) {
        int err = take_level(m, i, is_scan);
        if (err)
            return err;
        facet__candidates_suppress(&m->one, 0.5f, FACET__OVER_UNION, 1);
        size_t room = ALL_BOXES - m->all.n, n = m->one.n < room ? m->one.n : room;
        if (n)
            memcpy(m->all.at + m->all.n, m->one.at, n * sizeof(*m->one.at));
        m->all.n += n;
    }
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

/* What the two other networks leave of the windows in m->all, points included. */
static int judge(struct mtcnn *m, const struct facet_image *img)
{
    struct facet__candidates *c = &m->all;
    int err = facet__refiner_run(&m->rnet, img, c, m->o.threshold[1]);
    if (err)
        return err;
    facet__candidates_sort(c);
    facet__candidates_suppress(c, m->o.nms, FACET__OVER_UNION, 1);
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
    int err = facet__pyramid_run(&m->pyramid, img);
    if (!err)
        err = propose(m, true);
    if (!err)
        err = judge(m, img);
    return err ? err : give(&m->all, out, max);
}

static int mtcnn_follow(void *state, const struct facet_image *img, const struct facet_box *seeds, int n,
                        struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    int err = facet__spots_run(&m->spots, img, seeds, n);
    if (!err)
        err = propose(m, false);
    if (!err)
        err = judge(m, img);
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
