/* Depthwise convolution in any format: one vector of channels at a time.
 *
 * A 3x3 window of stride 1 or 2 is done in blocks of DW_X columns of up to two rows of output, whose sums and all nine
 * weights stay in registers, so that every input number is loaded (and made a float) once for all of them. All
 * channels of a block come before the next block: what is read then lies in rows. A block inside the
 * picture steps from its first number; one at the edge has a pointer for each number, to the padding where it must.
 * Other windows go tap by tap, four vectors at a time.
 *
 * u8: the numbers are made floats. A sum of up to 512 products of a byte and a signed byte is exact in them, whatever
 * the order; longer windows are left to C.
 *
 * Included after a vector header and one of dw_<format>.inc.h, which say what a number is. */
#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/end_body.h"
#include "engine/backends/cpu/simd/unroll.h"

#define DW_X 4
#define DW_LINES 5               /* of two rows of stride 2 */
#define DW_COLS 9

/* Where the numbers of a block of up to two rows of DW_X columns are, for its first channels. */
struct block {
    const struct facet_conv *c;
    const elem *first;           /* inside: number [0][0] */
    size_t line;                 /* from line to line */
    const elem *at[DW_LINES][DW_COLS];    /* at the edge */
    size_t pixel;                /* of the output, the first */
};

static inline size_t tap_px(const struct facet_conv *c)
{
    return ((size_t)c->ic + W_ROUND - 1) / W_ROUND * W_ROUND;
}

/* The number under row y and column x of picture `img`: the padding's where that is outside. */
static inline const elem *number_at(const struct facet_conv *c, const elem *img, int y, int x)
{
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return c->zero;
    return img + ((size_t)y * (size_t)c->iw + (size_t)x) * c->in_px;
}

/* Ends `n` sums of one vector of channels; pixel i is i % DW_X columns and i / DW_X rows on. */
FORCE_INLINE void dw_end(const struct facet_conv *c, size_t pixel, int ch, vec *sum, const int n, const bool simple)
{
    const struct facet_finish *f = &c->fin;
    size_t lanes = (size_t)(c->ic - ch);
    vec scale = sum_scale(f, ch), bias = sum_bias(f, ch);
    UNROLL for (int i = 0; i < n; i++)
        sum[i] = sum_real(sum[i], scale, bias);
    if (!simple) {
        UNROLL for (int i = 0; i < n; i++)
            end_vector(f, c->out, c->out_px, pixel + (size_t)(i / DW_X) * (size_t)c->ow + i % DW_X, (size_t)ch, sum[i], lanes < VL ? lanes : VL);
        return;
    }
    if (f->fin == FACET_FIN_PRELU) {
        vec slope = v_load(f->slope + ch);
        UNROLL for (int i = 0; i < n; i++)
            sum[i] = v_prelu(sum[i], slope);
    } else if (f->fin == FACET_FIN_CLIP) {
        vec lo = v_set1(f->lo), hi = v_set1(f->hi);
        UNROLL for (int i = 0; i < n; i++)
            sum[i] = v_min(v_max(sum[i], lo), hi);
    }
    elem *out = (elem *)c->out + pixel * c->out_px + (size_t)ch;
    UNROLL for (int i = 0; i < n; i++)
        own_store(f, out + ((size_t)(i / DW_X) * (size_t)c->ow + i % DW_X) * c->out_px, sum[i]);
}

/* sx, rows and the rest are known to the compiler. simple: a whole vector into the input's format, without residual. */
FORCE_INLINE void dw_block(const struct block *b, int ch, const int sx, const int rows, const bool edge, const bool simple)
{
    const struct facet_conv *c = b->c;
    size_t tap = tap_px(c), px = c->in_px;
    const elem *in = b->first + ch;
    vec w[9], sum[2 * DW_X], d[DW_COLS];
    UNROLL for (int i = 0; i < 9; i++)
        w[i] = w_load((const welem *)c->w + (size_t)i * tap + (size_t)ch);
    UNROLL for (int i = 0; i < rows * DW_X; i++)
        sum[i] = sum_begin(&c->fin, ch);
    UNROLL for (int ky = 0; ky < 3 + (rows - 1) * sx; ky++) {
        UNROLL for (int i = 0; i < (DW_X - 1) * sx + 3; i++)
            d[i] = d_load(edge ? b->at[ky][i] + ch : in + (size_t)i * px);
        in += b->line;
        UNROLL for (int r = 0; r < rows; r++) {
            const int row = ky - r * sx;
            if (row < 0 || row > 2)
                continue;
            UNROLL for (int k = 0; k < 3; k++)
                UNROLL for (int i = 0; i < DW_X; i++)
                    sum[r * DW_X + i] = v_fma(d[i * sx + k], w[row * 3 + k], sum[r * DW_X + i]);
        }
    }
    dw_end(c, b->pixel, ch, sum, rows * DW_X, simple);
}

FORCE_INLINE void dw_channels(const struct block *b, const int sx, const int rows, const bool edge)
{
    const struct facet_conv *c = b->c;
    bool simple = c->fin.out_fmt == OWN_FMT && !c->fin.residual;
    int ch = 0;
    for (; simple && ch + VL <= c->ic; ch += VL)
        dw_block(b, ch, sx, rows, edge, true);
    for (; ch < c->ic; ch += VL)
        dw_block(b, ch, sx, rows, edge, false);
}

static void dw_inside(const struct block *b, int rows)
{
    if (b->c->sx == 1)
        rows == 2 ? dw_channels(b, 1, 2, false) : dw_channels(b, 1, 1, false);
    else
        rows == 2 ? dw_channels(b, 2, 2, false) : dw_channels(b, 2, 1, false);
}

static void dw_edge(const struct block *b, int rows)
{
    if (b->c->sx == 1)
        rows == 2 ? dw_channels(b, 1, 2, true) : dw_channels(b, 1, 1, true);
    else
        rows == 2 ? dw_channels(b, 2, 2, true) : dw_channels(b, 2, 1, true);
}

/* The block of `rows` rows from y on and of DW_X columns from x on of picture n. */
static void dw_quad(const struct facet_conv *c, size_t n, int y, int x, int rows)
{
    const elem *img = (const elem *)c->in + n * (size_t)c->ih * (size_t)c->iw * c->in_px;
    int iy = y * c->sy - c->pt, ix = x * c->sx - c->pl, lines = 3 + (rows - 1) * c->sy, cols = (DW_X - 1) * c->sx + 3;
    struct block b = { .c = c, .line = (size_t)c->iw * c->in_px };
    b.pixel = (n * (size_t)c->oh + (size_t)y) * (size_t)c->ow + (size_t)x;
    if (iy >= 0 && ix >= 0 && iy + lines <= c->ih && ix + cols <= c->iw) {
        b.first = number_at(c, img, iy, ix);
        dw_inside(&b, rows);
        return;
    }
    b.first = c->zero;
    for (int i = 0; i < lines; i++)
        for (int k = 0; k < cols; k++)
            b.at[i][k] = number_at(c, img, iy + i, ix + k);
    dw_edge(&b, rows);
}

/* nv vectors of channels from ch on of one pixel, any window. */
FORCE_INLINE void dw_taps(const struct facet_conv *c, const elem *img, int iy, int ix, size_t pixel, int ch, const int nv)
{
    vec sum[4];
    UNROLL for (int v = 0; v < nv; v++)
        sum[v] = sum_begin(&c->fin, ch + v * VL);
    for (int t = 0; t < c->kh * c->kw; t++) {
        const elem *in = number_at(c, img, iy + t / c->kw * c->dy, ix + t % c->kw * c->dx) + ch;
        const welem *w = (const welem *)c->w + (size_t)t * tap_px(c) + (size_t)ch;
        UNROLL for (int v = 0; v < nv; v++)
            sum[v] = v_fma(d_load(in + v * VL), w_load(w + v * VL), sum[v]);
    }
    UNROLL for (int v = 0; v < nv; v++)
        dw_end(c, pixel, ch + v * VL, &sum[v], 1, false);
}

static void dw_pixel(const struct facet_conv *c, size_t n, int y, int x)
{
    const elem *img = (const elem *)c->in + n * (size_t)c->ih * (size_t)c->iw * c->in_px;
    size_t pixel = (n * (size_t)c->oh + (size_t)y) * (size_t)c->ow + (size_t)x;
    int iy = y * c->sy - c->pt, ix = x * c->sx - c->pl, ch = 0;
    for (; ch + 4 * VL <= c->ic; ch += 4 * VL)
        dw_taps(c, img, iy, ix, pixel, ch, 4);
    for (; ch < c->ic; ch += VL)
        dw_taps(c, img, iy, ix, pixel, ch, 1);
}

static inline bool dw_has_quads(const struct facet_conv *c)
{
    return c->kh == 3 && c->kw == 3 && c->dx == 1 && c->dy == 1 && c->sx == c->sy && c->sx <= 2 && c->ow >= DW_X;
}

static void DW(const struct facet_conv *c, size_t r0, size_t r1)
{
    bool quads = dw_has_quads(c);
    for (size_t r = r0, rows; r < r1; r += rows) {
        size_t n = r / (size_t)c->oh;
        int y = (int)(r % (size_t)c->oh);
        rows = quads && r + 1 < r1 && y + 1 < c->oh ? 2 : 1;
        for (int x = 0; quads && x < c->ow; x += DW_X)     /* the last begins earlier */
            dw_quad(c, n, y, x + DW_X <= c->ow ? x : c->ow - DW_X, (int)rows);
        for (int x = 0; !quads && x < c->ow; x++)
            dw_pixel(c, n, y, x);
    }
}
