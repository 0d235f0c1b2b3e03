/* Decoded pictures to RGB24, upright. Pixels are taken as square. */
#include "media/ffmpeg_priv.h"

#include "base/errors.h"

#include <libavutil/display.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>

/* The formats with J in their name say "full range" by it; swscale warns about them. */
static int plain_format(int format, bool *is_full)
{
    static const int full[][2] = {{AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUV420P},
                                  {AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUV422P},
                                  {AV_PIX_FMT_YUVJ444P, AV_PIX_FMT_YUV444P},
                                  {AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUV440P},
                                  {AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUV411P}};
    for (size_t i = 0; i < sizeof(full) / sizeof(full[0]); i++)
        if (format == full[i][0]) {
            *is_full = true;
            return full[i][1];
        }
    return format;
}

static int set_scaler(struct facet__converter *c, const AVFrame *f, const char *name)
{
    bool is_full = f->color_range == AVCOL_RANGE_JPEG;
    int format = plain_format(f->format, &is_full);
    int matrix = f->colorspace == AVCOL_SPC_UNSPECIFIED || f->colorspace == AVCOL_SPC_RGB
                     ? (int)facet__usual_matrix(f->height)
                     : (int)f->colorspace;
    if (c->scaler && c->width == f->width && c->height == f->height &&
        c->format == format && c->matrix == matrix && c->is_full == is_full)
        return FACET_OK;
    sws_freeContext(c->scaler);
    c->scaler = sws_getContext(f->width, f->height, format, f->width, f->height, AV_PIX_FMT_RGB24,
                               SWS_BILINEAR, NULL, NULL, NULL);
    if (!c->scaler)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot read video '%s': its pixel format %d is not "
                          "supported",
                          name, f->format);
    sws_setColorspaceDetails(c->scaler, sws_getCoefficients(matrix), is_full,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    c->width = f->width;
    c->height = f->height;
    c->format = format;
    c->matrix = matrix;
    c->is_full = is_full;
    return FACET_OK;
}

static void scale(struct facet__converter *c, const AVFrame *f, struct facet_image *rgb)
{
    uint8_t *const planes[4] = {rgb->data};
    const int strides[4] = {(int)rgb->stride};
    sws_scale(c->scaler, (const uint8_t *const *)f->data, f->linesize, 0, f->height, planes, strides);
}

int facet__convert(struct facet__converter *c, const AVFrame *f, struct facet_image *rgb, const char *name)
{
    int err = set_scaler(c, f, name);
    if (!err && c->orientation <= 1) {
        scale(c, f, rgb);
    } else if (!err) {
        err = facet_image_reserve(&c->upright, &c->upright_cap, FACET_PIXEL_RGB24, f->width, f->height);
        if (!err) {
            scale(c, f, &c->upright);
            err = facet_image_orient_into(rgb, &c->upright, c->orientation);
        }
    }
    return err;
}

void facet__converter_close(struct facet__converter *c)
{
    sws_freeContext(c->scaler);
    facet_image_fini(&c->upright);
    *c = (struct facet__converter){0};
}

int facet__orientation_of(const AVStream *s)
{
    const uint8_t *matrix = av_stream_get_side_data(s, AV_PKT_DATA_DISPLAYMATRIX, NULL);
    double left = matrix ? av_display_rotation_get((const int32_t *)(const void *)matrix) : 0;
    if (isnan(left))
        return 1;
    switch (((int)lrint(left / 90) % 4 + 4) % 4) {
    case 1: return 8;
    case 2: return 3;
    case 3: return 6;
    default: return 1;
    }
}
