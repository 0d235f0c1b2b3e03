/* Convolution as an implicit matrix product over NHWC, in one text for all formats.
 *
 * Whatever the format, one step takes a group of 32 bits of channels: 1 float, 2 bf16 or 4 u8 (PER). A tile is up
 * to TILE_MR output pixels by TILE_NV vectors of output channels, held in registers while all of the window is
 * summed. The pixels of a tile need not be neighbours: each has its own pointer for each tap, so tiles run on over
 * row ends and over images, and a tap in the padding points at zeros (in u8: at zero points). Where the whole window
 * of every pixel is inside the picture and pixels are dense, a row of the window is one run of kw*ic numbers (a
 * first layer of three channels then has runs of nine). Where the channels fill no whole groups such rows are packed
 * as runs (facet_conv_has_runs), and windows that reach over the edge are copied. All blocks of output channels are
 * done for one tile before the next, so that the input stays in the first cache, in groups whose weights stay in the
 * second.
 *
 * Included after a vector header and a format header (fmt_*.inc.h), which say how to load, multiply and store.
 * Leaves out: nothing of struct facet_conv. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/end_body.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <math.h>
#include <string.h>

#define BLOCK (TILE_NV * VL)
#define GROUP_BYTES (512u << 10)
#define SIZE (4 / PER)                   /* bytes of a number of the input */

/* Where the input of a tile is: ptr[taps][TILE_MR], at each `run` bytes of whole groups and, of an odd number of
 * bf16, half a group. */
struct span { const char *const *ptr; int taps; size_t run; bool half; };

#ifndef DOT_NARROW
#define dot_narrow dot
#endif

/* narrow: of the last vector of channels only the lower half counts. */
FORCE_INLINE void tile_step(const char *const *a, ptrdiff_t k, const char *w, acct *acc, const bool half, const int mr, const int nv,
                            const bool narrow)
{
    wvec b[TILE_NV];
    UNROLL for (int j = 0; j < nv; j++)
        b[j] = w_load(w + j * VL * 4);
    UNROLL for (int p = 0; p < mr; p++) {
#if PER == 2
        xvec x = half ? x_set_half(a[p] + k) : x_set(a[p] + k);
#else
        xvec x = x_set(a[p] + k);
        (void)half;
#endif
        UNROLL for (int j = 0; j < nv; j++)
            acc[p * nv + j] = narrow && j == nv - 1 ? dot_narrow(x, b[j], acc[p * nv + j]) : dot(x, b[j], acc[p * nv + j]);
    }
}

/* There is always a tap and a number in it. */
FORCE_INLINE void tile_sum(const struct span *s, const char *w, acct *acc, const int mr, const int nv, const bool narrow)
{
    const char *const *ptr = s->ptr, *const *end = ptr + (size_t)s->taps * TILE_MR;
    size_t run = s->run;
    do {
        const char *a[TILE_MR];
        UNROLL for (int p = 0; p < mr; p++)
            a[p] = ptr[p] + run;
        ptrdiff_t k = -(ptrdiff_t)run;   /* up to zero, so that no register holds the end */
        if (PER == 1 || run)             /* without it gcc 12 keeps integer sums twice, half of them in memory */
            do {
                tile_step(a, k, w, acc, false, mr, nv, narrow);
                w += nv * VL * 4;
            } while (k += 4);
        if (PER == 2 && s->half) {
            tile_step(a, 0, w, acc, true, mr, nv, narrow);
            w += nv * VL * 4;
        }
        ptr += TILE_MR;
    } while (ptr < end);
}

/* How a tile ends, in registers: stores might change what is behind `c` for all the compiler knows. */
struct ending {
    vec scale[TILE_NV], bias[TILE_NV], slope[TILE_NV], res_scale, lo, hi;
    ivec res_zero, out_zero;
    const char *residual;
    size_t residual_px;
};

FORCE_INLINE outv end_sum(const struct ending *e, acct acc, size_t at, size_t n, const bool residual, const enum facet_fin fin, const int j)
{
    vec x = acc_real(acc, e->scale[j], e->bias[j]);
    if (residual)
        x = v_fma(res_load(e->residual, at + (size_t)(j * VL), e->res_zero, n), e->res_scale, x);
    if (fin == FACET_FIN_CLIP)
        x = v_min(v_max(x, e->lo), e->hi);
    else if (fin == FACET_FIN_PRELU)
        x = v_prelu(x, e->slope[j]);
    return out_of(x);
}

#ifndef ROWS_STORE
#define ROWS 1
FORCE_INLINE void rows_store(out_num *out, size_t px, const outv *y, ivec zero, size_t lanes, const int mr, const int nv)
{
    (void)px;
    UNROLL for (int i = 0; i < mr * nv; i++)
        out_store(out + i % nv * VL, y[i], zero, i % nv + 1 < nv ? VL : lanes);
}
#endif

/* lanes: channels of the last vector. */
FORCE_INLINE void end_as(const struct facet_conv *c, const acct *acc, size_t pixel, int ch, size_t lanes, const bool residual,
                         const enum facet_fin fin, const int mr, const int nv)
{
    const struct facet_finish *f = &c->fin;
    struct ending e = { .res_scale = v_set1(f->residual_scale), .res_zero = i_set1(f->residual_zero), .residual = f->residual,
                        .lo = v_set1(f->fin == FACET_FIN_NONE ? -INFINITY : f->lo), .hi = v_set1(f->fin == FACET_FIN_NONE ? INFINITY : f->hi) };
    size_t px = c->out_px, residual_px = f->residual_px, at = pixel * residual_px + (size_t)ch;
    out_num *out = (out_num *)c->out + pixel * px + (size_t)ch;
    ivec zero = i_set1(f->out_zero);
    UNROLL for (int j = 0; j < nv; j++) {
        e.scale[j] = PER == 4 ? v_load(f->scale + ch + j * VL) : v_zero();
        e.bias[j] = PER == 4 && f->bias ? v_load(f->bias + ch + j * VL) : v_zero();
        e.slope[j] = fin == FACET_FIN_PRELU ? v_load(f->slope + ch + j * VL) : v_zero();
    }
    UNROLL for (int p = 0; p < mr; p += ROWS) {
        outv y[ROWS * TILE_NV];
        const int n = mr - p < ROWS ? mr - p : ROWS;
        UNROLL for (int i = 0; i < n * nv; i++)
            y[i] = end_sum(&e, acc[p * nv + i], at + (size_t)(i / nv) * residual_px, i % nv + 1 < nv ? VL : lanes, residual, fin, i % nv);
        rows_store(out, px, y, zero, lanes, n, nv);
        at += ROWS * residual_px;
        out += ROWS * px;
    }
}

static __attribute__((noinline)) void end_seldom(const struct facet_conv *c, const vec *x, size_t pixel, int ch, size_t lanes, int mr, int nv)
{
    for (int p = 0; p < mr; p++)
        for (int j = 0; j < nv; j++)
            end_vector(&c->fin, c->out, c->out_px, pixel + (size_t)p, (size_t)(ch + j * VL), x[p * nv + j], j + 1 < nv ? VL : lanes);
}

/* Floats of the sums in memory, for whatever end. */
FORCE_INLINE void end_any(const struct facet_conv *c, const acct *acc, size_t pixel, int ch, size_t lanes, const int mr, const int nv)
{
    vec x[TILE_MR * TILE_NV], scale[TILE_NV], bias[TILE_NV];
    UNROLL for (int j = 0; j < nv; j++) {
        scale[j] = PER == 4 ? v_load(c->fin.scale + ch + j * VL) : v_zero();
        bias[j] = PER == 4 && c->fin.bias ? v_load(c->fin.bias + ch + j * VL) : v_zero();
    }
    UNROLL for (int i = 0; i < mr * nv; i++)
        x[i] = acc_real(acc[i], scale[i % nv], bias[i % nv]);
    end_seldom(c, x, pixel, ch, lanes, mr, nv);
}

FORCE_INLINE void tile(const struct facet_conv *c, const struct span *s, const char *w, size_t pixel, int oc0, size_t lanes,
                       const int mr, const int nv, const bool narrow)
{
    const struct facet_finish *f = &c->fin;
    acct acc[TILE_MR * TILE_NV], first[TILE_NV];
    UNROLL for (int j = 0; j < nv; j++)
        first[j] = acc_begin(f->bias ? f->bias + oc0 + j * VL : NULL);
    UNROLL for (int i = 0; i < mr * nv; i++)
        acc[i] = first[i % nv];
    tile_sum(s, w, acc, mr, nv, narrow);
    if (f->out_fmt != IN_FMT || (PER == 4 && !f->bounded) || (f->residual && (f->residual_fmt != IN_FMT || f->residual_after || f->fin == FACET_FIN_PRELU)))
        end_any(c, acc, pixel, oc0, lanes, mr, nv);
    else if (f->residual)
        end_as(c, acc, pixel, oc0, lanes, true, FACET_FIN_CLIP, mr, nv);
    else if (f->fin == FACET_FIN_PRELU)
        end_as(c, acc, pixel, oc0, lanes, false, FACET_FIN_PRELU, mr, nv);
    else if (f->fin == FACET_FIN_CLIP)
        end_as(c, acc, pixel, oc0, lanes, false, FACET_FIN_CLIP, mr, nv);
    else
        end_as(c, acc, pixel, oc0, lanes, false, FACET_FIN_NONE, mr, nv);
}

typedef void tile_fn(const struct facet_conv *c, const struct span *s, const char *w, size_t pixel, int oc0, size_t lanes);
#define TILE(MR, NV) TILE_AS(MR, NV, NV, false)
#define TILE_AS(MR, NAME, NV, NARROW)                                                              \
    static void tile_##MR##x##NAME(const struct facet_conv *c, const struct span *s, const char *w,  \
                                 size_t pixel, int oc0, size_t lanes)                              \
    {                                                                                              \
        tile(c, s, w, pixel, oc0, lanes, MR, NV, NARROW);                                                  \
    }
#define TILES(NV) TILE(1, NV) TILE(2, NV) TILE(3, NV) TILE(4, NV) TILES_MORE(NV)
#define TILE_ROW(NV) { tile_1x##NV, tile_2x##NV, tile_3x##NV, tile_4x##NV TILE_ROW_MORE(NV) }
#if TILE_MR == 12
#define TILES_MORE(NV) TILE(5, NV) TILE(6, NV) TILE(7, NV) TILE(8, NV) TILE(9, NV) TILE(10, NV) TILE(11, NV) TILE(12, NV)
#define TILE_ROW_MORE(NV) , tile_5x##NV, tile_6x##NV, tile_7x##NV, tile_8x##NV, tile_9x##NV, tile_10x##NV, tile_11x##NV, tile_12x##NV
#elif TILE_MR == 6
#define TILES_MORE(NV) TILE(5, NV) TILE(6, NV)
#define TILE_ROW_MORE(NV) , tile_5x##NV, tile_6x##NV
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

/* Up to half a vector behind a whole one: its operations take half the time where wide vectors are done in two parts. */
#ifdef DOT_NARROW
#define NARROW(MR) TILE_AS(MR, narrow, 2, true)
NARROW(1) NARROW(2) NARROW(3) NARROW(4) NARROW(5) NARROW(6) NARROW(7) NARROW(8) NARROW(9) NARROW(10) NARROW(11) NARROW(12)
static tile_fn *const tiles_narrow[TILE_MR] = TILE_ROW(narrow);
#endif

static inline tile_fn *tile_for(int mr, int nv, int lanes)
{
#ifdef DOT_NARROW
    if (nv == 2 && lanes <= VL / 2)
        return tiles_narrow[mr - 1];
#endif
    (void)lanes;
    return tiles[nv - 1][mr - 1];
}

/* Where the sweep over the output pixels is. */
struct walk { const char *img; int y, x; };

static struct walk walk_from(const struct facet_conv *c, size_t pixel)
{
    size_t plane = (size_t)c->oh * (size_t)c->ow, rest = pixel % plane;
    return (struct walk){ .img = (const char *)c->in + pixel / plane * (size_t)c->ih * (size_t)c->iw * c->in_px * SIZE,
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
        at->img += (size_t)c->ih * (size_t)c->iw * c->in_px * SIZE;
    }
}

static inline bool window_inside(const struct facet_conv *c, int iy, int ix)
{
    return iy >= 0 && ix >= 0 && iy + (c->kh - 1) * c->dy < c->ih && ix + (c->kw - 1) * c->dx < c->iw;
}

/* The first taps of `mr` pixels; false, with some of them unset, when a window reaches over the edge. */
static inline bool first_taps(const struct facet_conv *c, struct walk at, int mr, const char **ptr)
{
    size_t step = (size_t)c->sx * c->in_px * SIZE;
    for (int p = 0; p < mr;) {
        int iy = at.y * c->sy - c->pt, ix = at.x * c->sx - c->pl, n = c->ow - at.x < mr - p ? c->ow - at.x : mr - p;
        if (!window_inside(c, iy, ix) || !window_inside(c, iy, ix + (n - 1) * c->sx))
            return false;
        const char *from = at.img + ((size_t)iy * (size_t)c->iw + (size_t)ix) * c->in_px * SIZE;
        for (int i = 0; i < n; i++, from += step)
            ptr[p + i] = from;
        p += n;
        walk_on(c, &at, n);
    }
    return true;
}

/* A span of `taps` taps of `len` numbers. */
static inline struct span span_of(const char *const *ptr, int taps, int len)
{
    size_t groups = PER == 2 ? (size_t)len / 2 : ((size_t)len + PER - 1) / PER;
    return (struct span){ .ptr = ptr, .taps = taps, .run = groups * 4, .half = PER == 2 && len % 2 };
}

/* The taps of one pixel, TILE_MR pointers from one to the next. */
static inline void taps_of(const struct facet_conv *c, const struct walk *at, const char **ptr)
{
    int y = at->y * c->sy - c->pt, x0 = at->x * c->sx - c->pl;
    ptrdiff_t px = (ptrdiff_t)c->in_px * SIZE, first = ((ptrdiff_t)y * c->iw + x0) * px;
    for (int ky = 0; ky < c->kh; ky++, y += c->dy, first += (ptrdiff_t)c->dy * c->iw * px) {
        bool in_row = (unsigned)y < (unsigned)c->ih;
        ptrdiff_t off = first;
        for (int kx = 0, x = x0; kx < c->kw; kx++, x += c->dx, off += c->dx * px, ptr += TILE_MR)
            *ptr = in_row && (unsigned)x < (unsigned)c->iw ? at->img + off : c->zero;
    }
}

static struct span span_over_edge(const struct facet_conv *c, struct walk at, int mr, const char **ptr)
{
    for (int p = 0; p < mr; p++, walk_on(c, &at, 1))
        taps_of(c, &at, ptr + p);
    return span_of(ptr, c->kh * c->kw, c->ic);
}

#if PER > 1
static const char *tap_of(const struct facet_conv *c, const struct walk *at, int ky, int kx)
{
    int y = at->y * c->sy - c->pt + ky * c->dy, x = at->x * c->sx - c->pl + kx * c->dx;
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return c->zero;
    return at->img + ((size_t)y * (size_t)c->iw + (size_t)x) * c->in_px * SIZE;
}

/* The windows themselves, behind the pointers in scratch: rows of kw*ic numbers. */
static struct span span_copied(const struct facet_conv *c, struct walk at, int mr, const char **ptr)
{
    char *to = (char *)(ptr + c->kh * c->kw * TILE_MR);
    size_t px = (size_t)c->ic * SIZE;
    for (int p = 0; p < mr; p++, walk_on(c, &at, 1)) {
        for (int ky = 0; ky < c->kh; ky++, to += ((size_t)c->kw * px + 3) / 4 * 4) {
            ptr[ky * TILE_MR + p] = to;
            for (int kx = 0; kx < c->kw; kx++)
                memcpy(to + (size_t)kx * px, tap_of(c, &at, ky, kx), px);
        }
    }
    return span_of(ptr, c->kh, c->kw * c->ic);
}
#endif

static struct span span_inside(const struct facet_conv *c, int mr, const char **ptr)
{
    bool runs = c->dx == 1 && c->in_px == (size_t)c->ic && (c->ic % PER == 0 || facet_conv_has_runs(IN_FMT, c->ic, c->kw, c->dx));
    int cols = runs ? 1 : c->kw, t = 0;
    for (int p = mr; p < TILE_MR; p++)
        ptr[p] = ptr[0];
    for (int ky = 0; ky < c->kh; ky++) {
        for (int kx = 0; kx < cols; kx++, t++) {
            size_t step = ((size_t)(ky * c->dy) * (size_t)c->iw + (size_t)(kx * c->dx)) * c->in_px * SIZE;
            UNROLL for (int p = 0; t > 0 && p < TILE_MR; p++)
                ptr[t * TILE_MR + p] = ptr[p] + step;
        }
    }
    return span_of(ptr, c->kh * cols, runs ? c->kw * c->ic : c->ic);
}

static inline bool is_product(const struct facet_conv *c)
{
    return c->kh == 1 && c->kw == 1 && c->oh == c->ih && c->ow == c->iw && !c->pt && !c->pl;
}

/* Fills ptr[taps][TILE_MR] for the `mr` pixels from `pixel` on, which is `at`, and goes on behind them. */
static struct span tile_span(const struct facet_conv *c, struct walk *at, size_t pixel, int mr, const char **ptr)
{
    if (is_product(c)) {
        UNROLL for (int p = 0; p < TILE_MR; p++)
            ptr[p] = (const char *)c->in + (pixel + (size_t)(p < mr ? p : 0)) * c->in_px * SIZE;
        return span_of(ptr, 1, c->ic);
    }
    struct walk here = *at;
    bool inside = first_taps(c, here, mr, ptr);
    for (int p = 0, n; p < mr; p += n)
        walk_on(c, at, n = c->ow - at->x < mr - p ? c->ow - at->x : mr - p);
#if PER > 1
    if (facet_conv_has_runs(IN_FMT, c->ic, c->kw, c->dx) && (!inside || c->in_px != (size_t)c->ic))
        return span_copied(c, here, mr, ptr);
#endif
    return inside ? span_inside(c, mr, ptr) : span_over_edge(c, here, mr, ptr);
}

static void tile_blocks(const struct facet_conv *c, const struct span *s, size_t depth, size_t pixel, int mr, int oc0, int oc1)
{
    for (int oc = oc0; oc < oc1; oc += BLOCK) {
        int left = c->oc - oc, n = left < BLOCK ? left : BLOCK, nv = (n + VL - 1) / VL;
        int lanes = n - (nv - 1) * VL;
        tile_for(mr, nv, lanes)(c, s, (const char *)c->w + (size_t)oc * depth * 4, pixel, oc, (size_t)lanes);
    }
}

static void CONV(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    size_t depth = facet_conv_groups(IN_FMT, c->ic, c->kh, c->kw, c->dx), count = (p1 - p0 + TILE_MR - 1) / TILE_MR;
    size_t per = GROUP_BYTES / (depth * BLOCK * 4);
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
            tile_blocks(c, &s, depth, pixel, mr, oc, end);
            pixel += (size_t)mr;
        }
    }
}
