/* 8-bit numbers with scales. Products of integers are summed in 32 bits, which wrap; what is no integer
 * is worked out in the order that ONNX's formulas have. */
#include "engine/backends/ref/ref_priv.h"
#include "engine/number.h"

#include <float.h>
#include <math.h>

static int32_t integer_at(const struct facet_tensor *t, size_t i)
{
    switch (t->dtype) {
    case FACET_I8: return ((const int8_t *)t->data)[i];
    case FACET_I32: return ((const int32_t *)t->data)[i];
    default: return ((const uint8_t *)t->data)[i];
    }
}

static int32_t zero_at(const struct facet_tensor *zero, size_t i)
{
    return !zero ? 0 : integer_at(zero, facet_ref_count(zero) == 1 ? 0 : i);
}

static float scale_at(const struct facet_tensor *scale, size_t i)
{
    return ((const float *)scale->data)[facet_ref_count(scale) == 1 ? 0 : i];
}

static void put_byte(struct facet_tensor *t, size_t i, float x, float scale, int32_t zero)
{
    if (t->dtype == FACET_I8)
        ((int8_t *)t->data)[i] = (int8_t)facet_quantise(x, scale, zero, -128, 127);
    else
        ((uint8_t *)t->data)[i] = (uint8_t)facet_quantise(x, scale, zero, 0, 255);
}

/* Number i belongs to index i / inner % count along the axis of the scales. */
static void axis_of(const struct facet_node *n, const struct facet_run *r, size_t *inner, size_t *count)
{
    const struct facet_shape *x = &r->in[0]->shape;
    *inner = 1;
    *count = facet_ref_count(r->in[1]);
    if (*count == 1)
        return;
    int64_t axis = facet_node_int(n, "axis", 1);
    for (int64_t i = (axis < 0 ? axis + x->rank : axis) + 1; i < x->rank; i++)
        *inner *= (size_t)x->dim[i];
}

static int run_quantize(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t inner, along, count = facet_ref_count(r->in[0]);
    axis_of(n, r, &inner, &along);
    for (size_t i = 0; i < count; i++) {
        size_t c = i / inner % along;
        put_byte(r->out[0], i, ((const float *)r->in[0]->data)[i], scale_at(r->in[1], c), zero_at(facet_ref_in(r, 2), c));
    }
    return 0;
}

static int run_dequantize(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t inner, along, count = facet_ref_count(r->in[0]);
    axis_of(n, r, &inner, &along);
    for (size_t i = 0; i < count; i++) {
        size_t c = i / inner % along;
        int64_t steps = (int64_t)integer_at(r->in[0], i) - zero_at(facet_ref_in(r, 2), c);
        ((float *)r->out[0]->data)[i] = (float)steps * scale_at(r->in[1], c);
    }
    return 0;
}

/* The range is widened to hold 0, so that padding is exact; a picture all of zeros has the scale 1. */
static int run_dynamic(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const float *x = r->in[0]->data;
    size_t count = facet_ref_count(r->in[0]);
    float lo = 0, hi = 0;
    for (size_t i = 0; i < count; i++) {
        lo = x[i] < lo ? x[i] : lo;
        hi = x[i] > hi ? x[i] : hi;
    }
    float scale = hi == lo ? 1.0f : (hi - lo) / 255.0f;
    int32_t zero = facet_quantise(0 - lo, scale, 0, 0, 255);
    struct facet_tensor bytes = {.dtype = FACET_U8, .data = r->out[0] ? r->out[0]->data : NULL};
    for (size_t i = 0; bytes.data && i < count; i++)
        put_byte(&bytes, i, x[i], scale, zero);
    if (r->n_out > 1 && r->out[1])
        *(float *)r->out[1]->data = scale;
    if (r->n_out > 2 && r->out[2])
        *(uint8_t *)r->out[2]->data = (uint8_t)zero;
    return 0;
}

/* ---- sums of products ---- */

/* Everything minus its zero point; zero points along dimension `axis` of the tensor. */
static void widen(const struct facet_tensor *t, const struct facet_tensor *zero, int axis, uint32_t *out)
{
    size_t inner = 1, along = zero ? facet_ref_count(zero) : 1, count = facet_ref_count(t);
    for (int i = axis + 1; i < t->shape.rank; i++)
        inner *= (size_t)t->shape.dim[i];
    for (size_t i = 0; i < count; i++)
        out[i] = (uint32_t)(integer_at(t, i) - zero_at(zero, i / inner % along));
}

/* Where x, its weights and their zero points stand among the inputs. */
struct roles {
    int x, w, x_zero, w_zero;
    bool is_linear;
};

static struct roles roles_of(const struct facet_node *n)
{
    return n->op[0] == 'Q' ? (struct roles){0, 3, 2, 5, true} : (struct roles){0, 1, 2, 3, false};
}

/* Both inputs and the sums, in 32 bits. */
static size_t wide_scratch(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct roles k = roles_of(n);
    return (facet_ref_count(r->in[k.x]) + facet_ref_count(r->in[k.w]) + facet_ref_count(r->out[0])) * sizeof(uint32_t);
}

/* Sums to the result: as they are, or with the scales of x, weights and result. `inner` numbers in a row
 * share a channel. */
static void finish(const struct roles *k, const struct facet_run *r, const uint32_t *sums, size_t inner, size_t channels)
{
    size_t count = facet_ref_count(r->out[0]);
    for (size_t i = 0; i < count; i++) {
        if (!k->is_linear) {
            ((int32_t *)r->out[0]->data)[i] = (int32_t)sums[i];
            continue;
        }
        float real = (float)(int32_t)sums[i] * (scale_at(r->in[1], 0) * scale_at(r->in[4], i / inner % channels));
        put_byte(r->out[0], i, real, scale_at(r->in[6], 0), zero_at(r->in[7], 0));
    }
}

static int run_conv(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct roles k = roles_of(n);
    const struct facet_tensor *x = r->in[k.x], *w = r->in[k.w], *bias = k.is_linear ? facet_ref_in(r, 8) : NULL;
    uint32_t *wide_x = r->scratch, *wide_w = wide_x + facet_ref_count(x), *sums = wide_w + facet_ref_count(w);
    widen(x, facet_ref_in(r, k.x_zero), 0, wide_x);
    widen(w, facet_ref_in(r, k.w_zero), 0, wide_w);
    int err = facet_ref_conv_u32(g, n, r, &w->shape, wide_x, wide_w, bias ? bias->data : NULL, sums);
    if (!err)
        finish(&k, r, sums, (size_t)(r->out[0]->shape.dim[2] * r->out[0]->shape.dim[3]), (size_t)w->shape.dim[0]);
    return err;
}

static void multiply(const uint32_t *a, const uint32_t *b, uint32_t *y, int64_t rows, int64_t inner, int64_t cols)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            uint32_t sum = 0;
            for (int64_t k = 0; k < inner; k++)
                sum += a[i * inner + k] * b[k * cols + j];
            y[i * cols + j] = sum;
        }
}

static int run_matmul(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct roles k = roles_of(n);
    const struct facet_tensor *x = r->in[k.x], *w = r->in[k.w];
    struct facet_shape a = x->shape, b = w->shape, batch = r->out[0]->shape;
    int64_t rows = a.dim[a.rank - 2], inner = a.dim[a.rank - 1], cols = b.dim[b.rank - 1];
    int64_t strides[2][FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0}, at[2] = {0};
    uint32_t *wide_x = r->scratch, *wide_w = wide_x + facet_ref_count(x), *sums = wide_w + facet_ref_count(w);
    widen(x, facet_ref_in(r, k.x_zero), a.rank - 2, wide_x);
    widen(w, facet_ref_in(r, k.w_zero), b.rank - 1, wide_w);
    a.rank -= 2;
    b.rank -= 2;
    batch.rank -= 2;
    int64_t count = facet_shape_count(&batch);
    facet_ref_spread(&a, &batch, strides[0]);
    facet_ref_spread(&b, &batch, strides[1]);
    for (int64_t i = 0; i < count; i++) {
        multiply(wide_x + at[0] * rows * inner, wide_w + at[1] * inner * cols, sums + i * rows * cols, rows, inner, cols);
        facet_ref_next(&batch, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 2);
    }
    finish(&k, r, sums, 1, (size_t)cols);
    return 0;
}

const struct facet_ref_op facet_ref_quant[] = {
    {"QuantizeLinear", run_quantize, NULL},
    {"DequantizeLinear", run_dequantize, NULL},
    {"DynamicQuantizeLinear", run_dynamic, NULL},
    {"ConvInteger", run_conv, wide_scratch},
    {"MatMulInteger", run_matmul, wide_scratch},
    {"QLinearConv", run_conv, wide_scratch},
    {"QLinearMatMul", run_matmul, wide_scratch},
    {0},
};
