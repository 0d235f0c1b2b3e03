#include "stages/ingest/cameras_priv.h"

#include "base/errors.h"
#include "media/video.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct watch {
    uint64_t begun_ns, first_ns, until_ns;
    atomic_int *cancel;
};

static double ms_since(uint64_t from_ns)
{
    return (double)(facet_now_ns() - from_ns) / 1e6;
}

/* A camera that is silent is watched no longer than one that is not. */
static int while_waiting(void *ctx, int waited_ms)
{
    const struct watch *w = ctx;
    return w->until_ns && facet_now_ns() > w->until_ns;
}

static int open_it(struct facet_video **v, const struct facet_camera_conf *c, struct watch *w)
{
    const struct facet_video_opts o = {
        .cancel = w->cancel, .live = true, .low_delay = !facet__camera_is_file(c), .hardware = c->hardware, .transport = c->transport,
        .username = c->username, .password = c->password, .ca = c->ca, .fingerprint = c->fingerprint,
        .insecure = c->insecure, .timeout_ms = c->timeout_ms, .fps = c->fps,
        .waiting = while_waiting, .waiting_ctx = w,
    };
    return facet_video_open(v, c->url, &o);
}

static void see_picture(struct facet_camera_probe *p, const struct facet_video_moment *m, struct watch *w)
{
    if (p->frames++ == 0) {
        w->first_ns = facet_now_ns();
        p->first_ms = ms_since(w->begun_ns);
    }
    p->width = m->width;
    p->height = m->height;
    p->seconds = ms_since(w->first_ns) / 1000;
}

/* Until the time is over, or the camera is. What was seen before counts. */
static int watch(struct facet_camera_probe *p, struct facet_video *v, struct watch *w)
{
    int err = FACET_OK;
    while (!err && facet_now_ns() < w->until_ns && !(w->cancel && *w->cancel)) {
        struct facet_video_moment m;
        err = facet_video_next(v, &m);
        if (!err)
            see_picture(p, &m, w);
        if (err == FACET_E_AGAIN)
            err = FACET_OK;
    }
    if (w->cancel && *w->cancel)
        return facet_fail(FACET_E_CANCELLED, "cancelled while looking at '%s'", p->url);
    bool is_over = err == FACET_E_END || err == FACET_E_CANCELLED;
    if (p->frames == 0 && (!err || is_over))
        return facet_fail(FACET_E_TIMEOUT, "cannot see '%s': it gave no picture", p->url);
    return is_over ? FACET_OK : err;
}

int facet_camera_probe(struct facet_camera_probe *out, const struct facet_camera_conf *conf, double seconds, atomic_int *cancel)
{
    struct facet_video *v = NULL;
    struct facet_video_facts facts;
    struct watch w = {.begun_ns = facet_now_ns(), .cancel = cancel};
    *out = (struct facet_camera_probe){0};
    facet_url_redact(out->url, sizeof(out->url), conf->url);
    int err = facet_camera_conf_check(conf);
    if (!err)
        err = open_it(&v, conf, &w);
    if (err)
        return err;
    out->opened_ms = ms_since(w.begun_ns);
    w.until_ns = facet_now_ns() + (uint64_t)(seconds * 1e9);
    err = watch(out, v, &w);
    facet_video_facts(v, &facts);
    snprintf(out->codec, sizeof(out->codec), "%s", facet_video_info(v)->codec);
    memcpy(out->decoder, facts.decoder, sizeof(out->decoder));
    out->bytes = facts.bytes;
    out->damaged = facts.damaged;
    if (facet__camera_is_file(conf)) { /* which is read faster than it plays */
        out->fps = facet_video_info(v)->fps;
        out->seconds = out->fps > 0 ? (double)out->frames / out->fps : 0;
    } else if (out->frames > 1 && out->seconds > 0)
        out->fps = (double)(out->frames - 1) / out->seconds;
    facet_video_close(&v);
    return err;
}
