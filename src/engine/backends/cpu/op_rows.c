/* What looks at all channels of a pixel: Softmax, norms. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"

#include <math.h>
#include <string.h>

/* Channels of a matrix or of a picture; before opset 13 Softmax took all that follows the axis. */
static bool over_channels(const struct facet_graph *g, const struct facet_node *n, int64_t fallback)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    int64_t axis = facet_node_int(n, "axis", fallback);
    axis += axis < 0 ? x->rank : 0;
    return (x->rank == 2 || x->rank == 4) && axis == 1 && n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
}

static bool softmax_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    return over_channels(g, n, g->opset >= 13 ? -1 : 1) && (g->opset >= 13 || x->rank == 2);
}

static bool lp_supports(const struct facet_graph *g, const struct facet_node *n)
{
    return over_channels(g, n, -1) && facet_node_int(n, "p", 2) == 2;
}

static bool reduce_l2_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *x = facet_cpu_value(g, n, 0), *axes = facet_cpu_value(g, n, 1);
    int64_t axis = 0;
    if (axes && (!axes->data || axes->dtype != FACET_I64 || facet_shape_count(&axes->shape) != 1))
        return false;
    if (axes)
        memcpy(&axis, axes->data, sizeof(axis));
    else if (facet_node_ints(n, "axes", &axis, 1) != 1)
        return false;
    return x->shape.rank == 2 && (axis == 1 || axis == -1) && n->epi.act == FACET_ACT_NONE && n->epi.residual < 0;
}

static void softmax_row(const float *in, float *out, size_t n)
{
    float most = in[0], sum = 0;
    for (size_t i = 1; i < n; i++)
        most = in[i] > most ? in[i] : most;
    for (size_t i = 0; i < n; i++) {
        out[i] = expf(in[i] - most);
        sum += out[i];
    }
    for (size_t i = 0; i < n; i++)
        out[i] /= sum;
}

static float length(const float *in, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)in[i] * (double)in[i];
    return (float)sqrt(sum);
}

static void lp_row(const float *in, float *out, size_t n)
{
    float len = length(in, n);
    for (size_t i = 0; i < n; i++)
        out[i] = len > 0 ? in[i] / len : 0;
}

static void length_row(const float *in, float *out, size_t n)
{
    *out = length(in, n);
}

static int rows_run(const struct facet_run *r, void (*row)(const float *in, float *out, size_t n))
{
    size_t pixels, channels, in_px, out_px, ignored;
    facet_cpu_rows_of(r->in[0], &pixels, &channels, &in_px);
    facet_cpu_rows_of(r->out[0], &ignored, &ignored, &out_px);
    for (size_t p = 0; channels && p < pixels; p++)
        row((const float *)r->in[0]->data + p * in_px, (float *)r->out[0]->data + p * out_px, channels);
    return FACET_OK;
}

static int softmax_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    return rows_run(r, softmax_row);
}

static int lp_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    return rows_run(r, lp_row);
}

/* One number a row, whether the axis is kept or not. */
static int reduce_l2_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    size_t pixels, channels, px;
    facet_cpu_rows_of(r->in[0], &pixels, &channels, &px);
    for (size_t p = 0; p < pixels; p++)
        length_row((const float *)r->in[0]->data + p * px, (float *)r->out[0]->data + p, channels);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_rows[] = {
    { .name = "Softmax", .supports = softmax_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = softmax_run },
    { .name = "LpNormalization", .supports = lp_supports, .strided = FACET_STRIDED_IN | FACET_STRIDED_OUT, .run = lp_run },
    { .name = "ReduceL2", .supports = reduce_l2_supports, .nchw = true, .run = reduce_l2_run },
    { 0 },
};
