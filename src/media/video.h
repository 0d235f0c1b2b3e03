/* Video files in and out, through the module facet-ffmpeg.so, which is opened on first use
 * (linking FFmpeg costs 29 ms and 28 MB before main). Without the module: FACET_E_UNSUPPORTED with
 * what to install; base/module.h says where it is looked for. */
#ifndef FACET_MEDIA_VIDEO_H
#define FACET_MEDIA_VIDEO_H

#include "image/frame.h"

struct facet_video_info {
    char codec[32];
    int width, height;          /* as shown, after rotation */
    double fps;                 /* 0 when unknown */
    int64_t frames;             /* estimate, 0 when unknown */
    double duration_ms;         /* 0 when unknown */
};

struct facet_video_opts {
    unsigned threads;           /* of the decoder; 0: 1 */
    volatile int *cancel;       /* may be NULL; non-zero ends blocking calls */
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

struct facet_video_writer;
/* H.264 where the encoder is there, otherwise MPEG-4; container by extension (.mp4, .mkv). Frames
 * must all have that size (even sides are made by cropping one pixel). */
int facet_video_writer_open(struct facet_video_writer **out, const char *path, int width, int height, double fps);
int facet_video_writer_put(struct facet_video_writer *w, const struct facet_image *rgb, double pts_ms);
int facet_video_writer_finish(struct facet_video_writer *w);       /* flush and trailer; then close. Closing alone does it too, silently */
void facet_video_writer_close(struct facet_video_writer **w);

#endif
