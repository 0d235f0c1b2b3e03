/* Between video.c, which every program links, and the module facet-ffmpeg.so, which has FFmpeg. */
#ifndef FACET_MEDIA_VIDEO_PRIV_H
#define FACET_MEDIA_VIDEO_PRIV_H

#include "media/video.h"

#define FACET__VIDEO_MODULE "facet-ffmpeg"
#define FACET__VIDEO_SYMBOL "facet_video_module"
#define FACET__VIDEO_ABI 5 /* changes with anything below, and with the structs it names */

struct facet__decoder;
struct facet__encoder;

/* Errors: codes as everywhere; the text is the module's own, read by error_text on the same thread.
 */
struct facet__video_module {
    int abi;
    const char *(*error_text)(void);
    const char *(*version)(void);

    int (*decoder_open)(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info);
    void (*decoder_close)(struct facet__decoder **d);
    /* As facet_video_next. */
    int (*decoder_next)(struct facet__decoder *d, struct facet_video_moment *out);
    /* That picture into `rgb`, which has that size. */
    int (*decoder_take)(struct facet__decoder *d, struct facet_image *rgb);
    void (*decoder_hold)(struct facet__decoder *d);
    int (*decoder_grab)(struct facet__decoder *d, int *width, int *height);
    int (*decoder_convert)(struct facet__decoder *d, struct facet_image *rgb);
    void (*decoder_facts)(const struct facet__decoder *d, struct facet_video_facts *out);

    int (*encoder_open)(struct facet__encoder **out, const char *path, int width, int height,
                        double fps);
    int (*encoder_put)(struct facet__encoder *e, const struct facet_image *rgb, double pts_ms);
    int (*encoder_finish)(struct facet__encoder *e);
    void (*encoder_close)(struct facet__encoder **e);

    int (*relay)(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts);
};

#endif
