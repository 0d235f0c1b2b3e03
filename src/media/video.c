/* The module's functions with frames from the caller's pool. The module knows neither pools nor
 * counts; its error text is repeated here, because it has its own copy of base. */
#include "media/video_priv.h"

#include "base/errors.h"
#include "base/module.h"

#include <stdio.h>
#include <stdlib.h>

static int fetch_module(const struct facet__video_module **out)
{
    const void *table = NULL;
    int err = facet_module_open(&table, FACET__VIDEO_MODULE, FACET__VIDEO_SYMBOL, "libavformat59");
    *out = table;
    if (!err && (*out)->abi != FACET__VIDEO_ABI)
        err = facet_fail(FACET_E_UNSUPPORTED,
                         "cannot use module '" FACET__VIDEO_MODULE "': it is of another version of "
                         "facet; install both together");
    return err;
}

static int repeat_error(const struct facet__video_module *m, int err)
{
    return err ? facet_fail(err, "%s", m->error_text()) : FACET_OK;
}

struct facet_video {
    const struct facet__video_module *module;
    struct facet__decoder *decoder;
    struct facet_video_info info;
    int64_t next_index;
    int grabbed_width, grabbed_height; /* the taker's */
};

int facet_video_open(struct facet_video **out, const char *path, const struct facet_video_opts *o)
{
    const struct facet_video_opts usual = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = calloc(1, sizeof(*v));
    int err = v ? fetch_module(&v->module) : facet_fail_nomem();
    if (!err)
        err = repeat_error(v->module,
                           v->module->decoder_open(&v->decoder, path, o ? o : &usual, &v->info));
    if (err)
        facet_video_close(&v);
    *out = v;
    return err;
}

void facet_video_close(struct facet_video **video)
{
    struct facet_video *v = *video;
    *video = NULL;
    if (!v)
        return;
    if (v->decoder)
        v->module->decoder_close(&v->decoder);
    free(v);
}

const struct facet_video_info *facet_video_info(const struct facet_video *v)
{
    return &v->info;
}

/* Packets of a stream that give no picture are passed over. */
static int decode(struct facet_video *v, struct facet_video_moment *now)
{
    int err;
    do
        err = v->module->decoder_next(v->decoder, now);
    while (err == FACET_E_AGAIN);
    return repeat_error(v->module, err);
}

int facet_video_read(struct facet_video *v, struct facet_frame_pool *pool, struct facet_frame **out)
{
    struct facet_video_moment now;
    *out = NULL;
    int err = decode(v, &now);
    if (!err)
        err = facet_frame_get(out, pool, FACET_PIXEL_RGB24, now.width, now.height);
    if (!err)
        err = repeat_error(v->module, v->module->decoder_take(v->decoder, &(*out)->image));
    if (err) {
        facet_frame_unref(out);
        return err;
    }
    (*out)->index = v->next_index++;
    (*out)->pts_ms = now.pts_ms;
    return FACET_OK;
}

int facet_video_skip(struct facet_video *v)
{
    struct facet_video_moment now;
    int err = decode(v, &now);
    v->next_index += err == FACET_OK;
    return err;
}

int64_t facet_video_damaged(const struct facet_video *v)
{
    struct facet_video_facts facts;
    facet_video_facts(v, &facts);
    return facts.damaged;
}

int facet_video_next(struct facet_video *v, struct facet_video_moment *out)
{
    int err = v->module->decoder_next(v->decoder, out);
    return err == FACET_E_AGAIN ? err : repeat_error(v->module, err);
}

void facet_video_hold(struct facet_video *v)
{
    v->module->decoder_hold(v->decoder);
}

int facet_video_grab(struct facet_video *v)
{
    return v->module->decoder_grab(v->decoder, &v->grabbed_width, &v->grabbed_height);
}

int facet_video_convert(struct facet_video *v, struct facet_frame_pool *pool,
                        struct facet_frame **out)
{
    int err = facet_frame_get(out, pool, FACET_PIXEL_RGB24, v->grabbed_width, v->grabbed_height);
    if (!err)
        err = repeat_error(v->module, v->module->decoder_convert(v->decoder, &(*out)->image));
    if (err)
        facet_frame_unref(out);
    return err;
}

void facet_video_facts(const struct facet_video *v, struct facet_video_facts *out)
{
    v->module->decoder_facts(v->decoder, out);
}

struct facet_video_writer {
    const struct facet__video_module *module;
    struct facet__encoder *encoder;
};

int facet_video_writer_open(struct facet_video_writer **out, const char *path, int width,
                            int height, double fps)
{
    struct facet_video_writer *w = calloc(1, sizeof(*w));
    int err = w ? fetch_module(&w->module) : facet_fail_nomem();
    if (!err)
        err =
            repeat_error(w->module, w->module->encoder_open(&w->encoder, path, width, height, fps));
    if (err)
        facet_video_writer_close(&w);
    *out = w;
    return err;
}

int facet_video_writer_put(struct facet_video_writer *w, const struct facet_image *rgb,
                           double pts_ms)
{
    return repeat_error(w->module, w->module->encoder_put(w->encoder, rgb, pts_ms));
}

int facet_video_writer_finish(struct facet_video_writer *w)
{
    return repeat_error(w->module, w->module->encoder_finish(w->encoder));
}

void facet_video_writer_close(struct facet_video_writer **writer)
{
    struct facet_video_writer *w = *writer;
    *writer = NULL;
    if (!w)
        return;
    if (w->encoder)
        w->module->encoder_close(&w->encoder);
    free(w);
}

int facet_video_relay(const char *path, const struct facet_relay_opts *o, struct facet_relay_facts *facts)
{
    const struct facet__video_module *m;
    *facts = (struct facet_relay_facts){0};
    int err = fetch_module(&m);
    return err ? err : repeat_error(m, m->relay(path, o, facts));
}

int facet_video_version(char *out, size_t cap)
{
    const struct facet__video_module *m;
    int err = fetch_module(&m);
    snprintf(out, cap, "%s", err ? "" : m->version());
    return err;
}
