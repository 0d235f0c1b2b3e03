/* Four floats at a time. */
#ifndef FACET_SIMD_VEC_NEON_H
#define FACET_SIMD_VEC_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

/* ---- stored numbers: bf16 and u8 in memory, floats in registers; n of them, or all ---- */
typedef int32x4_t ivec;          /* 32-bit integers */

static inline vec v_load_bf16(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }
static inline vec v_loadn_bf16(const uint16_t *p, size_t n)
{
    uint16_t t[VL] = { 0 };
    memcpy(t, p, (n < VL ? n : VL) * sizeof(*t));
    return v_load_bf16(t);
}
static inline uint16x4_t v_bf16_of(vec x)      /* to the nearest even */
{
    uint32x4_t b = vreinterpretq_u32_f32(x), high = vshrq_n_u32(b, 16), odd = vandq_u32(high, vdupq_n_u32(1));
    uint32x4_t r = vshrq_n_u32(vaddq_u32(vaddq_u32(b, odd), vdupq_n_u32(0x7fff)), 16);
    return vmovn_u32(vbslq_u32(vceqq_f32(x, x), r, vorrq_u32(high, vdupq_n_u32(0x40))));
}
static inline void v_store_bf16(uint16_t *p, vec x) { vst1_u16(p, v_bf16_of(x)); }
static inline void v_storen_bf16(uint16_t *p, vec x, size_t n)
{
    uint16_t t[VL];
    v_store_bf16(n < VL ? t : p, x);
    if (n < VL)
        memcpy(p, t, n * sizeof(*t));
}

static inline ivec i_set1(int32_t x) { return vdupq_n_s32(x); }
static inline ivec i_sub(ivec a, ivec b) { return vsubq_s32(a, b); }
static inline vec v_of_int(ivec x) { return vcvtq_f32_s32(x); }
static inline ivec i_nearest(vec x) { return vcvtnq_s32_f32(x); }             /* even; |x| < 2^31 */
static inline ivec i_load_u8(const uint8_t *p)
{
    uint32_t t;
    memcpy(&t, p, sizeof(t));
    return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(t))))));
}
static inline ivec i_loadn_u8(const uint8_t *p, size_t n)
{
    uint8_t t[VL] = { 0 };
    memcpy(t, p, n < VL ? n : VL);
    return i_load_u8(t);
}
static inline ivec i_load_s8(const int8_t *p)
{
    int32_t t;
    memcpy(&t, p, sizeof(t));
    return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_s32(vdup_n_s32(t)))));
}
/* x + zero between 0 and 255 */
static inline void i_storen_u8(uint8_t *p, ivec x, ivec zero, size_t n)
{
    int16x4_t h = vqmovn_s32(vaddq_s32(x, zero));
    uint32_t t = vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(h, h))), 0);
    memcpy(p, &t, n < VL ? n : VL);
}
static inline void i_store_u8(uint8_t *p, ivec x, ivec zero) { i_storen_u8(p, x, zero, VL); }

/* Groups of 32 bits as they lie in packed weights: two bf16 to floats, four bytes to words. */
static inline vec v_low_bf16(vec g) { return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(g), 16)); }
static inline vec v_high_bf16(vec g)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(g), vdupq_n_u32(0xffff0000)));
}
static inline ivec i_load(const void *p) { return vreinterpretq_s32_u8(vld1q_u8(p)); }
static inline ivec i_even_s8(ivec g) { return vreinterpretq_s32_s16(vshrq_n_s16(vshlq_n_s16(vreinterpretq_s16_s32(g), 8), 8)); }
static inline ivec i_odd_s8(ivec g) { return vreinterpretq_s32_s16(vshrq_n_s16(vreinterpretq_s16_s32(g), 8)); }
static inline ivec i_even_u8(ivec g) { return vreinterpretq_s32_u16(vandq_u16(vreinterpretq_u16_s32(g), vdupq_n_u16(0xff))); }
static inline ivec i_odd_u8(ivec g) { return vreinterpretq_s32_u16(vshrq_n_u16(vreinterpretq_u16_s32(g), 8)); }
/* A byte times a signed byte fits 16 bits. */
static inline ivec i_dot16(ivec acc, ivec a, ivec b)
{
    return vpadalq_s16(acc, vmulq_s16(vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b)));
}

#endif
