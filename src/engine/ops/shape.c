/* Operators that change the shape and not the numbers, and those that compute shapes. */
#include "base/errors.h"
#include "engine/ops/ops.h"

#include <string.h>

/* Contents pass through unchanged when only the shape differs. */
static void keep_contents(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_fact *y = facet_fact_out(c, 0);
    if (!y || x->n_known < 0)
        return;
    y->n_known = x->n_known;
    memcpy(y->known, x->known, sizeof(y->known));
}

static int set_viewed(struct facet_infer *c, const struct facet_shape *out)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t before = facet_shape_count(&x->shape), after = facet_shape_count(out);
    if (before >= 0 && after >= 0 && before != after)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "%lld numbers do not fit a shape of %lld", (long long)before,
                             (long long)after);
    facet_fact_set(c, 0, x->dtype, out);
    keep_contents(c);
    return FACET_OK;
}

/* ---- Reshape ---- */

static int reshape_target(struct facet_infer *c, struct facet_shape *out, int *wild)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *t = facet_fact_in(c, 1);
    bool allow_zero = facet_node_int(c->n, "allowzero", 0) != 0;
    *wild = -1;
    out->rank = t->n_known;
    if (t->n_known > FACET_MAX_DIMS)
        return facet_op_fail(c->g, c->n, FACET_E_LIMIT, "its target has %d dimensions", t->n_known);
    for (int i = 0; i < out->rank; i++) {
        int64_t d = t->known[i];
        if (d == 0 && !allow_zero) {
            if (i >= x->shape.rank)
                return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its target copies a dimension the input lacks");
            d = x->shape.dim[i];
        } else if (d == -1) {
            if (*wild >= 0)
                return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its target leaves two dimensions open");
            *wild = i;
        } else if (d < -1 && d != FACET_FACT_FREE) {
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its target holds %lld", (long long)d);
        }
        out->dim[i] = d == FACET_FACT_FREE ? -1 : d;
    }
    return FACET_OK;
}

/* The open dimension, when everything else is known. Free dimensions that stand on both sides (a
 * batch that goes through) cancel. */
static void fill_wild(const struct facet_shape *x, struct facet_shape *out, int wild)
{
    int64_t in = 1, rest = 1;
    int free_in = 0, free_out = 0;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] < 0)
            free_in++;
        else if (__builtin_mul_overflow(in, x->dim[i], &in))
            return;
    for (int i = 0; i < out->rank; i++)
        if (i == wild)
            continue;
        else if (out->dim[i] < 0)
            free_out++;
        else if (__builtin_mul_overflow(rest, out->dim[i], &rest))
            return;
    if (free_in == free_out && rest > 0 && in % rest == 0)
        out->dim[wild] = in / rest;
}

static int infer_reshape(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *t = facet_fact_in(c, 1);
    struct facet_shape out = {.rank = -1};
    if (!x || !t || t->dtype != FACET_I64 || t->shape.rank != 1)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its target shape is no list of int64");
    if (t->n_known < 0) {
        if (t->shape.dim[0] < 0 || t->shape.dim[0] > FACET_MAX_DIMS)
            return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its target shape is not known");
        out.rank = (int)t->shape.dim[0];
        for (int i = 0; i < out.rank; i++)
            out.dim[i] = -1;
        facet_fact_set(c, 0, x->dtype, &out);
        return FACET_OK;
    }
    int wild;
    int err = reshape_target(c, &out, &wild);
    if (err)
        return err;
    if (wild >= 0)
        fill_wild(&x->shape, &out, wild);
    return set_viewed(c, &out);
}

/* ---- Flatten, Squeeze, Unsqueeze ---- */

static int64_t product(const struct facet_shape *s, int from, int to)
{
    struct facet_shape part = {.rank = to - from};
    memcpy(part.dim, s->dim + from, (size_t)part.rank * sizeof(part.dim[0]));
    return facet_shape_count(&part);
}

static int infer_flatten(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t axis = facet_node_int(c->n, "axis", 1);
    axis += axis < 0 ? x->shape.rank : 0;
    if (axis < 0 || axis > x->shape.rank)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "axis %lld", (long long)axis);
    struct facet_shape out = {2, {product(&x->shape, 0, (int)axis), product(&x->shape, (int)axis, x->shape.rank)}};
    return set_viewed(c, &out);
}

static int axes_mask(struct facet_infer *c, int rank, unsigned *mask, int *count)
{
    int64_t axes[FACET_FACT_MAX];
    int err = facet_infer_ints(c, 1, "axes", axes, count);
    if (err == FACET_E_AGAIN)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its axes are not known");
    *mask = 0;
    for (int i = 0; !err && i < *count; i++) {
        int axis;
        err = facet_op_axis(c->g, c->n, axes[i], rank, &axis);
        if (!err && (*mask >> axis & 1))
            err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "axis %d is given twice", axis);
        if (!err)
            *mask |= 1u << axis;
    }
    return err;
}

static int infer_squeeze(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_shape out = {.rank = 0};
    unsigned mask;
    int count;
    int err = axes_mask(c, x->shape.rank, &mask, &count);
    if (err)
        return err;
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t d = x->shape.dim[i];
        if (count < 0 ? d != 1 : !(mask >> i & 1))
            out.dim[out.rank++] = d;
        else if (d != 1 && d >= 0)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "dimension %d is %lld, not 1", i, (long long)d);
    }
    return set_viewed(c, &out);
}

static int infer_unsqueeze(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_shape out = {.rank = 0};
    int64_t axes[FACET_FACT_MAX];
    unsigned mask;
    int count;
    int err = facet_infer_ints(c, 1, "axes", axes, &count);
    if (!err && (count < 0 || x->shape.rank + count > FACET_MAX_DIMS))
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "it has no axes or too many");
    if (!err || err == FACET_E_AGAIN)
        err = axes_mask(c, x->shape.rank + (err ? 0 : count), &mask, &count);
    if (err)
        return err;
    out.rank = x->shape.rank + count;
    for (int i = 0, from = 0; i < out.rank; i++)
        out.dim[i] = mask >> i & 1 ? 1 : x->shape.dim[from++];
    return set_viewed(c, &out);
}

/* ---- operators that compute shapes ---- */

static int infer_shape(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t rank = x->shape.rank, from = facet_node_int(c->n, "start", 0), to = facet_node_int(c->n, "end", rank);
    from = from < 0 ? from + rank : from;
    to = to < 0 ? to + rank : to;
    from = from < 0 ? 0 : from > rank ? rank : from;
    to = to < from ? from : to > rank ? rank : to;
    struct facet_shape out = {1, {to - from}};
    facet_fact_set(c, 0, FACET_I64, &out);
    struct facet_fact *y = facet_fact_out(c, 0);
    if (!y)
        return FACET_OK;
    y->n_known = (int)(to - from);
    for (int i = 0; i < y->n_known; i++)
        y->known[i] = x->shape.dim[from + i] < 0 ? FACET_FACT_FREE : x->shape.dim[from + i];
    return FACET_OK;
}

static void follow_gather(struct facet_infer *c, const struct facet_fact *x, const struct facet_fact *at)
{
    struct facet_fact *y = facet_fact_out(c, 0);
    if (!y || x->n_known < 0 || at->n_known < 0 || x->shape.rank != 1)
        return;
    for (int i = 0; i < at->n_known; i++) {
        int64_t k = at->known[i] < 0 ? at->known[i] + x->n_known : at->known[i];
        y->known[i] = k >= 0 && k < x->n_known ? x->known[k] : FACET_FACT_FREE;
    }
    y->n_known = at->n_known;
}

static int infer_gather(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *at = facet_fact_in(c, 1);
    int axis;
    if (!x || !at || (at->dtype != FACET_I64 && at->dtype != FACET_I32))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its indices are no integers");
    int err = facet_op_axis(c->g, c->n, facet_node_int(c->n, "axis", 0), x->shape.rank, &axis);
    if (err)
        return err;
    struct facet_shape out = {.rank = x->shape.rank - 1 + at->shape.rank};
    if (out.rank > FACET_MAX_DIMS)
        return facet_op_fail(c->g, c->n, FACET_E_LIMIT, "its result has %d dimensions", out.rank);
    for (int i = 0; i < out.rank; i++)
        out.dim[i] = i < axis                    ? x->shape.dim[i]
                     : i < axis + at->shape.rank ? at->shape.dim[i - axis]
                                                 : x->shape.dim[i - at->shape.rank + 1];
    facet_fact_set(c, 0, x->dtype, &out);
    follow_gather(c, x, at);
    return FACET_OK;
}

/* A shape given as contents of input `i`: free where unknown. */
static int shape_from(struct facet_infer *c, int i, struct facet_shape *out)
{
    const struct facet_fact *t = facet_fact_in(c, i);
    if (!t || t->dtype != FACET_I64 || t->n_known < 0 || t->n_known > FACET_MAX_DIMS)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "the shape it asks for is not known");
    out->rank = t->n_known;
    for (int k = 0; k < out->rank; k++) {
        if (t->known[k] < 0 && t->known[k] != FACET_FACT_FREE)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "the shape it asks for holds %lld", (long long)t->known[k]);
        out->dim[k] = t->known[k] == FACET_FACT_FREE ? -1 : t->known[k];
    }
    return FACET_OK;
}

static int infer_expand(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_shape want, out;
    int err = shape_from(c, 1, &want);
    if (!err && !facet_shape_broadcast(&x->shape, &want, &out))
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its input does not spread over the shape asked for");
    if (!err)
        facet_fact_set(c, 0, x->dtype, &out);
    return err;
}

static int infer_constant_of_shape(struct facet_infer *c)
{
    const struct facet_attr *value = facet_node_attr(c->n, "value");
    struct facet_shape out;
    int err = shape_from(c, 0, &out);
    if (!err && value && (value->kind != FACET_ATTR_TENSOR || facet_shape_count(&value->tensor.shape) != 1))
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its value is no single number");
    if (!err)
        facet_fact_set(c, 0, value ? value->tensor.dtype : FACET_F32, &out);
    return err;
}

const struct facet_op facet_ops_shape[] = {
    {"Reshape", NULL, 5, 0, 2, 2, 1, infer_reshape, NULL},
    {"Flatten", NULL, 1, 0, 1, 1, 1, infer_flatten, NULL},
    {"Squeeze", NULL, 1, 0, 1, 2, 1, infer_squeeze, NULL},
    {"Unsqueeze", NULL, 1, 0, 1, 2, 1, infer_unsqueeze, NULL},
    {"Shape", NULL, 1, 0, 1, 1, 1, infer_shape, NULL},
    {"Gather", NULL, 1, 0, 2, 2, 1, infer_gather, NULL},
    {"Expand", NULL, 8, 0, 2, 2, 1, infer_expand, NULL},
    {"ConstantOfShape", NULL, 9, 0, 1, 1, 1, infer_constant_of_shape, NULL},
    {0},
};
