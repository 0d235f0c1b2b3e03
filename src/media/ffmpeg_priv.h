/* Inside the module facet-ffmpeg.so. */
#ifndef FACET_MEDIA_FFMPEG_PRIV_H
#define FACET_MEDIA_FFMPEG_PRIV_H

#include "media/video_priv.h"

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixfmt.h>
#include <stdatomic.h>

/* --- ffmpeg_input.c: where packets come from --- */

struct facet__input {
    char *name;                /* for errors: an address without its login */
    AVFormatContext *format;
    AVIOContext *io;           /* of `read` */
    AVStream *stream;          /* the first of video, once opened */
    bool sender_time;          /* facet_video_opts */
    bool is_stream;            /* what comes, comes when it will */
    atomic_int *cancel;
    int (*read)(void *ctx, uint8_t *buf, size_t cap);
    void *read_ctx;
    bool has_ended;            /* read said so */
    int (*waiting)(void *ctx, int waited_ms);
    void *waiting_ctx;
    struct facet__v4l2 *camera;
    struct facet__tls_line *line; /* to a camera behind TLS */
    int raw_bytes;             /* of a picture of its, when it is not compressed */
    int timeout_ms;            /* of this call; 0: none */
    uint64_t since_ns;         /* when it began to wait */
    bool is_late;              /* it was ended because nothing came in time */
    int failures;              /* reads in a row */
};

/* Opens, and finds the stream and FFmpeg's own decoder for it. */
int facet__input_open(struct facet__input *in, const char *path, const struct facet_video_opts *o,
                      const AVCodec **codec);
void facet__input_close(struct facet__input *in);
/* Whether waiting is to end: FFmpeg's interrupt callback. ctx: struct facet__input. */
int facet__input_is_over(void *ctx);
int facet__input_fail(const struct facet__input *in, int averror, const char *doing);
/* The next packet of the stream; FACET_E_AGAIN: nothing to decode, or a damaged packet (*is_damaged); FACET_E_END. */
int facet__input_next(struct facet__input *in, AVPacket *p, bool *is_damaged);

/* --- ffmpeg_camera.c: V4L2 --- */

bool facet__is_camera(const char *path);
int facet__camera_open(struct facet__input *in, const char *path, const struct facet_video_opts *o, const AVCodec **codec);
int facet__camera_next(struct facet__input *in, AVPacket *p, bool *is_damaged);

/* --- ffmpeg_hw.c: decoding by hardware --- */

struct facet__hardware {
    AVBufferRef *device;
    enum AVPixelFormat format; /* of pictures that lie in the device */
    AVFrame *copy;             /* one of them, in memory */
    char name[32];             /* "vaapi"; "software" */
};

/* An opened decoder, by hardware when that is wanted and there. */
int facet__codec_open(AVCodecContext **out, struct facet__hardware *hw, const AVCodec *codec, const AVStream *s,
                      const struct facet_video_opts *o, const char *name);
/* The picture in memory: *frame itself, or a copy of what lies in the device. */
int facet__hardware_fetch(struct facet__hardware *hw, AVFrame **frame, const char *name);
void facet__hardware_close(struct facet__hardware *hw);

/* --- ffmpeg_convert.c: pictures to RGB24, upright --- */

struct facet__converter {
    struct SwsContext *scaler;
    int width, height, format, matrix;
    bool is_full;
    int orientation;           /* as EXIF counts; 0 is 1 */
    struct facet_image upright;/* before it is turned, when it is */
    size_t upright_cap;
};

int facet__convert(struct facet__converter *c, const AVFrame *f, struct facet_image *rgb, const char *name);
void facet__converter_close(struct facet__converter *c);
/* EXIF's number for the turn that the stream's display matrix asks for. */
int facet__orientation_of(const AVStream *s);

/* --- ffmpeg_decode.c, ffmpeg_encode.c --- */

int facet__decoder_open(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info);
void facet__decoder_close(struct facet__decoder **d);
int facet__decoder_next(struct facet__decoder *d, struct facet_video_moment *out);
int facet__decoder_take(struct facet__decoder *d, struct facet_image *rgb);
void facet__decoder_hold(struct facet__decoder *d);
int facet__decoder_grab(struct facet__decoder *d, int *width, int *height);
int facet__decoder_convert(struct facet__decoder *d, struct facet_image *rgb);
void facet__decoder_facts(const struct facet__decoder *d, struct facet_video_facts *out);

/* `to` NULL: to the file `path`; otherwise a stream for its function, with as little delay as can be. */
int facet__encoder_open(struct facet__encoder **out, const char *path, int width, int height,
                        double fps, const struct facet_relay_opts *to);
int facet__encoder_put(struct facet__encoder *e, const struct facet_image *rgb, double pts_ms);
int facet__encoder_finish(struct facet__encoder *e);
void facet__encoder_close(struct facet__encoder **e);

/* --- ffmpeg_relay.c --- */

int facet__sink_open(AVIOContext **out, const struct facet_relay_opts *o);
void facet__sink_close(AVIOContext **io);
int facet__relay(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts);

/* "cannot <doing> '<path>': <FFmpeg's text>", the code by FFmpeg's. */
int facet__ffmpeg_fail(int averror, const char *doing, const char *path);

/* The matrix of a picture that does not say: BT.709 from 720 lines on, otherwise BT.601. */
enum AVColorSpace facet__usual_matrix(int height);

#endif
