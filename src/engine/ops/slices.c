#include "engine/ops/slices.h"

#include "base/errors.h"
#include "engine/ops/ops.h"

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void slice_axis(struct facet_slice *s, int axis, int64_t dim, int64_t start, int64_t end, int64_t step)
{
    s->step[axis] = step;
    if (dim < 0) { /* free: only counted when bound */
        s->start[axis] = 0;
        s->count[axis] = -1;
        return;
    }
    start += start < 0 ? dim : 0;
    end += end < 0 ? dim : 0;
    start = clamp(start, 0, step > 0 ? dim : dim - 1);
    end = clamp(end, step > 0 ? 0 : -1, dim);
    int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    s->start[axis] = start;
    s->count[axis] = span > 0 ? (span - 1) / stride + 1 : 0;
}

int facet_slice_init(struct facet_slice *s, const struct facet_graph *g, const struct facet_node *n,
                     const struct facet_shape *in, const int64_t *starts, const int64_t *ends, int n_starts,
                     const int64_t *axes, int n_axes, const int64_t *steps, int n_steps)
{
    if (n_starts < 0 || n_starts > in->rank || (n_axes >= 0 && n_axes != n_starts) ||
        (n_steps >= 0 && n_steps != n_starts))
        return facet_op_fail(g, n, FACET_E_FORMAT, "its lists of starts, ends, axes and steps differ in length");
    for (int i = 0; i < in->rank; i++) {
        s->start[i] = 0;
        s->step[i] = 1;
        s->count[i] = in->dim[i];
    }
    for (int i = 0; i < n_starts; i++) {
        int axis;
        int64_t step = n_steps >= 0 ? steps[i] : 1;
        int err = facet_op_axis(g, n, n_axes >= 0 ? axes[i] : i, in->rank, &axis);
        if (!err && (step == 0 || step == INT64_MIN))
            err = facet_op_fail(g, n, FACET_E_FORMAT, "its step is %lld", (long long)step);
        if (err)
            return err;
        slice_axis(s, axis, in->dim[axis], starts[i], ends[i], step);
    }
    return FACET_OK;
}

int facet_pads_init(struct facet_pads *p, const struct facet_graph *g, const struct facet_node *n, int rank,
                    const int64_t *pads, int n_pads, const int64_t *axes, int n_axes)
{
    int listed = n_axes >= 0 ? n_axes : rank;
    *p = (struct facet_pads){0};
    if (n_pads != 2 * listed || listed > FACET_MAX_DIMS)
        return facet_op_fail(g, n, FACET_E_FORMAT, "it gives %d pads for %d dimensions", n_pads, listed);
    for (int i = 0; i < listed; i++) {
        int axis;
        int err = facet_op_axis(g, n, n_axes >= 0 ? axes[i] : i, rank, &axis);
        if (!err && (pads[i] < INT32_MIN || pads[i] > INT32_MAX || pads[listed + i] < INT32_MIN || pads[listed + i] > INT32_MAX))
            err = facet_op_fail(g, n, FACET_E_LIMIT, "a pad of %lld", (long long)pads[i]);
        if (err)
            return err;
        p->before[axis] = pads[i];
        p->after[axis] = pads[listed + i];
    }
    return FACET_OK;
}
