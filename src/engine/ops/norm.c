/* Normalisations: the output has the input's shape. */
#include "base/errors.h"
#include "engine/ops/ops.h"

static int infer_batchnorm(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    if (!x || x->shape.rank < 2 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs of two or more dimensions are known");
    if (facet_node_int(c->n, "training_mode", 0) != 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "training mode is not known");
    for (int i = 1; i < 5; i++) {
        const struct facet_fact *p = facet_fact_in(c, i);
        if (!p || p->dtype != FACET_F32 || p->shape.rank != 1 ||
            (x->shape.dim[1] >= 0 && p->shape.dim[0] != x->shape.dim[1]))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "input %d does not have one number per channel", i);
    }
    for (int i = 1; i < c->n->n_outputs; i++)
        if (c->n->outputs[i] >= 0)
            return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its training outputs are not known");
    facet_fact_set(c, 0, FACET_F32, &x->shape);
    return FACET_OK;
}

static int infer_along_axis(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int axis;
    if (!x || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs are known");
    int64_t fallback = c->n->op[0] == 'S' && c->g->opset < 13 ? 1 : -1;
    int err = facet_op_axis(c->g, c->n, facet_node_int(c->n, "axis", fallback), x->shape.rank, &axis);
    if (!err)
        facet_fact_set(c, 0, FACET_F32, &x->shape);
    return err;
}

const struct facet_op facet_ops_norm[] = {
    {"BatchNormalization", NULL, 7, 0, 5, 5, 5, infer_batchnorm, NULL},
    {"LpNormalization", NULL, 1, 0, 1, 1, 1, infer_along_axis, NULL},
    {"Softmax", NULL, 1, 0, 1, 1, 1, infer_along_axis, NULL},
    {0},
};
