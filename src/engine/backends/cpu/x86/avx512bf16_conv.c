#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_bf16_avx512.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"

void facet__avx512bf16_conv(struct facet_kernels *k)
{
    k->conv_bf16 = conv_bf16;
    k->bf16_rate = 2;
}
