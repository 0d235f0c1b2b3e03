/* Convolution of floats: a group is one number. Included after a vector header. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <string.h>

#define CONV conv_f32
#define IN_FMT FACET_FMT_F32
#define PER 1

typedef vec acct;
typedef vec wvec;
typedef vec xvec;
typedef vec outv;                /* what a sum becomes before it is stored */

static inline wvec w_load(const char *p) { return v_load((const float *)(const void *)p); }
static inline xvec x_set(const char *p) { return v_set1(*(const float *)(const void *)p); }
static inline acct dot(xvec x, wvec w, acct acc) { return v_fma(x, w, acc); }
#ifdef V_NARROW
#define DOT_NARROW
static inline acct dot_narrow(xvec x, wvec w, acct acc) { return v_fma_narrow(x, w, acc); }
#endif
static inline acct acc_begin(const float *bias) { return bias ? v_load(bias) : v_zero(); }
static inline vec acc_real(acct acc, vec scale, vec bias) { (void)scale; (void)bias; return acc; }
static inline outv out_of(vec x) { return x; }
static inline vec res_load(const void *p, size_t i, ivec zero, size_t n) { (void)zero; return v_loadn((const float *)p + i, n); }
typedef float out_num;
static inline void out_store(out_num *out, outv y, ivec zero, size_t n)
{
    (void)zero;
    v_storen(out, y, n);
}
