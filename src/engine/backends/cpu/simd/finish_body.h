/* The end of a sum, one vector of channels at a time: see struct facet_finish. */
#ifndef FACET_SIMD_FINISH_TMPL_H
#define FACET_SIMD_FINISH_TMPL_H

#include "engine/backends/cpu/kernels.h"

struct finish {
    vec bias, lo, hi, slope, scale;
    enum facet_fin fin;
    bool after;
};

/* For the VL channels from ch on; bias and slope are padded. */
static inline struct finish finish_load(const struct facet_finish *f, int ch)
{
    return (struct finish){
        .bias = f->bias ? v_load(f->bias + ch) : v_zero(),
        .slope = f->fin == FACET_FIN_PRELU ? v_load(f->slope + ch) : v_zero(),
        .lo = v_set1(f->lo), .hi = v_set1(f->hi), .scale = v_set1(f->residual_scale),
        .fin = f->fin, .after = f->residual_after,
    };
}

static inline vec finish_act(const struct finish *f, vec x)
{
    if (f->fin == FACET_FIN_CLIP)
        return v_min(v_max(x, f->lo), f->hi);
    return f->fin == FACET_FIN_PRELU ? v_prelu(x, f->slope) : x;
}

/* res: the residual, zeros for none. */
static inline vec finish_apply(const struct finish *f, vec sum, vec res)
{
    vec x = v_add(sum, f->bias);
    if (f->after)
        return v_fma(res, f->scale, finish_act(f, x));
    return finish_act(f, v_fma(res, f->scale, x));
}

#endif
