/* The stages of the path, stepped one after the other over one packet. */
#include <facet/stream.h>

#include "api/options.h"
#include "base/clock.h"
#include "base/errors.h"
#include "base/pool.h"
#include "models/models.h"
#include "stages/align/align.h"
#include "stages/antispoof/antispoof.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/identify/identify.h"
#include "stages/track/track.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_STAGES 8

struct facet_stream {
    struct facet_manifest *manifest;
    struct facet_gallery *gallery;             /* NULL: nobody is known */
    struct facet_pool *pool;
    struct facet_stage *stages[MOST_STAGES];
    int n_stages;
    struct facet_packet *packet;
    struct facet_frame frame;                  /* a view of the caller's pixels */
    int64_t index;
};

struct models { const struct facet_model_spec *detect, *embed, *antispoof; };

static int find_model(const struct facet_model_spec **out, const struct facet_manifest *m, const char *name, const char *task)
{
    *out = name ? facet_manifest_find(m, name) : facet_manifest_default(m, task);
    if (*out && strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", (*out)->name, (*out)->task, task);
    return *out ? FACET_OK : FACET_E_NOT_FOUND;
}

/* Without a name the default gallery serves, where there is one. */
static int open_gallery(struct facet_stream *s, const char *path, struct facet_gallery_info *info)
{
    struct facet_gallery_opts o = FACET_GALLERY_OPTS_INIT;
    o.path = path;
    o.read_only = true;
    *info = (struct facet_gallery_info){ 0 };
    int err = facet_gallery_open(&s->gallery, &o);
    if (err == FACET_E_NOT_FOUND && !path)
        return FACET_OK;
    return err ? err : facet_gallery_info(s->gallery, info);
}

static int find_models(struct facet_stream *s, const struct facet_stream_options *o, const struct facet_gallery_info *info, struct models *m)
{
    char contract[65];
    const char *recogniser = o->recogniser ? o->recogniser : *info->model ? info->model : NULL;
    *m = (struct models){ NULL };
    int err = find_model(&m->detect, s->manifest, o->detector, "detect");
    if (!err)
        err = find_model(&m->embed, s->manifest, recogniser, "embed");
    if (!err && o->antispoof)
        err = find_model(&m->antispoof, s->manifest, o->antispoof, "other");
    if (!err)
        err = facet_model_contract(m->embed, contract);
    if (!err && *info->contract && strcmp(contract, info->contract))
        err = facet_fail(FACET_E_CONTRACT, "cannot use the gallery with '%s': its templates were made by '%s'", m->embed->name, info->model);
    return err;
}

static int add_stage(struct facet_stream *s, const struct facet_stage_ops *ops, const void *opts)
{
    int err = facet_stage_open(&s->stages[s->n_stages], ops, opts);
    s->n_stages += !err;
    return err;
}

static int set_identify(struct facet_identify_opts *out, const struct facet_stream *s, const struct facet_stream_options *o,
                        const struct facet_model_spec *model)
{
    *out = (struct facet_identify_opts){
        .gallery = s->gallery, .method = FACET_IDENTIFY_NEAREST, .threshold = (double)o->threshold,
        .calib_a = model->calib_a, .calib_b = model->calib_b, .confirm_frames = o->confirm,
    };
    return o->threshold != 0 ? FACET_OK : facet_model_threshold(model, o->far_rate, &out->threshold);
}

static int open_stages(struct facet_stream *s, const struct facet_stream_options *o, const struct models *m)
{
    const struct facet_detector_opts detect = { .model = m->detect, .min_face = o->min_face, .scan_every = o->scan_every, .pool = s->pool };
    const struct facet_track_opts track = { 0 };
    const struct facet_align_opts align = { .chip = m->embed->chip };
    const struct facet_antispoof_opts antispoof = { .model = m->antispoof };
    const struct facet_embedder_opts embed = { .model = m->embed, .pool = s->pool };
    const struct facet_rejoin_opts rejoin = { .dim = m->embed->dim };
    struct facet_identify_opts identify;
    int err = set_identify(&identify, s, o, m->embed);
    if (!err)
        err = add_stage(s, &facet_stage_detect, &detect);
    if (!err)
        err = add_stage(s, &facet_stage_track, &track);
    if (!err)
        err = add_stage(s, &facet_stage_align, &align);
    if (!err && m->antispoof)
        err = add_stage(s, &facet_stage_antispoof, &antispoof);
    if (!err)
        err = add_stage(s, &facet_stage_embed, &embed);
    if (!err)
        err = add_stage(s, &facet_stage_rejoin, &rejoin);
    if (!err)
        err = add_stage(s, &facet_stage_identify, &identify);
    if (!err && m->antispoof)
        err = add_stage(s, &facet_stage_antispoof_gate, NULL);
    return err ? err : facet_packet_open(&s->packet, m->embed->dim);
}

static int check(const struct facet_stream_options *o)
{
    if (o->min_face < 0 || o->confirm < 0 || o->scan_every < 0 || o->threads > 1024)
        return facet_fail(FACET_E_INVALID, "cannot open a stream: min_face %d, confirm %d, scan_every %d, threads %u", o->min_face, o->confirm,
                          o->scan_every, o->threads);
    if (o->threshold != 0 && o->far_rate != 0)
        return facet_fail(FACET_E_INVALID, "cannot open a stream: threshold and far_rate say the same thing, give one");
    return FACET_OK;
}

static int open_parts(struct facet_stream *s, const struct facet_stream_options *o)
{
    struct facet_gallery_info info;
    struct models m;
    int err = facet_manifest_open(&s->manifest, NULL);
    if (!err)
        err = open_gallery(s, o->gallery, &info);
    if (!err)
        err = find_models(s, o, &info, &m);
    if (!err && o->threads != 1)
        err = facet_pool_open(&s->pool, o->threads);
    return err ? err : open_stages(s, o, &m);
}

int facet_stream_open(struct facet_stream **out, const struct facet_stream_options *theirs)
{
    struct facet_stream_options o;
    *out = NULL;
    int err = facet__options_take(&o, sizeof(o), theirs);
    if (!err)
        err = check(&o);
    if (err)
        return err;
    struct facet_stream *s = calloc(1, sizeof(*s));
    err = s ? open_parts(s, &o) : facet_fail_nomem();
    if (err)
        facet_stream_close(&s);
    *out = s;
    return err;
}

void facet_stream_close(struct facet_stream **sp)
{
    struct facet_stream *s = *sp;
    if (!s)
        return;
    while (s->n_stages > 0)
        facet_stage_close(&s->stages[--s->n_stages]);
    facet_packet_close(&s->packet);
    facet_pool_close(&s->pool);
    facet_gallery_close(&s->gallery);
    facet_manifest_close(&s->manifest);
    free(s);
    *sp = NULL;
}

static void describe(struct facet_stream_face *out, const struct facet_face *f)
{
    *out = (struct facet_stream_face){
        .x1 = f->box.x1, .y1 = f->box.y1, .x2 = f->box.x2, .y2 = f->box.y2, .has_points = f->has_points, .score = f->score,
        .quality = f->quality.score, .track = f->track, .is_new = f->is_new_track,
        .is_decided = f->identity.decision != FACET_UNDECIDED, .is_news = f->identity_changed,
        .is_judged = f->live == FACET_LIVE_REAL ? 1 : f->live == FACET_LIVE_SPOOF ? -1 : 0,
        .who = { .cosine = f->identity.cosine, .score = f->identity.score, .is_known = f->identity.decision == FACET_KNOWN },
    };
    for (int i = 0; f->has_points && i < FACET_LANDMARKS; i++) {
        out->points[i][0] = f->points.p[i].x;
        out->points[i][1] = f->points.p[i].y;
    }
    if (out->who.is_known)
        snprintf(out->who.name, sizeof(out->who.name), "%s", f->identity.name);
}

/* The frame is not counted: nothing keeps it beyond its step. */
static int step_all(struct facet_stream *s)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < s->n_stages; i++)
        err = facet_stage_step(s->stages[i], s->packet);
    s->packet->frame = NULL;
    return err;
}

int facet_stream_picture(struct facet_stream *s, const uint8_t *pixels, int width, int height, size_t stride, double pts_ms,
                         struct facet_stream_face *out, int max)
{
    if (!pixels || width < 1 || height < 1 || stride < (size_t)width * 3 || max < 0 || (max > 0 && !out))
        return facet_fail(FACET_E_INVALID, "cannot look at pixels: %d by %d with rows of %zu bytes, %d faces", width, height, stride, max);
    if (width > FACET_MAX_IMAGE_SIDE || height > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_LIMIT, "cannot look at pixels: %d by %d, a side may have %d", width, height, FACET_MAX_IMAGE_SIDE);
    struct facet_packet *p = s->packet;
    facet_packet_reset(p);
    /* A view to look at; nothing writes through it. */
    s->frame = (struct facet_frame){ .image = { FACET_PIXEL_RGB24, width, height, stride, (uint8_t *)pixels }, .index = s->index++,
                                     .pts_ms = pts_ms, .wall_ms = facet_clock_system.wall_ms(facet_clock_system.ctx), .refs = 1 };
    p->frame = &s->frame;
    int err = step_all(s);
    if (err)
        return err;
    const int n = p->n_faces < max ? p->n_faces : max;
    for (int i = 0; i < n; i++)
        describe(&out[i], &p->faces[i]);
    return n;
}

int facet_stream_flush(struct facet_stream *s)
{
    facet_packet_reset(s->packet);
    s->packet->flush = true;
    return step_all(s);
}

int facet_stream_ended(const struct facet_stream *s, int64_t *tracks, int max)
{
    const int n = s->packet->n_ended < max ? s->packet->n_ended : max;
    if (n > 0)
        memcpy(tracks, s->packet->ended, (size_t)n * sizeof(*tracks));
    return n > 0 ? n : 0;
}
