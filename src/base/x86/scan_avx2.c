/* Numbers are widened to 16 bits, where a pair of products fits in 32. A register of 16-bit numbers is one
 * quad of four rows, and its sums come in pairs that are added at the end. */
#include "base/x86/scan.h"

#include <immintrin.h>

#define UNROLL _Pragma("GCC unroll 4")

static inline __m256i load_quarter(const uint8_t *rows)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)rows));
}

/* The sums of eight rows from the pairs of two quarters. */
static inline __m256i join(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b), 0xd8);
}

static inline unsigned mark(__m256i sum, __m256i floor)
{
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(sum, floor)));
}

/* One group by `wide` queries from query `from`. */
static inline __attribute__((always_inline)) void tile(const struct facet_scan_panel *p, const uint8_t *group, size_t g,
                                                       size_t n, size_t from, size_t wide, int32_t *sums, uint16_t *above)
{
    __m256i s[2][4];
    UNROLL for (size_t q = 0; q < wide; q++)
        UNROLL for (size_t i = 0; i < 4; i++)
            s[q][i] = _mm256_setzero_si256();
    const int16_t *query = p->wide + from * 4;
    for (size_t quad = 0; quad < p->quads; quad++, query += (size_t)p->n * 4) {
        __m256i numbers[2];
        UNROLL for (size_t q = 0; q < wide; q++) {
            long long four;
            __builtin_memcpy(&four, query + q * 4, 8);
            numbers[q] = _mm256_set1_epi64x(four);
        }
        UNROLL for (size_t i = 0; i < 4; i++) {
            const __m256i rows = load_quarter(group + quad * 64 + i * 16);
            UNROLL for (size_t q = 0; q < wide; q++)
                s[q][i] = _mm256_add_epi32(s[q][i], _mm256_madd_epi16(rows, numbers[q]));
        }
    }
    UNROLL for (size_t q = 0; q < wide; q++) {
        const __m256i start = _mm256_set1_epi32(p->start[from + q]), floor = _mm256_set1_epi32(p->floor[from + q]);
        const __m256i low = _mm256_add_epi32(join(s[q][0], s[q][1]), start);
        const __m256i high = _mm256_add_epi32(join(s[q][2], s[q][3]), start);
        size_t at = (from + q) * n + g;
        _mm256_storeu_si256((__m256i *)(sums + at * FACET_SCAN_ROWS), low);
        _mm256_storeu_si256((__m256i *)(sums + at * FACET_SCAN_ROWS + 8), high);
        above[at] = (uint16_t)(mark(low, floor) | mark(high, floor) << 8);
    }
}

static void scan_groups(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    size_t queries = (size_t)p->n;
    for (size_t g = 0; g < n; g++, groups += p->quads * 64) {
        size_t q = 0;
        for (; q + 2 <= queries; q += 2)
            tile(p, groups, g, n, q, 2, sums, above);
        if (q < queries)
            tile(p, groups, g, n, q, 1, sums, above);
    }
}

const struct facet_scan_ops facet_scan_avx2 = { .name = "avx2", .groups = scan_groups };
