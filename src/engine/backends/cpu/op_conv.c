/* Conv: the tile of 32 channels, Winograd, depthwise, and groups one after another. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

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

static size_t scratch_of(const struct facet_cpu_node *s, const struct facet_conv *c)
{
    size_t n = s->mode == MODE_WINO ? facet_wino_scratch(c) : s->mode == MODE_DIRECT ? facet_conv_scratch(c) : 0;
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

/* Output channels [a, b) of all pixels: what to cut when there are few pixels. */
static void part_channels(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    struct facet_conv c = j->c;
    c.w = (const float *)c.w + a * (size_t)(c.kh * c.kw) * (size_t)c.ic;
    c.oc = (int)(b - a);
    c.out = (float *)c.out + a;
    c.fin.bias = c.fin.bias ? c.fin.bias + a : NULL;
    c.fin.slope = c.fin.slope ? c.fin.slope + a : NULL;
    c.fin.residual = c.fin.residual ? (const float *)c.fin.residual + a : NULL;
    j->k->conv_f32(&c, 0, (size_t)c.n * (size_t)c.oh * (size_t)c.ow, j->scratch + worker * j->scratch_bytes);
}

static void run_direct(struct job *j, struct facet_pool *pool)
{
    size_t pixels = (size_t)j->c.n * (size_t)j->c.oh * (size_t)j->c.ow;
    if (pixels < (size_t)j->k->tile * 2 * facet_pool_threads(pool) && (unsigned)j->c.oc > j->k->block)
        facet_cpu_split(pool, (size_t)j->c.oc, j->k->block, part_channels, j);
    else
        facet_cpu_split(pool, pixels, j->k->tile, part_pixels, j);
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
        facet_cpu_split(r->pool, facet_wino_tiles(&j.c), 12, part_squares, &j);
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
