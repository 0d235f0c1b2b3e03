#include "base/pool.h"
#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/window.h"

struct conv {
    struct facet_window win;
    const float *x, *w, *bias;
    float *y;
    int64_t in_c, in_h, in_w, out_c, group_in, group_out;
};

/* The outputs o in [from, to) for which o * stride + offset falls inside [0, in). */
static void inside(int64_t offset, int64_t stride, int64_t in, int64_t out, int64_t *from, int64_t *to)
{
    *from = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    *to = in - offset <= 0 ? 0 : (in - offset - 1) / stride + 1;
    *to = *to > out ? out : *to;
}

/* One tap of the kernel, added over the whole output plane. */
static void add_tap(const struct conv *c, const float *x, float weight, int64_t kh, int64_t kw, float *y)
{
    const struct facet_window *w = &c->win;
    int64_t dy = kh * w->dilation_h - w->pad_top, dx = kw * w->dilation_w - w->pad_left;
    int64_t y0, y1, x0, x1;
    inside(dy, w->stride_h, c->in_h, w->out_h, &y0, &y1);
    inside(dx, w->stride_w, c->in_w, w->out_w, &x0, &x1);
    for (int64_t oy = y0; oy < y1; oy++) {
        const float *row = x + (oy * w->stride_h + dy) * c->in_w + dx;
        float *to = y + oy * w->out_w;
        for (int64_t ox = x0; ox < x1; ox++)
            to[ox] += weight * row[ox * w->stride_w];
    }
}

/* One output plane: picture i / out_c, channel i % out_c. */
static void conv_plane(void *ctx, size_t i, unsigned worker)
{
    const struct conv *c = ctx;
    int64_t picture = (int64_t)i / c->out_c, oc = (int64_t)i % c->out_c, area = c->win.out_h * c->win.out_w;
    int64_t taps = c->win.kernel_h * c->win.kernel_w, first = oc / c->group_out * c->group_in;
    float *y = c->y + (int64_t)i * area;
    for (int64_t k = 0; k < area; k++)
        y[k] = c->bias ? c->bias[oc] : 0.0f;
    for (int64_t ic = 0; ic < c->group_in; ic++) {
        const float *x = c->x + (picture * c->in_c + first + ic) * c->in_h * c->in_w;
        const float *w = c->w + (oc * c->group_in + ic) * taps;
        for (int64_t k = 0; k < taps; k++)
            add_tap(c, x, w[k], k / c->win.kernel_w, k % c->win.kernel_w, y);
    }
}

static int run_conv(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape, *w = &r->in[1]->shape;
    struct conv c = {.x = r->in[0]->data, .w = r->in[1]->data, .bias = facet_ref_floats(r, 2), .y = r->out[0]->data};
    c.in_c = x->dim[1];
    c.in_h = x->dim[2];
    c.in_w = x->dim[3];
    c.out_c = w->dim[0];
    c.group_in = w->dim[1];
    c.group_out = c.out_c / facet_node_int(n, "group", 1);
    int err = facet_window_init(&c.win, g, n, w->dim[2], w->dim[3], c.in_h, c.in_w);
    if (!err)
        facet_pool_for(r->pool, (size_t)(x->dim[0] * c.out_c), conv_plane, &c);
    return err;
}

const struct facet_ref_op facet_ref_conv[] = {
    {"Conv", run_conv},
    {0},
};
