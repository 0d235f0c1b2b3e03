/* Where packets come from: a file, an address, or bytes that somebody hands over. Each kind has its own list of what
 * FFmpeg may open for it, so that no content makes it read another file or call another host. */
#include "media/ffmpeg_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/str.h"
#include "base/url.h"
#include "media/ffmpeg_tls.h"
#include "media/v4l2_priv.h"

#include <errno.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_FAILURES 1000 /* reads in a row that fail before it is given up */
#define TIMEOUT_MS 5000
#define READ_BYTES 32768
#define REORDER_US 200000 /* wait for packets out of order, over UDP */
#define CONTAINERS "mpegts,matroska,webm,mov,mp4,flv,h264,hevc,mpjpeg,mjpeg,avi"

int facet__input_is_over(void *ctx)
{
    struct facet__input *in = ctx;
    if (in->cancel && *in->cancel)
        return 1;
    int waited_ms = (int)((facet_now_ns() - in->since_ns) / 1000000);
    if (in->waiting && in->waiting(in->waiting_ctx, waited_ms))
        return 1;
    in->is_late = in->timeout_ms > 0 && waited_ms > in->timeout_ms;
    return in->is_late;
}

int facet__input_fail(const struct facet__input *in, int code, const char *doing)
{
    if (in->is_late)
        return facet_fail(FACET_E_TIMEOUT, "cannot %s '%s': nothing came for %d ms", doing, in->name, in->timeout_ms);
    if (code == AVERROR_EXIT)
        return facet_fail(FACET_E_CANCELLED, "cancelled while reading '%s'", in->name);
    return facet__ffmpeg_fail(code, doing, in->name);
}

/* --- files --- */

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

static int open_file(struct facet__input *in)
{
    size_t cap = strlen(in->name) + 6;
    char *url = malloc(cap);
    AVDictionary *options = NULL;
    if (!url)
        return facet_fail_nomem();
    snprintf(url, cap, "file:%s", in->name);
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    struct stat st;
    bool is_empty = stat(in->name, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0;
    int code = is_empty ? 0 : avformat_open_input(&in->format, url, NULL, &options);
    av_dict_free(&options);
    free(url);
    if (is_empty)
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': it is empty", in->name);
    if (code < 0)
        return facet__input_fail(in, code, "read video");
    if (is_refused(in->format->iformat))
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': its content is no video",
                          in->name);
    return FACET_OK;
}

/* --- addresses --- */

struct scheme {
    const char *name, *protocols, *formats;
    bool is_rtsp;
    const char *inside;            /* what is spoken within TLS; NULL: there is none */
    int port;
};

static const struct scheme schemes[] = {
    {"rtsp", "rtsp,rtp,udp,tcp", "rtsp", true, NULL, 0},
    {"rtsps", "rtsp,rtp,tcp", "rtsp", true, "rtsp", 322},
    {"http", "http,tcp", CONTAINERS, false, NULL, 0},
    {"https", "http,tcp", CONTAINERS, false, "http", 443},
};

static const struct scheme *scheme_of(const char *path)
{
    char name[8];
    if (!facet_url_scheme(path, name, sizeof(name)))
        return NULL;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (strcmp(schemes[i].name, name) == 0)
            return &schemes[i];
    return NULL;
}

static AVDictionary *options_of(const struct scheme *s, const struct facet__input *in, const struct facet_video_opts *o)
{
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", s->protocols, 0);
    av_dict_set(&options, "format_whitelist", s->formats, 0);
    av_dict_set_int(&options, "timeout", (int64_t)in->timeout_ms * 1000, 0);
    av_dict_set(&options, "fpsprobesize", "0", 0);
    if (s->is_rtsp) {
        av_dict_set(&options, "rtsp_transport", !s->inside && o->transport && *o->transport ? o->transport : "tcp", 0);
        av_dict_set(&options, "allowed_media_types", "video", 0);
    } else {
        av_dict_set(&options, "analyzeduration", "1000000", 0);
    }
    return options;
}

/* What FFmpeg did not understand is an option that would silently do nothing. */
static int refuse_unused(const AVDictionary *options, const char *name)
{
    const AVDictionaryEntry *e = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (!e)
        return FACET_OK;
    return facet_fail(FACET_E_UNSUPPORTED, "cannot open '%s': this FFmpeg does not know the option '%s'", name, e->key);
}

static void forget(struct facet_str *url)
{
    if (url->data)
        explicit_bzero(url->data, url->len); /* the login is in it */
    facet_str_fini(url);
}

/* Makes the line to a camera behind TLS, and `url` the address of its end here. */
static int open_line(struct facet__input *in, const struct scheme *s, const struct facet_video_opts *o, struct facet_str *url,
                     AVDictionary **options)
{
    struct facet__tls_line_opts line = {.name = in->name, .insecure = o->insecure, .timeout_ms = in->timeout_ms, .is_over = facet__input_is_over,
                                        .ctx = in};
    struct facet_str here = FACET_STR_INIT;
    char login[1024], rest[2048], host[300];
    int port = 0;
    av_url_split(NULL, 0, login, sizeof(login), line.host, sizeof(line.host), &line.port, rest, sizeof(rest), facet_str_text(url));
    snprintf(host, sizeof(host), line.port > 0 ? "Host: %s:%d\r\n" : "Host: %s\r\n", line.host, line.port);
    line.port = line.port > 0 ? line.port : s->port;
    int err = facet_copy_text(line.ca, sizeof(line.ca), o->ca ? o->ca : "");
    if (!err)
        err = facet_copy_text(line.fingerprint, sizeof(line.fingerprint), o->fingerprint ? o->fingerprint : "");
    if (!err)
        err = facet__tls_line_open(&in->line, &line, &port);
    if (err && in->is_late)
        err = facet__input_fail(in, AVERROR_EXIT, "open");
    if (!err)
        err = facet_str_printf(&here, "%s://%s%s127.0.0.1:%d%s", s->inside, login, *login ? "@" : "", port, rest);
    if (!err && !s->is_rtsp)
        av_dict_set(options, "headers", host, 0);
    explicit_bzero(login, sizeof(login));
    forget(url);
    *url = here;
    return err;
}

/* A camera that sends us elsewhere sends us to where nobody checks a certificate. */
static int refuse_elsewhere(const struct facet__input *in, const char *url)
{
    char host[256], asked[256];
    uint8_t *location = NULL;
    int port = 0, asked_port = 0;
    if (in->format->pb)
        av_opt_get(in->format->pb, "location", AV_OPT_SEARCH_CHILDREN, &location);
    av_url_split(NULL, 0, NULL, 0, host, sizeof(host), &port, NULL, 0, location ? (char *)location : in->format->url);
    av_url_split(NULL, 0, NULL, 0, asked, sizeof(asked), &asked_port, NULL, 0, url);
    av_free(location);
    if (port == asked_port && !strcmp(host, asked))
        return FACET_OK;
    return facet_fail(FACET_E_PERMISSION, "cannot open '%s': it sends us to another address; give that one", in->name);
}

static int open_address(struct facet__input *in, const char *path, const struct scheme *s, const struct facet_video_opts *o)
{
    struct facet_str url = FACET_STR_INIT;
    AVDictionary *options = options_of(s, in, o);
    int err = facet_url_login(&url, path, o->username, o->password);
    if (!err && s->inside)
        err = open_line(in, s, o, &url, &options);
    in->format->max_delay = REORDER_US;
    int code = err ? 0 : avformat_open_input(&in->format, facet_str_text(&url), NULL, &options);
    if (!err && code < 0 && !(err = facet__tls_line_error(in->line)))
        err = facet__input_fail(in, code, "open");
    if (!err)
        err = refuse_unused(options, in->name);
    if (!err && s->inside)
        err = refuse_elsewhere(in, facet_str_text(&url));
    forget(&url);
    av_dict_free(&options);
    return err;
}

/* --- bytes from somebody --- */

static int read_bytes(void *ctx, uint8_t *buf, int cap)
{
    struct facet__input *in = ctx;
    for (;;) {
        /* After its end it is not asked again: what comes then belongs to the next stream. */
        int n = in->has_ended ? 0 : in->read(in->read_ctx, buf, (size_t)cap);
        in->has_ended = n == 0;
        if (n == 0)
            return AVERROR_EOF;
        if (n > 0) {
            in->since_ns = facet_now_ns();
            return n;
        }
        if (n != FACET_E_AGAIN)
            return AVERROR(EIO);
        if (facet__input_is_over(in))
            return AVERROR_EXIT;
    }
}

static int open_bytes(struct facet__input *in)
{
    uint8_t *buffer = av_malloc(READ_BYTES);
    in->io = buffer ? avio_alloc_context(buffer, READ_BYTES, 0, in, read_bytes, NULL, NULL) : NULL;
    if (!in->io) {
        av_free(buffer);
        return facet_fail_nomem();
    }
    AVDictionary *options = NULL;
    av_dict_set(&options, "protocol_whitelist", "none", 0);
    av_dict_set(&options, "format_whitelist", CONTAINERS, 0);
    av_dict_set(&options, "analyzeduration", "1000000", 0);
    in->format->pb = in->io;
    int code = avformat_open_input(&in->format, NULL, NULL, &options);
    av_dict_free(&options);
    return code < 0 ? facet__input_fail(in, code, "open") : FACET_OK;
}

/* --- all kinds --- */

static int open_kind(struct facet__input *in, const char *path, const struct facet_video_opts *o, const AVCodec **codec)
{
    const struct scheme *s = o->live && !o->read ? scheme_of(path) : NULL;
    char unknown[32];
    bool is_camera = o->live && !o->read && facet__is_camera(path);
    in->is_stream = o->read || s || is_camera;
    in->sender_time = o->sender_time;
    if (in->is_stream)
        in->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    if (s)
        in->timeout_ms /= 2; /* who does not answer is asked again soon */
    if (o->read)
        return open_bytes(in);
    if (s)
        return open_address(in, path, s, o);
    if (is_camera)
        return facet__camera_open(in, path, o, codec);
    if (o->live && facet_url_scheme(path, unknown, sizeof(unknown)))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot open '%s': rtsp, rtsps, http and https are known, not '%s'", in->name, unknown);
    return open_file(in);
}

/* RTSP tells the codec before the first packet; looking at packets to learn the rest would cost seconds. */
static bool is_known(const AVFormatContext *f)
{
    for (unsigned i = 0; i < f->nb_streams; i++) {
        const AVCodecParameters *p = f->streams[i]->codecpar;
        if (p->codec_type == AVMEDIA_TYPE_VIDEO && p->codec_id != AV_CODEC_ID_NONE)
            return strcmp(f->iformat->name, "rtsp") == 0;
    }
    return false;
}

static int find_stream(struct facet__input *in, const AVCodec **codec)
{
    int code = is_known(in->format) ? 0 : avformat_find_stream_info(in->format, NULL);
    if (code < 0)
        return facet__input_fail(in, code, "read video");
    int number = av_find_best_stream(in->format, AVMEDIA_TYPE_VIDEO, -1, -1, codec, 0);
    if (number < 0 && in->is_late)
        return facet__input_fail(in, number, "open");
    if (number == AVERROR_STREAM_NOT_FOUND)
        return facet_fail(FACET_E_FORMAT, "cannot read video '%s': it holds no video", in->name);
    if (number < 0)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot read video '%s': this FFmpeg has no decoder for it", in->name);
    in->stream = in->format->streams[number];
    for (unsigned i = 0; i < in->format->nb_streams; i++)
        if ((int)i != number)
            in->format->streams[i]->discard = AVDISCARD_ALL;
    return FACET_OK;
}

static int name_it(struct facet__input *in, const char *path, const struct facet_video_opts *o)
{
    size_t cap = strlen(path) + 8;
    in->name = malloc(cap);
    if (!in->name)
        return facet_fail_nomem();
    if (o->live)
        facet_url_redact(in->name, cap, path);
    else
        snprintf(in->name, cap, "%s", path);
    return FACET_OK;
}

int facet__input_open(struct facet__input *in, const char *path, const struct facet_video_opts *o,
                      const AVCodec **codec)
{
    *in = (struct facet__input){.cancel = o->cancel, .read = o->read, .read_ctx = o->read_ctx,
                                .waiting = o->waiting, .waiting_ctx = o->waiting_ctx, .since_ns = facet_now_ns()};
    int err = name_it(in, path, o);
    if (!err && !(in->format = avformat_alloc_context()))
        err = facet_fail_nomem();
    if (err)
        return err;
    in->format->interrupt_callback = (AVIOInterruptCB){facet__input_is_over, in};
    err = open_kind(in, path, o, codec);
    if (!err && !in->stream)
        err = find_stream(in, codec);
    if (in->is_stream)
        in->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    return err;
}

void facet__input_close(struct facet__input *in)
{
    in->timeout_ms = in->is_stream ? 500 : 0; /* a farewell to who does not listen */
    in->since_ns = facet_now_ns();
    in->waiting = NULL;
    facet__v4l2_close(&in->camera);
    avformat_close_input(&in->format);
    if (in->io)
        av_freep(&in->io->buffer);
    avio_context_free(&in->io);
    facet__tls_line_close(&in->line);
    free(in->name);
    *in = (struct facet__input){0};
}

/* A file that is damaged here may be sound further on; a stream that cannot be read any more is lost. */
static int read_failed(struct facet__input *in, int code, bool *is_damaged)
{
    bool may_go_on = !in->is_stream || code == AVERROR_INVALIDDATA;
    if (code == AVERROR_EOF || (may_go_on && ++in->failures > MAX_FAILURES))
        return FACET_E_END;
    if (code == AVERROR_EXIT || in->is_late || !may_go_on)
        return facet__input_fail(in, code, "read");
    *is_damaged = true;
    return FACET_E_AGAIN;
}

int facet__input_next(struct facet__input *in, AVPacket *p, bool *is_damaged)
{
    *is_damaged = false;
    in->since_ns = facet_now_ns();
    if (in->camera)
        return facet__camera_next(in, p, is_damaged);
    int code = av_read_frame(in->format, p);
    if (code == AVERROR(EAGAIN) && in->is_stream)
        return FACET_E_AGAIN;
    if (code < 0)
        return read_failed(in, code, is_damaged);
    in->failures = 0;
    bool is_ours = p->stream_index == in->stream->index;
    *is_damaged = is_ours && p->flags & AV_PKT_FLAG_CORRUPT;
    if (is_ours && !*is_damaged)
        return FACET_OK;
    av_packet_unref(p);
    return FACET_E_AGAIN;
}
