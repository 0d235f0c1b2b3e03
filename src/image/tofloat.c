#include "image/resize.h"

#include "image/kernels_priv.h"

#define BLOCK 64 /* pixels handled at once where rows do not lie in the order of the result */

/* Three equal bytes a pixel. */
static void spread_gray(uint8_t *rgb, const uint8_t *gray, int n)
{
    for (int i = 0; i < n; i++)
        rgb[3 * i] = rgb[3 * i + 1] = rgb[3 * i + 2] = gray[i];
}

/* Pixels x .. x + n of a row, written where they belong in dst. */
static void put_pixels(float *dst, const struct facet_image *src, const struct facet_norm *norm,
                       const struct facet__image_kernels *k, int x, int y, int n)
{
    uint8_t rgb[BLOCK * 3];
    const uint8_t *s = src->data + (size_t)y * src->stride + (size_t)x * (size_t)src->format;
    if (src->format == FACET_PIXEL_GRAY8) {
        spread_gray(rgb, s, n);
        s = rgb;
    }
    size_t w = (size_t)src->width, at = (size_t)y * w + (size_t)x, plane = w * (size_t)src->height;
    if (norm->planar) {
        float *const planes[3] = {dst + at, dst + plane + at, dst + 2 * plane + at};
        k->to_planes(planes, s, n, norm->mean, norm->scale, norm->swap_rb);
    } else {
        k->to_float(dst + 3 * at, s, n, norm->mean, norm->scale, norm->swap_rb);
    }
}

/* A block of up to 16 x 16 pixels, turned about its diagonal. */
static void put_turned(float *dst, const struct facet_image *src, const struct facet_norm *norm,
                       int x0, int y0)
{
    size_t h = (size_t)src->height, plane = (size_t)src->width * h, px = (size_t)src->format;
    size_t next_c = norm->planar ? plane : 1, next = norm->planar ? 1 : 3;
    int x1 = x0 + 16 < src->width ? x0 + 16 : src->width;
    int y1 = y0 + 16 < src->height ? y0 + 16 : src->height;
    for (int x = x0; x < x1; x++)
        for (int y = y0; y < y1; y++) {
            const uint8_t *s = src->data + (size_t)y * src->stride + (size_t)x * px;
            float *d = dst + ((size_t)x * h + (size_t)y) * next;
            for (size_t c = 0; c < 3; c++) {
                size_t from = px == 1 ? 0 : norm->swap_rb ? 2 - c : c;
                d[c * next_c] = ((float)s[from] - norm->mean[c]) * norm->scale[c];
            }
        }
}

static void to_float_turned(float *dst, const struct facet_image *src,
                            const struct facet_norm *norm)
{
    for (int x = 0; x < src->width; x += 16)
        for (int y = 0; y < src->height; y += 16)
            put_turned(dst, src, norm, x, y);
}

void facet_image_to_float(float *dst, const struct facet_image *src, const struct facet_norm *n)
{
    if (n->transpose) {
        to_float_turned(dst, src, n);
        return;
    }
    const struct facet__image_kernels *k = facet__image_kernels();
    int step = src->format == FACET_PIXEL_GRAY8 ? BLOCK : src->width;
    for (int y = 0; y < src->height; y++)
        for (int x = 0; x < src->width; x += step)
            put_pixels(dst, src, n, k, x, y, src->width - x < step ? src->width - x : step);
}
