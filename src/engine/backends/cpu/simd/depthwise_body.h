/* Pooling and the mean of an image: one vector of channels at a time. Rows outside the picture are left out of the
 * loop instead of being read. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <math.h>

struct strip {                   /* one output row of one vector of channels */
    const struct facet_conv *c;
    const float *in;             /* image */
    float *out;                  /* row */
    int iy, ky0, ky1;            /* window's top, and its rows inside the picture */
    size_t lanes;
};

static inline int clamp_taps(int start, int step, int k, int limit, int *k0)
{
    int lo = start < 0 ? (-start + step - 1) / step : 0;
    int hi = limit <= start ? 0 : (limit - start + step - 1) / step;
    *k0 = lo;
    return hi < k ? (hi > lo ? hi : lo) : k;
}

static inline const float *strip_at(const struct strip *s, int ky, int x)
{
    const struct facet_conv *c = s->c;
    return s->in + ((size_t)(s->iy + ky * c->dy) * (size_t)c->iw + (size_t)x) * c->in_px;
}

static inline struct strip strip_of(const struct facet_conv *c, size_t r)
{
    struct strip s = { .c = c, .iy = (int)(r % (size_t)c->oh) * c->sy - c->pt, .lanes = VL };
    s.ky1 = clamp_taps(s.iy, c->dy, c->kh, c->ih, &s.ky0);
    s.in = (const float *)c->in + r / (size_t)c->oh * (size_t)c->ih * (size_t)c->iw * c->in_px;
    s.out = (float *)c->out + r * (size_t)c->ow * c->out_px;
    return s;
}

static inline size_t lanes_from(const struct facet_conv *c, int ch)
{
    return c->ic - ch < VL ? (size_t)(c->ic - ch) : VL;
}

/* Calls fn for each vector of channels of the output rows [r0, r1). */
static inline void each_strip(const struct facet_conv *c, size_t r0, size_t r1, void (*fn)(const struct strip *))
{
    for (size_t r = r0; r < r1; r++) {
        struct strip s = strip_of(c, r);
        for (int ch = 0; ch < c->ic; ch += VL, s.in += VL, s.out += VL) {
            s.lanes = lanes_from(c, ch);
            fn(&s);
        }
    }
}

static inline void maxpool_pixel(const struct strip *s, int x)
{
    const struct facet_conv *c = s->c;
    int ix = x * c->sx - c->pl, kx0, kx1 = clamp_taps(ix, c->dx, c->kw, c->iw, &kx0);
    vec m = v_set1(-INFINITY);
    for (int ky = s->ky0; ky < s->ky1; ky++)
        for (int kx = kx0; kx < kx1; kx++)
            m = v_max(m, v_loadn(strip_at(s, ky, ix + kx * c->dx), s->lanes));
    v_storen(s->out + (size_t)x * c->out_px, m, s->lanes);
}

/* The pixels [x0, x1), whose k x k windows are inside the picture; k is known to the compiler. */
static inline __attribute__((always_inline)) void maxpool_middle(const struct strip *s, int x0, int x1, const int k, const bool full)
{
    const struct facet_conv *c = s->c;
    size_t px = c->in_px, row = (size_t)c->iw * px;
    const float *in = strip_at(s, 0, x0 * c->sx - c->pl);
    float *out = s->out + (size_t)x0 * c->out_px;
    for (int x = x0; x < x1; x++, in += (size_t)c->sx * px, out += c->out_px) {
        vec m = v_set1(-INFINITY);
        for (int i = 0; i < k * k; i++) {
            const float *p = in + (size_t)(i / k) * row + (size_t)(i % k) * px;
            m = v_max(m, full ? v_load(p) : v_loadn(p, s->lanes));
        }
        if (full)
            v_store(out, m);
        else
            v_storen(out, m, s->lanes);
    }
}

static void maxpool_strip(const struct strip *s)
{
    const struct facet_conv *c = s->c;
    bool square = c->kh == c->kw && (c->kw == 2 || c->kw == 3) && c->dx == 1 && c->dy == 1 && s->ky0 == 0 && s->ky1 == c->kh;
    int x = 0, left = (c->pl + c->sx - 1) / c->sx, end = square && c->iw + c->pl >= c->kw ? (c->iw + c->pl - c->kw) / c->sx + 1 : 0;
    end = end < c->ow ? end : c->ow;
    for (; x < left && x < c->ow; x++)
        maxpool_pixel(s, x);
    if (x < end) {
        if (c->kw == 2)
            s->lanes == VL ? maxpool_middle(s, x, end, 2, true) : maxpool_middle(s, x, end, 2, false);
        else
            s->lanes == VL ? maxpool_middle(s, x, end, 3, true) : maxpool_middle(s, x, end, 3, false);
        x = end;
    }
    for (; x < c->ow; x++)
        maxpool_pixel(s, x);
}

static void maxpool_f32(const struct facet_conv *c, size_t r0, size_t r1)
{
    each_strip(c, r0, r1, maxpool_strip);
}

static inline void avgpool_strip(const struct strip *s, bool count_pad)
{
    const struct facet_conv *c = s->c;
    for (int x = 0; x < c->ow; x++) {
        int ix = x * c->sx - c->pl, kx0, kx1 = clamp_taps(ix, c->dx, c->kw, c->iw, &kx0);
        int inside = (s->ky1 - s->ky0) * (kx1 - kx0), n = count_pad ? c->kh * c->kw : inside;
        vec sum = v_zero();
        for (int ky = s->ky0; ky < s->ky1; ky++)
            for (int kx = kx0; kx < kx1; kx++)
                sum = v_add(sum, v_loadn(strip_at(s, ky, ix + kx * c->dx), s->lanes));
        v_storen(s->out + (size_t)x * c->out_px, v_mul(sum, v_set1(n > 0 ? 1.0f / (float)n : 0)), s->lanes);
    }
}
static void avgpool_all(const struct strip *s) { avgpool_strip(s, true); }
static void avgpool_inside(const struct strip *s) { avgpool_strip(s, false); }

static void avgpool_f32(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad)
{
    each_strip(c, r0, r1, count_pad ? avgpool_all : avgpool_inside);
}

static void gap_f32(const float *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    vec scale = v_set1(1.0f / (float)(pixels ? pixels : 1));
    for (size_t ch = 0; ch < channels; ch += VL) {
        size_t n = channels - ch;
        vec sum[4] = { v_zero(), v_zero(), v_zero(), v_zero() };
        for (size_t p = 0; p < pixels; p++)
            sum[p & 3] = v_add(sum[p & 3], v_loadn(in + p * in_px + ch, n));
        v_storen(out + ch, v_mul(v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3])), scale), n);
    }
}
