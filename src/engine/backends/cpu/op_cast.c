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
            s->k.nchw_to_nhwc_f32(a, b, out_px, ch, pixels);
        else
            s->k.nhwc_to_nchw_f32(a, in_px, b, ch, pixels);
    }
}

/* One copy in floats for each side that is kept in fewer bits. */
static size_t layout_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    size_t bytes = (size_t)facet_shape_count(&r->in[0]->shape) * sizeof(float);
    return bytes * ((r->in[0]->dtype != FACET_F32) + (r->out[0]->dtype != FACET_F32));
}

static int layout_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
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
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_cast[] = {
    { .name = "Layout", .domain = "facet", .supports = layout_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT,
      .scratch = layout_scratch, .run = layout_run },
    { .name = "Cast", .supports = cast_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = cast_run },
    { 0 },
};
