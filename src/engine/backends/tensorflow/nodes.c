/* What each operator becomes. Values of rank 4 have channels last where an operator looks at places. */
#include "base/errors.h"
#include "engine/backends/tensorflow/build_priv.h"
#include "engine/ops/window.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORD(making, key, word) b->tf->TF_SetAttrString(making, key, word, strlen(word))

static const struct tf_output none = { NULL, 0 };

static bool is_op(const struct facet_node *n, const char *op)
{
    return strcmp(n->op, op) == 0;
}

static int rank_of(const struct facet_graph *g, int v)
{
    return g->values[v].shape.rank;
}

static bool has_input(const struct facet_node *n, int k)
{
    return k < n->n_inputs && n->inputs[k] >= 0;
}

static struct tf_place *result(struct tf_builder *b, const struct facet_node *n)
{
    return &b->at[n->outputs[0]];
}

/* Where it does not matter, the order that is there already; y gets it, too. */
static struct tf_output any_order(struct tf_builder *b, const struct facet_node *n, struct tf_output **y)
{
    bool is_last = b->at[n->inputs[0]].last.op != NULL;
    *y = is_last ? &result(b, n)->last : &result(b, n)->plain;
    return is_last ? b->at[n->inputs[0]].last : facet__tf_plain(b, n->inputs[0]);
}

/* ---- windows ---- */

static struct facet_window window_of(struct tf_builder *b, const struct facet_node *n, int64_t kernel_h, int64_t kernel_w)
{
    struct facet_window w = { 0 };
    const struct facet_shape *x = &b->g->values[n->inputs[0]].shape;
    int err = facet_window_init(&w, b->g, n, kernel_h, kernel_w, x->dim[2], x->dim[3]);
    b->err = b->err ? b->err : err;
    return w;
}

static bool has_pads(const struct facet_window *w)
{
    return w->pad_top || w->pad_left || w->pad_bottom || w->pad_right;
}

/* With steps of one, "the same size" says which pads there are. */
static bool is_same(const struct facet_window *w)
{
    int64_t h = w->dilation_h * (w->kernel_h - 1), v = w->dilation_w * (w->kernel_w - 1);
    return w->stride_h == 1 && w->stride_w == 1 && w->pad_top == h / 2 && w->pad_bottom == h - h / 2 && w->pad_left == v / 2 &&
           w->pad_right == v - v / 2;
}

/* rounds_up: what lacks at the end is there. */
static void put_window(struct tf_builder *b, void *making, const struct facet_window *w, bool rounds_up)
{
    const int64_t strides[] = { 1, w->stride_h, w->stride_w, 1 };
    const int64_t pads[] = { 0, 0, w->pad_top, w->pad_bottom, w->pad_left, w->pad_right, 0, 0 };
    if (!making)
        return;
    b->tf->TF_SetAttrIntList(making, "strides", strides, 4);
    if (has_pads(w) && !is_same(w))
        b->tf->TF_SetAttrIntList(making, "explicit_paddings", pads, 8);
    WORD(making, "padding", rounds_up || (has_pads(w) && is_same(w)) ? "SAME" : has_pads(w) ? "EXPLICIT" : "VALID");
}

/* The window's pads written out in numbers `v`, and so many rows and columns more at the end. */
static struct tf_output pad(struct tf_builder *b, struct tf_output x, struct facet_window *w, int64_t more_h, int64_t more_w, float v)
{
    const int32_t pads[] = { 0, 0, (int32_t)w->pad_top, (int32_t)(w->pad_bottom + more_h), (int32_t)w->pad_left, (int32_t)(w->pad_right + more_w),
                             0, 0 };
    const int64_t dims[] = { 4, 2 };
    struct tf_output p = facet__tf_const(b, TF_TYPE_INT32, dims, 2, pads), number = facet__tf_number(b, v);
    w->pad_top = w->pad_left = w->pad_bottom = w->pad_right = 0;
    void *making = facet__tf_begin(b, "PadV2");
    facet__tf_in(b, making, x);
    facet__tf_in(b, making, p);
    facet__tf_in(b, making, number);
    return facet__tf_finish(b, making, "PadV2");
}

/* [outputs, inputs, h, w] becomes [h, w, inputs, outputs]; of single channels [h, w, channels, outputs of each]. */
static struct tf_output turned_weights(struct tf_builder *b, const struct facet_value *w, bool is_depthwise, int64_t channels)
{
    const int64_t *d = w->shape.dim;
    const float *from = w->data;
    float *to = malloc((size_t)facet_shape_count(&w->shape) * sizeof(*to) + 1);
    if (!to) {
        b->err = facet_fail_nomem();
        return none;
    }
    for (int64_t o = 0; o < d[0]; o++)
        for (int64_t i = 0; i < d[1]; i++)
            for (int64_t k = 0; k < d[2] * d[3]; k++)
                to[is_depthwise ? k * d[0] + o : (k * d[1] + i) * d[0] + o] = from[(o * d[1] + i) * d[2] * d[3] + k];
    const int64_t dims[] = { d[2], d[3], is_depthwise ? channels : d[1], is_depthwise ? d[0] / channels : d[0] };
    struct tf_output made = facet__tf_const(b, TF_TYPE_FLOAT, dims, 4, to);
    free(to);
    return made;
}

static void build_conv(struct tf_builder *b, const struct facet_node *n)
{
    const struct facet_value *weights = &b->g->values[n->inputs[1]];
    struct facet_window w = window_of(b, n, weights->shape.dim[2], weights->shape.dim[3]);
    int64_t group = facet_node_int(n, "group", 1);
    const char *kind = group > 1 ? "DepthwiseConv2dNative" : "Conv2D";
    const int64_t dilations[] = { 1, w.dilation_h, w.dilation_w, 1 };
    struct tf_output x = facet__tf_last(b, n->inputs[0]), k = turned_weights(b, weights, group > 1, group);
    if (group > 1 && has_pads(&w) && !is_same(&w)) /* 2.21 loses explicit pads of these when it fuses, and aborts */
        x = pad(b, x, &w, 0, 0, 0);
    void *making = facet__tf_begin(b, kind);
    facet__tf_in(b, making, x);
    facet__tf_in(b, making, k);
    put_window(b, making, &w, false);
    if (making)
        b->tf->TF_SetAttrIntList(making, "dilations", dilations, 4);
    struct tf_output y = facet__tf_finish(b, making, kind);
    if (has_input(n, 2))
        y = facet__tf_op(b, "BiasAdd", y, facet__tf_plain(b, n->inputs[2]));
    result(b, n)->last = y;
}

static void build_pool(struct tf_builder *b, const struct facet_node *n)
{
    const char *kind = is_op(n, "MaxPool") ? "MaxPool" : "AvgPool";
    struct facet_window w = window_of(b, n, 0, 0);
    const int64_t size[] = { 1, w.kernel_h, w.kernel_w, 1 };
    bool rounds_up = facet_node_int(n, "ceil_mode", 0) != 0, tiles = w.kernel_h == w.stride_h && w.kernel_w == w.stride_w && !has_pads(&w);
    struct tf_output x = facet__tf_last(b, n->inputs[0]);
    if (rounds_up && !tiles) /* a step more, but for one row and column, which never win */
        x = pad(b, x, &w, w.stride_h - 1, w.stride_w - 1, -FLT_MAX);
    void *making = facet__tf_begin(b, kind);
    facet__tf_in(b, making, x);
    put_window(b, making, &w, rounds_up && tiles);
    if (making)
        b->tf->TF_SetAttrIntList(making, "ksize", size, 4);
    result(b, n)->last = facet__tf_finish(b, making, kind);
}

static struct tf_output reduce(struct tf_builder *b, const char *kind, struct tf_output x, const int32_t *axes, int n_axes)
{
    struct tf_output a = facet__tf_ints(b, axes, n_axes);
    void *making = facet__tf_begin(b, kind);
    facet__tf_in(b, making, x);
    facet__tf_in(b, making, a);
    if (making)
        b->tf->TF_SetAttrBool(making, "keep_dims", 1);
    return facet__tf_finish(b, making, kind);
}

static void build_mean(struct tf_builder *b, const struct facet_node *n)
{
    static const int32_t axes[] = { 1, 2 };
    result(b, n)->last = reduce(b, "Mean", facet__tf_last(b, n->inputs[0]), axes, 2);
}

/* ---- products ---- */

static void build_product(struct tf_builder *b, const struct facet_node *n)
{
    struct tf_output x = facet__tf_plain(b, n->inputs[0]), w = facet__tf_plain(b, n->inputs[1]);
    void *making = facet__tf_begin(b, "MatMul");
    facet__tf_in(b, making, x);
    facet__tf_in(b, making, w);
    if (making)
        b->tf->TF_SetAttrBool(making, "transpose_b", facet_node_int(n, "transB", 0) != 0);
    struct tf_output y = facet__tf_finish(b, making, "MatMul");
    if (has_input(n, 2)) {
        int64_t outs = facet_shape_count(&b->g->values[n->inputs[2]].shape);
        struct tf_output bias = facet__tf_const(b, TF_TYPE_FLOAT, &outs, 1, b->g->values[n->inputs[2]].data);
        y = facet__tf_op(b, "BiasAdd", y, bias);
    }
    result(b, n)->plain = y;
}

/* ---- number by number ---- */

static void build_unary(struct tf_builder *b, const struct facet_node *n)
{
    struct tf_output *y, x = any_order(b, n, &y);
    *y = facet__tf_op(b, n->op, x, none);
}

static void build_leaky(struct tf_builder *b, const struct facet_node *n)
{
    struct tf_output *y, x = any_order(b, n, &y);
    void *making = facet__tf_begin(b, "LeakyRelu");
    facet__tf_in(b, making, x);
    if (making)
        b->tf->TF_SetAttrFloat(making, "alpha", facet_node_float(n, "alpha", 0.01f));
    *y = facet__tf_finish(b, making, "LeakyRelu");
}

static float bound(const struct tf_builder *b, const struct facet_node *n, int k, const char *name, float fallback)
{
    return has_input(n, k) ? *(const float *)b->g->values[n->inputs[k]].data : facet_node_float(n, name, fallback);
}

static void build_clip(struct tf_builder *b, const struct facet_node *n)
{
    float lo = bound(b, n, 1, "min", -FLT_MAX), hi = bound(b, n, 2, "max", FLT_MAX);
    struct tf_output *y, x = any_order(b, n, &y);
    if (lo >= 0 && lo <= 0 && hi >= 6 && hi <= 6) {
        *y = facet__tf_op(b, "Relu6", x, none);
        return;
    }
    struct tf_output up = facet__tf_op(b, "Maximum", x, facet__tf_number(b, lo));
    *y = facet__tf_op(b, "Minimum", up, facet__tf_number(b, hi));
}

/* There is no such operation: above zero as it is, below by the slope of its channel. */
static void build_prelu(struct tf_builder *b, const struct facet_node *n)
{
    const struct facet_value *slope = &b->g->values[n->inputs[1]];
    int64_t count = facet_shape_count(&slope->shape);
    bool is_last = rank_of(b->g, n->inputs[0]) == 4;
    struct tf_output x = is_last ? facet__tf_last(b, n->inputs[0]) : facet__tf_plain(b, n->inputs[0]);
    struct tf_output s = facet__tf_const(b, TF_TYPE_FLOAT, &count, 1, slope->data);
    struct tf_output below = facet__tf_op(b, "Mul", facet__tf_op(b, "Minimum", x, facet__tf_number(b, 0)), s);
    struct tf_output y = facet__tf_op(b, "AddV2", facet__tf_op(b, "Relu", x, none), below);
    *(is_last ? &result(b, n)->last : &result(b, n)->plain) = y;
}

/* A constant beside values of rank 4: with as many dimensions, and turned like them. */
static struct tf_output beside(struct tf_builder *b, int v, bool is_last)
{
    const struct facet_value *value = &b->g->values[v];
    struct facet_shape s = { .rank = 4, .dim = { 1, 1, 1, 1 } };
    static const int32_t last[] = { 0, 2, 3, 1 };
    if (!is_last || (!value->data && value->shape.rank == 4))
        return is_last ? facet__tf_last(b, v) : facet__tf_plain(b, v);
    memcpy(s.dim + 4 - value->shape.rank, value->shape.dim, (size_t)value->shape.rank * sizeof(s.dim[0]));
    struct tf_output c = facet__tf_const(b, TF_TYPE_FLOAT, s.dim, 4, value->data);
    return facet__tf_turn(b, c, last, 4);
}

static void build_binary(struct tf_builder *b, const struct facet_node *n)
{
    static const char *const kinds[][2] = { { "Add", "AddV2" }, { "Sub", "Sub" }, { "Mul", "Mul" }, { "Div", "RealDiv" }, { "Max", "Maximum" },
                                            { "Min", "Minimum" } };
    const struct facet_value *v[] = { &b->g->values[n->inputs[0]], &b->g->values[n->inputs[1]] };
    bool is_last = (v[0]->shape.rank == 4 || v[0]->data) && (v[1]->shape.rank == 4 || v[1]->data) && rank_of(b->g, n->outputs[0]) == 4;
    struct tf_output x = beside(b, n->inputs[0], is_last), y = beside(b, n->inputs[1], is_last), made = none;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (is_op(n, kinds[i][0]))
            made = facet__tf_op(b, kinds[i][1], x, y);
    *(is_last ? &result(b, n)->last : &result(b, n)->plain) = made;
}

/* ---- along an axis ---- */

static int64_t axis_of(const struct facet_graph *g, const struct facet_node *n, int64_t fallback)
{
    int64_t axis = facet_node_int(n, "axis", fallback);
    return axis < 0 ? axis + rank_of(g, n->outputs[0]) : axis;
}

static void build_softmax(struct tf_builder *b, const struct facet_node *n)
{
    bool is_last = rank_of(b->g, n->inputs[0]) == 4 && axis_of(b->g, n, b->g->opset < 13 ? 1 : -1) == 1;
    struct tf_output x = is_last ? facet__tf_last(b, n->inputs[0]) : facet__tf_plain(b, n->inputs[0]);
    *(is_last ? &result(b, n)->last : &result(b, n)->plain) = facet__tf_op(b, "Softmax", x, none);
}

static void build_norm(struct tf_builder *b, const struct facet_node *n)
{
    static const int32_t axis = 1;
    struct tf_output x = facet__tf_plain(b, n->inputs[0]);
    struct tf_output sum = reduce(b, "Sum", facet__tf_op(b, "Square", x, none), &axis, 1);
    struct tf_output least = facet__tf_op(b, "Maximum", sum, facet__tf_number(b, FLT_MIN));
    result(b, n)->plain = facet__tf_op(b, "Mul", x, facet__tf_op(b, "Rsqrt", least, none));
}

static void build_concat(struct tf_builder *b, const struct facet_node *n)
{
    static const int32_t turned[] = { 0, 3, 1, 2 };
    int64_t axis = axis_of(b->g, n, 0);
    bool is_last = rank_of(b->g, n->outputs[0]) == 4;
    int32_t at = is_last ? turned[axis] : (int32_t)axis;
    struct tf_output *parts = calloc((size_t)n->n_inputs, sizeof(*parts)), along = facet__tf_const(b, TF_TYPE_INT32, NULL, 0, &at);
    if (!parts) {
        b->err = facet_fail_nomem();
        return;
    }
    for (int i = 0; i < n->n_inputs; i++)
        parts[i] = is_last ? facet__tf_last(b, n->inputs[i]) : facet__tf_plain(b, n->inputs[i]);
    void *making = facet__tf_begin(b, "ConcatV2");
    if (making)
        b->tf->TF_AddInputList(making, parts, n->n_inputs);
    facet__tf_in(b, making, along);
    free(parts);
    *(is_last ? &result(b, n)->last : &result(b, n)->plain) = facet__tf_finish(b, making, "ConcatV2");
}

/* ---- moves ---- */

static void build_reshape(struct tf_builder *b, const struct facet_node *n)
{
    const struct facet_shape *s = &b->g->values[n->outputs[0]].shape;
    int32_t dims[FACET_MAX_DIMS];
    for (int i = 0; i < s->rank; i++)
        dims[i] = (int32_t)s->dim[i];
    struct tf_output x = facet__tf_plain(b, n->inputs[0]), to = facet__tf_ints(b, dims, s->rank);
    result(b, n)->plain = facet__tf_op(b, "Reshape", x, to);
}

static void build_identity(struct tf_builder *b, const struct facet_node *n)
{
    *result(b, n) = b->at[n->inputs[0]];
}

static void build_transpose(struct tf_builder *b, const struct facet_node *n)
{
    int64_t given[FACET_MAX_DIMS];
    int32_t perm[FACET_MAX_DIMS];
    int rank = rank_of(b->g, n->inputs[0]);
    size_t count = facet_node_ints(n, "perm", given, FACET_MAX_DIMS);
    for (int i = 0; i < rank; i++)
        perm[i] = count ? (int32_t)given[i] : rank - 1 - i;
    result(b, n)->plain = facet__tf_turn(b, facet__tf_plain(b, n->inputs[0]), perm, rank);
}

/* ---- who builds what, and in which form ---- */

static bool is_float(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 && !g->values[v].is_stored && g->values[v].shape.rank >= 0;
}

static bool is_const(const struct facet_graph *g, const struct facet_node *n, int k)
{
    return has_input(n, k) && is_float(g, n->inputs[k]) && g->values[n->inputs[k]].data;
}

static bool takes_conv(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape, *w = is_const(g, n, 1) ? &g->values[n->inputs[1]].shape : NULL;
    int64_t group = facet_node_int(n, "group", 1), strides[2] = { 1, 1 };
    facet_node_ints(n, "strides", strides, 2);
    if (!w || w->rank != 4 || x->rank != 4 || (has_input(n, 2) && !is_const(g, n, 2)) || *facet_node_string(n, "auto_pad", "") == 'S')
        return false;
    return group == 1 || (group == x->dim[1] && w->dim[1] == 1 && strides[0] == strides[1]);
}

static bool takes_pool(const struct facet_graph *g, const struct facet_node *n)
{
    struct facet_window w;
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    bool rounds_up = facet_node_int(n, "ceil_mode", 0) != 0;
    if (x->rank != 4 || n->n_outputs != 1 || *facet_node_string(n, "auto_pad", "") == 'S' ||
        facet_window_init(&w, g, n, 0, 0, x->dim[2], x->dim[3]) || w.dilation_h != 1 || w.dilation_w != 1)
        return false;
    if (rounds_up && (w.kernel_h < w.stride_h || w.kernel_w < w.stride_w))
        return false;
    return is_op(n, "MaxPool") || (!rounds_up && (!has_pads(&w) || (is_same(&w) && !facet_node_int(n, "count_include_pad", 0))));
}

static bool takes_product(const struct facet_graph *g, const struct facet_node *n)
{
    if (rank_of(g, n->inputs[0]) != 2 || !is_const(g, n, 1) || rank_of(g, n->inputs[1]) != 2 || facet_node_int(n, "transA", 0) ||
        fabsf(facet_node_float(n, "alpha", 1) - 1) > 0 || fabsf(facet_node_float(n, "beta", 1) - 1) > 0)
        return false;
    return !has_input(n, 2) || (is_const(g, n, 2) && facet_shape_count(&g->values[n->inputs[2]].shape) == g->values[n->outputs[0]].shape.dim[1]);
}

static bool takes_any(const struct facet_graph *g, const struct facet_node *n)
{
    return true;
}

static bool takes_pictures(const struct facet_graph *g, const struct facet_node *n)
{
    return rank_of(g, n->inputs[0]) == 4;
}

static bool takes_clip(const struct facet_graph *g, const struct facet_node *n)
{
    return (!has_input(n, 1) || is_const(g, n, 1)) && (!has_input(n, 2) || is_const(g, n, 2));
}

static bool takes_prelu(const struct facet_graph *g, const struct facet_node *n)
{
    int rank = rank_of(g, n->inputs[0]);
    int64_t count = is_const(g, n, 1) ? facet_shape_count(&g->values[n->inputs[1]].shape) : 0;
    return (rank == 2 || rank == 4) && count > 0 && (count == 1 || count == g->values[n->inputs[0]].shape.dim[1]);
}

static bool takes_binary(const struct facet_graph *g, const struct facet_node *n)
{
    return n->n_inputs == 2 && is_float(g, n->inputs[1]) && rank_of(g, n->inputs[0]) <= 4 && rank_of(g, n->inputs[1]) <= 4;
}

static bool takes_softmax(const struct facet_graph *g, const struct facet_node *n)
{
    int rank = rank_of(g, n->inputs[0]);
    int64_t axis = axis_of(g, n, g->opset < 13 ? 1 : -1);
    return axis == rank - 1 || (rank == 4 && axis == 1 && g->opset >= 13);
}

static bool takes_norm(const struct facet_graph *g, const struct facet_node *n)
{
    return rank_of(g, n->inputs[0]) == 2 && axis_of(g, n, -1) == 1 && facet_node_int(n, "p", 2) == 2;
}

static bool takes_concat(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (!is_float(g, n->inputs[i]))
            return false;
    return true;
}

/* At most one dimension may be left for it to find. */
static bool takes_reshape(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *s = &g->values[n->outputs[0]].shape;
    int free_dims = 0;
    for (int i = 0; i < s->rank; i++)
        free_dims += s->dim[i] < 0;
    return s->rank > 0 && free_dims <= 1;
}

static const struct { const char *op; void (*build)(struct tf_builder *, const struct facet_node *);
                      bool (*takes)(const struct facet_graph *, const struct facet_node *); } builders[] = {
    { "Conv", build_conv, takes_conv }, { "Gemm", build_product, takes_product }, { "MatMul", build_product, takes_product },
    { "MaxPool", build_pool, takes_pool }, { "AveragePool", build_pool, takes_pool }, { "GlobalAveragePool", build_mean, takes_pictures },
    { "Relu", build_unary, takes_any }, { "Sigmoid", build_unary, takes_any }, { "Tanh", build_unary, takes_any },
    { "Sqrt", build_unary, takes_any }, { "Exp", build_unary, takes_any }, { "Abs", build_unary, takes_any },
    { "LeakyRelu", build_leaky, takes_any }, { "Clip", build_clip, takes_clip }, { "PRelu", build_prelu, takes_prelu },
    { "Add", build_binary, takes_binary }, { "Sub", build_binary, takes_binary }, { "Mul", build_binary, takes_binary },
    { "Div", build_binary, takes_binary }, { "Max", build_binary, takes_binary }, { "Min", build_binary, takes_binary },
    { "Softmax", build_softmax, takes_softmax }, { "LpNormalization", build_norm, takes_norm }, { "Concat", build_concat, takes_concat },
    { "Reshape", build_reshape, takes_reshape }, { "Flatten", build_reshape, takes_reshape }, { "Squeeze", build_reshape, takes_reshape },
    { "Unsqueeze", build_reshape, takes_reshape }, { "Identity", build_identity, takes_any }, { "Dropout", build_identity, takes_any },
    { "Transpose", build_transpose, takes_any },
};
#define BUILDERS (sizeof(builders) / sizeof(builders[0]))

static size_t find_builder(const struct facet_node *n)
{
    size_t i = 0;
    while (i < BUILDERS && (*n->domain || strcmp(builders[i].op, n->op) != 0))
        i++;
    return i;
}

bool facet__tf_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    size_t i = find_builder(n);
    if (i == BUILDERS || n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0 || n->n_inputs < 1)
        return false;
    if (!is_float(g, n->inputs[0]) || !is_float(g, n->outputs[0]) || (g->values[n->inputs[0]].data && !is_op(n, "Concat")))
        return false;
    return builders[i].takes(g, n);
}

void facet__tf_node(struct tf_builder *b, const struct facet_node *n)
{
    size_t i = find_builder(n);
    if (i < BUILDERS)
        builders[i].build(b, n);
    else
        b->err = facet_fail(FACET_E_INTERNAL, "nothing builds it");
}
