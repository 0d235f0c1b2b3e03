/* Sixteen floats at a time. */
#ifndef FACET_SIMD_VEC_AVX512_H
#define FACET_SIMD_VEC_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512 vec;
#define VL 16
#define TILE_MR 12
#define TILE_NV 2

static inline vec v_load(const float *p) { return _mm512_loadu_ps(p); }
static inline void v_store(float *p, vec a) { _mm512_storeu_ps(p, a); }
static inline __mmask16 v_mask(size_t n) { return n >= VL ? 0xffff : (__mmask16)((1u << n) - 1); }
static inline vec v_loadn(const float *p, size_t n) { return _mm512_maskz_loadu_ps(v_mask(n), p); }
static inline void v_storen(float *p, vec a, size_t n) { _mm512_mask_storeu_ps(p, v_mask(n), a); }
static inline vec v_set1(float x) { return _mm512_set1_ps(x); }
/* Keeps a number that is used twice in its register, where compilers would rather load it twice. */
static inline vec v_keep(vec a)
{
    __asm__("" : "+v"(a));
    return a;
}
static inline vec v_zero(void) { return _mm512_setzero_ps(); }
static inline vec v_add(vec a, vec b) { return _mm512_add_ps(a, b); }
static inline vec v_sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
static inline vec v_mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
static inline vec v_div(vec a, vec b) { return _mm512_div_ps(a, b); }
static inline vec v_max(vec a, vec b) { return _mm512_max_ps(a, b); }
static inline vec v_min(vec a, vec b) { return _mm512_min_ps(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }     /* a*b + c */
/* ... of the lower half; the upper is anything. */
#define V_NARROW
static inline vec v_fma_narrow(vec a, vec b, vec c)
{
    return _mm512_castps256_ps512(_mm256_fmadd_ps(_mm512_castps512_ps256(a), _mm512_castps512_ps256(b), _mm512_castps512_ps256(c)));
}
static inline vec v_fnma(vec a, vec b, vec c) { return _mm512_fnmadd_ps(a, b, c); }   /* c - a*b */
static inline vec v_prelu(vec x, vec slope)
{
    return _mm512_mask_mul_ps(x, _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_LT_OQ), x, slope);
}

static inline vec v_round(vec x) { return _mm512_roundscale_ps(x, 0); }
static inline vec v_scale2(vec x, vec n) { return _mm512_scalef_ps(x, n); }    /* x * 2^n, n whole */

/* The larger of each pair of neighbours: a and b are 32 numbers in a row. */
static inline vec v_pairmax(vec a, vec b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_max_ps(_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b));
}

/* VL rows of VL numbers, in place: r[i][j] becomes r[j][i]. */
static inline void v_transpose(vec r[VL])
{
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_shuffle_ps(t[i], t[i + 2], 0x44);
        r[i + 1] = _mm512_shuffle_ps(t[i], t[i + 2], 0xee);
        r[i + 2] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0x44);
        r[i + 3] = _mm512_shuffle_ps(t[i + 1], t[i + 3], 0xee);
    }
    for (int i = 0; i < 4; i++) {
        __m512 a = _mm512_shuffle_f32x4(r[i], r[i + 4], 0x88), b = _mm512_shuffle_f32x4(r[i], r[i + 4], 0xdd);
        __m512 c = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0x88), d = _mm512_shuffle_f32x4(r[i + 8], r[i + 12], 0xdd);
        t[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        t[i + 8] = _mm512_shuffle_f32x4(a, c, 0xdd);
        t[i + 4] = _mm512_shuffle_f32x4(b, d, 0x88);
        t[i + 12] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
    for (int i = 0; i < 16; i++)
        r[i] = t[i];
}

/* ---- stored numbers: bf16 and u8 in memory, floats in registers; n of them, or all ---- */
typedef __m512i ivec;            /* 32-bit integers */

static inline vec v_loadn_bf16(const uint16_t *p, size_t n)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(v_mask(n), p)), 16));
}
static inline vec v_load_bf16(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}
static inline __m256i v_bf16_of(vec x)         /* to the nearest even */
{
    __m512i b = _mm512_castps_si512(x), odd = _mm512_and_si512(_mm512_srli_epi32(b, 16), _mm512_set1_epi32(1));
    __m512i r = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(b, odd), _mm512_set1_epi32(0x7fff)), 16);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    r = _mm512_mask_or_epi32(r, nan, _mm512_srli_epi32(b, 16), _mm512_set1_epi32(0x40));
    return _mm512_cvtepi32_epi16(r);
}
static inline void v_store_bf16(uint16_t *p, vec x) { _mm256_storeu_si256((void *)p, v_bf16_of(x)); }
static inline void v_storen_bf16(uint16_t *p, vec x, size_t n) { _mm256_mask_storeu_epi16(p, v_mask(n), v_bf16_of(x)); }

static inline ivec i_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline ivec i_max(ivec a, ivec b) { return _mm512_max_epi32(a, b); }
static inline ivec i_min(ivec a, ivec b) { return _mm512_min_epi32(a, b); }
static inline void i_store(int32_t *p, ivec a) { _mm512_storeu_si512(p, a); }
static inline ivec i_sub(ivec a, ivec b) { return _mm512_sub_epi32(a, b); }
static inline vec v_of_int(ivec x) { return _mm512_cvtepi32_ps(x); }
static inline ivec i_nearest(vec x) { return _mm512_cvtps_epi32(x); }         /* even; |x| < 2^31 */
static inline ivec i_loadn_u8(const uint8_t *p, size_t n) { return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(v_mask(n), p)); }
static inline ivec i_load_u8(const uint8_t *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p)); }
static inline ivec i_load_s8(const int8_t *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)); }
/* x + zero between 0 and 255 */
static inline __m128i i_u8_of(ivec x, ivec zero)
{
    return _mm512_cvtusepi32_epi8(_mm512_max_epi32(_mm512_add_epi32(x, zero), _mm512_setzero_si512()));
}
static inline void i_store_u8(uint8_t *p, ivec x, ivec zero) { _mm_storeu_si128((void *)p, i_u8_of(x, zero)); }
static inline void i_storen_u8(uint8_t *p, ivec x, ivec zero, size_t n) { _mm_mask_storeu_epi8(p, v_mask(n), i_u8_of(x, zero)); }

/* Groups of 32 bits as they lie in packed weights: two bf16 to floats, four bytes to words. */
static inline vec v_low_bf16(vec g) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(g), 16)); }
static inline vec v_high_bf16(vec g)
{
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(g), _mm512_set1_epi32((int)0xffff0000)));
}
static inline ivec i_load(const void *p) { return _mm512_loadu_si512(p); }
static inline ivec i_even_s8(ivec g) { return _mm512_srai_epi16(_mm512_slli_epi16(g, 8), 8); }
static inline ivec i_odd_s8(ivec g) { return _mm512_srai_epi16(g, 8); }
static inline ivec i_even_u8(ivec g) { return _mm512_and_si512(g, _mm512_set1_epi16(0xff)); }
static inline ivec i_odd_u8(ivec g) { return _mm512_srli_epi16(g, 8); }
static inline ivec i_dot16(ivec acc, ivec a, ivec b) { return _mm512_add_epi32(acc, _mm512_madd_epi16(a, b)); }

#endif
