/* Rows are unsigned and queries signed, as VPDPBUSD wants them; the 128 too much of each row's number
 * is in the sum's start. A tile is some groups by some queries, its sums in registers. */
#include "base/x86/scan.h"

#include <immintrin.h>

typedef int sums16 __attribute__((vector_size(64)));
#define UNROLL _Pragma("GCC unroll 24")

/* One query: four sums of every fourth quad, so that additions overlap. */
static void one_query(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    const __m512i start = _mm512_set1_epi32(p->start[0]), floor = _mm512_set1_epi32(p->floor[0]);
    const int8_t *query = p->narrow;
    for (size_t g = 0; g < n; g++, groups += p->quads * 64) {
        __m512i s[4] = { start, _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512() };
        size_t quad = 0;
        for (; quad + 4 <= p->quads; quad += 4) {
            for (size_t i = 0; i < 4; i++) {
                const uint8_t *row = groups + (quad + i) * 64;
                int four;
                __builtin_memcpy(&four, query + (quad + i) * 4, 4);
                _mm_prefetch((const char *)row + p->ahead, _MM_HINT_T0);
                s[i] = _mm512_dpbusd_epi32(s[i], _mm512_loadu_si512(row), _mm512_set1_epi32(four));
            }
        }
        for (; quad < p->quads; quad++) {
            int four;
            __builtin_memcpy(&four, query + quad * 4, 4);
            s[0] = _mm512_dpbusd_epi32(s[0], _mm512_loadu_si512(groups + quad * 64), _mm512_set1_epi32(four));
        }
        __m512i sum = _mm512_add_epi32(_mm512_add_epi32(s[0], s[1]), _mm512_add_epi32(s[2], s[3]));
        _mm512_storeu_si512(sums + g * FACET_SCAN_ROWS, sum);
        above[g] = _mm512_cmpgt_epi32_mask(sum, floor);
    }
}

/* Two groups by `wide` queries, a constant where this is used; of an odd number of groups the last is its own
 * neighbour. Sums have the type that the instruction adds to: others cost compilers a move each. */
static inline __attribute__((always_inline)) void tile(const struct facet_scan_panel *p, const uint8_t *row, size_t g,
                                                       size_t n, size_t wide, int32_t *sums, uint16_t *above)
{
    const size_t bytes = p->quads * 64, next = g + 1 < n ? bytes : 0, ahead = p->ahead;
    const int8_t *query = p->narrow;
    sums16 s[2 * FACET_SCAN_QUERIES];
    UNROLL for (size_t i = 0; i < 2 * wide; i++)
        s[i] = (sums16)_mm512_set1_epi32(p->start[i / 2]);
    for (size_t quad = 0; quad < p->quads; quad++, row += 64, query += wide * 4) {
        const __m512i first = _mm512_loadu_si512(row), second = _mm512_loadu_si512(row + next);
        _mm_prefetch((const char *)row + ahead, _MM_HINT_T0);
        _mm_prefetch((const char *)row + next + ahead, _MM_HINT_T0);
        UNROLL for (size_t i = 0; i < 2 * wide; i++) {
            int four;
            __builtin_memcpy(&four, query + i / 2 * 4, 4);
            s[i] = (sums16)_mm512_dpbusd_epi32((__m512i)s[i], i % 2 ? second : first, _mm512_set1_epi32(four));
        }
    }
    UNROLL for (size_t i = 0; i < 2 * wide; i++) {
        size_t at = i / 2 * n + g + i % 2;
        if (g + i % 2 == n)
            continue;
        _mm512_storeu_si512(sums + at * FACET_SCAN_ROWS, (__m512i)s[i]);
        above[at] = _mm512_cmpgt_epi32_mask((__m512i)s[i], _mm512_set1_epi32(p->floor[i / 2]));
    }
}

#define FOR_WIDTH(wide)                                                                                           \
    static void queries_##wide(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, \
                               uint16_t *above)                                                                  \
    {                                                                                                             \
        for (size_t g = 0; g < n; g += 2)                                                                         \
            tile(p, groups + g * p->quads * 64, g, n, wide, sums, above);                                         \
    }
FOR_WIDTH(2)
FOR_WIDTH(4)
FOR_WIDTH(6)
FOR_WIDTH(8)
FOR_WIDTH(12)

static void scan_groups(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    switch (p->n) {
    case 1: one_query(p, groups, n, sums, above); break;
    case 2: queries_2(p, groups, n, sums, above); break;
    case 4: queries_4(p, groups, n, sums, above); break;
    case 6: queries_6(p, groups, n, sums, above); break;
    case 8: queries_8(p, groups, n, sums, above); break;
    default: queries_12(p, groups, n, sums, above); break;
    }
}

const struct facet_scan_ops facet_scan_avx512_vnni = { .name = "avx512-vnni", .groups = scan_groups };
