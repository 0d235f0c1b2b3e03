/* Quads of AVX2: eight columns of four u8. Even and odd ones are widened to 16 bits, where sums of two
 * products are exact. Included after vec_avx2.inc.h. */
#include <stdint.h>

#define QX 1                            /* vectors of columns in a block */
#define Q_SHIFT 0                       /* what q_load takes from each u8 */

struct q_halves { __m256i even, odd; };
#define quad struct q_halves
#define qweight struct q_halves
typedef __m256i qsum, qint;

static inline quad q_load(const uint32_t *p)
{
    __m256i x = _mm256_loadu_si256((const void *)p);
    return (quad){ _mm256_and_si256(x, _mm256_set1_epi16(0xff)), _mm256_srli_epi16(x, 8) };
}
static inline void q_store(uint32_t *p, __m256i x) { _mm256_storeu_si256((void *)p, x); }
static inline qweight q_weight(int32_t w)
{
    __m256i x = _mm256_set1_epi32(w);
    return (qweight){ _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8), _mm256_srai_epi16(x, 8) };
}
static inline qsum q_begin(int32_t x) { return _mm256_set1_epi32(x); }
static inline qsum q_dot(qsum sum, quad x, qweight w)
{
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(x.even, w.even));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(x.odd, w.odd));
}
static inline qint q_total(qsum sum) { return sum; }
static inline vec q_real(qint x) { return _mm256_cvtepi32_ps(x); }
static inline qint q_max(qint a, qint b) { return _mm256_max_epi32(a, b); }
static inline qint q_min(qint a, qint b) { return _mm256_min_epi32(a, b); }

static inline qint q_in_order(__m256 halves)
{
    return _mm256_permute4x64_epi64(_mm256_castps_si256(halves), 0xd8);
}
static inline qint q_evens(qint a, qint b)
{
    return q_in_order(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88));
}
static inline qint q_odds(qint a, qint b)
{
    return q_in_order(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0xdd));
}
/* Of each pair of neighbours: a and b are 16 numbers in a row. */
static inline qint q_pairmax(qint a, qint b) { return q_max(q_evens(a, b), q_odds(a, b)); }
static inline qint q_pairmin(qint a, qint b) { return q_min(q_evens(a, b), q_odds(a, b)); }
/* From lane n on the even ones of a and b. */
static inline qint q_evens_from(qint x, qint a, qint b, int n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_blendv_epi8(q_evens(a, b), x, _mm256_cmpgt_epi32(_mm256_set1_epi32(n), lane));
}

/* To the nearest even, plus zero, saturating: four channels become quads. */
static inline __m256i q_pack(vec a, vec b, vec c, vec d, int32_t zero)
{
    const __m256i order = _mm256_setr_epi32(0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703, 0x0c080400, 0x0d090501, 0x0e0a0602, 0x0f0b0703);
    const __m256i z = _mm256_set1_epi16((int16_t)zero);
    const vec top = v_set1(1 << 16);
    __m256i ab = _mm256_packs_epi32(_mm256_cvtps_epi32(v_min(a, top)), _mm256_cvtps_epi32(v_min(b, top)));
    __m256i cd = _mm256_packs_epi32(_mm256_cvtps_epi32(v_min(c, top)), _mm256_cvtps_epi32(v_min(d, top)));
    return _mm256_shuffle_epi8(_mm256_packus_epi16(_mm256_adds_epi16(ab, z), _mm256_adds_epi16(cd, z)), order);
}
