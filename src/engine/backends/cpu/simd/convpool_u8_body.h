/* The same as convpool_body.h in 8 bits: a 3x3 convolution of few channels of u8 by s8, its activation and the 3x3/2
 * maximum. The maximum is taken of the sums, before they are scaled and rounded: of four sums that a
 * map of bytes would hold, one is then ended. What ends a sum rises with it, so the numbers are those of the two, bit
 * by bit; but for a PReLU with a slope below zero, which falls and then rises: there the end of the least sum
 * counts, too. Four rows of sums stand in a ring.
 *
 * Included after a vector header and its fmt_u8 header. Leaves out: padding, strides, dilation, residuals, wider pixels. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"
#include "engine/backends/cpu/simd/unroll.h"

#define CP_RING 4

struct convpool {
    const struct facet_conv *c;
    int h, w;                    /* of the convolution's map */
    size_t px, row;              /* sums of a pixel, and of a row, of the ring */
    size_t groups;               /* of four numbers, of a row of a window */
    bool falls;
    int32_t *ring;
};

static bool slope_falls(const struct facet_finish *f, int oc)
{
    for (int ch = 0; f->fin == FACET_FIN_PRELU && ch < oc; ch++)
        if (f->slope[ch] < 0)
            return true;
    return false;
}

static struct convpool convpool_of(const struct facet_conv *c, void *scratch)
{
    struct convpool p = { .c = c, .h = c->ih - 2, .w = c->iw - 2, .groups = ((size_t)c->ic * 3 + 3) / 4, .ring = scratch };
    p.px = ((size_t)c->oc + 31) / 32 * 32;
    p.row = (size_t)p.w * p.px;
    p.falls = slope_falls(&c->fin, c->oc);
    return p;
}

/* Sums of mr pixels of a row; `in` is the first one's window. */
FORCE_INLINE void cp_tile(const struct convpool *p, const char *in, const char *w, int32_t *out, const int mr, const int nv)
{
    const size_t ic = (size_t)p->c->ic, line = (size_t)p->c->iw * ic, run = p->groups * 4;
    acct acc[TILE_MR * TILE_NV];
    UNROLL for (int i = 0; i < mr * nv; i++)
        acc[i] = acc_begin(NULL);
    for (int ky = 0; ky < 3; ky++, in += line) {
        size_t k = 0;
        do {
            wvec b[TILE_NV];
            UNROLL for (int v = 0; v < nv; v++)
                b[v] = w_load(w + v * VL * 4);
            const char *at = in + k;
            UNROLL for (int i = 0; i < mr; i++) {
                xvec x = x_set(at + (size_t)i * ic);
                UNROLL for (int v = 0; v < nv; v++)
                    acc[i * nv + v] = dot(x, b[v], acc[i * nv + v]);
            }
            w += nv * VL * 4;
        } while ((k += 4) < run);
    }
    UNROLL for (int i = 0; i < mr; i++)
        UNROLL for (int v = 0; v < nv; v++)
            i_store(out + (size_t)i * p->px + v * VL, acc[i * nv + v]);
}

typedef void cp_tile_fn(const struct convpool *p, const char *in, const char *w, int32_t *out);
#define CP_TILE(MR, NV)                                                                                     \
    static void cp_tile_##MR##x##NV(const struct convpool *p, const char *in, const char *w, int32_t *out)  \
    {                                                                                                       \
        cp_tile(p, in, w, out, MR, NV);                                                                     \
    }
#define CP_TILES(NV)                                                                                                        \
    CP_TILE(1, NV) CP_TILE(2, NV) CP_TILE(3, NV) CP_TILE(4, NV) CP_TILE(5, NV) CP_TILE(6, NV) CP_TILE(7, NV) CP_TILE(8, NV)  \
    CP_TILE(9, NV) CP_TILE(10, NV) CP_TILE(11, NV) CP_TILE(12, NV)                                                          \
    static cp_tile_fn *const cp_tiles_##NV[12] = {                                                                          \
        cp_tile_1x##NV, cp_tile_2x##NV, cp_tile_3x##NV, cp_tile_4x##NV, cp_tile_5x##NV, cp_tile_6x##NV, cp_tile_7x##NV,      \
        cp_tile_8x##NV, cp_tile_9x##NV, cp_tile_10x##NV, cp_tile_11x##NV, cp_tile_12x##NV,                                  \
    };
CP_TILES(1)
CP_TILES(2)

/* Row `y` of the convolution's map into the ring; tiles of a row are as even as can be. */
static void cp_row(const struct convpool *p, const char *img, int y)
{
    const struct facet_conv *c = p->c;
    const char *in = img + (size_t)y * (size_t)c->iw * (size_t)c->ic, *w = c->w;
    int32_t *out = p->ring + (size_t)(y % CP_RING) * p->row;
    int tiles = (p->w + TILE_MR - 1) / TILE_MR;
    for (int ch = 0; ch < c->oc; ch += 2 * VL) {
        bool is_wide = c->oc - ch > VL;
        for (int t = 0; t < tiles; t++) {
            int x = p->w * t / tiles, n = p->w * (t + 1) / tiles - x;
            (is_wide ? cp_tiles_2 : cp_tiles_1)[n - 1](p, in + (size_t)(x * c->ic), w, out + (size_t)x * p->px + ch);
        }
        w += 3 * p->groups * (is_wide ? 2 : 1) * VL * 4;
    }
}

/* What is too large for an integer is too large for a byte; what is too small becomes the smallest integer. */
FORCE_INLINE ivec cp_end(const struct finish *f, vec scale, ivec sum)
{
    return i_nearest(v_min(finish_act(f, acc_real(sum, scale, f->bias)), v_set1(1 << 30)));
}

struct column { ivec most, least; };

FORCE_INLINE struct column cp_column(const int32_t *const *r, size_t at, const bool falls)
{
    ivec a = i_load(r[0] + at), b = i_load(r[1] + at), c = i_load(r[2] + at);
    return (struct column){ i_max(i_max(a, b), c), falls ? i_min(i_min(a, b), c) : a };
}

/* Row y of the maximum from the ring. Windows that reach over the end see its last row or column again. */
FORCE_INLINE void cp_pool(const struct convpool *p, uint8_t *out, int y, const bool falls)
{
    const struct facet_conv *c = p->c;
    const int32_t *r[3];
    for (int i = 0; i < 3; i++)
        r[i] = p->ring + (size_t)((2 * y + i < p->h ? 2 * y + i : p->h - 1) % CP_RING) * p->row;
    for (int ch = 0; ch < c->oc; ch += VL) {
        struct finish f = finish_load(&c->fin, ch);
        vec scale = v_load(c->fin.scale + ch);
        struct column left = cp_column(r, (size_t)ch, falls);
        for (int x = 0; x < c->ow; x++) {
            size_t mid = (size_t)(2 * x + 1 < p->w ? 2 * x + 1 : p->w - 1), end = (size_t)(2 * x + 2 < p->w ? 2 * x + 2 : p->w - 1);
            struct column m = cp_column(r, mid * p->px + (size_t)ch, falls), right = cp_column(r, end * p->px + (size_t)ch, falls);
            ivec q = cp_end(&f, scale, i_max(i_max(left.most, m.most), right.most));
            if (falls)
                q = i_max(q, cp_end(&f, scale, i_min(i_min(left.least, m.least), right.least)));
            i_storen_u8(out + (size_t)x * c->out_px + ch, q, i_set1(c->fin.out_zero), (size_t)(c->oc - ch));
            left = right;
        }
    }
}

static void cp_pool_rises(const struct convpool *p, uint8_t *out, int y)
{
    cp_pool(p, out, y, false);
}

static void cp_pool_falls(const struct convpool *p, uint8_t *out, int y)
{
    cp_pool(p, out, y, true);
}

static void convpool_u8(const struct facet_conv *c, size_t u0, size_t u1, void *scratch)
{
    struct convpool p = convpool_of(c, scratch);
    size_t per = ((size_t)c->oh + 1) / 2;
    for (size_t u = u0; u < u1; u++) {
        size_t n = u / per;
        int pair = (int)(u % per);
        const char *img = (const char *)c->in + n * (size_t)c->ih * (size_t)c->iw * (size_t)c->ic;
        uint8_t *out = (uint8_t *)c->out + n * (size_t)c->oh * (size_t)c->ow * c->out_px;
        if (u == u0 || pair == 0)
            cp_row(&p, img, 4 * pair);
        for (int y = 2 * pair; y < 2 * pair + 2 && y < c->oh; y++) {
            for (int i = 2 * y + 1; i <= 2 * y + 2 && i < p.h; i++)
                cp_row(&p, img, i);
            (p.falls ? cp_pool_falls : cp_pool_rises)(&p, out + (size_t)y * (size_t)c->ow * c->out_px, y);
        }
    }
}
