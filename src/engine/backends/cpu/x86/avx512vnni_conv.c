#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_u8_vnni.inc.h"
#include "engine/backends/cpu/simd/conv_body.h"

void facet__avx512vnni_conv(struct facet_kernels *k)
{
    k->conv_u8 = conv_u8;
}
