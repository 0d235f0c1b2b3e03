#include "stages/detect/pyramid.h"

#include "base/errors.h"
#include "base/pool.h"

#include <math.h>
#include <string.h>

#define STRIDE 2
#define WINDOW_ROWS 10             /* input rows beyond two for each row of output */
#define BAND_ROWS 96               /* of output, about */
#define LEAST_BAND 16

int facet__pyramid_open(struct facet__pyramid *p, const struct facet_detector_opts *o, const char *part)
{
    p->o = o;
    p->part = part;
    p->pool = o->tap ? NULL : o->pool;     /* who looks sees one level after the other */
    p->norm = o->model->norm;
    return facet__detect_plan(&p->plan, o, part);
}

void facet__pyramid_close(struct facet__pyramid *p)
{
    for (int i = 0; i < FACET__PYRAMID_BANDS; i++)
        facet_exec_close(&p->band[i].exec);
    for (int i = 0; i < FACET__PYRAMID_LEVELS; i++)
        facet_image_fini(&p->level[i].image);
    for (int i = 1; i < FACET__PYRAMID_HALVES; i++)
        facet_image_fini(&p->half[i]);
    facet_plan_close(&p->plan);
}

/* ---- binding ---- */

/* P-Net's output for `side` rows of input; levels have at least twelve. */
static int output_side(int side)
{
    return (side - 2 + 1) / 2 - 4;
}

static int input_rows(const struct facet__pyramid *p, const struct facet__level *l)
{
    return p->norm.transpose ? l->image.width : l->image.height;
}

/* The band's rows of the level, as they lie in the level's picture. */
static struct facet_image band_image(const struct facet__pyramid *p, const struct facet__band *b)
{
    const struct facet__level *l = &p->level[b->level];
    bool is_last = b->row + b->rows == l->rows;
    int from = STRIDE * b->row, n = is_last ? input_rows(p, l) - from : STRIDE * b->rows + WINDOW_ROWS;
    return p->norm.transpose ? facet_image_crop(&l->image, from, 0, n, l->image.height)
                             : facet_image_crop(&l->image, 0, from, l->image.width, n);
}

static int bind_band(struct facet__pyramid *p, struct facet__band *b)
{
    struct facet_image part = band_image(p, b);
    int h = p->norm.transpose ? part.width : part.height, w = p->norm.transpose ? part.height : part.width;
    const struct facet_shape shape = {4, {1, 3, h, w}};
    int err = b->exec ? FACET_OK : facet_exec_open(&b->exec, p->plan, NULL);
    return err ? err : facet_exec_bind(b->exec, &shape, 1);
}

static int count_bands(const struct facet__pyramid *p, const struct facet__level *l)
{
    int threads = (int)facet_pool_threads(p->pool), bands = (l->rows + BAND_ROWS - 1) / BAND_ROWS;
    int even = (bands + threads - 1) / threads * threads;
    if (threads == 1)
        return 1;
    return bands > 1 && l->rows / even >= LEAST_BAND ? even : bands;
}

static int bind_bands(struct facet__pyramid *p, int level)
{
    struct facet__level *l = &p->level[level];
    int rows = (l->rows + count_bands(p, l) - 1) / count_bands(p, l), err = FACET_OK;
    rows = (rows + 3) / 4 * 4;
    l->first_band = p->bands;
    l->bands = 0;
    for (int row = 0; !err && row < l->rows; row += rows) {
        if (p->bands == FACET__PYRAMID_BANDS)
            return facet_fail(FACET_E_LIMIT, "cannot look for faces at more than %d places at once", FACET__PYRAMID_BANDS);
        struct facet__band *b = &p->band[p->bands++];
        b->level = level;
        b->row = row;
        b->rows = l->rows - row < rows ? l->rows - row : rows;
        l->bands++;
        err = bind_band(p, b);
    }
    return err;
}

/* Halved pictures down to the one that is still twice the level. */
static int reserve_halves(struct facet__pyramid *p, struct facet__level *l)
{
    int err = FACET_OK;
    l->half = 0;
    for (double by = 1 / l->scale; !err && p->o->quick_pyramid && by >= 4 && l->half + 1 < FACET__PYRAMID_HALVES; by /= 2) {
        const struct facet_image *from = &p->half[l->half++];
        if (l->half < p->halves)
            continue;
        err = facet_image_reserve(&p->half[l->half], &p->half_cap[l->half], FACET_PIXEL_RGB24, (from->width + 1) / 2,
                                  (from->height + 1) / 2);
        p->halves = l->half + 1;
    }
    return err;
}

static int bind_level(struct facet__pyramid *p, int level)
{
    struct facet__level *l = &p->level[level];
    int w = (int)ceil(p->half[0].width * l->scale), h = (int)ceil(p->half[0].height * l->scale);
    int err = facet_image_reserve(&l->image, &l->image_cap, FACET_PIXEL_RGB24, w, h);
    l->rows = output_side(p->norm.transpose ? w : h);
    l->cols = output_side(p->norm.transpose ? h : w);
    if (!err)
        err = reserve_halves(p, l);
    return err ? err : bind_bands(p, level);
}

/* Faces of more than max_face pixels are found on levels whose window is that large; one more is kept, for
 * a face may fill its window less well than the next. */
static bool is_wanted(const struct facet_detector_opts *o, double scale, double factor)
{
    return !o->max_face || FACET__CELL / scale * factor <= o->max_face;
}

static int bind_levels(struct facet__pyramid *p)
{
    const struct facet_image *img = &p->half[0];
    const double first = (double)FACET__CELL / p->o->min_face, factor = round((double)p->o->factor * 1e6) / 1e6;
    double shorter = (img->width < img->height ? img->width : img->height) * first;
    p->levels = p->bands = 0;
    p->halves = 1;
    for (int n = 0; shorter >= FACET__CELL && n < FACET__PYRAMID_LEVELS; n++, shorter *= factor) {
        p->level[n].scale = first * pow(factor, n);
        if (!is_wanted(p->o, p->level[n].scale, factor))
            break;
        int err = bind_level(p, n);
        if (err)
            return err;
        p->levels = n + 1;
    }
    return FACET_OK;
}

static int bind_all(struct facet__pyramid *p)
{
    int w = p->half[0].width, h = p->half[0].height;
    if (p->width == w && p->height == h)
        return FACET_OK;
    p->width = p->height = 0;
    int err = bind_levels(p);
    if (!err) {
        p->width = w;
        p->height = h;
    }
    return err;
}

/* ---- shrinking ---- */

static void shrink_level(struct facet__pyramid *p, int level)
{
    struct facet__level *l = &p->level[level];
    float by = (float)(1 << l->half);      /* an odd side's last half pixel is none */
    struct facet_box all = {0, 0, (float)p->width / by, (float)p->height / by};
    l->err = facet_resize_box(&l->image, &p->half[l->half], all, FACET_SCALE_COVER, -1);
}

/* Levels from the picture itself are one piece of work each, all others with the halved pictures another. */
static void shrink_part(void *ctx, size_t i, unsigned worker)
{
    struct facet__pyramid *p = ctx;
    (void)worker;
    if (i > 0) {
        shrink_level(p, (int)i - 1);
        return;
    }
    for (int h = 1; h < p->halves; h++)
        facet_image_halve(&p->half[h], &p->half[h - 1]);
    for (int l = 0; l < p->levels; l++)
        if (p->level[l].half)
            shrink_level(p, l);
}

static int shrink(struct facet__pyramid *p)
{
    size_t from_picture = 0;
    while (from_picture < (size_t)p->levels && !p->level[from_picture].half)
        from_picture++;
    facet_pool_for(p->pool, from_picture + 1, shrink_part, p);
    for (int i = 0; i < p->levels; i++)
        if (p->level[i].err)
            return facet_fail(p->level[i].err, "cannot shrink a picture of %dx%d for detection", p->width, p->height);
    return FACET_OK;
}

/* ---- P-Net ---- */

static void run_band(void *ctx, size_t i, unsigned worker)
{
    struct facet__pyramid *p = ctx;
    struct facet__band *b = &p->band[i];
    struct facet_image part = band_image(p, b);
    (void)worker;
    facet_image_to_float(facet_exec_input(b->exec, 0)->data, &part, &p->norm);
    b->err = facet__detect_exec(p->o, p->part, b->exec);
}

int facet__pyramid_bind(struct facet__pyramid *p, const struct facet_image *img)
{
    p->half[0] = *img;
    return bind_all(p);
}

int facet__pyramid_run(struct facet__pyramid *p, const struct facet_image *img)
{
    int err = facet__pyramid_bind(p, img);
    if (!err)
        err = shrink(p);
    if (err)
        return err;
    facet_pool_for(p->pool, (size_t)p->bands, run_band, p);
    for (int i = 0; i < p->bands; i++)
        if (p->band[i].err)
            return facet_fail(p->band[i].err, "cannot run '%s' of model '%s' on a picture of %dx%d", p->part, p->o->model->name,
                              p->width, p->height);
    return FACET_OK;
}

/* ---- cells to boxes ---- */

static float cell_edge(int cell, int offset, double scale)
{
    return (float)trunc((STRIDE * cell + offset) / scale);
}

void facet__pyramid_box(const struct facet__pyramid *p, int level, int row, int col, struct facet__candidate *c)
{
    int x = p->norm.transpose ? row : col, y = p->norm.transpose ? col : row;
    double scale = p->level[level].scale;
    c->box.x1 = cell_edge(x, 1, scale);
    c->box.y1 = cell_edge(y, 1, scale);
    c->box.x2 = cell_edge(x, FACET__CELL, scale);
    c->box.y2 = cell_edge(y, FACET__CELL, scale);
}

static const float *band_map(const struct facet__pyramid *p, const struct facet__band *b, int64_t channels)
{
    const struct facet_tensor *t = facet__output_with(b->exec, p->plan, channels);
    int64_t cells = (int64_t)b->rows * p->level[b->level].cols;
    return t && t->shape.rank == 4 && t->shape.dim[2] * t->shape.dim[3] == cells ? t->data : NULL;
}

int facet__pyramid_fail_outputs(const struct facet__pyramid *p)
{
    return facet_fail(FACET_E_FORMAT, "cannot use 'pnet' of model '%s': it does not give 2 score and 4 shift maps", p->o->model->name);
}

static int gather(const struct facet__pyramid *p, const struct facet__level *l, float least, struct facet__candidates *c)
{
    facet__candidates_pick_begin(c);
    for (int i = l->first_band; i < l->first_band + l->bands; i++) {
        const struct facet__band *b = &p->band[i];
        const float *prob = band_map(p, b, 2);
        size_t cells = (size_t)b->rows * (size_t)l->cols;
        if (!prob || !band_map(p, b, 4))
            return facet__pyramid_fail_outputs(p);
        int err = facet__candidates_pick_from(c, prob + cells, cells, (size_t)b->row * (size_t)l->cols, least);
        if (err)
            return err;
    }
    return FACET_OK;
}

static void take_cell(const struct facet__pyramid *p, const struct facet__level *l, size_t cell, struct facet__candidate *c)
{
    int a = (int)(cell / (size_t)l->cols), b = (int)(cell % (size_t)l->cols), i = l->first_band;
    while (a >= p->band[i].row + p->band[i].rows)
        i++;
    const struct facet__band *band = &p->band[i];
    size_t cells = (size_t)band->rows * (size_t)l->cols, at = cell - (size_t)band->row * (size_t)l->cols;
    const float *prob = band_map(p, band, 2), *shift = band_map(p, band, 4);
    facet__pyramid_box(p, (int)(l - p->level), a, b, c);
    c->score = prob[cells + at];
    for (size_t k = 0; k < 4; k++)
        c->shift[k] = shift[k * cells + at];
}

int facet__pyramid_take(const struct facet__pyramid *p, int level, float least, size_t max, struct facet__candidates *c)
{
    const struct facet__level *l = &p->level[level];
    int err = gather(p, l, least, c);
    if (err)
        return err;
    c->n = facet__candidates_pick_end(c, max);
    for (size_t i = 0; i < c->n; i++)
        take_cell(p, l, facet__candidates_picked(c, i), &c->at[i]);
    return FACET_OK;
}
