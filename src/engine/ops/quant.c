/* Numbers of 8 bits and their scales: QuantizeLinear and DequantizeLinear, the operators on integers
 * that quantisers before them made, and those that take scales along. */
#include "base/errors.h"
#include "engine/ops/ops.h"

#include <math.h>

static bool is_byte(const struct facet_fact *f)
{
    return f && (f->dtype == FACET_U8 || f->dtype == FACET_I8);
}

static bool is_single(const struct facet_fact *f)
{
    return f && f->shape.rank <= 1 && facet_shape_count(&f->shape) == 1;
}

/* A constant scale divides: it must be a number above nothing. */
static int check_scale_numbers(const struct facet_infer *c, int input)
{
    const struct facet_value *v = &c->g->values[c->n->inputs[input]];
    int64_t count = facet_shape_count(&v->shape);
    for (int64_t i = 0; v->data && i < count; i++) {
        float s = ((const float *)v->data)[i];
        if (!(s > 0) || !isfinite(s))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its scale %g is not above 0", (double)s);
    }
    return FACET_OK;
}

/* Scale (input i) and zero point (input i + 1, may be absent), both one number or `count` of them; a
 * count of -1 allows one number alone. */
static int check_quant(const struct facet_infer *c, int i, int64_t count, enum facet_dtype zero_type)
{
    const struct facet_fact *scale = facet_fact_in(c, i), *zero = facet_fact_in(c, i + 1);
    if (!scale || scale->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 scales are known");
    int64_t n = facet_shape_count(&scale->shape);
    if (!is_single(scale) && (scale->shape.rank != 1 || n < 1 || n != count))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "it has %lld scales, and neither one nor one for each index",
                             (long long)n);
    if (zero && zero->dtype != zero_type)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its zero point is %s, not %s", facet_dtype_name(zero->dtype),
                             facet_dtype_name(zero_type));
    if (zero && facet_shape_count(&zero->shape) != n)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "it has %lld zero points for %lld scales",
                             (long long)facet_shape_count(&zero->shape), (long long)n);
    return check_scale_numbers(c, i);
}

/* How many scales x may have: one for each index along the axis, where the opset knows one. */
static int scales_along(const struct facet_infer *c, const struct facet_fact *x, int64_t *count)
{
    int axis;
    *count = -1;
    if (facet_node_int(c->n, "block_size", 0) != 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "scales of blocks are not known");
    if (is_single(facet_fact_in(c, 1)) || c->g->opset < 13)
        return FACET_OK;
    int err = facet_op_axis(c->g, c->n, facet_node_int(c->n, "axis", 1), x->shape.rank, &axis);
    if (!err)
        *count = x->shape.dim[axis];
    return err;
}

static int infer_quantize(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *zero = facet_fact_in(c, 2);
    int64_t asked = facet_node_int(c->n, "output_dtype", 0), count;
    enum facet_dtype to = zero ? zero->dtype : asked == 3 ? FACET_I8 : FACET_U8;
    if (x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    if ((to != FACET_U8 && to != FACET_I8) || (asked != 0 && asked != 2 && asked != 3))
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only uint8 and int8 results are known");
    int err = scales_along(c, x, &count);
    if (!err)
        err = check_quant(c, 1, count, to);
    if (!err)
        facet_fact_set(c, 0, to, &x->shape);
    return err;
}

static int infer_dequantize(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t count;
    if (!is_byte(x) && x->dtype != FACET_I32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only uint8, int8 and int32 inputs are known");
    int err = scales_along(c, x, &count);
    if (!err)
        err = check_quant(c, 1, count, x->dtype);
    if (!err)
        facet_fact_set(c, 0, FACET_F32, &x->shape);
    return err;
}

static int infer_dynamic(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_shape one = {.rank = 0};
    if (x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    facet_fact_set(c, 0, FACET_U8, &x->shape);
    facet_fact_set(c, 1, FACET_F32, &one);
    facet_fact_set(c, 2, FACET_U8, &one);
    return FACET_OK;
}

static int check_bytes(const struct facet_infer *c, int a, int b)
{
    if (is_byte(facet_fact_in(c, a)) && is_byte(facet_fact_in(c, b)))
        return FACET_OK;
    return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only uint8 and int8 inputs are known");
}

/* A zero point without a scale: one number or `count`. */
static int check_zero(const struct facet_infer *c, int i, enum facet_dtype type, int64_t count)
{
    const struct facet_fact *zero = facet_fact_in(c, i);
    if (!zero || (zero->dtype == type && (is_single(zero) || (zero->shape.rank == 1 && zero->shape.dim[0] == count && count > 0))))
        return FACET_OK;
    return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its zero point (input %d) is of another type or number", i);
}

static int infer_conv_integer(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *w = facet_fact_in(c, 1);
    struct facet_shape out;
    int err = check_bytes(c, 0, 1);
    if (!err)
        err = facet_conv_shape(c, x, w, &out);
    if (!err)
        err = check_zero(c, 2, x->dtype, -1);
    if (!err)
        err = check_zero(c, 3, w->dtype, w->shape.dim[0]);
    if (!err)
        facet_fact_set(c, 0, FACET_I32, &out);
    return err;
}

static int infer_matmul_integer(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0), *b = facet_fact_in(c, 1);
    struct facet_shape out;
    int err = check_bytes(c, 0, 1);
    if (!err)
        err = facet_matmul_shape(c, a, b, &out);
    if (!err)
        err = check_zero(c, 2, a->dtype, out.dim[out.rank - 2]);
    if (!err)
        err = check_zero(c, 3, b->dtype, out.dim[out.rank - 1]);
    if (!err)
        facet_fact_set(c, 0, FACET_I32, &out);
    return err;
}

/* x, scale, zero, w, scale, zero, scale and zero of the result: what QLinearConv and -MatMul share. */
static int check_linear(struct facet_infer *c, int64_t weights_count)
{
    const struct facet_fact *to = facet_fact_in(c, 7);
    int err = check_bytes(c, 0, 3);
    if (!err && !is_byte(to))
        err = facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only uint8 and int8 results are known");
    if (!err)
        err = check_quant(c, 1, -1, facet_fact_in(c, 0)->dtype);
    if (!err)
        err = check_quant(c, 4, weights_count, facet_fact_in(c, 3)->dtype);
    return err ? err : check_quant(c, 6, -1, to->dtype);
}

static int infer_linear_conv(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *w = facet_fact_in(c, 3), *bias = facet_fact_in(c, 8);
    struct facet_shape out;
    int err = facet_conv_shape(c, x, w, &out);
    if (!err)
        err = check_linear(c, w->shape.dim[0]);
    if (!err && bias && (bias->dtype != FACET_I32 || bias->shape.rank != 1 || bias->shape.dim[0] != w->shape.dim[0]))
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its bias does not have %lld int32 numbers", (long long)w->shape.dim[0]);
    if (!err)
        facet_fact_set(c, 0, facet_fact_in(c, 7)->dtype, &out);
    return err;
}

static int infer_linear_matmul(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0), *b = facet_fact_in(c, 3);
    struct facet_shape out;
    int err = facet_matmul_shape(c, a, b, &out);
    if (!err)
        err = check_linear(c, out.dim[out.rank - 1]);
    if (!err)
        facet_fact_set(c, 0, facet_fact_in(c, 7)->dtype, &out);
    return err;
}

static int64_t one_if_free(int64_t dim)
{
    return dim < 0 ? 1 : dim;
}

/* Weights are input 1, or 3 where scales stand between. */
static int64_t macs_conv(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *w = &g->values[n->inputs[n->op[0] == 'Q' ? 3 : 1]].shape, *y = &g->values[n->outputs[0]].shape;
    int64_t count = facet_shape_count(w);
    for (int i = 0; i < y->rank; i++)
        if (i != 1)
            count *= one_if_free(y->dim[i]);
    return count;
}

static int64_t macs_matmul(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *a = &g->values[n->inputs[0]].shape, *y = &g->values[n->outputs[0]].shape;
    int64_t count = one_if_free(a->dim[a->rank - 1]);
    for (int i = 0; i < y->rank; i++)
        count *= one_if_free(y->dim[i]);
    return count;
}

const struct facet_op facet_ops_quant[] = {
    {"QuantizeLinear", NULL, 10, 0, 2, 3, 1, infer_quantize, NULL},
    {"DequantizeLinear", NULL, 10, 0, 2, 3, 1, infer_dequantize, NULL},
    {"DynamicQuantizeLinear", NULL, 11, 0, 1, 1, 3, infer_dynamic, NULL},
    {"ConvInteger", NULL, 10, 0, 2, 4, 1, infer_conv_integer, macs_conv},
    {"MatMulInteger", NULL, 10, 0, 2, 4, 1, infer_matmul_integer, macs_matmul},
    {"QLinearConv", NULL, 10, 0, 8, 9, 1, infer_linear_conv, macs_conv},
    {"QLinearMatMul", NULL, 10, 0, 8, 8, 1, infer_linear_matmul, macs_matmul},
    {0},
};
