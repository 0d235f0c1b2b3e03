/* Pools, means and conversions of stored numbers. Plain C whose inner loops run along the channels, so that the
 * compiler makes vectors of the kind's width of them; the same float operations as in c/, in the same order. */
#include "engine/backends/cpu/kernels.h"

#include <string.h>

#define ROWS_CHUNK 256 /* channels whose sums are kept on the stack */

/* ---- numbers in a row ---- */

static void bf16_from(const float *restrict in, uint16_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &in[i], sizeof(u));
        uint32_t near = (u + 0x7fff + (u >> 16 & 1)) >> 16, keep = u >> 16 | 0x40;
        out[i] = (uint16_t)((u & 0x7fffffff) > 0x7f800000 ? keep : near);
    }
}

static void bf16_to(const uint16_t *restrict in, float *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t u = (uint32_t)in[i] << 16;
        memcpy(&out[i], &u, sizeof(u));
    }
}

/* To the nearest even by adding and taking away 3 * 2^22: v is within +-255. What is no number becomes the least. */
static inline int32_t rows_nearest(float x, float lo, float hi)
{
    float v = x > lo ? x : lo;
    v = v < hi ? v : hi;
    v += 12582912.0f;
    int32_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits - 0x4b400000;
}

static void u8_from(const float *restrict in, uint8_t *restrict out, size_t n, float inv, int32_t zero)
{
    float lo = (float)-zero, hi = (float)(255 - zero);
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(rows_nearest(in[i] * inv, lo, hi) + zero);
}

static void u8_to(const uint8_t *restrict in, float *restrict out, size_t n, float scale, int32_t zero)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)((int32_t)in[i] - zero) * scale;
}

/* Rows that lie without gaps on both sides are one. */
static inline void rows_join(size_t in_px, size_t out_px, size_t *pixels, size_t *channels)
{
    if (in_px == *channels && out_px == *channels) {
        *channels *= *pixels;
        *pixels = *pixels ? 1 : 0;
    }
}

static void f32_to_bf16(const float *in, size_t in_px, uint16_t *out, size_t out_px, size_t pixels, size_t channels)
{
    rows_join(in_px, out_px, &pixels, &channels);
    for (size_t p = 0; p < pixels; p++)
        bf16_from(in + p * in_px, out + p * out_px, channels);
}

static void bf16_to_f32(const uint16_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels)
{
    rows_join(in_px, out_px, &pixels, &channels);
    for (size_t p = 0; p < pixels; p++)
        bf16_to(in + p * in_px, out + p * out_px, channels);
}

static void f32_to_u8(const float *in, size_t in_px, uint8_t *out, size_t out_px, size_t pixels, size_t channels, float inv, int32_t zero)
{
    rows_join(in_px, out_px, &pixels, &channels);
    for (size_t p = 0; p < pixels; p++)
        u8_from(in + p * in_px, out + p * out_px, channels, inv, zero);
}

static void u8_to_f32(const uint8_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels, float scale, int32_t zero)
{
    rows_join(in_px, out_px, &pixels, &channels);
    for (size_t p = 0; p < pixels; p++)
        u8_to(in + p * in_px, out + p * out_px, channels, scale, zero);
}

/* ---- windows ---- */

/* The taps of an output pixel's window that fall inside the picture: rows [y0, y1), columns [x0, x1) of it. */
struct rows_window { int y0, y1, x0, x1, taps; };

static inline int rows_first(int at, int step)
{
    return at >= 0 ? 0 : (-at + step - 1) / step;
}

static inline int rows_last(int at, int step, int taps, int side)
{
    int room = side - at <= 0 ? 0 : (side - at - 1) / step + 1;
    return room < taps ? room : taps;
}

static inline struct rows_window rows_window(const struct facet_conv *c, int oy, int ox)
{
    int y = oy * c->sy - c->pt, x = ox * c->sx - c->pl;
    struct rows_window w = { rows_first(y, c->dy), rows_last(y, c->dy, c->kh, c->ih), rows_first(x, c->dx), rows_last(x, c->dx, c->kw, c->iw), 0 };
    w.taps = w.y1 > w.y0 && w.x1 > w.x0 ? (w.y1 - w.y0) * (w.x1 - w.x0) : 0;
    return w;
}

/* Channels [ch, ch + n) of an output pixel: where its window's first tap inside lies, and how far the next ones. */
struct rows_taps { size_t first, down, across; int rows, columns; };

static inline struct rows_taps rows_taps(const struct facet_conv *c, const struct rows_window *w, size_t row, int ox)
{
    size_t img = row / (size_t)c->oh, oy = row % (size_t)c->oh;
    int y = (int)oy * c->sy - c->pt + w->y0 * c->dy, x = ox * c->sx - c->pl + w->x0 * c->dx;
    struct rows_taps t = { 0, (size_t)c->dy * (size_t)c->iw * c->in_px, (size_t)c->dx * c->in_px, w->taps ? w->y1 - w->y0 : 0, w->x1 - w->x0 };
    if (w->taps)
        t.first = ((img * (size_t)c->ih + (size_t)y) * (size_t)c->iw + (size_t)x) * c->in_px;
    return t;
}

#define ROWS_BLOCK 64 /* channels that stay in registers */
#define ROWS_INLINE static inline __attribute__((always_inline))

/* The last channels are done in whole blocks, too: what is read behind them is never stored, and lies in the next
 * pixel or in the slack behind the buffer. `block` is a constant where this is used. */
ROWS_INLINE void rows_max_u8(const uint8_t *in, const struct rows_taps *t, uint8_t *out, size_t n, const size_t block)
{
    uint8_t most[ROWS_BLOCK] = { 0 };
    for (int ky = 0; ky < t->rows; ky++)
        for (int kx = 0; kx < t->columns; kx++) {
            const uint8_t *x = in + t->first + (size_t)ky * t->down + (size_t)kx * t->across;
            for (size_t i = 0; i < block; i++)
                most[i] = x[i] > most[i] ? x[i] : most[i];
        }
    memcpy(out, most, n);
}

/* bf16 as whole numbers in the order of what they mean: those below zero have their bits turned; twice is not at all. */
static inline int16_t rows_order(int16_t b)
{
    return (int16_t)(b ^ ((b >> 15) & 0x7fff));
}

ROWS_INLINE void rows_max_bf16(const int16_t *in, const struct rows_taps *t, int16_t *out, size_t n, const size_t block)
{
    int16_t most[ROWS_BLOCK];
    for (size_t i = 0; i < block; i++)
        most[i] = (int16_t)(0xff80 ^ 0x7fff);     /* below everything: minus infinity */
    for (int ky = 0; ky < t->rows; ky++)
        for (int kx = 0; kx < t->columns; kx++) {
            const int16_t *x = in + t->first + (size_t)ky * t->down + (size_t)kx * t->across;
            for (size_t i = 0; i < block; i++) {
                int16_t v = rows_order(x[i]);
                most[i] = v > most[i] ? v : most[i];
            }
        }
    for (size_t i = 0; i < block; i++)
        most[i] = rows_order(most[i]);
    memcpy(out, most, n * sizeof(*out));
}

static void maxpool_u8(const struct facet_conv *c, size_t r0, size_t r1)
{
    size_t channels = (size_t)c->ic;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow, ch = 0;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        struct rows_taps t = rows_taps(c, &w, r, ox);
        uint8_t *out = (uint8_t *)c->out + p * c->out_px;
        for (; ch + ROWS_BLOCK <= channels; ch += ROWS_BLOCK)
            rows_max_u8((const uint8_t *)c->in + ch, &t, out + ch, ROWS_BLOCK, ROWS_BLOCK);
        if (ch + 32 < channels)
            rows_max_u8((const uint8_t *)c->in + ch, &t, out + ch, channels - ch, ROWS_BLOCK);
        else if (ch + 16 < channels)
            rows_max_u8((const uint8_t *)c->in + ch, &t, out + ch, channels - ch, 32);
        else if (ch < channels)
            rows_max_u8((const uint8_t *)c->in + ch, &t, out + ch, channels - ch, 16);
    }
}

static void maxpool_bf16(const struct facet_conv *c, size_t r0, size_t r1)
{
    size_t channels = (size_t)c->ic;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow, ch = 0;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        struct rows_taps t = rows_taps(c, &w, r, ox);
        int16_t *out = (int16_t *)c->out + p * c->out_px;
        for (; ch + ROWS_BLOCK <= channels; ch += ROWS_BLOCK)
            rows_max_bf16((const int16_t *)c->in + ch, &t, out + ch, ROWS_BLOCK, ROWS_BLOCK);
        for (; ch + 32 <= channels; ch += 32)
            rows_max_bf16((const int16_t *)c->in + ch, &t, out + ch, 32, 32);
        if (ch + 16 < channels)
            rows_max_bf16((const int16_t *)c->in + ch, &t, out + ch, channels - ch, 32);
        else if (ch < channels)
            rows_max_bf16((const int16_t *)c->in + ch, &t, out + ch, channels - ch, 16);
    }
}

static inline void rows_sum_u8(const uint8_t *in, const struct rows_taps *t, int32_t zero, int32_t *sum, size_t n)
{
    memset(sum, 0, n * sizeof(*sum));
    for (int ky = 0; ky < t->rows; ky++)
        for (int kx = 0; kx < t->columns; kx++) {
            const uint8_t *x = in + t->first + (size_t)ky * t->down + (size_t)kx * t->across;
            for (size_t i = 0; i < n; i++)
                sum[i] += (int32_t)x[i] - zero;
        }
}

static void avgpool_u8(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad, const struct facet_requant *q)
{
    int32_t sum[ROWS_CHUNK];
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        struct rows_taps t = rows_taps(c, &w, r, ox);
        int count = count_pad ? c->kh * c->kw : w.taps;
        float scale = q->scale / (float)(count ? count : 1), lo = (float)-q->out_zero, hi = (float)(255 - q->out_zero);
        for (size_t ch = 0; ch < (size_t)c->ic; ch += ROWS_CHUNK) {
            size_t n = (size_t)c->ic - ch < ROWS_CHUNK ? (size_t)c->ic - ch : ROWS_CHUNK;
            uint8_t *out = (uint8_t *)c->out + p * c->out_px + ch;
            rows_sum_u8((const uint8_t *)c->in + ch, &t, q->zero, sum, n);
            for (size_t k = 0; k < n; k++)
                out[k] = (uint8_t)(rows_nearest((float)sum[k] * scale, lo, hi) + q->out_zero);
        }
    }
}

static inline void rows_sum_bf16(const uint16_t *in, const struct rows_taps *t, float *sum, size_t n)
{
    float one[ROWS_CHUNK];
    memset(sum, 0, n * sizeof(*sum));
    for (int ky = 0; ky < t->rows; ky++)
        for (int kx = 0; kx < t->columns; kx++) {
            bf16_to(in + t->first + (size_t)ky * t->down + (size_t)kx * t->across, one, n);
            for (size_t i = 0; i < n; i++)
                sum[i] += one[i];
        }
}

static void avgpool_bf16(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad)
{
    float sum[ROWS_CHUNK];
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        struct rows_taps t = rows_taps(c, &w, r, ox);
        float count = (float)(count_pad ? c->kh * c->kw : w.taps);
        for (size_t ch = 0; ch < (size_t)c->ic; ch += ROWS_CHUNK) {
            size_t n = (size_t)c->ic - ch < ROWS_CHUNK ? (size_t)c->ic - ch : ROWS_CHUNK;
            rows_sum_bf16((const uint16_t *)c->in + ch, &t, sum, n);
            for (size_t k = 0; k < n; k++)
                sum[k] = count > 0 ? sum[k] / count : 0;
            bf16_from(sum, (uint16_t *)c->out + p * c->out_px + ch, n);
        }
    }
}

/* ---- means of whole pictures ---- */

static void gap_u8(const uint8_t *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    uint64_t sum[ROWS_CHUNK];
    uint32_t some[ROWS_CHUNK];           /* of at most 2^16 pixels: below 2^24 */
    for (size_t ch = 0; ch < channels; ch += ROWS_CHUNK) {
        size_t n = channels - ch < ROWS_CHUNK ? channels - ch : ROWS_CHUNK;
        memset(sum, 0, sizeof(sum));
        for (size_t p = 0; p < pixels;) {
            size_t end = pixels - p < 65536 ? pixels : p + 65536;
            memset(some, 0, n * sizeof(*some));
            for (; p < end; p++)
                for (size_t k = 0; k < n; k++)
                    some[k] += in[p * in_px + ch + k];
            for (size_t k = 0; k < n; k++)
                sum[k] += some[k];
        }
        for (size_t k = 0; k < n; k++)
            out[ch + k] = (float)((double)sum[k] / (double)(pixels ? pixels : 1));
    }
}

static void gap_bf16(const uint16_t *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    double sum[ROWS_CHUNK];
    float one[ROWS_CHUNK];
    for (size_t ch = 0; ch < channels; ch += ROWS_CHUNK) {
        size_t n = channels - ch < ROWS_CHUNK ? channels - ch : ROWS_CHUNK;
        memset(sum, 0, sizeof(sum));
        for (size_t p = 0; p < pixels; p++) {
            bf16_to(in + p * in_px + ch, one, n);
            for (size_t k = 0; k < n; k++)
                sum[k] += (double)one[k];
        }
        for (size_t k = 0; k < n; k++)
            out[ch + k] = (float)(sum[k] / (double)(pixels ? pixels : 1));
    }
}

static void rows_use(struct facet_kernels *k)
{
    k->f32_to_bf16 = f32_to_bf16;
    k->bf16_to_f32 = bf16_to_f32;
    k->f32_to_u8 = f32_to_u8;
    k->u8_to_f32 = u8_to_f32;
    k->maxpool_bf16 = maxpool_bf16;
    k->maxpool_u8 = maxpool_u8;
    k->avgpool_bf16 = avgpool_bf16;
    k->avgpool_u8 = avgpool_u8;
    k->gap_bf16 = gap_bf16;
    k->gap_u8 = gap_u8;
}
