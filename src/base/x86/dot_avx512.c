#include "base/x86/dot.h"

#include <immintrin.h>

static float dot_f32(const float *a, const float *b, size_t n)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s0 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i), s0);
        s1 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 16), _mm512_loadu_ps(b + i + 16), s1);
        s2 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 32), _mm512_loadu_ps(b + i + 32), s2);
        s3 = _mm512_fmadd_ps(_mm512_loadu_ps(a + i + 48), _mm512_loadu_ps(b + i + 48), s3);
    }
    float sum = _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)));
    return i < n ? sum + facet_dot_c.f32(a + i, b + i, n - i) : sum;
}

static __m512i load_i8(const int8_t *p)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)p));
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    __m512i s0 = _mm512_setzero_si512(), s1 = s0;
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        s0 = _mm512_add_epi32(s0, _mm512_madd_epi16(load_i8(a + i), load_i8(b + i)));
        s1 = _mm512_add_epi32(s1, _mm512_madd_epi16(load_i8(a + i + 32), load_i8(b + i + 32)));
    }
    int32_t sum = _mm512_reduce_add_epi32(_mm512_add_epi32(s0, s1));
    return i < n ? sum + facet_dot_c.i8(a + i, b + i, n - i) : sum;
}

const struct facet_dot_ops facet_dot_avx512 = { .name = "avx512", .f32 = dot_f32, .i8 = dot_i8 };
