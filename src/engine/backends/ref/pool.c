#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/window.h"

#include <float.h>
#include <string.h>

struct pool {
    struct facet_window win;
    int64_t in_h, in_w;
    bool is_max, counts_pads;
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Numbers of a window along one side, pads counted as far as they reach. */
static int64_t padded_taps(int64_t start, int64_t kernel, int64_t dilation, int64_t end)
{
    int64_t room = end - start;
    return room <= 0 ? 0 : least(kernel, (room - 1) / dilation + 1);
}

static float pool_at(const struct pool *p, const float *x, int64_t oy, int64_t ox)
{
    const struct facet_window *w = &p->win;
    int64_t y0 = oy * w->stride_h - w->pad_top, x0 = ox * w->stride_w - w->pad_left, seen = 0;
    float most = -FLT_MAX;
    double sum = 0;
    for (int64_t ky = 0; ky < w->kernel_h; ky++) {
        int64_t iy = y0 + ky * w->dilation_h;
        for (int64_t kx = 0; iy >= 0 && iy < p->in_h && kx < w->kernel_w; kx++) {
            int64_t ix = x0 + kx * w->dilation_w;
            if (ix < 0 || ix >= p->in_w)
                continue;
            float v = x[iy * p->in_w + ix];
            most = v > most ? v : most;
            sum += v;
            seen++;
        }
    }
    if (p->is_max)
        return most;
    if (p->counts_pads)
        seen = padded_taps(y0, w->kernel_h, w->dilation_h, p->in_h + w->pad_bottom) *
               padded_taps(x0, w->kernel_w, w->dilation_w, p->in_w + w->pad_right);
    return seen ? (float)(sum / (double)seen) : 0.0f;
}

static int run_pool(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape;
    struct pool p = {.in_h = x->dim[2], .in_w = x->dim[3], .is_max = n->op[0] == 'M'};
    p.counts_pads = facet_node_int(n, "count_include_pad", 0) != 0;
    int err = facet_window_init(&p.win, g, n, 0, 0, p.in_h, p.in_w);
    const float *from = r->in[0]->data;
    float *to = r->out[0]->data;
    for (int64_t plane = 0; !err && plane < x->dim[0] * x->dim[1]; plane++, from += p.in_h * p.in_w)
        for (int64_t oy = 0; oy < p.win.out_h; oy++)
            for (int64_t ox = 0; ox < p.win.out_w; ox++)
                *to++ = pool_at(&p, from, oy, ox);
    return err;
}

static int run_global(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape;
    bool is_max = strcmp(n->op, "GlobalMaxPool") == 0;
    int64_t planes = x->dim[0] * x->dim[1], area = 1;
    for (int i = 2; i < x->rank; i++)
        area *= x->dim[i];
    for (int64_t p = 0; p < planes; p++) {
        const float *from = (const float *)r->in[0]->data + p * area;
        float most = -FLT_MAX;
        double sum = 0;
        for (int64_t i = 0; i < area; i++) {
            most = from[i] > most ? from[i] : most;
            sum += from[i];
        }
        ((float *)r->out[0]->data)[p] = is_max ? most : area ? (float)(sum / (double)area) : 0.0f;
    }
    return 0;
}

const struct facet_ref_op facet_ref_pool[] = {
    {"MaxPool", run_pool},
    {"AveragePool", run_pool},
    {"GlobalAveragePool", run_global},
    {"GlobalMaxPool", run_global},
    {0},
};
