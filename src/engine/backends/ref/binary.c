#include "engine/backends/ref/ref_priv.h"

#include <math.h>
#include <string.h>

enum binary { ADD, SUB, MUL, DIV, POW, MIN, MAX, PRELU };

static const struct { const char *op; enum binary kind; } binaries[] = {
    {"Add", ADD}, {"Sub", SUB}, {"Mul", MUL}, {"Div", DIV}, {"Pow", POW}, {"Min", MIN}, {"Max", MAX}, {"PRelu", PRELU},
};

static float on_floats(enum binary kind, float a, float b)
{
    switch (kind) {
    case ADD: return a + b;
    case SUB: return a - b;
    case MUL: return a * b;
    case DIV: return a / b;
    case POW: return powf(a, b);
    case MIN: return a < b ? a : b;
    case MAX: return a > b ? a : b;
    case PRELU: return a >= 0 ? a : a * b;
    }
    return 0;
}

/* Wraps around like the hardware; division by zero gives 0 instead of a trap. */
static int64_t on_ints(enum binary kind, int64_t a, int64_t b)
{
    switch (kind) {
    case ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case DIV: return b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
    case MIN: return a < b ? a : b;
    case MAX: return a > b ? a : b;
    case POW:
    case PRELU: break;
    }
    return 0;
}

static void combine(enum binary kind, const struct facet_tensor *a, const struct facet_tensor *b, struct facet_tensor *y)
{
    int64_t strides[2][FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0}, at[2] = {0};
    size_t count = facet_ref_count(y);
    facet_ref_spread(&a->shape, &y->shape, strides[0]);
    facet_ref_spread(&b->shape, &y->shape, strides[1]);
    for (size_t i = 0; i < count; i++) {
        if (y->dtype == FACET_F32)
            ((float *)y->data)[i] = on_floats(kind, ((const float *)a->data)[at[0]], ((const float *)b->data)[at[1]]);
        else
            ((int64_t *)y->data)[i] = on_ints(kind, ((const int64_t *)a->data)[at[0]], ((const int64_t *)b->data)[at[1]]);
        facet_ref_next(&y->shape, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 2);
    }
}

static void spread_first(const struct facet_tensor *a, struct facet_tensor *y)
{
    int64_t strides[1][FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0}, at[1] = {0};
    size_t count = facet_ref_count(y), size = facet_dtype_size(y->dtype);
    facet_ref_spread(&a->shape, &y->shape, strides[0]);
    for (size_t i = 0; i < count; i++) {
        memcpy((char *)y->data + i * size, (const char *)a->data + (size_t)at[0] * size, size);
        facet_ref_next(&y->shape, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 1);
    }
}

static int run_binary(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t k = 0;
    while (strcmp(binaries[k].op, n->op) != 0)
        k++;
    if (r->n_in == 2) {
        combine(binaries[k].kind, r->in[0], r->in[1], r->out[0]);
        return 0;
    }
    spread_first(r->in[0], r->out[0]);
    for (int i = 1; i < r->n_in; i++)
        combine(binaries[k].kind, r->out[0], r->in[i], r->out[0]);
    return 0;
}

const struct facet_ref_op facet_ref_binary[] = {
    {"Add", run_binary}, {"Sub", run_binary}, {"Mul", run_binary}, {"Div", run_binary}, {"Pow", run_binary},
    {"Min", run_binary}, {"Max", run_binary}, {"PRelu", run_binary}, {0},
};
