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
#define UNROLL _Pragma("GCC unroll 24")
#endif
#define FORCE_INLINE static inline __attribute__((always_inline))

#define BLOCK (TILE_NV * VL)
#define GROUP_BYTES (512u << 10)

struct span { const float *const *ptr; int taps, run; };

/* acc begins as the bias. There is always a tap and a number in it. */
FORCE_INLINE void tile_sum(const struct span *s, const float *w, vec *acc, const int mr, const int nv)
{
    const float *const *ptr = s->ptr, *const *end = ptr + (size_t)s->taps * TILE_MR;
    size_t run = (size_t)s->run;
    do {
        const float *a[TILE_MR];
        UNROLL for (int p = 0; p < mr; p++)
            a[p] = ptr[p];
        size_t k = 0;
        do {
            vec b[TILE_NV];
            UNROLL for (int j = 0; j < nv; j++)
                b[j] = v_load(w + j * VL);
            UNROLL for (int p = 0; p < mr; p++) {
                vec x = v_set1(a[p][k]);
                UNROLL for (int j = 0; j < nv; j++)
                    acc[p * nv + j] = v_fma(x, b[j], acc[p * nv + j]);
            }
            w += nv * VL;
        } while (++k < run);
        ptr += TILE_MR;
    } while (ptr < end);
}

/* Finishes and stores vector j, a constant: were it the counter of a loop, acc would lie in memory. */
FORCE_INLINE void tile_end(const struct facet_conv *c, const vec *acc, size_t pixel, int ch, size_t n,
                           const int mr, const int nv, const int j)
{
    float *out = (float *)c->out + pixel * c->out_px + ch;
    struct finish f = finish_load(&c->fin, ch);
    if (c->fin.residual) {
        const float *res = (const float *)c->fin.residual + pixel * c->fin.residual_px + ch;
        f.bias = v_zero();
        UNROLL for (int p = 0; p < mr; p++)
            v_storen(out + (size_t)p * c->out_px,
                     finish_apply(&f, acc[p * nv + j], v_loadn(res + (size_t)p * c->fin.residual_px, n)), n);
    } else if (f.fin == FACET_FIN_PRELU) {
        UNROLL for (int p = 0; p < mr; p++)
            v_storen(out + (size_t)p * c->out_px, v_prelu(acc[p * nv + j], f.slope), n);
    } else if (f.fin == FACET_FIN_CLIP) {
        UNROLL for (int p = 0; p < mr; p++)
            v_storen(out + (size_t)p * c->out_px, v_min(v_max(acc[p * nv + j], f.lo), f.hi), n);
    } else {
        UNROLL for (int p = 0; p < mr; p++)
            v_storen(out + (size_t)p * c->out_px, acc[p * nv + j], n);
    }
}

/* lanes: channels of the last vector. */
FORCE_INLINE void tile(const struct facet_conv *c, const struct span *s, const float *w, size_t pixel,
                       int oc0, int lanes, const int mr, const int nv)
{
    vec acc[TILE_MR * TILE_NV], bias[TILE_NV];
    UNROLL for (int j = 0; j < nv; j++)
        bias[j] = c->fin.bias ? v_load(c->fin.bias + oc0 + j * VL) : v_zero();
    UNROLL for (int i = 0; i < mr * nv; i++)
        acc[i] = bias[i % nv];
    tile_sum(s, w, acc, mr, nv);
    tile_end(c, acc, pixel, oc0, nv > 1 ? VL : (size_t)lanes, mr, nv, 0);
    if (nv > 1)
        tile_end(c, acc, pixel, oc0 + VL, nv > 2 ? VL : (size_t)lanes, mr, nv, 1);
    if (nv > 2)
        tile_end(c, acc, pixel, oc0 + 2 * VL, nv > 3 ? VL : (size_t)lanes, mr, nv, 2);
    if (nv > 3)
        tile_end(c, acc, pixel, oc0 + 3 * VL, (size_t)lanes, mr, nv, 3);
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

/* Where the sweep over the output pixels is. */
struct walk { const float *img; int y, x; };

static struct walk walk_from(const struct facet_conv *c, size_t pixel)
{
    size_t plane = (size_t)c->oh * (size_t)c->ow, rest = pixel % plane;
    return (struct walk){ .img = (const float *)c->in + pixel / plane * (size_t)c->ih * (size_t)c->iw * c->in_px,
                          .y = (int)(rest / (size_t)c->ow), .x = (int)(rest % (size_t)c->ow) };
}

static inline void walk_on(const struct facet_conv *c, struct walk *at, int n)
{
    at->x += n;
    if (at->x < c->ow)
        return;
    at->x = 0;
    if (++at->y == c->oh) {
        at->y = 0;
        at->img += (size_t)c->ih * (size_t)c->iw * c->in_px;
    }
}

static inline bool window_inside(const struct facet_conv *c, int iy, int ix)
{
    return iy >= 0 && ix >= 0 && iy + (c->kh - 1) * c->dy < c->ih && ix + (c->kw - 1) * c->dx < c->iw;
}

/* The first taps of `mr` pixels; false, with some of them unset, when a window reaches over the edge. */
static inline bool first_taps(const struct facet_conv *c, struct walk at, int mr, const float **ptr)
{
    size_t step = (size_t)c->sx * c->in_px;
    for (int p = 0; p < mr;) {
        int iy = at.y * c->sy - c->pt, ix = at.x * c->sx - c->pl, n = c->ow - at.x < mr - p ? c->ow - at.x : mr - p;
        if (!window_inside(c, iy, ix) || !window_inside(c, iy, ix + (n - 1) * c->sx))
            return false;
        const float *from = at.img + ((size_t)iy * (size_t)c->iw + (size_t)ix) * c->in_px;
        for (int i = 0; i < n; i++, from += step)
            ptr[p + i] = from;
        p += n;
        walk_on(c, &at, n);
    }
    return true;
}

static const float *tap_of(const struct facet_conv *c, const struct walk *at, int ky, int kx)
{
    int y = at->y * c->sy - c->pt + ky * c->dy, x = at->x * c->sx - c->pl + kx * c->dx;
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return c->zero;
    return at->img + ((size_t)y * (size_t)c->iw + (size_t)x) * c->in_px;
}

static struct span span_over_edge(const struct facet_conv *c, struct walk at, int mr, const float **ptr)
{
    for (int p = 0; p < mr; p++, walk_on(c, &at, 1))
        for (int t = 0; t < c->kh * c->kw; t++)
            ptr[t * TILE_MR + p] = tap_of(c, &at, t / c->kw, t % c->kw);
    return (struct span){ .ptr = ptr, .taps = c->kh * c->kw, .run = c->ic };
}

static struct span span_inside(const struct facet_conv *c, int mr, const float **ptr)
{
    bool runs = c->dx == 1 && c->in_px == (size_t)c->ic;
    int cols = runs ? 1 : c->kw, t = 0;
    for (int p = mr; p < TILE_MR; p++)
        ptr[p] = ptr[0];
    for (int ky = 0; ky < c->kh; ky++) {
        for (int kx = 0; kx < cols; kx++, t++) {
            size_t step = ((size_t)(ky * c->dy) * (size_t)c->iw + (size_t)(kx * c->dx)) * c->in_px;
            UNROLL for (int p = 0; t > 0 && p < TILE_MR; p++)
                ptr[t * TILE_MR + p] = ptr[p] + step;
        }
    }
    return (struct span){ .ptr = ptr, .taps = c->kh * cols, .run = runs ? c->kw * c->ic : c->ic };
}

/* Fills ptr[taps][TILE_MR] for the `mr` pixels from `pixel` on, which is `at`, and goes on behind them. */
static struct span tile_span(const struct facet_conv *c, struct walk *at, size_t pixel, int mr, const float **ptr)
{
    if (c->kh == 1 && c->kw == 1 && c->oh == c->ih && c->ow == c->iw && !c->pt && !c->pl) {
        UNROLL for (int p = 0; p < TILE_MR; p++)
            ptr[p] = (const float *)c->in + (pixel + (size_t)(p < mr ? p : 0)) * c->in_px;
        return (struct span){ .ptr = ptr, .taps = 1, .run = c->ic };
    }
    struct walk here = *at;
    bool inside = first_taps(c, here, mr, ptr);
    for (int p = 0, n; p < mr; p += n)
        walk_on(c, at, n = c->ow - at->x < mr - p ? c->ow - at->x : mr - p);
    return inside ? span_inside(c, mr, ptr) : span_over_edge(c, here, mr, ptr);
}

static void tile_blocks(const struct facet_conv *c, const struct span *s, size_t pixel, int mr, int oc0, int oc1)
{
    size_t depth = (size_t)c->kh * (size_t)c->kw * (size_t)c->ic;
    for (int oc = oc0; oc < oc1; oc += BLOCK) {
        int left = c->oc - oc, n = left < BLOCK ? left : BLOCK, nv = (n + VL - 1) / VL;
        tiles[nv - 1][mr - 1](c, s, (const float *)c->w + (size_t)oc * depth, pixel, oc, n - (nv - 1) * VL);
    }
}

static void conv_f32(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    size_t depth = (size_t)c->kh * (size_t)c->kw * (size_t)c->ic, count = (p1 - p0 + TILE_MR - 1) / TILE_MR;
    size_t per = GROUP_BYTES / (depth * BLOCK * sizeof(float));
    int step = (int)(per > 0 ? per : 1) * BLOCK;
    if (p0 == p1)
        return;
    size_t few = (p1 - p0) / count, more = (p1 - p0) % count;    /* pixels of a tile; tiles that have one more */
    for (int oc = 0; oc < c->oc; oc += step) {
        int end = c->oc - oc < step ? c->oc : oc + step;
        struct walk at = walk_from(c, p0);
        for (size_t t = 0, pixel = p0; t < count; t++) {
            int mr = (int)(few + (t < more));
            struct span s = tile_span(c, &at, pixel, mr, scratch);
            tile_blocks(c, &s, pixel, mr, oc, end);
            pixel += (size_t)mr;
        }
    }
}
