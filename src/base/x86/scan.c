#include "base/cpu.h"
#include "base/x86/scan.h"

const struct facet_scan_ops *facet_scan_for(uint32_t flags)
{
    if (flags & FACET_CPU_AVX512_VNNI)
        return &facet_scan_avx512_vnni;
    if (flags & FACET_CPU_AVX512)
        return &facet_scan_avx512;
    if (flags & FACET_CPU_AVX2)
        return &facet_scan_avx2;
    return &facet_scan_c;
}
