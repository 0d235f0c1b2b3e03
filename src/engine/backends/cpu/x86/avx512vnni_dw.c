/* Depthwise 3x3 of stride 1 of u8 by s8 by VPDPBUSD, 64 channels at a time. Four rows of a column of input become groups of four
 * bytes, one channel each, by unpacking; one product of such a group with (w0, w1, w2, 0) is a third of a sum of one row of
 * output, with (0, w0, w1, w2) of the row below it. Unpacking leaves the channels in an order that packing the sums undoes;
 * scales, biases and slopes are brought into it once a row. Everything else is left to the kernels in floats, which
 * give the same bytes. */
#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/unroll.h"

#define X 4
#define GROUP 64

/* Of 64 channels: [kx][upper or lower row of output][quarter], and one number a channel, by quarters. */
struct group {
    __m512i w[3][2][4];
    __m512 scale[4], bias[4], slope[4];
    int ch;
    __mmask64 lanes;
};

static inline __m512i dot(__m512i sum, __m512i u, __m512i s)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u), "v"(s));
    return sum;
}

/* Bytes of four rows as groups of four: quarter q holds channels 4q to 4q + 3 of each sixteen. */
static inline void unpack(__m512i a, __m512i b, __m512i c, __m512i d, __m512i out[4])
{
    __m512i ab = _mm512_unpacklo_epi8(a, b), cd = _mm512_unpacklo_epi8(c, d);
    out[0] = _mm512_unpacklo_epi16(ab, cd);
    out[1] = _mm512_unpackhi_epi16(ab, cd);
    ab = _mm512_unpackhi_epi8(a, b);
    cd = _mm512_unpackhi_epi8(c, d);
    out[2] = _mm512_unpacklo_epi16(ab, cd);
    out[3] = _mm512_unpackhi_epi16(ab, cd);
}

/* The same order of one float a channel; those from `n` on are zero. */
static inline void quarters(const float *p, int n, __m512 out[4])
{
    __m512 r[4], a[2], b[2];
    for (int i = 0; i < 4; i++)
        r[i] = p && n > i * VL ? v_loadn(p + i * VL, (size_t)(n - i * VL)) : v_zero();
    for (int i = 0; i < 2; i++) {
        a[i] = _mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0x44);
        b[i] = _mm512_shuffle_f32x4(r[2 * i], r[2 * i + 1], 0xee);
    }
    out[0] = _mm512_shuffle_f32x4(a[0], a[1], 0x88);
    out[1] = _mm512_shuffle_f32x4(a[0], a[1], 0xdd);
    out[2] = _mm512_shuffle_f32x4(b[0], b[1], 0x88);
    out[3] = _mm512_shuffle_f32x4(b[0], b[1], 0xdd);
}

static void group_load(struct group *g, const struct facet_conv *c, int ch)
{
    size_t tap = ((size_t)c->ic + GROUP - 1) / GROUP * GROUP;
    const int8_t *w = (const int8_t *)c->w + ch;
    int n = c->ic - ch < GROUP ? c->ic - ch : GROUP;
    g->ch = ch;
    g->lanes = n == GROUP ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
    for (size_t kx = 0; kx < 3; kx++) {
        __m512i zero = _mm512_setzero_si512(), a = _mm512_loadu_si512(w + kx * tap), b = _mm512_loadu_si512(w + (3 + kx) * tap);
        __m512i d = _mm512_loadu_si512(w + (6 + kx) * tap);
        unpack(a, b, d, zero, g->w[kx][0]);
        unpack(zero, a, b, d, g->w[kx][1]);
    }
    quarters(c->fin.scale + ch, n, g->scale);
    quarters(c->fin.bias ? c->fin.bias + ch : NULL, n, g->bias);
    quarters(c->fin.fin == FACET_FIN_PRELU ? c->fin.slope + ch : NULL, n, g->slope);
}

/* A bounded sum as a whole number of steps of the output. */
FORCE_INLINE __m512i sum_end(const struct facet_finish *f, __m512i sum, __m512 scale, __m512 bias, __m512 slope, const enum facet_fin fin)
{
    vec x = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias);
    if (fin == FACET_FIN_PRELU)
        x = v_prelu(x, slope);
    else if (fin == FACET_FIN_CLIP)
        x = v_min(v_max(x, v_set1(f->lo)), v_set1(f->hi));
    return _mm512_cvtps_epi32(x);
}

struct block { const uint8_t *at[4][X + 2]; size_t pixel; };

/* Two of the four quarters of X columns of `rows` rows of output, as words. */
FORCE_INLINE void half_run(const struct facet_conv *c, const struct group *g, const struct block *b, __m512i *out, const int rows,
                           const int half, const enum facet_fin fin)
{
    const struct facet_finish *f = &c->fin;
    const int q = half * 2;
    __m512i sum[2 * X * 2], zero = _mm512_set1_epi16((int16_t)f->out_zero);
    UNROLL for (int i = 0; i < rows * X * 2; i++)
        sum[i] = _mm512_setzero_si512();
    UNROLL for (int i = 0; i < X + 2; i++) {
        __m512i l[4], ab, cd, u[2];
        UNROLL for (int k = 0; k < 4; k++)
            l[k] = _mm512_loadu_si512(b->at[k][i] + g->ch);
        ab = half ? _mm512_unpackhi_epi8(l[0], l[1]) : _mm512_unpacklo_epi8(l[0], l[1]);
        cd = half ? _mm512_unpackhi_epi8(l[2], l[3]) : _mm512_unpacklo_epi8(l[2], l[3]);
        u[0] = _mm512_unpacklo_epi16(ab, cd);
        u[1] = _mm512_unpackhi_epi16(ab, cd);
        UNROLL for (int kx = 0; kx < 3; kx++) {
            const int x = i - kx;
            if (x < 0 || x >= X)
                continue;
            UNROLL for (int r = 0; r < rows; r++)
                UNROLL for (int k = 0; k < 2; k++)
                    sum[(r * X + x) * 2 + k] = dot(sum[(r * X + x) * 2 + k], u[k], g->w[kx][r][q + k]);
        }
    }
    UNROLL for (int i = 0; i < rows * X; i++) {
        __m512i low = sum_end(f, sum[i * 2], g->scale[q], g->bias[q], g->slope[q], fin);
        __m512i high = sum_end(f, sum[i * 2 + 1], g->scale[q + 1], g->bias[q + 1], g->slope[q + 1], fin);
        out[i] = _mm512_adds_epi16(_mm512_packs_epi32(low, high), zero);
    }
}

FORCE_INLINE void block_run(const struct facet_conv *c, const struct group *g, const struct block *b, const int rows, const enum facet_fin fin)
{
    uint8_t *out = (uint8_t *)c->out + b->pixel * c->out_px + g->ch;
    __m512i low[2 * X], high[2 * X];
    half_run(c, g, b, low, rows, 0, fin);
    half_run(c, g, b, high, rows, 1, fin);
    UNROLL for (int i = 0; i < rows * X; i++)
        _mm512_mask_storeu_epi8(out + ((size_t)(i / X) * (size_t)c->ow + i % X) * c->out_px, g->lanes, _mm512_packus_epi16(low[i], high[i]));
}

FORCE_INLINE void block_fin(const struct facet_conv *c, const struct group *g, const struct block *b, const int rows)
{
    if (c->fin.fin == FACET_FIN_PRELU)
        block_run(c, g, b, rows, FACET_FIN_PRELU);
    else if (c->fin.fin == FACET_FIN_CLIP)
        block_run(c, g, b, rows, FACET_FIN_CLIP);
    else
        block_run(c, g, b, rows, FACET_FIN_NONE);
}

/* The fourth line of a single row is the third again: its weights are zero. */
static void block_at(struct block *b, const struct facet_conv *c, size_t n, int y, int x, int rows)
{
    const uint8_t *img = (const uint8_t *)c->in + n * (size_t)c->ih * (size_t)c->iw * c->in_px;
    int iy = y - c->pt, ix = x - c->pl;
    for (int k = 0; k < 4; k++) {
        int py = iy + (rows == 1 && k == 3 ? 2 : k);
        const uint8_t *line = img + (ptrdiff_t)(py * c->iw + ix) * (ptrdiff_t)c->in_px;
        for (int i = 0; i < X + 2; i++, line += c->in_px)
            b->at[k][i] = py >= 0 && ix + i >= 0 && py < c->ih && ix + i < c->iw ? line : c->zero;
    }
    b->pixel = (n * (size_t)c->oh + (size_t)y) * (size_t)c->ow + (size_t)x;
}

static void rows_run(const struct facet_conv *c, size_t n, int y, int rows)
{
    for (int ch = 0; ch < c->ic; ch += GROUP) {
        struct group g;
        group_load(&g, c, ch);
        for (int x = 0; x < c->ow; x += X) {
            struct block b;
            block_at(&b, c, n, y, x + X <= c->ow ? x : c->ow - X, rows);
            if (rows == 2)
                block_fin(c, &g, &b, 2);
            else
                block_fin(c, &g, &b, 1);
        }
    }
}

static void dw_u8(const struct facet_conv *c, size_t r0, size_t r1)
{
    if (c->kh != 3 || c->kw != 3 || c->dx != 1 || c->dy != 1 || c->sx != 1 || c->sy != 1 || c->ow < X || c->fin.residual ||
        c->fin.out_fmt != FACET_FMT_U8 || !c->fin.bounded) {
        facet__avx512_dw_u8_any(c, r0, r1);
        return;
    }
    for (size_t r = r0, rows; r < r1; r += rows) {
        int y = (int)(r % (size_t)c->oh);
        rows = r + 1 < r1 && y + 1 < c->oh ? 2 : 1;
        rows_run(c, r / (size_t)c->oh, y, (int)rows);
    }
}

void facet__avx512vnni_dw(struct facet_kernels *k)
{
    k->dw_u8 = dw_u8;
}
