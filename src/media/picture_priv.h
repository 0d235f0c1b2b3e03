/* What a kind of picture is: one file and one line in picture.c's list. */
#ifndef FACET_MEDIA_PICTURE_PRIV_H
#define FACET_MEDIA_PICTURE_PRIV_H

#include "media/picture.h"

#include <stdbool.h>

struct facet_str;

/* Bytes from outside, with the name that errors use. Readers ask before they look. */
struct facet__bytes {
    const uint8_t *data;
    size_t len;
    const char *origin;
};

static inline bool facet__bytes_has(const struct facet__bytes *b, size_t at, size_t n)
{
    return at <= b->len && n <= b->len - at;
}

static inline unsigned facet__le16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static inline uint32_t facet__le32(const uint8_t *p)
{
    return facet__le16(p) | (uint32_t)facet__le16(p + 2) << 16;
}

static inline unsigned facet__be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | (unsigned)p[1];
}

struct facet__picture_kind {
    const char *name;
    bool (*is)(const uint8_t *data, size_t len);
    /* The header alone: size as stored, orientation, animated. Sizes are checked by the caller. */
    int (*probe)(struct facet_picture_info *out, const struct facet__bytes *in);
    /* Into `out`, made by the caller as RGB24 of the probed size. */
    int (*decode)(struct facet_image *out, const struct facet__bytes *in);
};

extern const struct facet__picture_kind facet__picture_jpeg;
extern const struct facet__picture_kind facet__picture_png;
extern const struct facet__picture_kind facet__picture_gif;
extern const struct facet__picture_kind facet__picture_bmp;
extern const struct facet__picture_kind facet__picture_pnm;

/* FACET_E_FORMAT: "cannot read picture '<origin>': damaged <kind>: <why>" */
int facet__picture_damaged(const struct facet__bytes *in, const char *kind, const char *why);

/* The orientation that a JPEG's EXIF tells, 1..8; 1 when there is none or it makes no sense. */
int facet__exif_orientation(const uint8_t *jpeg, size_t len);

/* Encoders append a whole file to `out`. */
int facet__jpeg_encode(struct facet_str *out, const struct facet_image *img, int quality);
int facet__png_encode(struct facet_str *out, const struct facet_image *img);
int facet__pnm_encode(struct facet_str *out, const struct facet_image *img);

#endif
