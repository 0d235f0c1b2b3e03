#include "image/blur.h"

#include <math.h>

#define BLOCKS 4
#define AROUND 0.33f

static int clip(float v, int size)
{
    return !(v > 0) ? 0 : v < (float)size ? (int)v : size;
}

static void level(struct facet_image *img, int x, int y, int width, int height)
{
    unsigned long sum[3] = {0, 0, 0}, n = (unsigned long)width * (unsigned long)height;
    struct facet_image part = facet_image_crop(img, x, y, width, height);
    int channels = (int)img->format;
    if (!n)
        return;
    for (int i = 0; i < part.height; i++)
        for (int j = 0; j < part.width; j++)
            for (int c = 0; c < channels; c++)
                sum[c] += part.data[(size_t)i * part.stride + (size_t)(j * channels + c)];
    for (int c = 0; c < channels; c++)
        sum[c] = (sum[c] + n / 2) / n;
    facet_image_fill(&part, (unsigned char)sum[0], (unsigned char)(channels == 3 ? sum[1] : sum[0]),
                     (unsigned char)(channels == 3 ? sum[2] : sum[0]));
}

void facet_image_hide(struct facet_image *img, struct facet_box box)
{
    float w = AROUND * facet_box_width(box), h = AROUND * facet_box_height(box);
    if (!(w > 0 && h > 0))
        return;
    int x1 = clip(box.x1 - w, img->width), x2 = clip(ceilf(box.x2 + w), img->width);
    int y1 = clip(box.y1 - h, img->height), y2 = clip(ceilf(box.y2 + h), img->height);
    for (int i = 0; i < BLOCKS; i++)
        for (int j = 0; j < BLOCKS; j++) {
            int x = x1 + (x2 - x1) * j / BLOCKS, y = y1 + (y2 - y1) * i / BLOCKS;
            level(img, x, y, x1 + (x2 - x1) * (j + 1) / BLOCKS - x, y1 + (y2 - y1) * (i + 1) / BLOCKS - y);
        }
}
