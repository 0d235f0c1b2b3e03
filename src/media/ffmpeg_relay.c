/* A video sent on as H.264 in MPEG-TS, to somebody's function: what is H.264 already is put into the other container as it
 * is, everything else is decoded and encoded. */
#include "media/ffmpeg_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <errno.h>
#include <libavutil/mathematics.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define WRITE_BYTES (32 * 1024)
#define USUAL_FPS 25.0

/* ---- where bytes go ---- */

static int write_bytes(void *ctx, uint8_t *buf, int len)
{
    const struct facet_relay_opts *o = ctx;
    return o->write(o->write_ctx, buf, (size_t)len) ? AVERROR(EIO) : len;
}

int facet__sink_open(AVIOContext **out, const struct facet_relay_opts *o)
{
    uint8_t *buffer = av_malloc(WRITE_BYTES);
    *out = buffer ? avio_alloc_context(buffer, WRITE_BYTES, 1, (void *)(uintptr_t)o, NULL, write_bytes, NULL) : NULL;
    if (!*out) {
        av_free(buffer);
        return facet_fail_nomem();
    }
    (*out)->seekable = 0;
    return FACET_OK;
}

void facet__sink_close(AVIOContext **io)
{
    if (*io)
        av_freep(&(*io)->buffer);
    avio_context_free(io);
}

/* ---- at its own rate ---- */

struct pace { bool is_wanted, has_begun; double first_ms; uint64_t begun_ns; };

static void keep_pace(struct pace *p, double at_ms, const atomic_int *cancel)
{
    if (!p->is_wanted)
        return;
    if (!p->has_begun) {
        *p = (struct pace){true, true, at_ms, facet_now_ns()};
        return;
    }
    uint64_t due = p->begun_ns + (at_ms > p->first_ms ? (uint64_t)((at_ms - p->first_ms) * 1e6) : 0);
    for (uint64_t now = facet_now_ns(); now < due && !(cancel && *cancel); now = facet_now_ns()) {
        uint64_t left = due - now < 50000000u ? due - now : 50000000u;
        nanosleep(&(struct timespec){.tv_nsec = (long)left}, NULL);
    }
}

/* ---- copying ---- */

struct copy {
    struct facet__input in;
    AVFormatContext *out;
    AVIOContext *io;
    AVStream *stream;
    AVPacket *packet;
    bool has_header;
};

static int open_copy(struct copy *c, const struct facet_relay_opts *o)
{
    int code = avformat_alloc_output_context2(&c->out, NULL, "mpegts", NULL);
    c->packet = av_packet_alloc();
    if (code < 0 || !c->packet)
        return facet_fail_nomem();
    int err = facet__sink_open(&c->io, o);
    if (err)
        return err;
    c->out->pb = c->io;
    c->out->flags |= AVFMT_FLAG_CUSTOM_IO | AVFMT_FLAG_FLUSH_PACKETS;
    c->out->max_delay = 0;
    c->stream = avformat_new_stream(c->out, NULL);
    if (!c->stream || avcodec_parameters_copy(c->stream->codecpar, c->in.stream->codecpar) < 0)
        return facet_fail_nomem();
    c->stream->codecpar->codec_tag = 0;
    c->stream->time_base = c->in.stream->time_base;
    code = avformat_write_header(c->out, NULL);
    c->has_header = code >= 0;
    return code < 0 ? facet__ffmpeg_fail(code, "send on", c->in.name) : FACET_OK;
}

static double packet_ms(const struct copy *c)
{
    int64_t at = c->packet->dts != AV_NOPTS_VALUE ? c->packet->dts : c->packet->pts;
    return at == AV_NOPTS_VALUE ? 0 : (double)at * av_q2d(c->in.stream->time_base) * 1000;
}

/* Pictures without a time cannot be put into a stream. */
static int copy_packet(struct copy *c, struct pace *pace, const struct facet_relay_opts *o)
{
    AVPacket *p = c->packet;
    if (p->pts == AV_NOPTS_VALUE && p->dts == AV_NOPTS_VALUE) {
        av_packet_unref(p);
        return FACET_OK;
    }
    if (p->dts == AV_NOPTS_VALUE)
        p->dts = p->pts;
    if (p->pts == AV_NOPTS_VALUE)
        p->pts = p->dts;
    keep_pace(pace, packet_ms(c), o->input.cancel);
    av_packet_rescale_ts(p, c->in.stream->time_base, c->stream->time_base);
    p->stream_index = 0;
    p->pos = -1;
    int code = av_write_frame(c->out, p);
    av_packet_unref(p);
    if (code == AVERROR(EIO))
        return facet_fail(FACET_E_CANCELLED, "'%s' is not sent on any further", c->in.name);
    return code < 0 ? facet__ffmpeg_fail(code, "send on", c->in.name) : FACET_OK;
}

static int run_copy(struct copy *c, const struct facet_relay_opts *o, struct facet_relay_facts *facts)
{
    struct pace pace = {.is_wanted = o->native_rate};
    int err = open_copy(c, o);
    while (!err && !(o->input.cancel && *o->input.cancel)) {
        bool is_damaged;
        err = facet__input_next(&c->in, c->packet, &is_damaged);
        if (err == FACET_E_AGAIN) {
            err = FACET_OK;
            continue;
        }
        if (!err)
            err = copy_packet(c, &pace, o);
        facts->frames += !err;
    }
    if (c->has_header)
        av_write_trailer(c->out);
    return err == FACET_E_END ? FACET_OK : err;
}

static void close_copy(struct copy *c)
{
    if (c->out)
        c->out->pb = NULL;
    avformat_free_context(c->out);
    facet__sink_close(&c->io);
    av_packet_free(&c->packet);
    facet__input_close(&c->in);
}

/* ---- encoding ---- */

static int encode_next(struct facet__decoder *d, struct facet__encoder **e, struct facet_image *rgb, double fps, struct pace *pace,
                       const struct facet_relay_opts *o)
{
    struct facet_video_moment m;
    int err = facet__decoder_next(d, &m);
    if (err)
        return err;
    if (!*e) {
        err = facet_image_init(rgb, FACET_PIXEL_RGB24, m.width, m.height);
        if (!err)
            err = facet__encoder_open(e, "stream", m.width, m.height, fps, o);
    }
    if (!err && (rgb->width != m.width || rgb->height != m.height))
        err = facet_fail(FACET_E_FORMAT, "the picture's size changed");
    if (!err)
        err = facet__decoder_take(d, rgb);
    if (!err)
        keep_pace(pace, m.pts_ms, o->input.cancel);
    return err ? err : facet__encoder_put(*e, rgb, m.pts_ms);
}

static int run_encode(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts)
{
    struct facet_video_info info;
    struct facet__decoder *d = NULL;
    struct facet__encoder *e = NULL;
    struct facet_image rgb = {0};
    struct pace pace = {.is_wanted = o->native_rate};
    int err = facet__decoder_open(&d, path, &o->input, &info);
    while (!err && !(o->input.cancel && *o->input.cancel)) {
        err = encode_next(d, &e, &rgb, info.fps > 0 ? info.fps : USUAL_FPS, &pace, o);
        facts->frames += !err;
        err = err == FACET_E_AGAIN ? FACET_OK : err;
    }
    if (err == FACET_E_END)
        err = e ? facet__encoder_finish(e) : FACET_OK;
    facet__encoder_close(&e);
    facet__decoder_close(&d);
    facet_image_fini(&rgb);
    return err;
}

int facet__relay(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts)
{
    struct copy c = {.packet = NULL};
    const AVCodec *codec;
    *facts = (struct facet_relay_facts){0};
    int err = facet__input_open(&c.in, path, &o->input, &codec);
    if (!err)
        facts->is_copied = c.in.stream && c.in.stream->codecpar->codec_id == AV_CODEC_ID_H264;
    if (!err && facts->is_copied)
        err = run_copy(&c, o, facts);
    close_copy(&c);
    return err || facts->is_copied ? err : run_encode(path, o, facts);
}
