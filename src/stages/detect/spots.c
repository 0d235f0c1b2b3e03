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

void facet__spots_init(struct facet__spots *s, struct facet__pyramid *p)
{
    memset(s, 0, sizeof(*s));
    s->pyramid = p;
}

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

void facet__spots_fini(struct facet__spots *s)
{
    close_lanes(s);
    free(s->at);
    memset(s, 0, sizeof(*s));
}

/* ---- binding ---- */

static int open_lane(const struct facet__spots *s, struct facet__spot_lane *l)
{
    int err = facet_image_init(&l->image, FACET_PIXEL_RGB24, FACET__SPOT_SIDE, FACET__SPOT_SIDE);
    for (int k = 0; !err && k < 4; k++) {
        const struct facet_shape shape = {4, {1, 3, FACET__SPOT_SIDE - k / 2, FACET__SPOT_SIDE - k % 2}};
        struct facet_exec **e = &l->exec[k / 2][k % 2];
        err = facet_exec_open(e, s->pyramid->plan, NULL);
        if (!err)
            err = facet_exec_bind(*e, &shape, 1);
    }
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
    const struct facet_exec *e = err ? NULL : s->lanes[0].exec[0][0];
    if (!err && (!facet__output_with(e, s->pyramid->plan, 2) || !facet__output_with(e, s->pyramid->plan, 4)))
        err = facet__pyramid_fail_outputs(s->pyramid);
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
        s->is_whole[level] |= l->rows < FACET__SPOT_CELLS || l->cols < FACET__SPOT_CELLS;
        if (s->is_whole[level])
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
    const struct facet__pyramid *p = s->pyramid;
    struct facet__spot *spot = &s->at[i];
    struct facet__spot_lane *lane = &s->lanes[worker];
    const struct facet_image *level = &p->level[spot->level].image;
    int x = 2 * (p->norm.transpose ? spot->row : spot->col), y = 2 * (p->norm.transpose ? spot->col : spot->row);
    int w = tile_side(x, level->width), h = tile_side(y, level->height);
    struct facet_image part = facet_image_crop(&lane->image, 0, 0, w, h);
    int rows = p->norm.transpose ? w : h, cols = p->norm.transpose ? h : w;
    struct facet_exec *e = lane->exec[FACET__SPOT_SIDE - rows][FACET__SPOT_SIDE - cols];
    spot->err = facet_resize_part(&part, &p->half[0], level->width, level->height, x, y);
    if (spot->err)
        return;
    facet_image_to_float(facet_exec_input(e, 0)->data, &part, &p->norm);
    spot->err = facet__detect_exec(p->o, "pnet", e);
    if (!spot->err)
        take_maps(spot, p->plan, e);
}

int facet__spots_run(struct facet__spots *s, const struct facet_image *img, const struct facet_box *boxes, int n)
{
    struct facet__pyramid *p = s->pyramid;
    int err = facet__pyramid_bind(p, img);
    if (!err)
        err = open_lanes(s);
    s->n = 0;
    memset(s->is_whole, 0, sizeof(s->is_whole));
    for (int i = 0; !err && i < p->levels; i++) {
        err = add_spots(s, i, boxes, n);
        if (!err && s->is_whole[i])
            err = facet__pyramid_run_level(p, i);
    }
    if (err)
        return err;
    facet_pool_for(p->pool, s->n, run_spot, s);
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].err)
            return facet_fail(s->at[i].err, "cannot run 'pnet' of model '%s' around %d faces", p->o->model->name, n);
    return FACET_OK;
}

/* ---- cells to boxes ---- */

static void take_spot(const struct facet__spots *s, const struct facet__spot *spot, float least, size_t max, struct facet__candidates *c)
{
    const size_t cells = FACET__SPOT_CELLS * FACET__SPOT_CELLS;
    for (size_t i = 0; i < cells && c->n < max; i++) {
        if (!(spot->maps[i] >= least))
            continue;
        struct facet__candidate *to = &c->at[c->n++];
        facet__pyramid_box(s->pyramid, spot->level, spot->row + (int)i / FACET__SPOT_CELLS, spot->col + (int)i % FACET__SPOT_CELLS, to);
        to->score = spot->maps[i];
        for (size_t k = 0; k < 4; k++)
            to->shift[k] = spot->maps[(k + 1) * cells + i];
    }
}

int facet__spots_take(const struct facet__spots *s, int level, float least, size_t max, struct facet__candidates *c)
{
    if (s->is_whole[level])
        return facet__pyramid_take(s->pyramid, level, least, max, c);
    c->n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->at[i].level == level)
            take_spot(s, &s->at[i], least, max, c);
    facet__candidates_sort(c);
    return FACET_OK;
}
