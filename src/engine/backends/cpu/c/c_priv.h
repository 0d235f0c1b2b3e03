/* What the C kernels of every format share. */
#ifndef FACET_ENGINE_BACKENDS_CPU_C_PRIV_H
#define FACET_ENGINE_BACKENDS_CPU_C_PRIV_H

#include "engine/backends/cpu/kernels_priv.h"

#include <math.h>
#include <stddef.h>

#define BLOCK 8

static inline uint8_t u8_of(float x, int32_t zero)
{
    float v = fminf(fmaxf(x, (float)-zero), (float)(255 - zero));
    return (uint8_t)((int32_t)nearbyintf(v) + zero);
}

static inline float residual_at(const struct facet_finish *f, size_t i)
{
    switch (f->residual_fmt) {
    case FACET_FMT_BF16: return facet_bf16_float(((const uint16_t *)f->residual)[i]);
    case FACET_FMT_U8: return (float)(((const uint8_t *)f->residual)[i] - f->residual_zero);
    default: return ((const float *)f->residual)[i];
    }
}

/* x: the sum with its bias. */
static inline float finish_one(const struct facet_finish *f, size_t pixel, size_t ch, float x)
{
    float r = f->residual ? residual_at(f, pixel * f->residual_px + ch) : 0;
    if (!f->residual_after)
        x = fmaf(r, f->residual_scale, x);
    if (f->fin == FACET_FIN_CLIP)
        x = fminf(fmaxf(x, f->lo), f->hi);
    else if (f->fin == FACET_FIN_PRELU && x < 0)
        x *= f->slope[ch];
    return f->residual_after ? fmaf(r, f->residual_scale, x) : x;
}

static inline void store_one(const struct facet_finish *f, void *out, size_t i, float x)
{
    if (f->out_fmt == FACET_FMT_BF16)
        ((uint16_t *)out)[i] = facet_bf16_of(x);
    else if (f->out_fmt == FACET_FMT_U8)
        ((uint8_t *)out)[i] = u8_of(x, f->out_zero);
    else
        ((float *)out)[i] = x;
}

/* The number under a tap of the window of output pixel `p`: which of c->in; -1 in the padding. */
static inline ptrdiff_t tap(const struct facet_conv *c, size_t p, int ky, int kx)
{
    size_t plane = (size_t)c->oh * (size_t)c->ow, img = p / plane, rest = p % plane;
    int y = (int)(rest / (size_t)c->ow) * c->sy - c->pt + ky * c->dy;
    int x = (int)(rest % (size_t)c->ow) * c->sx - c->pl + kx * c->dx;
    if (y < 0 || x < 0 || y >= c->ih || x >= c->iw)
        return -1;
    return (ptrdiff_t)(((img * (size_t)c->ih + (size_t)y) * (size_t)c->iw + (size_t)x) * c->in_px);
}

#endif
