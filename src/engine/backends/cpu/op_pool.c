/* Pools over windows and over whole pictures. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/ops/window.h"

#include <string.h>

static bool plain(const struct facet_node *n)
{
    return n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
}

static bool pool_supports(const struct facet_graph *g, const struct facet_node *n)
{
    struct facet_window w;
    bool rounds_up = facet_node_int(n, "ceil_mode", 0), counts = facet_node_int(n, "count_include_pad", 0);
    return plain(n) && n->n_outputs == 1 && g->values[n->inputs[0]].shape.rank == 4 && !(rounds_up && counts) &&
           !facet_window_init(&w, g, n, 0, 0, -1, -1);
}

static bool any(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    return t == FACET_BF16 || t == FACET_U8;
}

struct job { const struct facet_kernels *k; struct facet_conv c; bool max, count_pad; enum facet_fmt fmt; struct facet_requant q; };

static void part_rows(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    (void)worker;
    if (j->max)
        (j->fmt == FACET_FMT_U8 ? j->k->maxpool_u8 : j->fmt == FACET_FMT_BF16 ? j->k->maxpool_bf16 : j->k->maxpool_f32)(&j->c, a, b);
    else if (j->fmt == FACET_FMT_U8)
        j->k->avgpool_u8(&j->c, a, b, j->count_pad, &j->q);
    else
        (j->fmt == FACET_FMT_BF16 ? j->k->avgpool_bf16 : j->k->avgpool_f32)(&j->c, a, b, j->count_pad);
}

static int pool_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    const int64_t *i = in->shape.dim, *o = out->shape.dim;
    struct facet_window w;
    int err = facet_window_init(&w, g, n, 0, 0, i[2], i[3]);
    struct job j = { .k = &s->k, .max = !strcmp(n->op, "MaxPool"), .count_pad = facet_node_int(n, "count_include_pad", 0) };
    if (err)
        return err;
    j.fmt = facet_cpu_fmt(in);
    if (j.fmt == FACET_FMT_U8)
        j.q = (struct facet_requant){ .scale = in->quant.scale / out->quant.scale, .zero = in->quant.zero, .out_zero = out->quant.zero };
    j.c = (struct facet_conv){
        .in = in->data, .out = out->data, .n = (int)i[0], .ic = (int)i[1], .ih = (int)i[2], .iw = (int)i[3], .oc = (int)o[1],
        .oh = (int)o[2], .ow = (int)o[3], .in_px = (size_t)(in->pixel_stride ? in->pixel_stride : i[1]),
        .out_px = (size_t)(out->pixel_stride ? out->pixel_stride : o[1]), .kh = (int)w.kernel_h, .kw = (int)w.kernel_w,
        .sy = (int)w.stride_h, .sx = (int)w.stride_w, .dy = (int)w.dilation_h, .dx = (int)w.dilation_w, .pt = (int)w.pad_top,
        .pl = (int)w.pad_left,
    };
    facet_cpu_split(r->pool, (size_t)(i[0] * o[2]), 1, part_rows, &j);
    return FACET_OK;
}

/* Kernels read and write the same format; a maximum keeps the numbers as they are. */
static bool pool_takes(const struct facet_node *n, const struct facet_run *r)
{
    bool is_max = !strcmp(n->op, "MaxPool");
    return is_max ? facet_cpu_same_numbers(r->in[0], r->out[0]) : r->in[0]->dtype == r->out[0]->dtype;
}

static bool global_supports(const struct facet_graph *g, const struct facet_node *n)
{
    return plain(n) && g->values[n->inputs[0]].shape.rank == 4;
}

struct mean { const struct facet_cpu_node *s; struct facet_cpu_rows in, out; size_t pixels; };

/* The mean of a block of channels of one picture (a pixel of the output). */
static void mean_block(void *ctx, size_t picture, size_t channel, size_t pictures, size_t channels)
{
    struct mean *m = ctx;
    const struct facet_kernels *k = &m->s->k;
    float mean[FACET_CPU_BLOCK];
    for (size_t i = picture; i < picture + pictures; i++) {
        const void *in = (const char *)m->in.data + (i * m->pixels * m->in.px + channel) * m->in.size;
        if (m->in.fmt == FACET_FMT_U8)
            k->gap_u8(in, m->in.px, mean, m->pixels, channels);
        else if (m->in.fmt == FACET_FMT_BF16)
            k->gap_bf16(in, m->in.px, mean, m->pixels, channels);
        else
            k->gap_f32(in, m->in.px, mean, m->pixels, channels);
        for (size_t c = 0; m->in.fmt == FACET_FMT_U8 && c < channels; c++)
            mean[c] = (mean[c] - (float)m->in.quant.zero) * m->in.quant.scale;
        facet_cpu_write(k, &m->out, i, channel, 1, channels, mean);
    }
}

static int global_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    size_t n = (size_t)r->in[0]->shape.dim[0];
    struct mean m = { .s = s, .in = facet_cpu_rows_for(r->in[0]), .out = facet_cpu_rows_for(r->out[0]) };
    m.pixels = n ? m.in.pixels / n : 0;
    m.out.channels = m.out.px = m.in.channels;
    facet_cpu_for_blocks(0, n, m.in.channels, mean_block, &m);
    return FACET_OK;
}

static bool mean_supports(const struct facet_graph *g, const struct facet_node *n)
{
    int64_t axes[4];
    if (n->n_inputs > 1 && n->inputs[1] >= 0) {
        const struct facet_value *v = &g->values[n->inputs[1]];
        if (!v->data || v->dtype != FACET_I64 || facet_shape_count(&v->shape) != 2)
            return false;
        memcpy(axes, v->data, 2 * sizeof(axes[0]));
    } else if (facet_node_ints(n, "axes", axes, 4) != 2) {
        return false;
    }
    int64_t a = axes[0] < 0 ? axes[0] + 4 : axes[0], b = axes[1] < 0 ? axes[1] + 4 : axes[1];
    return global_supports(g, n) && ((a == 2 && b == 3) || (a == 3 && b == 2));
}

const struct facet_cpu_op facet_cpu_pool[] = {
    { .name = "MaxPool", .supports = pool_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = pool_run,
      .takes = pool_takes },
    { .name = "AveragePool", .supports = pool_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = pool_run,
      .takes = pool_takes },
    { .name = "GlobalAveragePool", .supports = global_supports, .stores = any, .strided = FACET_STRIDED_IN, .run = global_run },
    { .name = "ReduceMean", .supports = mean_supports, .stores = any, .strided = FACET_STRIDED_IN, .run = global_run },
    { 0 },
};
