/* Quads of AVX-512 with VPDPBUSD: sixteen columns of four u8. Included after vec_avx512.inc.h. */
#include <stdint.h>

#define QX 3                            /* vectors of columns in a block */
#define Q_SHIFT 0                       /* what q_load takes from each u8 */

typedef __m512i quad, qsum, qint, qweight;

static inline quad q_load(const uint32_t *p) { return _mm512_loadu_si512(p); }
static inline void q_store(uint32_t *p, __m512i x) { _mm512_storeu_si512(p, x); }
static inline qweight q_weight(int32_t w) { return _mm512_set1_epi32(w); }
static inline qsum q_begin(int32_t x) { return _mm512_set1_epi32(x); }
static inline qsum q_dot(qsum sum, quad x, qweight w) { return _mm512_dpbusd_epi32(sum, x, w); }
static inline qint q_total(qsum sum) { return sum; }
static inline vec q_real(qint x) { return _mm512_cvtepi32_ps(x); }
static inline qint q_max(qint a, qint b) { return _mm512_max_epi32(a, b); }
static inline qint q_min(qint a, qint b) { return _mm512_min_epi32(a, b); }

static inline qint q_evens(qint a, qint b)
{
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    return _mm512_permutex2var_epi32(a, even, b);
}
static inline qint q_odds(qint a, qint b)
{
    const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return _mm512_permutex2var_epi32(a, odd, b);
}
/* Of each pair of neighbours: a and b are 32 numbers in a row. */
static inline qint q_pairmax(qint a, qint b) { return q_max(q_evens(a, b), q_odds(a, b)); }
static inline qint q_pairmin(qint a, qint b) { return q_min(q_evens(a, b), q_odds(a, b)); }
/* From lane n on the even ones of a and b. */
static inline qint q_evens_from(qint x, qint a, qint b, int n)
{
    return _mm512_mask_blend_epi32((__mmask16)(0xffffu << n), x, q_evens(a, b));
}

/* To the nearest even, plus zero, saturating: four channels become quads. */
static inline __m512i q_pack(vec a, vec b, vec c, vec d, int32_t zero)
{
    const __m512i order = _mm512_set4_epi32(0x0f0b0703, 0x0e0a0602, 0x0d090501, 0x0c080400), z = _mm512_set1_epi16((int16_t)zero);
    const vec top = v_set1(1 << 16);
    __m512i ab = _mm512_packs_epi32(_mm512_cvtps_epi32(v_min(a, top)), _mm512_cvtps_epi32(v_min(b, top)));
    __m512i cd = _mm512_packs_epi32(_mm512_cvtps_epi32(v_min(c, top)), _mm512_cvtps_epi32(v_min(d, top)));
    return _mm512_shuffle_epi8(_mm512_packus_epi16(_mm512_adds_epi16(ab, z), _mm512_adds_epi16(cd, z)), order);
}
