#include "engine/backends/ref/ref_priv.h"

#include <string.h>

struct product {
    const float *a, *b;
    float *y;
    int64_t rows, inner, cols;
    int64_t a_row, a_col, b_row, b_col;   /* distances, so that transposed matrices need no copy */
};

static void multiply(const struct product *p, float alpha)
{
    for (int64_t i = 0; i < p->rows; i++) {
        for (int64_t j = 0; j < p->cols; j++) {
            double sum = 0;
            for (int64_t k = 0; k < p->inner; k++)
                sum += (double)p->a[i * p->a_row + k * p->a_col] * p->b[k * p->b_row + j * p->b_col];
            p->y[i * p->cols + j] = alpha * (float)sum;
        }
    }
}

static void add_spread(const struct facet_tensor *bias, float beta, struct facet_tensor *y)
{
    int64_t strides[1][FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0}, at[1] = {0};
    size_t count = facet_ref_count(y);
    facet_ref_spread(&bias->shape, &y->shape, strides[0]);
    for (size_t i = 0; i < count; i++) {
        ((float *)y->data)[i] += beta * ((const float *)bias->data)[at[0]];
        facet_ref_next(&y->shape, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 1);
    }
}

static int run_gemm(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *a = &r->in[0]->shape, *b = &r->in[1]->shape;
    bool ta = facet_node_int(n, "transA", 0) != 0, tb = facet_node_int(n, "transB", 0) != 0;
    struct product p = {.a = r->in[0]->data, .b = r->in[1]->data, .y = r->out[0]->data};
    p.rows = a->dim[ta];
    p.inner = a->dim[!ta];
    p.cols = b->dim[!tb];
    p.a_row = ta ? 1 : a->dim[1];
    p.a_col = ta ? a->dim[1] : 1;
    p.b_row = tb ? 1 : b->dim[1];
    p.b_col = tb ? b->dim[1] : 1;
    multiply(&p, facet_node_float(n, "alpha", 1.0f));
    if (facet_ref_in(r, 2))
        add_spread(r->in[2], facet_node_float(n, "beta", 1.0f), r->out[0]);
    return 0;
}

static int run_matmul(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct facet_shape a = r->in[0]->shape, b = r->in[1]->shape, batch = r->out[0]->shape;
    struct product p = {.rows = a.dim[a.rank - 2], .inner = a.dim[a.rank - 1], .cols = b.dim[b.rank - 1]};
    p.a_row = p.inner;
    p.a_col = 1;
    p.b_row = p.cols;
    p.b_col = 1;
    a.rank -= 2;
    b.rank -= 2;
    batch.rank -= 2;
    int64_t strides[2][FACET_MAX_DIMS], index[FACET_MAX_DIMS] = {0}, at[2] = {0}, count = facet_shape_count(&batch);
    facet_ref_spread(&a, &batch, strides[0]);
    facet_ref_spread(&b, &batch, strides[1]);
    for (int64_t i = 0; i < count; i++) {
        p.a = (const float *)r->in[0]->data + at[0] * p.rows * p.inner;
        p.b = (const float *)r->in[1]->data + at[1] * p.inner * p.cols;
        p.y = (float *)r->out[0]->data + i * p.rows * p.cols;
        multiply(&p, 1.0f);
        facet_ref_next(&batch, index, at, (const int64_t (*)[FACET_MAX_DIMS])strides, 2);
    }
    return 0;
}

const struct facet_ref_op facet_ref_matmul[] = {
    {"Gemm", run_gemm},
    {"MatMul", run_matmul},
    {0},
};
