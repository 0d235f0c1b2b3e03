/* Caffe's layers as ONNX nodes. A network published with height and width swapped is made upright:
 * kernels, strides, paddings and axes are swapped, and a fully connected layer's weights are put in
 * the order in which it now meets its inputs, so that the numbers stay exactly the same. */
#include "engine/format/caffe_net.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS 65536
#define MAX_KERNEL 1024

/* ---- helpers ---- */

struct pair { int64_t h, w; };

static const struct facet__field *param_of(const struct facet__layer *l, const char *key)
{
    return facet__field_at(l->field, key, 0);
}

/* `key` once for both, or twice, or `<stem>_h` and `<stem>_w`. */
static int read_pair(const struct facet__caffe *c, const struct facet__field *param, const char *key,
                     const char *stem, int64_t min, int64_t fallback, struct pair *out)
{
    char key_h[32], key_w[32];
    snprintf(key_h, sizeof(key_h), "%s_h", stem);
    snprintf(key_w, sizeof(key_w), "%s_w", stem);
    int err = facet__field_int(param, key, 0, min, MAX_KERNEL, fallback, &out->h, c->origin);
    if (!err)
        err = facet__field_int(param, key, 1, min, MAX_KERNEL, out->h, &out->w, c->origin);
    if (!err)
        err = facet__field_int(param, key_h, 0, min, MAX_KERNEL, out->h, &out->h, c->origin);
    if (!err)
        err = facet__field_int(param, key_w, 0, min, MAX_KERNEL, out->w, &out->w, c->origin);
    if (c->is_swapped)
        *out = (struct pair){out->w, out->h};
    return err;
}

static int attr_pair(struct facet_graph *g, int node, const char *name, struct pair p)
{
    return facet_graph_attr_ints(g, node, name, (int64_t[]){p.h, p.w}, 2);
}

static int attr_pads(struct facet_graph *g, int node, struct pair p)
{
    return facet_graph_attr_ints(g, node, "pads", (int64_t[]){p.h, p.w, p.h, p.w}, 4);
}

/* `dilation` may be NULL. */
static int attr_window(struct facet_graph *g, int node, struct pair kernel, struct pair stride, const struct pair *dilation,
                       struct pair pad)
{
    int err = attr_pair(g, node, "kernel_shape", kernel);
    if (!err)
        err = attr_pair(g, node, "strides", stride);
    if (!err && dilation)
        err = attr_pair(g, node, "dilations", *dilation);
    return err ? err : attr_pads(g, node, pad);
}

static int add_const(struct facet__caffe *c, const struct facet__layer *l, const char *what, const float *data,
                     int rank, const int64_t *dims)
{
    char name[600];
    struct facet_shape s = {.rank = rank};
    memcpy(s.dim, dims, (size_t)rank * sizeof(*dims));
    snprintf(name, sizeof(name), "%s.%s", l->name, what);
    return facet_graph_const(c->graph, name, FACET_F32, &s, data);
}

/* A vector of the layer's blobs as a constant of the given shape. */
static int weights_const(struct facet__caffe *c, const struct facet__layer *l, size_t index, const char *what,
                         int64_t count, int rank, const int64_t *dims)
{
    float *data;
    int err = facet__weights_get(c->weights, l->name, index, &count, 1, &data);
    int v = err ? err : add_const(c, l, what, data, rank, dims);
    free(data);
    return v;
}

/* Numbers per channel, shaped to meet the bottom's channels. */
static int channel_const(struct facet__caffe *c, const struct facet__layer *l, size_t index, const char *what)
{
    const struct facet__blob *b = l->bottom[0];
    return weights_const(c, l, index, what, b->c, b->rank == 4 ? 3 : 1, (int64_t[]){b->c, 1, 1});
}

/* Makes the layer's node; its index or a negative error. */
static int add_node(struct facet__caffe *c, struct facet__layer *l, const char *op, const int *inputs, int n)
{
    int node;
    l->top.value = facet_graph_node(c->graph, op, l->out_name, inputs, n, &node);
    return l->top.value < 0 ? l->top.value : node;
}

static void shape_like_bottom(struct facet__layer *l)
{
    const struct facet__blob *b = l->bottom[0];
    l->top.rank = b->rank;
    l->top.c = b->c;
    l->top.h = b->h;
    l->top.w = b->w;
}

/* One input, one output, no weights. */
static int plain_node(struct facet__caffe *c, struct facet__layer *l, const char *op)
{
    shape_like_bottom(l);
    return add_node(c, l, op, &l->bottom[0]->value, 1);
}

static int err_of(int value)
{
    return value < 0 ? value : FACET_OK;
}

/* ---- convolution ---- */

struct conv { struct pair kernel, stride, pad, dilation; int64_t outputs, group; bool has_bias; };

static int read_conv(const struct facet__caffe *c, const struct facet__layer *l, struct conv *p)
{
    const struct facet__field *f = param_of(l, "convolution_param");
    int64_t axis;
    int err = facet__field_int(f, "num_output", 0, 1, MAX_CHANNELS, 0, &p->outputs, c->origin);
    if (!err)
        err = facet__field_int(f, "group", 0, 1, MAX_CHANNELS, 1, &p->group, c->origin);
    if (!err)
        err = facet__field_int(f, "axis", 0, 1, 1, 1, &axis, c->origin);
    if (!err)
        err = facet__field_bool(f, "bias_term", true, &p->has_bias, c->origin);
    if (!err)
        err = read_pair(c, f, "kernel_size", "kernel", 1, 0, &p->kernel);
    if (!err)
        err = read_pair(c, f, "stride", "stride", 1, 1, &p->stride);
    if (!err)
        err = read_pair(c, f, "pad", "pad", 0, 0, &p->pad);
    if (!err)
        err = read_pair(c, f, "dilation", "dilation", 1, 1, &p->dilation);
    if (err)
        return err;
    if (!p->outputs || !p->kernel.h || !p->kernel.w)
        return facet__layer_fail(c, l, "num_output or kernel_size is missing");
    if (l->bottom[0]->rank != 4 || l->bottom[0]->c % p->group || p->outputs % p->group)
        return facet__layer_fail(c, l, "its channels do not fit its input or its groups");
    return FACET_OK;
}

static int64_t conv_side(int64_t in, int64_t k, int64_t stride, int64_t pad, int64_t dilation)
{
    int64_t room = in + 2 * pad - (dilation * (k - 1) + 1);
    return room < 0 ? 0 : room / stride + 1;
}

/* Swaps the two last dimensions of `planes` kernels. */
static void swap_kernels(float *data, size_t planes, int64_t rows, int64_t cols, float *plane)
{
    size_t n = (size_t)(rows * cols);
    for (size_t p = 0; p < planes; p++, data += n) {
        for (int64_t y = 0; y < rows; y++)
            for (int64_t x = 0; x < cols; x++)
                plane[x * rows + y] = data[y * cols + x];
        memcpy(data, plane, n * sizeof(*data));
    }
}

/* `k` is upright; the file's kernels are k.w high and k.h wide when swapped. */
static int conv_weights(struct facet__caffe *c, const struct facet__layer *l, const struct conv *p)
{
    int64_t dims[4] = {p->outputs, l->bottom[0]->c / p->group, p->kernel.h, p->kernel.w};
    int64_t stored[4] = {dims[0], dims[1], c->is_swapped ? dims[3] : dims[2], c->is_swapped ? dims[2] : dims[3]};
    float *data;
    int err = facet__weights_get(c->weights, l->name, 0, stored, 4, &data);
    if (!err && c->is_swapped) {
        float *plane = malloc((size_t)(stored[2] * stored[3]) * sizeof(*plane));
        if (plane)
            swap_kernels(data, (size_t)(dims[0] * dims[1]), stored[2], stored[3], plane);
        else
            err = facet_fail_nomem();
        free(plane);
    }
    int v = err ? err : add_const(c, l, "weight", data, 4, dims);
    free(data);
    return v;
}

static int make_convolution(struct facet__caffe *c, struct facet__layer *l)
{
    struct conv p;
    int err = read_conv(c, l, &p);
    if (err)
        return err;
    const struct facet__blob *b = l->bottom[0];
    l->top.rank = 4;
    l->top.c = p.outputs;
    l->top.h = conv_side(b->h, p.kernel.h, p.stride.h, p.pad.h, p.dilation.h);
    l->top.w = conv_side(b->w, p.kernel.w, p.stride.w, p.pad.w, p.dilation.w);
    int inputs[3] = {b->value, conv_weights(c, l, &p), 0};
    if (inputs[1] >= 0 && p.has_bias)
        inputs[2] = weights_const(c, l, 1, "bias", p.outputs, 1, &p.outputs);
    if (inputs[1] < 0 || inputs[2] < 0)
        return inputs[1] < 0 ? inputs[1] : inputs[2];
    int node = add_node(c, l, "Conv", inputs, p.has_bias ? 3 : 2);
    err = err_of(node);
    if (!err)
        err = attr_window(c->graph, node, p.kernel, p.stride, &p.dilation, p.pad);
    if (!err)
        err = facet_graph_attr_int(c->graph, node, "group", p.group);
    return err;
}

/* ---- pooling ---- */

struct pooling { struct pair kernel, stride, pad; bool is_max, is_floor, is_global; };

static int read_pool_words(const struct facet__caffe *c, const struct facet__layer *l, struct pooling *p)
{
    const struct facet__field *f = param_of(l, "pooling_param");
    const char *pool = facet__field_text(f, "pool", "MAX"), *round = facet__field_text(f, "round_mode", "CEIL");
    p->is_max = !strcmp(pool, "MAX") || !strcmp(pool, "0");
    p->is_floor = !strcmp(round, "FLOOR") || !strcmp(round, "1");
    if (!p->is_max && strcmp(pool, "AVE") && strcmp(pool, "1"))
        return facet__layer_fail(c, l, "pool is '%s', only MAX and AVE are known", pool);
    if (!p->is_floor && strcmp(round, "CEIL") && strcmp(round, "0"))
        return facet__layer_fail(c, l, "round_mode is '%s', only CEIL and FLOOR are known", round);
    return facet__field_bool(f, "global_pooling", false, &p->is_global, c->origin);
}

static int read_pooling(const struct facet__caffe *c, const struct facet__layer *l, struct pooling *p)
{
    const struct facet__field *f = param_of(l, "pooling_param");
    int err = read_pool_words(c, l, p);
    if (!err && l->bottom[0]->rank != 4)
        err = facet__layer_fail(c, l, "its input has no height and width");
    if (err || p->is_global)
        return err;
    err = read_pair(c, f, "kernel_size", "kernel", 1, 0, &p->kernel);
    if (!err)
        err = read_pair(c, f, "stride", "stride", 1, 1, &p->stride);
    if (!err)
        err = read_pair(c, f, "pad", "pad", 0, 0, &p->pad);
    if (err)
        return err;
    if (!p->kernel.h || !p->kernel.w)
        return facet__layer_fail(c, l, "kernel_size is missing");
    if (p->kernel.h < p->stride.h || p->kernel.w < p->stride.w || p->pad.h >= p->kernel.h || p->pad.w >= p->kernel.w)
        return facet__layer_fail(c, l, "windows that leave gaps, or lie in the padding alone, are not known");
    return FACET_OK;
}

/* Caffe rounds up, and then leaves out a last window that would begin in the padding. */
static int64_t pool_side(int64_t in, int64_t k, int64_t stride, int64_t pad, bool is_floor)
{
    int64_t room = in + 2 * pad - k;
    if (room < 0)
        return 0;
    int64_t out = (is_floor ? room : room + stride - 1) / stride + 1;
    return pad && (out - 1) * stride >= in + pad ? out - 1 : out;
}

/* Caffe's average divides by what a window covers of the picture with its padding. That is ONNX's
 * count_include_pad, but where a last window goes beyond the padding. */
static bool average_differs(const struct pooling *p, const struct facet__blob *in, const struct facet__blob *out)
{
    if (p->is_max || (!p->pad.h && !p->pad.w))
        return false;
    return (out->h - 1) * p->stride.h + p->kernel.h > in->h + 2 * p->pad.h ||
           (out->w - 1) * p->stride.w + p->kernel.w > in->w + 2 * p->pad.w;
}

static int make_global_pool(struct facet__caffe *c, struct facet__layer *l, bool is_max)
{
    int node = plain_node(c, l, is_max ? "GlobalMaxPool" : "GlobalAveragePool");
    l->top.h = l->top.w = 1;
    return err_of(node);
}

static int make_pooling(struct facet__caffe *c, struct facet__layer *l)
{
    struct pooling p = {0};
    int err = read_pooling(c, l, &p);
    if (err)
        return err;
    if (p.is_global)
        return make_global_pool(c, l, p.is_max);
    const struct facet__blob *b = l->bottom[0];
    int node = plain_node(c, l, p.is_max ? "MaxPool" : "AveragePool");
    l->top.h = pool_side(b->h, p.kernel.h, p.stride.h, p.pad.h, p.is_floor);
    l->top.w = pool_side(b->w, p.kernel.w, p.stride.w, p.pad.w, p.is_floor);
    if (average_differs(&p, b, &l->top))
        return facet__layer_fail(c, l, "an average over windows that go beyond the padding is not known");
    err = err_of(node);
    if (!err)
        err = attr_window(c->graph, node, p.kernel, p.stride, NULL, p.pad);
    if (!err)
        err = facet_graph_attr_int(c->graph, node, "ceil_mode", !p.is_floor);
    if (!err && !p.is_max)
        err = facet_graph_attr_int(c->graph, node, "count_include_pad", p.pad.h || p.pad.w);
    return err;
}

/* ---- fully connected ---- */

/* Rows meet their inputs as C, W, H in the file and as C, H, W in the upright graph. */
static void permute_rows(float *data, int64_t rows, const struct facet__blob *b, float *row)
{
    int64_t n = b->c * b->h * b->w;
    for (int64_t r = 0; r < rows; r++, data += n) {
        for (int64_t k = 0; k < b->c; k++)
            for (int64_t y = 0; y < b->h; y++)
                for (int64_t x = 0; x < b->w; x++)
                    row[(k * b->h + y) * b->w + x] = data[(k * b->w + x) * b->h + y];
        memcpy(data, row, (size_t)n * sizeof(*data));
    }
}

static int inner_weights(struct facet__caffe *c, const struct facet__layer *l, int64_t outputs)
{
    const struct facet__blob *b = l->bottom[0];
    int64_t dims[2] = {outputs, b->c * b->h * b->w};
    float *data;
    int err = facet__weights_get(c->weights, l->name, 0, dims, 2, &data);
    if (!err && c->is_swapped && b->rank == 4) {
        float *row = malloc((size_t)dims[1] * sizeof(*row));
        if (row)
            permute_rows(data, outputs, b, row);
        else
            err = facet_fail_nomem();
        free(row);
    }
    int v = err ? err : add_const(c, l, "weight", data, 2, dims);
    free(data);
    return v;
}

/* The bottom as rows; a blob with height and width is flattened first. */
static int flat_bottom(struct facet__caffe *c, const struct facet__layer *l)
{
    const struct facet__blob *b = l->bottom[0];
    char name[600];
    int node;
    if (b->rank == 2)
        return b->value;
    c->is_sized = true;
    snprintf(name, sizeof(name), "%s.flat", l->name);
    int v = facet_graph_node(c->graph, "Flatten", name, &b->value, 1, &node);
    int err = v < 0 ? v : facet_graph_attr_int(c->graph, node, "axis", 1);
    return err ? err : v;
}

static int make_inner_product(struct facet__caffe *c, struct facet__layer *l)
{
    const struct facet__field *f = param_of(l, "inner_product_param");
    bool has_bias, is_turned;
    int64_t axis, outputs;
    int err = facet__field_int(f, "num_output", 0, 1, MAX_CHANNELS, 0, &outputs, c->origin);
    if (!err)
        err = facet__field_int(f, "axis", 0, 1, 1, 1, &axis, c->origin);
    if (!err)
        err = facet__field_bool(f, "bias_term", true, &has_bias, c->origin);
    if (!err)
        err = facet__field_bool(f, "transpose", false, &is_turned, c->origin);
    if (err)
        return err;
    if (!outputs || is_turned)
        return facet__layer_fail(c, l, outputs ? "transposed weights are not known" : "num_output is missing");
    int inputs[3] = {flat_bottom(c, l), 0, 0};
    if (inputs[0] >= 0)
        inputs[1] = inner_weights(c, l, outputs);
    if (inputs[0] >= 0 && inputs[1] >= 0 && has_bias)
        inputs[2] = weights_const(c, l, 1, "bias", outputs, 1, &outputs);
    for (int i = 0; i < 3; i++)
        if (inputs[i] < 0)
            return inputs[i];
    int node = add_node(c, l, "Gemm", inputs, has_bias ? 3 : 2);
    l->top.rank = 2;
    l->top.c = outputs;
    l->top.h = l->top.w = 1;
    return node < 0 ? node : facet_graph_attr_int(c->graph, node, "transB", 1);
}

/* ---- per element and per channel ---- */

static int make_relu(struct facet__caffe *c, struct facet__layer *l)
{
    double slope;
    int err = facet__field_num(param_of(l, "relu_param"), "negative_slope", 0, &slope, c->origin);
    if (err)
        return err;
    int node = plain_node(c, l, slope != 0 ? "LeakyRelu" : "Relu");
    if (node < 0 || slope == 0)
        return err_of(node);
    return facet_graph_attr_float(c->graph, node, "alpha", (float)slope);
}

static int make_sigmoid(struct facet__caffe *c, struct facet__layer *l)
{
    return err_of(plain_node(c, l, "Sigmoid"));
}

static int make_tanh(struct facet__caffe *c, struct facet__layer *l)
{
    return err_of(plain_node(c, l, "Tanh"));
}

static int make_prelu(struct facet__caffe *c, struct facet__layer *l)
{
    bool is_shared;
    int err = facet__field_bool(param_of(l, "prelu_param"), "channel_shared", false, &is_shared, c->origin);
    if (err)
        return err;
    int slope = is_shared ? weights_const(c, l, 0, "slope", 1, 1, (int64_t[]){1}) : channel_const(c, l, 0, "slope");
    if (slope < 0)
        return slope;
    shape_like_bottom(l);
    return err_of(add_node(c, l, "PRelu", (int[]){l->bottom[0]->value, slope}, 2));
}

/* Only axis 1 is known, which is the same in upright and in swapped networks. */
static int make_softmax(struct facet__caffe *c, struct facet__layer *l)
{
    int64_t axis;
    int err = facet__field_int(param_of(l, "softmax_param"), "axis", 0, 1, 1, 1, &axis, c->origin);
    int node = err ? err : plain_node(c, l, "Softmax");
    return node < 0 ? node : facet_graph_attr_int(c->graph, node, "axis", 1);
}

/* Nothing to do when a network runs: the blob goes by another name. */
static int make_nothing(struct facet__caffe *c, struct facet__layer *l)
{
    shape_like_bottom(l);
    l->top.value = l->bottom[0]->value;
    return FACET_OK;
}

static int make_flatten(struct facet__caffe *c, struct facet__layer *l)
{
    const struct facet__blob *b = l->bottom[0];
    int64_t axis;
    int err = facet__field_int(param_of(l, "flatten_param"), "axis", 0, 1, 1, 1, &axis, c->origin);
    if (err)
        return err;
    if (c->is_swapped && b->h * b->w != 1)
        return facet__layer_fail(c, l, "a network with swapped height and width is flattened by InnerProduct alone");
    int node = plain_node(c, l, "Flatten");
    c->is_sized |= b->rank == 4;
    l->top.rank = 2;
    l->top.c = b->c * b->h * b->w;
    l->top.h = l->top.w = 1;
    return node < 0 ? node : facet_graph_attr_int(c->graph, node, "axis", 1);
}

/* Blobs: mean, variance, and the number both are to be divided by. */
static int batch_norm_blobs(struct facet__caffe *c, const struct facet__layer *l, float **mean, float **variance)
{
    int64_t n = l->bottom[0]->c, one = 1;
    float *factor = NULL;
    int err = facet__weights_get(c->weights, l->name, 0, &n, 1, mean);
    if (!err)
        err = facet__weights_get(c->weights, l->name, 1, &n, 1, variance);
    if (!err)
        err = facet__weights_get(c->weights, l->name, 2, &one, 1, &factor);
    float by = err || *factor == 0 ? 0 : 1 / *factor;
    for (int64_t i = 0; !err && i < n; i++) {
        (*mean)[i] *= by;
        (*variance)[i] *= by;
    }
    free(factor);
    return err;
}

static int make_batch_norm(struct facet__caffe *c, struct facet__layer *l)
{
    int64_t n = l->bottom[0]->c;
    double eps;
    int err = facet__field_num(param_of(l, "batch_norm_param"), "eps", 1e-5, &eps, c->origin);
    if (err)
        return err;
    float *mean = NULL, *variance = NULL, *ones = malloc((size_t)n * sizeof(float)),
          *zeros = calloc((size_t)n, sizeof(float));
    for (int64_t i = 0; ones && i < n; i++)
        ones[i] = 1;
    err = ones && zeros ? batch_norm_blobs(c, l, &mean, &variance) : facet_fail_nomem();
    int inputs[5] = {l->bottom[0]->value, 0, 0, 0, 0};
    const char *names[] = {"", "gamma", "beta", "mean", "variance"};
    const float *data[] = {NULL, ones, zeros, mean, variance};
    for (int i = 1; !err && i < 5; i++) {
        inputs[i] = add_const(c, l, names[i], data[i], 1, &n);
        err = err_of(inputs[i]);
    }
    free(mean);
    free(variance);
    free(ones);
    free(zeros);
    if (err)
        return err;
    shape_like_bottom(l);
    int node = add_node(c, l, "BatchNormalization", inputs, 5);
    return node < 0 ? node : facet_graph_attr_float(c->graph, node, "epsilon", (float)eps);
}

static int make_scale(struct facet__caffe *c, struct facet__layer *l)
{
    const struct facet__field *f = param_of(l, "scale_param");
    bool has_bias;
    int64_t axis, axes;
    int err = facet__field_bool(f, "bias_term", false, &has_bias, c->origin);
    if (!err)
        err = facet__field_int(f, "axis", 0, 1, 1, 1, &axis, c->origin);
    if (!err)
        err = facet__field_int(f, "num_axes", 0, 1, 1, 1, &axes, c->origin);
    int scale = err ? err : channel_const(c, l, 0, "scale");
    if (scale < 0)
        return scale;
    shape_like_bottom(l);
    if (!has_bias)
        return err_of(add_node(c, l, "Mul", (int[]){l->bottom[0]->value, scale}, 2));
    char name[600];
    snprintf(name, sizeof(name), "%s.scaled", l->name);
    int scaled = facet_graph_node(c->graph, "Mul", name, (int[]){l->bottom[0]->value, scale}, 2, NULL);
    int bias = scaled < 0 ? scaled : channel_const(c, l, 1, "bias");
    if (bias < 0)
        return bias;
    return err_of(add_node(c, l, "Add", (int[]){scaled, bias}, 2));
}

/* ---- several inputs ---- */

static int read_eltwise(const struct facet__caffe *c, const struct facet__layer *l, const char **op)
{
    const struct facet__field *f = param_of(l, "eltwise_param");
    const char *word = facet__field_text(f, "operation", "SUM");
    *op = !strcmp(word, "SUM") || !strcmp(word, "1") ? "Add" : !strcmp(word, "PROD") || !strcmp(word, "0") ? "Mul" : NULL;
    if (!*op)
        return facet__layer_fail(c, l, "operation is '%s', only SUM and PROD are known", word);
    const struct facet__field *coeff;
    for (size_t i = 0; (coeff = facet__field_at(f, "coeff", i)) != NULL; i++)
        if (!coeff->text || strtod(coeff->text, NULL) != 1)
            return facet__layer_fail(c, l, "coefficients other than 1 are not known");
    return FACET_OK;
}

static int make_eltwise(struct facet__caffe *c, struct facet__layer *l)
{
    const char *op;
    int err = read_eltwise(c, l, &op);
    for (size_t i = 1; !err && i < l->n_bottom; i++) {
        const struct facet__blob *a = l->bottom[0], *b = l->bottom[i];
        if (a->rank != b->rank || a->c != b->c || a->h != b->h || a->w != b->w)
            err = facet__layer_fail(c, l, "its inputs differ in shape");
    }
    if (err)
        return err;
    shape_like_bottom(l);
    int sum = l->bottom[0]->value;
    for (size_t i = 1; i + 1 < l->n_bottom && sum >= 0; i++)
        sum = facet_graph_node(c->graph, op, NULL, (int[]){sum, l->bottom[i]->value}, 2, NULL);
    if (sum < 0)
        return sum;
    return err_of(add_node(c, l, op, (int[]){sum, l->bottom[l->n_bottom - 1]->value}, 2));
}

static int make_concat(struct facet__caffe *c, struct facet__layer *l)
{
    const struct facet__field *f = param_of(l, "concat_param");
    int64_t axis;
    int inputs[FACET__MAX_BOTTOMS];
    int err = facet__field_int(f, facet__field_at(f, "axis", 0) ? "axis" : "concat_dim", 0, 1, 1, 1, &axis, c->origin);
    if (err)
        return err;
    shape_like_bottom(l);
    l->top.c = 0;
    for (size_t i = 0; i < l->n_bottom; i++) {
        const struct facet__blob *b = l->bottom[i];
        if (b->rank != l->top.rank || b->h != l->top.h || b->w != l->top.w)
            return facet__layer_fail(c, l, "its inputs differ in height or width");
        inputs[i] = b->value;
        l->top.c += b->c;
    }
    int node = add_node(c, l, "Concat", inputs, (int)l->n_bottom);
    return node < 0 ? node : facet_graph_attr_int(c->graph, node, "axis", 1);
}

/* ---- the list ---- */

const struct facet__layer_type facet__layer_types[] = {
    {"Convolution", 1, 1, make_convolution},
    {"Pooling", 1, 1, make_pooling},
    {"InnerProduct", 1, 1, make_inner_product},
    {"PReLU", 1, 1, make_prelu},
    {"ReLU", 1, 1, make_relu},
    {"Sigmoid", 1, 1, make_sigmoid},
    {"TanH", 1, 1, make_tanh},
    {"Softmax", 1, 1, make_softmax},
    {"BatchNorm", 1, 1, make_batch_norm},
    {"Scale", 1, 1, make_scale},
    {"Eltwise", 2, FACET__MAX_BOTTOMS, make_eltwise},
    {"Concat", 1, FACET__MAX_BOTTOMS, make_concat},
    {"Flatten", 1, 1, make_flatten},
    {"Dropout", 1, 1, make_nothing},
    {"Split", 1, 1, make_nothing},
    {NULL, 0, 0, NULL},
};
