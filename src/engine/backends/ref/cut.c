/* Joining and cutting: Concat, Split, Slice, Pad, Gather. All of them copy runs of bytes. */
#include "base/errors.h"
#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/ops.h"
#include "engine/ops/slices.h"

#include <string.h>

static size_t inner_bytes(const struct facet_tensor *t, int axis)
{
    size_t bytes = facet_dtype_size(t->dtype);
    for (int i = axis; i < t->shape.rank; i++)
        bytes *= (size_t)t->shape.dim[i];
    return bytes;
}

static size_t outer_count(const struct facet_tensor *t, int axis)
{
    size_t n = 1;
    for (int i = 0; i < axis; i++)
        n *= (size_t)t->shape.dim[i];
    return n;
}

static int axis_of(const struct facet_node *n, int rank, int64_t fallback)
{
    int64_t axis = facet_node_int(n, "axis", fallback);
    return (int)(axis < 0 ? axis + rank : axis);
}

static int run_concat(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    int axis = axis_of(n, r->out[0]->shape.rank, 0);
    size_t outer = outer_count(r->out[0], axis), row = inner_bytes(r->out[0], axis), at = 0;
    for (int i = 0; i < r->n_in; i++) {
        size_t part = inner_bytes(r->in[i], axis);
        for (size_t o = 0; part && o < outer; o++)
            memmove((char *)r->out[0]->data + o * row + at, (const char *)r->in[i]->data + o * part, part);
        at += part;
    }
    return 0;
}

static int run_split(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    int axis = axis_of(n, r->in[0]->shape.rank, 0);
    size_t outer = outer_count(r->in[0], axis), row = inner_bytes(r->in[0], axis), at = 0;
    for (int i = 0; i < r->n_out; i++) {
        size_t part = inner_bytes(r->out[i], axis);
        for (size_t o = 0; part && o < outer; o++)
            memcpy((char *)r->out[i]->data + o * part, (const char *)r->in[0]->data + o * row + at, part);
        at += part;
    }
    return 0;
}

static int run_slice(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_tensor *x = r->in[0];
    struct facet_tensor *y = r->out[0];
    int64_t lists[4][FACET_FACT_MAX], own[FACET_MAX_DIMS];
    int64_t strides[1][FACET_MAX_DIMS] = {{0}}, index[FACET_MAX_DIMS] = {0}, at[1] = {0};
    int counts[4];
    static const char *const names[] = {"starts", "ends", "axes", NULL};
    struct facet_slice s;
    for (int i = 0; i < 4; i++)
        facet_ref_ints(n, r, i + 1, names[i], lists[i], &counts[i]);
    int err = facet_slice_init(&s, g, n, &x->shape, lists[0], lists[1], counts[0], lists[2], counts[2], lists[3], counts[3]);
    if (err)
        return err;
    facet_ref_strides(&x->shape, own);
    for (int i = 0; i < x->shape.rank; i++) {
        strides[0][i] = own[i] * s.step[i];
        at[0] += own[i] * s.start[i];
    }
    size_t count = facet_ref_count(y), size = facet_dtype_size(y->dtype);
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)y->data + i * size, (const char *)x->data + (size_t)at[0] * size, size);
        facet_ref_next(&y->shape, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 1);
    }
    return 0;
}

/* Where index i of a padded side comes from; -1: from the constant. */
static int64_t pad_source(int64_t i, int64_t side, char mode)
{
    if (i >= 0 && i < side)
        return i;
    if (mode == 'c')
        return -1;
    if (mode == 'e')
        return i < 0 ? 0 : side - 1;
    return i < 0 ? -i : 2 * (side - 1) - i;
}

static int run_pad(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_tensor *x = r->in[0];
    struct facet_tensor *y = r->out[0];
    int64_t pads[FACET_FACT_MAX], axes[FACET_FACT_MAX], own[FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0};
    int n_pads, n_axes;
    struct facet_pads p;
    facet_ref_ints(n, r, 1, "pads", pads, &n_pads);
    facet_ref_ints(n, r, 3, NULL, axes, &n_axes);
    int err = facet_pads_init(&p, g, n, x->shape.rank, pads, n_pads, axes, n_axes);
    if (err)
        return err;
    char mode = facet_node_string(n, "mode", "constant")[0];
    float plain = facet_node_float(n, "value", 0.0f);
    unsigned char fill[8] = {0};
    size_t count = facet_ref_count(y), size = facet_dtype_size(y->dtype);
    if (facet_ref_in(r, 2))
        memcpy(fill, r->in[2]->data, size);
    else if (y->dtype == FACET_F32)
        memcpy(fill, &plain, sizeof(plain));
    facet_ref_strides(&x->shape, own);
    for (size_t i = 0; i < count; i++) {
        int64_t from = 0;
        for (int d = 0; d < y->shape.rank && from >= 0; d++) {
            int64_t k = pad_source(index[d] - p.before[d], x->shape.dim[d], mode);
            from = k < 0 ? -1 : from + k * own[d];
        }
        memcpy((char *)y->data + i * size, from < 0 ? (const char *)fill : (const char *)x->data + (size_t)from * size, size);
        facet_ref_next(&y->shape, index, NULL, NULL, 0);
    }
    return 0;
}

static int run_gather(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_tensor *x = r->in[0], *where = r->in[1];
    int axis = axis_of(n, x->shape.rank, 0);
    size_t outer = outer_count(x, axis), row = inner_bytes(x, axis + 1), picks = facet_ref_count(where);
    int64_t side = x->shape.dim[axis];
    for (size_t o = 0; o < outer; o++)
        for (size_t i = 0; i < picks; i++) {
            int64_t k = where->dtype == FACET_I64 ? ((const int64_t *)where->data)[i] : ((const int32_t *)where->data)[i];
            k += k < 0 ? side : 0;
            if (k < 0 || k >= side)
                return facet_op_fail(g, n, FACET_E_INVALID, "index %lld of %lld", (long long)k, (long long)side);
            memcpy((char *)r->out[0]->data + (o * picks + i) * row, (const char *)x->data + (o * (size_t)side + (size_t)k) * row, row);
        }
    return 0;
}

const struct facet_ref_op facet_ref_cut[] = {
    {"Concat", run_concat}, {"Split", run_split}, {"Slice", run_slice}, {"Pad", run_pad}, {"Gather", run_gather}, {0},
};
