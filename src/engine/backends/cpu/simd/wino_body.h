/* 3x3 convolution of stride 1 by Winograd's F(4x4,3x3) (Lavin and Gray 2016): 36 products of
 * matrices instead of 144 taps for a square of 4x4 output pixels.
 *
 * Squares are done some at a time: their 6x6 inputs are transformed into V[36][squares][ic],
 * multiplied by the transformed weights U[36] with the tiles of conv_body.h into M[36][squares][oc],
 * and transformed back. V and M of one group stay in the second cache. The sums differ from the
 * direct ones by some 1e-5 of the largest term.
 *
 * Included after conv_body.h. */

#define WINO 36

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
    struct wino w = { .c = c, .tx = (c->ow + 3) / 4, .ty = (c->oh + 3) / 4 };
    w.ic_px = ((size_t)c->ic + 31) / 32 * 32;
    w.oc_px = ((size_t)c->oc + 31) / 32 * 32;
    w.group = facet__wino_group(c);
    w.v = scratch;
    w.m = w.v + WINO * w.group * w.ic_px;
    w.ptr = (const float **)(void *)(w.m + WINO * w.group * w.oc_px);
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

static inline void wino_out4(const vec m[6], vec o[4])
{
    vec a = v_add(m[1], m[2]), b = v_sub(m[1], m[2]), e = v_add(m[3], m[4]), f = v_sub(m[3], m[4]);
    o[0] = v_add(v_add(m[0], a), e);
    o[1] = v_fma(v_set1(2), f, b);
    o[2] = v_fma(v_set1(4), e, a);
    o[3] = v_add(v_fma(v_set1(8), f, b), m[5]);
}

static void wino_input(const struct wino *w, size_t square, size_t slot)
{
    const struct facet_conv *c = w->c;
    size_t plane = (size_t)w->tx * (size_t)w->ty, rest = square % plane;
    int iy = (int)(rest / (size_t)w->tx) * 4 - c->pt, ix = (int)(rest % (size_t)w->tx) * 4 - c->pl;
    const float *img = (const float *)c->in + square / plane * (size_t)c->ih * (size_t)c->iw * c->in_px, *src[WINO];
    for (int i = 0; i < WINO; i++) {
        int y = iy + i / 6, x = ix + i % 6;
        bool in = y >= 0 && x >= 0 && y < c->ih && x < c->iw;
        src[i] = in ? img + ((size_t)y * (size_t)c->iw + (size_t)x) * c->in_px : c->zero;
    }
    size_t stride = w->group * w->ic_px;
    for (size_t ch = 0; ch < (size_t)c->ic; ch += VL) {
        vec t[6][6], d[6], o[6];
        size_t n = (size_t)c->ic - ch;
        for (int x = 0; x < 6; x++) {
            UNROLL for (int y = 0; y < 6; y++)
                d[y] = n >= VL ? v_load(src[y * 6 + x] + ch) : v_loadn(src[y * 6 + x] + ch, n);
            wino_in6(d, o);
            UNROLL for (int y = 0; y < 6; y++)
                t[y][x] = o[y];
        }
        float *v = w->v + slot * w->ic_px + ch;
        for (int y = 0; y < 6; y++) {
            wino_in6(t[y], o);
            UNROLL for (int x = 0; x < 6; x++)
                v_store(v + (size_t)(y * 6 + x) * stride, o[x]);
        }
    }
}

static void wino_multiply(const struct wino *w, size_t squares)
{
    const struct facet_conv *c = w->c;
    size_t per = (size_t)c->ic * (((size_t)c->oc + VL - 1) / VL * VL);
    struct facet_conv g = { .n = 1, .ih = 1, .oh = 1, .iw = (int)squares, .ow = (int)squares, .ic = c->ic,
                            .oc = (int)w->oc_px, .in_px = w->ic_px, .out_px = w->oc_px, .kh = 1, .kw = 1,
                            .sy = 1, .sx = 1, .dy = 1, .dx = 1, .fin.residual_scale = 1 };
    g.oc = (c->oc + VL - 1) / VL * VL;
    for (size_t i = 0; i < WINO; i++) {
        g.in = w->v + i * w->group * w->ic_px;
        g.out = w->m + i * w->group * w->oc_px;
        g.w = (const float *)c->w + i * per;
        conv_f32(&g, 0, squares, (void *)w->ptr);
    }
}

static inline void wino_store(const struct wino *w, const struct finish *f, size_t pixel, int ch, vec sum)
{
    const struct facet_conv *c = w->c;
    size_t n = (size_t)(c->oc - ch);
    vec r = c->fin.residual ? v_loadn((const float *)c->fin.residual + pixel * c->fin.residual_px + ch, n) : v_zero();
    v_storen((float *)c->out + pixel * c->out_px + ch, finish_apply(f, sum, r), n);
}

static void wino_output(const struct wino *w, size_t square, size_t slot)
{
    const struct facet_conv *c = w->c;
    size_t plane = (size_t)w->tx * (size_t)w->ty, rest = square % plane, img = square / plane;
    int oy = (int)(rest / (size_t)w->tx) * 4, ox = (int)(rest % (size_t)w->tx) * 4;
    int rows = c->oh - oy < 4 ? c->oh - oy : 4, cols = c->ow - ox < 4 ? c->ow - ox : 4;
    size_t stride = w->group * w->oc_px, first = (img * (size_t)c->oh + (size_t)oy) * (size_t)c->ow + (size_t)ox;
    for (int ch = 0; ch < c->oc; ch += VL) {
        vec t[4][6], d[6], o[4];
        const float *m = w->m + slot * w->oc_px + ch;
        for (int x = 0; x < 6; x++) {
            UNROLL for (int y = 0; y < 6; y++)
                d[y] = v_load(m + (size_t)(y * 6 + x) * stride);
            wino_out4(d, o);
            UNROLL for (int y = 0; y < 4; y++)
                t[y][x] = o[y];
        }
        struct finish f = finish_load(&c->fin, ch);
        for (int y = 0; y < rows; y++) {
            wino_out4(t[y], o);
            for (int x = 0; x < cols; x++)
                wino_store(w, &f, first + (size_t)y * (size_t)c->ow + (size_t)x, ch, o[x]);
        }
    }
}

static void wino_f32(const struct facet_conv *c, size_t t0, size_t t1, void *scratch)
{
    struct wino w = wino_of(c, scratch);
    size_t parts = (t1 - t0 + w.group - 1) / w.group;
    for (size_t i = 0; i < parts; i++) {
        size_t a = t0 + (t1 - t0) * i / parts, b = t0 + (t1 - t0) * (i + 1) / parts;
        for (size_t s = a; s < b; s++)
            wino_input(&w, s, s - a);
        wino_multiply(&w, b - a);
        for (size_t s = a; s < b; s++)
            wino_output(&w, s, s - a);
    }
}
