#include "engine/backends/ref/ref_priv.h"

#include <float.h>
#include <math.h>
#include <string.h>

static int run_batchnorm(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape;
    const float *gamma = r->in[1]->data, *beta = r->in[2]->data, *mean = r->in[3]->data, *var = r->in[4]->data;
    float epsilon = facet_node_float(n, "epsilon", 1e-5f);
    int64_t channels = x->dim[1], inner = 1;
    for (int i = 2; i < x->rank; i++)
        inner *= x->dim[i];
    for (int64_t p = 0; p < x->dim[0] * channels; p++) {
        int64_t c = p % channels;
        float scale = gamma[c] / sqrtf(var[c] + epsilon), shift = beta[c] - mean[c] * scale;
        const float *from = (const float *)r->in[0]->data + p * inner;
        float *to = (float *)r->out[0]->data + p * inner;
        for (int64_t i = 0; i < inner; i++)
            to[i] = from[i] * scale + shift;
    }
    return 0;
}

/* Walks rows of `len` numbers `step` apart: softmax and Lp norm are the same walk. */
struct rows {
    int64_t outer, len, step;
};

static struct rows rows_along(const struct facet_shape *s, int axis, bool to_the_end)
{
    struct rows rows = {1, 1, 1};
    for (int i = 0; i < axis; i++)
        rows.outer *= s->dim[i];
    for (int i = axis; i < s->rank; i++)
        if (i == axis || to_the_end)
            rows.len *= s->dim[i];
        else
            rows.step *= s->dim[i];
    return rows;
}

static void softmax_row(const float *x, float *y, int64_t len, int64_t step)
{
    float most = -FLT_MAX;
    double sum = 0;
    for (int64_t i = 0; i < len; i++)
        most = x[i * step] > most ? x[i * step] : most;
    for (int64_t i = 0; i < len; i++)
        sum += y[i * step] = expf(x[i * step] - most);
    for (int64_t i = 0; i < len; i++)
        y[i * step] = (float)(y[i * step] / sum);
}

static void norm_row(const float *x, float *y, int64_t len, int64_t step, int64_t p)
{
    double sum = 0;
    for (int64_t i = 0; i < len; i++)
        sum += p == 1 ? fabs((double)x[i * step]) : (double)x[i * step] * x[i * step];
    double norm = p == 1 ? sum : sqrt(sum);
    for (int64_t i = 0; i < len; i++)
        y[i * step] = norm > 0 ? (float)(x[i * step] / norm) : 0.0f;
}

static int run_rows(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *s = &r->in[0]->shape;
    bool is_softmax = n->op[0] == 'S', old = is_softmax && g->opset < 13;
    int axis = (int)facet_node_int(n, "axis", old ? 1 : -1);
    axis += axis < 0 ? s->rank : 0;
    struct rows rows = rows_along(s, axis, old); /* before opset 13 all that follows the axis is one row */
    int64_t p = facet_node_int(n, "p", 2);
    for (int64_t o = 0; o < rows.outer; o++)
        for (int64_t i = 0; i < rows.step; i++) {
            int64_t at = o * rows.len * rows.step + i;
            const float *x = (const float *)r->in[0]->data + at;
            float *y = (float *)r->out[0]->data + at;
            if (is_softmax)
                softmax_row(x, y, rows.len, rows.step);
            else
                norm_row(x, y, rows.len, rows.step, p);
        }
    return 0;
}

const struct facet_ref_op facet_ref_norm[] = {
    {"BatchNormalization", run_batchnorm},
    {"Softmax", run_rows},
    {"LpNormalization", run_rows},
    {0},
};
