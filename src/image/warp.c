#include "image/resize.h"

#include "base/errors.h"

#include <math.h>
#include <stdbool.h>

/* Positions in 1/2048 pixel; weights are its 11 bits after the point. */
#define ONE 2048
#define FAR_AWAY 1e6f

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static int sample_at(const struct facet_image *src, int x, int y, int c, int outside)
{
    bool is_outside = x < 0 || y < 0 || x >= src->width || y >= src->height;
    if (is_outside && outside >= 0)
        return outside;
    x = clamp(x, 0, src->width - 1);
    y = clamp(y, 0, src->height - 1);
    return src->data[(size_t)y * src->stride + (size_t)x * (size_t)src->format + (size_t)c];
}

static uint8_t mix(int a, int b, int c, int d, int wx, int wy)
{
    int top = a * (ONE - wx) + b * wx, bottom = c * (ONE - wx) + d * wx;
    int64_t v = (int64_t)top * (ONE - wy) + (int64_t)bottom * wy;
    return (uint8_t)((v + ONE * ONE / 2) / (ONE * ONE));
}

/* The bilinear sample at (x, y), counted from the centre of the first pixel. */
static void sample(uint8_t *dst, const struct facet_image *src, float fx, float fy, int outside)
{
    int x = (int)floorf(fx), y = (int)floorf(fy);
    int wx = (int)lrintf((fx - (float)x) * ONE), wy = (int)lrintf((fy - (float)y) * ONE);
    int px = (int)src->format;
    if (x >= 0 && y >= 0 && x + 1 < src->width && y + 1 < src->height) {
        const uint8_t *p = src->data + (size_t)y * src->stride + (size_t)(x * px);
        const uint8_t *q = p + src->stride;
        for (int c = 0; c < px; c++)
            dst[c] = mix(p[c], p[c + px], q[c], q[c + px], wx, wy);
        return;
    }
    for (int c = 0; c < px; c++)
        dst[c] = mix(sample_at(src, x, y, c, outside), sample_at(src, x + 1, y, c, outside),
                     sample_at(src, x, y + 1, c, outside), sample_at(src, x + 1, y + 1, c, outside),
                     wx, wy);
}

static float near(float v)
{
    return v > FAR_AWAY ? FAR_AWAY : v < -FAR_AWAY ? -FAR_AWAY : v;
}

int facet_warp_affine(struct facet_image *dst, const struct facet_image *src,
                      const struct facet_affine *to_src, int outside)
{
    if (dst->format != src->format || src->width <= 0 || src->height <= 0 || outside > 255)
        return facet_fail(FACET_E_INVALID, "cannot warp a %dx%d picture to %dx%d", src->width,
                          src->height, dst->width, dst->height);
    for (int i = 0; i < 6; i++)
        if (!(fabsf(to_src->m[i]) <= FAR_AWAY))
            return facet_fail(FACET_E_INVALID,
                              "cannot warp a picture: number %d of the transform "
                              "is %g",
                              i, (double)to_src->m[i]);
    const float *m = to_src->m;
    for (int y = 0; y < dst->height; y++) {
        uint8_t *d = dst->data + (size_t)y * dst->stride;
        float cy = (float)y + 0.5f;
        float x0 = m[1] * cy + m[2] - 0.5f, y0 = m[4] * cy + m[5] - 0.5f;
        for (int x = 0; x < dst->width; x++, d += (size_t)dst->format) {
            float cx = (float)x + 0.5f;
            sample(d, src, near(m[0] * cx + x0), near(m[3] * cx + y0), outside);
        }
    }
    return FACET_OK;
}
