#include "media/picture_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* First match wins; each begins with bytes of its own. */
static const struct facet__picture_kind *const kinds[] = {
    &facet__picture_jpeg, &facet__picture_png, &facet__picture_gif,
    &facet__picture_bmp,  &facet__picture_pnm,
};

static const struct facet__picture_kind *find_kind(const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (kinds[i]->is(data, len))
            return kinds[i];
    return NULL;
}

const char *facet_picture_kind(const uint8_t *data, size_t len)
{
    const struct facet__picture_kind *kind = find_kind(data, len);
    return kind ? kind->name : NULL;
}

int facet__picture_damaged(const struct facet__bytes *in, const char *kind, const char *why)
{
    return facet_fail(FACET_E_FORMAT, "cannot read picture '%s': damaged %s: %s", in->origin, kind,
                      why);
}

static int check_size(const struct facet_picture_info *info, const struct facet__bytes *in)
{
    if (info->width <= 0 || info->height <= 0)
        return facet__picture_damaged(in, info->format, "it has no width or no height");
    if (info->width > FACET_MAX_IMAGE_SIDE || info->height > FACET_MAX_IMAGE_SIDE ||
        (size_t)info->width * (size_t)info->height > FACET_MAX_IMAGE_PIXELS)
        return facet_fail(FACET_E_LIMIT,
                          "cannot read picture '%s': %dx%d pixels are too many, at most %u and "
                          "%d a side; make it smaller",
                          in->origin, info->width, info->height, FACET_MAX_IMAGE_PIXELS,
                          FACET_MAX_IMAGE_SIDE);
    return FACET_OK;
}

/* The header, checked, with the size as stored. */
static int probe_stored(struct facet_picture_info *out, const struct facet__picture_kind **kind,
                        const struct facet__bytes *in)
{
    memset(out, 0, sizeof(*out));
    if (in->len == 0)
        return facet_fail(FACET_E_FORMAT, "cannot read picture '%s': it is empty", in->origin);
    *kind = find_kind(in->data, in->len);
    if (!*kind)
        return facet_fail(FACET_E_FORMAT,
                          "cannot read picture '%s': its content is no JPEG, PNG, GIF, BMP, PGM or "
                          "PPM",
                          in->origin);
    out->format = (*kind)->name;
    out->orientation = 1;
    int err = (*kind)->probe(out, in);
    return err ? err : check_size(out, in);
}

int facet_picture_probe(struct facet_picture_info *out, const uint8_t *data, size_t len,
                        const char *origin)
{
    const struct facet__bytes in = {data, len, origin};
    const struct facet__picture_kind *kind;
    int err = probe_stored(out, &kind, &in);
    if (!err && out->orientation >= 5) {
        int stored_width = out->width;
        out->width = out->height;
        out->height = stored_width;
    }
    return err;
}

static int decode_turned(struct facet_image *dst, const struct facet__picture_kind *kind,
                         const struct facet_picture_info *stored, const struct facet__bytes *in)
{
    struct facet_image img;
    int err = facet_image_init(&img, FACET_PIXEL_RGB24, stored->width, stored->height);
    if (!err)
        err = kind->decode(&img, in);
    if (!err)
        err = facet_image_orient_into(dst, &img, stored->orientation);
    facet_image_fini(&img);
    return err;
}

int facet_picture_decode_into(struct facet_image *dst, const uint8_t *data, size_t len,
                              const char *origin)
{
    const struct facet__bytes in = {data, len, origin};
    const struct facet__picture_kind *kind;
    struct facet_picture_info stored;
    int err = probe_stored(&stored, &kind, &in);
    if (err)
        return err;
    bool is_turned = stored.orientation >= 5;
    if (dst->width != (is_turned ? stored.height : stored.width) ||
        dst->height != (is_turned ? stored.width : stored.height) ||
        dst->format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot read picture '%s' of %dx%d into one of %dx%d",
                          origin, stored.width, stored.height, dst->width, dst->height);
    return stored.orientation == 1 ? kind->decode(dst, &in)
                                   : decode_turned(dst, kind, &stored, &in);
}

int facet_picture_decode(struct facet_image *out, const uint8_t *data, size_t len,
                         const char *origin)
{
    struct facet_picture_info info;
    memset(out, 0, sizeof(*out));
    int err = facet_picture_probe(&info, data, len, origin);
    if (!err)
        err = facet_image_init(out, FACET_PIXEL_RGB24, info.width, info.height);
    if (!err)
        err = facet_picture_decode_into(out, data, len, origin);
    if (err)
        facet_image_fini(out);
    return err;
}

int facet_picture_read(struct facet_image *out, const char *path)
{
    uint8_t *data = NULL;
    size_t len = 0;
    memset(out, 0, sizeof(*out));
    int err = facet_file_read(path, FACET_MAX_IMAGE_FILE, &data, &len);
    if (!err)
        err = facet_picture_decode(out, data, len, path);
    free(data);
    return err;
}

static int encode(struct facet_str *out, const struct facet_image *img, const char *path,
                  int quality)
{
    const char *ext = facet_path_ext(path);
    if (strcasecmp(ext, "jpg") == 0 || strcasecmp(ext, "jpeg") == 0)
        return facet__jpeg_encode(out, img, quality);
    if (strcasecmp(ext, "png") == 0)
        return facet__png_encode(out, img);
    if (strcasecmp(ext, "ppm") == 0 || strcasecmp(ext, "pgm") == 0)
        return facet__pnm_encode(out, img);
    return facet_fail(FACET_E_INVALID,
                      "cannot write picture '%s': its name must end in .jpg, .png or .ppm", path);
}

int facet_picture_encode(struct facet_str *out, const struct facet_image *img, const char *kind, int quality)
{
    if (strcmp(kind, "jpeg") == 0)
        return facet__jpeg_encode(out, img, quality);
    if (strcmp(kind, "png") == 0)
        return facet__png_encode(out, img);
    return facet_fail(FACET_E_INVALID, "cannot make a picture of the kind '%s': it is jpeg or png", kind);
}

int facet_picture_write(const struct facet_image *img, const char *path, int quality)
{
    struct facet_str file = FACET_STR_INIT;
    file.max = 1u << 30;
    int err = encode(&file, img, path, quality);
    if (!err)
        err = facet_file_write_atomic(path, file.data, file.len);
    facet_str_fini(&file);
    return err;
}
