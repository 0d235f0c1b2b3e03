#include "engine/backends/cpu/simd/vec_avx2.inc.h"

#include "engine/backends/cpu/simd/dw_f32.inc.h"
#include "engine/backends/cpu/simd/dw_body.h"

void facet__avx2_dw_f32(struct facet_kernels *k)
{
    k->dw_f32 = dw_f32;
}
