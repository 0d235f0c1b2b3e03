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
    if ((group > 1 && icg == 1 && oc != group) || !facet_cpu_sums_fit(g, n))
        return false;
    return !facet_window_init(&win, g, n, w->shape.dim[2], w->shape.dim[3], -1, -1) && win.kernel_h * win.kernel_w <= 1024;
}

/* The square of Winograd for this layer; 0: direct sums. */
static int wino_square(const struct facet_cpu_node *s, const struct facet_window *w, const struct facet_shape *in, int64_t oc)
{
    if (w->kernel_h != 3 || w->kernel_w != 3 || w->stride_h != 1 || w->stride_w != 1 || w->dilation_h != 1 || w->dilation_w != 1)
        return 0;
    return facet_wino_square(&s->k, s->fmt, w->out_h > 0 ? (int)w->out_h : 16, w->out_w > 0 ? (int)w->out_w : 16, (int)in->dim[1], (int)oc);
}

static int window_of(struct facet_window *w, const struct facet_graph *g, int node, const struct facet_shape *in)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_shape *f = &g->values[n->inputs[1]].shape;
    return facet_window_init(w, g, n, f->dim[2], f->dim[3], in->dim[2], in->dim[3]);
}

/* Bytes of the packed weights of one of `group` groups; all of them where a mode packs them together. */
static size_t packed_bytes(const struct facet_cpu_node *s, const struct facet_shape *f, int64_t group)
{
    int oc = (int)f->dim[0], ic = (int)f->dim[1], kh = (int)f->dim[2], kw = (int)f->dim[3];
    if (s->mode == MODE_DEPTHWISE)
        return s->fmt == FACET_FMT_F32 ? facet_dw_pack_floats(oc, kh, kw) * sizeof(float) : facet_dw_pack_bytes(s->fmt, oc, kh, kw);
    if (s->mode == MODE_WINO)
        return facet_wino_pack_floats(&s->k, oc, ic, s->square) * sizeof(float);
    return facet_conv_pack_bytes(&s->k, s->fmt, (int)(oc / group), ic, kh, kw, (int)s->window.dilation_w);
}

static void pack_depthwise(const struct facet_cpu_node *s, const struct facet_shape *f, const void *w, void *to)
{
    int oc = (int)f->dim[0], kh = (int)f->dim[2], kw = (int)f->dim[3];
    if (s->fmt == FACET_FMT_U8)
        facet_pack_dw_s8(w, oc, kh, kw, to);
    else if (s->fmt == FACET_FMT_BF16)
        facet_pack_dw_bf16(w, oc, kh, kw, to);
    else
        facet_pack_dw(w, oc, kh, kw, to);
}

/* One group; w: its first weight. */
static void pack_direct(const struct facet_cpu_node *s, const struct facet_shape *f, int oc, const void *w, void *to)
{
    int ic = (int)f->dim[1], kh = (int)f->dim[2], kw = (int)f->dim[3], dx = (int)s->window.dilation_w;
    if (s->fmt == FACET_FMT_U8)
        facet_pack_conv_s8(&s->k, w, oc, ic, kh, kw, dx, to);
    else if (s->fmt == FACET_FMT_BF16)
        facet_pack_conv_bf16(&s->k, w, oc, ic, kh, kw, dx, to);
    else
        facet_pack_conv(&s->k, w, oc, ic, kh, kw, to);
}

/* Packs the weights of all groups one behind the other. */
static int pack_weights(struct facet_cpu_node *s, const struct facet_value *w, int64_t group, struct facet_pack *pack)
{
    const struct facet_shape *f = &w->shape;
    bool each = s->mode == MODE_DIRECT, fresh;
    size_t n = each ? (size_t)group : 1, bytes = packed_bytes(s, f, group);
    size_t one = (size_t)facet_shape_count(f) / n * (s->fmt == FACET_FMT_U8 ? 1 : sizeof(float));
    void *data;
    int err = facet_pack_blob(pack, bytes * n, &data, &fresh);
    s->w = err ? NULL : data;
    if (err || !fresh)
        return err;
    if (s->mode == MODE_DEPTHWISE)
        pack_depthwise(s, f, w->data, data);
    else if (s->mode == MODE_WINO)
        facet_pack_wino(&s->k, w->data, (int)f->dim[0], (int)f->dim[1], s->square, data);
    for (size_t i = 0; each && i < n; i++)
        pack_direct(s, f, (int)(f->dim[0] / group), (const char *)w->data + i * one, (char *)data + i * bytes);
    return FACET_OK;
}

/* What is read where the padding is. */
static int make_zero(struct facet_cpu_node *s, const struct facet_value *x, size_t channels)
{
    s->zero = calloc(channels + 64, sizeof(float));
    if (s->zero && s->fmt == FACET_FMT_U8)
        memset(s->zero, x->quant.zero, channels + 64);
    return s->zero ? FACET_OK : facet_fail_nomem();
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
    s->fmt = facet_cpu_value_fmt(x);
    if (group > 1 && w->shape.dim[1] == 1)
        s->mode = MODE_DEPTHWISE;
    else if (group == 1 && (s->square = wino_square(s, &win, &x->shape, oc)) > 0)
        s->mode = MODE_WINO;
    if (!err)
        err = make_zero(s, x, (size_t)(w->shape.dim[1] * group));
    if (!err)
        err = pack_weights(s, w, group, pack);
    if (!err)
        err = facet_cpu_pack_bias(s, g, n, b ? b->data : NULL, oc, pack);
    return err ? err : facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

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
        .in_zero = in->quant.zero, .fin = facet_cpu_finish_sums(s, &g->nodes[node].epi, out, r->residual),
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
    struct facet_conv one = *c;
    one.ic /= s->mode == MODE_DIRECT ? s->groups : 1;
    size_t n = s->mode == MODE_WINO ? wino_scratch(s, c) : s->mode == MODE_DIRECT ? facet_conv_scratch(&one) : 0;
    return (n + 63) / 64 * 64;
}

static size_t conv_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_conv c;
    return conv_of(s, g, node, r, &c) ? 0 : scratch_of(s, &c);
}

static void part_squares(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct facet_cpu_sums *j = ctx;
    (j->fmt == FACET_FMT_BF16 ? j->k->wino_bf16 : j->k->wino_f32)(&j->c, a, b, j->scratch + worker * j->scratch_bytes);
}

static void part_rows(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct facet_cpu_sums *j = ctx;
    (void)worker;
    if (j->fmt == FACET_FMT_U8)
        j->k->dw_u8(&j->c, a, b);
    else if (j->fmt == FACET_FMT_BF16)
        j->k->dw_bf16(&j->c, a, b);
    else
        j->k->dw_f32(&j->c, a, b);
}

/* All squares for some channels: their inputs are then transformed by each thread, but each weight is read by one alone. */
static void part_wino_channels(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct facet_cpu_sums *j = ctx;
    struct facet_conv c = facet_cpu_sums_part(&j->c, a, b, a * (size_t)j->c.ic * sizeof(float));
    c.w_oc = j->c.oc;
    (j->fmt == FACET_FMT_BF16 ? j->k->wino_bf16 : j->k->wino_f32)(&c, 0, facet_wino_tiles(&c), j->scratch + worker * j->scratch_bytes);
}

static void run_wino(struct facet_cpu_sums *j, struct facet_pool *pool)
{
    size_t squares = facet_wino_tiles(&j->c);
    double points = (j->c.square + 2) * (j->c.square + 2), weights = points * j->c.ic * j->c.oc;
    if (facet_cpu_cuts_channels(j, squares, SQUARES, weights * (double)squares, weights, facet_pool_threads(pool)))
        facet_cpu_split_into(pool, (size_t)j->c.oc, j->k->block, 1, part_wino_channels, j);
    else
        facet_cpu_split(pool, squares, SQUARES, part_squares, j);
}

static void run_groups(struct facet_cpu_sums *j, int groups, struct facet_pool *pool)
{
    struct facet_conv all = j->c;
    int ic = all.ic / groups, oc = all.oc / groups;
    size_t size = j->fmt == FACET_FMT_U8 ? 1 : j->fmt == FACET_FMT_BF16 ? 2 : 4;
    size_t each = facet_conv_pack_bytes(j->k, j->fmt, oc, ic, all.kh, all.kw, all.dx);
    for (int i = 0; i < groups; i++) {
        j->c = facet_cpu_sums_part(&all, (size_t)(i * oc), (size_t)((i + 1) * oc), (size_t)i * each);
        j->c.ic = ic;
        j->c.in = (const char *)all.in + (size_t)(i * ic) * size;
        facet_cpu_sums_run(j, false, pool);
    }
}

static int conv_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_cpu_sums j = { .k = &s->k, .fmt = s->fmt, .scratch = r->scratch };
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
        facet_cpu_sums_run(&j, false, r->pool);
    facet_cpu_finish_rest(&g->nodes[node].epi, r->out[0]);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_conv[] = {
    { .name = "Conv", .supports = conv_supports, .stores = facet_cpu_sums_store, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT | FACET_STRIDED_RESIDUAL,
      .drops = true, .prepare = conv_prepare, .scratch = conv_scratch, .run = conv_run },
    { 0 },
};
