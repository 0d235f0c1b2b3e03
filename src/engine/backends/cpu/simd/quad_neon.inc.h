/* Quads of NEON: four columns of four u8, taken down by 128 to s8, whose products by s8 are exact in pairs of 16
 * bits. A sum is two vectors, of two columns each, whose neighbours are added at the end. Included after
 * vec_neon.inc.h. */
#include <stdint.h>

#define QX 1                            /* vectors of columns in a block */
#define Q_SHIFT 128                     /* what q_load takes from each u8 */

typedef int8x16_t quad;
typedef int8x8_t qweight;
struct q_columns { int32x4_t low, high; };
#define qsum struct q_columns
typedef int32x4_t qint;

static inline quad q_load(const uint32_t *p)
{
    return vreinterpretq_s8_u8(veorq_u8(vreinterpretq_u8_u32(vld1q_u32(p)), vdupq_n_u8(0x80)));
}
static inline void q_store(uint32_t *p, uint32x4_t x) { vst1q_u32(p, x); }
static inline qweight q_weight(int32_t w) { return vreinterpret_s8_s32(vdup_n_s32(w)); }
static inline qsum q_begin(int32_t x)
{
    const int32x4_t once = vsetq_lane_s32(x, vsetq_lane_s32(x, vdupq_n_s32(0), 0), 2);
    return (qsum){ once, once };
}
static inline qsum q_dot(qsum sum, quad x, qweight w)
{
    sum.low = vpadalq_s16(sum.low, vmull_s8(vget_low_s8(x), w));
    sum.high = vpadalq_s16(sum.high, vmull_s8(vget_high_s8(x), w));
    return sum;
}
static inline qint q_total(qsum sum) { return vpaddq_s32(sum.low, sum.high); }
static inline vec q_real(qint x) { return vcvtq_f32_s32(x); }
static inline qint q_max(qint a, qint b) { return vmaxq_s32(a, b); }
static inline qint q_min(qint a, qint b) { return vminq_s32(a, b); }
/* Of each pair of neighbours: a and b are 8 numbers in a row. */
static inline qint q_pairmax(qint a, qint b) { return vpmaxq_s32(a, b); }
static inline qint q_pairmin(qint a, qint b) { return vpminq_s32(a, b); }
/* From lane n on the even ones of a and b. */
static inline qint q_evens_from(qint x, qint a, qint b, int n)
{
    static const int32_t lanes[4] = { 0, 1, 2, 3 };
    return vbslq_s32(vcgtq_s32(vdupq_n_s32(n), vld1q_s32(lanes)), x, vuzp1q_s32(a, b));
}

/* To the nearest even, plus zero, saturating: four channels become quads. */
static inline uint32x4_t q_pack(vec a, vec b, vec c, vec d, int32_t zero)
{
    static const uint8_t order[16] = { 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15 };
    const int16x8_t z = vdupq_n_s16((int16_t)zero);
    int16x8_t ab = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a)), vqmovn_s32(vcvtnq_s32_f32(b)));
    int16x8_t cd = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(c)), vqmovn_s32(vcvtnq_s32_f32(d)));
    uint8x16_t all = vcombine_u8(vqmovun_s16(vqaddq_s16(ab, z)), vqmovun_s16(vqaddq_s16(cd, z)));
    return vreinterpretq_u32_u8(vqtbl1q_u8(all, vld1q_u8(order)));
}
