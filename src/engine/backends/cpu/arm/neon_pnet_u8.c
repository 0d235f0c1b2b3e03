#include "engine/backends/cpu/simd/vec_neon.inc.h"
#include "engine/backends/cpu/simd/quad_neon.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/exp_body.h"
#include "engine/backends/cpu/simd/pnet_u8_body.h"

void facet__neon_pnet_u8(struct facet_kernels *k)
{
    k->pnet_u8 = pnet_u8;
}
