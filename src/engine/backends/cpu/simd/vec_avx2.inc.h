/* Eight floats at a time. */
#ifndef FACET_SIMD_VEC_AVX2_H
#define FACET_SIMD_VEC_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef __m256 vec;
#define VL 8
#define TILE_MR 6
#define TILE_NV 2

static inline vec v_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm256_storeu_ps(p, a); }
static inline __m256i v_mask(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n >= VL ? VL : (int)n), lane);
}
static inline vec v_loadn(const float *p, size_t n) { return _mm256_maskload_ps(p, v_mask(n)); }
/* Stores under a mask are slow on some processors (12 cycles on Zen 4): whole vectors and halves are stored as such. */
static inline void v_storen(float *p, vec a, size_t n)
{
    __m128 low = _mm256_castps256_ps128(a);
    if (n >= VL) {
        _mm256_storeu_ps(p, a);
        return;
    }
    if (n & 4) {
        _mm_storeu_ps(p, low);
        low = _mm256_extractf128_ps(a, 1);
        p += 4;
    }
    if (n & 2) {
        _mm_storel_pi((__m64 *)(void *)p, low);
        low = _mm_movehl_ps(low, low);
        p += 2;
    }
    if (n & 1)
        _mm_store_ss(p, low);
}
static inline vec v_set1(float x) { return _mm256_set1_ps(x); }
/* Keeps a number that is used twice in its register, where compilers would rather load it twice. */
static inline vec v_keep(vec a)
{
    __asm__("" : "+x"(a));
    return a;
}
static inline vec v_zero(void) { return _mm256_setzero_ps(); }
static inline vec v_add(vec a, vec b) { return _mm256_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm256_div_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm256_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm256_min_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }     /* a*b + c */
static inline vec v_fnma(vec a, vec b, vec c) { return _mm256_fnmadd_ps(a, b, c); }   /* c - a*b */
static inline vec v_prelu(vec x, vec slope)
{
    return _mm256_blendv_ps(x, _mm256_mul_ps(x, slope), _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_LT_OQ));
}

static inline vec v_round(vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline vec v_scale2(vec x, vec n)                                       /* x * 2^n, n whole */
{
    __m256i e = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(x), e));
}

/* The larger of each pair of neighbours: a and b are 16 numbers in a row. */
static inline vec v_pairmax(vec a, vec b)
{
    __m256 m = _mm256_max_ps(_mm256_shuffle_ps(a, b, 0x88), _mm256_shuffle_ps(a, b, 0xdd));
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(m), 0xd8));
}

/* VL rows of VL numbers, in place: r[i][j] becomes r[j][i]. */
static inline void v_transpose(vec r[VL])
{
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x20);
        t[i + 4] = _mm256_permute2f128_ps(r[i], r[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++)
        r[i] = t[i];
}

/* ---- stored numbers: bf16 and u8 in memory, floats in registers; n of them, or all ---- */
typedef __m256i ivec;            /* 32-bit integers */

static inline vec v_load_bf16(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), 16));
}
static inline vec v_loadn_bf16(const uint16_t *p, size_t n)
{
    uint16_t t[VL] = { 0 };
    memcpy(t, p, (n < VL ? n : VL) * sizeof(*t));
    return v_load_bf16(t);
}
static inline __m128i v_bf16_of(vec x)         /* to the nearest even */
{
    __m256i b = _mm256_castps_si256(x), high = _mm256_srli_epi32(b, 16), odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
    __m256i r = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(b, odd), _mm256_set1_epi32(0x7fff)), 16);
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    r = _mm256_blendv_epi8(r, _mm256_or_si256(high, _mm256_set1_epi32(0x40)), nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1));
}
static inline void v_store_bf16(uint16_t *p, vec x) { _mm_storeu_si128((void *)p, v_bf16_of(x)); }
static inline void v_storen_bf16(uint16_t *p, vec x, size_t n)
{
    uint16_t t[VL];
    v_store_bf16(n < VL ? t : p, x);
    if (n < VL)
        memcpy(p, t, n * sizeof(*t));
}

static inline ivec i_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline ivec i_sub(ivec a, ivec b) { return _mm256_sub_epi32(a, b); }
static inline vec v_of_int(ivec x) { return _mm256_cvtepi32_ps(x); }
static inline ivec i_nearest(vec x) { return _mm256_cvtps_epi32(x); }         /* even; |x| < 2^31 */
static inline ivec i_load_u8(const uint8_t *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)); }
static inline ivec i_loadn_u8(const uint8_t *p, size_t n)
{
    uint8_t t[VL] = { 0 };
    memcpy(t, p, n < VL ? n : VL);
    return i_load_u8(t);
}
static inline ivec i_load_s8(const int8_t *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)); }
/* x + zero between 0 and 255 */
static inline void i_store_u8(uint8_t *p, ivec x, ivec zero)
{
    __m256i y = _mm256_add_epi32(x, zero);
    __m128i h = _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
    _mm_storel_epi64((void *)p, _mm_packus_epi16(h, h));
}
static inline void i_storen_u8(uint8_t *p, ivec x, ivec zero, size_t n)
{
    uint8_t t[VL];
    i_store_u8(n < VL ? t : p, x, zero);
    if (n < VL)
        memcpy(p, t, n);
}

/* Groups of 32 bits as they lie in packed weights: two bf16 to floats, four bytes to words. */
static inline vec v_low_bf16(vec g) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(g), 16)); }
static inline vec v_high_bf16(vec g)
{
    return _mm256_and_ps(g, _mm256_castsi256_ps(_mm256_set1_epi32((int)0xffff0000)));
}
static inline ivec i_load(const void *p) { return _mm256_loadu_si256(p); }
static inline ivec i_even_s8(ivec g) { return _mm256_srai_epi16(_mm256_slli_epi16(g, 8), 8); }
static inline ivec i_odd_s8(ivec g) { return _mm256_srai_epi16(g, 8); }
static inline ivec i_even_u8(ivec g) { return _mm256_and_si256(g, _mm256_set1_epi16(0xff)); }
static inline ivec i_odd_u8(ivec g) { return _mm256_srli_epi16(g, 8); }
static inline ivec i_dot16(ivec acc, ivec a, ivec b) { return _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)); }

#endif
