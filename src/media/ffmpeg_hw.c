/* Decoders, by hardware where FFmpeg offers it: through a device (CUDA, VA-API) with FFmpeg's own decoder, or by a decoder
 * that is the hardware's (V4L2 memory to memory). What is not there, or fails to open, is passed over: software is
 * always the last choice, and the name that is told says which it was. */
#include "media/ffmpeg_priv.h"

#include "base/errors.h"
#include "base/limits.h"

#include <libavutil/hwcontext.h>
#include <stdio.h>

static const enum AVHWDeviceType devices[] = {AV_HWDEVICE_TYPE_CUDA, AV_HWDEVICE_TYPE_VAAPI};

/* The format in which a decoder leaves pictures in such a device; NONE when it cannot. */
static enum AVPixelFormat format_in(const AVCodec *codec, enum AVHWDeviceType type)
{
    const AVCodecHWConfig *c;
    for (int i = 0; (c = avcodec_get_hw_config(codec, i)); i++)
        if (c->device_type == type && c->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX)
            return c->pix_fmt;
    return AV_PIX_FMT_NONE;
}

static enum AVPixelFormat choose_format(AVCodecContext *codec, const enum AVPixelFormat *offered)
{
    const struct facet__hardware *hw = codec->opaque;
    for (int i = 0; offered[i] != AV_PIX_FMT_NONE; i++)
        if (offered[i] == hw->format)
            return offered[i];
    return avcodec_default_get_format(codec, offered);
}

static int open_codec(AVCodecContext **out, const AVCodec *codec, const AVStream *s, const struct facet_video_opts *o,
                      struct facet__hardware *hw)
{
    AVCodecContext *c = *out = avcodec_alloc_context3(codec);
    if (!c)
        return AVERROR(ENOMEM);
    int code = avcodec_parameters_to_context(c, s->codecpar);
    c->pkt_timebase = s->time_base;
    c->thread_count = (int)(o->threads ? o->threads : 1);
    c->thread_type = FF_THREAD_SLICE;
    c->max_pixels = FACET_MAX_IMAGE_PIXELS;
    if (o->low_delay)
        c->flags |= AV_CODEC_FLAG_LOW_DELAY;
    if (hw->device) {
        c->hw_device_ctx = av_buffer_ref(hw->device);
        c->opaque = hw;
        c->get_format = choose_format;
    }
    if (code >= 0)
        code = avcodec_open2(c, codec, NULL);
    if (code < 0)
        avcodec_free_context(out);
    return code;
}

static bool open_in_device(AVCodecContext **out, struct facet__hardware *hw, const AVCodec *codec, const AVStream *s,
                           const struct facet_video_opts *o)
{
    for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
        hw->format = format_in(codec, devices[i]);
        if (hw->format == AV_PIX_FMT_NONE || av_hwdevice_ctx_create(&hw->device, devices[i], NULL, NULL, 0) < 0)
            continue;
        snprintf(hw->name, sizeof(hw->name), "%s", av_hwdevice_get_type_name(devices[i]));
        if (open_codec(out, codec, s, o, hw) >= 0)
            return true;
        av_buffer_unref(&hw->device);
    }
    hw->format = AV_PIX_FMT_NONE;
    return false;
}

static bool open_m2m(AVCodecContext **out, struct facet__hardware *hw, const AVStream *s, const struct facet_video_opts *o)
{
    char name[64];
    snprintf(name, sizeof(name), "%s_v4l2m2m", avcodec_get_name(s->codecpar->codec_id));
    const AVCodec *codec = avcodec_find_decoder_by_name(name);
    if (!codec || open_codec(out, codec, s, o, hw) < 0)
        return false;
    snprintf(hw->name, sizeof(hw->name), "v4l2m2m");
    return true;
}

int facet__codec_open(AVCodecContext **out, struct facet__hardware *hw, const AVCodec *codec, const AVStream *s,
                      const struct facet_video_opts *o, const char *name)
{
    hw->format = AV_PIX_FMT_NONE;
    if (o->hardware && (open_in_device(out, hw, codec, s, o) || open_m2m(out, hw, s, o)))
        return FACET_OK;
    snprintf(hw->name, sizeof(hw->name), "software");
    int code = open_codec(out, codec, s, o, hw);
    return code < 0 ? facet__ffmpeg_fail(code, "decode video", name) : FACET_OK;
}

int facet__hardware_fetch(struct facet__hardware *hw, AVFrame **frame, const char *name)
{
    if (hw->format == AV_PIX_FMT_NONE || (*frame)->format != (int)hw->format)
        return FACET_OK;
    if (!hw->copy && !(hw->copy = av_frame_alloc()))
        return facet_fail_nomem();
    av_frame_unref(hw->copy);
    int code = av_hwframe_transfer_data(hw->copy, *frame, 0);
    if (code >= 0)
        code = av_frame_copy_props(hw->copy, *frame);
    if (code < 0)
        return facet__ffmpeg_fail(code, "fetch a picture from the decoder of", name);
    *frame = hw->copy;
    return FACET_OK;
}

void facet__hardware_close(struct facet__hardware *hw)
{
    av_frame_free(&hw->copy);
    av_buffer_unref(&hw->device);
}
