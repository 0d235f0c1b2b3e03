/* Seeded random numbers (xoshiro256**, Blackman and Vigna 2018): same numbers on every machine. */
#ifndef FACET_BASE_RNG_H
#define FACET_BASE_RNG_H

#include <stdint.h>

struct facet_rng { uint64_t s[4]; };
void facet_rng_seed(struct facet_rng *r, uint64_t seed);
uint64_t facet_rng_next(struct facet_rng *r);
float facet_rng_uniform(struct facet_rng *r);                   /* [0, 1) */
float facet_rng_normal(struct facet_rng *r);                    /* mean 0, deviation 1 */
uint32_t facet_rng_below(struct facet_rng *r, uint32_t n);      /* [0, n), n > 0 */

#endif
