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
#include "base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_BOXES 4096         /* the best of one level; real pictures have far fewer */
#define ALL_BOXES 16384
#define LENIENT 0.6f             /* of R-Net's threshold, where another look follows */
#define PLACE_NMS 0.5f           /* one place a face is enough: what is looked at is larger than it */

/* What a picture needs while it is looked at. */
struct view {
    struct facet__pyramid pyramid;
    struct facet__spots spots;
    struct facet__candidates one, all;
    struct facet_box seeds[FACET_MAX_FACES];
    int n_seeds;
    int err;
    bool is_open;
};

/* A picture that comes alone is shared out among all threads; of several, each thread takes whole ones, on views of
 * their own. Both give the same. */
struct mtcnn {
    struct facet_detector_opts o, o_each;      /* o_each: without a pool */
    const char *scan_part, *look_part;         /* which of the model's P-Nets */
    struct view *solo, *each;                  /* each: FACET_FLOW_TOGETHER, opened when first needed */
    struct facet__refiner rnet, onet;
    bool is_coarse;                  /* the model has P- and R-Net twice: */
    struct facet__refiner coarse;    /* ... R-Net in lower precision */
    const struct facet_look *looks;  /* under way, on views[] */
    struct view *views;
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

static int open_view(struct view *v, const struct mtcnn *m, const struct facet_detector_opts *o)
{
    v->is_open = true;
    int err = facet__pyramid_open(&v->pyramid, o, m->scan_part);
    if (!err)
        err = facet__spots_open(&v->spots, &v->pyramid, m->look_part);
    if (!err)
        err = facet__candidates_reserve(&v->one, LEVEL_BOXES);
    return err ? err : facet__candidates_reserve(&v->all, ALL_BOXES);
}

static void close_view(struct view *v)
{
    facet__spots_close(&v->spots);
    facet__pyramid_close(&v->pyramid);
    facet__candidates_fini(&v->one);
    facet__candidates_fini(&v->all);
    memset(v, 0, sizeof(*v));
}

static int open_views(struct mtcnn *m, int n)
{
    int err = FACET_OK;
    if (!m->each && !(m->each = calloc(FACET_FLOW_TOGETHER, sizeof(*m->each))))
        return facet_fail_nomem();
    for (int i = 0; !err && i < n; i++) {
        err = m->each[i].is_open ? FACET_OK : open_view(&m->each[i], m, &m->o_each);
        if (err)
            close_view(&m->each[i]);
    }
    return err;
}

static int mtcnn_open(void **state, const struct facet_detector_opts *o)
{
    struct mtcnn *m = calloc(1, sizeof(*m));
    *state = m;
    if (!m || !(m->solo = calloc(1, sizeof(*m->solo))))
        return facet_fail_nomem();
    bool has_floats = has_part(o->model, "pnet" FACET_MODEL_FLOAT) && has_part(o->model, "rnet" FACET_MODEL_FLOAT);
    m->is_coarse = has_floats && gains_by_8_bits(o);
    m->o = *o;
    m->o.quick_pyramid |= m->is_coarse;        /* only places come of it; who looks again takes the picture itself */
    m->o_each = m->o;
    m->o_each.pool = NULL;
    m->look_part = has_floats ? "pnet" FACET_MODEL_FLOAT : "pnet";
    m->scan_part = m->is_coarse ? "pnet" : m->look_part;
    int err = check_options(o);
    if (!err)
        err = open_view(m->solo, m, &m->o);
    if (!err && m->is_coarse)
        err = facet__refiner_open(&m->coarse, &m->o, "rnet", 24, 16);
    if (!err)
        err = facet__refiner_open(&m->rnet, &m->o, has_floats ? "rnet" FACET_MODEL_FLOAT : "rnet", 24, 16);
    return err ? err : facet__refiner_open(&m->onet, &m->o, "onet", 48, 8);
}

static void mtcnn_close(void *state)
{
    struct mtcnn *m = state;
    facet__refiner_close(&m->onet);
    facet__refiner_close(&m->rnet);
    facet__refiner_close(&m->coarse);
    for (int i = 0; m->each && i < FACET_FLOW_TOGETHER; i++)
        close_view(&m->each[i]);
    if (m->solo)
        close_view(m->solo);
    free(m->each);
    free(m->solo);
    free(m);
}

/* ---- P-Net ---- */

/* The windows of a level, thinned, after those of the levels before. */
static void add_level(struct view *v)
{
    facet__candidates_suppress(&v->one, 0.5f, FACET__OVER_UNION, 1);
    size_t room = ALL_BOXES - v->all.n, n = v->one.n < room ? v->one.n : room;
    if (n)
        memcpy(v->all.at + v->all.n, v->one.at, n * sizeof(*v->one.at));
    v->all.n += n;
}

static void join_levels(struct view *v, float nms)
{
    facet__candidates_sort(&v->all);
    facet__candidates_suppress(&v->all, nms, FACET__OVER_UNION, 1);
    facet__mtcnn_calibrate(&v->all, 0);
    facet__mtcnn_square(&v->all);
}

/* The windows of the whole picture, into v->all. */
static int scan(const struct facet_detector_opts *o, struct view *v, const struct facet_image *img)
{
    int err = facet__pyramid_run(&v->pyramid, img);
    v->all.n = 0;
    for (int i = 0; !err && i < v->pyramid.levels; i++) {
        err = facet__pyramid_take(&v->pyramid, i, o->threshold[0], LEVEL_BOXES, &v->one);
        if (!err)
            add_level(v);
    }
    if (!err)
        join_levels(v, o->nms);
    return err;
}

/* The windows around places. */
static int look(const struct facet_detector_opts *o, struct view *v, const struct facet_image *img, const struct facet_box *at, int n)
{
    int err = facet__spots_run(&v->spots, img, at, n);
    v->all.n = 0;
    for (int i = 0; !err && i < v->pyramid.levels; i++) {
        facet__spots_take(&v->spots, i, o->threshold[0], LEVEL_BOXES, &v->one);
        add_level(v);
    }
    if (!err)
        join_levels(v, o->nms);
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

static bool is_scan(const struct facet_look *l)
{
    return l->n_seeds < 0;
}

/* The windows of a picture, wherever it says to look. */
static void find_windows(void *ctx, size_t i, unsigned worker)
{
    struct mtcnn *m = ctx;
    struct view *v = &m->views[i];
    const struct facet_look *l = &m->looks[i];
    (void)worker;
    v->err = is_scan(l) ? scan(&m->o, v, l->img) : look(&m->o, v, l->img, l->seeds, l->n_seeds);
}

/* Once more, around the places that were found. */
static void look_again(void *ctx, size_t i, unsigned worker)
{
    struct mtcnn *m = ctx;
    struct view *v = &m->views[i];
    (void)worker;
    if (is_scan(&m->looks[i]))
        v->err = look(&m->o, v, m->looks[i].img, v->seeds, v->n_seeds);
}

static int for_each_picture(struct mtcnn *m, int n, facet_pool_fn *fn)
{
    if (n == 1)
        fn(m, 0, 0);        /* which uses the pool itself */
    else
        facet_pool_for(m->o.pool, (size_t)n, fn, m);
    for (int i = 0; i < n; i++)
        if (m->views[i].err)
            return n == 1 ? m->views[i].err : facet_fail(m->views[i].err, "cannot run model '%s' on %d pictures at once", m->o.model->name, n);
    return FACET_OK;
}

static int list_windows(const struct mtcnn *m, int n, bool of_scans, struct facet__windows *w)
{
    int some = 0;
    for (int i = 0; i < n; i++)
        if (!of_scans || is_scan(&m->looks[i]))
            w[some++] = (struct facet__windows){m->looks[i].img, &m->views[i].all};
    return some;
}

/* Where P- and R-Net in lower precision think that faces are. R-Net is asked for less than its threshold, since
 * it is the others that decide. */
static int find_places(struct mtcnn *m, int n)
{
    struct facet__windows w[FACET_FLOW_TOGETHER];
    int some = list_windows(m, n, true, w);
    int err = facet__refiner_run(&m->coarse, w, some, LENIENT * m->o.threshold[1]);
    for (int i = 0; !err && i < n; i++) {
        struct view *v = &m->views[i];
        if (!is_scan(&m->looks[i]))
            continue;
        facet__mtcnn_calibrate(&v->all, 1);
        facet__candidates_sort(&v->all);
        facet__candidates_suppress(&v->all, PLACE_NMS, FACET__OVER_SMALLER, 1);
        for (v->n_seeds = 0; v->n_seeds < FACET_MAX_FACES && (size_t)v->n_seeds < v->all.n; v->n_seeds++)
            v->seeds[v->n_seeds] = v->all.at[v->n_seeds].box;
    }
    return err;
}

/* What the two other networks leave of the windows, points included. */
static int judge(struct mtcnn *m, int n)
{
    struct facet__windows w[FACET_FLOW_TOGETHER];
    int some = list_windows(m, n, false, w);
    int err = facet__refiner_run(&m->rnet, w, some, m->o.threshold[1]);
    for (int i = 0; !err && i < n; i++) {
        facet__candidates_sort(w[i].list);
        facet__candidates_suppress(w[i].list, m->o.nms, FACET__OVER_UNION, 1);
        facet__mtcnn_calibrate(w[i].list, 1);
        facet__mtcnn_square(w[i].list);
    }
    if (!err)
        err = facet__refiner_run(&m->onet, w, some, m->o.threshold[2]);
    for (int i = 0; !err && i < n; i++) {
        facet__mtcnn_calibrate(w[i].list, 1);
        facet__candidates_sort(w[i].list);
        facet__candidates_suppress(w[i].list, m->o.nms, FACET__OVER_SMALLER, 1);
    }
    return err;
}

static int look_at(struct mtcnn *m, struct facet_look *looks, int n)
{
    int err = n > 1 ? open_views(m, n) : FACET_OK;
    if (err)
        return err;
    m->looks = looks;
    m->views = n > 1 ? m->each : m->solo;
    err = for_each_picture(m, n, find_windows);
    if (!err && m->is_coarse)
        err = find_places(m, n);
    if (!err && m->is_coarse)
        err = for_each_picture(m, n, look_again);
    if (!err)
        err = judge(m, n);
    for (int i = 0; !err && i < n; i++)
        looks[i].n = give(&m->views[i].all, looks[i].out, looks[i].max);
    return err;
}

/* Who taps sees one picture after the other. */
static int mtcnn_look(void *state, struct facet_look *looks, int n)
{
    struct mtcnn *m = state;
    int err = FACET_OK, at_once = m->o.tap ? 1 : n;
    for (int i = 0; !err && i < n; i += at_once)
        err = look_at(m, looks + i, at_once);
    return err;
}

static int mtcnn_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    struct facet_look l = {.img = img, .n_seeds = -1, .out = out, .max = max};
    int err = look_at(state, &l, 1);
    return err ? err : l.n;
}

static int mtcnn_follow(void *state, const struct facet_image *img, const struct facet_box *seeds, int n,
                        struct facet_detection *out, int max)
{
    struct facet_look l = {.img = img, .seeds = seeds, .n_seeds = n, .out = out, .max = max};
    int err = look_at(state, &l, 1);
    return err ? err : l.n;
}

const struct facet__detector_ops facet__detector_mtcnn = {
    .kind = "mtcnn",
    .defaults = {.min_face = 20, .factor = 0.709f, .threshold = {0.6f, 0.7f, 0.7f}, .nms = 0.7f},
    .open = mtcnn_open,
    .run = mtcnn_run,
    .follow = mtcnn_follow,
    .look = mtcnn_look,
    .close = mtcnn_close,
};
