#include "base/cpu.h"
#include "base/x86/dot.h"

const struct facet_dot_ops *facet_dot_for(uint32_t flags)
{
    if (flags & FACET_CPU_AVX512)
        return &facet_dot_avx512;
    if (flags & FACET_CPU_AVX2)
        return &facet_dot_avx2;
    return &facet_dot_c;
}
