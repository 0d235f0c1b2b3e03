/* What only moves numbers: between layouts, side by side, to twice the size. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"

#include <string.h>

static bool plain(const struct facet_node *n)
{
    return n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
}

static bool layout_supports(const struct facet_graph *g, const struct facet_node *n)
{
    return g->values[n->inputs[0]].shape.rank == 4 && plain(n);
}

static int layout_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    const int64_t *d = in->shape.dim;
    size_t ch = (size_t)d[1], pixels = (size_t)(d[2] * d[3]);
    size_t in_px = in->pixel_stride ? (size_t)in->pixel_stride : ch, out_px = out->pixel_stride ? (size_t)out->pixel_stride : ch;
    for (size_t i = 0; i < (size_t)d[0]; i++) {
        const float *from = (const float *)in->data + i * pixels * (in->layout == FACET_NHWC ? in_px : ch);
        float *to = (float *)out->data + i * pixels * (out->layout == FACET_NHWC ? out_px : ch);
        if (in->layout == out->layout)
            memcpy(to, from, pixels * ch * sizeof(float));
        else if (out->layout == FACET_NHWC)
            s->k.nchw_to_nhwc_f32(from, to, out_px, ch, pixels);
        else
            s->k.nhwc_to_nchw_f32(from, in_px, to, ch, pixels);
    }
    return FACET_OK;
}

static bool concat_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *out = &g->values[n->outputs[0]].shape;
    int64_t axis = facet_node_int(n, "axis", 1);
    for (int i = 0; i < n->n_inputs; i++)
        if (n->inputs[i] < 0 || g->values[n->inputs[i]].data)
            return false;
    return plain(n) && (out->rank == 2 || out->rank == 4) && (axis == 1 || axis == 1 - out->rank);
}

static void copy_rows(const float *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        memcpy(out + p * out_px, in + p * in_px, channels * sizeof(float));
}

/* Inputs that were written in place are left alone. */
static int concat_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    size_t pixels, channels, px, out_px, at = 0;
    facet_cpu_rows_of(r->out[0], &pixels, &channels, &out_px);
    for (int i = 0; i < r->n_in; i++) {
        float *to = (float *)r->out[0]->data + at;
        facet_cpu_rows_of(r->in[i], &pixels, &channels, &px);
        if (r->in[i]->data != (void *)to)
            copy_rows(r->in[i]->data, px, to, out_px, pixels, channels);
        at += channels;
    }
    return FACET_OK;
}

/* Nearest neighbour to exactly twice the size, as every rounding rule of ONNX has it but two. */
static bool resize_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *in = &g->values[n->inputs[0]].shape, *out = &g->values[n->outputs[0]].shape;
    const char *coords = facet_node_string(n, "coordinate_transformation_mode", n->op[0] == 'U' ? "asymmetric" : "half_pixel");
    const char *rounding = facet_node_string(n, "nearest_mode", n->op[0] == 'U' ? "floor" : "round_prefer_floor");
    bool asymmetric = !strcmp(coords, "asymmetric") && !strcmp(rounding, "floor");
    bool half = !strcmp(coords, "half_pixel") && !strncmp(rounding, "round_prefer", 12);
    return plain(n) && in->rank == 4 && out->rank == 4 && !strcmp(facet_node_string(n, "mode", "nearest"), "nearest") &&
           (asymmetric || half) && in->dim[1] == out->dim[1] && in->dim[0] == out->dim[0] && in->dim[2] > 0 && in->dim[3] > 0 &&
           out->dim[2] == 2 * in->dim[2] && out->dim[3] == 2 * in->dim[3];
}

static int resize_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_shape *o = &r->out[0]->shape;
    size_t pixels, ch, in_px, out_px, ow = (size_t)o->dim[3], rows = (size_t)(o->dim[0] * o->dim[2]);
    facet_cpu_rows_of(r->in[0], &pixels, &ch, &in_px);
    facet_cpu_rows_of(r->out[0], &pixels, &ch, &out_px);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < ow; x++)
            memcpy((float *)r->out[0]->data + (y * ow + x) * out_px,
                   (const float *)r->in[0]->data + (y / 2 * (ow / 2) + x / 2) * in_px, ch * sizeof(float));
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_move[] = {
    { .name = "Layout", .domain = "facet", .supports = layout_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = layout_run },
    { .name = "Concat", .supports = concat_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = concat_run },
    { .name = "Resize", .supports = resize_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = resize_run },
    { .name = "Upsample", .supports = resize_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = resize_run },
    { 0 },
};
