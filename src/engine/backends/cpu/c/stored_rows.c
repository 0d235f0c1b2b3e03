/* The meaning of pools, sums and endings on stored numbers. */
#include "engine/backends/cpu/c/c_priv.h"

static void maxpool_bf16(const struct facet_conv *c, size_t r0, size_t r1)
{
    const uint16_t *in = c->in;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            float m = -INFINITY;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                float x = at < 0 ? -INFINITY : facet_bf16_float(in[(size_t)at + i]);
                m = x > m ? x : m;
            }
            ((uint16_t *)c->out)[p * c->out_px + i] = facet_bf16_of(m);
        }
    }
}

static void maxpool_u8(const struct facet_conv *c, size_t r0, size_t r1)
{
    const uint8_t *in = c->in;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            uint8_t m = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                m = at >= 0 && in[(size_t)at + i] > m ? in[(size_t)at + i] : m;
            }
            ((uint8_t *)c->out)[p * c->out_px + i] = m;
        }
    }
}

static void avgpool_bf16(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad)
{
    const uint16_t *in = c->in;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            float sum = 0;
            int n = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                sum += at < 0 ? 0 : facet_bf16_float(in[(size_t)at + i]);
                n += at >= 0 || count_pad ? 1 : 0;
            }
            ((uint16_t *)c->out)[p * c->out_px + i] = facet_bf16_of(n ? sum / (float)n : 0);
        }
    }
}

static void avgpool_u8(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad, const struct facet_requant *q)
{
    const uint8_t *in = c->in;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            int32_t sum = 0, n = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                ptrdiff_t at = tap(c, p, t / c->kw, t % c->kw);
                sum += at < 0 ? 0 : in[(size_t)at + i] - q->zero;
                n += at >= 0 || count_pad ? 1 : 0;
            }
            ((uint8_t *)c->out)[p * c->out_px + i] = u8_of((float)sum * (q->scale / (float)(n ? n : 1)), q->out_zero);
        }
    }
}

static float binary_one(enum facet_binary op, float a, float b)
{
    switch (op) {
    case FACET_ADD: return a + b;
    case FACET_SUB: return a - b;
    case FACET_MUL: return a * b;
    case FACET_DIV: return a / b;
    }
    return 0;
}

static void binary_bf16(enum facet_binary op, const uint16_t *a, size_t a_px, const uint16_t *b, size_t b_px,
                        uint16_t *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = facet_bf16_of(binary_one(op, facet_bf16_float(a[p * a_px + i]), facet_bf16_float(b[p * b_px + i])));
}

static void binary_u8(enum facet_binary op, const uint8_t *a, size_t a_px, const uint8_t *b, size_t b_px,
                      uint8_t *out, size_t out_px, size_t pixels, size_t channels, const struct facet_requant *q)
{
    float second = op == FACET_SUB ? -q->scale2 : q->scale2;
    for (size_t p = 0; p < pixels; p++) {
        for (size_t i = 0; i < channels; i++) {
            float x = (float)(a[p * a_px + i] - q->zero), y = (float)(b[p * b_px + i] - q->zero2);
            out[p * out_px + i] = u8_of(op == FACET_MUL ? x * y * q->scale : fmaf(y, second, x * q->scale), q->out_zero);
        }
    }
}

static void finish_bf16(const uint16_t *in, size_t in_px, void *out, size_t out_px, size_t pixels,
                        size_t channels, const struct facet_finish *f)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            store_one(f, out, p * out_px + i,
                      finish_one(f, p, i, facet_bf16_float(in[p * in_px + i]) + (f->bias ? f->bias[i] : 0)));
}

static void finish_u8(const uint8_t *in, int32_t in_zero, size_t in_px, void *out, size_t out_px, size_t pixels,
                      size_t channels, const struct facet_finish *f)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            store_one(f, out, p * out_px + i,
                      finish_one(f, p, i, fmaf((float)(in[p * in_px + i] - in_zero), f->scale[i], f->bias ? f->bias[i] : 0)));
}

static void gap_bf16(const uint16_t *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < channels; i++) {
        double sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += (double)facet_bf16_float(in[p * in_px + i]);
        out[i] = (float)(sum / (double)(pixels ? pixels : 1));
    }
}

static void gap_u8(const uint8_t *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < channels; i++) {
        uint64_t sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += in[p * in_px + i];
        out[i] = (float)((double)sum / (double)(pixels ? pixels : 1));
    }
}

void facet__c_stored_rows(struct facet_kernels *k)
{
    k->maxpool_bf16 = maxpool_bf16;
    k->maxpool_u8 = maxpool_u8;
    k->avgpool_bf16 = avgpool_bf16;
    k->avgpool_u8 = avgpool_u8;
    k->binary_bf16 = binary_bf16;
    k->binary_u8 = binary_u8;
    k->finish_bf16 = finish_bf16;
    k->finish_u8 = finish_u8;
    k->gap_bf16 = gap_bf16;
    k->gap_u8 = gap_u8;
}
