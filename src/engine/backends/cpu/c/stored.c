/* The meaning of the kernels on stored numbers: convolutions in bf16 and u8 x s8, and conversions. */
#include "engine/backends/cpu/c/c_priv.h"

#include <string.h>

/* How the numbers of a row of packed weights lie: see facet_conv_has_runs. */
struct rows { int n, len, per; };

static struct rows rows_of(const struct facet_conv *c, enum facet_fmt fmt)
{
    bool runs = facet_conv_has_runs(fmt, c->ic, c->kw, c->dx);
    return (struct rows){ .n = runs ? c->kh : c->kh * c->kw, .len = runs ? c->kw * c->ic : c->ic, .per = fmt == FACET_FMT_U8 ? 4 : 2 };
}

/* Number j of row r: which of c->in; -1 in the padding. */
static ptrdiff_t number_at(const struct facet_conv *c, const struct rows *rows, size_t p, int r, int j)
{
    bool runs = rows->len != c->ic;
    ptrdiff_t at = runs ? tap(c, p, r, j / c->ic) : tap(c, p, r / c->kw, r % c->kw);
    return at < 0 ? at : at + j % c->ic;
}

/* The weights of `width` channels from `oc` on. */
static const char *block_at(const struct facet_conv *c, enum facet_fmt fmt, int oc)
{
    return (const char *)c->w + (size_t)oc * facet_conv_groups(fmt, c->ic, c->kh, c->kw, c->dx) * 4;
}

static void conv_bf16(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    struct rows rows = rows_of(c, FACET_FMT_BF16);
    const uint16_t *in = c->in;
    (void)scratch;
    for (size_t p = p0; p < p1; p++) {
        for (int oc = 0; oc < c->oc; oc += BLOCK) {
            int width = c->oc - oc < BLOCK ? c->oc - oc : BLOCK;
            const uint16_t *w = (const uint16_t *)(const void *)block_at(c, FACET_FMT_BF16, oc);
            float sum[BLOCK] = { 0 };
            for (int r = 0; r < rows.n; r++, w += (rows.len + 1) / 2 * width * 2) {
                for (int j = 0; j < rows.len; j++) {
                    ptrdiff_t at = number_at(c, &rows, p, r, j);
                    for (int i = 0; at >= 0 && i < width; i++)
                        sum[i] += facet_bf16_float(in[at]) * facet_bf16_float(w[(j / 2 * width + i) * 2 + j % 2]);
                }
            }
            for (int i = 0; i < width; i++) {
                size_t ch = (size_t)(oc + i);
                float x = c->fin.bias ? sum[i] + c->fin.bias[ch] : sum[i];
                store_one(&c->fin, c->out, p * c->out_px + ch, finish_one(&c->fin, p, ch, x));
            }
        }
    }
}

static float scaled(const struct facet_finish *f, size_t ch, int32_t sum)
{
    return fmaf((float)sum, f->scale[ch], f->bias ? f->bias[ch] : 0);
}

static void conv_u8(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    struct rows rows = rows_of(c, FACET_FMT_U8);
    const uint8_t *in = c->in;
    (void)scratch;
    for (size_t p = p0; p < p1; p++) {
        for (int oc = 0; oc < c->oc; oc += BLOCK) {
            int width = c->oc - oc < BLOCK ? c->oc - oc : BLOCK;
            const int8_t *w = (const int8_t *)block_at(c, FACET_FMT_U8, oc);
            int32_t sum[BLOCK] = { 0 };
            for (int r = 0; r < rows.n; r++, w += (rows.len + 3) / 4 * width * 4) {
                for (int j = 0; j < rows.len; j++) {
                    ptrdiff_t at = number_at(c, &rows, p, r, j);
                    int32_t x = at < 0 ? c->in_zero : in[at];
                    for (int i = 0; i < width; i++)
                        sum[i] += x * w[(j / 4 * width + i) * 4 + j % 4];
                }
            }
            for (int i = 0; i < width; i++) {
                size_t ch = (size_t)(oc + i);
                store_one(&c->fin, c->out, p * c->out_px + ch, finish_one(&c->fin, p, ch, scaled(&c->fin, ch, sum[i])));
            }
        }
    }
}

static void dw_bf16(const struct facet_conv *c, size_t r0, size_t r1)
{
    size_t ch = (size_t)c->ic, w_tap = (ch + 15) / 16 * 16;
    const uint16_t *in = c->in;
    const float *w = c->w;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < ch; i++) {
            float sum = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                sum += at < 0 ? 0 : facet_bf16_float(in[(size_t)at + i]) * w[(size_t)t * w_tap + i];
            }
            sum += c->fin.bias ? c->fin.bias[i] : 0;
            store_one(&c->fin, c->out, p * c->out_px + i, finish_one(&c->fin, p, i, sum));
        }
    }
}

void facet__c_dw_u8(const struct facet_conv *c, size_t r0, size_t r1)
{
    size_t ch = (size_t)c->ic, w_tap = (ch + 63) / 64 * 64;
    const uint8_t *in = c->in;
    const int8_t *w = c->w;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < ch; i++) {
            int32_t sum = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                sum += (at < 0 ? c->in_zero : in[(size_t)at + i]) * w[(size_t)t * w_tap + i];
            }
            store_one(&c->fin, c->out, p * c->out_px + i, finish_one(&c->fin, p, i, scaled(&c->fin, i, sum)));
        }
    }
}

static void f32_to_bf16(const float *in, size_t in_px, uint16_t *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = facet_bf16_of(in[p * in_px + i]);
}

static void bf16_to_f32(const uint16_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = facet_bf16_float(in[p * in_px + i]);
}

static void f32_to_u8(const float *in, size_t in_px, uint8_t *out, size_t out_px, size_t pixels, size_t channels,
                      float inv, int32_t zero)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = u8_of(in[p * in_px + i] * inv, zero);
}

static void u8_to_f32(const uint8_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels,
                      float scale, int32_t zero)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = (float)(in[p * in_px + i] - zero) * scale;
}

void facet__c_stored(struct facet_kernels *k)
{
    k->conv_bf16 = conv_bf16;
    k->conv_u8 = conv_u8;
    k->dw_bf16 = dw_bf16;
    k->dw_u8 = facet__c_dw_u8;
    k->f32_to_bf16 = f32_to_bf16;
    k->bf16_to_f32 = bf16_to_f32;
    k->f32_to_u8 = f32_to_u8;
    k->u8_to_f32 = u8_to_f32;
}
