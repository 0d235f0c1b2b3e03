#include "base/errors.h"
#include "engine/backends/xnnpack/xnnpack_priv.h"
#include "engine/ops/window.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One node on its way: what XNNPACK calls rows are pixels here. */
struct job {
    struct xn_session *s;
    const struct facet_graph *g;
    const struct facet_node *n;
    const struct facet_tensor *x, *y;
    const struct facet_run *r;
    size_t rows, channels, x_stride, y_stride;      /* of the output; elements from pixel to pixel */
    float lo, hi;                                   /* bounds that the last operator keeps */
};

static bool is_op(const struct facet_node *n, const char *op)
{
    return strcmp(n->op, op) == 0;
}

static size_t rows_of(const struct facet_tensor *t)
{
    return (size_t)(t->shape.rank == 4 ? t->shape.dim[0] * t->shape.dim[2] * t->shape.dim[3] : t->shape.dim[0]);
}

static size_t stride_of(const struct facet_tensor *t)
{
    return t->layout == FACET_NHWC ? (size_t)t->pixel_stride : (size_t)(facet_shape_count(&t->shape) / t->shape.dim[0]);
}

static void describe(struct job *j)
{
    enum facet_act act = j->n->epi.act;
    j->x = j->r->in[0];
    j->y = j->r->out[0];
    j->rows = rows_of(j->y);
    j->channels = j->y->layout == FACET_NHWC ? (size_t)j->y->shape.dim[1] : stride_of(j->y);
    j->x_stride = stride_of(j->x);
    j->y_stride = stride_of(j->y);
    j->lo = act == FACET_ACT_RELU ? 0 : act == FACET_ACT_CLIP && j->n->epi.lo > -FLT_MAX ? j->n->epi.lo : -INFINITY;
    j->hi = act == FACET_ACT_CLIP && j->n->epi.hi < FLT_MAX ? j->n->epi.hi : INFINITY;
}

/* Counts the operator just made, and says whether making and setting it up went well. */
static int made(struct job *j, enum xnn_status create)
{
    if (create == xnn_status_success)
        j->s->n_ops++;
    return facet__xn_check(create, "make an operator for", j->g, j->n);
}

static int set_up(struct job *j, enum xnn_status setup)
{
    return facet__xn_check(setup, "set up", j->g, j->n);
}

static xnn_operator_t *next(struct job *j)
{
    return &j->s->ops[j->s->n_ops];
}

static xnn_operator_t last(const struct job *j)
{
    return j->s->ops[j->s->n_ops - 1];
}

/* ---- behind others ---- */

static int add_prelu(struct job *j, const struct facet_value *slope, const float *in, size_t in_stride)
{
    size_t count = (size_t)facet_shape_count(&slope->shape);
    float *all = malloc(j->channels * sizeof(*all));
    if (!all)
        return facet_fail_nomem();
    for (size_t i = 0; i < j->channels; i++)
        all[i] = ((const float *)slope->data)[count == 1 ? 0 : i];
    int err = made(j, xnn_create_prelu_nc_f32(j->channels, in_stride, j->y_stride, all, 0, next(j)));
    free(all);
    return err ? err : set_up(j, xnn_setup_prelu_nc_f32(last(j), j->rows, in, j->y->data, j->s->pool));
}

static int add_leaky(struct job *j, float alpha, const float *in, size_t in_stride)
{
    int err = made(j, xnn_create_leaky_relu_nc_f32(j->channels, in_stride, j->y_stride, alpha, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_leaky_relu_nc_f32(last(j), j->rows, in, j->y->data, j->s->pool));
}

static int add_sum(struct job *j, const float *a, const float *b)
{
    size_t count = (size_t)facet_shape_count(&j->y->shape);
    int err = made(j, xnn_create_add_nd_f32(j->lo, j->hi, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_add_nd_f32(last(j), 1, &count, 1, &count, a, b, j->y->data, j->s->pool));
}

static int add_epilogue(struct job *j)
{
    const struct facet_epilogue *e = &j->n->epi;
    int err = j->r->residual ? add_sum(j, j->y->data, j->r->residual->data) : FACET_OK;
    if (!err && e->act == FACET_ACT_PRELU)
        err = add_prelu(j, &j->g->values[e->slope], j->y->data, j->y_stride);
    if (!err && e->act == FACET_ACT_LEAKY)
        err = add_leaky(j, e->alpha, j->y->data, j->y_stride);
    return err;
}

/* ---- convolutions and products ---- */

/* [outputs][inputs][kh][kw] with the inputs last. */
static float *channels_last(const struct facet_value *w)
{
    int64_t o = w->shape.dim[0], ic = w->shape.dim[1], k = w->shape.dim[2] * w->shape.dim[3];
    float *to = malloc((size_t)(o * ic * k) * sizeof(*to));
    for (int64_t a = 0; to && a < o; a++)
        for (int64_t i = 0; i < ic; i++)
            for (int64_t p = 0; p < k; p++)
                to[(a * k + p) * ic + i] = ((const float *)w->data)[(a * ic + i) * k + p];
    return to;
}

static const float *bias_of(const struct job *j)
{
    return j->n->n_inputs > 2 && j->n->inputs[2] >= 0 ? j->g->values[j->n->inputs[2]].data : NULL;
}

static int build_conv(struct job *j)
{
    const struct facet_value *w = &j->g->values[j->n->inputs[1]];
    const int64_t *x = j->x->shape.dim;
    size_t groups = (size_t)facet_node_int(j->n, "group", 1);
    bool last_here = !j->r->residual;
    struct facet_window win;
    int err = facet_window_init(&win, j->g, j->n, w->shape.dim[2], w->shape.dim[3], x[2], x[3]);
    float *kernel = err ? NULL : channels_last(w);
    if (!kernel)
        return err ? err : facet_fail_nomem();
    err = made(j, xnn_create_convolution2d_nhwc_f32((uint32_t)win.pad_top, (uint32_t)win.pad_right, (uint32_t)win.pad_bottom, (uint32_t)win.pad_left,
                   (uint32_t)win.kernel_h, (uint32_t)win.kernel_w, (uint32_t)win.stride_h, (uint32_t)win.stride_w, (uint32_t)win.dilation_h,
                   (uint32_t)win.dilation_w, (uint32_t)groups, (size_t)w->shape.dim[1], (size_t)w->shape.dim[0] / groups, j->x_stride, j->y_stride,
                   kernel, bias_of(j), last_here ? j->lo : -INFINITY, last_here ? j->hi : INFINITY, 0, next(j)));
    free(kernel);
    if (!err)
        err = set_up(j, xnn_setup_convolution2d_nhwc_f32(last(j), (size_t)x[0], (size_t)x[2], (size_t)x[3], j->x->data, j->y->data, j->s->pool));
    return err ? err : add_epilogue(j);
}

static int build_product(struct job *j)
{
    const struct facet_value *w = &j->g->values[j->n->inputs[1]];
    bool is_turned = !facet_node_int(j->n, "transB", 0), last_here = !j->r->residual;
    size_t ins = (size_t)w->shape.dim[is_turned ? 0 : 1];
    int err = made(j, xnn_create_fully_connected_nc_f32(ins, j->channels, j->x_stride, j->y_stride, w->data, bias_of(j), last_here ? j->lo : -INFINITY,
                          last_here ? j->hi : INFINITY, is_turned ? XNN_FLAG_TRANSPOSE_WEIGHTS : 0, next(j)));
    if (!err)
        err = set_up(j, xnn_setup_fully_connected_nc_f32(last(j), j->rows, j->x->data, j->y->data, j->s->pool));
    return err ? err : add_epilogue(j);
}

/* ---- pools ---- */

/* What the last window lacks is padding: ceil_mode needs no word of its own then. */
static uint32_t pad_after(int64_t out, int64_t stride, int64_t kernel, int64_t before, int64_t said)
{
    int64_t lacks = (out - 1) * stride + kernel - before;
    return (uint32_t)(lacks > said ? lacks : said);
}

static int build_pool(struct job *j)
{
    const int64_t *x = j->x->shape.dim;
    struct facet_window w;
    int err = facet_window_init(&w, j->g, j->n, 0, 0, x[2], x[3]);
    if (err)
        return err;
    uint32_t bottom = pad_after(w.out_h, w.stride_h, w.kernel_h, x[2] + w.pad_top, w.pad_bottom);
    uint32_t right = pad_after(w.out_w, w.stride_w, w.kernel_w, x[3] + w.pad_left, w.pad_right);
    if (is_op(j->n, "MaxPool")) {
        err = made(j, xnn_create_max_pooling2d_nhwc_f32((uint32_t)w.pad_top, right, bottom, (uint32_t)w.pad_left, (uint32_t)w.kernel_h,
                       (uint32_t)w.kernel_w, (uint32_t)w.stride_h, (uint32_t)w.stride_w, (uint32_t)w.dilation_h, (uint32_t)w.dilation_w, j->channels,
                       j->x_stride, j->y_stride, -INFINITY, INFINITY, 0, next(j)));
        return err ? err : set_up(j, xnn_setup_max_pooling2d_nhwc_f32(last(j), (size_t)x[0], (size_t)x[2], (size_t)x[3], j->x->data, j->y->data, j->s->pool));
    }
    err = made(j, xnn_create_average_pooling2d_nhwc_f32((uint32_t)w.pad_top, right, bottom, (uint32_t)w.pad_left, (uint32_t)w.kernel_h,
                   (uint32_t)w.kernel_w, (uint32_t)w.stride_h, (uint32_t)w.stride_w, j->channels, j->x_stride, j->y_stride, -INFINITY, INFINITY, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_average_pooling2d_nhwc_f32(last(j), (size_t)x[0], (size_t)x[2], (size_t)x[3], j->x->data, j->y->data, j->s->pool));
}

static int build_mean(struct job *j)
{
    const int64_t *x = j->x->shape.dim;
    int err = made(j, xnn_create_global_average_pooling_nwc_f32(j->channels, j->x_stride, j->y_stride, -INFINITY, INFINITY, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_global_average_pooling_nwc_f32(last(j), (size_t)x[0], (size_t)(x[2] * x[3]), j->x->data, j->y->data, j->s->pool));
}

/* ---- number by number ---- */

static int build_softmax(struct job *j)
{
    int err = made(j, xnn_create_softmax_nc_f32(j->channels, j->x_stride, j->y_stride, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_softmax_nc_f32(last(j), j->rows, j->x->data, j->y->data, j->s->pool));
}

static int build_sigmoid(struct job *j)
{
    int err = made(j, xnn_create_sigmoid_nc_f32(j->channels, j->x_stride, j->y_stride, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_sigmoid_nc_f32(last(j), j->rows, j->x->data, j->y->data, j->s->pool));
}

static int build_relu(struct job *j)
{
    int err = made(j, xnn_create_clamp_nc_f32(j->channels, j->x_stride, j->y_stride, 0, INFINITY, 0, next(j)));
    return err ? err : set_up(j, xnn_setup_clamp_nc_f32(last(j), j->rows, j->x->data, j->y->data, j->s->pool));
}

static int build_leaky(struct job *j)
{
    return add_leaky(j, facet_node_float(j->n, "alpha", 0.01f), j->x->data, j->x_stride);
}

static int build_prelu(struct job *j)
{
    return add_prelu(j, &j->g->values[j->n->inputs[1]], j->x->data, j->x_stride);
}

static int build_add(struct job *j)
{
    return add_sum(j, j->x->data, j->r->in[1]->data);
}

/* ---- moves ---- */

static void copy_part(const struct facet_tensor *x, const struct facet_tensor *y, int64_t at)
{
    size_t rows = rows_of(x), bytes = (size_t)x->shape.dim[1] * sizeof(float);
    for (size_t i = 0; i < rows; i++)
        memcpy((float *)y->data + i * stride_of(y) + at, (const float *)x->data + i * stride_of(x), bytes);
}

static void turn(const struct facet_tensor *x, const struct facet_tensor *y)
{
    const struct facet_tensor *nchw = x->layout == FACET_NCHW ? x : y;
    int64_t pixels = x->shape.dim[2] * x->shape.dim[3], channels = x->shape.dim[1];
    int64_t stride = (int64_t)stride_of(x->layout == FACET_NHWC ? x : y);
    for (int64_t b = 0; b < x->shape.dim[0]; b++)
        for (int64_t p = 0; p < pixels; p++)
            for (int64_t c = 0; c < channels; c++) {
                int64_t plane = (b * channels + c) * pixels + p, pixel = (b * pixels + p) * stride + c;
                ((float *)y->data)[nchw == y ? plane : pixel] = ((const float *)x->data)[nchw == y ? pixel : plane];
            }
}

int facet__xn_move(const struct facet_node *n, const struct facet_run *r)
{
    int64_t at = 0;
    if (!is_op(n, "Concat")) {
        if (r->in[0]->layout == r->out[0]->layout)
            copy_part(r->in[0], r->out[0], 0);
        else
            turn(r->in[0], r->out[0]);
        return FACET_OK;
    }
    for (int i = 0; i < r->n_in; i++) {
        copy_part(r->in[i], r->out[0], at);
        at += r->in[i]->shape.dim[1];
    }
    return FACET_OK;
}

/* ---- the list ---- */

static const struct { const char *op; int (*build)(struct job *j); } builders[] = {
    { "Conv", build_conv }, { "Gemm", build_product }, { "MatMul", build_product }, { "MaxPool", build_pool }, { "AveragePool", build_pool },
    { "GlobalAveragePool", build_mean }, { "Softmax", build_softmax }, { "Sigmoid", build_sigmoid }, { "Relu", build_relu },
    { "LeakyRelu", build_leaky }, { "PRelu", build_prelu }, { "Add", build_add },
};

int facet__xn_build(struct xn_session *s, const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct job j = { .s = s, .g = g, .n = n, .r = r };
    describe(&j);
    for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
        if (is_op(n, builders[i].op))
            return builders[i].build(&j);
    return FACET_OK; /* moves need no operator */
}
