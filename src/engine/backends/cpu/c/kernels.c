/* The meaning of every kernel on floats, in plain C. */
#include "engine/backends/cpu/c/c_priv.h"

#include <string.h>

/* The same as a pointer; NULL in the padding. */
static const float *tap_f32(const struct facet_conv *c, size_t p, int ky, int kx)
{
    ptrdiff_t at = tap(c, p, ky, kx);
    return at < 0 ? NULL : (const float *)c->in + at;
}

static void end_one(const struct facet_conv *c, size_t p, size_t ch, float sum)
{
    float x = c->fin.bias ? sum + c->fin.bias[ch] : sum;
    ((float *)c->out)[p * c->out_px + ch] = finish_one(&c->fin, p, ch, x);
}

static void conv_pixel(const struct facet_conv *c, size_t p, int oc, int width)
{
    float sum[BLOCK] = { 0 };
    const float *w = (const float *)c->w + (size_t)oc * (size_t)(c->kh * c->kw) * (size_t)c->ic;
    for (int t = 0; t < c->kh * c->kw; t++, w += c->ic * width) {
        const float *in = tap_f32(c, p, t / c->kw, t % c->kw);
        for (int k = 0; in && k < c->ic; k++)
            for (int j = 0; j < width; j++)
                sum[j] += in[k] * w[k * width + j];
    }
    for (int j = 0; j < width; j++)
        end_one(c, p, (size_t)(oc + j), sum[j]);
}

static void conv_f32(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
    (void)scratch;
    for (size_t p = p0; p < p1; p++)
        for (int oc = 0; oc < c->oc; oc += BLOCK)
            conv_pixel(c, p, oc, c->oc - oc < BLOCK ? c->oc - oc : BLOCK);
}

static void dw_f32(const struct facet_conv *c, size_t r0, size_t r1)
{
    size_t ch = (size_t)c->ic, w_tap = (ch + 15) / 16 * 16;
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < ch; i++) {
            float sum = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                const float *in = tap_f32(c, p, t / c->kw, t % c->kw);
                sum += in ? in[i] * ((const float *)c->w)[(size_t)t * w_tap + i] : 0;
            }
            end_one(c, p, i, sum);
        }
    }
}

static void maxpool_f32(const struct facet_conv *c, size_t r0, size_t r1)
{
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            float m = -INFINITY;
            for (int t = 0; t < c->kh * c->kw; t++) {
                const float *in = tap_f32(c, p, t / c->kw, t % c->kw);
                m = in && in[i] > m ? in[i] : m;
            }
            ((float *)c->out)[p * c->out_px + i] = m;
        }
    }
}

static void avgpool_f32(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad)
{
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            float sum = 0;
            int n = 0;
            for (int t = 0; t < c->kh * c->kw; t++) {
                const float *in = tap_f32(c, p, t / c->kw, t % c->kw);
                sum += in ? in[i] : 0;
                n += in || count_pad ? 1 : 0;
            }
            ((float *)c->out)[p * c->out_px + i] = n ? sum / (float)n : 0;
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

static void binary_f32(enum facet_binary op, const float *a, size_t a_px, const float *b, size_t b_px,
                       float *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = binary_one(op, a[p * a_px + i], b[p * b_px + i]);
}

static void finish_f32(const float *in, size_t in_px, float *out, size_t out_px, size_t pixels,
                       size_t channels, const struct facet_finish *f)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < channels; i++)
            out[p * out_px + i] = finish_one(f, p, i, in[p * in_px + i] + (f->bias ? f->bias[i] : 0));
}

static void gap_f32(const float *in, size_t in_px, float *out, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < channels; i++) {
        double sum = 0;
        for (size_t p = 0; p < pixels; p++)
            sum += (double)in[p * in_px + i];
        out[i] = (float)(sum / (double)(pixels ? pixels : 1));
    }
}

static void nchw_to_nhwc_f32(const float *in, size_t plane, float *out, size_t out_px, size_t channels, size_t pixels)
{
    for (size_t i = 0; i < channels; i++)
        for (size_t p = 0; p < pixels; p++)
            out[p * out_px + i] = in[i * plane + p];
}

static void nhwc_to_nchw_f32(const float *in, size_t in_px, float *out, size_t channels, size_t pixels)
{
    for (size_t i = 0; i < channels; i++)
        for (size_t p = 0; p < pixels; p++)
            out[i * pixels + p] = in[p * in_px + i];
}

void facet__kernels_c(struct facet_kernels *k)
{
    *k = (struct facet_kernels){
        .kind = "c", .lanes = 1, .block = BLOCK, .tile = 1, .bf16_rate = 1,
        .conv_f32 = conv_f32, .dw_f32 = dw_f32, .maxpool_f32 = maxpool_f32, .avgpool_f32 = avgpool_f32,
        .binary_f32 = binary_f32, .finish_f32 = finish_f32, .gap_f32 = gap_f32,
        .nchw_to_nhwc_f32 = nchw_to_nhwc_f32, .nhwc_to_nchw_f32 = nhwc_to_nchw_f32,
    };
}
