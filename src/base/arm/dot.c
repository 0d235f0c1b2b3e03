/* NEON is part of every 64-bit Arm processor; the flag is still asked, so that tests can lower it. */
#include "base/cpu.h"
#include "base/dot.h"

#include <arm_neon.h>

static float dot_f32(const float *a, const float *b, size_t n)
{
    float32x4_t s0 = vdupq_n_f32(0), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        s0 = vfmaq_f32(s0, vld1q_f32(a + i), vld1q_f32(b + i));
        s1 = vfmaq_f32(s1, vld1q_f32(a + i + 4), vld1q_f32(b + i + 4));
        s2 = vfmaq_f32(s2, vld1q_f32(a + i + 8), vld1q_f32(b + i + 8));
        s3 = vfmaq_f32(s3, vld1q_f32(a + i + 12), vld1q_f32(b + i + 12));
    }
    float sum = vaddvq_f32(vaddq_f32(vaddq_f32(s0, s1), vaddq_f32(s2, s3)));
    return i < n ? sum + facet_dot_c.f32(a + i, b + i, n - i) : sum;
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    int32x4_t s = vdupq_n_s32(0);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        int8x16_t x = vld1q_s8(a + i), y = vld1q_s8(b + i);
        s = vpadalq_s16(s, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        s = vpadalq_s16(s, vmull_s8(vget_high_s8(x), vget_high_s8(y)));
    }
    int32_t sum = vaddvq_s32(s);
    return i < n ? sum + facet_dot_c.i8(a + i, b + i, n - i) : sum;
}

static const struct facet_dot_ops dot_neon = { .name = "neon", .f32 = dot_f32, .i8 = dot_i8 };

const struct facet_dot_ops *facet_dot_for(uint32_t flags)
{
    return flags & FACET_CPU_NEON ? &dot_neon : &facet_dot_c;
}
