/* What only moves numbers: between layouts, side by side, to twice the size. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"

#include <string.h>

static bool plain(const struct facet_node *n)
{
    return n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
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

static bool any(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    return t == FACET_BF16 || t == FACET_U8;
}

static void copy_rows(const struct facet_cpu_rows *in, const struct facet_cpu_rows *out)
{
    for (size_t p = 0; p < in->pixels; p++)
        memcpy((char *)out->data + p * out->px * out->size, (const char *)in->data + p * in->px * in->size, in->channels * in->size);
}

/* Inputs that were written in place are left alone. */
static int concat_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_cpu_rows out = facet_cpu_rows_for(r->out[0]), in;
    for (int i = 0; i < r->n_in; i++) {
        in = facet_cpu_rows_for(r->in[i]);
        out.channels = in.channels;
        if (!facet_cpu_same_numbers(r->in[i], r->out[0]))
            facet_cpu_convert(&s->k, &in, &out, r->pool);
        else if (in.data != out.data)
            copy_rows(&in, &out);
        out.data = (char *)out.data + in.channels * out.size;
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

/* Twice as many pixels a row, each row twice. */
static int resize_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_shape *o = &r->out[0]->shape;
    struct facet_cpu_rows in = facet_cpu_rows_for(r->in[0]), out = facet_cpu_rows_for(r->out[0]);
    size_t ow = (size_t)o->dim[3], rows = (size_t)(o->dim[0] * o->dim[2]);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < ow; x++)
            memcpy((char *)out.data + (y * ow + x) * out.px * out.size,
                   (const char *)in.data + (y / 2 * (ow / 2) + x / 2) * in.px * in.size, in.channels * in.size);
    return FACET_OK;
}

/* Numbers are copied as they are, where both sides mean the same by them. */
static bool resize_takes(const struct facet_node *n, const struct facet_run *r)
{
    return facet_cpu_same_numbers(r->in[0], r->out[0]);
}

const struct facet_cpu_op facet_cpu_move[] = {
    { .name = "Concat", .supports = concat_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = concat_run },
    { .name = "Resize", .supports = resize_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = resize_run,
      .takes = resize_takes },
    { .name = "Upsample", .supports = resize_supports, .stores = any, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = resize_run,
      .takes = resize_takes },
    { 0 },
};
