#include "image/image.h"

#include "base/errors.h"
#include "base/limits.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN 64

static int check_size(enum facet_pixel format, int width, int height)
{
    if (format != FACET_PIXEL_GRAY8 && format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot make a picture: unknown pixel format %d",
                          (int)format);
    if (width <= 0 || height <= 0)
        return facet_fail(FACET_E_INVALID, "cannot make a picture of %dx%d pixels", width, height);
    if (width > FACET_MAX_IMAGE_SIDE || height > FACET_MAX_IMAGE_SIDE ||
        (size_t)width * (size_t)height > FACET_MAX_IMAGE_PIXELS)
        return facet_fail(FACET_E_LIMIT,
                          "cannot make a picture of %dx%d pixels: at most %u pixels and %d a side",
                          width, height, FACET_MAX_IMAGE_PIXELS, FACET_MAX_IMAGE_SIDE);
    return FACET_OK;
}

static size_t stride_of(enum facet_pixel format, int width)
{
    return ((size_t)width * (size_t)format + ALIGN - 1) / ALIGN * ALIGN;
}

int facet_image_init(struct facet_image *img, enum facet_pixel format, int width, int height)
{
    size_t cap = 0;
    memset(img, 0, sizeof(*img));
    return facet_image_reserve(img, &cap, format, width, height);
}

int facet_image_reserve(struct facet_image *img, size_t *cap, enum facet_pixel format, int width,
                        int height)
{
    int err = check_size(format, width, height);
    if (err)
        return err;
    /* One row's padding more than asked for: vector stores of others reach over the last pixel. */
    size_t stride = stride_of(format, width), bytes = stride * (size_t)height + ALIGN;
    if (!img->data || bytes > *cap) {
        uint8_t *data = aligned_alloc(ALIGN, bytes);
        if (!data)
            return facet_fail_nomem();
        free(img->data);
        img->data = data;
        *cap = bytes;
    }
    img->format = format;
    img->width = width;
    img->height = height;
    img->stride = stride;
    return FACET_OK;
}

void facet_image_fini(struct facet_image *img)
{
    free(img->data);
    memset(img, 0, sizeof(*img));
}

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

struct facet_image facet_image_crop(const struct facet_image *img, int x, int y, int width,
                                    int height)
{
    int64_t right = (int64_t)x + (width > 0 ? width : 0);
    int64_t bottom = (int64_t)y + (height > 0 ? height : 0);
    struct facet_image part = *img;
    x = clamp(x, 0, img->width);
    y = clamp(y, 0, img->height);
    part.width = clamp((int)(right > img->width ? img->width : right), x, img->width) - x;
    part.height = clamp((int)(bottom > img->height ? img->height : bottom), y, img->height) - y;
    part.data = img->data + (size_t)y * img->stride + (size_t)x * (size_t)img->format;
    return part;
}

void facet_image_copy(struct facet_image *dst, const struct facet_image *src)
{
    assert(dst->format == src->format);
    assert(dst->width == src->width && dst->height == src->height);
    size_t bytes = (size_t)src->width * (size_t)src->format;
    for (int y = 0; y < src->height; y++)
        memcpy(dst->data + (size_t)y * dst->stride, src->data + (size_t)y * src->stride, bytes);
}

int facet_image_to_gray(struct facet_image *dst, const struct facet_image *src)
{
    if (dst->format != FACET_PIXEL_GRAY8 || dst->width != src->width || dst->height != src->height)
        return facet_fail(FACET_E_INVALID, "cannot turn a %dx%d picture grey into one of %dx%d",
                          src->width, src->height, dst->width, dst->height);
    if (src->format == FACET_PIXEL_GRAY8) {
        facet_image_copy(dst, src);
        return FACET_OK;
    }
    for (int y = 0; y < src->height; y++) { /* ITU-R BT.601 luma in 16-bit fixed point */
        const uint8_t *s = src->data + (size_t)y * src->stride;
        uint8_t *d = dst->data + (size_t)y * dst->stride;
        for (int x = 0; x < src->width; x++, s += 3)
            d[x] = (uint8_t)((19595u * s[0] + 38470u * s[1] + 7471u * s[2] + 32768u) >> 16);
    }
    return FACET_OK;
}

void facet_image_fill(struct facet_image *img, uint8_t r, uint8_t g, uint8_t b)
{
    uint8_t gray = (uint8_t)((19595u * r + 38470u * g + 7471u * b + 32768u) >> 16);
    for (int y = 0; y < img->height; y++) {
        uint8_t *d = img->data + (size_t)y * img->stride;
        if (img->format == FACET_PIXEL_GRAY8) {
            memset(d, gray, (size_t)img->width);
            continue;
        }
        for (int x = 0; x < img->width; x++, d += 3) {
            d[0] = r;
            d[1] = g;
            d[2] = b;
        }
    }
}

/* EXIF 2.32, tag 274: where the first row and column of the stored picture lie in the shown one,
 * as (x, y) = origin + column * right + row * down. */
struct turn {
    bool swaps, from_right, from_bottom;
};

static const struct turn turns[9] = {
    {0},
    {false, false, false}, /* 1 upright */
    {false, true, false},  /* 2 mirrored */
    {false, true, true},   /* 3 upside down */
    {false, false, true},  /* 4 mirrored, upside down */
    {true, false, false},  /* 5 mirrored along the diagonal */
    {true, true, false},   /* 6 turn right */
    {true, true, true},    /* 7 mirrored along the other diagonal */
    {true, false, true},   /* 8 turn left */
};

static int check_orientation(int orientation)
{
    if (orientation >= 1 && orientation <= 8)
        return FACET_OK;
    return facet_fail(FACET_E_INVALID, "cannot turn a picture by orientation %d: 1 to 8",
                      orientation);
}

int facet_image_orient_into(struct facet_image *dst, const struct facet_image *src,
                            int exif_orientation)
{
    int err = check_orientation(exif_orientation);
    if (err)
        return err;
    const struct turn t = turns[exif_orientation];
    if (dst->format != src->format || dst->width != (t.swaps ? src->height : src->width) ||
        dst->height != (t.swaps ? src->width : src->height))
        return facet_fail(FACET_E_INVALID, "cannot turn a %dx%d picture into one of %dx%d",
                          src->width, src->height, dst->width, dst->height);
    size_t px = (size_t)src->format;
    for (int y = 0; y < src->height; y++) {
        const uint8_t *s = src->data + (size_t)y * src->stride;
        for (int x = 0; x < src->width; x++, s += px) {
            int to_x = t.swaps ? y : x, to_y = t.swaps ? x : y;
            to_x = t.from_right ? dst->width - 1 - to_x : to_x;
            to_y = t.from_bottom ? dst->height - 1 - to_y : to_y;
            memcpy(dst->data + (size_t)to_y * dst->stride + (size_t)to_x * px, s, px);
        }
    }
    return FACET_OK;
}

int facet_image_orient(struct facet_image *dst, const struct facet_image *src, int exif_orientation)
{
    memset(dst, 0, sizeof(*dst));
    int err = check_orientation(exif_orientation);
    if (err)
        return err;
    bool swaps = turns[exif_orientation].swaps;
    err = facet_image_init(dst, src->format, swaps ? src->height : src->width,
                           swaps ? src->width : src->height);
    return err ? err : facet_image_orient_into(dst, src, exif_orientation);
}

int facet_image_pad(struct facet_image *dst, const struct facet_image *src, int pad)
{
    memset(dst, 0, sizeof(*dst));
    if (pad < 0 || pad > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_INVALID, "cannot pad a picture by %d pixels", pad);
    int err = facet_image_init(dst, src->format, src->width + 2 * pad, src->height + 2 * pad);
    if (err)
        return err;
    size_t px = (size_t)src->format;
    for (int y = 0; y < dst->height; y++) {
        const uint8_t *s = src->data + (size_t)clamp(y - pad, 0, src->height - 1) * src->stride;
        uint8_t *d = dst->data + (size_t)y * dst->stride;
        for (int x = 0; x < pad; x++) {
            memcpy(d + (size_t)x * px, s, px);
            memcpy(d + (size_t)(pad + src->width + x) * px, s + (size_t)(src->width - 1) * px, px);
        }
        memcpy(d + (size_t)pad * px, s, (size_t)src->width * px);
    }
    return FACET_OK;
}
