#include "engine/backends/cpu/simd/vec_avx512.inc.h"

/* Convolution. The tile: 12 pixels by 32 channels, 24 of the 32 registers. */
#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_f32.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"
#include "engine/backends/cpu/simd/wino_body.h"

void facet__avx512_conv(struct facet_kernels *k)
{
    k->lanes = VL;
    k->block = BLOCK;
    k->tile = TILE_MR;
    k->conv_f32 = conv_f32;
    k->wino_f32 = wino_f32;
    k->wino_bf16 = wino_bf16;
}
