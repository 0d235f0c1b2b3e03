/* How sums of u8 by s8 begin and end, in every kind. */
typedef ivec outv;
typedef uint8_t out_num;

static inline acct acc_begin(const float *bias) { (void)bias; return i_set1(0); }
static inline vec acc_real(acct acc, vec scale, vec bias) { return v_fma(v_of_int(acc), scale, bias); }
static inline outv out_of(vec x) { return i_nearest(x); }       /* of bounded sums */
static inline vec res_load(const void *p, size_t i, ivec zero, size_t n)
{
    const uint8_t *at = (const uint8_t *)p + i;
    return v_of_int(i_sub(n == VL ? i_load_u8(at) : i_loadn_u8(at, n), zero));
}
