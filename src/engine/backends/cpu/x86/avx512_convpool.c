#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/convpool_body.h"

void facet__avx512_convpool(struct facet_kernels *k)
{
    k->convpool_f32 = convpool_f32;
}
