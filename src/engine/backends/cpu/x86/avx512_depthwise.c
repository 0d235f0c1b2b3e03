#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/depthwise_body.h"

void facet__avx512_depthwise(struct facet_kernels *k)
{
    k->maxpool_f32 = maxpool_f32;
    k->avgpool_f32 = avgpool_f32;
    k->gap_f32 = gap_f32;
}
