/* Pools: two dimensions; the global ones take any number of them. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/ops/window.h"

static int infer_pool(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_window win;
    if (!x || x->shape.rank != 4 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs of four dimensions are known");
    if (c->n->n_outputs > 1 && c->n->outputs[1] >= 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its output of indices is not known");
    if (facet_node_int(c->n, "storage_order", 0) != 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "storage_order is not known");
    int err = facet_window_init(&win, c->g, c->n, 0, 0, x->shape.dim[2], x->shape.dim[3]);
    if (err)
        return err;
    int64_t extent_h = (win.kernel_h - 1) * win.dilation_h + 1, extent_w = (win.kernel_w - 1) * win.dilation_w + 1;
    if (win.pad_top >= extent_h || win.pad_bottom >= extent_h || win.pad_left >= extent_w || win.pad_right >= extent_w)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its pads are as large as its window");
    struct facet_shape out = {4, {x->shape.dim[0], x->shape.dim[1], win.out_h, win.out_w}};
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

static int infer_global(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    if (!x || x->shape.rank < 3 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs of three or more dimensions are known");
    struct facet_shape out = x->shape;
    for (int i = 2; i < out.rank; i++)
        out.dim[i] = 1;
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

const struct facet_op facet_ops_pool[] = {
    {"MaxPool", NULL, 1, 0, 1, 1, 2, infer_pool, NULL},
    {"AveragePool", NULL, 1, 0, 1, 1, 1, infer_pool, NULL},
    {"GlobalAveragePool", NULL, 1, 0, 1, 1, 1, infer_global, NULL},
    {"GlobalMaxPool", NULL, 1, 0, 1, 1, 1, infer_global, NULL},
    {0},
};
