/* Still pictures in and out: JPEG (EXIF orientation applied), PNG, PGM/PPM, BMP, GIF (first picture),
 * by content, never by name. Transparent parts are laid on white, 16 bits become 8, CMYK becomes
 * RGB without a profile. A truncated or damaged picture is refused, never shown half. Everything a
 * header says is checked against base/limits.h before memory is asked for. Owns turbojpeg and spng.
 * Thread-safe. */
#ifndef FACET_MEDIA_PICTURE_H
#define FACET_MEDIA_PICTURE_H

#include "image/image.h"

#include <stdbool.h>

struct facet_str;

struct facet_picture_info {
    const char *format;        /* "jpeg", "png", "gif", "bmp", "pnm" */
    int width, height;         /* as shown, after orientation */
    int orientation;           /* EXIF, 1..8 */
    bool is_animated;          /* a GIF of several pictures: video.h reads them all */
};

/* Decodes to RGB24; `out` is initialised here. `origin` names the source in errors:
 * FACET_E_FORMAT damaged, truncated, empty or unknown; FACET_E_LIMIT too large. */
int facet_picture_decode(struct facet_image *out, const uint8_t *data, size_t len, const char *origin);
/* The same into `dst`, RGB24 of the probed size: allocates only to turn a picture. */
int facet_picture_decode_into(struct facet_image *dst, const uint8_t *data, size_t len, const char *origin);
int facet_picture_read(struct facet_image *out, const char *path);
int facet_picture_probe(struct facet_picture_info *out, const uint8_t *data, size_t len, const char *origin);
/* Writes by the extension: .jpg/.jpeg (quality 1..100), .png, .ppm (a grey picture as PGM).
 * Atomic: an old file stays whole until the new one is. */
int facet_picture_write(const struct facet_image *img, const char *path, int quality);
/* Appends a whole "jpeg" or "png" file. */
int facet_picture_encode(struct facet_str *out, const struct facet_image *img, const char *kind, int quality);
/* Is it one of the above by its first bytes? The format's name or NULL. */
const char *facet_picture_kind(const uint8_t *data, size_t len);

#endif
