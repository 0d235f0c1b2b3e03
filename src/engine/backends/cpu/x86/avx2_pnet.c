#include "engine/backends/cpu/simd/vec_avx2.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/exp_body.h"
#include "engine/backends/cpu/simd/pnet_body.h"

void facet__avx2_pnet(struct facet_kernels *k)
{
    k->pnet_f32 = pnet_f32;
}
