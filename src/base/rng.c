#include "base/rng.h"

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* splitmix64 spreads a small seed over the whole state, which must not be all zero. */
static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = *x += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void facet_rng_seed(struct facet_rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

uint64_t facet_rng_next(struct facet_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

float facet_rng_uniform(struct facet_rng *r)
{
    return (float)(facet_rng_next(r) >> 40) * 0x1p-24f;
}

/* The sum of twelve uniforms, less six: variance one, exact in every C library, tails cut at six.
 * Box and Muller would need log and cos, whose last bits differ between machines. */
float facet_rng_normal(struct facet_rng *r)
{
    int64_t sum = 0;
    for (int i = 0; i < 12; i++)
        sum += (int64_t)(facet_rng_next(r) >> 40);
    return (float)(sum - ((int64_t)6 << 24)) * 0x1p-24f;
}

/* Lemire's multiply and shift, with rejection so that no number is likelier. */
uint32_t facet_rng_below(struct facet_rng *r, uint32_t n)
{
    uint64_t m = (facet_rng_next(r) >> 32) * n;
    if ((uint32_t)m < n) {
        uint32_t least = -n % n;
        while ((uint32_t)m < least)
            m = (facet_rng_next(r) >> 32) * n;
    }
    return (uint32_t)(m >> 32);
}
