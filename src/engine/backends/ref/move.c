/* Operators that change how numbers lie, or what type they are, and nothing else. */
#include "base/errors.h"
#include "engine/backends/ref/ref_priv.h"
#include "engine/number.h"

#include <string.h>

static int run_copy(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t bytes = facet_ref_count(r->out[0]) * facet_dtype_size(r->out[0]->dtype);
    if (r->out[0]->data != r->in[0]->data && bytes)
        memcpy(r->out[0]->data, r->in[0]->data, bytes);
    return 0;
}

/* Writes the result in order, reading through distances. */
static void gather_strided(const struct facet_tensor *x, struct facet_tensor *y, const int64_t strides[FACET_MAX_DIMS])
{
    int64_t index[FACET_MAX_DIMS] = {0}, at[1] = {0}, all[1][FACET_MAX_DIMS];
    size_t count = facet_ref_count(y), size = facet_dtype_size(y->dtype);
    memcpy(all[0], strides, sizeof(all[0]));
    for (size_t i = 0; i < count; i++) {
        if (size == 4)
            ((uint32_t *)y->data)[i] = ((const uint32_t *)x->data)[at[0]];
        else
            memcpy((char *)y->data + i * size, (const char *)x->data + (size_t)at[0] * size, size);
        facet_ref_next(&y->shape, index, at, (const int64_t (*)[FACET_MAX_DIMS])all, 1);
    }
}

static int run_transpose(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    int rank = r->in[0]->shape.rank;
    int64_t own[FACET_MAX_DIMS], perm[FACET_MAX_DIMS], strides[FACET_MAX_DIMS] = {0};
    size_t given = facet_node_ints(n, "perm", perm, FACET_MAX_DIMS);
    facet_ref_strides(&r->in[0]->shape, own);
    for (int i = 0; i < rank; i++)
        strides[i] = own[given ? perm[i] : rank - 1 - i];
    gather_strided(r->in[0], r->out[0], strides);
    return 0;
}

static int run_expand(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    int64_t strides[FACET_MAX_DIMS] = {0};
    facet_ref_spread(&r->in[0]->shape, &r->out[0]->shape, strides);
    gather_strided(r->in[0], r->out[0], strides);
    return 0;
}

/* ---- Cast ---- */

static double read_number(const struct facet_tensor *t, size_t i)
{
    switch (t->dtype) {
    case FACET_F32: return ((const float *)t->data)[i];
    case FACET_F64: return ((const double *)t->data)[i];
    case FACET_I32: return ((const int32_t *)t->data)[i];
    case FACET_I64: return (double)((const int64_t *)t->data)[i];
    case FACET_I8: return ((const int8_t *)t->data)[i];
    case FACET_F16: return facet_f16_real(((const uint16_t *)t->data)[i]);
    case FACET_BF16: return facet_bf16_real(((const uint16_t *)t->data)[i]);
    default: return ((const uint8_t *)t->data)[i];
    }
}

static double within(double v, double lo, double hi)
{
    return v >= lo ? (v <= hi ? v : hi) : v < lo ? lo : 0; /* not a number becomes 0 */
}

static void write_number(struct facet_tensor *t, size_t i, double v)
{
    switch (t->dtype) {
    case FACET_F32: ((float *)t->data)[i] = (float)v; break;
    case FACET_F64: ((double *)t->data)[i] = v; break;
    case FACET_I32: ((int32_t *)t->data)[i] = (int32_t)within(v, INT32_MIN, INT32_MAX); break;
    case FACET_I64: ((int64_t *)t->data)[i] = (int64_t)within(v, -9.2e18, 9.2e18); break;
    case FACET_I8: ((int8_t *)t->data)[i] = (int8_t)within(v, -128, 127); break;
    case FACET_BOOL: ((uint8_t *)t->data)[i] = v != 0; break;
    case FACET_F16: ((uint16_t *)t->data)[i] = facet_f16_store((float)v); break;
    case FACET_BF16: ((uint16_t *)t->data)[i] = facet_bf16_store((float)v); break;
    default: ((uint8_t *)t->data)[i] = (uint8_t)within(v, 0, 255); break;
    }
}

static int run_cast(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    if (r->in[0]->dtype == r->out[0]->dtype)
        return run_copy(g, n, r);
    size_t count = facet_ref_count(r->out[0]);
    bool both_ints = r->in[0]->dtype == FACET_I64 && r->out[0]->dtype == FACET_I32;
    for (size_t i = 0; i < count; i++)
        if (both_ints)
            ((int32_t *)r->out[0]->data)[i] = (int32_t)((const int64_t *)r->in[0]->data)[i];
        else
            write_number(r->out[0], i, read_number(r->in[0], i));
    return 0;
}

/* ---- shapes as numbers ---- */

static int run_shape(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape;
    int64_t from = facet_node_int(n, "start", 0), count = r->out[0]->shape.dim[0];
    from = from < 0 ? from + x->rank : from;
    from = from < 0 ? 0 : from > x->rank ? x->rank : from;
    for (int64_t i = 0; i < count; i++)
        ((int64_t *)r->out[0]->data)[i] = x->dim[from + i];
    return 0;
}

static int run_constant_of_shape(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_attr *value = facet_node_attr(n, "value");
    size_t count = facet_ref_count(r->out[0]), size = facet_dtype_size(r->out[0]->dtype);
    if (!value)
        memset(r->out[0]->data, 0, count * size);
    for (size_t i = 0; value && i < count; i++)
        memcpy((char *)r->out[0]->data + i * size, value->tensor.data, size);
    return 0;
}

/* ---- between NCHW and NHWC ---- */

static int run_layout(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_tensor *x = r->in[0];
    struct facet_tensor *y = r->out[0];
    const struct facet_shape *s = &x->shape;
    if (x->layout == y->layout)
        return run_copy(g, n, r);
    bool to_nhwc = y->layout == FACET_NHWC;
    int64_t channels = s->dim[1], area = s->dim[2] * s->dim[3], pixel = to_nhwc ? y->pixel_stride : x->pixel_stride;
    for (int64_t b = 0; b < s->dim[0]; b++)
        for (int64_t c = 0; c < channels; c++)
            for (int64_t i = 0; i < area; i++) {
                int64_t planar = (b * channels + c) * area + i, mixed = (b * area + i) * pixel + c;
                if (to_nhwc)
                    ((float *)y->data)[mixed] = ((const float *)x->data)[planar];
                else
                    ((float *)y->data)[planar] = ((const float *)x->data)[mixed];
            }
    return 0;
}

const struct facet_ref_op facet_ref_move[] = {
    {"Identity", run_copy},   {"Dropout", run_copy}, {"Reshape", run_copy}, {"Flatten", run_copy},
    {"Squeeze", run_copy},    {"Unsqueeze", run_copy}, {"Cast", run_cast},  {"Transpose", run_transpose},
    {"Expand", run_expand},   {"Shape", run_shape},  {"ConstantOfShape", run_constant_of_shape},
    {"Layout", run_layout},   {0},
};
