/* A picture by formula, the same in the script that made fixture_opencv.h. */
#ifndef FACET_FIXTURE_PICTURE_H
#define FACET_FIXTURE_PICTURE_H

#include "image/image.h"

static inline uint8_t fixture_pixel(int x, int y, int c)
{
    int fine = (x * 11 + y * 17 + c * 29) % 23 * 6;
    return (uint8_t)((x * x * 3 + y * y * 5 + x * y * 7 + c * 40 + fine) % 256);
}

static inline void fixture_picture(struct facet_image *img)
{
    for (int y = 0; y < img->height; y++)
        for (int x = 0; x < img->width * (int)img->format; x++)
            img->data[(size_t)y * img->stride + (size_t)x] =
                fixture_pixel(x / (int)img->format, y, x % (int)img->format);
}

static inline uint8_t fixture_at(const struct facet_image *img, int x, int y, int c)
{
    return img->data[(size_t)y * img->stride + (size_t)(x * (int)img->format + c)];
}

#endif
