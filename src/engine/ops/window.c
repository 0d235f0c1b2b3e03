#include "engine/ops/window.h"

#include "base/errors.h"
#include "engine/ops/ops.h"

#include <string.h>

#define MAX_EXTENT (1 << 20) /* of a kernel, stride, dilation or pad */

/* Two numbers of attribute `name`, or two defaults. */
static int pair(const struct facet_graph *g, const struct facet_node *n, const char *name, int64_t least, int64_t *a,
                int64_t *b)
{
    int64_t v[2];
    size_t count = facet_node_ints(n, name, v, 2);
    if (count == 0)
        return FACET_OK;
    if (count != 2)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "'%s' has %zu numbers, only two-dimensional windows are known",
                             name, count);
    *a = v[0];
    *b = v[1];
    if (v[0] < least || v[1] < least || v[0] > MAX_EXTENT || v[1] > MAX_EXTENT)
        return facet_op_fail(g, n, FACET_E_FORMAT, "'%s' is %lld, %lld", name, (long long)v[0], (long long)v[1]);
    return FACET_OK;
}

static int explicit_pads(struct facet_window *w, const struct facet_graph *g, const struct facet_node *n)
{
    int64_t v[4];
    size_t count = facet_node_ints(n, "pads", v, 4);
    if (count == 0)
        return FACET_OK;
    if (count != 4)
        return facet_op_fail(g, n, FACET_E_FORMAT, "'pads' has %zu numbers instead of 4", count);
    for (int i = 0; i < 4; i++)
        if (v[i] < 0 || v[i] > MAX_EXTENT)
            return facet_op_fail(g, n, FACET_E_FORMAT, "'pads' holds %lld", (long long)v[i]);
    w->pad_top = v[0];
    w->pad_left = v[1];
    w->pad_bottom = v[2];
    w->pad_right = v[3];
    return FACET_OK;
}

static void same_pads(int64_t in, int64_t extent, int64_t stride, bool upper, int64_t *before, int64_t *after,
                      int64_t *out)
{
    *out = (in + stride - 1) / stride;
    int64_t total = (*out - 1) * stride + extent - in;
    if (total < 0)
        total = 0;
    *before = upper ? total / 2 : total - total / 2;
    *after = total - *before;
}

static int64_t out_size(int64_t in, int64_t before, int64_t after, int64_t extent, int64_t stride, bool ceil_mode)
{
    int64_t room = in + before + after - extent;
    if (room < 0)
        return ceil_mode && room > -stride ? 1 : 0;
    int64_t out = (room + (ceil_mode ? stride - 1 : 0)) / stride + 1;
    if (ceil_mode && (out - 1) * stride >= in + before)
        out--; /* a window that begins beyond the picture is none */
    return out;
}

int facet_window_init(struct facet_window *w, const struct facet_graph *g, const struct facet_node *n,
                      int64_t kernel_h, int64_t kernel_w, int64_t in_h, int64_t in_w)
{
    *w = (struct facet_window){kernel_h, kernel_w, 1, 1, 1, 1, 0, 0, 0, 0, -1, -1};
    int64_t given_h = kernel_h, given_w = kernel_w; /* what the attribute says, if it is there */
    int err = pair(g, n, "kernel_shape", 1, &given_h, &given_w);
    if (!err)
        err = pair(g, n, "strides", 1, &w->stride_h, &w->stride_w);
    if (!err)
        err = pair(g, n, "dilations", 1, &w->dilation_h, &w->dilation_w);
    if (err)
        return err;
    if (kernel_h == 0) {
        w->kernel_h = given_h;
        w->kernel_w = given_w;
    }
    if (w->kernel_h < 1 || w->kernel_w < 1 || w->kernel_h > MAX_EXTENT || w->kernel_w > MAX_EXTENT)
        return facet_op_fail(g, n, FACET_E_FORMAT, "it has no usable kernel size");
    if (given_h != w->kernel_h || given_w != w->kernel_w)
        return facet_op_fail(g, n, FACET_E_FORMAT, "'kernel_shape' differs from the weights");
    int64_t extent_h = (w->kernel_h - 1) * w->dilation_h + 1, extent_w = (w->kernel_w - 1) * w->dilation_w + 1;
    bool ceil_mode = facet_node_int(n, "ceil_mode", 0) != 0;
    const char *mode = facet_node_string(n, "auto_pad", "NOTSET");
    bool upper = strcmp(mode, "SAME_UPPER") == 0;
    if (upper || strcmp(mode, "SAME_LOWER") == 0) {
        if (in_h >= 0)
            same_pads(in_h, extent_h, w->stride_h, upper, &w->pad_top, &w->pad_bottom, &w->out_h);
        if (in_w >= 0)
            same_pads(in_w, extent_w, w->stride_w, upper, &w->pad_left, &w->pad_right, &w->out_w);
        return FACET_OK;
    }
    if (strcmp(mode, "NOTSET") == 0)
        err = explicit_pads(w, g, n);
    else if (strcmp(mode, "VALID") != 0)
        err = facet_op_fail(g, n, FACET_E_UNSUPPORTED, "auto_pad '%s'", mode);
    if (err)
        return err;
    if (in_h >= 0)
        w->out_h = out_size(in_h, w->pad_top, w->pad_bottom, extent_h, w->stride_h, ceil_mode);
    if (in_w >= 0)
        w->out_w = out_size(in_w, w->pad_left, w->pad_right, extent_w, w->stride_w, ceil_mode);
    if (w->out_h == 0 || w->out_w == 0)
        return facet_op_fail(g, n, FACET_E_INVALID, "its %lldx%lld window does not fit into %lldx%lld",
                             (long long)extent_h, (long long)extent_w, (long long)in_h, (long long)in_w);
    return FACET_OK;
}
