#include "engine/backends/cpu/simd/vec_avx512.inc.h"

#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/fmt_u8_vnni.inc.h"
#include "engine/backends/cpu/simd/convpool_u8_body.h"

void facet__avx512vnni_convpool(struct facet_kernels *k)
{
    k->convpool_u8 = convpool_u8;
}
