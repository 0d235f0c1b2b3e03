/* How sums of u8 by s8 begin and end, in every kind. */
typedef ivec outv;
typedef uint8_t out_num;

static inline acct acc_begin(const float *bias) { (void)bias; return i_set1(0); }
static inline vec acc_real(acct acc, vec scale, vec bias) { return v_fma(v_of_int(acc), scale, bias); }
/* What is too large for an integer is too large for a byte; what is too small becomes the smallest integer. */
static inline outv out_of(vec x) { return i_nearest(v_min(x, v_set1(1 << 30))); }
static inline vec res_load(const void *p, size_t i, ivec zero, size_t n)
{
    const uint8_t *at = (const uint8_t *)p + i;
    return v_of_int(i_sub(n == VL ? i_load_u8(at) : i_loadn_u8(at, n), zero));
}
