/* Operators that move numbers about: Transpose, Concat, Split, Slice, Pad, Cast and the two that do
 * nothing at all when running. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/ops/slices.h"

#include <string.h>

static int infer_same(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_fact *y = facet_fact_out(c, 0);
    if (c->n->n_outputs > 1 && c->n->outputs[1] >= 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its second output is not known");
    facet_fact_set(c, 0, x->dtype, &x->shape);
    if (y && x->n_known >= 0) {
        y->n_known = x->n_known;
        memcpy(y->known, x->known, sizeof(y->known));
    }
    return FACET_OK;
}

static const struct { int onnx; enum facet_dtype dtype; } cast_types[] = {
    {1, FACET_F32}, {2, FACET_U8}, {3, FACET_I8}, {6, FACET_I32}, {7, FACET_I64}, {9, FACET_BOOL}, {10, FACET_F16}, {11, FACET_F64},
    {16, FACET_BF16},
};

static int infer_cast(struct facet_infer *c)
{
    int64_t to = facet_node_int(c->n, "to", 0);
    for (size_t i = 0; i < sizeof(cast_types) / sizeof(cast_types[0]); i++) {
        if (cast_types[i].onnx != to)
            continue;
        enum facet_dtype t = cast_types[i].dtype;
        int err = infer_same(c);
        struct facet_fact *y = facet_fact_out(c, 0);
        if (y)
            y->dtype = t;
        if (y && t != FACET_I64 && t != FACET_I32)
            y->n_known = -1;
        return err;
    }
    return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "casts to type %lld are not known", (long long)to);
}

static int infer_transpose(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t perm[FACET_MAX_DIMS];
    int rank = x->shape.rank;
    size_t count = facet_node_ints(c->n, "perm", perm, FACET_MAX_DIMS);
    unsigned seen = 0;
    struct facet_shape out = {.rank = rank};
    if (count != 0 && count != (size_t)rank)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "'perm' has %zu numbers for %d dimensions", count, rank);
    for (int i = 0; i < rank; i++) {
        int64_t from = count ? perm[i] : rank - 1 - i;
        if (from < 0 || from >= rank || (seen >> from & 1))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "'perm' is no permutation");
        seen |= 1u << from;
        out.dim[i] = x->shape.dim[from];
    }
    facet_fact_set(c, 0, x->dtype, &out);
    return FACET_OK;
}

static void follow_concat(struct facet_infer *c)
{
    struct facet_fact *y = facet_fact_out(c, 0);
    int n = 0;
    for (int i = 0; y && i < c->n->n_inputs; i++) {
        const struct facet_fact *x = facet_fact_in(c, i);
        if (x->n_known < 0 || x->shape.rank != 1 || n + x->n_known > FACET_FACT_MAX)
            return;
        for (int k = 0; k < x->n_known; k++)
            y->known[n++] = x->known[k];
    }
    if (y)
        y->n_known = n;
}

static int infer_concat(struct facet_infer *c)
{
    const struct facet_fact *first = facet_fact_in(c, 0);
    int axis;
    if (!first || !facet_node_attr(c->n, "axis"))
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "it has no axis");
    int err = facet_op_axis(c->g, c->n, facet_node_int(c->n, "axis", 0), first->shape.rank, &axis);
    struct facet_shape out = first->shape;
    for (int i = 1; !err && i < c->n->n_inputs; i++) {
        const struct facet_fact *x = facet_fact_in(c, i);
        if (!x || x->shape.rank != out.rank || x->dtype != first->dtype)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its inputs differ in type or number of dimensions");
        for (int d = 0; d < out.rank; d++) {
            int64_t a = out.dim[d], b = x->shape.dim[d];
            if (d == axis)
                out.dim[d] = a < 0 || b < 0 || a > INT64_MAX - b ? -1 : a + b;
            else if (a < 0)
                out.dim[d] = b;
            else if (b >= 0 && a != b)
                return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its inputs differ in dimension %d: %lld and %lld", d,
                                     (long long)a, (long long)b);
        }
    }
    if (err)
        return err;
    facet_fact_set(c, 0, first->dtype, &out);
    follow_concat(c);
    return FACET_OK;
}

static int infer_split(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t parts[FACET_FACT_MAX];
    int axis, count, n = c->n->n_outputs;
    int err = facet_op_axis(c->g, c->n, facet_node_int(c->n, "axis", 0), x->shape.rank, &axis);
    if (!err)
        err = facet_infer_ints(c, 1, "split", parts, &count);
    if (err == FACET_E_AGAIN || (!err && count >= 0 && count != n))
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its parts are not known or not as many as its outputs");
    if (err)
        return err;
    int64_t dim = x->shape.dim[axis], even = dim < 0 ? -1 : (dim + n - 1) / n, left = dim;
    for (int i = 0; i < n; i++) {
        struct facet_shape out = x->shape;
        int64_t part = count >= 0 ? parts[i] : dim < 0 ? -1 : even < left ? even : left;
        if (count >= 0 && (part < 0 || (dim >= 0 && part > left)))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its parts do not add up to %lld", (long long)dim);
        left -= dim < 0 ? 0 : part;
        out.dim[axis] = part;
        facet_fact_set(c, i, x->dtype, &out);
    }
    if (dim >= 0 && left != 0)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its parts do not add up to %lld", (long long)dim);
    return FACET_OK;
}

static void follow_slice(struct facet_infer *c, const struct facet_slice *s)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    struct facet_fact *y = facet_fact_out(c, 0);
    if (!y || x->n_known < 0 || x->shape.rank != 1 || s->count[0] < 0)
        return;
    y->n_known = (int)s->count[0];
    for (int i = 0; i < y->n_known; i++)
        y->known[i] = x->known[s->start[0] + i * s->step[0]];
}

static int infer_slice(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t lists[4][FACET_FACT_MAX];
    int counts[4];
    static const char *const names[] = {"starts", "ends", "axes", "steps"};
    struct facet_slice s;
    int err = FACET_OK;
    for (int i = 0; !err && i < 4; i++)
        err = facet_infer_ints(c, i + 1, i < 3 ? names[i] : NULL, lists[i], &counts[i]);
    if (err == FACET_E_AGAIN)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "where it cuts is not known");
    if (!err && counts[0] != counts[1])
        err = facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its starts and ends differ in number");
    if (!err)
        err = facet_slice_init(&s, c->g, c->n, &x->shape, lists[0], lists[1], counts[0], lists[2], counts[2], lists[3],
                               counts[3]);
    if (err)
        return err;
    struct facet_shape out = x->shape;
    for (int i = 0; i < out.rank; i++)
        out.dim[i] = s.count[i];
    facet_fact_set(c, 0, x->dtype, &out);
    follow_slice(c, &s);
    return FACET_OK;
}

static int infer_pad(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    int64_t pads[FACET_FACT_MAX], axes[FACET_FACT_MAX];
    int n_pads, n_axes;
    struct facet_pads p;
    const char *mode = facet_node_string(c->n, "mode", "constant");
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "reflect") != 0 && strcmp(mode, "edge") != 0)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "mode '%s'", mode);
    int err = facet_infer_ints(c, 1, "pads", pads, &n_pads);
    if (!err)
        err = facet_infer_ints(c, 3, NULL, axes, &n_axes);
    if (err == FACET_E_AGAIN)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its pads are not known");
    if (!err)
        err = facet_pads_init(&p, c->g, c->n, x->shape.rank, pads, n_pads, axes, n_axes);
    if (err)
        return err;
    struct facet_shape out = x->shape;
    for (int i = 0; i < out.rank; i++) {
        int64_t d = out.dim[i];
        if (d >= 0 && (d + p.before[i] + p.after[i] < 0 || (mode[0] == 'r' && (p.before[i] >= d || p.after[i] >= d)) ||
                       (mode[0] == 'e' && d == 0)))
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "pads of %lld and %lld on a side of %lld",
                                 (long long)p.before[i], (long long)p.after[i], (long long)d);
        out.dim[i] = d < 0 ? -1 : d + p.before[i] + p.after[i];
    }
    facet_fact_set(c, 0, x->dtype, &out);
    return FACET_OK;
}

const struct facet_op facet_ops_move[] = {
    {"Identity", NULL, 1, 0, 1, 1, 1, infer_same, NULL},
    {"Dropout", NULL, 7, 0, 1, 3, 2, infer_same, NULL},
    {"Cast", NULL, 6, 0, 1, 1, 1, infer_cast, NULL},
    {"Transpose", NULL, 1, 0, 1, 1, 1, infer_transpose, NULL},
    {"Concat", NULL, 4, 0, 1, -1, 1, infer_concat, NULL},
    {"Split", NULL, 2, 0, 1, 2, -1, infer_split, NULL},
    {"Slice", NULL, 1, 0, 1, 5, 1, infer_slice, NULL},
    {"Pad", NULL, 2, 0, 1, 4, 1, infer_pad, NULL},
    {0},
};
