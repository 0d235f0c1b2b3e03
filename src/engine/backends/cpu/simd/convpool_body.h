/* A 3x3 convolution of few channels, its activation and the 3x3/2 maximum behind it, as at the beginning of MTCNN's
 * R-Net and O-Net, in one go: the large map between them never leaves the second cache.
 *
 * The convolution is Winograd's F(4,3) down the columns only: six products instead of twelve for four rows of
 * output, and of the transforms only the one back, of sums, is of any size. Four rows of input become six
 * transformed ones, T[6][width * channels]; a tile of CP_COLS columns by CP_NV vectors of output channels
 * then sums 3 * ic products for each of the six in registers. Eight rows of results stand in a ring, from which pairs
 * of rows of the maximum are taken. A strip of four rows always begins at a multiple of four, so that the
 * numbers do not depend on how threads share the work.
 *
 * Included after a vector header. Leaves out: padding, strides, dilation, residuals, wider pixels. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif
#define FORCE_INLINE static inline __attribute__((always_inline))

#define CP_NV 2
#define CP_COLS (TILE_MR * TILE_NV >= 24 ? 2 : 1)
#define CP_POINTS 6
#define CP_RING 8
#define CP_LINE FACET__CONVPOOL_LINE      /* numbers from transformed row to transformed row: known, so that none needs a pointer */

struct convpool {
    const struct facet_conv *c;
    int h, w;                    /* of the convolution's map */
    size_t px;                   /* numbers of a pixel of the ring */
    size_t row;                  /* numbers of a row of the ring */
    float *t, *ring;
};

static struct convpool convpool_of(const struct facet_conv *c, float *scratch)
{
    struct convpool p = { .c = c, .h = c->ih - 2, .w = c->iw - 2, .t = scratch };
    p.px = ((size_t)c->oc + 31) / 32 * 32;
    p.row = (size_t)p.w * p.px;
    p.ring = scratch + CP_POINTS * CP_LINE;
    return p;
}

/* Rows of input below the picture count as its last one: what comes of them is never read. */
static void cp_input(const struct convpool *p, const float *img, int row)
{
    const struct facet_conv *c = p->c;
    size_t n = (size_t)c->iw * (size_t)c->ic;
    const float *d[CP_POINTS];
    for (int i = 0; i < CP_POINTS; i++)
        d[i] = img + (size_t)(row + i < c->ih ? row + i : c->ih - 1) * n;
    vec four = v_set1(4), five = v_set1(5), two = v_set1(2);
    for (size_t x = 0; x < n; x += VL) {
        vec r[CP_POINTS];
        UNROLL for (int i = 0; i < CP_POINTS; i++)
            r[i] = v_loadn(d[i] + x, n - x);
        vec a = v_fnma(four, r[2], r[4]), b = v_fnma(four, r[1], r[3]), e = v_sub(r[4], r[2]), f = v_mul(two, v_sub(r[3], r[1]));
        float *t = p->t + x;
        v_store(t, v_fma(four, r[0], v_fnma(five, r[2], r[4])));
        v_store(t + CP_LINE, v_add(a, b));
        v_store(t + 2 * CP_LINE, v_sub(a, b));
        v_store(t + 3 * CP_LINE, v_add(e, f));
        v_store(t + 4 * CP_LINE, v_sub(e, f));
        v_store(t + 5 * CP_LINE, v_fma(four, r[1], v_fnma(five, r[3], r[5])));
    }
}

static inline void cp_back(const vec m[CP_POINTS], vec o[4])
{
    vec a = v_add(m[1], m[2]), b = v_sub(m[1], m[2]), e = v_add(m[3], m[4]), f = v_sub(m[3], m[4]);
    o[0] = v_add(v_add(m[0], a), e);
    o[1] = v_fma(v_set1(2), f, b);
    o[2] = v_fma(v_set1(4), e, a);
    o[3] = v_add(v_fma(v_set1(8), f, b), m[5]);
}

/* Four rows of `cols` columns of nv vectors of channels: x numbers into T, to `out` in the ring. */
FORCE_INLINE void cp_tile(const struct convpool *p, size_t x, float *out, const float *w, const struct finish *f, const int cols, const int nv)
{
    size_t ic = (size_t)p->c->ic, px = p->px, row = p->row;
    const float *t[2] = { p->t + x, p->t + x + ic };
    vec acc[2 * CP_NV * CP_POINTS];
    UNROLL for (int i = 0; i < cols * nv * CP_POINTS; i++)
        acc[i] = v_zero();
    for (size_t k = 0; k < 3 * ic; k++, w += CP_POINTS * nv * VL) {
        UNROLL for (int m = 0; m < CP_POINTS; m++) {
            vec b[CP_NV];
            UNROLL for (int v = 0; v < nv; v++)
                b[v] = v_keep(v_load(w + (m * nv + v) * VL));
            UNROLL for (int j = 0; j < cols; j++) {
                vec in = v_set1(t[j][k + (size_t)m * CP_LINE]);
                UNROLL for (int v = 0; v < nv; v++)
                    acc[(j * nv + v) * CP_POINTS + m] = v_fma(in, b[v], acc[(j * nv + v) * CP_POINTS + m]);
            }
        }
    }
    UNROLL for (int i = 0; i < cols * nv; i++) {
        float *at = out + (size_t)(i / nv) * px + i % nv * VL;
        vec o[4];
        cp_back(acc + i * CP_POINTS, o);
        UNROLL for (int y = 0; y < 4; y++)
            v_store(at + (size_t)y * row, finish_act(&f[i % nv], v_add(o[y], f[i % nv].bias)));
    }
}

FORCE_INLINE void cp_columns(const struct convpool *p, int row, int ch, const float *w, const int nv)
{
    float *out = p->ring + (size_t)(row % CP_RING) * p->row + (size_t)ch;
    struct finish f[CP_NV];
    int x = 0;
    UNROLL for (int v = 0; v < nv; v++)
        f[v] = finish_load(&p->c->fin, ch + v * VL);
    for (; x + CP_COLS <= p->w; x += CP_COLS)
        cp_tile(p, (size_t)(x * p->c->ic), out + (size_t)x * p->px, w, f, CP_COLS, nv);
    for (; x < p->w; x++)
        cp_tile(p, (size_t)(x * p->c->ic), out + (size_t)x * p->px, w, f, 1, nv);
}

/* Rows [row, row + 4) of the convolution's map into the ring. */
static void cp_strip(const struct convpool *p, const float *img, int row)
{
    const struct facet_conv *c = p->c;
    size_t depth = CP_POINTS * 3 * (size_t)c->ic;
    cp_input(p, img, row);
    for (int ch = 0; ch < c->oc; ch += CP_NV * VL) {
        const float *w = (const float *)c->w + (size_t)ch * depth;
        if (c->oc - ch > VL)
            cp_columns(p, row, ch, w, CP_NV);
        else
            cp_columns(p, row, ch, w, 1);
    }
}

/* Row y of the maximum from the ring. Windows that reach over the end see its last row or column again. */
static void cp_pool(const struct convpool *p, float *out, int y)
{
    const struct facet_conv *c = p->c;
    const float *r[3];
    for (int i = 0; i < 3; i++)
        r[i] = p->ring + (size_t)((2 * y + i < p->h ? 2 * y + i : p->h - 1) % CP_RING) * p->row;
    for (int ch = 0; ch < c->oc; ch += VL) {
        vec left = v_max(v_max(v_load(r[0] + ch), v_load(r[1] + ch)), v_load(r[2] + ch));
        for (int x = 0; x < c->ow; x++) {
            size_t mid = (size_t)(2 * x + 1 < p->w ? 2 * x + 1 : p->w - 1) * p->px + (size_t)ch;
            size_t end = (size_t)(2 * x + 2 < p->w ? 2 * x + 2 : p->w - 1) * p->px + (size_t)ch;
            vec m = v_max(v_max(v_load(r[0] + mid), v_load(r[1] + mid)), v_load(r[2] + mid));
            vec right = v_max(v_max(v_load(r[0] + end), v_load(r[1] + end)), v_load(r[2] + end));
            v_storen(out + (size_t)x * c->out_px + ch, v_max(v_max(left, m), right), (size_t)(c->oc - ch));
            left = right;
        }
    }
}

static void convpool_f32(const struct facet_conv *c, size_t u0, size_t u1, void *scratch)
{
    struct convpool p = convpool_of(c, scratch);
    size_t per = ((size_t)c->oh + 1) / 2;
    for (size_t u = u0; u < u1; u++) {
        size_t n = u / per;
        int pair = (int)(u % per);
        const float *img = (const float *)c->in + n * (size_t)c->ih * (size_t)c->iw * (size_t)c->ic;
        float *out = (float *)c->out + n * (size_t)c->oh * (size_t)c->ow * c->out_px;
        if (u == u0 || pair == 0)
            cp_strip(&p, img, 4 * pair);
        if (4 * pair + 4 < p.h)
            cp_strip(&p, img, 4 * pair + 4);
        for (int y = 2 * pair; y < 2 * pair + 2 && y < c->oh; y++)
            cp_pool(&p, out + (size_t)y * (size_t)c->ow * c->out_px, y);
    }
}
