/* Resize and Upsample of the last two of four dimensions. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/ops/sampling.h"

#include <math.h>
#include <string.h>

/* Which input holds the scales: Upsample 9 and Resize 10 have them second, Resize 11 third. */
static int scales_input(const struct facet_infer *c)
{
    return strcmp(c->n->op, "Resize") == 0 && c->g->opset >= 11 ? 2 : 1;
}

static int find_scales(struct facet_infer *c, const float **scales, int *count)
{
    int i = scales_input(c);
    const struct facet_attr *a = facet_node_attr(c->n, "scales");
    *scales = NULL;
    *count = 0;
    if (a && a->kind == FACET_ATTR_FLOATS) {
        *scales = a->floats;
        *count = (int)(a->count > 8 ? 8 : a->count);
        return FACET_OK;
    }
    if (i >= c->n->n_inputs || c->n->inputs[i] < 0)
        return FACET_OK;
    const struct facet_value *v = &c->g->values[c->n->inputs[i]];
    int64_t n = facet_shape_count(&c->facts[c->n->inputs[i]].shape);
    if (n == 0)
        return FACET_OK;
    if (!v->data || v->dtype != FACET_F32 || n < 0 || n > 8)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "scales that are no short constant list are not known");
    *scales = v->data;
    *count = (int)n;
    return FACET_OK;
}

static int sizes_of(struct facet_infer *c, struct facet_shape *out)
{
    const struct facet_fact *t = c->g->opset >= 11 ? facet_fact_in(c, 3) : NULL;
    if (!t || t->n_known != 4)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "it gives neither four scales nor four sizes");
    for (int i = 0; i < 4; i++) {
        int64_t d = t->known[i];
        if (d != FACET_FACT_FREE && (d < 1 || (i < 2 && out->dim[i] >= 0 && d != out->dim[i])))
            return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "a size of %lld in dimension %d", (long long)d, i);
        out->dim[i] = d == FACET_FACT_FREE ? -1 : d;
    }
    return FACET_OK;
}

static int64_t scaled(int64_t dim, float scale)
{
    double d = floor((double)dim * (double)scale);
    return dim < 0 ? -1 : d > INT32_MAX ? INT32_MAX : (int64_t)d;
}

static int infer_resize(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    const float *scales;
    int count;
    struct facet_sampling s;
    if (!x || x->shape.rank != 4 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "only float32 inputs of four dimensions are known");
    int err = find_scales(c, &scales, &count);
    if (!err)
        err = facet_sampling_init(&s, c->g, c->n, scales, count);
    struct facet_shape out = x->shape;
    if (!err && !scales)
        err = sizes_of(c, &out);
    if (err)
        return err;
    if (scales) {
        out.dim[2] = scaled(out.dim[2], s.scale_h);
        out.dim[3] = scaled(out.dim[3], s.scale_w);
    }
    if (out.dim[2] == 0 || out.dim[3] == 0)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its result would be empty");
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

const struct facet_op facet_ops_resize[] = {
    {"Resize", NULL, 10, 0, 1, 4, 1, infer_resize, NULL},
    {"Upsample", NULL, 7, 0, 1, 2, 1, infer_resize, NULL},
    {0},
};
