/* MTCNN: Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
 * Convolutional Networks", IEEE Signal Processing Letters 23 (10), 2016, with its authors' networks
 * and their procedure: P-Net over a pyramid, R-Net and O-Net on the windows that are left, boxes
 * calibrated after each, overlaps suppressed in each scale (0.5), across scales (0.7), after R-Net
 * (0.7) and, by the smaller area, after O-Net (0.7).
 *
 * Boxes are counted in pixels with the last one included, and cells begin at 1, as in the authors'
 * program; docs/accuracy.md tells what that means. Windows are resampled by the area each sample
 * covers.
 *
 * A model in lower precision (bench/optimise.h) has P- and R-Net in floats, too: those in lower precision find
 * places in the whole picture, and the search in floats goes on around these. A place need not be exact, and boxes are
 * those of the model in floats. */
#include "stages/detect/mtcnn_priv.h"
#include "stages/detect/spots.h"

#include "base/cpu.h"
#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_BOXES 4096         /* the best of one level; real pictures have far fewer */
#define ALL_BOXES 16384
#define LENIENT 0.6f             /* of R-Net's threshold, where another look follows */
#define PLACE_NMS 0.5f           /* one place a face is enough: what is looked at is larger than it */

struct mtcnn {
    struct facet_detector_opts o;
    struct facet__pyramid pyramid;
    struct facet__spots spots;
    struct facet__refiner rnet, onet;
    bool is_coarse;                  /* the model has P- and R-Net twice: */
    struct facet__refiner coarse;    /* ... R-Net in lower precision */
    struct facet_box seeds[FACET_MAX_FACES];
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

static bool has_part(const struct facet_model_spec *s, const char *name)
{
    size_t i = 0;
    while (i < s->n_parts && strcmp(s->parts[i].name, name))
        i++;
    return i < s->n_parts;
}

/* Our own P-Net in 8 bits is slower than in floats without VPDPBUSD. */
static bool gains_by_8_bits(const struct facet_detector_opts *o)
{
    bool is_ours = !o->backend || !strcmp(o->backend, "cpu");
    return !is_ours || facet_cpu_flags(NULL) & FACET_CPU_AVX512_VNNI;
}

static int mtcnn_open(void **state, const struct facet_detector_opts *o)
{
    struct mtcnn *m = calloc(1, sizeof(*m));
    *state = m;
    if (!m)
        return facet_fail_nomem();
    m->o = *o;
    bool has_floats = has_part(o->model, "pnet" FACET_MODEL_FLOAT) && has_part(o->model, "rnet" FACET_MODEL_FLOAT);
    const char *pnet = has_floats ? "pnet" FACET_MODEL_FLOAT : "pnet", *rnet = has_floats ? "rnet" FACET_MODEL_FLOAT : "rnet";
    m->is_coarse = has_floats && gains_by_8_bits(o);
    int err = check_options(o);
    if (!err)
        err = facet__pyramid_open(&m->pyramid, &m->o, m->is_coarse ? "pnet" : pnet);
    if (!err)
        err = facet__spots_open(&m->spots, &m->pyramid, pnet);
    if (!err && m->is_coarse)
        err = facet__refiner_open(&m->coarse, &m->o, "rnet", 24, 16);
    if (!err)
        err = facet__refiner_open(&m->rnet, &m->o, rnet, 24, 16);
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
    facet__refiner_close(&m->coarse);
    facet__spots_close(&m->spots);
    facet__pyramid_close(&m->pyramid);
    facet__candidates_fini(&m->one);
    facet__candidates_fini(&m->all);
    free(m);
}

/* ---- P-Net ---- */

/* The windows of a level, thinned, after those of the levels before. */
static void add_level(struct mtcnn *m)
{
    facet__candidates_suppress(&m->one, 0.5f, FACET__OVER_UNION, 1);
    size_t room = ALL_BOXES - m->all.n, n = m->one.n < room ? m->one.n : room;
    if (n)
        memcpy(m->all.at + m->all.n, m->one.at, n * sizeof(*m->one.at));
    m->all.n += n;
}

static void join_levels(struct mtcnn *m)
{
    facet__candidates_sort(&m->all);
    facet__candidates_suppress(&m->all, m->o.nms, FACET__OVER_UNION, 1);
    facet__mtcnn_calibrate(&m->all, 0);
    facet__mtcnn_square(&m->all);
}

/* The windows of the whole picture, into m->all. */
static int scan(struct mtcnn *m, const struct facet_image *img, float least)
{
    int err = facet__pyramid_run(&m->pyramid, img);
    m->all.n = 0;
    for (int i = 0; !err && i < m->pyramid.levels; i++) {
        err = facet__pyramid_take(&m->pyramid, i, least, LEVEL_BOXES, &m->one);
        if (!err)
            add_level(m);
    }
    if (!err)
        join_levels(m);
    return err;
}

/* The windows around places. */
static int look(struct mtcnn *m, const struct facet_image *img, const struct facet_box *at, int n)
{
    int err = facet__spots_run(&m->spots, img, at, n);
    m->all.n = 0;
    for (int i = 0; !err && i < m->pyramid.levels; i++) {
        facet__spots_take(&m->spots, i, m->o.threshold[0], LEVEL_BOXES, &m->one);
        add_level(m);
    }
    if (!err)
        join_levels(m);
    return err;
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

/* Where P- and R-Net in lower precision think that faces are. R-Net is asked for less than its threshold, since
 * it is the others that decide. */
static int find_places(struct mtcnn *m, const struct facet_image *img)
{
    struct facet__candidates *c = &m->all;
    int err = scan(m, img, m->o.threshold[0]), n = 0;
    if (!err)
        err = facet__refiner_run(&m->coarse, img, c, LENIENT * m->o.threshold[1]);
    if (err)
        return err;
    facet__mtcnn_calibrate(c, 1);
    facet__candidates_sort(c);
    facet__candidates_suppress(c, PLACE_NMS, FACET__OVER_SMALLER, 1);
    for (; n < FACET_MAX_FACES && (size_t)n < c->n; n++)
        m->seeds[n] = c->at[n].box;
    return n;
}

static int mtcnn_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    int places = m->is_coarse ? find_places(m, img) : 0;
    int err = places < 0 ? places : m->is_coarse ? look(m, img, m->seeds, places) : scan(m, img, m->o.threshold[0]);
    if (!err)
        err = judge(m, img);
    return err ? err : give(&m->all, out, max);
}

static int mtcnn_follow(void *state, const struct facet_image *img, const struct facet_box *seeds, int n,
                        struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    int err = look(m, img, seeds, n);
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
