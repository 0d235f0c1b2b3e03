/* Convolution of bf16: a group is two numbers, each becomes a float by a shift or a mask. Included after a vector
 * header. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <string.h>

#define CONV conv_bf16
#define IN_FMT FACET_FMT_BF16
#define PER 2

typedef vec acct;
struct halves { vec low, high; };
#define wvec struct halves
#define xvec struct halves
typedef vec outv;

static inline wvec w_load(const char *p)
{
    vec g = v_load((const float *)(const void *)p);
    return (wvec){ v_low_bf16(g), v_high_bf16(g) };
}
static inline xvec x_set(const char *p)
{
    float f;
    memcpy(&f, p, sizeof(f));
    return (xvec){ v_low_bf16(v_set1(f)), v_high_bf16(v_set1(f)) };
}
/* The number behind the last may be anything, NaN too, which zeros in the weights do not hide. */
static inline xvec x_set_half(const char *p) { return (xvec){ x_set(p).low, v_zero() }; }
static inline acct dot(xvec x, wvec w, acct acc) { return v_fma(x.high, w.high, v_fma(x.low, w.low, acc)); }
static inline acct acc_begin(const float *bias) { return bias ? v_load(bias) : v_zero(); }
static inline vec acc_real(acct acc, vec scale, vec bias) { (void)scale; (void)bias; return acc; }
static inline outv out_of(vec x) { return x; }
static inline vec res_load(const void *p, size_t i, ivec zero, size_t n) { (void)zero; return v_loadn_bf16((const uint16_t *)p + i, n); }
typedef uint16_t out_num;
static inline void out_store(out_num *out, outv y, ivec zero, size_t n)
{
    (void)zero;
    v_storen_bf16(out, y, n);
}
