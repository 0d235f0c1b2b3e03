/* From what was seen of a value to the range that 256 steps are spread over. */
#ifndef FACET_ENGINE_QUANT_RANGE_H
#define FACET_ENGINE_QUANT_RANGE_H

#include "engine/quant/quant.h"

#define FACET__QUANT_BINS 2048

struct facet__seen {
    float lo, hi;                    /* zero always lies between them */
    uint64_t *bins;                  /* FACET__QUANT_BINS of equal width from lo to hi; NULL: not counted */
};

/* Lowers lo and raises hi; numbers that are not finite are left out. */
void facet__seen_widen(struct facet__seen *s, const float *x, int64_t n);
void facet__seen_count(struct facet__seen *s, const float *x, int64_t n);

/* Where the range is cut off: *lo <= 0 <= *hi, within what was seen. */
void facet__range_choose(const struct facet__seen *s, enum facet_quant_method m, double percentile, float *lo, float *hi);

/* 256 steps from lo to hi with zero on one of them; real = (u8 - zero) * scale. The largest number never
 * lies above hi when lo is 0, so that a clip at hi changes nothing. */
void facet__range_steps(float lo, float hi, float *scale, int32_t *zero);

uint8_t facet__round_u8(float x, float scale, int32_t zero);
int8_t facet__round_s8(float x, float scale);      /* -127..127 */

/* The scale for numbers that are rounded to -127..127 with the least squared error. */
float facet__range_weights(const float *w, int64_t n, int64_t step);

#endif
