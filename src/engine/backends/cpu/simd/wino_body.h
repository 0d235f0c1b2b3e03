/* 3x3 convolution of stride 1 by Winograd's F(m x m,3x3) (Lavin and Gray 2016), m = 2, 3 or 4: (m + 2)^2
 * products of matrices instead of 9 m^2 taps for a square of m x m output pixels.
 *
 * Squares are done some at a time: their inputs of side a = m + 2 are transformed into V[a^2][squares][ic],
 * multiplied by the transformed weights U[a^2] with the tiles of conv_body.h into M[a^2][squares][oc],
 * and transformed back. V and M of one group stay in the second cache. The sums differ from the
 * direct ones by some 1e-5 of the largest term with m = 4, by less with 3 and 2.
 *
 * A bf16 input is widened on the way into V and rounded on the way out; the products are floats all the same, and so
 * are the weights: four times fewer products of floats are fewer than half as many of bf16.
 *
 * Included after conv_body.h. */

#define WINO_SIDE 6              /* of the largest input square */

struct wino {
    const struct facet_conv *c;
    size_t ic_px, oc_px;         /* floats of a square in V and M */
    size_t group;                /* squares at a time */
    int tx, ty;                  /* squares of a picture */
    float *v, *m;
    const float **ptr;
};

static struct wino wino_of(const struct facet_conv *c, void *scratch)
{
    size_t points = (size_t)(c->square + 2) * (size_t)(c->square + 2);
    struct wino w = { .c = c, .tx = (c->ow + c->square - 1) / c->square, .ty = (c->oh + c->square - 1) / c->square };
    w.ic_px = ((size_t)c->ic + 31) / 32 * 32;
    w.oc_px = ((size_t)c->oc + 31) / 32 * 32;
    w.group = facet__wino_group(c);
    w.v = scratch;
    w.m = w.v + points * w.group * w.ic_px;
    w.ptr = (const float **)(void *)(w.m + points * w.group * w.oc_px);
    return w;
}

static inline void wino_in6(const vec d[6], vec o[6])
{
    vec four = v_set1(4), five = v_set1(5), two = v_set1(2);
    vec a = v_fnma(four, d[2], d[4]), b = v_fnma(four, d[1], d[3]);
    vec e = v_sub(d[4], d[2]), f = v_mul(two, v_sub(d[3], d[1]));
    o[0] = v_fma(four, d[0], v_fnma(five, d[2], d[4]));
    o[1] = v_add(a, b);
    o[2] = v_sub(a, b);
    o[3] = v_add(e, f);
    o[4] = v_sub(e, f);
    o[5] = v_fma(four, d[1], v_fnma(five, d[3], d[5]));
}

static inline void wino_in5(const vec d[5], vec o[5])
{
    vec two = v_set1(2), e = v_sub(d[3], d[1]);
    o[0] = v_fma(two, v_sub(d[0], d[2]), e);
    o[1] = v_sub(e, v_add(d[1], d[2]));
    o[2] = v_fma(v_set1(3), v_sub(d[1], d[2]), e);
    o[3] = e;
    o[4] = v_fnma(two, e, v_sub(d[4], d[2]));
}

static inline void wino_in4(const vec d[4], vec o[4])
{
    o[0] = v_sub(d[0], d[2]);
    o[1] = v_add(d[1], d[2]);
    o[2] = v_sub(d[2], d[1]);
    o[3] = v_sub(d[1], d[3]);
}

FORCE_INLINE void wino_in(const vec *d, vec *o, const int m)
{
    if (m == 4)
        wino_in6(d, o);
    else if (m == 3)
        wino_in5(d, o);
    else
        wino_in4(d, o);
}

static inline void wino_out4(const vec m[6], vec o[4])
{
    vec a = v_add(m[1], m[2]), b = v_sub(m[1], m[2]), e = v_add(m[3], m[4]), f = v_sub(m[3], m[4]);
    o[0] = v_add(v_add(m[0], a), e);
    o[1] = v_fma(v_set1(2), f, b);
    o[2] = v_fma(v_set1(4), e, a);
    o[3] = v_add(v_fma(v_set1(8), f, b), m[5]);
}

static inline void wino_out3(const vec m[5], vec o[3])
{
    vec a = v_add(m[1], m[2]), b = v_sub(m[1], m[2]);
    o[0] = v_add(v_add(m[0], a), m[3]);
    o[1] = v_fma(v_set1(2), m[3], b);
    o[2] = v_add(v_fma(v_set1(4), m[3], a), m[4]);
}

static inline void wino_out2(const vec m[4], vec o[2])
{
    o[0] = v_add(v_add(m[0], m[1]), m[2]);
    o[1] = v_sub(v_sub(m[1], m[2]), m[3]);
}

FORCE_INLINE void wino_out(const vec *d, vec *o, const int m)
{
    if (m == 4)
        wino_out4(d, o);
    else if (m == 3)
        wino_out3(d, o);
    else
        wino_out2(d, o);
}

FORCE_INLINE vec wino_load(const char *p, size_t ch, const enum facet_fmt fmt)
{
    return fmt == FACET_FMT_BF16 ? v_load_bf16((const uint16_t *)(const void *)p + ch) : v_load((const float *)(const void *)p + ch);
}

/* Numbers behind the last channel are whatever lies there: they go nowhere. */
FORCE_INLINE void wino_input(const struct wino *w, size_t square, size_t slot, const int m, const enum facet_fmt fmt)
{
    const struct facet_conv *c = w->c;
    const int side = m + 2;
    size_t plane = (size_t)w->tx * (size_t)w->ty, rest = square % plane;
    int iy = (int)(rest / (size_t)w->tx) * m - c->pt, ix = (int)(rest % (size_t)w->tx) * m - c->pl;
    const size_t size = fmt == FACET_FMT_BF16 ? 2 : 4;
    const char *img = (const char *)c->in + square / plane * (size_t)c->ih * (size_t)c->iw * c->in_px * size;
    const char *src[WINO_SIDE * WINO_SIDE];
    for (int i = 0; i < side * side; i++) {
        int y = iy + i / side, x = ix + i % side;
        bool in = y >= 0 && x >= 0 && y < c->ih && x < c->iw;
        src[i] = in ? img + ((size_t)y * (size_t)c->iw + (size_t)x) * c->in_px * size : c->zero;
    }
    size_t stride = w->group * w->ic_px;
    for (size_t ch = 0; ch < (size_t)c->ic; ch += VL) {
        vec t[WINO_SIDE][WINO_SIDE], d[WINO_SIDE], o[WINO_SIDE];
        float *v = w->v + slot * w->ic_px + ch;
        UNROLL for (int x = 0; x < side; x++) {
            UNROLL for (int y = 0; y < side; y++)
                d[y] = wino_load(src[y * side + x], ch, fmt);
            wino_in(d, o, m);
            UNROLL for (int y = 0; y < side; y++)
                t[y][x] = o[y];
        }
        UNROLL for (int y = 0; y < side; y++) {
            wino_in(t[y], o, m);
            UNROLL for (int x = 0; x < side; x++)
                v_store(v + (size_t)(y * side + x) * stride, o[x]);
        }
    }
}

static void wino_multiply(const struct wino *w, size_t squares)
{
    const struct facet_conv *c = w->c;
    size_t points = (size_t)(c->square + 2) * (size_t)(c->square + 2);
    size_t wide = ((size_t)c->oc + VL - 1) / VL * VL;
    size_t per = (size_t)c->ic * (c->w_oc ? ((size_t)c->w_oc + VL - 1) / VL * VL : wide);
    struct facet_conv g = { .n = 1, .ih = 1, .oh = 1, .iw = (int)squares, .ow = (int)squares, .ic = c->ic,
                            .oc = (int)wide, .in_px = w->ic_px, .out_px = w->oc_px, .kh = 1, .kw = 1,
                            .sy = 1, .sx = 1, .dy = 1, .dx = 1, .fin.residual_scale = 1 };
    for (size_t i = 0; i < points; i++) {
        g.in = w->v + i * w->group * w->ic_px;
        g.out = w->m + i * w->group * w->oc_px;
        g.w = (const float *)c->w + i * per;
        conv_f32(&g, 0, squares, (void *)w->ptr);
    }
}

/* Sums of bf16 end in any format. */
FORCE_INLINE void wino_store(const struct wino *w, const struct finish *f, size_t pixel, int ch, vec sum, const enum facet_fmt fmt)
{
    const struct facet_conv *c = w->c;
    if (fmt == FACET_FMT_BF16) {
        end_vector(&c->fin, c->out, c->out_px, pixel, (size_t)ch, v_add(sum, f->bias), c->oc - ch < VL ? (size_t)(c->oc - ch) : VL);
        return;
    }
    const float *residual = c->fin.residual;
    size_t n = (size_t)(c->oc - ch);
    vec r = residual ? v_loadn(residual + pixel * c->fin.residual_px + ch, n) : v_zero();
    v_storen((float *)c->out + pixel * c->out_px + ch, finish_apply(f, sum, r), n);
}

FORCE_INLINE void wino_output(const struct wino *w, size_t square, size_t slot, const int m, const enum facet_fmt fmt)
{
    const struct facet_conv *c = w->c;
    const int side = m + 2;
    size_t plane = (size_t)w->tx * (size_t)w->ty, rest = square % plane, img = square / plane;
    int oy = (int)(rest / (size_t)w->tx) * m, ox = (int)(rest % (size_t)w->tx) * m;
    int rows = c->oh - oy < m ? c->oh - oy : m, cols = c->ow - ox < m ? c->ow - ox : m;
    size_t stride = w->group * w->oc_px, first = (img * (size_t)c->oh + (size_t)oy) * (size_t)c->ow + (size_t)ox;
    for (int ch = 0; ch < c->oc; ch += VL) {
        vec t[4][WINO_SIDE], d[WINO_SIDE], o[4];
        const float *from = w->m + slot * w->oc_px + ch;
        UNROLL for (int x = 0; x < side; x++) {
            UNROLL for (int y = 0; y < side; y++)
                d[y] = v_load(from + (size_t)(y * side + x) * stride);
            wino_out(d, o, m);
            UNROLL for (int y = 0; y < m; y++)
                t[y][x] = o[y];
        }
        struct finish f = finish_load(&c->fin, ch);
        for (int y = 0; y < rows; y++) {
            wino_out(t[y], o, m);
            for (int x = 0; x < cols; x++)
                wino_store(w, &f, first + (size_t)y * (size_t)c->ow + (size_t)x, ch, o[x], fmt);
        }
    }
}

FORCE_INLINE void wino_groups(const struct facet_conv *c, size_t t0, size_t t1, void *scratch, const int m, const enum facet_fmt fmt)
{
    struct wino w = wino_of(c, scratch);
    size_t parts = (t1 - t0 + w.group - 1) / w.group;
    for (size_t i = 0; i < parts; i++) {
        size_t a = t0 + (t1 - t0) * i / parts, b = t0 + (t1 - t0) * (i + 1) / parts;
        for (size_t s = a; s < b; s++)
            wino_input(&w, s, s - a, m, fmt);
        wino_multiply(&w, b - a);
        for (size_t s = a; s < b; s++)
            wino_output(&w, s, s - a, m, fmt);
    }
}

FORCE_INLINE void wino_of_any(const struct facet_conv *c, size_t t0, size_t t1, void *scratch, const enum facet_fmt fmt)
{
    if (c->square == 4)
        wino_groups(c, t0, t1, scratch, 4, fmt);
    else if (c->square == 3)
        wino_groups(c, t0, t1, scratch, 3, fmt);
    else
        wino_groups(c, t0, t1, scratch, 2, fmt);
}

static void wino_f32(const struct facet_conv *c, size_t t0, size_t t1, void *scratch)
{
    wino_of_any(c, t0, t1, scratch, FACET_FMT_F32);
}

static void wino_bf16(const struct facet_conv *c, size_t t0, size_t t1, void *scratch)
{
    wino_of_any(c, t0, t1, scratch, FACET_FMT_BF16);
}
