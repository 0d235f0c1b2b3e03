/* Convolution of u8 by s8 without an instruction for it: a group is four numbers; the even and the odd ones are
 * widened to 16 bits, whose products in pairs are exact in 32. Included after a vector header. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/unroll.h"

#include <string.h>

#define CONV conv_u8
#define IN_FMT FACET_FMT_U8
#define PER 4

typedef ivec acct;
struct halves { ivec even, odd; };
#define wvec struct halves
#define xvec struct halves

static inline wvec w_load(const char *p)
{
    ivec g = i_load(p);
    return (wvec){ i_even_s8(g), i_odd_s8(g) };
}
static inline xvec x_set(const char *p)
{
    int32_t g;
    memcpy(&g, p, sizeof(g));
    return (xvec){ i_even_u8(i_set1(g)), i_odd_u8(i_set1(g)) };
}
static inline acct dot(xvec x, wvec w, acct acc) { return i_dot16(i_dot16(acc, x.even, w.even), x.odd, w.odd); }
#include "engine/backends/cpu/simd/fmt_u8_end.inc.h"

static inline void out_store(out_num *out, outv y, ivec zero, size_t n)
{
    i_storen_u8(out, y, zero, n);
}
