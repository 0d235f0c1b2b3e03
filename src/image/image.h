/* Pictures in memory: 8 bits a channel, rows of `stride` bytes.
 * A facet_image is a plain view; facet_frame (frame.h) is the counted one that owns pixels. */
#ifndef FACET_IMAGE_IMAGE_H
#define FACET_IMAGE_IMAGE_H

#include <stddef.h>
#include <stdint.h>

enum facet_pixel { FACET_PIXEL_GRAY8 = 1, FACET_PIXEL_RGB24 = 3 };    /* value = bytes a pixel */

struct facet_image {
    enum facet_pixel format;
    int width, height;
    size_t stride;          /* bytes from row to row */
    uint8_t *data;
};

/* Allocates pixels (64-byte aligned, rows padded to 64 bytes) within FACET_MAX_IMAGE_PIXELS. */
int facet_image_init(struct facet_image *img, enum facet_pixel format, int width, int height);
/* Makes `img` at least that large, keeping its memory when it is enough. `*cap` remembers bytes. */
int facet_image_reserve(struct facet_image *img, size_t *cap, enum facet_pixel format, int width, int height);
void facet_image_fini(struct facet_image *img);
/* A view of a part; clipped to the picture. Borrows img's pixels. */
struct facet_image facet_image_crop(const struct facet_image *img, int x, int y, int width, int height);
void facet_image_copy(struct facet_image *dst, const struct facet_image *src);     /* same size and format */
int facet_image_to_gray(struct facet_image *dst, const struct facet_image *src);   /* dst: same size, GRAY8 */
void facet_image_fill(struct facet_image *img, uint8_t r, uint8_t g, uint8_t b);
/* Turns by EXIF orientation 1..8; dst is initialised here. */
int facet_image_orient(struct facet_image *dst, const struct facet_image *src, int exif_orientation);
/* The same into a `dst` that has the turned size already. */
int facet_image_orient_into(struct facet_image *dst, const struct facet_image *src, int exif_orientation);
/* A copy with `pad` pixels of repeated edge on each side; dst is initialised here. */
int facet_image_pad(struct facet_image *dst, const struct facet_image *src, int pad);

#endif
