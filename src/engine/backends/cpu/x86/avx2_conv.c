#include "engine/backends/cpu/simd/vec_avx2.inc.h"

/* Convolution. The tile: 6 pixels by 16 channels, 12 of the 16 registers. */
#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_f32.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"
#include "engine/backends/cpu/simd/wino_body.h"

void facet__avx2_conv(struct facet_kernels *k)
{
    k->lanes = VL;
    k->block = BLOCK;
    k->tile = TILE_MR;
    k->conv_f32 = conv_f32;
    k->wino_f32 = wino_f32;
    k->wino_bf16 = wino_bf16;
}
