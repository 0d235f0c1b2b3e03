/* Videos in and out, from files and from what is live, through the module facet-ffmpeg.so, which is opened on first use
 * (linking FFmpeg costs 29 ms and 28 MB before main). Without the module: FACET_E_UNSUPPORTED with
 * what to install; base/module.h says where it is looked for. */
#ifndef FACET_MEDIA_VIDEO_H
#define FACET_MEDIA_VIDEO_H

#include "image/frame.h"

#include <stdatomic.h>

struct facet_video_info {
    char codec[32];
    int width, height;          /* as shown, after rotation; 0 when a stream has not told yet */
    double fps;                 /* 0 when unknown */
    int64_t frames;             /* estimate, 0 when unknown */
    double duration_ms;         /* 0 when unknown */
};

struct facet_video_opts {
    unsigned threads;           /* of the decoder; 0: 1 */
    atomic_int *cancel;         /* may be NULL; non-zero ends blocking calls */
    bool hardware;              /* decode by hardware where FFmpeg offers it, by software otherwise */
    /* `path` may be an address, too: rtsp:// rtsps:// http:// https:// and v4l2:/dev/videoN (or /dev/videoN). Texts are
     * borrowed until open returns. Errors name the address without its login. */
    bool live;
    bool low_delay;             /* pictures come out as soon as they are in; not for streams whose order matters */
    const char *transport;      /* of RTSP: "tcp" (NULL too), "udp" */
    const char *username, *password;        /* NULL or "": those of the address */
    /* Whom rtsps: and https: believe: whoever the file `ca` names (NULL or "": the system's authorities) for the address's
     * host, or only the certificate with that SHA-256 (64 hex digits, ':' may stand between), or anybody. */
    const char *ca, *fingerprint; bool insecure;
    bool sender_time;           /* RTSP: arrived_ms is when the sender's clock says it was taken (RTCP), where that can be */
    int width, height; double fps;          /* wished of a V4L2 camera; 0: 1280x720, 30 */
    int timeout_ms;             /* without data for so long: FACET_E_TIMEOUT; half of it for opening. 0: 5000 */
    /* Bytes of a container (MPEG-TS, MP4, Matroska ...) from here; `path` is only its name. 0: the end; FACET_E_AGAIN:
     * nothing within a while, ask again; any other negative error ends it. */
    int (*read)(void *ctx, uint8_t *buf, size_t cap); void *read_ctx;
    /* Asked some times a second while nothing comes, with how long that has been; non-zero ends the call. NULL: nobody. */
    int (*waiting)(void *ctx, int waited_ms); void *waiting_ctx;
};
#define FACET_VIDEO_OPTS_INIT { 0 }

struct facet_video;
int facet_video_open(struct facet_video **out, const char *path, const struct facet_video_opts *o);
void facet_video_close(struct facet_video **v);
const struct facet_video_info *facet_video_info(const struct facet_video *v);
/* Next frame as RGB24 from `pool`, index and pts_ms set; FACET_E_END after the last. A damaged packet
 * is skipped and counted. A file that is shorter than its own index says ends with FACET_E_FORMAT,
 * after the frames that are there. */
int facet_video_read(struct facet_video *v, struct facet_frame_pool *pool, struct facet_frame **out);
/* Decodes one frame and lets it go: cheaper than reading, for those that are not wanted. */
int facet_video_skip(struct facet_video *v);
int64_t facet_video_damaged(const struct facet_video *v);

/* The same in three steps, so that only what is wanted is turned into RGB: one thread decodes and holds, another takes.
 *
 * Decodes up to the next picture. Of a stream it says FACET_E_AGAIN after each packet that gave none. FACET_E_TIMEOUT,
 * _NET, _END, _PERMISSION (wrong login) ...: it is over. */
struct facet_video_moment { int width, height; double pts_ms; int64_t arrived_ms; };      /* Unix time when its packet came */
int facet_video_next(struct facet_video *v, struct facet_video_moment *out);
/* Keeps that picture in place of the one kept before. Not at the same time as facet_video_grab. */
void facet_video_hold(struct facet_video *v);
/* The kept picture becomes the taker's; FACET_E_AGAIN when there is none. */
int facet_video_grab(struct facet_video *v);
/* The grabbed one as RGB24 from `pool`; may run while another thread is in facet_video_next or _hold. */
int facet_video_convert(struct facet_video *v, struct facet_frame_pool *pool, struct facet_frame **out);

struct facet_video_facts { int64_t damaged, bytes; char decoder[32]; };    /* "software", "vaapi" ... */
void facet_video_facts(const struct facet_video *v, struct facet_video_facts *out);        /* on the decoding thread */

/* Sends a video on, as H.264 in MPEG-TS, to `write` (non-zero ends it with FACET_E_CANCELLED): what is H.264 already
 * goes as it is, everything else is encoded. Returns at the end of a file (FACET_OK), or with what was wrong. */
struct facet_relay_opts {
    struct facet_video_opts input;
    bool native_rate;              /* files: at their own rate */
    int (*write)(void *ctx, const uint8_t *data, size_t len); void *write_ctx;
};
struct facet_relay_facts { bool is_copied; int64_t frames; };
int facet_video_relay(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts);

struct facet_video_writer;
/* H.264 where the encoder is there, otherwise MPEG-4; container by extension (.mp4, .mkv). Frames
 * must all have that size (even sides are made by cropping one pixel). */
int facet_video_writer_open(struct facet_video_writer **out, const char *path, int width, int height, double fps);
int facet_video_writer_put(struct facet_video_writer *w, const struct facet_image *rgb, double pts_ms);
int facet_video_writer_finish(struct facet_video_writer *w);       /* flush and trailer; then close. Closing alone does it too, silently */
void facet_video_writer_close(struct facet_video_writer **w);

/* FFmpeg's version as text; refused as opening a video is where its module is not there. */
int facet_video_version(char *out, size_t cap);

#endif
