/* A register of 16-bit products is one quad of two rows; its sums come in pairs that are added at the end.
 * Rows are made signed again: products of two signed bytes, added in twos, fit in 32 bits. */
#include "base/cpu.h"
#include "base/scan.h"

#include <arm_neon.h>

/* Four rows of a group, those from `row`, by one query. */
static int32x4_t four_rows(const struct facet_scan_panel *p, size_t query, const uint8_t *group, size_t row)
{
    const uint8x16_t shift = vdupq_n_u8(128);
    const int8_t *numbers = p->narrow + query * 4;
    int32x4_t low = vdupq_n_s32(0), high = low;
    for (size_t quad = 0; quad < p->quads; quad++, numbers += (size_t)p->n * 4) {
        const int8x16_t rows = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(group + quad * 64 + row * 4), shift));
        int32_t four;
        __builtin_memcpy(&four, numbers, 4);
        const int8x8_t twice = vreinterpret_s8_s32(vdup_n_s32(four));
        low = vpadalq_s16(low, vmull_s8(vget_low_s8(rows), twice));
        high = vpadalq_s16(high, vmull_s8(vget_high_s8(rows), twice));
    }
    return vpaddq_s32(low, high);
}

static void scan_groups(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above)
{
    static const uint32_t bits[4] = { 1, 2, 4, 8 };
    for (size_t g = 0; g < n; g++, groups += p->quads * 64) {
        for (size_t q = 0; q < (size_t)p->n; q++) {
            unsigned mark = 0;
            for (size_t row = 0; row < FACET_SCAN_ROWS; row += 4) {
                const int32x4_t sum = four_rows(p, q, groups, row);
                vst1q_s32(sums + (q * n + g) * FACET_SCAN_ROWS + row, sum);
                const uint32x4_t is_over = vcgtq_s32(sum, vdupq_n_s32(p->floor[q]));
                mark |= vaddvq_u32(vandq_u32(is_over, vld1q_u32(bits))) << row;
            }
            above[q * n + g] = (uint16_t)mark;
        }
    }
}

static const struct facet_scan_ops scan_neon = { .name = "neon", .groups = scan_groups };

const struct facet_scan_ops *facet_scan_for(uint32_t flags)
{
    return flags & FACET_CPU_NEON ? &scan_neon : &facet_scan_c;
}
