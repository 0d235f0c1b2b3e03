#include "engine/backends/cpu/simd/vec_avx2.inc.h"

/* A smaller tile: numbers are taken apart in registers. */
#undef TILE_MR
#define TILE_MR 4

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_bf16.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"

void facet__avx2_conv_bf16(struct facet_kernels *k)
{
    k->conv_bf16 = conv_bf16;
}
