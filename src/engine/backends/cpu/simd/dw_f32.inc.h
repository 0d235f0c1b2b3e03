/* Depthwise of floats. Included after a vector header. */
#include "engine/backends/cpu/kernels.h"

#define DW dw_f32
#define OWN_FMT FACET_FMT_F32
#define W_ROUND 16

typedef float elem;
typedef float welem;

static inline vec d_load(const elem *p) { return v_load(p); }
static inline vec w_load(const welem *p) { return v_load(p); }
static inline vec sum_begin(const struct facet_finish *f, int ch) { return f->bias ? v_load(f->bias + ch) : v_zero(); }
static inline vec sum_scale(const struct facet_finish *f, int ch) { (void)f; (void)ch; return v_zero(); }
static inline vec sum_bias(const struct facet_finish *f, int ch) { (void)f; (void)ch; return v_zero(); }
static inline vec sum_real(vec sum, vec scale, vec bias) { (void)scale; (void)bias; return sum; }
static inline void own_store(const struct facet_finish *f, elem *p, vec x) { (void)f; v_store(p, x); }
