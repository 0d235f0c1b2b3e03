#include "engine/backends/ref/ref_priv.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum reduction { MEAN, SUM, MOST, LEAST, L2 };

static const struct { const char *op; enum reduction kind; } reductions[] = {
    {"ReduceMean", MEAN}, {"ReduceSum", SUM}, {"ReduceMax", MOST}, {"ReduceMin", LEAST}, {"ReduceL2", L2},
};

static double take_in(enum reduction kind, double sum, double v)
{
    switch (kind) {
    case MOST: return v > sum ? v : sum;
    case LEAST: return v < sum ? v : sum;
    case L2: return sum + v * v;
    default: return sum + v;
    }
}

static unsigned axes_of(const struct facet_node *n, const struct facet_run *r, int rank)
{
    int64_t axes[16];
    int count;
    unsigned mask = 0;
    facet_ref_ints(n, r, 1, "axes", axes, &count);
    if (count <= 0)
        return facet_node_int(n, "noop_with_empty_axes", 0) ? 0 : ~0u;
    for (int i = 0; i < count; i++)
        mask |= 1u << (axes[i] < 0 ? axes[i] + rank : axes[i]);
    return mask;
}

static int run_reduce(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape;
    size_t k = 0;
    while (strcmp(reductions[k].op, n->op) != 0)
        k++;
    enum reduction kind = reductions[k].kind;
    unsigned mask = axes_of(n, r, x->rank);
    struct facet_shape kept = *x, gone = *x; /* the two walks: over results, over what each one sums */
    for (int i = 0; i < x->rank; i++)
        (mask >> i & 1 ? &kept : &gone)->dim[i] = 1;
    int64_t strides[1][FACET_MAX_DIMS], outer[FACET_MAX_DIMS] = {0}, at[1] = {0};
    int64_t results = facet_shape_count(&kept), summed = facet_shape_count(&gone);
    facet_ref_strides(x, strides[0]);
    for (int64_t o = 0; o < results; o++) {
        int64_t inner[FACET_MAX_DIMS] = {0}, from[1] = {at[0]};
        double sum = kind == MOST ? -DBL_MAX : kind == LEAST ? DBL_MAX : 0;
        for (int64_t i = 0; i < summed; i++) {
            sum = take_in(kind, sum, ((const float *)r->in[0]->data)[from[0]]);
            facet_ref_next(&gone, inner, from, (const int64_t (*)[FACET_MAX_DIMS])strides, 1);
        }
        sum = kind == MEAN && summed ? sum / (double)summed : kind == L2 ? sqrt(sum) : sum;
        ((float *)r->out[0]->data)[o] = (float)sum;
        facet_ref_next(&kept, outer, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 1);
    }
    return 0;
}

const struct facet_ref_op facet_ref_reduce[] = {
    {"ReduceMean", run_reduce}, {"ReduceSum", run_reduce}, {"ReduceMax", run_reduce},
    {"ReduceMin", run_reduce},  {"ReduceL2", run_reduce},  {0},
};
