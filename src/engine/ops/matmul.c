/* Gemm and MatMul. */
#include "base/errors.h"
#include "engine/ops/ops.h"

static int64_t one_if_free(int64_t dim)
{
    return dim < 0 ? 1 : dim;
}

static bool inner_fits(int64_t a, int64_t b)
{
    return a == b || a < 0 || b < 0;
}

static int only_floats(const struct facet_infer *c, const struct facet_fact *a, const struct facet_fact *b)
{
    if (a && b && a->dtype == FACET_F32 && b->dtype == FACET_F32)
        return FACET_OK;
    return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
}

static int infer_gemm(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0), *b = facet_fact_in(c, 1), *bias = facet_fact_in(c, 2);
    int err = only_floats(c, a, b);
    if (err)
        return err;
    if (a->shape.rank != 2 || b->shape.rank != 2)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its inputs are no matrices");
    int ta = facet_node_int(c->n, "transA", 0) != 0, tb = facet_node_int(c->n, "transB", 0) != 0;
    if (!inner_fits(a->shape.dim[!ta], b->shape.dim[tb]))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "inner sizes %lld and %lld differ",
                             (long long)a->shape.dim[!ta], (long long)b->shape.dim[tb]);
    struct facet_shape out = {2, {a->shape.dim[ta], b->shape.dim[!tb]}}, with_bias;
    if (bias && (bias->dtype != FACET_F32 || !facet_shape_broadcast(&out, &bias->shape, &with_bias) ||
                 !facet_shape_equal(&out, &with_bias)))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its third input does not spread over the result");
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

int facet_matmul_shape(const struct facet_infer *c, const struct facet_fact *a, const struct facet_fact *b, struct facet_shape *out)
{
    struct facet_shape sa = a->shape, sb = b->shape;
    if (sa.rank < 2 || sb.rank < 2)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only inputs of two or more dimensions are known");
    int64_t rows = sa.dim[sa.rank - 2], inner = sa.dim[sa.rank - 1], cols = sb.dim[sb.rank - 1];
    bool fits = inner_fits(inner, sb.dim[sb.rank - 2]);
    sa.rank -= 2;
    sb.rank -= 2;
    if (!fits || !facet_shape_broadcast(&sa, &sb, out))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "the shapes of its inputs do not go together");
    out->dim[out->rank++] = rows;
    out->dim[out->rank++] = cols;
    return FACET_OK;
}

static int infer_matmul(struct facet_infer *c)
{
    const struct facet_fact *a = facet_fact_in(c, 0), *b = facet_fact_in(c, 1);
    struct facet_shape out;
    int err = only_floats(c, a, b);
    if (!err)
        err = facet_matmul_shape(c, a, b, &out);
    if (!err)
        facet_fact_set(c, 0, FACET_F32, &out);
    return err;
}

static int64_t macs_product(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *a = &g->values[n->inputs[0]].shape, *y = &g->values[n->outputs[0]].shape;
    bool trans = facet_node_int(n, "transA", 0) != 0;
    int64_t count = one_if_free(a->dim[trans ? 0 : a->rank - 1]);
    for (int i = 0; i < y->rank; i++)
        count *= one_if_free(y->dim[i]);
    return count;
}

const struct facet_op facet_ops_matmul[] = {
    {"Gemm", NULL, 7, 0, 2, 3, 1, infer_gemm, macs_product},
    {"MatMul", NULL, 1, 0, 2, 2, 1, infer_matmul, macs_product},
    {0},
};
