#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/simd/dw_bf16.inc.h"
#include "engine/backends/cpu/simd/dw_body.h"

void facet__avx512_dw_bf16(struct facet_kernels *k)
{
    k->dw_bf16 = dw_bf16;
}
