/* Without VNNI: numbers are widened to 16 bits, where a pair of products fits in 32. A register of 16-bit
 * numbers is one quad of eight rows, and its sums come in pairs that are added at the end. */
#include "base/x86/scan.h"

#include <immintrin.h>

#define UNROLL _Pragma("GCC unroll 4")

static inline __m512i load_half(const uint8_t *rows)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)rows));
}

static inline __m256i join(__m512i pairs)
{
    return _mm512_cvtepi64_epi32(_mm512_add_epi32(pairs, _mm512_srli_epi64(pairs, 32)));
}

/* One group by `wide` queries from query `from`. */
static inline __attribute__((always_inline)) void tile(const struct facet_scan_panel *p, const uint8_t *group, size_t g,
                                                       size_t n, size_t from, size_t wide, int32_t *sums, uint16_t *above)
{
    __m512i low[4], high[4];
    UNROLL for (size_t q = 0; q < wide; q++)
        low[q] = high[q] = _mm512_setzero_si512();
    const int16_t *query = p->wide + from * 4;
    for (size_t quad = 0; quad < p->quads; quad++, query += (size_t)p->n * 4) {
        const __m512i a = load_half(group + quad * 64), b = load_half(group + quad * 64 + 32);
        UNROLL for (size_t q = 0; q < wide; q++) {
            long long four;
            __builtin_memcpy(&four, query + q * 4, 8);
            const __m512i numbers = _mm512_set1_epi64(four);
            low[q] = _mm512_add_epi32(low[q], _mm512_madd_epi16(a, numbers));
            high[q] = _mm512_add_epi32(high[q], _mm512_madd_epi16(b, numbers));
        }
    }
    UNROLL for (size_t q = 0; q < wide; q++) {
        __m512i sum = _mm512_inserti64x4(_mm512_castsi256_si512(join(low[q])), join(high[q]), 1);
        sum = _mm512_add_epi32(sum, _mm512_set1_epi32(p->start[from + q]));
        size_t at = (from + q) * n + g;
        _mm512_storeu_si512(sums + at * FACET_SCAN_ROWS, sum);
        above[at] = _mm512_cmpgt_epi32_mask(sum, _mm512_set1_epi32(p->floor[from + q]));
    }
}

static void scan_groups(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    size_t queries = (size_t)p->n;
    for (size_t g = 0; g < n; g++, groups += p->quads * 64) {
        size_t q = 0;
        for (; q + 4 <= queries; q += 4)
            tile(p, groups, g, n, q, 4, sums, above);
        for (; q + 2 <= queries; q += 2)
            tile(p, groups, g, n, q, 2, sums, above);
        if (q < queries)
            tile(p, groups, g, n, q, 1, sums, above);
    }
}

const struct facet_scan_ops facet_scan_avx512 = { .name = "avx512", .groups = scan_groups };
