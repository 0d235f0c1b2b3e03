/* Inside the module facet-ffmpeg.so. */
#ifndef FACET_MEDIA_FFMPEG_PRIV_H
#define FACET_MEDIA_FFMPEG_PRIV_H

#include "media/video_priv.h"

#include <libavutil/pixfmt.h>

int facet__decoder_open(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info);
void facet__decoder_close(struct facet__decoder **d);
int facet__decoder_next(struct facet__decoder *d, int *width, int *height, double *pts_ms);
int facet__decoder_take(struct facet__decoder *d, struct facet_image *rgb);
int64_t facet__decoder_damaged(const struct facet__decoder *d);

int facet__encoder_open(struct facet__encoder **out, const char *path, int width, int height,
                        double fps);
int facet__encoder_put(struct facet__encoder *e, const struct facet_image *rgb, double pts_ms);
int facet__encoder_finish(struct facet__encoder *e);
void facet__encoder_close(struct facet__encoder **e);

/* "cannot <doing> '<path>': <FFmpeg's text>", the code by FFmpeg's. */
int facet__ffmpeg_fail(int averror, const char *doing, const char *path);

/* The matrix of a picture that does not say: BT.709 from 720 lines on, otherwise BT.601. */
enum AVColorSpace facet__usual_matrix(int height);

#endif
