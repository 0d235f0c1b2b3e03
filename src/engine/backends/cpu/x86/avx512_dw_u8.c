#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/dw_u8.inc.h"
#include "engine/backends/cpu/simd/dw_body.h"

void facet__avx512_dw_u8_any(const struct facet_conv *c, size_t r0, size_t r1)
{
    if (c->kh * c->kw <= DW_EXACT_TAPS)
        dw_u8_short(c, r0, r1);
    else
        facet__c_dw_u8(c, r0, r1);
}

void facet__avx512_dw_u8(struct facet_kernels *k)
{
    k->dw_u8 = facet__avx512_dw_u8_any;
}
