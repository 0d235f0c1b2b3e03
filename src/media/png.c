/* PNG through libspng: every depth and colour type becomes 8-bit RGB; what is transparent is laid
 * on white, as paper would show it. */
#include "media/picture_priv.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/str.h"

#include <spng.h>
#include <stdlib.h>
#include <string.h>

static bool png_is(const uint8_t *data, size_t len)
{
    return len >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static int png_fail(const struct facet__bytes *in, int code)
{
    if (code == SPNG_EMEM)
        return facet_fail_nomem();
    return facet__picture_damaged(in, "PNG", spng_strerror(code));
}

static int png_open(spng_ctx **out, struct spng_ihdr *ihdr, const struct facet__bytes *in)
{
    spng_ctx *ctx = *out = spng_ctx_new(0);
    if (!ctx)
        return facet_fail_nomem();
    int code = spng_set_image_limits(ctx, INT32_MAX, INT32_MAX);
    if (!code)
        code = spng_set_chunk_limits(ctx, 16u << 20, 64u << 20);
    if (!code)
        code = spng_set_png_buffer(ctx, in->data, in->len);
    if (!code)
        code = spng_get_ihdr(ctx, ihdr);
    return code ? png_fail(in, code) : FACET_OK;
}

static int png_probe(struct facet_picture_info *out, const struct facet__bytes *in)
{
    spng_ctx *ctx;
    struct spng_ihdr ihdr = {0};
    int err = png_open(&ctx, &ihdr, in);
    spng_ctx_free(ctx);
    out->width = (int)(ihdr.width > INT32_MAX ? INT32_MAX : ihdr.width);
    out->height = (int)(ihdr.height > INT32_MAX ? INT32_MAX : ihdr.height);
    return err;
}

static int decode_rows(spng_ctx *ctx, uint8_t *dst, size_t stride, size_t row_bytes, int format)
{
    struct spng_row_info row;
    int code = spng_decode_image(ctx, NULL, 0, format, SPNG_DECODE_PROGRESSIVE | SPNG_DECODE_TRNS);
    while (!code) {
        code = spng_get_row_info(ctx, &row);
        if (!code)
            code = spng_decode_row(ctx, dst + (size_t)row.row_num * stride, row_bytes);
    }
    return code == SPNG_EOI ? 0 : code;
}

static void lay_on_white(struct facet_image *out, const uint8_t *rgba)
{
    for (int y = 0; y < out->height; y++) {
        uint8_t *d = out->data + (size_t)y * out->stride;
        for (int x = 0; x < out->width; x++, rgba += 4, d += 3)
            for (int c = 0; c < 3; c++)
                d[c] = (uint8_t)((rgba[c] * rgba[3] + 255 * (255 - rgba[3]) + 127) / 255);
    }
}

static int decode_transparent(struct facet_image *out, spng_ctx *ctx)
{
    size_t stride = (size_t)out->width * 4;
    uint8_t *rgba = calloc((size_t)out->height, stride);
    if (!rgba)
        return SPNG_EMEM;
    int code = decode_rows(ctx, rgba, stride, stride, SPNG_FMT_RGBA8);
    if (!code)
        lay_on_white(out, rgba);
    free(rgba);
    return code;
}

static int png_decode(struct facet_image *out, const struct facet__bytes *in)
{
    spng_ctx *ctx;
    struct spng_ihdr ihdr = {0};
    struct spng_trns trns;
    int err = png_open(&ctx, &ihdr, in);
    if (!err) {
        bool has_alpha = ihdr.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                         ihdr.color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
                         spng_get_trns(ctx, &trns) == 0;
        int code = has_alpha ? decode_transparent(out, ctx)
                             : decode_rows(ctx, out->data, out->stride, (size_t)out->width * 3,
                                           SPNG_FMT_RGB8);
        err = code ? png_fail(in, code) : FACET_OK;
    }
    spng_ctx_free(ctx);
    return err;
}

static int encode_rows(spng_ctx *ctx, const struct facet_image *img)
{
    bool is_gray = img->format == FACET_PIXEL_GRAY8;
    struct spng_ihdr ihdr = {.width = (uint32_t)img->width,
                             .height = (uint32_t)img->height,
                             .bit_depth = 8,
                             .color_type =
                                 is_gray ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR};
    size_t row_bytes = (size_t)img->width * (size_t)img->format;
    int code = spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    if (!code)
        code = spng_set_option(ctx, SPNG_IMG_COMPRESSION_LEVEL, 3);
    if (!code)
        code = spng_set_ihdr(ctx, &ihdr);
    if (!code)
        code = spng_encode_image(ctx, NULL, 0, SPNG_FMT_PNG,
                                 SPNG_ENCODE_PROGRESSIVE | SPNG_ENCODE_FINALIZE);
    for (int y = 0; !code && y < img->height; y++)
        code = spng_encode_row(ctx, img->data + (size_t)y * img->stride, row_bytes);
    return code == SPNG_EOI ? 0 : code;
}

int facet__png_encode(struct facet_str *out, const struct facet_image *img)
{
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!ctx)
        return facet_fail_nomem();
    size_t len = 0;
    int code = encode_rows(ctx, img);
    uint8_t *data = code ? NULL : spng_get_png_buffer(ctx, &len, &code);
    int err = data ? facet_str_append(out, data, len)
                   : facet_fail(FACET_E_INTERNAL, "cannot write a PNG: %s", spng_strerror(code));
    free(data);
    spng_ctx_free(ctx);
    return err;
}

const struct facet__picture_kind facet__picture_png = {
    .name = "png",
    .is = png_is,
    .probe = png_probe,
    .decode = png_decode,
};
