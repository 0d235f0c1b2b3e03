/* Videos to RGB24. The first video stream is decoded; a packet that FFmpeg finds damaged, and
 * a picture it had to patch, are left out and counted. A file that is shorter than its own index
 * says gives what it has, and then FACET_E_FORMAT instead of FACET_E_END. Nothing of ours is allocated per picture.
 *
 * A picture may be held, which costs nothing, until another thread grabs it (under the caller's lock) and converts it (at
 * its own pace): of a camera's pictures only those that are wanted are converted. */
#include "media/ffmpeg_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/limits.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENDER_MS 60000            /* a clock that says more than this ago is not right */

struct facet__decoder {
    struct facet__input input;
    AVCodecContext *codec;
    struct facet__hardware hardware;
    AVPacket *packet;
    AVFrame *frame, *held, *grabbed;
    struct facet__converter converter;
    double fps, last_ms;
    int64_t damaged, bytes;
    bool is_flushing, is_truncated;
};

static bool is_shorter_than_index(const struct facet__input *in)
{
    int64_t size = in->is_stream ? 0 : avio_size(in->format->pb);
    int n = size > 0 ? avformat_index_get_entries_count(in->stream) : 0;
    for (int i = n - 1; i >= 0; i--) {
        const AVIndexEntry *e = avformat_index_get_entry(in->stream, i);
        if (e->pos + e->size > size)
            return true;
    }
    return false;
}

static bool is_turned(const struct facet__decoder *d)
{
    return d->converter.orientation >= 5;
}

static void describe(const struct facet__decoder *d, struct facet_video_info *info)
{
    const AVFormatContext *format = d->input.format;
    AVStream *stream = d->input.stream;
    AVRational rate = av_guess_frame_rate(d->input.format, stream, NULL);
    memset(info, 0, sizeof(*info));
    snprintf(info->codec, sizeof(info->codec), "%s", avcodec_get_name(d->codec->codec_id));
    info->width = is_turned(d) ? d->codec->height : d->codec->width;
    info->height = is_turned(d) ? d->codec->width : d->codec->height;
    info->fps = rate.num > 0 && rate.den > 0 ? av_q2d(rate) : 0;
    if (stream->duration > 0)
        info->duration_ms = (double)stream->duration * av_q2d(stream->time_base) * 1000;
    else if (format->duration > 0)
        info->duration_ms = (double)format->duration * 1000 / AV_TIME_BASE;
    info->frames = stream->nb_frames;
    if (info->frames <= 0)
        info->frames = llrint(info->duration_ms * info->fps / 1000);
}

static int make_frames(struct facet__decoder *d)
{
    d->packet = av_packet_alloc();
    d->frame = av_frame_alloc();
    d->held = av_frame_alloc();
    d->grabbed = av_frame_alloc();
    return d->packet && d->frame && d->held && d->grabbed ? FACET_OK : facet_fail_nomem();
}

int facet__decoder_open(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info)
{
    struct facet__decoder *d = calloc(1, sizeof(*d));
    const AVCodec *codec = NULL;
    int err = d ? facet__input_open(&d->input, path, o, &codec) : facet_fail_nomem();
    if (!err)
        err = facet__codec_open(&d->codec, &d->hardware, codec, d->input.stream, o, d->input.name);
    if (!err)
        err = make_frames(d);
    if (!err) {
        d->converter.orientation = facet__orientation_of(d->input.stream);
        d->is_truncated = is_shorter_than_index(&d->input);
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
    facet__converter_close(&d->converter);
    av_frame_free(&d->grabbed);
    av_frame_free(&d->held);
    av_frame_free(&d->frame);
    av_packet_free(&d->packet);
    avcodec_free_context(&d->codec);
    facet__hardware_close(&d->hardware);
    facet__input_close(&d->input);
    free(d);
}

/* --- packets in --- */

static int input_end(const struct facet__decoder *d)
{
    if (!d->is_truncated)
        return facet_fail(FACET_E_END, "end of video '%s'", d->input.name);
    return facet_fail(FACET_E_FORMAT,
                      "cannot read video '%s' to its end: the file is truncated, its index names "
                      "more than it holds",
                      d->input.name);
}

/* When the packet's picture was taken: by the sender's clock, where it is asked for, the sender told how that stands to
 * its stream (a sender report; the first comes some seconds after the start), and it says neither later than now nor long ago. */
static int64_t moment_of(const struct facet__decoder *d)
{
    size_t len = 0;
    int64_t now = facet_clock_system.wall_ms(facet_clock_system.ctx);
    const void *data = d->input.sender_time ? av_packet_get_side_data(d->packet, AV_PKT_DATA_PRFT, &len) : NULL;
    int64_t taken = data && len >= sizeof(AVProducerReferenceTime) ? ((const AVProducerReferenceTime *)data)->wallclock / 1000 : now;
    return taken <= now && now - taken < SENDER_MS ? taken : now;
}

/* Gives the decoder one more packet, or tells it that there is none. */
static int feed(struct facet__decoder *d)
{
    bool is_damaged = false;
    if (d->input.cancel && *d->input.cancel)
        return facet_fail(FACET_E_CANCELLED, "cancelled while reading '%s'", d->input.name);
    int err = facet__input_next(&d->input, d->packet, &is_damaged);
    if (err == FACET_E_END) {
        d->is_flushing = true;
        avcodec_send_packet(d->codec, NULL);
        return FACET_OK;
    }
    if (!err) {
        d->bytes += d->packet->size;
        d->codec->reordered_opaque = moment_of(d);
        is_damaged = avcodec_send_packet(d->codec, d->packet) < 0;
        av_packet_unref(d->packet);
    }
    d->damaged += is_damaged;
    return err == FACET_E_AGAIN ? FACET_OK : err;
}

/* --- pictures out --- */

static double time_of(struct facet__decoder *d)
{
    const AVStream *s = d->input.stream;
    /* A stream may learn its start late; who reads it counts from its first picture. */
    int64_t start = s->start_time == AV_NOPTS_VALUE || d->input.is_stream ? 0 : s->start_time;
    double ms = d->last_ms + 1000 / d->fps;
    if (d->frame->best_effort_timestamp != AV_NOPTS_VALUE)
        ms = (double)(d->frame->best_effort_timestamp - start) * av_q2d(s->time_base) * 1000;
    d->last_ms = ms;
    return ms;
}

static int tell(struct facet__decoder *d, struct facet_video_moment *out)
{
    const AVFrame *f = d->frame;
    if (f->width > FACET_MAX_IMAGE_SIDE || f->height > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_LIMIT, "cannot read video '%s': %dx%d pixels are too many",
                          d->input.name, f->width, f->height);
    out->width = is_turned(d) ? f->height : f->width;
    out->height = is_turned(d) ? f->width : f->height;
    out->pts_ms = time_of(d);
    out->arrived_ms = f->reordered_opaque;
    return FACET_OK;
}

int facet__decoder_next(struct facet__decoder *d, struct facet_video_moment *out)
{
    for (bool has_fed = false;;) {
        int code = avcodec_receive_frame(d->codec, d->frame);
        if (code == AVERROR_EOF || (code < 0 && d->is_flushing))
            return input_end(d);
        if (code >= 0 && !d->frame->decode_error_flags && !(d->frame->flags & AV_FRAME_FLAG_CORRUPT))
            return tell(d, out);
        if (code != AVERROR(EAGAIN)) {
            d->damaged++;
            continue;
        }
        if (has_fed && d->input.is_stream && !d->is_flushing)
            return FACET_E_AGAIN;
        int err = feed(d);
        if (err)
            return err;
        has_fed = true;
    }
}

static int convert(struct facet__decoder *d, AVFrame *f, struct facet_image *rgb)
{
    AVFrame *seen = f;
    int err = facet__hardware_fetch(&d->hardware, &seen, d->input.name);
    if (!err)
        err = facet__convert(&d->converter, seen, rgb, d->input.name);
    av_frame_unref(f);
    return err;
}

int facet__decoder_take(struct facet__decoder *d, struct facet_image *rgb)
{
    return convert(d, d->frame, rgb);
}

void facet__decoder_hold(struct facet__decoder *d)
{
    av_frame_unref(d->held);
    av_frame_move_ref(d->held, d->frame);
}

int facet__decoder_grab(struct facet__decoder *d, int *width, int *height)
{
    if (!d->held->buf[0])
        return FACET_E_AGAIN;
    av_frame_unref(d->grabbed);
    av_frame_move_ref(d->grabbed, d->held);
    *width = is_turned(d) ? d->grabbed->height : d->grabbed->width;
    *height = is_turned(d) ? d->grabbed->width : d->grabbed->height;
    return FACET_OK;
}

int facet__decoder_convert(struct facet__decoder *d, struct facet_image *rgb)
{
    return convert(d, d->grabbed, rgb);
}

void facet__decoder_facts(const struct facet__decoder *d, struct facet_video_facts *out)
{
    *out = (struct facet_video_facts){.damaged = d->damaged, .bytes = d->bytes};
    snprintf(out->decoder, sizeof(out->decoder), "%s", d->hardware.name);
}
