/* The meaning of pools and means of stored numbers. */
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
    k->gap_bf16 = gap_bf16;
    k->gap_u8 = gap_u8;
}
