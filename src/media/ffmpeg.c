/* The module's table, and what its two halves share. */
#include "media/ffmpeg_priv.h"

#include "base/errors.h"

#include <errno.h>
#include <libavutil/avutil.h>
#include <libavutil/error.h>
#include <libavutil/log.h>
#include <stdio.h>

static bool is_of_network(int averror)
{
    static const int codes[] = {ECONNREFUSED, ECONNRESET, ECONNABORTED, EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EPIPE, EADDRNOTAVAIL, ENOTCONN};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (averror == AVERROR(codes[i]))
            return true;
    return averror == AVERROR_HTTP_BAD_REQUEST || averror == AVERROR_HTTP_OTHER_4XX || averror == AVERROR_HTTP_SERVER_ERROR;
}

int facet__ffmpeg_fail(int averror, const char *doing, const char *path)
{
    char why[AV_ERROR_MAX_STRING_SIZE] = "";
    int err = FACET_E_FORMAT;
    av_strerror(averror, why, sizeof(why));
    if (averror == AVERROR(ENOENT))
        err = FACET_E_NOT_FOUND;
    else if (averror == AVERROR(EACCES) || averror == AVERROR(EPERM))
        err = FACET_E_PERMISSION;
    else if (averror == AVERROR(ENOMEM))
        err = FACET_E_NOMEM;
    else if (averror == AVERROR(EIO) || averror == AVERROR(ENOSPC) || averror == AVERROR(EISDIR))
        err = FACET_E_IO;
    else if (averror == AVERROR_HTTP_UNAUTHORIZED || averror == AVERROR_HTTP_FORBIDDEN)
        err = FACET_E_PERMISSION;
    else if (averror == AVERROR_HTTP_NOT_FOUND)
        err = FACET_E_NOT_FOUND;
    else if (averror == AVERROR(ETIMEDOUT))
        err = FACET_E_TIMEOUT;
    else if (is_of_network(averror))
        err = FACET_E_NET;
    else if (averror == AVERROR_EXIT)
        err = FACET_E_CANCELLED;
    if (averror == AVERROR_INVALIDDATA)
        snprintf(why, sizeof(why), "it is damaged, cut short or no video");
    return facet_fail(err, "cannot %s '%s': %s", doing, path, why);
}

enum AVColorSpace facet__usual_matrix(int height)
{
    return height >= 720 ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
}

/* FFmpeg writes to standard error unless told otherwise; what matters comes back as errors. */
static void say_nothing(void *ctx, int level, const char *fmt, va_list args)
{
}

static int open_quietly(struct facet__decoder **out, const char *path,
                        const struct facet_video_opts *o, struct facet_video_info *info)
{
    av_log_set_callback(say_nothing);
    return facet__decoder_open(out, path, o, info);
}

static int create_quietly(struct facet__encoder **out, const char *path, int width, int height,
                          double fps)
{
    av_log_set_callback(say_nothing);
    return facet__encoder_open(out, path, width, height, fps, NULL);
}

static int relay_quietly(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts)
{
    av_log_set_callback(say_nothing);
    return facet__relay(path, o, facts);
}

extern FACET_API const struct facet__video_module facet_video_module;
const struct facet__video_module facet_video_module = {
    .abi = FACET__VIDEO_ABI,
    .error_text = facet_error_text,
    .version = av_version_info,
    .decoder_open = open_quietly,
    .decoder_close = facet__decoder_close,
    .decoder_next = facet__decoder_next,
    .decoder_take = facet__decoder_take,
    .decoder_hold = facet__decoder_hold,
    .decoder_grab = facet__decoder_grab,
    .decoder_convert = facet__decoder_convert,
    .decoder_facts = facet__decoder_facts,
    .encoder_open = create_quietly,
    .encoder_put = facet__encoder_put,
    .encoder_finish = facet__encoder_finish,
    .encoder_close = facet__encoder_close,
    .relay = relay_quietly,
};
