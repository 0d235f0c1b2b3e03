#include "stages/detect/anchors.h"

#include "base/errors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int facet__grid_open(void **state, const struct facet_detector_opts *o)
{
    struct facet__grid *g = calloc(1, sizeof(*g));
    *state = g;
    if (!g)
        return facet_fail_nomem();
    g->o = *o;
    if (o->max_side < 32 || o->max_side > 4096)
        return facet_fail(FACET_E_INVALID, "cannot shrink pictures to %d pixels: give 32 to 4096", o->max_side);
    int err = facet__candidates_reserve(&g->all, FACET__STRIDES * FACET__GRID_BOXES);
    if (!err)
        err = facet__detect_plan(&g->plan, o, "");
    return err ? err : facet_exec_open(&g->exec, g->plan, o->pool);
}

void facet__grid_close(void *state)
{
    struct facet__grid *g = state;
    facet_exec_close(&g->exec);
    facet_plan_close(&g->plan);
    facet_image_fini(&g->input);
    facet__candidates_fini(&g->one);
    facet__candidates_fini(&g->all);
    free(g->scores);
    free(g);
}

static int up_to_32(int v)
{
    return (v + 31) / 32 * 32;
}

/* A network with a size of its own gets the picture as large as fits; one without gets it as it is,
 * shrunk to max_side at most. */
static int bind(struct facet__grid *g, const struct facet_image *img, struct facet_image *part)
{
    const struct facet_model_spec *spec = g->o.model;
    int w = spec->width, h = spec->height, longer = img->width > img->height ? img->width : img->height;
    g->scale = w && h ? fminf((float)w / (float)img->width, (float)h / (float)img->height)
                      : fminf(1, (float)g->o.max_side / (float)longer);
    int pw = (int)lroundf((float)img->width * g->scale), ph = (int)lroundf((float)img->height * g->scale);
    pw = pw > 0 ? pw : 1;
    ph = ph > 0 ? ph : 1;
    w = w ? w : up_to_32(pw);
    h = h ? h : up_to_32(ph);
    int err = facet_image_reserve(&g->input, &g->input_cap, FACET_PIXEL_RGB24, w, h);
    const struct facet_shape shape = {4, {1, 3, h, w}};
    if (!err)
        err = facet_exec_bind(g->exec, &shape, 1);
    if (!err)
        *part = facet_image_crop(&g->input, 0, 0, pw, ph);
    return err;
}

static int fill(struct facet__grid *g, const struct facet_image *img, struct facet_image *part)
{
    facet_image_fill(&g->input, 0, 0, 0);
    int err = facet_resize(part, img, FACET_SCALE_AREA);
    if (!err)
        facet_image_to_float(facet_exec_input(g->exec, 0)->data, &g->input, &g->o.model->norm);
    return err;
}

static const float *output(const struct facet__grid *g, const char *what, int stride, size_t numbers)
{
    char name[32];
    snprintf(name, sizeof(name), "%s_%d", what, stride);
    const struct facet_tensor *t = facet_exec_output_named(g->exec, name);
    return t && t->dtype == FACET_F32 && facet_shape_count(&t->shape) == (int64_t)numbers ? t->data : NULL;
}

static void find_maps(const struct facet__grid *g, struct facet__grid_maps *m, int stride, size_t anchors)
{
    m->stride = stride;
    m->rows = g->input.height / stride;
    m->cols = g->input.width / stride;
    size_t n = (size_t)m->rows * (size_t)m->cols * anchors;
    m->cls = output(g, "cls", stride, n);
    m->obj = output(g, "obj", stride, n);
    m->score = output(g, "score", stride, n);
    m->bbox = output(g, "bbox", stride, 4 * n);
    m->kps = output(g, "kps", stride, 2 * FACET_LANDMARKS * n);
}

static int reserve_scores(struct facet__grid *g, size_t n)
{
    if (n <= g->cap_scores)
        return FACET_OK;
    float *scores = realloc(g->scores, n * sizeof(*scores));
    if (!scores)
        return FACET_E_NOMEM;
    g->scores = scores;
    g->cap_scores = n;
    return FACET_OK;
}

static int take_stride(struct facet__grid *g, struct facet__grid_maps *m, size_t anchors, facet__grid_scores *scores,
                       facet__grid_decode *decode)
{
    size_t n = (size_t)m->rows * (size_t)m->cols * anchors;
    if (reserve_scores(g, n))
        return facet_fail_nomem();
    if (!scores(m, n, g->scores) || !m->bbox || !m->kps)
        return facet_fail(FACET_E_FORMAT, "cannot use model '%s' as '%s': it lacks outputs of stride %d", g->o.model->name,
                          g->o.model->kind, m->stride);
    int count = facet__candidates_pick(&g->one, g->scores, n, g->o.threshold[0], FACET__GRID_BOXES);
    for (int i = 0; i < count; i++) {
        size_t index = facet__candidates_picked(&g->one, (size_t)i);
        struct facet__candidate *c = &g->all.at[g->all.n++];
        c->score = g->scores[index];
        decode(c, m, index);
    }
    return count < 0 ? count : FACET_OK;
}

static int is_finite_box(struct facet_box b)
{
    return isfinite(b.x1) && isfinite(b.y1) && isfinite(b.x2) && isfinite(b.y2) && b.x2 > b.x1 && b.y2 > b.y1;
}

static int give(const struct facet__grid *g, struct facet_detection *out, int max)
{
    int n = 0;
    float back = 1 / g->scale;
    for (size_t i = 0; i < g->all.n && n < max; i++) {
        const struct facet__candidate *c = &g->all.at[i];
        if (!is_finite_box(c->box))
            continue;
        struct facet_detection *d = &out[n++];
        *d = (struct facet_detection){.score = c->score, .has_points = true};
        d->box = (struct facet_box){c->box.x1 * back, c->box.y1 * back, c->box.x2 * back, c->box.y2 * back};
        for (int k = 0; k < FACET_LANDMARKS; k++)
            d->points.p[k] = (struct facet_point){c->points.p[k].x * back, c->points.p[k].y * back};
    }
    return n;
}

int facet__grid_run(struct facet__grid *g, const struct facet_image *img, int anchors, facet__grid_scores *scores,
                    facet__grid_decode *decode, struct facet_detection *out, int max)
{
    struct facet_image part;
    int err = bind(g, img, &part);
    if (!err)
        err = fill(g, img, &part);
    if (!err)
        err = facet__detect_exec(&g->o, "", g->exec);
    g->all.n = 0;
    for (int i = 0; !err && i < FACET__STRIDES; i++) {
        struct facet__grid_maps m;
        find_maps(g, &m, 8 << i, (size_t)anchors);
        err = take_stride(g, &m, (size_t)anchors, scores, decode);
    }
    if (err)
        return err;
    facet__candidates_sort(&g->all);
    facet__candidates_suppress(&g->all, g->o.nms, FACET__OVER_UNION, 0);
    return give(g, out, max);
}
