/* Depthwise of u8 by s8 in floats, which hold the sums exactly. Included after a vector header. */
#include "engine/backends/cpu/kernels.h"

#define DW dw_u8_short
#define OWN_FMT FACET_FMT_U8
#define W_ROUND 64

typedef uint8_t elem;
typedef int8_t welem;

static inline vec d_load(const elem *p) { return v_of_int(i_load_u8(p)); }
static inline vec w_load(const welem *p) { return v_of_int(i_load_s8(p)); }
static inline vec sum_begin(const struct facet_finish *f, int ch) { (void)f; (void)ch; return v_zero(); }
static inline vec sum_scale(const struct facet_finish *f, int ch) { return v_load(f->scale + ch); }
static inline vec sum_bias(const struct facet_finish *f, int ch) { return f->bias ? v_load(f->bias + ch) : v_zero(); }
static inline vec sum_real(vec sum, vec scale, vec bias) { return v_fma(sum, scale, bias); }
static inline void own_store(const struct facet_finish *f, elem *p, vec x)
{
    float zero = (float)f->out_zero;
    i_store_u8(p, i_nearest(v_min(v_max(x, v_set1(-zero)), v_set1(255 - zero))), i_set1(f->out_zero));
}
