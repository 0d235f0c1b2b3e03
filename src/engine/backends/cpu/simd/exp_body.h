/* e^x by powers of two and a polynomial of degree seven: within 2e-7 of the value for |x| <= 87.
 * The polynomial's terms are those of e's series, which suffice for |r| <= ln(2)/2. */
#ifndef FACET_SIMD_EXP_BODY_H
#define FACET_SIMD_EXP_BODY_H

static inline vec v_exp(vec x)
{
    vec n = v_round(v_mul(x, v_set1(1.44269504089f)));
    vec r = v_fnma(n, v_set1(-2.12194440e-4f), v_fnma(n, v_set1(0.693359375f), x));
    vec p = v_set1(1.0f / 5040);
    p = v_fma(p, r, v_set1(1.0f / 720));
    p = v_fma(p, r, v_set1(1.0f / 120));
    p = v_fma(p, r, v_set1(1.0f / 24));
    p = v_fma(p, r, v_set1(1.0f / 6));
    p = v_fma(p, r, v_set1(0.5f));
    p = v_fma(p, r, v_set1(1));
    p = v_fma(p, r, v_set1(1));
    return v_scale2(p, n);
}

#endif
