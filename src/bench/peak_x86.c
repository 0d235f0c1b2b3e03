/* Twelve sums, so that one is always ready whatever the latency. */
#include "base/cpu.h"
#include "bench/peak.h"

#include <immintrin.h>

#define SUMS 12
#define EACH(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)

static volatile float sink;

__attribute__((target("avx2,fma"))) static double f32_avx2(uint64_t loops)
{
    __m256 a = _mm256_set1_ps(1.0f), b = _mm256_set1_ps(1e-7f);
#define BEGIN(i) __m256 s##i = _mm256_set1_ps(i);
#define STEP(i) s##i = _mm256_fmadd_ps(s##i, a, b);
#define END(i) total = _mm256_add_ps(total, s##i);
    EACH(BEGIN)
    for (uint64_t k = 0; k < loops; k++) {
        __asm__ volatile("" : "+x"(a), "+x"(b));
        EACH(STEP)
    }
    __m256 total = a;
    EACH(END)
    sink = _mm256_cvtss_f32(total);
    return (double)loops * SUMS * 8 * 2;
#undef BEGIN
#undef STEP
#undef END
}

__attribute__((target("avx512f"))) static double f32_avx512(uint64_t loops)
{
    __m512 a = _mm512_set1_ps(1.0f), b = _mm512_set1_ps(1e-7f);
#define BEGIN(i) __m512 s##i = _mm512_set1_ps(i);
#define STEP(i) s##i = _mm512_fmadd_ps(s##i, a, b);
#define END(i) total = _mm512_add_ps(total, s##i);
    EACH(BEGIN)
    for (uint64_t k = 0; k < loops; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
        EACH(STEP)
    }
    __m512 total = a;
    EACH(END)
    sink = _mm512_cvtss_f32(total);
    return (double)loops * SUMS * 16 * 2;
#undef BEGIN
#undef STEP
#undef END
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static double bf16_avx512(uint64_t loops)
{
    __m512 zero = _mm512_setzero_ps();
    __m512bh a = _mm512_cvtne2ps_pbh(zero, zero), b = a;
#define BEGIN(i) __m512 s##i = _mm512_set1_ps(i);
#define STEP(i) s##i = _mm512_dpbf16_ps(s##i, a, b);
#define END(i) total = _mm512_add_ps(total, s##i);
    EACH(BEGIN)
    for (uint64_t k = 0; k < loops; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
        EACH(STEP)
    }
    __m512 total = zero;
    EACH(END)
    sink = _mm512_cvtss_f32(total);
    return (double)loops * SUMS * 32 * 2;
#undef BEGIN
#undef STEP
#undef END
}

__attribute__((target("avx512f,avx512vnni"))) static double int8_avx512(uint64_t loops)
{
    __m512i a = _mm512_set1_epi8(1), b = _mm512_set1_epi8(2);
#define BEGIN(i) __m512i s##i = _mm512_set1_epi32(i);
#define STEP(i) s##i = _mm512_dpbusd_epi32(s##i, a, b);
#define END(i) total = _mm512_add_epi32(total, s##i);
    EACH(BEGIN)
    for (uint64_t k = 0; k < loops; k++) {
        __asm__ volatile("" : "+v"(a), "+v"(b));
        EACH(STEP)
    }
    __m512i total = a;
    EACH(END)
    sink = (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(total));
    return (double)loops * SUMS * 64 * 2;
#undef BEGIN
#undef STEP
#undef END
}

double facet_peak_loop(enum facet_peak_kind kind, uint64_t loops)
{
    uint32_t flags = facet_cpu_flags(NULL);
    if (kind == FACET_PEAK_BF16)
        return flags & FACET_CPU_AVX512_BF16 ? bf16_avx512(loops) : 0;
    if (kind == FACET_PEAK_INT8)
        return flags & FACET_CPU_AVX512_VNNI ? int8_avx512(loops) : 0;
    return flags & FACET_CPU_AVX512 ? f32_avx512(loops) : flags & FACET_CPU_AVX2 ? f32_avx2(loops) : 0;
}
