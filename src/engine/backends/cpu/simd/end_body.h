/* The end of sums in any format: what the fast paths of the convolutions do not cover. Included after a
 * vector header. */
#ifndef FACET_SIMD_END_BODY_H
#define FACET_SIMD_END_BODY_H

#include "engine/backends/cpu/simd/finish_body.h"

/* Number `i` and the n - 1 behind it of the residual, counted from its zero point. */
static inline vec end_residual(const struct facet_finish *f, size_t i, size_t n)
{
    if (f->residual_fmt == FACET_FMT_BF16)
        return v_loadn_bf16((const uint16_t *)f->residual + i, n);
    if (f->residual_fmt == FACET_FMT_U8)
        return v_of_int(i_sub(i_loadn_u8((const uint8_t *)f->residual + i, n), i_set1(f->residual_zero)));
    return v_loadn((const float *)f->residual + i, n);
}

static inline void end_store(const struct facet_finish *f, void *out, size_t i, vec x, size_t n)
{
    if (f->out_fmt == FACET_FMT_BF16) {
        v_storen_bf16((uint16_t *)out + i, x, n);
    } else if (f->out_fmt == FACET_FMT_U8) {
        float zero = (float)f->out_zero;
        i_storen_u8((uint8_t *)out + i, i_nearest(v_min(v_max(x, v_set1(-zero)), v_set1(255 - zero))), i_set1(f->out_zero), n);
    } else {
        v_storen((float *)out + i, x, n);
    }
}

/* n channels from ch on of one pixel; x: the sum with its bias. */
static inline void end_vector(const struct facet_finish *f, void *out, size_t out_px, size_t pixel, size_t ch, vec x, size_t n)
{
    struct finish s = { .slope = f->fin == FACET_FIN_PRELU ? v_loadn(f->slope + ch, n) : v_zero(), .lo = v_set1(f->lo),
                        .hi = v_set1(f->hi), .fin = f->fin };
    vec r = f->residual ? end_residual(f, pixel * f->residual_px + ch, n) : v_zero(), scale = v_set1(f->residual_scale);
    if (f->residual && !f->residual_after)
        x = v_fma(r, scale, x);
    x = finish_act(&s, x);
    if (f->residual && f->residual_after)
        x = v_fma(r, scale, x);
    end_store(f, out, pixel * out_px + ch, x, n);
}

#endif
