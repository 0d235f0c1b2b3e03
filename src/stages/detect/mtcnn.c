/* MTCNN: Zhang, Zhang, Li, Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
 * Convolutional Networks", IEEE Signal Processing Letters 23 (10), 2016, with its authors' networks
 * and their procedure: P-Net over a pyramid, R-Net and O-Net on the windows that are left, boxes
 * calibrated after each, overlaps suppressed in each scale (0.5), across scales (0.7), after R-Net
 * (0.7) and, by the smaller area, after O-Net (0.7).
 *
 * Boxes are counted in pixels with the last one included, and cells begin at 1, as in the authors'
 * program; docs/accuracy.md tells what that means. Windows are resampled by the area each sample
 * covers. Each level of the pyramid has its own exec and buffers, bound again only when the size of
 * pictures changes. */
#include "stages/detect/mtcnn_priv.h"

#include "base/errors.h"
#include "base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 64
#define CELL 12                  /* P-Net's input, and least side of a level */
#define STRIDE 2
#define LEVEL_BOXES 4096         /* the best of one level; real pictures have far fewer */
#define ALL_BOXES 16384

struct level {
    double scale;
    struct facet_exec *exec;
    struct facet_image image;
    size_t image_cap;
};

struct mtcnn {
    struct facet_detector_opts o;
    struct facet_norm norm;
    struct facet_plan *pnet;
    struct facet__refiner rnet, onet;
    struct level level[MAX_LEVELS];
    int n_levels;
    int width, height;           /* of the pictures that levels are bound for */
    struct facet__candidates one, all;
    const struct facet_image *picture;      /* during a run */
    int level_err[MAX_LEVELS];
};

static int check_options(const struct facet_detector_opts *o)
{
    if (o->min_face < CELL)
        return facet_fail(FACET_E_INVALID, "cannot look for faces of %d pixels: %d is the least", o->min_face, CELL);
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
    m->norm = o->model->norm;
    int err = check_options(o);
    if (!err)
        err = facet__detect_plan(&m->pnet, o, "pnet");
    if (!err)
        err = facet__refiner_open(&m->rnet, o, "rnet", 24, 64);
    if (!err)
        err = facet__refiner_open(&m->onet, o, "onet", 48, 16);
    if (!err)
        err = facet__candidates_reserve(&m->one, LEVEL_BOXES);
    return err ? err : facet__candidates_reserve(&m->all, ALL_BOXES);
}

static void mtcnn_close(void *state)
{
    struct mtcnn *m = state;
    for (int i = 0; i < MAX_LEVELS; i++) {
        facet_exec_close(&m->level[i].exec);
        facet_image_fini(&m->level[i].image);
    }
    facet__refiner_close(&m->onet);
    facet__refiner_close(&m->rnet);
    facet_plan_close(&m->pnet);
    facet__candidates_fini(&m->one);
    facet__candidates_fini(&m->all);
    free(m);
}

/* ---- the pyramid ---- */

static int bind_level(struct mtcnn *m, struct level *l, int width, int height)
{
    int w = (int)ceil(width * l->scale), h = (int)ceil(height * l->scale);
    const struct facet_shape shape = {4, {1, 3, m->norm.transpose ? w : h, m->norm.transpose ? h : w}};
    int err = facet_image_reserve(&l->image, &l->image_cap, FACET_PIXEL_RGB24, w, h);
    if (!err && !l->exec)
        err = facet_exec_open(&l->exec, m->pnet, m->o.pool);
    return err ? err : facet_exec_bind(l->exec, &shape, 1);
}

static int bind_levels(struct mtcnn *m, int width, int height)
{
    if (m->width == width && m->height == height)
        return FACET_OK;
    const double first = (double)CELL / m->o.min_face, factor = round((double)m->o.factor * 1e6) / 1e6;
    double shorter = (width < height ? width : height) * first;
    m->width = m->height = 0;
    int n = 0;
    for (; shorter >= CELL && n < MAX_LEVELS; n++, shorter *= factor) {
        m->level[n].scale = first * pow(factor, n);
        int err = bind_level(m, &m->level[n], width, height);
        if (err)
            return err;
    }
    m->n_levels = n;
    m->width = width;
    m->height = height;
    return FACET_OK;
}

static void fill_level(void *ctx, size_t i, unsigned worker)
{
    struct mtcnn *m = ctx;
    struct level *l = &m->level[i];
    m->level_err[i] = facet_resize(&l->image, m->picture, FACET_SCALE_COVER);
    facet_image_to_float(facet_exec_input(l->exec, 0)->data, &l->image, &m->norm);
}

static int fill_levels(struct mtcnn *m, const struct facet_image *img)
{
    m->picture = img;
    facet_pool_for(m->o.pool, (size_t)m->n_levels, fill_level, m);
    for (int i = 0; i < m->n_levels; i++)
        if (m->level_err[i])
            return facet_fail(m->level_err[i], "cannot shrink a picture of %dx%d for detection", img->width, img->height);
    return FACET_OK;
}

/* ---- P-Net ---- */

static float cell_edge(int cell, int offset, double scale)
{
    return (float)trunc((STRIDE * cell + offset) / scale);
}

static void box_of_cell(struct facet__candidate *c, int x, int y, double scale)
{
    c->box.x1 = cell_edge(x, 1, scale);
    c->box.y1 = cell_edge(y, 1, scale);
    c->box.x2 = cell_edge(x, CELL, scale);
    c->box.y2 = cell_edge(y, CELL, scale);
}

/* The level's boxes into m->one, overlaps suppressed. */
static int take_level(struct mtcnn *m, const struct level *l)
{
    const struct facet_tensor *prob = facet__output_with(l->exec, m->pnet, 2);
    const struct facet_tensor *shift = facet__output_with(l->exec, m->pnet, 4);
    if (!prob || !shift || prob->shape.rank != 4 || shift->shape.rank != 4)
        return facet_fail(FACET_E_FORMAT, "cannot use 'pnet' of model '%s': it does not give 2 score and 4 shift maps",
                          m->o.model->name);
    size_t rows = (size_t)prob->shape.dim[2], cols = (size_t)prob->shape.dim[3], cells = rows * cols;
    int n = facet__candidates_pick(&m->one, (const float *)prob->data + cells, cells, m->o.threshold[0], LEVEL_BOXES);
    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        size_t cell = facet__candidates_picked(&m->one, (size_t)i);
        struct facet__candidate *c = &m->one.at[i];
        int a = (int)(cell / cols), b = (int)(cell % cols);
        box_of_cell(c, m->norm.transpose ? a : b, m->norm.transpose ? b : a, l->scale);
        c->score = ((const float *)prob->data)[cells + cell];
        for (size_t k = 0; k < 4; k++)
            c->shift[k] = ((const float *)shift->data)[k * cells + cell];
    }
    m->one.n = (size_t)n;
    facet__candidates_suppress(&m->one, 0.5f, FACET__OVER_UNION, 1);
    return FACET_OK;
}

static int propose(struct mtcnn *m)
{
    m->all.n = 0;
    for (int i = 0; i < m->n_levels; i++) {
        int err = facet__detect_exec(&m->o, "pnet", m->level[i].exec);
        if (!err)
            err = take_level(m, &m->level[i]);
        if (err)
            return err;
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

static int mtcnn_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    struct mtcnn *m = state;
    struct facet__candidates *c = &m->all;
    int err = bind_levels(m, img->width, img->height);
    if (!err)
        err = fill_levels(m, img);
    if (!err)
        err = propose(m);
    if (!err)
        err = facet__refiner_run(&m->rnet, img, &m->norm, c, m->o.threshold[1]);
    if (err)
        return err;
    facet__candidates_sort(c);
    facet__candidates_suppress(c, m->o.nms, FACET__OVER_UNION, 1);
    facet__mtcnn_calibrate(c, 1);
    facet__mtcnn_square(c);
    err = facet__refiner_run(&m->onet, img, &m->norm, c, m->o.threshold[2]);
    if (err)
        return err;
    facet__mtcnn_calibrate(c, 1);
    facet__candidates_sort(c);
    facet__candidates_suppress(c, m->o.nms, FACET__OVER_SMALLER, 1);
    return give(c, out, max);
}

const struct facet__detector_ops facet__detector_mtcnn = {
    .kind = "mtcnn",
    .defaults = {.min_face = 20, .factor = 0.709f, .threshold = {0.6f, 0.7f, 0.7f}, .nms = 0.7f},
    .open = mtcnn_open,
    .run = mtcnn_run,
    .close = mtcnn_close,
};
