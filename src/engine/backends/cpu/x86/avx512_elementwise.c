#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/elementwise_body.h"

void facet__avx512_elementwise(struct facet_kernels *k)
{
    k->binary_f32 = binary_f32;
    k->finish_f32 = finish_f32;
    k->nchw_to_nhwc_f32 = nchw_to_nhwc_f32;
    k->nhwc_to_nchw_f32 = nhwc_to_nchw_f32;
}
