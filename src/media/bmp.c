/* Windows bitmaps without compression: 8 bits with a palette, 24 and 32 bits. */
#include "media/picture_priv.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define FILE_HEADER 14
#define COMPRESSION_NONE 0
#define COMPRESSION_MASKS 3

static bool bmp_is(const uint8_t *data, size_t len)
{
    return len >= 2 && data[0] == 'B' && data[1] == 'M';
}

struct bmp {
    int width, height, bits;
    bool is_top_down;
    size_t pixels; /* where they begin */
    size_t row_bytes;
    const uint8_t *palette;
    unsigned colours;
};

static bool has_usual_masks(const struct facet__bytes *in)
{
    static const uint8_t bgra[12] = {0, 0, 0xff, 0, 0, 0xff, 0, 0, 0xff, 0, 0, 0};
    return facet__bytes_has(in, FILE_HEADER + 40, 12) &&
           memcmp(in->data + FILE_HEADER + 40, bgra, sizeof(bgra)) == 0;
}

static int read_palette(struct bmp *b, const struct facet__bytes *in, uint32_t header)
{
    uint32_t used = facet__le32(in->data + FILE_HEADER + 32);
    size_t at = FILE_HEADER + (size_t)header;
    b->colours = used ? used : 256;
    if (used > 256 || !facet__bytes_has(in, at, (size_t)b->colours * 4))
        return facet__picture_damaged(in, "BMP", "the palette is not all there");
    b->palette = in->data + at;
    return FACET_OK;
}

static int read_header(struct bmp *b, const struct facet__bytes *in)
{
    memset(b, 0, sizeof(*b));
    if (!facet__bytes_has(in, FILE_HEADER, 40))
        return facet__picture_damaged(in, "BMP", "it ends inside the header");
    const uint8_t *p = in->data + FILE_HEADER;
    uint32_t header = facet__le32(p), compression = facet__le32(p + 16);
    int32_t height = (int32_t)facet__le32(p + 8);
    b->width = (int32_t)facet__le32(p + 4);
    b->is_top_down = height < 0;
    b->height = height == INT32_MIN ? 0 : abs(height);
    b->bits = (int)facet__le16(p + 14);
    b->pixels = facet__le32(in->data + 10);
    if (header < 40 || !facet__bytes_has(in, FILE_HEADER, header))
        return facet__picture_damaged(in, "BMP", "the header has no sensible length");
    if (b->width <= 0 || b->height <= 0)
        return facet__picture_damaged(in, "BMP", "width or height is not positive");
    bool is_plain =
        compression == COMPRESSION_NONE && (b->bits == 8 || b->bits == 24 || b->bits == 32);
    bool is_masked = compression == COMPRESSION_MASKS && b->bits == 32 && has_usual_masks(in);
    if (!is_plain && !is_masked)
        return facet_fail(FACET_E_FORMAT,
                          "cannot read picture '%s': BMP of %d bits with compression %u is not "
                          "supported, only 8, 24 and 32 bits without; save it as PNG",
                          in->origin, b->bits, (unsigned)compression);
    b->row_bytes = ((size_t)b->width * (size_t)(b->bits / 8) + 3) / 4 * 4;
    return b->bits == 8 ? read_palette(b, in, header) : FACET_OK;
}

static int bmp_probe(struct facet_picture_info *out, const struct facet__bytes *in)
{
    struct bmp b;
    int err = read_header(&b, in);
    out->width = b.width;
    out->height = b.height;
    return err;
}

/* false when a pixel names a colour that the palette lacks */
static bool decode_row(uint8_t *d, const struct bmp *b, const uint8_t *s)
{
    size_t step = (size_t)(b->bits / 8);
    for (int x = 0; x < b->width; x++, s += step, d += 3) {
        const uint8_t *bgr = s;
        if (b->palette) {
            if (*s >= b->colours)
                return false;
            bgr = b->palette + 4 * (size_t)*s;
        }
        d[0] = bgr[2];
        d[1] = bgr[1];
        d[2] = bgr[0];
    }
    return true;
}

static int bmp_decode(struct facet_image *out, const struct facet__bytes *in)
{
    struct bmp b;
    int err = read_header(&b, in);
    if (err)
        return err;
    if (!facet__bytes_has(in, b.pixels, b.row_bytes * (size_t)b.height))
        return facet__picture_damaged(in, "BMP", "it ends before the last row");
    for (int y = 0; y < b.height; y++) {
        int from = b.is_top_down ? y : b.height - 1 - y;
        const uint8_t *s = in->data + b.pixels + (size_t)from * b.row_bytes;
        if (!decode_row(out->data + (size_t)y * out->stride, &b, s))
            return facet__picture_damaged(in, "BMP", "a pixel names a colour the palette lacks");
    }
    return FACET_OK;
}

const struct facet__picture_kind facet__picture_bmp = {
    .name = "bmp",
    .is = bmp_is,
    .probe = bmp_probe,
    .decode = bmp_decode,
};
