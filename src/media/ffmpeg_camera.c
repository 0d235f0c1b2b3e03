/* Pictures of a V4L2 camera as packets of a stream that FFmpeg did not open. */
#include "media/ffmpeg_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "media/v4l2_priv.h"

#include <libavutil/imgutils.h>
#include <libavutil/mathematics.h>
#include <string.h>

#define LOOK_MS 100

static const struct meaning {
    uint32_t fourcc;
    enum AVCodecID codec;
    enum AVPixelFormat format;
} meanings[] = {
    {FACET__FOURCC_YUYV, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_YUYV422}, {FACET__FOURCC_UYVY, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_UYVY422},
    {FACET__FOURCC_NV12, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_NV12},    {FACET__FOURCC_YU12, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_YUV420P},
    {FACET__FOURCC_GREY, AV_CODEC_ID_RAWVIDEO, AV_PIX_FMT_GRAY8},   {FACET__FOURCC_MJPG, AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE},
    {FACET__FOURCC_JPEG, AV_CODEC_ID_MJPEG, AV_PIX_FMT_NONE},       {FACET__FOURCC_H264, AV_CODEC_ID_H264, AV_PIX_FMT_NONE},
};

static const struct meaning *meaning_of(uint32_t fourcc)
{
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].fourcc == fourcc)
            return &meanings[i];
    return NULL;
}

static int describe(struct facet__input *in, const struct meaning *m, const AVCodec **codec)
{
    const struct facet__v4l2_mode *mode = facet__v4l2_mode(in->camera);
    in->stream = avformat_new_stream(in->format, NULL);
    if (!in->stream)
        return facet_fail_nomem();
    AVCodecParameters *p = in->stream->codecpar;
    p->codec_type = AVMEDIA_TYPE_VIDEO;
    p->codec_id = m->codec;
    p->format = m->format;
    p->width = mode->width;
    p->height = mode->height;
    in->stream->time_base = (AVRational){1, 1000000};
    in->stream->avg_frame_rate = av_d2q(mode->fps, 100000);
    *codec = avcodec_find_decoder(m->codec);
    if (!*codec)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read camera '%s': this FFmpeg has no decoder for it", in->name);
    if (m->codec != AV_CODEC_ID_RAWVIDEO)
        return FACET_OK;
    in->raw_bytes = av_image_get_buffer_size(m->format, p->width, p->height, 1);
    if (mode->stride && (int)mode->stride != av_image_get_linesize(m->format, p->width, 0))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read camera '%s': its rows have gaps between them", in->name);
    return FACET_OK;
}

bool facet__is_camera(const char *path)
{
    return strncmp(path, "v4l2:", 5) == 0 || strncmp(path, "/dev/video", 10) == 0;
}

int facet__camera_open(struct facet__input *in, const char *path, const struct facet_video_opts *o, const AVCodec **codec)
{
    const struct facet__v4l2_mode wish = {.width = o->width, .height = o->height, .fps = o->fps};
    const char *device = strncmp(path, "v4l2:", 5) == 0 ? path + 5 : path;
    int err = facet__v4l2_open(&in->camera, device, &wish, &facet__v4l2_system);
    const struct meaning *m = err ? NULL : meaning_of(facet__v4l2_mode(in->camera)->fourcc);
    if (!err && !m)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot read camera '%s': its format is not known", in->name);
    return err ? err : describe(in, m, codec);
}

int facet__camera_next(struct facet__input *in, AVPacket *p, bool *is_damaged)
{
    const uint8_t *data;
    size_t len;
    int err;
    do
        err = facet__v4l2_next(in->camera, LOOK_MS, &data, &len, is_damaged);
    while (err == FACET_E_AGAIN && !*is_damaged && !facet__input_is_over(in));
    if (err == FACET_E_AGAIN && !*is_damaged)
        return facet__input_fail(in, AVERROR_EXIT, "read");
    if (err)
        return err == FACET_E_AGAIN ? err : facet_fail_prefix(err, "'%s'", in->name);
    if (in->raw_bytes && len < (size_t)in->raw_bytes) {
        *is_damaged = true;
        return FACET_E_AGAIN;
    }
    if (av_new_packet(p, (int)len) < 0)
        return facet_fail_nomem();
    memcpy(p->data, data, len);
    p->pts = p->dts = (int64_t)(facet_now_ns() / 1000);
    p->flags |= AV_PKT_FLAG_KEY;
    return FACET_OK;
}
