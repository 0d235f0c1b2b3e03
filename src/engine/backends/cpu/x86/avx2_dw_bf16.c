#include "engine/backends/cpu/simd/vec_avx2.inc.h"

#include "engine/backends/cpu/simd/dw_bf16.inc.h"
#include "engine/backends/cpu/simd/dw_body.h"

void facet__avx2_dw_bf16(struct facet_kernels *k)
{
    k->dw_bf16 = dw_bf16;
}
