/* The inner loops of scaling and conversion. The C table is the meaning; a faster table gives the
 * same bits (tests/kernels/test_image_kernels.c). */
#ifndef FACET_IMAGE_KERNELS_PRIV_H
#define FACET_IMAGE_KERNELS_PRIV_H

#include <stddef.h>
#include <stdint.h>

/* Where a column of the result lies in the line it is made from, when bilinear: between columns
 * `at` and `at + 1`, `weight` / 32768 of the way, repeated four times for vector loads. */
struct facet__taps {
    const int32_t *at;
    const int16_t (*weight)[4];
};

/* ... and when averaging: columns first..last, of which the outer two count in part. */
struct facet__span {
    int32_t first, last;
    float w_first, w_last;
};

/* Elements that buffers have beyond what is used, so that vector loads may reach over. */
#define FACET__SLACK 16

#define FACET__COVER 18 /* rows that are read side by side; more are more streams than processors follow */

struct facet__image_kernels {
    const char *name;
    /* out = a + (b - a) * weight / 32768, with 7 bits after the point. */
    void (*blend)(int16_t *out, const uint8_t *a, const uint8_t *b, int16_t weight, size_t n);
    /* `n` pixels from a blended line of RGB; at most 3 n bytes are written. */
    void (*taps_rgb)(uint8_t *dst, const int16_t *line, struct facet__taps taps, int n);
    /* acc = or += row * weight */
    void (*weigh)(float *acc, const uint8_t *row, float weight, size_t n);
    void (*weigh_add)(float *acc, const uint8_t *row, float weight, size_t n);
    /* sum += each of the rows, for at most 257 rows in all; then acc += sum. */
    void (*tally)(uint16_t *sum, const uint8_t *const *rows, int n_rows, size_t n);
    void (*tally_join)(float *acc, const uint16_t *sum, size_t n);
    /* acc = first row * w_first + last row * w_last + the sum of those between; 2 to FACET__COVER rows. */
    void (*cover)(float *acc, const uint8_t *const *rows, int n_rows, float w_first, float w_last, size_t n);
    /* `n` RGB pixels, each the sum over its span, times scale, rounded. */
    void (*spans_rgb)(uint8_t *dst, const float *acc, const struct facet__span *spans, int n,
                      float scale);
    /* `n` RGB pixels, each the mean of two neighbours of a and the two below them in b, halves up. */
    void (*halve_rgb)(uint8_t *dst, const uint8_t *a, const uint8_t *b, int n);
    /* out = (v - mean[c]) * scale[c] of `n` RGB pixels; mean and scale are in the order of the
     * result, which starts with blue when swap_rb. */
    void (*to_float)(float *dst, const uint8_t *rgb, int n, const float *mean, const float *scale,
                     int swap_rb);
    /* As to_float, into three planes; planes[c] follows the order of the result. */
    void (*to_planes)(float *const planes[3], const uint8_t *rgb, int n, const float *mean,
                      const float *scale, int swap_rb);
};

extern const struct facet__image_kernels facet__image_kernels_c;
extern const struct facet__image_kernels facet__image_kernels_avx2;

/* The fastest that facet_cpu_flags allows. */
const struct facet__image_kernels *facet__image_kernels(void);

#endif
