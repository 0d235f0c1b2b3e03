/* Reductions over axes given as attribute (older opsets) or input. */
#include "base/errors.h"
#include "engine/ops/ops.h"

static int infer_reduce(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t axes[FACET_FACT_MAX];
    int count;
    unsigned mask = 0;
    if (!x || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    int err = facet_infer_ints(c, 1, "axes", axes, &count);
    if (err == FACET_E_AGAIN)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its axes are not known");
    for (int i = 0; !err && i < count; i++) {
        int axis;
        err = facet_op_axis(c->g, c->n, axes[i], x->shape.rank, &axis);
        mask |= err ? 0 : 1u << axis;
    }
    if (err)
        return err;
    if (count <= 0 && facet_node_int(c->n, "noop_with_empty_axes", 0) == 0)
        mask = ~0u;
    bool keep = facet_node_int(c->n, "keepdims", 1) != 0;
    struct facet_shape out = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++)
        if (!(mask >> i & 1) || keep)
            out.dim[out.rank++] = mask >> i & 1 ? 1 : x->shape.dim[i];
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

const struct facet_op facet_ops_reduce[] = {
    {"ReduceMean", NULL, 1, 0, 1, 2, 1, infer_reduce, NULL}, {"ReduceSum", NULL, 1, 0, 1, 2, 1, infer_reduce, NULL},
    {"ReduceMax", NULL, 1, 0, 1, 2, 1, infer_reduce, NULL},  {"ReduceMin", NULL, 1, 0, 1, 2, 1, infer_reduce, NULL},
    {"ReduceL2", NULL, 1, 0, 1, 2, 1, infer_reduce, NULL},   {0},
};
