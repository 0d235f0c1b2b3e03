#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_bf16.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"

void facet__avx512_conv_bf16(struct facet_kernels *k)
{
    k->conv_bf16 = conv_bf16;
}
