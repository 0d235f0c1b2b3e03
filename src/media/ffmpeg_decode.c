/* Video files to RGB24. The first video stream is decoded; a packet that FFmpeg finds damaged, and
 * a picture it had to patch, are left out and counted. A file that is shorter than its own index
 * says gives what it has, and then FACET_E_FORMAT instead of FACET_E_END. Pixels are taken as
 * square. Nothing of ours is allocated per picture. */
#include "media/ffmpeg_priv.h"

#include "base/errors.h"
#include "base/limits.h"

#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/display.h>
#include <libswscale/swscale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FAILURES 1000 /* reads in a row that fail before the file is given up */

struct facet__decoder {
    char *path;
    volatile int *cancel;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVStream *stream;
    AVPacket *packet;
    AVFrame *frame;
    struct SwsContext *scaler;
    int scaler_w, scaler_h, scaler_format, scaler_matrix, scaler_is_full;
    int orientation;            /* as EXIF counts */
    struct facet_image upright; /* before it is turned, when it is */
    size_t upright_cap;
    double fps, last_ms;
    int64_t damaged;
    int failures;
    bool is_flushing, is_truncated;
};

static int is_cancelled(void *ctx)
{
    const struct facet__decoder *d = ctx;
    return d->cancel && *d->cancel;
}

/* Formats that are text, lists of other files, or single pictures: reading a text file as video, or
 * other files because one file says so, is not what was asked for. */
static bool is_refused(const AVInputFormat *f)
{
    static const char *const names[] = {"tty",    "bin",      "xbin", "adf", "idf",
                                        "concat", "hls",      "dash", "imf", "image2",
                                        "lavfi",  "rawvideo", "sdp",  "rtsp"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(f->name, names[i]) == 0)
            return true;
    return false;
}

static int open_file(struct facet__decoder *d)
{
    size_t cap = strlen(d->path) + 6;
    char *url = malloc(cap);
    AVDictionary *options = NULL;
    d->format = avformat_alloc_context();
    if (!url || !d->format) {
        free(url);
        return facet_fail_nomem();
    }
    snprintf(url, cap, "file:%s", d->path);
    d->format->interrupt_callback = (AVIOInterruptCB){is_cancelled, d};
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    struct stat st;
    bool is_empty = stat(d->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
    int code = is_empty ? 0 : avformat_open_input(&d->format, url, NULL, &options);
    av_dict_free(&options);
    free(url);
    if (is_empty)
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': it is empty", d->path);
    if (code < 0)
        return facet__ffmpeg_fail(code, "read video", d->path);
    if (is_refused(d->format->iformat))
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': its content is no video",
                          d->path);
    code = avformat_find_stream_info(d->format, NULL);
    return code < 0 ? facet__ffmpeg_fail(code, "read video", d->path) : FACET_OK;
}

static int open_codec(struct facet__decoder *d, unsigned threads)
{
    const AVCodec *codec = NULL;
    int number = av_find_best_stream(d->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    if (number == AVERROR_STREAM_NOT_FOUND)
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': it holds no video", d->path);
    if (number < 0)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot read video '%s': this FFmpeg has no decoder for it", d->path);
    d->stream = d->format->streams[number];
    for (unsigned i = 0; i < d->format->nb_streams; i++)
        if ((int)i != number)
            d->format->streams[i]->discard = AVDISCARD_ALL;
    d->codec = avcodec_alloc_context3(codec);
    if (!d->codec)
        return facet_fail_nomem();
    int code = avcodec_parameters_to_context(d->codec, d->stream->codecpar);
    d->codec->pkt_timebase = d->stream->time_base;
    d->codec->thread_count = (int)(threads ? threads : 1);
    d->codec->thread_type = FF_THREAD_SLICE;
    d->codec->max_pixels = FACET_MAX_IMAGE_PIXELS;
    if (code >= 0)
        code = avcodec_open2(d->codec, codec, NULL);
    return code < 0 ? facet__ffmpeg_fail(code, "decode video", d->path) : FACET_OK;
}

/* EXIF's number for the turn that the display matrix asks for. */
static int orientation_of(const AVStream *s)
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

static bool is_shorter_than_index(const struct facet__decoder *d)
{
    int64_t size = avio_size(d->format->pb);
    int n = avformat_index_get_entries_count(d->stream);
    for (int i = n - 1; size > 0 && i >= 0; i--) {
        const AVIndexEntry *e = avformat_index_get_entry(d->stream, i);
        if (e->pos + e->size > size)
            return true;
    }
    return false;
}

static void describe(const struct facet__decoder *d, struct facet_video_info *info)
{
    AVRational rate = av_guess_frame_rate(d->format, d->stream, NULL);
    bool is_turned = d->orientation >= 5;
    memset(info, 0, sizeof(*info));
    snprintf(info->codec, sizeof(info->codec), "%s", avcodec_get_name(d->codec->codec_id));
    info->width = is_turned ? d->codec->height : d->codec->width;
    info->height = is_turned ? d->codec->width : d->codec->height;
    info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    if (d->stream->duration > 0)
        info->duration_ms = (double)d->stream->duration * av_q2d(d->stream->time_base) * 1000;
    else if (d->format->duration > 0)
        info->duration_ms = (double)d->format->duration * 1000 / AV_TIME_BASE;
    info->frames = d->stream->nb_frames;
    if (info->frames <= 0)
        info->frames = llrint(info->duration_ms * info->fps / 1000);
}

int facet__decoder_open(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info)
{
    struct facet__decoder *d = calloc(1, sizeof(*d));
    int err = d && (d->path = strdup(path)) ? FACET_OK : facet_fail_nomem();
    if (!err) {
        d->cancel = o->cancel;
        err = open_file(d);
    }
    if (!err)
        err = open_codec(d, o->threads);
    if (!err && (!(d->packet = av_packet_alloc()) || !(d->frame = av_frame_alloc())))
        err = facet_fail_nomem();
    if (!err) {
        d->orientation = orientation_of(d->stream);
        d->is_truncated = is_shorter_than_index(d);
        describe(d, info);
        d->fps = info->fps > 0 ? info->fps : 25;
        d->last_ms = -1000 / d->fps;
    }
    if (err)
        facet__decoder_close(&d);
    *out = d;
    return err;
}

void facet__decoder_close(struct facet__decoder **decoder)
{
    struct facet__decoder *d = *decoder;
    *decoder = NULL;
    if (!d)
        return;
    sws_freeContext(d->scaler);
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    avformat_close_input(&d->format);
    facet_image_fini(&d->upright);
    free(d->path);
    free(d);
}

static int file_end(const struct facet__decoder *d)
{
    if (!d->is_truncated)
        return facet_fail(FACET_E_END, "end of video '%s'", d->path);
    return facet_fail(FACET_E_FORMAT,
                      "cannot read video '%s' to its end: the file is truncated, its index names "
                      "more than it holds",
                      d->path);
}

/* Gives the decoder one more packet; FACET_E_END when there is none. */
static int feed(struct facet__decoder *d)
{
    if (d->cancel && *d->cancel)
        return facet_fail(FACET_E_CANCELLED, "cancelled while reading '%s'", d->path);
    int code = av_read_frame(d->format, d->packet);
    if (code == AVERROR_EXIT)
        return facet_fail(FACET_E_CANCELLED, "cancelled while reading '%s'", d->path);
    if (code == AVERROR_EOF || (code < 0 && ++d->failures > MAX_FAILURES)) {
        d->is_flushing = true;
        avcodec_send_packet(d->codec, NULL);
        return FACET_OK;
    }
    if (code < 0) {
        d->damaged++;
        return FACET_OK;
    }
    d->failures = 0;
    if (d->packet->stream_index == d->stream->index) {
        bool is_bad = d->packet->flags & AV_PKT_FLAG_CORRUPT;
        if (is_bad || avcodec_send_packet(d->codec, d->packet) < 0)
            d->damaged++;
    }
    av_packet_unref(d->packet);
    return FACET_OK;
}

static int check_frame(const struct facet__decoder *d)
{
    const AVFrame *f = d->frame;
    if (f->width > FACET_MAX_IMAGE_SIDE || f->height > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_LIMIT, "cannot read video '%s': %dx%d pixels are too many",
                          d->path, f->width, f->height);
    return FACET_OK;
}

static double time_of(struct facet__decoder *d)
{
    int64_t start = d->stream->start_time == AV_NOPTS_VALUE ? 0 : d->stream->start_time;
    double ms = d->last_ms + 1000 / d->fps;
    if (d->frame->best_effort_timestamp != AV_NOPTS_VALUE)
        ms =
            (double)(d->frame->best_effort_timestamp - start) * av_q2d(d->stream->time_base) * 1000;
    d->last_ms = ms;
    return ms;
}

int facet__decoder_next(struct facet__decoder *d, int *width, int *height, double *pts_ms)
{
    for (;;) {
        int code = avcodec_receive_frame(d->codec, d->frame);
        if (code == AVERROR_EOF || (code < 0 && d->is_flushing))
            return file_end(d);
        if (code == AVERROR(EAGAIN)) {
            int err = feed(d);
            if (err)
                return err;
        } else if (code < 0 || d->frame->decode_error_flags ||
                   (d->frame->flags & AV_FRAME_FLAG_CORRUPT)) {
            d->damaged++;
        } else {
            break;
        }
    }
    bool is_turned = d->orientation >= 5;
    *width = is_turned ? d->frame->height : d->frame->width;
    *height = is_turned ? d->frame->width : d->frame->height;
    *pts_ms = time_of(d);
    return check_frame(d);
}

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

static int set_scaler(struct facet__decoder *d)
{
    const AVFrame *f = d->frame;
    bool is_full = f->color_range == AVCOL_RANGE_JPEG;
    int format = plain_format(f->format, &is_full);
    int matrix = f->colorspace == AVCOL_SPC_UNSPECIFIED || f->colorspace == AVCOL_SPC_RGB
                     ? (int)facet__usual_matrix(f->height)
                     : (int)f->colorspace;
    if (d->scaler && d->scaler_w == f->width && d->scaler_h == f->height &&
        d->scaler_format == format && d->scaler_matrix == matrix && d->scaler_is_full == is_full)
        return FACET_OK;
    sws_freeContext(d->scaler);
    d->scaler = sws_getContext(f->width, f->height, format, f->width, f->height, AV_PIX_FMT_RGB24,
                               SWS_BILINEAR, NULL, NULL, NULL);
    if (!d->scaler)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot read video '%s': its pixel format %d is not "
                          "supported",
                          d->path, f->format);
    sws_setColorspaceDetails(d->scaler, sws_getCoefficients(matrix), is_full,
                             sws_getCoefficients(SWS_CS_DEFAULT), 1, 0, 1 << 16, 1 << 16);
    d->scaler_w = f->width;
    d->scaler_h = f->height;
    d->scaler_format = format;
    d->scaler_matrix = matrix;
    d->scaler_is_full = is_full;
    return FACET_OK;
}

static void convert(struct facet__decoder *d, struct facet_image *rgb)
{
    uint8_t *const planes[4] = {rgb->data};
    const int strides[4] = {(int)rgb->stride};
    sws_scale(d->scaler, (const uint8_t *const *)d->frame->data, d->frame->linesize, 0,
              d->frame->height, planes, strides);
}

int facet__decoder_take(struct facet__decoder *d, struct facet_image *rgb)
{
    int err = set_scaler(d);
    if (!err && d->orientation == 1) {
        convert(d, rgb);
    } else if (!err) {
        err = facet_image_reserve(&d->upright, &d->upright_cap, FACET_PIXEL_RGB24, d->frame->width,
                                  d->frame->height);
        if (!err) {
            convert(d, &d->upright);
            err = facet_image_orient_into(rgb, &d->upright, d->orientation);
        }
    }
    av_frame_unref(d->frame);
    return err;
}

int64_t facet__decoder_damaged(const struct facet__decoder *d)
{
    return d->damaged;
}
