/* P-Net in 8 bits, in one pass over the picture. Included after a vector header and a quad header.
 *
 * Planes again (pnet_body.h says why), but four channels lie side by side in the 32 bits of a column, a
 * quad: a vector is neighbouring columns, and one instruction multiplies four channels of all of them by four
 * weights. Convolutions are summed directly, row by row; between the layers stand rings of four rows, all of
 * which stay in the first cache or close to it.
 *
 *   image rows 2y..2y+3 -> pooled row y;   pooled y..y+2 -> second row y;   second y..y+2 -> output row y
 *
 * A first layer in float needs no quads: it is summed from planes, the two rows of a pooled row at once by Winograd's
 * F(2,3), four products a tap column instead of six.
 *
 * The maximum of the pool is taken of the first layer's sums, a quarter of which are left to be ended. PReLU with a
 * slope below 0 falls and rises, so its largest value is at the largest or at the smallest sum. */
#include "engine/backends/cpu/pnet_priv.h"
#include "engine/backends/cpu/simd/pnet_heads_body.h"

#include <string.h>

#ifndef UNROLL
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif
#endif
#ifndef FORCE_INLINE
#define FORCE_INLINE static inline __attribute__((always_inline))
#endif

#define RING_U8 4

struct pnet_u8_work {
    const struct facet_pnet *p;
    const struct pnet_u8_pack *q;
    const float *img;                   /* 3 x h x w */
    int oh, ow, h1, w1, w2, w3;         /* first layer's size, widths of pooled and second */
    size_t row;                         /* quads from row to row */
    uint32_t *image, *pooled, *second;  /* [RING_U8][quads][row] */
    float *real;                        /* [RING_U8][3][row], where the first layer is float, instead of image */
    float *tall;                        /* [12][row]: its rows, two and two */
    uint32_t *third;                    /* [8][QX*VL] */
};

static uint32_t *u8_row(uint32_t *ring, size_t row, int quads, int y)
{
    return ring + (size_t)(y & (RING_U8 - 1)) * (size_t)quads * row;
}

/* acc[o*nx + j] += `group` channels of nx vectors of columns, over one row of `quads` planes. */
FORCE_INLINE const int32_t *u8_products(const uint32_t *in, size_t plane, const int32_t *w, qsum *acc, const int quads, const int group,
                                        const int nx, const int step)
{
    UNROLL for (int c = 0; c < quads; c++, in += plane) {
        UNROLL for (int kx = 0; kx < 3; kx++, w += step) {
            quad d[3];
            UNROLL for (int j = 0; j < nx; j++)
                d[j] = q_load(in + kx + j * VL);
            UNROLL for (int o = 0; o < group; o++) {
                qweight x = q_weight(w[o]);
                UNROLL for (int j = 0; j < nx; j++)
                    acc[o * nx + j] = q_dot(acc[o * nx + j], d[j], x);
            }
        }
    }
    return w;
}

FORCE_INLINE qsum u8_begin(const struct pnet_u8_end *e, int o, int32_t in_zero)
{
    return q_begin((Q_SHIFT - in_zero) * e->sum[o]);
}

/* In steps of the output. */
FORCE_INLINE vec u8_end(qint sum, const struct pnet_u8_end *e, int o)
{
    return v_prelu(v_fma(q_real(sum), v_set1(e->scale[o]), v_set1(e->bias[o])), v_set1(e->slope[o]));
}

/* ---- picture and first layer ---- */

static void u8_image_row(const struct pnet_u8_work *k, int y)
{
    const struct facet_pnet *p = k->p;
    size_t plane = (size_t)p->h * (size_t)p->w;
    const float *src = k->img + (size_t)(y < p->h ? y : p->h - 1) * (size_t)p->w;
    uint32_t *out = u8_row(k->image, k->row, PNET_Q0, y);
    vec inv = v_set1(k->q->in_inv);
    for (int x = 0; x < p->w; x += VL) {
        vec v[PNET_C0];
        for (size_t c = 0; c < PNET_C0; c++) {
            const float *s = src + c * plane + x;
            v[c] = v_mul(p->w - x >= VL ? v_load(s) : v_loadn(s, (size_t)(p->w - x)), inv);
        }
        q_store(out + x, q_pack(v[0], v[1], v[2], v[2], k->q->in_zero));
    }
}

/* Channel o of one vector of pooled columns, from the sums of two rows of two vectors. */
FORCE_INLINE vec u8_pooled(const struct pnet_u8_work *k, int o, qsum *const a[4], int x, bool is_single)
{
    const struct pnet_u8_end *e = &k->q->end[0];
    qint left = q_total(*a[0]), right = q_total(*a[1]);
    qint low = is_single ? left : q_total(*a[2]), low_right = is_single ? right : q_total(*a[3]);
    qint most = q_pairmax(q_max(left, low), q_max(right, low_right));
    if ((k->w1 & 1) && x + 2 * VL > k->w1)      /* the last column has no neighbour */
        most = q_evens_from(most, q_max(left, low), q_max(right, low_right), (k->w1 - x) / 2);
    vec v = u8_end(most, e, o);
    if (e->slope[o] < 0) {
        qint least = q_pairmin(q_min(left, low), q_min(right, low_right));
        if ((k->w1 & 1) && x + 2 * VL > k->w1)
            least = q_evens_from(least, q_min(left, low), q_min(right, low_right), (k->w1 - x) / 2);
        v = v_max(v, u8_end(least, e, o));
    }
    return v;
}

FORCE_INLINE void u8_first_group(const struct pnet_u8_work *k, int y, int x, const int g, const int group)
{
    const struct pnet_u8_end *e = &k->q->end[0];
    const int32_t *w = k->q->w1 + g * 9 * PNET_Q0;
    bool is_single = 2 * y + 1 >= k->h1;
    qsum up[8], low[8];
    UNROLL for (int i = 0; i < group * 2; i++)
        up[i] = low[i] = u8_begin(e, g + i / 2, k->q->in_zero);
    UNROLL for (int ky = 0; ky < 3; ky++) {
        const uint32_t *in = u8_row(k->image, k->row, PNET_Q0, 2 * y + ky) + x;
        const uint32_t *in_low = u8_row(k->image, k->row, PNET_Q0, 2 * y + ky + 1) + x;
        u8_products(in, k->row, w, up, PNET_Q0, group, 2, PNET_U8_GROUP1);
        w = u8_products(in_low, k->row, w, low, PNET_Q0, group, 2, PNET_U8_GROUP1);
    }
    vec v[4];
    UNROLL for (int o = 0; o < 4; o++) {
        if (o < group)
            v[o] = u8_pooled(k, g + o, (qsum *[4]){ &up[o * 2], &up[o * 2 + 1], &low[o * 2], &low[o * 2 + 1] }, x, is_single);
        else
            v[o] = v_zero();
    }
    q_store(u8_row(k->pooled, k->row, PNET_Q1, y) + (size_t)(g / 4) * k->row + x / 2, q_pack(v[0], v[1], v[2], v[3], e->zero));
}

static void u8_first(const struct pnet_u8_work *k, int y)
{
    u8_image_row(k, 2 * y + 2);
    u8_image_row(k, 2 * y + 3);
    for (int x = 0; x < k->w1; x += 2 * VL) {
        u8_first_group(k, y, x, 0, 4);
        u8_first_group(k, y, x, 4, 4);
        u8_first_group(k, y, x, 8, 2);
    }
}

/* ---- a first layer in float ---- */

static float *u8_real_row(const struct pnet_u8_work *k, int c, int y)
{
    return k->real + ((size_t)(y & (RING_U8 - 1)) * PNET_C0 + (size_t)c) * k->row;
}

static void u8_real_image_row(const struct pnet_u8_work *k, int y)
{
    const struct facet_pnet *p = k->p;
    int from = y < p->h ? y : p->h - 1;
    for (int c = 0; c < PNET_C0; c++)
        memcpy(u8_real_row(k, c, y), k->img + ((size_t)c * (size_t)p->h + (size_t)from) * (size_t)p->w, (size_t)p->w * sizeof(float));
}

/* Five channels from g on of a vector of columns, two rows: the larger of both into k->tall. */
FORCE_INLINE void u8_real_group(const struct pnet_u8_work *k, int y, int x, const int g)
{
    const struct pnet_u8_end *e = &k->q->end[0];
    bool is_single = 2 * y + 1 >= k->h1;
    vec m[4][5];
    UNROLL for (int o = 0; o < 5; o++) {
        m[0][o] = m[2][o] = m[3][o] = v_zero();
        m[1][o] = v_set1(e->bias[g + o]);
    }
    for (int c = 0; c < PNET_C0; c++) {
        const float *rows[4] = { u8_real_row(k, c, 2 * y), u8_real_row(k, c, 2 * y + 1), u8_real_row(k, c, 2 * y + 2), u8_real_row(k, c, 2 * y + 3) };
        UNROLL for (int kx = 0; kx < 3; kx++) {
            const float (*w)[PNET_C1] = k->q->first[c][kx];
            vec d[4];
            UNROLL for (int r = 0; r < 4; r++)
                d[r] = v_load(rows[r] + x + kx);
            const vec t[4] = { v_sub(d[0], d[2]), v_add(d[1], d[2]), v_sub(d[2], d[1]), v_sub(d[1], d[3]) };
            UNROLL for (int i = 0; i < 4; i++)
                UNROLL for (int o = 0; o < 5; o++)
                    m[i][o] = v_fma(t[i], v_set1(w[i][g + o]), m[i][o]);
        }
    }
    UNROLL for (int o = 0; o < 5; o++) {
        vec slope = v_set1(e->slope[g + o]), most = v_prelu(v_add(v_add(m[0][o], m[1][o]), m[2][o]), slope);
        if (!is_single)
            most = v_max(most, v_prelu(v_sub(v_sub(m[1][o], m[2][o]), m[3][o]), slope));
        v_store(k->tall + (size_t)(g + o) * k->row + x, most);
    }
}

static void u8_real_pool(const struct pnet_u8_work *k, int y)
{
    vec inv = v_set1(k->q->first_inv);
    for (int c = 0; c < PNET_C1 && k->w1 & 1; c++)
        k->tall[(size_t)c * k->row + (size_t)k->w1] = k->tall[(size_t)c * k->row + (size_t)k->w1 - 1];
    for (int g = 0; g < PNET_Q1; g++) {
        uint32_t *out = u8_row(k->pooled, k->row, PNET_Q1, y) + (size_t)g * k->row;
        for (int x = 0; x < k->w2; x += VL) {
            vec v[4];
            for (int c = 0; c < 4; c++) {
                const float *t = k->tall + (size_t)(4 * g + c) * k->row + 2 * x;
                v[c] = 4 * g + c < PNET_C1 ? v_mul(v_pairmax(v_load(t), v_load(t + VL)), inv) : v_zero();
            }
            q_store(out + x, q_pack(v[0], v[1], v[2], v[3], k->q->end[0].zero));
        }
    }
}

static void u8_real_first(const struct pnet_u8_work *k, int y)
{
    u8_real_image_row(k, 2 * y + 2);
    u8_real_image_row(k, 2 * y + 3);
    for (int x = 0; x < k->w1; x += VL) {
        u8_real_group(k, y, x, 0);
        u8_real_group(k, y, x, 5);
    }
    u8_real_pool(k, y);
}

static void u8_any_image_row(const struct pnet_u8_work *k, int y)
{
    if (k->q->is_float_first)
        u8_real_image_row(k, y);
    else
        u8_image_row(k, y);
}

static void u8_any_first(const struct pnet_u8_work *k, int y)
{
    if (k->q->is_float_first)
        u8_real_first(k, y);
    else
        u8_first(k, y);
}

/* ---- the other layers ---- */

/* `group` channels from g on of nx vectors of columns; quads go to out, `step` apart. */
FORCE_INLINE void u8_group(const uint32_t *const rows[3], size_t plane, const int32_t *w, const struct pnet_u8_end *e, int32_t in_zero,
                           uint32_t *out, size_t step, const int quads, const int g, const int group, const int nx)
{
    qsum acc[8 * QX];
    UNROLL for (int i = 0; i < group * nx; i++)
        acc[i] = u8_begin(e, g + i / nx, in_zero);
    for (int ky = 0; ky < 3; ky++)
        w = u8_products(rows[ky], plane, w, acc, quads, group, nx, group);
    UNROLL for (int o = 0; o < group; o += 4) {
        UNROLL for (int j = 0; j < nx; j++) {
            vec v[4];
            UNROLL for (int i = 0; i < 4; i++)
                v[i] = u8_end(q_total(acc[(o + i) * nx + j]), e, g + o + i);
            q_store(out + (size_t)((g + o) / 4) * step + j * VL, q_pack(v[0], v[1], v[2], v[3], e->zero));
        }
    }
}

FORCE_INLINE void u8_second_block(const struct pnet_u8_work *k, int y, int x, const int nx)
{
    const uint32_t *rows[3];
    for (int r = 0; r < 3; r++)
        rows[r] = u8_row(k->pooled, k->row, PNET_Q1, y + r) + x;
    for (int g = 0; g < PNET_C2; g += PNET_U8_GROUP2)
        u8_group(rows, k->row, k->q->w2 + g * 9 * PNET_Q1, &k->q->end[1], k->q->end[0].zero,
                 u8_row(k->second, k->row, PNET_Q2, y) + x, k->row, PNET_Q1, g, PNET_U8_GROUP2, nx);
}

static void u8_second(const struct pnet_u8_work *k, int y)
{
    int x = 0;
    for (; k->w3 - x > (QX - 1) * VL; x += QX * VL)
        u8_second_block(k, y, x, QX);
    for (; x < k->w3; x += VL)
        u8_second_block(k, y, x, 1);
}

static void u8_heads(const struct pnet_u8_work *k, int y, int x, int columns)
{
    const struct pnet_u8_end *e = &k->q->end[3];
    for (int j = 0; j < columns; j += VL) {
        const uint32_t *in = k->third + j;
        const int32_t *w = k->q->heads;
        qsum acc[PNET_HEADS];
        vec out[PNET_HEADS];
        UNROLL for (int o = 0; o < PNET_HEADS; o++)
            acc[o] = u8_begin(e, o, k->q->end[2].zero);
        for (int c = 0; c < PNET_Q3; c++, in += QX * VL, w += PNET_HEADS) {
            quad d = q_load(in);
            UNROLL for (int o = 0; o < PNET_HEADS; o++)
                acc[o] = q_dot(acc[o], d, q_weight(w[o]));
        }
        UNROLL for (int o = 0; o < PNET_HEADS; o++)
            out[o] = v_fma(q_real(q_total(acc[o])), v_set1(e->scale[o]), v_set1(e->bias[o]));
        pnet_store_heads(k->p, (size_t)k->oh * (size_t)k->ow, out, (size_t)y * (size_t)k->ow + (size_t)(x + j), (size_t)(columns - j));
    }
}

FORCE_INLINE void u8_third_block(const struct pnet_u8_work *k, int y, int x, const int nx)
{
    const uint32_t *rows[3];
    for (int r = 0; r < 3; r++)
        rows[r] = u8_row(k->second, k->row, PNET_Q2, y + r) + x;
    for (int g = 0; g < PNET_C3; g += PNET_U8_GROUP3)
        u8_group(rows, k->row, k->q->w3 + g * 9 * PNET_Q2, &k->q->end[2], k->q->end[1].zero, k->third, QX * VL, PNET_Q2, g,
                 PNET_U8_GROUP3, nx);
    u8_heads(k, y, x, k->ow - x < nx * VL ? k->ow - x : nx * VL);
}

static void u8_third(const struct pnet_u8_work *k, int y)
{
    int x = 0;
    for (; k->ow - x > (QX - 1) * VL; x += QX * VL)
        u8_third_block(k, y, x, QX);
    for (; x < k->ow; x += VL)
        u8_third_block(k, y, x, 1);
}

static void pnet_u8(const struct facet_pnet *p, int img, int r0, int r1, void *scratch)
{
    struct pnet_u8_work k = { .q = p->pack_u8, .h1 = p->h - 2, .w1 = p->w - 2 };
    struct facet_pnet one = *p;
    facet_pnet_size(p->h, p->w, &k.oh, &k.ow);
    size_t plane = (size_t)k.oh * (size_t)k.ow;
    one.prob += (size_t)img * 2 * plane;
    one.box += (size_t)img * 4 * plane;
    k.p = &one;
    k.img = p->in + (size_t)img * PNET_C0 * (size_t)p->h * (size_t)p->w;
    k.w2 = (k.w1 + 1) / 2;
    k.w3 = k.w2 - 2;
    k.row = ((size_t)p->w + 128) / 16 * 16;
    k.third = scratch;
    k.image = k.third + PNET_Q3 * QX * VL;
    k.pooled = k.image + RING_U8 * PNET_Q0 * k.row;
    k.second = k.pooled + RING_U8 * PNET_Q1 * k.row;
    k.real = (float *)(k.second + RING_U8 * PNET_Q2 * k.row);
    k.tall = k.real + RING_U8 * PNET_C0 * k.row;
    u8_any_image_row(&k, 2 * r0);
    u8_any_image_row(&k, 2 * r0 + 1);
    for (int y = r0; y < r0 + 2; y++)
        u8_any_first(&k, y);
    for (int y = r0 - 2; y < r1; y++) {
        u8_any_first(&k, y + 4);
        u8_second(&k, y + 2);
        if (y >= r0)
            u8_third(&k, y);
    }
}
