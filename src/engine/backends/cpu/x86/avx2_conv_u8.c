#include "engine/backends/cpu/simd/vec_avx2.inc.h"

/* A smaller tile: numbers are taken apart in registers. */
#undef TILE_MR
#define TILE_MR 4

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_u8.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"

void facet__avx2_conv_u8(struct facet_kernels *k)
{
    k->conv_u8 = conv_u8;
}
