/* Between ways to keep a number: Cast, and Layout when it changes that, too. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"

#include <string.h>

static bool plain(const struct facet_node *n)
{
    return n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
}

static bool any(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    return t == FACET_BF16 || t == FACET_U8;
}

static bool cast_supports(const struct facet_graph *g, const struct facet_node *n)
{
    return plain(n) && facet_node_int(n, "to", 0) == 1;
}

static int cast_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_cpu_rows from = facet_cpu_rows_for(r->in[0]), to = facet_cpu_rows_for(r->out[0]);
    facet_cpu_convert(&s->k, &from, &to, r->pool);
    return FACET_OK;
}

/* ---- Layout ---- */

static bool layout_supports(const struct facet_graph *g, const struct facet_node *n)
{
    return g->values[n->inputs[0]].shape.rank == 4 && plain(n);
}

static size_t pixel_of(const struct facet_tensor *t)
{
    return t->pixel_stride ? (size_t)t->pixel_stride : (size_t)t->shape.dim[1];
}

/* Planes of floats that become pixels of a few channels, a block at a time; what is kept in fewer bits is rounded on the way. */
struct weave {
    const struct facet_kernels *k;
    const float *in;
    struct facet_cpu_rows out;
    size_t plane;
};

static bool weaves(const struct facet_tensor *in, const struct facet_tensor *out)
{
    return in->dtype == FACET_F32 && in->layout == FACET_NCHW && out->layout == FACET_NHWC && in->shape.dim[1] <= FACET_CPU_BLOCK / 16;
}

static void weave_part(void *ctx, size_t begin, size_t end, unsigned worker)
{
    const struct weave *w = ctx;
    const struct facet_cpu_rows *out = &w->out;
    size_t ch = out->channels, most = FACET_CPU_BLOCK / ch;
    float reals[FACET_CPU_BLOCK];
    (void)worker;
    for (size_t p = begin, n; p < end; p += n) {
        size_t at = p % w->plane, left = w->plane - at < end - p ? w->plane - at : end - p;
        const float *from = w->in + (p - at) * ch + at;
        bool is_float = out->fmt == FACET_FMT_F32;
        n = left < most || is_float ? left : most;
        w->k->nchw_to_nhwc_f32(from, w->plane, is_float ? (float *)out->data + p * out->px : reals, is_float ? out->px : ch, ch, n);
        if (!is_float)
            facet_cpu_write(w->k, out, p, 0, n, ch, reals);
    }
}

/* Numbers that are kept alike on both sides, from pixels to planes. */
static inline void split_planes(const char *from, size_t px, char *to, size_t channels, size_t pixels, const size_t size)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < pixels; p++)
            memcpy(to + (c * pixels + p) * size, from + (p * px + c) * size, size);
}

static void split_images(const struct facet_tensor *in, const struct facet_tensor *out)
{
    size_t ch = (size_t)in->shape.dim[1], pixels = (size_t)(in->shape.dim[2] * in->shape.dim[3]), px = pixel_of(in);
    for (size_t i = 0; i < (size_t)in->shape.dim[0]; i++) {
        if (in->dtype == FACET_U8)
            split_planes((const char *)in->data + i * pixels * px, px, (char *)out->data + i * pixels * ch, ch, pixels, 1);
        else
            split_planes((const char *)in->data + i * pixels * px * 2, px, (char *)out->data + i * pixels * ch * 2, ch, pixels, 2);
    }
}

static bool splits(const struct facet_tensor *in, const struct facet_tensor *out)
{
    return in->dtype != FACET_F32 && in->layout == FACET_NHWC && out->layout == FACET_NCHW && facet_cpu_same_numbers(in, out);
}

/* Both sides in floats: `from` and `to` are the data. */
static void turn(const struct facet_cpu_node *s, const struct facet_tensor *in, const float *from, size_t in_px, const struct facet_tensor *out,
                 float *to, size_t out_px)
{
    const int64_t *d = in->shape.dim;
    size_t ch = (size_t)d[1], pixels = (size_t)(d[2] * d[3]);
    for (size_t i = 0; i < (size_t)d[0]; i++) {
        const float *a = from + i * pixels * (in->layout == FACET_NHWC ? in_px : ch);
        float *b = to + i * pixels * (out->layout == FACET_NHWC ? out_px : ch);
        if (in->layout == out->layout)
            memcpy(b, a, pixels * ch * sizeof(float));
        else if (out->layout == FACET_NHWC)
            s->k.nchw_to_nhwc_f32(a, pixels, b, out_px, ch, pixels);
        else
            s->k.nhwc_to_nchw_f32(a, in_px, b, ch, pixels);
    }
}

/* One copy in floats for each side that is kept in fewer bits. */
static size_t layout_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    size_t bytes = (size_t)facet_shape_count(&r->in[0]->shape) * sizeof(float);
    if (weaves(r->in[0], r->out[0]) || splits(r->in[0], r->out[0]))
        return 0;
    return bytes * ((r->in[0]->dtype != FACET_F32) + (r->out[0]->dtype != FACET_F32));
}

static void layout_any(const struct facet_cpu_node *s, const struct facet_run *r)
{
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    size_t count = (size_t)facet_shape_count(&in->shape), ch = (size_t)in->shape.dim[1];
    float *next = r->scratch, *from = in->data, *to = out->data;
    size_t in_px = pixel_of(in), out_px = pixel_of(out);
    struct facet_cpu_rows a = facet_cpu_rows_for(in), b = facet_cpu_rows_for(out), floats;
    if (in->dtype != FACET_F32) {
        floats = (struct facet_cpu_rows){ .data = next, .size = sizeof(float), .pixels = a.pixels, .channels = a.channels, .px = a.channels };
        facet_cpu_convert(&s->k, &a, &floats, r->pool);
        from = next;
        in_px = ch;
        next += count;
    }
    if (out->dtype != FACET_F32) {
        to = next;
        out_px = ch;
    }
    turn(s, in, from, in_px, out, to, out_px);
    if (out->dtype != FACET_F32) {
        floats = (struct facet_cpu_rows){ .data = to, .size = sizeof(float), .pixels = b.pixels, .channels = b.channels, .px = b.channels };
        facet_cpu_convert(&s->k, &floats, &b, r->pool);
    }
}

static int layout_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    if (weaves(in, out)) {
        struct weave w = { .k = &s->k, .in = in->data, .out = facet_cpu_rows_for(out), .plane = (size_t)(in->shape.dim[2] * in->shape.dim[3]) };
        facet_cpu_split(r->pool, w.out.pixels, 1024, weave_part, &w);
    } else if (splits(in, out)) {
        split_images(in, out);
    } else {
        layout_any(s, r);
    }
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_cast[] = {
    { .name = "Layout", .domain = "facet", .supports = layout_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT,
      .scratch = layout_scratch, .run = layout_run },
    { .name = "Cast", .supports = cast_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = cast_run },
    { 0 },
};
