/* Convolution of u8 by s8 by VPDPBUSD. Included after vec_avx512.inc.h. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <string.h>

#define CONV conv_u8
#define IN_FMT FACET_FMT_U8
#define PER 4

typedef __m512i acct;
typedef __m512i wvec;
typedef __m512i xvec;

static inline wvec w_load(const char *p) { return _mm512_loadu_si512(p); }
static inline xvec x_set(const char *p)
{
    int32_t g;
    memcpy(&g, p, sizeof(g));
    return _mm512_set1_epi32(g);
}
/* Not the intrinsic: gcc 12 keeps a copy of every sum with it, and then half of them in memory. */
static inline acct dot(xvec x, wvec w, acct acc)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}
#define DOT_NARROW
static inline acct dot_narrow(xvec x, wvec w, acct acc)
{
    __asm__("vpdpbusd %t2, %t1, %t0" : "+v"(acc) : "v"(x), "v"(w));
    return acc;
}
#include "engine/backends/cpu/simd/fmt_u8_end.inc.h"

/* Four vectors of sums become 64 bytes, in order. */
static inline __m512i pack4(ivec a, ivec b, ivec c, ivec d, __m512i zero)
{
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i half = _mm512_packs_epi32(zero, zero);
    __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), half), cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), half);
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
}

/* 32 channels of a pixel. */
static inline void store_pixel(uint8_t *out, __m256i x, size_t lanes)
{
    if (lanes == VL)
        _mm256_storeu_si256((void *)out, x);
    else
        _mm256_mask_storeu_epi8(out, (__mmask32)((1ull << (VL + lanes)) - 1), x);
}

#define ROWS_STORE
#define ROWS 2
FORCE_INLINE void rows_store(out_num *out, size_t px, const outv *x, ivec zero, size_t lanes, const int mr, const int nv)
{
    if (nv == 2) {
        __m512i y = pack4(x[0], x[1], x[mr * 2 - 2], x[mr * 2 - 1], zero);
        store_pixel(out, _mm512_castsi512_si256(y), lanes);
        if (mr == 2)
            store_pixel(out + px, _mm512_extracti64x4_epi64(y, 1), lanes);
        return;
    }
    UNROLL for (int p = 0; p < mr; p++)
        _mm_mask_storeu_epi8(out + (size_t)p * px, v_mask(lanes), i_u8_of(x[p], zero));
}
