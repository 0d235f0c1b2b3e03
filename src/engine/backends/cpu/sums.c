/* What convolutions and products share, in every format of their numbers: packing of scales, endings, and how the
 * work is cut. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <math.h>

#define MAX_DEPTH 65536           /* more products of u8 by s8 may not fit 32 bits */

enum facet_fmt facet_cpu_value_fmt(const struct facet_value *v)
{
    if (!v->is_stored)
        return FACET_FMT_F32;
    return v->store == FACET_BF16 ? FACET_FMT_BF16 : FACET_FMT_U8;
}

static bool ends_in_kernel(enum facet_act act)
{
    return act == FACET_ACT_NONE || act == FACET_ACT_RELU || act == FACET_ACT_CLIP || act == FACET_ACT_LEAKY || act == FACET_ACT_PRELU;
}

bool facet_cpu_sums_store(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    const struct facet_value *w = facet_cpu_value(g, n, 1);
    if (!ends_in_kernel(n->epi.act) || !w)
        return false;
    if (t == FACET_BF16)
        return !w->is_stored;
    int64_t outs = w->shape.dim[0];
    return t == FACET_U8 && w->is_stored && w->store == FACET_I8 && w->quant.n_scales == outs &&
           facet_shape_count(&w->shape) / outs <= MAX_DEPTH;
}

/* May a value of this format stand beside an input of that one? */
static bool goes_with(enum facet_fmt in, const struct facet_graph *g, int value)
{
    enum facet_fmt f = value < 0 ? FACET_FMT_F32 : facet_cpu_value_fmt(&g->values[value]);
    return f == FACET_FMT_F32 || f == in;
}

bool facet_cpu_sums_fit(const struct facet_graph *g, const struct facet_node *n)
{
    enum facet_fmt in = facet_cpu_value_fmt(facet_cpu_value(g, n, 0));
    bool bytes = facet_cpu_value(g, n, 1)->is_stored;
    return bytes == (in == FACET_FMT_U8) && goes_with(in, g, n->outputs[0]) && goes_with(in, g, n->epi.residual);
}

/* ---- packing ---- */

static void scales_of(const struct facet_cpu_node *s, const struct facet_graph *g, const struct facet_node *n, const float *b,
                      int64_t count, float *scale, float *bias)
{
    const struct facet_value *x = facet_cpu_value(g, n, 0), *w = facet_cpu_value(g, n, 1), *out = &g->values[n->outputs[0]];
    int64_t each = facet_shape_count(&w->shape) / s->channels;
    double step = facet_cpu_value_fmt(out) == FACET_FMT_U8 ? (double)out->quant.scale : 1;
    for (int64_t o = 0; o < s->channels; o++) {
        const int8_t *row = (const int8_t *)w->data + o * each;
        int64_t sum = 0;
        for (int64_t i = 0; i < each; i++)
            sum += row[i];
        double one = (double)x->quant.scale * (double)w->quant.scales[o];
        double plus = b ? (double)b[count == 1 ? 0 : o] : 0;
        scale[o] = (float)(one / step);
        bias[o] = (float)((plus - one * (double)(sum * x->quant.zero)) / step);
    }
}

int facet_cpu_pack_bias(struct facet_cpu_node *s, const struct facet_graph *g, const struct facet_node *n, const float *bias,
                        int64_t count, struct facet_pack *pack)
{
    if (s->fmt != FACET_FMT_U8)
        return bias ? facet_cpu_pack_channels(pack, bias, count, s->channels, &s->bias) : FACET_OK;
    size_t padded = ((size_t)s->channels + 31) / 32 * 32 + 32;    /* a group may begin anywhere */
    void *data;
    bool fresh;
    int err = facet_pack_blob(pack, 2 * padded * sizeof(float), &data, &fresh);
    if (err)
        return err;
    if (fresh)
        scales_of(s, g, n, bias, count, data, (float *)data + padded);
    s->scale = data;
    s->bias = s->scale + padded;
    return FACET_OK;
}

/* ---- endings ---- */

/* Of any depth: the largest sum of all is 2^31. */
bool facet_cpu_sums_bounded(const struct facet_cpu_node *s)
{
    for (int64_t o = 0; s->scale && o < s->channels; o++) {
        float most = fabsf(s->scale[o]) * 0x1p31f + (s->bias ? fabsf(s->bias[o]) : 0);
        if (!(most * (s->slope ? fmaxf(1, fabsf(s->slope[o])) : 1) < 0x1p29f))
            return false;
    }
    return s->scale != NULL;
}

/* In steps of the output. A byte saturates by itself: bounds that it has anyway are no bounds. */
static void in_steps(struct facet_finish *f, const struct facet_quant *q)
{
    float least = (float)-q->zero, most = (float)(255 - q->zero);
    f->out_zero = q->zero;
    f->residual_scale /= q->scale;
    if (f->fin != FACET_FIN_CLIP)
        return;
    f->lo /= q->scale;
    f->hi /= q->scale;
    if (!f->residual_after && f->lo <= least && f->hi >= most)
        f->fin = FACET_FIN_NONE;
}

struct facet_finish facet_cpu_finish_sums(const struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_tensor *out,
                                          const struct facet_tensor *residual)
{
    struct facet_finish f = facet_cpu_finish(s, e, residual);
    f.scale = s->scale;
    f.out_fmt = facet_cpu_fmt(out);
    if (residual)
        f.residual_fmt = facet_cpu_fmt(residual);
    if (residual && f.residual_fmt == FACET_FMT_U8) {
        f.residual_zero = residual->quant.zero;
        f.residual_scale *= residual->quant.scale;
    }
    if (f.out_fmt == FACET_FMT_U8)
        in_steps(&f, &out->quant);
    f.bounded = s->bounded && fabsf(f.residual_scale) < 0x1p20f;
    return f;
}

/* ---- running ---- */

static size_t size_of(enum facet_fmt f)
{
    return f == FACET_FMT_F32 ? 4 : f == FACET_FMT_BF16 ? 2 : 1;
}

static const float *from(const float *v, size_t a)
{
    return v ? v + a : NULL;
}

struct facet_conv facet_cpu_sums_part(const struct facet_conv *c, size_t a, size_t b, size_t w)
{
    struct facet_conv part = *c;
    struct facet_finish *f = &part.fin;
    part.w = (const char *)c->w + w;
    part.oc = (int)(b - a);
    part.out = (char *)c->out + a * size_of(f->out_fmt);
    f->bias = from(f->bias, a);
    f->scale = from(f->scale, a);
    f->slope = from(f->slope, a);
    f->residual = f->residual ? (const char *)f->residual + a * size_of(f->residual_fmt) : NULL;
    return part;
}

static void run_pixels(const struct facet_cpu_sums *j, const struct facet_conv *c, size_t a, size_t b, unsigned worker)
{
    void *scratch = j->scratch + worker * j->scratch_bytes;
    if (j->fmt == FACET_FMT_U8)
        j->k->conv_u8(c, a, b, scratch);
    else if (j->fmt == FACET_FMT_BF16)
        j->k->conv_bf16(c, a, b, scratch);
    else
        j->k->conv_f32(c, a, b, scratch);
}

static void part_pixels(void *ctx, size_t a, size_t b, unsigned worker)
{
    const struct facet_cpu_sums *j = ctx;
    run_pixels(j, &j->c, a, b, worker);
}

static size_t pixels_of(const struct facet_conv *c)
{
    return (size_t)c->n * (size_t)c->oh * (size_t)c->ow;
}

static void part_channels(void *ctx, size_t a, size_t b, unsigned worker)
{
    const struct facet_cpu_sums *j = ctx;
    size_t groups = facet_conv_groups(j->fmt, j->c.ic, j->c.kh, j->c.kw, j->c.dx);
    struct facet_conv c = facet_cpu_sums_part(&j->c, a, b, a * groups * 4);
    run_pixels(j, &c, 0, pixels_of(&c), worker);
}

/* What the thread with the most work does, in products, when `of` things in steps are shared, and what it reads:
 * a weight costs about as much as 12 products, a number in or out that another thread has touched twice that (measured). */
static double cost_of(double macs, size_t of, size_t step, unsigned threads, double weights, double inputs)
{
    size_t units = (of + step - 1) / step, most = (units + threads - 1) / threads * step;
    return macs * (double)(most < of ? most : of) / (double)of + 12 * weights + 24 * inputs;
}

bool facet_cpu_cuts_channels(const struct facet_cpu_sums *j, size_t n, size_t step, double macs, double weights,
                             unsigned threads)
{
    double inputs = (double)j->c.n * j->c.ih * j->c.iw * j->c.ic + (double)j->c.n * j->c.oh * j->c.ow * j->c.oc;
    if (threads < 2 || (unsigned)j->c.oc <= j->k->block)
        return false;
    return cost_of(macs, (size_t)j->c.oc, j->k->block, threads, weights / threads, inputs) <
           cost_of(macs, n, step, threads, weights, inputs / threads);
}

void facet_cpu_sums_run(struct facet_cpu_sums *j, bool by_channels, struct facet_pool *pool)
{
    size_t pixels = pixels_of(&j->c);
    double weights = (double)j->c.kh * j->c.kw * j->c.ic * j->c.oc;
    if (by_channels || facet_cpu_cuts_channels(j, pixels, j->k->tile, weights * (double)pixels, weights, facet_pool_threads(pool)))
        facet_cpu_split(pool, (size_t)j->c.oc, j->k->block, part_channels, j);
    else
        facet_cpu_split(pool, pixels, j->k->tile, part_pixels, j);
}
