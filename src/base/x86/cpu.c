#include "base/cpu.h"
#include "base/cpu_priv.h"

#include <cpuid.h>
#include <immintrin.h>
#include <stdbool.h>

struct cpu_leaves {
    unsigned ecx1, ebx7, ecx7, eax7_1;
    uint64_t xcr0;
};

/* XGETBV: what the system saves on a task switch. A flag in CPUID alone is not permission. */
static uint64_t read_xcr0(void)
{
    unsigned lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (uint64_t)hi << 32 | lo;
}

static struct cpu_leaves read_leaves(void)
{
    struct cpu_leaves l = {0};
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d))
        l.ecx1 = c;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        l.ebx7 = b;
        l.ecx7 = c;
        if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d))
            l.eax7_1 = a;
    }
    if (l.ecx1 & bit_OSXSAVE)
        l.xcr0 = read_xcr0();
    return l;
}

static bool all(uint64_t value, uint64_t bits)
{
    return (value & bits) == bits;
}

uint32_t facet__cpu_detect(void)
{
    const unsigned avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL;
    struct cpu_leaves l = read_leaves();
    uint32_t flags = 0;
    if (!all(l.xcr0, 0x06) || !all(l.ecx1, bit_AVX | bit_FMA | bit_F16C) || !all(l.ebx7, bit_AVX2))
        return 0;
    flags |= FACET_CPU_AVX2;
    if (!all(l.xcr0, 0xe6) || !all(l.ebx7, avx512))
        return flags;
    flags |= FACET_CPU_AVX512;
    if (l.ecx7 & bit_AVX512VNNI)
        flags |= FACET_CPU_AVX512_VNNI;
    if (l.eax7_1 & bit_AVX512BF16)
        flags |= FACET_CPU_AVX512_BF16;
    return flags;
}

void facet__cpu_pause(void)
{
    _mm_pause();
}
