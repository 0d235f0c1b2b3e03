/* Depthwise convolution, pooling and the mean of an image: one vector of channels at a time.
 *
 * A row of output is cut into a middle, where the window is inside the picture from left to right,
 * and the ends. In the middle a 3x3 window of stride 1 or 2 keeps the sums of DW_X columns of two rows
 * and all nine weights in registers; everything else goes tap by tap. Rows above and below the picture
 * are left out of the loop instead of being read as zeros. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <math.h>

#define DW_X 4

struct strip {                   /* one output row of one vector of channels; for dw_*: of all channels */
    const struct facet_conv *c;
    const float *in;             /* image */
    float *out;                  /* row */
    size_t pixel;                /* its first */
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
    s.pixel = r * (size_t)c->ow;
    s.out = (float *)c->out + s.pixel * c->out_px;
    return s;
}

static inline size_t lanes_from(const struct facet_conv *c, int ch)
{
    return c->ic - ch < VL ? (size_t)(c->ic - ch) : VL;
}

static inline size_t dw_tap(const struct facet_conv *c)
{
    return ((size_t)c->ic + 15) / 16 * 16;      /* floats from tap to tap */
}

/* Ends the sum of pixel x of the row `row` rows below the strip. */
FORCE_INLINE void dw_end(const struct strip *s, int x, int row, int ch, vec sum, const struct finish *f, const bool simple)
{
    const struct facet_conv *c = s->c;
    size_t at = (size_t)row * (size_t)c->ow + (size_t)x, lanes = lanes_from(c, ch);
    float *out = s->out + at * c->out_px + ch;
    if (simple) {
        v_store(out, v_prelu(v_add(sum, f->bias), f->slope));
        return;
    }
    const float *res = c->fin.residual ? (const float *)c->fin.residual + (s->pixel + at) * c->fin.residual_px + ch : NULL;
    v_storen(out, finish_apply(f, sum, res ? v_loadn(res, lanes) : v_zero()), lanes);
}

static void dw_pixel(const struct strip *s, int x)
{
    const struct facet_conv *c = s->c;
    int ix = x * c->sx - c->pl, kx0, kx1 = clamp_taps(ix, c->dx, c->kw, c->iw, &kx0);
    for (int ch = 0; ch < c->ic; ch += VL) {
        struct finish f = finish_load(&c->fin, ch);
        vec sum = v_zero();
        for (int ky = s->ky0; ky < s->ky1; ky++)
            for (int kx = kx0; kx < kx1; kx++)
                sum = v_fma(v_loadn(strip_at(s, ky, ix + kx * c->dx) + ch, lanes_from(c, ch)),
                            v_load((const float *)c->w + (size_t)(ky * c->kw + kx) * dw_tap(c) + ch), sum);
        dw_end(s, x, 0, ch, sum, &f, false);
    }
}

/* DW_X columns of `rows` output rows of a 3x3 window, one vector of channels. Every input number is
 * loaded once for all of them. sx, which is 1 or 2, and rows are known to the compiler; two rows only
 * where their windows are inside the picture. simple: a whole vector that ends in PReLU. */
FORCE_INLINE void dw_block(const struct strip *s, int x, int ch, const int sx, const int rows, const bool simple)
{
    const struct facet_conv *c = s->c;
    size_t line = (size_t)c->dy * (size_t)c->iw * c->in_px, lanes = lanes_from(c, ch), tap = dw_tap(c);
    const float *in = strip_at(s, s->ky0, x * sx - c->pl) + ch;
    struct finish f = finish_load(&c->fin, ch);
    vec w[9], sum[2][DW_X], d[DW_X * 2 + 1];
    UNROLL for (int i = 0; i < 9; i++)
        w[i] = v_load((const float *)c->w + (size_t)i * tap + ch);
    UNROLL for (int i = 0; i < rows * DW_X; i++)
        sum[i / DW_X][i % DW_X] = v_zero();
    UNROLL for (int ky = 0; ky < 3 + (rows - 1) * sx; ky++) {
        if (rows == 1 && (ky < s->ky0 || ky >= s->ky1))
            continue;
        UNROLL for (int i = 0; i < (DW_X - 1) * sx + 3; i++)
            d[i] = simple ? v_load(in + (size_t)i * c->in_px) : v_loadn(in + (size_t)i * c->in_px, lanes);
        in += line;
        UNROLL for (int r = 0; r < rows; r++) {
            int row = ky - r * sx;
            if (row < 0 || row > 2)
                continue;
            UNROLL for (int k = 0; k < 3; k++)
                UNROLL for (int i = 0; i < DW_X; i++)
                    sum[r][i] = v_fma(d[i * sx + k], w[row * 3 + k], sum[r][i]);
        }
    }
    UNROLL for (int i = 0; i < rows * DW_X; i++)
        dw_end(s, x + i % DW_X, i / DW_X, ch, sum[i / DW_X][i % DW_X], &f, simple);
}

/* All channels of the columns before the next, so that what is read lies in a row. */
FORCE_INLINE void dw_columns(const struct strip *s, int x, const int sx, const int rows)
{
    const struct facet_conv *c = s->c;
    bool prelu = c->fin.fin == FACET_FIN_PRELU && !c->fin.residual;
    int ch = 0;
    for (; prelu && ch + VL <= c->ic; ch += VL)
        dw_block(s, x, ch, sx, rows, true);
    for (; ch < c->ic; ch += VL)
        dw_block(s, x, ch, sx, rows, false);
}

static void dw_quad(const struct strip *s, int x, int rows)
{
    if (s->c->sx == 1)
        rows == 2 ? dw_columns(s, x, 1, 2) : dw_columns(s, x, 1, 1);
    else
        rows == 2 ? dw_columns(s, x, 2, 2) : dw_columns(s, x, 2, 1);
}

static inline bool dw_is_quad(const struct facet_conv *c)
{
    return c->kh == 3 && c->kw == 3 && c->dx == 1 && (c->sx == 1 || c->sx == 2);
}

/* The pixels [x0, x1) of the first `rows` strips. */
static void dw_ends(const struct strip *s, int rows, int x0, int x1)
{
    for (int i = 0; i < rows; i++)
        for (int x = x0; x < x1; x++)
            dw_pixel(&s[i], x);
}

/* One row, or two when rows is 2. What is left of the middle after whole quads is done by one more
 * that begins earlier. */
static void dw_rows(const struct strip *s, int rows)
{
    const struct facet_conv *c = s->c;
    int left = (c->pl + c->sx - 1) / c->sx, reach = c->iw + c->pl - 3;
    int end = dw_is_quad(c) && reach >= 0 ? reach / c->sx + 1 : 0;      /* windows from here on reach over the right side */
    left = left < c->ow ? left : c->ow;
    end = end < c->ow ? end : c->ow;
    if (end - left < DW_X)
        left = end = c->ow;
    dw_ends(s, rows, 0, left);
    for (int x = left; x < end; x += DW_X)
        dw_quad(s, x + DW_X <= end ? x : end - DW_X, rows);
    dw_ends(s, rows, end, c->ow);
}

/* Whether output rows r and r + 1 can be done at once: both windows are inside the same picture. */
static inline bool dw_is_pair(const struct facet_conv *c, size_t r)
{
    int y = (int)(r % (size_t)c->oh), iy = y * c->sy - c->pt;
    return dw_is_quad(c) && c->dy == 1 && c->sy == c->sx && y + 1 < c->oh && iy >= 0 && iy + c->sy + 3 <= c->ih;
}

static void dw_f32(const struct facet_conv *c, size_t r0, size_t r1)
{
    for (size_t r = r0, rows; r < r1; r += rows) {
        rows = r + 1 < r1 && dw_is_pair(c, r) ? 2 : 1;
        struct strip s[2] = { strip_of(c, r), strip_of(c, r + rows - 1) };
        dw_rows(s, (int)rows);
    }
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
