/* RGB24 to a video file: H.264 where libx264 is there, otherwise MPEG-4 part 2. Time stamps are
 * kept (to 1/60000 s, which 25, 30 and 29.97 pictures a second divide). The index of an mp4 is
 * moved to its front at the end. */
#include "media/ffmpeg_priv.h"

#include "base/errors.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TICKS 60000

struct facet__encoder {
    char *path;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    int width, height; /* of what comes in */
    int64_t last_pts;
    const struct facet_relay_opts *to; /* NULL: a file */
    AVIOContext *io;
    bool has_header, is_finished;
};

static const AVCodec *find_encoder(void)
{
    const AVCodec *codec = avcodec_find_encoder_by_name("libx264");
    return codec ? codec : avcodec_find_encoder(AV_CODEC_ID_MPEG4);
}

static int open_codec(struct facet__encoder *e, double fps)
{
    const AVCodec *codec = find_encoder();
    if (!codec)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot write video '%s': this FFmpeg has neither "
                          "libx264 nor MPEG-4",
                          e->path);
    AVCodecContext *c = e->codec = avcodec_alloc_context3(codec);
    if (!c)
        return facet_fail_nomem();
    c->width = e->width & ~1;
    c->height = e->height & ~1;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, TICKS};
    c->framerate = av_d2q(fps, 100000);
    c->gop_size = (int)lrint(fps * 2) > 0 ? (int)lrint(fps * 2) : 1;
    c->thread_count = 2;
    c->colorspace = facet__usual_matrix(c->height);
    c->color_range = AVCOL_RANGE_MPEG;
    if (e->format->oformat->flags & AVFMT_GLOBALHEADER)
        c->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (codec->id == AV_CODEC_ID_H264) {
        av_opt_set(c->priv_data, "preset", "veryfast", 0);
        av_opt_set(c->priv_data, "crf", "23", 0);
        if (e->to)
            av_opt_set(c->priv_data, "tune", "zerolatency", 0);
    } else {
        c->flags |= AV_CODEC_FLAG_QSCALE;
        c->global_quality = FF_QP2LAMBDA * 4;
    }
    int code = avcodec_open2(c, codec, NULL);
    return code < 0 ? facet__ffmpeg_fail(code, "encode video", e->path) : FACET_OK;
}

static int open_frame(struct facet__encoder *e)
{
    const AVCodecContext *c = e->codec;
    e->packet = av_packet_alloc();
    e->frame = av_frame_alloc();
    if (!e->packet || !e->frame)
        return facet_fail_nomem();
    e->frame->width = c->width;
    e->frame->height = c->height;
    e->frame->format = c->pix_fmt;
    e->frame->colorspace = c->colorspace;
    e->frame->color_range = c->color_range;
    if (av_frame_get_buffer(e->frame, 0) < 0)
        return facet_fail_nomem();
    e->scaler = sws_getContext(c->width, c->height, AV_PIX_FMT_RGB24, c->width, c->height,
                               c->pix_fmt, SWS_BILINEAR, NULL, NULL, NULL);
    if (!e->scaler)
        return facet_fail_nomem();
    const int *matrix = sws_getCoefficients((int)c->colorspace);
    sws_setColorspaceDetails(e->scaler, matrix, 1, matrix, 0, 0, 1 << 16, 1 << 16);
    return FACET_OK;
}

static int open_file(struct facet__encoder *e)
{
    AVDictionary *options = NULL;
    e->stream = avformat_new_stream(e->format, NULL);
    if (!e->stream)
        return facet_fail_nomem();
    e->stream->time_base = e->codec->time_base;
    e->stream->avg_frame_rate = e->codec->framerate;
    int code = avcodec_parameters_from_context(e->stream->codecpar, e->codec);
    if (code >= 0 && e->to) {
        if (facet__sink_open(&e->io, e->to))
            return FACET_E_NOMEM;
        e->format->pb = e->io;
        e->format->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS;
    } else if (code >= 0)
        code = avio_open(&e->format->pb, e->path, AVIO_FLAG_WRITE);
    if (code >= 0) {
        av_dict_set(&options, "movflags", "+faststart", 0);
        code = avformat_write_header(e->format, &options);
        av_dict_free(&options);
    }
    e->has_header = code >= 0;
    return code < 0 ? facet__ffmpeg_fail(code, "write video", e->path) : FACET_OK;
}

int facet__encoder_open(struct facet__encoder **out, const char *path, int width, int height,
                        double fps, const struct facet_relay_opts *to)
{
    struct facet__encoder *e = *out = NULL;
    if (width < 2 || height < 2 || width > 16384 || height > 16384)
        return facet_fail(FACET_E_INVALID,
                          "cannot write video '%s' of %dx%d pixels: 2 to 16384 "
                          "a side",
                          path, width, height);
    e = calloc(1, sizeof(*e));
    int err = e && (e->path = strdup(path)) ? FACET_OK : facet_fail_nomem();
    if (!err) {
        e->width = width;
        e->height = height;
        e->last_pts = -1;
        e->to = to;
        if (avformat_alloc_output_context2(&e->format, NULL, to ? "mpegts" : NULL, path) < 0)
            err = facet_fail(FACET_E_INVALID,
                             "cannot write video '%s': its name must end in .mp4 "
                             "or .mkv",
                             path);
    }
    if (!err)
        err = open_codec(e, fps > 0 && fps <= 1000 ? fps : 25);
    if (!err)
        err = open_frame(e);
    if (!err)
        err = open_file(e);
    if (err)
        facet__encoder_close(&e);
    *out = e;
    return err;
}

/* Writes what the encoder has ready. */
static int drain(struct facet__encoder *e)
{
    for (;;) {
        int code = avcodec_receive_packet(e->codec, e->packet);
        if (code == AVERROR(EAGAIN) || code == AVERROR_EOF)
            return FACET_OK;
        if (code >= 0) {
            av_packet_rescale_ts(e->packet, e->codec->time_base, e->stream->time_base);
            e->packet->stream_index = e->stream->index;
            code = av_interleaved_write_frame(e->format, e->packet);
        }
        if (code < 0)
            return facet__ffmpeg_fail(code, "write video", e->path);
    }
}

int facet__encoder_put(struct facet__encoder *e, const struct facet_image *rgb, double pts_ms)
{
    if (rgb->width != e->width || rgb->height != e->height || rgb->format != FACET_PIXEL_RGB24)
        return facet_fail(FACET_E_INVALID, "cannot write a %dx%d picture into video '%s' of %dx%d",
                          rgb->width, rgb->height, e->path, e->width, e->height);
    if (av_frame_make_writable(e->frame) < 0)
        return facet_fail_nomem();
    const uint8_t *const planes[4] = {rgb->data};
    const int strides[4] = {(int)rgb->stride};
    sws_scale(e->scaler, planes, strides, 0, e->codec->height, e->frame->data, e->frame->linesize);
    int64_t pts = isfinite(pts_ms) ? llrint(pts_ms * (TICKS / 1000)) : 0;
    e->frame->pts = pts > e->last_pts ? pts : e->last_pts + 1;
    e->last_pts = e->frame->pts;
    int code = avcodec_send_frame(e->codec, e->frame);
    return code < 0 ? facet__ffmpeg_fail(code, "encode video", e->path) : drain(e);
}

int facet__encoder_finish(struct facet__encoder *e)
{
    if (e->is_finished)
        return FACET_OK;
    e->is_finished = true;
    avcodec_send_frame(e->codec, NULL);
    int err = drain(e);
    int code = av_write_trailer(e->format);
    if (!err && code < 0)
        err = facet__ffmpeg_fail(code, "finish video", e->path);
    if (e->to)
        return err;
    code = avio_closep(&e->format->pb);
    if (!err && code < 0)
        err = facet__ffmpeg_fail(code, "finish video", e->path);
    return err;
}

void facet__encoder_close(struct facet__encoder **encoder)
{
    struct facet__encoder *e = *encoder;
    *encoder = NULL;
    if (!e)
        return;
    if (e->has_header)
        facet__encoder_finish(e);
    sws_freeContext(e->scaler);
    av_frame_free(&e->frame);
    av_packet_free(&e->packet);
    avcodec_free_context(&e->codec);
    if (e->format && e->format->pb && !e->to)
        avio_closep(&e->format->pb);
    facet__sink_close(&e->io);
    avformat_free_context(e->format);
    free(e->path);
    free(e);
}
