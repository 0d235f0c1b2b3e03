/* Four floats at a time. */
#ifndef FACET_SIMD_VEC_NEON_H
#define FACET_SIMD_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>

typedef float32x4_t vec;
#define VL 4
#define TILE_MR 6
#define TILE_NV 4

static inline vec v_load(const float *p) { return vld1q_f32(p); }
static inline void v_store(float *p, vec a) { vst1q_f32(p, a); }
static inline vec v_loadn(const float *p, size_t n)
{
    float t[VL] = { 0 };
    for (size_t i = 0; i < n && i < VL; i++)
        t[i] = p[i];
    return vld1q_f32(t);
}
static inline void v_storen(float *p, vec a, size_t n)
{
    float t[VL];
    vst1q_f32(t, a);
    for (size_t i = 0; i < n && i < VL; i++)
        p[i] = t[i];
}
static inline vec v_set1(float x) { return vdupq_n_f32(x); }
/* Keeps a number that is used twice in its register, where compilers would rather load it twice. */
static inline vec v_keep(vec a)
{
    __asm__("" : "+w"(a));
    return a;
}
static inline vec v_zero(void) { return vdupq_n_f32(0); }
static inline vec v_add(vec a, vec b) { return vaddq_f32(a, b); }
static inline vec v_sub(vec a, vec b) { return vsubq_f32(a, b); }
static inline vec v_mul(vec a, vec b) { return vmulq_f32(a, b); }
static inline vec v_div(vec a, vec b) { return vdivq_f32(a, b); }
static inline vec v_max(vec a, vec b) { return vmaxq_f32(a, b); }
static inline vec v_min(vec a, vec b) { return vminq_f32(a, b); }
static inline vec v_fma(vec a, vec b, vec c) { return vfmaq_f32(c, a, b); }     /* a*b + c */
static inline vec v_fnma(vec a, vec b, vec c) { return vfmsq_f32(c, a, b); }    /* c - a*b */
static inline vec v_prelu(vec x, vec slope)
{
    return vbslq_f32(vcltq_f32(x, vdupq_n_f32(0)), vmulq_f32(x, slope), x);
}

static inline vec v_round(vec x) { return vrndnq_f32(x); }
static inline vec v_scale2(vec x, vec n)                                       /* x * 2^n, n whole */
{
    int32x4_t e = vshlq_n_s32(vcvtq_s32_f32(n), 23);
    return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(x), e));
}

/* The larger of each pair of neighbours: a and b are 8 numbers in a row. */
static inline vec v_pairmax(vec a, vec b) { return vpmaxq_f32(a, b); }

/* VL rows of VL numbers, in place: r[i][j] becomes r[j][i]. */
static inline void v_transpose(vec r[VL])
{
    float32x4x2_t a = vtrnq_f32(r[0], r[1]), b = vtrnq_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a.val[0]), vget_low_f32(b.val[0]));
    r[1] = vcombine_f32(vget_low_f32(a.val[1]), vget_low_f32(b.val[1]));
    r[2] = vcombine_f32(vget_high_f32(a.val[0]), vget_high_f32(b.val[0]));
    r[3] = vcombine_f32(vget_high_f32(a.val[1]), vget_high_f32(b.val[1]));
}

#endif
