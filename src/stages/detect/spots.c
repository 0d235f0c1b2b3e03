#include "stages/detect/spots.h"

#include "base/errors.h"
#include "base/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 4                        /* P-Net's kernels go by four rows; the same cells are then computed alike */
#define LEAST_WINDOW 0.35              /* of the levels looked at, in the face's longer side */
#define MOST_WINDOW 2.0
#define MIDDLE 6.5                     /* of a cell's window, in pixels of the level */

static void close_lanes(struct facet__spots *s)
{
    for (unsigned i = 0; s->lanes && i < s->n_lanes; i++) {
        for (int k = 0; k < 4; k++)
            facet_exec_close(&s->lanes[i].exec[k / 2][k % 2]);
        facet_image_fini(&s->lanes[i].image);
    }
    free(s->lanes);
    s->lanes = NULL;
}

int facet__spots_open(struct facet__spots *s, struct facet__pyramid *p, const char *part)
{
    s->pyramid = p;
    s->part = part;
    int err = strcmp(part, p->part) ? facet__detect_plan(&s->own, p->o, part) : FACET_OK;
    s->plan = s->own ? s->own : p->plan;
    return err;
}

void facet__spots_close(struct facet__spots *s)
{
    close_lanes(s);
    for (int i = 0; i < FACET__PYRAMID_LEVELS; i++)
        facet_exec_close(&s->level[i].exec);
    free(s->at);
    facet_plan_close(&s->own);
}

/* ---- binding ---- */

static int bind_exec(const struct facet__spots *s, struct facet_exec **e, int rows, int cols)
{
    const struct facet_shape shape = {4, {1, 3, rows, cols}};
    int err = *e ? FACET_OK : facet_exec_open(e, s->plan, NULL);
    if (!err)
        err = facet_exec_bind(*e, &shape, 1);
    if (!err && (!facet__output_with(*e, s->plan, 2) || !facet__output_with(*e, s->plan, 4)))
        err = facet__pyramid_fail_outputs(s->pyramid);
    return err;
}

static int open_lane(const struct facet__spots *s, struct facet__spot_lane *l)
{
    int err = facet_image_init(&l->image, FACET_PIXEL_RGB24, FACET__SPOT_SIDE, FACET__SPOT_SIDE);
    for (int k = 0; !err && k < 4; k++)
        err = bind_exec(s, &l->exec[k / 2][k % 2], FACET__SPOT_SIDE - k / 2, FACET__SPOT_SIDE - k % 2);
    return err;
}

/* Who never follows faces never has them. */
static int open_lanes(struct facet__spots *s)
{
    if (s->lanes)
        return FACET_OK;
    s->n_lanes = facet_pool_threads(s->pyramid->pool);
    s->lanes = calloc(s->n_lanes, sizeof(*s->lanes));
    int err = s->lanes ? FACET_OK : facet_fail_nomem();
    for (unsigned i = 0; !err && i < s->n_lanes; i++)
        err = open_lane(s, &s->lanes[i]);
    if (err)
        close_lanes(s);
    return err;
}

static int reserve(struct facet__spots *s, size_t n)
{
    if (n <= s->cap)
        return FACET_OK;
    struct facet__spot *more = realloc(s->at, 2 * n * sizeof(*more));
    if (!more)
        return facet_fail_nomem();
    s->at = more;
    s->cap = 2 * n;
    return FACET_OK;
}

/* ---- where to look ---- */

/* The tile's first cell on an axis of `cells`: the cell whose window is around `middle` stands near its middle. */
static int first_cell(double middle, double scale, int cells)
{
    double cell = (middle * scale - MIDDLE) / 2 - (FACET__SPOT_CELLS - ALIGN) / 2;
    if (!(cell > 0))
        return 0;
    int first = cell < cells ? (int)lround(cell / ALIGN) * ALIGN : cells;
    return first < cells - FACET__SPOT_CELLS ? first : cells - FACET__SPOT_CELLS;
}

static int add_spots(struct facet__spots *s, int level, const struct facet_box *boxes, int n)
{
    const struct facet__pyramid *p = s->pyramid;
    const struct facet__level *l = &p->level[level];
    double window = FACET__CELL / l->scale;
    for (int i = 0; i < n; i++) {
        double side = fmax((double)facet_box_width(boxes[i]), (double)facet_box_height(boxes[i]));
        if (!(window >= LEAST_WINDOW * side) || window > MOST_WINDOW * side)
            continue;
        s->level[level].is_wanted = l->rows < FACET__SPOT_CELLS || l->cols < FACET__SPOT_CELLS;
        if (s->level[level].is_wanted)
            return FACET_OK;
        double x = ((double)boxes[i].x1 + (double)boxes[i].x2) / 2, y = ((double)boxes[i].y1 + (double)boxes[i].y2) / 2;
        int row = first_cell(p->norm.transpose ? x : y, l->scale, l->rows), col = first_cell(p->norm.transpose ? y : x, l->scale, l->cols);
        int err = reserve(s, s->n + 1);
        if (err)
            return err;
        struct facet__spot *spot = &s->at[s->n++];
        spot->level = level;
        spot->row = row;
        spot->col = col;
    }
    return FACET_OK;
}

/* ---- P-Net ---- */

/* On the part of the level that begins at (x, y). */
static int run_exec(const struct facet__spots *s, int level, int x, int y, struct facet_image *part, struct facet_exec *e)
{
    const struct facet__pyramid *p = s->pyramid;
    const struct facet_image *whole = &p->level[level].image;
    int err = facet_resize_part(part, &p->half[0], whole->width, whole->height, x, y);
    if (err)
        return err;
    facet_image_to_float(facet_exec_input(e, 0)->data, part, &p->norm);
    return facet__detect_exec(p->o, s->part, e);
}

static void take_maps(struct facet__spot *spot, const struct facet_plan *plan, const struct facet_exec *e)
{
    const size_t cells = FACET__SPOT_CELLS * FACET__SPOT_CELLS;
    const float *prob = facet__output_with(e, plan, 2)->data, *shift = facet__output_with(e, plan, 4)->data;
    memcpy(spot->maps, prob + cells, cells * sizeof(float));
    memcpy(spot->maps + cells, shift, 4 * cells * sizeof(float));
}

/* Of the tile that begins at that pixel of the level. */
static int tile_side(int from, int level_side)
{
    int rest = level_side - from;
    return rest < FACET__SPOT_SIDE ? rest : FACET__SPOT_SIDE;
}

static void run_spot(void *ctx, size_t i, unsigned worker)
{
    struct facet__spots *s = ctx;
    struct facet__spot *spot = &s->at[i];
    struct facet__spot_lane *lane = &s->lanes[worker];
    const struct facet_image *level = &s->pyramid->level[spot->level].image;
    bool turned = s->pyramid->norm.transpose;
    int x = 2 * (turned ? spot->row : spot->col), y = 2 * (turned ? spot->col : spot->row);
    int w = tile_side(x, level->width), h = tile_side(y, level->height), rows = turned ? w : h, cols = turned ? h : w;
    struct facet_image part = facet_image_crop(&lane->image, 0, 0, w, h);
    struct facet_exec *e = lane->exec[FACET__SPOT_SIDE - rows][FACET__SPOT_SIDE - cols];
    spot->err = run_exec(s, spot->level, x, y, &part, e);
    if (!spot->err)
        take_maps(spot, s->plan, e);
}

static int run_level(struct facet__spots *s, int level)
{
    struct facet_image *img = &s->pyramid->level[level].image;
    bool turned = s->pyramid->norm.transpose;
    int err = bind_exec(s, &s->level[level].exec, turned ? img->width : img->height, turned ? img->height : img->width);
    return err ? err : run_exec(s, level, 0, 0, img, s->level[level].exec);
}

int facet__spots_run(struct facet__spots *s, const struct facet_image *img, const struct facet_box *boxes, int n)
{
    struct facet__pyramid *p = s->pyramid;
    int err = facet__pyramid_bind(p, img);
    if (!err)
        err = open_lanes(s);
    s->n = 0;
    for (int i = 0; !err && i < p->levels; i++) {
        s->level[i].is_wanted = false;
        err = add_spots(s, i, boxes, n);
        if (!err && s->level[i].is_wanted)
            err = run_level(s, i);
    }
    if (err)
        return err;
    facet_pool_for(p->pool, s->n, run_spot, s);
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].err)
            return facet_fail(s->at[i].err, "cannot run '%s' of model '%s' around %d faces", s->part, p->o->model->name, n);
    return FACET_OK;
}

/* ---- cells to boxes ---- */

/* Of a map of rows x cols cells whose first is (row, col) of the level. */
struct cells { int level, row, col, rows, cols; const float *prob, *shift; };

static void take_cells(const struct facet__pyramid *p, const struct cells *m, float least, size_t max, struct facet__candidates *c)
{
    const size_t cells = (size_t)m->rows * (size_t)m->cols;
    for (size_t i = 0; i < cells && c->n < max; i++) {
        if (!(m->prob[i] >= least))
            continue;
        struct facet__candidate *to = &c->at[c->n++];
        facet__pyramid_box(p, m->level, m->row + (int)i / m->cols, m->col + (int)i % m->cols, to);
        to->score = m->prob[i];
        for (size_t k = 0; k < 4; k++)
            to->shift[k] = m->shift[k * cells + i];
    }
}

void facet__spots_take(const struct facet__spots *s, int level, float least, size_t max, struct facet__candidates *c)
{
    const size_t cells = FACET__SPOT_CELLS * FACET__SPOT_CELLS;
    const struct facet__level *l = &s->pyramid->level[level];
    c->n = 0;
    if (s->level[level].is_wanted) {
        const struct facet_exec *e = s->level[level].exec;
        const float *prob = facet__output_with(e, s->plan, 2)->data, *shift = facet__output_with(e, s->plan, 4)->data;
        const struct cells m = {level, 0, 0, l->rows, l->cols, prob + (size_t)l->rows * (size_t)l->cols, shift};
        take_cells(s->pyramid, &m, least, max, c);
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct facet__spot *spot = &s->at[i];
        const struct cells m = {level, spot->row, spot->col, FACET__SPOT_CELLS, FACET__SPOT_CELLS, spot->maps, spot->maps + cells};
        if (spot->level == level)
            take_cells(s->pyramid, &m, least, max, c);
    }
    facet__candidates_sort(c);
}
