/* How P-Net's two heads are stored, in every format. */
#ifndef FACET_SIMD_PNET_HEADS_BODY_H
#define FACET_SIMD_PNET_HEADS_BODY_H

#include "engine/backends/cpu/pnet_priv.h"

/* `n` numbers of one picture's maps from `at` on, of `plane` numbers each. */
static void pnet_store_heads(const struct facet_pnet *p, size_t plane, const vec acc[PNET_HEADS], size_t at, size_t n)
{
    vec a = acc[0], b = acc[1];
    if (p->softmax) {
        vec e = v_exp(v_min(v_max(v_sub(acc[1], acc[0]), v_set1(-87)), v_set1(87)));
        a = v_div(v_set1(1), v_add(v_set1(1), e));
        b = v_mul(e, a);
    }
    v_storen(p->prob + at, a, n);
    v_storen(p->prob + plane + at, b, n);
    for (int o = 2; o < PNET_HEADS; o++)
        v_storen(p->box + (size_t)(o - 2) * plane + at, acc[o], n);
}

#endif
