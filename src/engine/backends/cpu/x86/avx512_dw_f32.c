#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/simd/dw_f32.inc.h"
#include "engine/backends/cpu/simd/dw_body.h"

void facet__avx512_dw_f32(struct facet_kernels *k)
{
    k->dw_f32 = dw_f32;
}
