/* Scaling and warping. Half-pixel geometry throughout: dst centre (x + .5) maps to
 * (x + .5) * src_w / dst_w - .5 in src samples. Chosen at run time by CPU.
 * Allocates nothing: tables and lines lie on the stack (at most 40 KB), a strip of columns at once. */
#ifndef FACET_IMAGE_RESIZE_H
#define FACET_IMAGE_RESIZE_H

#include "image/geom.h"
#include "image/image.h"

enum facet_scale_method { FACET_SCALE_BILINEAR, FACET_SCALE_AREA, FACET_SCALE_COVER };

/* dst is there, of the wanted size and src's format. AREA averages exactly the covered source
 * area when shrinking and is BILINEAR when growing; COVER averages the covered area in both (what
 * OpenCV calls INTER_AREA). */
int facet_resize(struct facet_image *dst, const struct facet_image *src, enum facet_scale_method method);

/* As facet_resize, but of a box of src that may be fractional and lie partly outside (outside reads
 * as `outside` in every channel when >= 0, as the repeated edge when -1). */
int facet_resize_box(struct facet_image *dst, const struct facet_image *src, struct facet_box box,
                     enum facet_scale_method method, int outside);

/* A part of what `src` shrunk to w x h by COVER is: dst's first pixel is its pixel (x, y). The part lies inside. */
int facet_resize_part(struct facet_image *dst, const struct facet_image *src, int w, int h, int x, int y);

/* Half the size, odd sides rounded up: each pixel is the mean of four (at an odd edge, of those there are), halves
 * rounded up. RGB24; dst has that size. */
void facet_image_halve(struct facet_image *dst, const struct facet_image *src);

/* dst(x, y) = src at `to_src` applied to dst's pixel centre, bilinear; outside as above. */
int facet_warp_affine(struct facet_image *dst, const struct facet_image *src,
                      const struct facet_affine *to_src, int outside);

/* Pictures into tensors: planes (CHW) or interleaved (HWC) float32, out = (v - mean[c]) * scale[c].
 * `swap_rb` writes blue first. `transpose` swaps height and width (MTCNN as published).
 * channels of dst: 3 (grey sources are repeated). */
struct facet_norm { float mean[3], scale[3]; bool swap_rb, planar, transpose; };
void facet_image_to_float(float *dst, const struct facet_image *src, const struct facet_norm *n);

#endif
