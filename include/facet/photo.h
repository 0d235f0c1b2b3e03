/* Pictures: JPEG, PNG, PGM/PPM, BMP, GIF, or pixels of yours. */
#ifndef FACET_PHOTO_H
#define FACET_PHOTO_H

#include <facet/export.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct facet_photo;

/* Reads a file; the format is found by content, EXIF orientation is applied. FACET_E_FORMAT for a
 * damaged or unknown one, FACET_E_LIMIT for one that is too large. */
FACET_API int facet_photo_read(struct facet_photo **out, const char *path);
/* The same from memory; the bytes are not kept. */
FACET_API int facet_photo_decode(struct facet_photo **out, const void *data, size_t len);
/* Copies pixels: three bytes each, red first, rows `stride` bytes apart. */
FACET_API int facet_photo_from_rgb(struct facet_photo **out, const uint8_t *pixels, int width, int height, size_t stride);
FACET_API void facet_photo_close(struct facet_photo **p);

FACET_API int facet_photo_width(const struct facet_photo *p);
FACET_API int facet_photo_height(const struct facet_photo *p);

#ifdef __cplusplus
}
#endif

#endif
