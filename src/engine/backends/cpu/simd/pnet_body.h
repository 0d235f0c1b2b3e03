/* P-Net in one pass over the picture, on planes (NCHW), a vector of neighbouring columns at a time.
 *
 * Narrow layers of 10, 16 and 32 channels waste no lanes this way, the first layer needs no change
 * of layout, and the heads cost six sums and not a whole vector of channels. The three 3x3 layers
 * use Winograd's F(4,3) along y only: four output rows cost 18 products a tap column instead of
 * 36, and its sums are of rows, so that columns never mix.
 *
 * The work is done in groups of four rows. Rings of eight rows hold the pooled picture and the second
 * layer's output; a group of four rows of a layer needs the same group and the next of the layer
 * before. All stays in the second cache, the block of columns in work in the first.
 *
 *   image rows 8g..8g+9 -> pooled rows 4g..4g+3;   pooled g, g+1 -> second g;   second g, g+1 -> out g
 *
 * Rows below the picture repeat its last row: what they give is finite and not used. */
#include "engine/backends/cpu/pnet_priv.h"
#include "engine/backends/cpu/simd/pnet_heads_body.h"

#include <math.h>
#include <string.h>

#ifndef UNROLL
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#endif
#define FORCE_INLINE static inline __attribute__((always_inline))

#define NX 3                            /* vectors of columns in a block */
#define SPAN ((NX * VL + 2 + VL - 1) / VL * VL)     /* columns of input a block reads */
#define RING 8

struct pnet_work {
    const struct facet_pnet *p;
    const float *img;                   /* 3 x h x w */
    int oh, ow, h1, w1, w2, w3;         /* first layer's size, widths of pooled and second */
    size_t row;                         /* floats from row to row of the rings */
    float *pooled, *second, *tall;      /* [10][RING][row], [16][RING][row], [10][2][row] */
    float *v, *m, *third;               /* [ic][6][SPAN], [6][group][NX*VL], [4][32][NX*VL] */
};

/* Three of a layer's numbers, known to the compiler. */
enum stage { FIRST, SECOND, THIRD };

static const float *image_row(const struct pnet_work *k, int ch, int y)
{
    const struct facet_pnet *p = k->p;
    y = y < p->h ? y : p->h - 1;
    return k->img + ((size_t)ch * (size_t)p->h + (size_t)y) * (size_t)p->w;
}

static float *ring_row(float *ring, size_t row, int ch, int y)
{
    return ring + ((size_t)ch * RING + (size_t)(y & (RING - 1))) * row;
}

/* Columns [x, x + SPAN) of six rows of one channel, transformed; `width` columns may be read. */
static void pnet_columns(const float *const src[6], int x, int width, float *v)
{
    vec four = v_set1(4), five = v_set1(5), two = v_set1(2);
    for (int i = 0; i < SPAN; i += VL) {
        vec d[6];
        int left = width - x - i;
        for (int r = 0; r < 6; r++)
            d[r] = left >= VL ? v_load(src[r] + x + i) : left > 0 ? v_loadn(src[r] + x + i, (size_t)left) : v_zero();
        vec a = v_fnma(four, d[2], d[4]), b = v_fnma(four, d[1], d[3]);
        vec e = v_sub(d[4], d[2]), f = v_mul(two, v_sub(d[3], d[1]));
        v_store(v + 0 * SPAN + i, v_fma(four, d[0], v_fnma(five, d[2], d[4])));
        v_store(v + 1 * SPAN + i, v_add(a, b));
        v_store(v + 2 * SPAN + i, v_sub(a, b));
        v_store(v + 3 * SPAN + i, v_add(e, f));
        v_store(v + 4 * SPAN + i, v_sub(e, f));
        v_store(v + 5 * SPAN + i, v_fma(four, d[1], v_fnma(five, d[3], d[5])));
    }
}

/* m[6][group][nx*VL] = sums over channels and columns of v and u. */
FORCE_INLINE void pnet_products(const float *v, const float *u, size_t u_step, float *m, const int ic, const int group, const int nx)
{
    for (int t = 0; t < 6; t++, u += u_step) {
        vec acc[8 * NX];
        const float *w = u, *in = v + t * SPAN;
        UNROLL for (int i = 0; i < group * nx; i++)
            acc[i] = v_zero();
        for (int c = 0; c < ic; c++, in += 6 * SPAN) {
            UNROLL for (int kx = 0; kx < 3; kx++, w += group) {
                vec d[NX];
                UNROLL for (int j = 0; j < nx; j++)
                    d[j] = v_load(in + kx + j * VL);
                UNROLL for (int o = 0; o < group; o++) {
                    vec x = v_set1(w[o]);
                    UNROLL for (int j = 0; j < nx; j++)
                        acc[o * nx + j] = v_fma(x, d[j], acc[o * nx + j]);
                }
            }
        }
        UNROLL for (int i = 0; i < group * nx; i++)
            v_store(m + (t * group + i / nx) * NX * VL + i % nx * VL, acc[i]);
    }
}

/* Four rows of one vector of columns of one channel, bias and PReLU done. */
FORCE_INLINE void pnet_rows(const float *m, const int step, vec bias, vec slope, vec o[4])
{
    vec m0 = v_add(v_load(m), bias), m1 = v_load(m + step), m2 = v_load(m + 2 * step), m3 = v_load(m + 3 * step);
    vec m4 = v_load(m + 4 * step), m5 = v_add(v_load(m + 5 * step), bias);
    vec a = v_add(m1, m2), b = v_sub(m1, m2), e = v_add(m3, m4), f = v_sub(m3, m4);
    o[0] = v_prelu(v_add(v_add(m0, a), e), slope);
    o[1] = v_prelu(v_fma(v_set1(2), f, v_add(b, bias)), slope);
    o[2] = v_prelu(v_fma(v_set1(4), e, v_add(a, bias)), slope);
    o[3] = v_prelu(v_add(v_fma(v_set1(8), f, b), m5), slope);
}

/* One block of columns of four rows of a layer, from k->v; `to` is the first row (first layer: of
 * pooled pairs). */
FORCE_INLINE void pnet_block(const struct pnet_work *k, const enum stage st, int x, int to, const int nx)
{
    const int ic = st == FIRST ? PNET_C0 : st == SECOND ? PNET_C1 : PNET_C2;
    const int oc = st == FIRST ? PNET_C1 : st == SECOND ? PNET_C2 : PNET_C3;
    const int group = st == FIRST ? PNET_GROUP1 : st == SECOND ? PNET_GROUP2 : PNET_GROUP3;
    const float *pack = k->p->pack;
    const float *u = pack + (st == FIRST ? PNET_U1 : st == SECOND ? PNET_U2 : PNET_U3);
    const float *bias = pack + (st == FIRST ? PNET_B1 : st == SECOND ? PNET_B2 : PNET_B3);
    const float *slope = pack + (st == FIRST ? PNET_S1 : st == SECOND ? PNET_S2 : PNET_S3);
    for (int g = 0; g < oc; g += group) {
        pnet_products(k->v, u + g * ic * 3, (size_t)(oc * ic * 3), k->m, ic, group, nx);
        for (int c = g; c < g + group; c++) {
            vec b = v_set1(bias[c]), s = v_set1(slope[c]);
            for (int j = 0; j < nx; j++) {
                vec o[4];
                pnet_rows(k->m + (c - g) * NX * VL + j * VL, group * NX * VL, b, s, o);
                if (st == FIRST) {
                    float *t = k->tall + (size_t)c * 2 * k->row + x + j * VL;
                    bool one = to * 4 + 1 >= k->h1, two = to * 4 + 3 >= k->h1;
                    v_store(t, one ? o[0] : v_max(o[0], o[1]));
                    v_store(t + k->row, two ? o[2] : v_max(o[2], o[3]));
                } else if (st == SECOND) {
                    for (int r = 0; r < 4; r++)
                        v_store(ring_row(k->second, k->row, c, to + r) + x + j * VL, o[r]);
                } else {
                    for (int r = 0; r < 4; r++)
                        v_store(k->third + (r * PNET_C3 + c) * NX * VL + j * VL, o[r]);
                }
            }
        }
    }
}

FORCE_INLINE void pnet_block_any(const struct pnet_work *k, const enum stage st, int x, int to, int columns)
{
    if (columns > 2 * VL)
        pnet_block(k, st, x, to, 3);
    else if (columns > VL)
        pnet_block(k, st, x, to, 2);
    else
        pnet_block(k, st, x, to, 1);
}

/* Neighbouring columns of k->tall to the pooled row y (and y + 1). */
static void pnet_pool(const struct pnet_work *k, int y)
{
    for (int c = 0; c < PNET_C1; c++) {
        for (int r = 0; r < 2; r++) {
            float *t = k->tall + ((size_t)c * 2 + (size_t)r) * k->row, *out = ring_row(k->pooled, k->row, c, y + r);
            if (k->w1 & 1)
                t[k->w1] = t[k->w1 - 1];
            for (int x = 0; x < k->w2; x += VL)
                v_store(out + x, v_pairmax(v_load(t + 2 * x), v_load(t + 2 * x + VL)));
        }
    }
}

/* Pooled rows 4g .. 4g+3: twice four rows of the first layer. */
static void pnet_first(const struct pnet_work *k, int g)
{
    for (int half = 0; half < 2; half++) {
        int y = 8 * g + 4 * half;
        for (int x = 0; x < k->w1; x += NX * VL) {
            for (int c = 0; c < PNET_C0; c++) {
                const float *src[6];
                for (int r = 0; r < 6; r++)
                    src[r] = image_row(k, c, y + r);
                pnet_columns(src, x, k->p->w, k->v + c * 6 * SPAN);
            }
            pnet_block_any(k, FIRST, x, 2 * g + half, k->w1 - x);
        }
        pnet_pool(k, 4 * g + 2 * half);
    }
}

static void pnet_ring_columns(const struct pnet_work *k, float *ring, int ic, int y, int x, int width)
{
    for (int c = 0; c < ic; c++) {
        const float *src[6];
        for (int r = 0; r < 6; r++)
            src[r] = ring_row(ring, k->row, c, y + r);
        pnet_columns(src, x, width, k->v + c * 6 * SPAN);
    }
}

static void pnet_second(const struct pnet_work *k, int g)
{
    for (int x = 0; x < k->w3; x += NX * VL) {
        pnet_ring_columns(k, k->pooled, PNET_C1, 4 * g, x, k->w2);
        pnet_block_any(k, SECOND, x, 4 * g, k->w3 - x);
    }
}

/* Both 1x1 layers on the block in k->third. */
FORCE_INLINE void pnet_heads(const struct pnet_work *k, int y, int x, int columns)
{
    const float *w = k->p->pack + PNET_HEAD_W, *bias = k->p->pack + PNET_HEAD_B;
    size_t plane = (size_t)k->oh * (size_t)k->ow;
    for (int r = 0; r < 4 && y + r < k->oh; r++) {
        for (int j = 0; j < columns; j += VL) {
            const float *in = k->third + r * PNET_C3 * NX * VL + j;
            vec acc[PNET_HEADS];
            UNROLL for (int o = 0; o < PNET_HEADS; o++)
                acc[o] = v_set1(bias[o]);
            for (int c = 0; c < PNET_C3; c++) {
                vec d = v_load(in + c * NX * VL);
                UNROLL for (int o = 0; o < PNET_HEADS; o++)
                    acc[o] = v_fma(v_set1(w[o * PNET_C3 + c]), d, acc[o]);
            }
            pnet_store_heads(k->p, plane, acc, (size_t)(y + r) * (size_t)k->ow + (size_t)(x + j), (size_t)(columns - j));
        }
    }
}

static void pnet_third(const struct pnet_work *k, int g)
{
    for (int x = 0; x < k->ow; x += NX * VL) {
        int columns = k->ow - x < NX * VL ? k->ow - x : NX * VL;
        pnet_ring_columns(k, k->second, PNET_C2, 4 * g, x, k->w3);
        pnet_block_any(k, THIRD, x, 4 * g, columns);
        pnet_heads(k, 4 * g, x, columns);
    }
}

static void pnet_f32(const struct facet_pnet *p, int img, int r0, int r1, void *scratch)
{
    struct pnet_work k = { .h1 = p->h - 2, .w1 = p->w - 2 };
    struct facet_pnet one = *p;
    facet_pnet_size(p->h, p->w, &k.oh, &k.ow);
    size_t plane = (size_t)k.oh * (size_t)k.ow;
    one.prob += (size_t)img * 2 * plane;
    one.box += (size_t)img * 4 * plane;
    k.p = &one;
    k.img = p->in + (size_t)img * 3 * (size_t)p->h * (size_t)p->w;
    k.w2 = (k.w1 + 1) / 2;
    k.w3 = k.w2 - 2;
    k.row = ((size_t)p->w + 256) / 16 * 16;
    k.v = scratch;
    k.m = k.v + PNET_C2 * 6 * SPAN;
    k.third = k.m + 6 * 8 * NX * VL;
    k.tall = k.third + 4 * PNET_C3 * NX * VL;
    k.pooled = k.tall + PNET_C1 * 2 * k.row;
    k.second = k.pooled + PNET_C1 * RING * k.row;
    int g = r0 / 4, end = (r1 + 3) / 4;
    pnet_first(&k, g);
    pnet_first(&k, g + 1);
    pnet_second(&k, g);
    for (; g < end; g++) {
        pnet_first(&k, g + 2);
        pnet_second(&k, g + 1);
        pnet_third(&k, g);
    }
}
