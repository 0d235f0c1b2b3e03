/* JPEG through turbojpeg. A picture that ends early or is damaged inside is refused: half a face
 * is worse than none. Only noise that costs no pixel is let through (bytes between segments, an
 * odd JFIF number). CMYK and YCCK are turned to RGB without a colour profile. */
#include "media/picture_priv.h"

#include "base/errors.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>
#include <turbojpeg.h>

static bool jpeg_is(const uint8_t *data, size_t len)
{
    return len >= 3 && data[0] == 0xff && data[1] == 0xd8 && data[2] == 0xff;
}

struct header {
    int width, height, subsampling, colours;
};

static int read_header(struct header *h, tjhandle tj, const struct facet__bytes *in)
{
    int err = tjDecompressHeader3(tj, in->data, (unsigned long)in->len, &h->width, &h->height,
                                  &h->subsampling, &h->colours);
    if (err && tjGetErrorCode(tj) != TJERR_WARNING)
        return facet__picture_damaged(in, "JPEG", tjGetErrorStr2(tj));
    return FACET_OK;
}

static int jpeg_probe(struct facet_picture_info *out, const struct facet__bytes *in)
{
    tjhandle tj = tjInitDecompress();
    if (!tj)
        return facet_fail_nomem();
    struct header h = {0};
    int err = read_header(&h, tj, in);
    tjDestroy(tj);
    out->width = h.width;
    out->height = h.height;
    out->orientation = facet__exif_orientation(in->data, in->len);
    return err;
}

static bool is_harmless(const char *warning)
{
    return strstr(warning, "extraneous bytes before marker") || strstr(warning, "JFIF revision");
}

/* The first warning decides; after a harmless one all is decoded and the last must be harmless. */
static int decompress(tjhandle tj, const struct facet__bytes *in, uint8_t *dst,
                      const struct header *h, size_t stride, int format)
{
    const int flags = TJFLAG_LIMITSCANS | TJFLAG_ACCURATEDCT;
    unsigned long len = (unsigned long)in->len;
    if (tjDecompress2(tj, in->data, len, dst, h->width, (int)stride, h->height, format,
                      flags | TJFLAG_STOPONWARNING) == 0)
        return FACET_OK;
    if (!is_harmless(tjGetErrorStr2(tj)))
        return facet__picture_damaged(in, "JPEG", tjGetErrorStr2(tj));
    if (tjDecompress2(tj, in->data, len, dst, h->width, (int)stride, h->height, format, flags) &&
        !(tjGetErrorCode(tj) == TJERR_WARNING && is_harmless(tjGetErrorStr2(tj))))
        return facet__picture_damaged(in, "JPEG", tjGetErrorStr2(tj));
    return FACET_OK;
}

/* Programs that write an Adobe segment store ink upside down, and nearly all do. */
static bool has_adobe_segment(const struct facet__bytes *in)
{
    static const uint8_t name[5] = {'A', 'd', 'o', 'b', 'e'};
    for (size_t at = 2; facet__bytes_has(in, at, 9) && in->data[at] == 0xff;) {
        const uint8_t *p = in->data + at;
        if (p[1] == 0xda)
            return false;
        if (p[1] == 0xee && memcmp(p + 4, name, sizeof(name)) == 0)
            return true;
        at += 2 + facet__be16(p + 2);
    }
    return false;
}

static void ink_to_rgb(struct facet_image *out, const uint8_t *cmyk, bool is_inverted)
{
    const unsigned turn = is_inverted ? 0 : 255;
    for (int y = 0; y < out->height; y++) {
        uint8_t *d = out->data + (size_t)y * out->stride;
        for (int x = 0; x < out->width; x++, cmyk += 4, d += 3)
            for (int c = 0; c < 3; c++)
                d[c] = (uint8_t)(((cmyk[c] ^ turn) * (cmyk[3] ^ turn) + 127) / 255);
    }
}

static int decode_ink(struct facet_image *out, tjhandle tj, const struct facet__bytes *in,
                      const struct header *h)
{
    size_t stride = (size_t)h->width * 4;
    uint8_t *cmyk = malloc(stride * (size_t)h->height);
    if (!cmyk)
        return facet_fail_nomem();
    int err = decompress(tj, in, cmyk, h, stride, TJPF_CMYK);
    if (!err)
        ink_to_rgb(out, cmyk, has_adobe_segment(in));
    free(cmyk);
    return err;
}

static int jpeg_decode(struct facet_image *out, const struct facet__bytes *in)
{
    tjhandle tj = tjInitDecompress();
    if (!tj)
        return facet_fail_nomem();
    struct header h = {0};
    int err = read_header(&h, tj, in);
    if (!err && (h.width != out->width || h.height != out->height))
        err = facet__picture_damaged(in, "JPEG", "two sizes in one file");
    if (!err && (h.colours == TJCS_CMYK || h.colours == TJCS_YCCK))
        err = decode_ink(out, tj, in, &h);
    else if (!err)
        err = decompress(tj, in, out->data, &h, out->stride, TJPF_RGB);
    tjDestroy(tj);
    return err;
}

int facet__jpeg_encode(struct facet_str *out, const struct facet_image *img, int quality)
{
    unsigned char *data = NULL;
    unsigned long len = 0;
    bool is_gray = img->format == FACET_PIXEL_GRAY8;
    tjhandle tj = tjInitCompress();
    if (!tj)
        return facet_fail_nomem();
    int q = quality < 1 ? 1 : quality > 100 ? 100 : quality;
    int sampling = is_gray ? TJSAMP_GRAY : q >= 90 ? TJSAMP_444 : TJSAMP_420;
    int err = tjCompress2(tj, img->data, img->width, (int)img->stride, img->height,
                          is_gray ? TJPF_GRAY : TJPF_RGB, &data, &len, sampling, q, 0);
    if (err)
        err = facet_fail(FACET_E_INTERNAL, "cannot write a JPEG: %s", tjGetErrorStr2(tj));
    else
        err = facet_str_append(out, data, len);
    tjFree(data);
    tjDestroy(tj);
    return err;
}

const struct facet__picture_kind facet__picture_jpeg = {
    .name = "jpeg",
    .is = jpeg_is,
    .probe = jpeg_probe,
    .decode = jpeg_decode,
};
