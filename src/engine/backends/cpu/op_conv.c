/* Conv: the tile of 32 channels, Winograd, depthwise, and groups one after another. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

#define SQUARES 12             /* of Winograd, done together at least */

enum mode { MODE_DIRECT, MODE_WINO, MODE_DEPTHWISE };

static bool conv_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2), *x = facet_cpu_value(g, n, 0);
    struct facet_window win;
    if (!w || !w->data || w->shape.rank != 4 || facet_shape_count(&w->shape) < 1 || x->shape.rank != 4 || (b && !b->data))
        return false;
    int64_t group = facet_node_int(n, "group", 1), oc = w->shape.dim[0], icg = w->shape.dim[1];
    if (group > 1 && icg == 1 && oc != group)
        return false;
    return !facet_window_init(&win, g, n, w->shape.dim[2], w->shape.dim[3], -1, -1) && win.kernel_h * win.kernel_w <= 1024;
}

/* The square of Winograd for this layer; 0: direct sums. */
static int wino_square(const struct facet_cpu_node *s, const struct facet_window *w, const struct facet_shape *in, int64_t oc)
{
    if (w->kernel_h != 3 || w->kernel_w != 3 || w->stride_h != 1 || w->stride_w != 1 || w->dilation_h != 1 || w->dilation_w != 1)
        return 0;
    return facet_wino_square(&s->k, w->out_h > 0 ? (int)w->out_h : 16, w->out_w > 0 ? (int)w->out_w : 16, (int)in->dim[1], (int)oc);
}

static int window_of(struct facet_window *w, const struct facet_graph *g, int node, const struct facet_shape *in)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_shape *f = &g->values[n->inputs[1]].shape;
    return facet_window_init(w, g, n, f->dim[2], f->dim[3], in->dim[2], in->dim[3]);
}

/* Packs the weights of all groups one behind the other. */
static int pack_weights(struct facet_cpu_node *s, const struct facet_shape *f, const float *w, int64_t group, struct facet_pack *pack)
{
    int oc = (int)f->dim[0], ic = (int)f->dim[1], kh = (int)f->dim[2], kw = (int)f->dim[3], oc1 = (int)(oc / group);
    size_t each = facet_conv_pack_floats(&s->k, oc1, (size_t)ic * (size_t)kh * (size_t)kw), total = each * (size_t)group;
    void *data;
    bool fresh;
    if (s->mode == MODE_DEPTHWISE)
        total = facet_dw_pack_floats(oc, kh, kw);
    if (s->mode == MODE_WINO)
        total = facet_wino_pack_floats(&s->k, oc, ic, s->square);
    int err = facet_pack_blob(pack, total * sizeof(float), &data, &fresh);
    s->w = err ? NULL : data;
    if (err || !fresh)
        return err;
    if (s->mode == MODE_DEPTHWISE)
        facet_pack_dw(w, oc, kh, kw, data);
    else if (s->mode == MODE_WINO)
        facet_pack_wino(&s->k, w, oc, ic, s->square, data);
    else
        for (size_t i = 0; i < (size_t)group; i++)
            facet_pack_conv(&s->k, w + i * (size_t)oc1 * (size_t)(ic * kh * kw), oc1, ic, kh, kw, (float *)data + i * each);
    return FACET_OK;
}

static int conv_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_value *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2), *x = facet_cpu_value(g, n, 0);
    int64_t group = facet_node_int(n, "group", 1), oc = w->shape.dim[0];
    struct facet_window win;
    int err = window_of(&win, g, node, &x->shape);
    s->channels = oc;
    s->window = win;
    s->pads_follow = strncmp(facet_node_string(n, "auto_pad", "NOTSET"), "SAME", 4) == 0;
    s->groups = (int)group;
    if (group > 1 && w->shape.dim[1] == 1)
        s->mode = MODE_DEPTHWISE;
    else if (group == 1 && (s->square = wino_square(s, &win, &x->shape, oc)) > 0)
        s->mode = MODE_WINO;
    s->zero = calloc((size_t)(w->shape.dim[1] * group) + 64, sizeof(float));
    if (!err && !s->zero)
        err = facet_fail_nomem();
    if (!err)
        err = pack_weights(s, &w->shape, w->data, group, pack);
    if (!err && b)
        err = facet_cpu_pack_channels(pack, b->data, oc, oc, &s->bias);
    return err ? err : facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

struct job { const struct facet_kernels *k; struct facet_conv c; char *scratch; size_t scratch_bytes; };

static int conv_of(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r, struct facet_conv *c)
{
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    struct facet_window w = s->window;
    int err = s->pads_follow ? window_of(&w, g, node, &in->shape) : FACET_OK;
    const int64_t *i = in->shape.dim, *o = out->shape.dim;
    *c = (struct facet_conv){
        .in = in->data, .out = out->data, .n = (int)i[0], .ic = (int)i[1], .ih = (int)i[2], .iw = (int)i[3],
        .oc = (int)o[1], .oh = (int)o[2], .ow = (int)o[3],
        .in_px = (size_t)(in->pixel_stride ? in->pixel_stride : i[1]), .out_px = (size_t)(out->pixel_stride ? out->pixel_stride : o[1]),
        .kh = (int)w.kernel_h, .kw = (int)w.kernel_w, .sy = (int)w.stride_h, .sx = (int)w.stride_w, .dy = (int)w.dilation_h,
        .dx = (int)w.dilation_w, .pt = (int)w.pad_top, .pl = (int)w.pad_left, .square = s->square, .w = s->w, .zero = s->zero,
        .fin = facet_cpu_finish(s, &g->nodes[node].epi, r->residual),
    };
    return err;
}

/* Fewer channels make larger groups of squares, so some channels may need more than all. */
static size_t wino_scratch(const struct facet_cpu_node *s, const struct facet_conv *c)
{
    struct facet_conv some = *c;
    size_t most = facet_wino_scratch(c);
    for (some.oc = (int)s->k.block; some.oc < c->oc; some.oc += (int)s->k.block) {
        size_t n = facet_wino_scratch(&some);
        most = n > most ? n : most;
    }
    return most;
}

static size_t scratch_of(const struct facet_cpu_node *s, const struct facet_conv *c)
{
    size_t n = s->mode == MODE_WINO ? wino_scratch(s, c) : s->mode == MODE_DIRECT ? facet_conv_scratch(c) : 0;
    return (n + 63) / 64 * 64;
}

static size_t conv_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_conv c;
    return conv_of(s, g, node, r, &c) ? 0 : scratch_of(s, &c);
}

static void part_pixels(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    j->k->conv_f32(&j->c, a, b, j->scratch + worker * j->scratch_bytes);
}

static void part_squares(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    j->k->wino_f32(&j->c, a, b, j->scratch + worker * j->scratch_bytes);
}

static void part_rows(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    (void)worker;
    j->k->dw_f32(&j->c, a, b);
}

static struct facet_conv channels_of(const struct facet_conv *all, size_t a, size_t b)
{
    struct facet_conv c = *all;
    c.w = (const float *)c.w + a * (size_t)(c.kh * c.kw) * (size_t)c.ic;
    c.oc = (int)(b - a);
    c.out = (float *)c.out + a;
    c.fin.bias = c.fin.bias ? c.fin.bias + a : NULL;
    c.fin.slope = c.fin.slope ? c.fin.slope + a : NULL;
    c.fin.residual = c.fin.residual ? (const float *)c.fin.residual + a : NULL;
    return c;
}

/* Output channels [a, b) of all pixels. */
static void part_channels(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    struct facet_conv c = channels_of(&j->c, a, b);
    j->k->conv_f32(&c, 0, (size_t)c.n * (size_t)c.oh * (size_t)c.ow, j->scratch + worker * j->scratch_bytes);
}

/* The same of all squares: their inputs are then transformed by each thread, but each weight is read by one alone. */
static void part_wino_channels(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    struct facet_conv c = channels_of(&j->c, a, b);
    c.w_oc = j->c.oc;
    c.w = (const float *)j->c.w + a * (size_t)c.ic;
    j->k->wino_f32(&c, 0, facet_wino_tiles(&c), j->scratch + worker * j->scratch_bytes);
}

/* What the thread with the most work does, in products, when `of` things in steps are shared, and what it reads:
 * a weight costs about as much as 12 products, a number in or out that another thread has touched twice that (measured). */
static double cost_of(double macs, size_t of, size_t step, unsigned threads, double weights, double inputs)
{
    size_t units = (of + step - 1) / step, most = (units + threads - 1) / threads * step;
    return macs * (double)(most < of ? most : of) / (double)of + 12 * weights + 24 * inputs;
}

/* Is the work better cut along the channels than along `n` pixels or squares in steps? */
static bool cuts_channels(const struct job *j, size_t n, size_t step, double macs, double weights, unsigned threads)
{
    double inputs = (double)j->c.n * j->c.ih * j->c.iw * j->c.ic + (double)j->c.n * j->c.oh * j->c.ow * j->c.oc;
    if (threads < 2 || (unsigned)j->c.oc <= j->k->block)
        return false;
    return cost_of(macs, (size_t)j->c.oc, j->k->block, threads, weights / threads, inputs) <
           cost_of(macs, n, step, threads, weights, inputs / threads);
}

static void run_direct(struct job *j, struct facet_pool *pool)
{
    size_t pixels = (size_t)j->c.n * (size_t)j->c.oh * (size_t)j->c.ow;
    double weights = (double)j->c.kh * j->c.kw * j->c.ic * j->c.oc;
    if (cuts_channels(j, pixels, j->k->tile, weights * (double)pixels, weights, facet_pool_threads(pool)))
        facet_cpu_split(pool, (size_t)j->c.oc, j->k->block, part_channels, j);
    else
        facet_cpu_split(pool, pixels, j->k->tile, part_pixels, j);
}

static bool wino_cuts_channels(const struct job *j, struct facet_pool *pool)
{
    size_t squares = facet_wino_tiles(&j->c);
    double points = (j->c.square + 2) * (j->c.square + 2), weights = points * j->c.ic * j->c.oc;
    return cuts_channels(j, squares, SQUARES, weights * (double)squares, weights, facet_pool_threads(pool));
}

static void run_wino(struct job *j, struct facet_pool *pool)
{
    if (wino_cuts_channels(j, pool))
        facet_cpu_split_into(pool, (size_t)j->c.oc, j->k->block, 1, part_wino_channels, j);
    else
        facet_cpu_split(pool, facet_wino_tiles(&j->c), SQUARES, part_squares, j);
}

static void run_groups(struct job *j, int groups, struct facet_pool *pool)
{
    struct facet_conv all = j->c;
    int ic = all.ic / groups, oc = all.oc / groups;
    size_t each = facet_conv_pack_floats(j->k, oc, (size_t)ic * (size_t)(all.kh * all.kw));
    for (int i = 0; i < groups; i++) {
        j->c = all;
        j->c.ic = ic;
        j->c.oc = oc;
        j->c.in = (const float *)all.in + i * ic;
        j->c.out = (float *)all.out + i * oc;
        j->c.w = (const float *)all.w + (size_t)i * each;
        j->c.fin.bias = all.fin.bias ? all.fin.bias + i * oc : NULL;
        j->c.fin.slope = all.fin.slope ? all.fin.slope + i * oc : NULL;
        j->c.fin.residual = all.fin.residual ? (const float *)all.fin.residual + i * oc : NULL;
        run_direct(j, pool);
    }
}

static int conv_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct job j = { .k = &s->k, .scratch = r->scratch };
    int err = conv_of(s, g, node, r, &j.c);
    if (err)
        return err;
    j.scratch_bytes = scratch_of(s, &j.c);
    if (s->mode == MODE_WINO)
        run_wino(&j, r->pool);
    else if (s->mode == MODE_DEPTHWISE)
        facet_cpu_split(r->pool, (size_t)j.c.n * (size_t)j.c.oh, 1, part_rows, &j);
    else if (s->groups > 1)
        run_groups(&j, s->groups, r->pool);
    else
        run_direct(&j, r->pool);
    facet_cpu_finish_rest(&g->nodes[node].epi, r->out[0]);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_conv[] = {
    { .name = "Conv", .supports = conv_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT | FACET_STRIDED_RESIDUAL,
      .drops = true, .prepare = conv_prepare, .scratch = conv_scratch, .run = conv_run },
    { 0 },
};
