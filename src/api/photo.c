#include "api/photo_priv.h"
#include "base/errors.h"
#include "base/limits.h"
#include "media/picture.h"

#include <stdlib.h>

static int finish(struct facet_photo **out, struct facet_photo *p, int err)
{
    if (err)
        facet_photo_close(&p);
    *out = p;
    return err;
}

int facet_photo_read(struct facet_photo **out, const char *path)
{
    struct facet_photo *p = calloc(1, sizeof(*p));
    return finish(out, p, p ? facet_picture_read(&p->image, path) : facet_fail_nomem());
}

int facet_photo_decode(struct facet_photo **out, const void *data, size_t len)
{
    struct facet_photo *p = calloc(1, sizeof(*p));
    return finish(out, p, p ? facet_picture_decode(&p->image, data, len, "(memory)") : facet_fail_nomem());
}

int facet_photo_from_rgb(struct facet_photo **out, const uint8_t *pixels, int width, int height, size_t stride)
{
    *out = NULL;
    if (!pixels || width < 1 || height < 1 || stride < (size_t)width * 3)
        return facet_fail(FACET_E_INVALID, "cannot take pixels: %d by %d with rows of %zu bytes", width, height, stride);
    if (width > FACET_MAX_IMAGE_SIDE || height > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_LIMIT, "cannot take pixels: %d by %d, a side may have %d", width, height, FACET_MAX_IMAGE_SIDE);
    /* A view to copy from; nothing writes through it. */
    struct facet_image view = { FACET_PIXEL_RGB24, width, height, stride, (uint8_t *)pixels };
    struct facet_photo *p = calloc(1, sizeof(*p));
    int err = p ? facet_image_init(&p->image, FACET_PIXEL_RGB24, width, height) : facet_fail_nomem();
    if (!err)
        facet_image_copy(&p->image, &view);
    return finish(out, p, err);
}

void facet_photo_close(struct facet_photo **p)
{
    if (!*p)
        return;
    facet_image_fini(&(*p)->image);
    free(*p);
    *p = NULL;
}

int facet_photo_width(const struct facet_photo *p)
{
    return p->image.width;
}

int facet_photo_height(const struct facet_photo *p)
{
    return p->image.height;
}
