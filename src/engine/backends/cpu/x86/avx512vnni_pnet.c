#include "engine/backends/cpu/simd/vec_avx512.inc.h"
#include "engine/backends/cpu/simd/quad_avx512vnni.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/exp_body.h"
#include "engine/backends/cpu/simd/pnet_u8_body.h"

void facet__avx512vnni_pnet(struct facet_kernels *k)
{
    k->pnet_u8 = pnet_u8;
}
