/* Convolution as an implicit matrix product over NHWC.
 *
 * A tile is up to TILE_MR output pixels by TILE_NV vectors of output channels, held in registers
 * while all of the window is summed. The pixels of a tile need not be neighbours: each has its own
 * pointer for each tap, so tiles run on over row ends and over images, and a tap in the padding
 * points at zeros. Where the whole window of every pixel is inside the picture and pixels are
 * dense, a row of the window is one run of kw*ic numbers (a first layer of three channels then has
 * runs of nine). All blocks of output channels are done for one tile before the next, so that the
 * input stays in the first cache, in groups whose weights stay in the second.
 *
 * Included after a vector header. Leaves out: nothing of struct facet_conv. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif
#define FORCE_INLINE static inline __attribute__((always_inline))

#define BLOCK (TILE_NV * VL)
#define GROUP_BYTES (512u << 10)

struct span { const float *const *ptr; int taps, run; };

FORCE_INLINE void tile_sum(const struct span *s, const float *w, vec *acc, const int mr, const int nv)
{
    UNROLL for (int i = 0; i < mr * nv; i++)
        acc[i] = v_zero();
    for (int t = 0; t < s->taps; t++) {
        const float *a[TILE_MR];
        UNROLL for (int p = 0; p < mr; p++)
            a[p] = s->ptr[t * TILE_MR + p];
        for (int k = 0; k < s->run; k++, w += nv * VL) {
            vec b[TILE_NV];
            UNROLL for (int j = 0; j < nv; j++)
                b[j] = v_load(w + j * VL);
            UNROLL for (int p = 0; p < mr; p++) {
                vec x = v_set1(a[p][k]);
                UNROLL for (int j = 0; j < nv; j++)
                    acc[p * nv + j] = v_fma(x, b[j], acc[p * nv + j]);
            }
        }
    }
}

/* lanes: channels of the last vector. */
FORCE_INLINE void tile(const struct facet_conv *c, const struct span *s, const float *w, size_t pixel,
                       int oc0, int lanes, const int mr, const int nv)
{
    vec acc[TILE_MR * TILE_NV];
    tile_sum(s, w, acc, mr, nv);
    UNROLL for (int j = 0; j < nv; j++) {
        int ch = oc0 + j * VL, n = j == nv - 1 ? lanes : VL;
        float *out = c->out + pixel * c->out_px + ch;
        const float *res = c->fin.residual ? c->fin.residual + pixel * c->fin.residual_px + ch : NULL;
        struct finish f = finish_load(&c->fin, ch);
        if (!res && f.fin == FACET_FIN_NONE) {
            UNROLL for (int p = 0; p < mr; p++)
                v_storen(out + (size_t)p * c->out_px, v_add(acc[p * nv + j], f.bias), (size_t)n);
        } else if (!res && f.fin == FACET_FIN_CLIP) {
            UNROLL for (int p = 0; p < mr; p++)
                v_storen(out + (size_t)p * c->out_px,
                         v_min(v_max(v_add(acc[p * nv + j], f.bias), f.lo), f.hi), (size_t)n);
        } else if (!res && f.fin == FACET_FIN_PRELU) {
            UNROLL for (int p = 0; p < mr; p++)
                v_storen(out + (size_t)p * c->out_px, v_prelu(v_add(acc[p * nv + j], f.bias), f.slope), (size_t)n);
        } else {
            UNROLL for (int p = 0; p < mr; p++) {
                vec r = res ? v_loadn(res + (size_t)p * c->fin.residual_px, (size_t)n) : v_zero();
                v_storen(out + (size_t)p * c->out_px, finish_apply(&f, acc[p * nv + j], r), (size_t)n);
            }
        }
    }
}

typedef void tile_fn(const struct facet_conv *c, const struct span *s, const float *w, size_t pixel,
                     int oc0, int lanes);
#define TILE(MR, NV)                                                                                \
    static void tile_##MR##x##NV(const struct facet_conv *c, const struct span *s, const float *w,  \
                                 size_t pixel, int oc0, int lanes)                                  \
    {                                                                                               \
        tile(c, s, w, pixel, oc0, lanes, MR, NV);                                                   \
    }
#define TILES(NV) TILE(1, NV) TILE(2, NV) TILE(3, NV) TILE(4, NV) TILE(5, NV) TILE(6, NV) TILES_MORE(NV)
#define TILE_ROW(NV) { tile_1x##NV, tile_2x##NV, tile_3x##NV, tile_4x##NV, tile_5x##NV, tile_6x##NV TILE_ROW_MORE(NV) }
#if TILE_MR == 12
#define TILES_MORE(NV) TILE(7, NV) TILE(8, NV) TILE(9, NV) TILE(10, NV) TILE(11, NV) TILE(12, NV)
#define TILE_ROW_MORE(NV) , tile_7x##NV, tile_8x##NV, tile_9x##NV, tile_10x##NV, tile_11x##NV, tile_12x##NV
#else
#define TILES_MORE(NV)
#define TILE_ROW_MORE(NV)
#endif

TILES(1)
TILES(2)
#if TILE_NV == 4
TILES(3)
TILES(4)
static tile_fn *const tiles[TILE_NV][TILE_MR] = { TILE_ROW(1), TILE_ROW(2), TILE_ROW(3), TILE_ROW(4) };
#else
static tile_fn *const tiles[TILE_NV][TILE_MR] = { TILE_ROW(1), TILE_ROW(2) };
#endif

/* Where the window of one output pixel begins; `at` may lie before the picture. */
struct corner { const float *img, *at; int iy, ix; };

static inline bool window_inside(const struct facet_conv *c, int iy, int ix)
{
    return iy >= 0 && ix >= 0 && iy + (c->kh - 1) * c->dy < c->ih && ix + (c->kw - 1) * c->dx < c->iw;
}

/* The corners of `mr` pixels in a row; true when all windows are inside the picture. */
static inline bool tile_corners(const struct facet_conv *c, size_t pixel, int mr, struct corner *k)
{
    size_t plane = (size_t)c->oh * (size_t)c->ow, rest = pixel % plane, img_px = (size_t)c->ih * (size_t)c->iw;
    int y = (int)(rest / (size_t)c->ow), x = (int)(rest % (size_t)c->ow);
    const float *img = c->in + pixel / plane * img_px * c->in_px;
    bool all = true;
    for (int p = 0; p < mr;) {
        int iy = y * c->sy - c->pt, ix = x * c->sx - c->pl, n = c->ow - x < mr - p ? c->ow - x : mr - p;
        const float *at = img + ((ptrdiff_t)iy * c->iw + ix) * (ptrdiff_t)c->in_px;
        all &= window_inside(c, iy, ix) && window_inside(c, iy, ix + (n - 1) * c->sx);
        for (int i = 0; i < n; i++, p++, ix += c->sx, at += (size_t)c->sx * c->in_px)
            k[p] = (struct corner){ .img = img, .at = at, .iy = iy, .ix = ix };
        x = 0;
        if (++y == c->oh) {
            y = 0;
            img += img_px * c->in_px;
        }
    }
    return all;
}

static const float *tap_of(const struct facet_conv *c, const struct corner *k, int ky, int kx)
{
    int y = k->iy + ky * c->dy, x = k->ix + kx * c->dx;
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return c->zero;
    return k->img + ((ptrdiff_t)y * c->iw + x) * (ptrdiff_t)c->in_px;
}

/* Fills ptr[taps][TILE_MR] for the pixels [pixel, pixel + mr). */
static struct span tile_span(const struct facet_conv *c, size_t pixel, int mr, const float **ptr)
{
    struct corner k[TILE_MR];
    if (c->kh == 1 && c->kw == 1 && c->oh == c->ih && c->ow == c->iw && !c->pt && !c->pl) {
        for (int p = 0; p < mr; p++)
            ptr[p] = c->in + (pixel + (size_t)p) * c->in_px;
        return (struct span){ .ptr = ptr, .taps = 1, .run = c->ic };
    }
    bool inside = tile_corners(c, pixel, mr, k);
    bool runs = inside && c->dx == 1 && c->in_px == (size_t)c->ic;
    int cols = runs ? 1 : c->kw, t = 0;
    for (int ky = 0; ky < c->kh; ky++) {
        for (int kx = 0; kx < cols; kx++, t++) {
            size_t step = ((size_t)(ky * c->dy) * (size_t)c->iw + (size_t)(kx * c->dx)) * c->in_px;
            for (int p = 0; p < mr; p++)
                ptr[t * TILE_MR + p] = inside ? k[p].at + step : tap_of(c, &k[p], ky, kx);
        }
    }
    return (struct span){ .ptr = ptr, .taps = c->kh * cols, .run = runs ? c->kw * c->ic : c->ic };
}

static void tile_blocks(const struct facet_conv *c, const struct span *s, size_t pixel, int mr, int oc0, int oc1)
{
    size_t depth = (size_t)c->kh * (size_t)c->kw * (size_t)c->ic;
    for (int oc = oc0; oc < oc1; oc += BLOCK) {
        int left = c->oc - oc, n = left < BLOCK ? left : BLOCK, nv = (n + VL - 1) / VL;
        tiles[nv - 1][mr - 1](c, s, c->w + (size_t)oc * depth, pixel, oc, n - (nv - 1) * VL);
    }
}

static void conv_f32(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    size_t depth = (size_t)c->kh * (size_t)c->kw * (size_t)c->ic, count = (p1 - p0 + TILE_MR - 1) / TILE_MR;
    size_t per = GROUP_BYTES / (depth * BLOCK * sizeof(float));
    int step = (int)(per > 0 ? per : 1) * BLOCK;
    for (int oc = 0; oc < c->oc; oc += step) {
        int end = c->oc - oc < step ? c->oc : oc + step;
        for (size_t t = 0; t < count; t++) {
            size_t a = p0 + (p1 - p0) * t / count, b = p0 + (p1 - p0) * (t + 1) / count;
            struct span s = tile_span(c, a, (int)(b - a), scratch);
            tile_blocks(c, &s, a, (int)(b - a), oc, end);
        }
    }
}
