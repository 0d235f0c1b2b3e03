/* The meaning of every kernel, in plain C. */
#include "engine/backends/cpu/kernels_priv.h"

#include <math.h>
#include <string.h>

#define BLOCK 8

static float finish_one(const struct facet_finish *f, size_t pixel, size_t ch, float sum)
{
    float x = f->bias ? sum + f->bias[ch] : sum;
    float r = f->residual ? f->residual[pixel * f->residual_px + ch] * f->residual_scale : 0;
    if (!f->residual_after)
        x += r;
    if (f->fin == FACET_FIN_CLIP)
        x = fminf(fmaxf(x, f->lo), f->hi);
    else if (f->fin == FACET_FIN_PRELU && x < 0)
        x *= f->slope[ch];
    return f->residual_after ? x + r : x;
}

/* The pixel under a tap of the window of output pixel `p`; NULL in the padding. */
static const float *tap(const struct facet_conv *c, size_t p, int ky, int kx)
{
    size_t plane = (size_t)c->oh * (size_t)c->ow, img = p / plane, rest = p % plane;
    int y = (int)(rest / (size_t)c->ow) * c->sy - c->pt + ky * c->dy;
    int x = (int)(rest % (size_t)c->ow) * c->sx - c->pl + kx * c->dx;
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return NULL;
    return c->in + ((img * (size_t)c->ih + (size_t)y) * (size_t)c->iw + (size_t)x) * c->in_px;
}

static void conv_pixel(const struct facet_conv *c, size_t p, int oc, int width)
{
    float sum[BLOCK] = { 0 };
    const float *w = c->w + (size_t)oc * (size_t)(c->kh * c->kw) * (size_t)c->ic;
    for (int t = 0; t < c->kh * c->kw; t++, w += c->ic * width) {
        const float *in = tap(c, p, t / c->kw, t % c->kw);
        for (int k = 0; in && k < c->ic; k++)
            for (int j = 0; j < width; j++)
                sum[j] += in[k] * w[k * width + j];
    }
    for (int j = 0; j < width; j++)
        c->out[p * c->out_px + (size_t)(oc + j)] = finish_one(&c->fin, p, (size_t)(oc + j), sum[j]);
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
                const float *in = tap(c, p, t / c->kw, t % c->kw);
                sum += in ? in[i] * c->w[(size_t)t * w_tap + i] : 0;
            }
            c->out[p * c->out_px + i] = finish_one(&c->fin, p, i, sum);
        }
    }
}

static void maxpool_f32(const struct facet_conv *c, size_t r0, size_t r1)
{
    for (size_t p = r0 * (size_t)c->ow; p < r1 * (size_t)c->ow; p++) {
        for (size_t i = 0; i < (size_t)c->ic; i++) {
            float m = -INFINITY;
            for (int t = 0; t < c->kh * c->kw; t++) {
                const float *in = tap(c, p, t / c->kw, t % c->kw);
                m = in && in[i] > m ? in[i] : m;
            }
            c->out[p * c->out_px + i] = m;
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
                const float *in = tap(c, p, t / c->kw, t % c->kw);
                sum += in ? in[i] : 0;
                n += in || count_pad ? 1 : 0;
            }
            c->out[p * c->out_px + i] = n ? sum / (float)n : 0;
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
            out[p * out_px + i] = finish_one(f, p, i, in[p * in_px + i]);
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

static void nchw_to_nhwc_f32(const float *in, float *out, size_t out_px, size_t channels, size_t pixels)
{
    for (size_t i = 0; i < channels; i++)
        for (size_t p = 0; p < pixels; p++)
            out[p * out_px + i] = in[i * pixels + p];
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
        .kind = "c", .lanes = 1, .block = BLOCK, .tile = 1,
        .conv_f32 = conv_f32, .dw_f32 = dw_f32, .maxpool_f32 = maxpool_f32, .avgpool_f32 = avgpool_f32,
        .binary_f32 = binary_f32, .finish_f32 = finish_f32, .gap_f32 = gap_f32,
        .nchw_to_nhwc_f32 = nchw_to_nhwc_f32, .nhwc_to_nchw_f32 = nhwc_to_nchw_f32,
    };
}
