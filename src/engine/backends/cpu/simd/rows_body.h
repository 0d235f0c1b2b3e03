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

/* The number of channel 0 under tap i of those inside. */
static inline size_t rows_tap(const struct facet_conv *c, const struct rows_window *w, size_t row, int ox, int i)
{
    int across = w->x1 - w->x0, ky = w->y0 + i / across, kx = w->x0 + i % across;
    size_t img = row / (size_t)c->oh, oy = row % (size_t)c->oh;
    size_t y = (size_t)((int)oy * c->sy - c->pt + ky * c->dy), x = (size_t)(ox * c->sx - c->pl + kx * c->dx);
    return ((img * (size_t)c->ih + y) * (size_t)c->iw + x) * c->in_px;
}

static inline void rows_max_u8(const uint8_t *restrict in, uint8_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[i] > out[i] ? in[i] : out[i];
}

static void maxpool_u8(const struct facet_conv *c, size_t r0, size_t r1)
{
    const uint8_t *in = c->in;
    size_t n = (size_t)c->ic;
    for (size_t r = r0; r < r1; r++)
        for (int ox = 0; ox < c->ow; ox++) {
            struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
            uint8_t *out = (uint8_t *)c->out + (r * (size_t)c->ow + (size_t)ox) * c->out_px;
            if (w.taps)
                memcpy(out, in + rows_tap(c, &w, r, ox, 0), n);
            else
                memset(out, 0, n);
            for (int i = 1; i < w.taps; i++)
                rows_max_u8(in + rows_tap(c, &w, r, ox, i), out, n);
        }
}

/* As whole numbers in the order of what they mean: those below zero have their bits turned. */
static inline int16_t rows_order(uint16_t b)
{
    return (int16_t)(b & 0x8000 ? b ^ 0x7fff : b);
}

static inline void rows_max_bf16(const uint16_t *restrict in, uint16_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = rows_order(in[i]) > rows_order(out[i]) ? in[i] : out[i];
}

static void maxpool_bf16(const struct facet_conv *c, size_t r0, size_t r1)
{
    const uint16_t *in = c->in;
    size_t n = (size_t)c->ic;
    for (size_t r = r0; r < r1; r++)
        for (int ox = 0; ox < c->ow; ox++) {
            struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
            uint16_t *out = (uint16_t *)c->out + (r * (size_t)c->ow + (size_t)ox) * c->out_px;
            for (size_t i = 0; i < n; i++)
                out[i] = 0xff80; /* below everything */
            for (int i = 0; i < w.taps; i++)
                rows_max_bf16(in + rows_tap(c, &w, r, ox, i), out, n);
        }
}

static void avgpool_u8(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad, const struct facet_requant *q)
{
    const uint8_t *in = c->in;
    int32_t sum[ROWS_CHUNK];
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        int count = count_pad ? c->kh * c->kw : w.taps;
        for (size_t ch = 0; ch < (size_t)c->ic; ch += ROWS_CHUNK) {
            size_t n = (size_t)c->ic - ch < ROWS_CHUNK ? (size_t)c->ic - ch : ROWS_CHUNK;
            memset(sum, 0, n * sizeof(*sum));
            for (int i = 0; i < w.taps; i++) {
                const uint8_t *x = in + rows_tap(c, &w, r, ox, i) + ch;
                for (size_t k = 0; k < n; k++)
                    sum[k] += (int32_t)x[k] - q->zero;
            }
            uint8_t *out = (uint8_t *)c->out + p * c->out_px + ch;
            float scale = q->scale / (float)(count ? count : 1), lo = (float)-q->out_zero, hi = (float)(255 - q->out_zero);
            for (size_t k = 0; k < n; k++)
                out[k] = (uint8_t)(rows_nearest((float)sum[k] * scale, lo, hi) + q->out_zero);
        }
    }
}

static void avgpool_bf16(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad)
{
    const uint16_t *in = c->in;
    float sum[ROWS_CHUNK], one[ROWS_CHUNK];
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        size_t r = p / (size_t)c->ow;
        int ox = (int)(p % (size_t)c->ow);
        struct rows_window w = rows_window(c, (int)(r % (size_t)c->oh), ox);
        float count = (float)(count_pad ? c->kh * c->kw : w.taps);
        for (size_t ch = 0; ch < (size_t)c->ic; ch += ROWS_CHUNK) {
            size_t n = (size_t)c->ic - ch < ROWS_CHUNK ? (size_t)c->ic - ch : ROWS_CHUNK;
            memset(sum, 0, n * sizeof(*sum));
            for (int i = 0; i < w.taps; i++) {
                bf16_to(in + rows_tap(c, &w, r, ox, i) + ch, one, n);
                for (size_t k = 0; k < n; k++)
                    sum[k] += one[k];
            }
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
