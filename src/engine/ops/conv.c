/* Conv: two dimensions, groups, dilation, any padding. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/ops/window.h"

static int check_bias(const struct facet_infer *c, const struct facet_fact *b, int64_t channels)
{
    if (!b || (b->dtype == FACET_F32 && b->shape.rank == 1 && b->shape.dim[0] == channels))
        return FACET_OK;
    return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its bias does not have %lld numbers", (long long)channels);
}

int facet_conv_shape(const struct facet_infer *c, const struct facet_fact *x, const struct facet_fact *w, struct facet_shape *out)
{
    if (!x || !w || x->shape.rank != 4 || w->shape.rank != 4)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only inputs and weights of four dimensions are known");
    int64_t group = facet_node_int(c->n, "group", 1), out_c = w->shape.dim[0], in_c = x->shape.dim[1];
    if (facet_shape_count(&w->shape) <= 0 || group < 1 || out_c % group != 0 ||
        (in_c >= 0 && (in_c % group != 0 || in_c / group != w->shape.dim[1])))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "%lld input channels, %lld groups and weights of %lldx%lld",
                             (long long)in_c, (long long)group, (long long)out_c, (long long)w->shape.dim[1]);
    struct facet_window win;
    int err = facet_window_init(&win, c->g, c->n, w->shape.dim[2], w->shape.dim[3], x->shape.dim[2], x->shape.dim[3]);
    *out = (struct facet_shape){4, {x->shape.dim[0], out_c, win.out_h, win.out_w}};
    return err;
}

static int infer_conv(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *w = facet_fact_in(c, 1);
    struct facet_shape out;
    if (x && w && (x->dtype != FACET_F32 || w->dtype != FACET_F32))
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 is known, not %s",
                             facet_dtype_name(x->dtype != FACET_F32 ? x->dtype : w->dtype));
    int err = facet_conv_shape(c, x, w, &out);
    if (!err)
        err = check_bias(c, facet_fact_in(c, 2), out.dim[1]);
    if (!err)
        facet_fact_set(c, 0, FACET_F32, &out);
    return err;
}

static int64_t one_if_free(int64_t dim)
{
    return dim < 0 ? 1 : dim;
}

static int64_t macs_conv(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *w = &g->values[n->inputs[1]].shape, *y = &g->values[n->outputs[0]].shape;
    int64_t count = facet_shape_count(w);
    for (int i = 0; i < y->rank; i++)
        if (i != 1)
            count *= one_if_free(y->dim[i]);
    return count;
}

const struct facet_op facet_ops_conv[] = {
    {"Conv", NULL, 1, 0, 2, 3, 1, infer_conv, macs_conv},
    {0},
};
