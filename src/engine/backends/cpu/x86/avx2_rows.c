#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/simd/rows_body.h"

void facet__avx2_rows(struct facet_kernels *k)
{
    rows_use(k);
}
