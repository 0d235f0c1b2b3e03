/* Convolution of bf16 by VDPBF16PS. Included after vec_avx512.inc.h. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <string.h>

#define CONV conv_bf16
#define IN_FMT FACET_FMT_BF16
#define PER 2

typedef vec acct;
typedef __m512i wvec;
typedef __m512i xvec;
typedef vec outv;
typedef uint16_t out_num;

static inline wvec w_load(const char *p) { return _mm512_loadu_si512(p); }
static inline xvec x_set(const char *p)
{
    int32_t g;
    memcpy(&g, p, sizeof(g));
    return _mm512_set1_epi32(g);
}
static inline xvec x_set_half(const char *p) { return _mm512_and_si512(x_set(p), _mm512_set1_epi32(0xffff)); }
static inline acct dot(xvec x, wvec w, acct acc) { return _mm512_dpbf16_ps(acc, (__m512bh)x, (__m512bh)w); }
#define DOT_NARROW
static inline acct dot_narrow(xvec x, wvec w, acct acc)
{
    __m256bh a = (__m256bh)_mm512_castsi512_si256(x), b = (__m256bh)_mm512_castsi512_si256(w);
    return _mm512_castps256_ps512(_mm256_dpbf16_ps(_mm512_castps512_ps256(acc), a, b));
}
static inline acct acc_begin(const float *bias) { return bias ? v_load(bias) : v_zero(); }
static inline vec acc_real(acct acc, vec scale, vec bias) { (void)scale; (void)bias; return acc; }
static inline outv out_of(vec x) { return x; }
static inline vec res_load(const void *p, size_t i, ivec zero, size_t n) { (void)zero; return v_loadn_bf16((const uint16_t *)p + i, n); }

/* 32 channels of a pixel at once. */
static inline void store_pixel(uint16_t *out, vec a, vec b, size_t lanes)
{
    __m512i x = (__m512i)_mm512_cvtne2ps_pbh(b, a);
    if (lanes == VL)
        _mm512_storeu_si512(out, x);
    else
        _mm512_mask_storeu_epi16(out, (__mmask32)((1ull << (VL + lanes)) - 1), x);
}

#define ROWS_STORE
#define ROWS 1
FORCE_INLINE void rows_store(out_num *out, size_t px, const outv *x, ivec zero, size_t lanes, const int mr, const int nv)
{
    (void)px, (void)zero, (void)mr;
    if (nv == 2)
        store_pixel(out, x[0], x[1], lanes);
    else
        _mm256_mask_storeu_epi16(out, v_mask(lanes), (__m256i)_mm512_cvtneps_pbh(x[0]));
}
