/* The pipeline over a node's cameras. The cameras outlive it: when options of other stages change, a new pipeline is put
 * behind them, and nobody connects anew. */
#include "base/clock.h"
#include "base/errors.h"
#include "deploy/engine_room.h"
#include "deploy/node_priv.h"
#include "deploy/strategy.h"

#include <stdio.h>
#include <string.h>

static const char *camera_name(void *ctx, int source)
{
    const struct facet_node *n = ctx;
    return facet_cameras_name(facet_stage_state(n->source), source);
}

static double camera_fps(void *ctx, int source)
{
    const struct facet_node *n = ctx;
    return facet_cameras_fps(facet_stage_state(n->source), source);
}

static void camera_state(void *ctx, const struct facet_camera_status *s)
{
    struct facet_node *n = ctx;
    struct facet_event e = { .type = FACET_EVENT_CAMERA, .captured_ms = s->since_ms };
    memcpy(e.camera, s->name, sizeof(s->name));
    snprintf(e.state, sizeof(e.state), "%s", facet_camera_state_words[s->state]);
    facet__node_make_event(n, &e);
    facet__node_event(n, &e, 0);
}

int facet__node_open_cameras(struct facet_node *n)
{
    struct facet_cameras_opts o = {
        .cameras = n->site->cameras,
        .n_cameras = n->site->n_cameras,
        .end_when_all_end = n->o.role == FACET_NODE_DEVICE,
        .cancel = &n->stop,
        .on_state = camera_state,
        .ctx = n,
    };
    return facet_stage_open(&n->source, &facet_stage_cameras, &o);
}

static void saw(void *ctx, const struct facet_packet *p)
{
    struct facet_node *n = ctx;
    facet__node_saw(n, p, camera_name(n, p->source));
}

static void made(void *ctx, const struct facet_event *e)
{
    facet__node_event(ctx, e, 0);
}

static void set_options(struct facet_node *n, struct facet_pipeline_opts *p)
{
    const struct facet_site *s = n->site;
    const char *backend = *s->models.backend ? s->models.backend : NULL;
    *p = (struct facet_pipeline_opts){
        .placement = n->strategy,
        .source = n->source,
        .threads = (unsigned)s->models.threads,
        .together = (unsigned)s->models.together,
        .together_ms = s->models.together_ms,
        .cancel = &n->end_path,
        .detect = { .model = n->detector, .min_face = s->models.min_face, .max_face = s->models.max_face,
                    .scan_every = s->models.scan_every,
                    .backend = *s->models.detect_backend ? s->models.detect_backend : backend, .keep = facet_cameras_keep,
                    .keep_ctx = facet_node_cameras(n) },
        .track = { .rejoin_cosine = (float)s->track.rejoin },
        .align = { .every_frame = s->track.every_frame, .min_quality = s->track.min_quality, .refresh_ms = s->track.refresh_ms,
                   .eager = s->track.eager },
        .antispoof = { .model = n->antispoof, .backend = backend },
        .embed = { .model = n->recogniser, .backend = backend },
        .identify = n->identify,
        .publish = { .csv = n->o.csv, .events = n->o.events, .video = n->o.video, .run = n->run, .strategy = n->strategy->name,
                     .device = s->device, .site = s->name, .event_expires_ms = s->event_expires_ms, .live = true,
                     .event = made, .event_ctx = n, .picture = facet__node_picture, .network = facet__node_network, .network_ctx = n,
                     .source_name = camera_name, .source_fps = camera_fps, .source_ctx = n },
        .done = saw,
        .ctx = n,
    };
}

/* A server's cameras embed where its requests do. */
static int share_engine(struct facet_node *n, struct facet_pipeline_opts *p)
{
    struct facet_engine_room *room = NULL;
    int err = facet__node_is_server(n) ? facet_node_engine(n, &room) : FACET_OK;
    if (room) {
        p->embed.elsewhere = facet_engine_room_embed_for_stage;
        p->embed.elsewhere_ctx = room;
    }
    return err;
}

int facet__node_open_path(struct facet_node *n)
{
    struct facet_pipeline_opts o;
    facet_lock_take(&n->lock); /* cameras are there before it, and tell of themselves */
    facet_format_time(n->run, facet__wall_ms()); /* numbers of tracks begin again, so it is another run */
    facet_lock_give(&n->lock);
    set_options(n, &o);
    facet__parts_place(n, &o);
    int err = share_engine(n, &o);
    return err ? err : facet_pipeline_open(&n->path, &o);
}

static void run_path(void *ctx)
{
    struct facet_node *n = ctx;
    n->path_err = facet_pipeline_run(n->path);
    if (n->path_err && facet_copy_text(n->path_text, sizeof(n->path_text), facet_error_text()))
        n->path_text[0] = '\0';
    atomic_store(&n->path_ended, true);
}

int facet__node_start_path(struct facet_node *n)
{
    atomic_store(&n->path_ended, false);
    n->end_path = 0;
    int err = facet_thread_start(&n->path_thread, "path", run_path, n);
    n->path_runs = !err;
    return err;
}

int facet__node_end_path(struct facet_node *n)
{
    if (n->path_runs) {
        n->end_path = 1;
        facet_thread_join(&n->path_thread);
        n->path_runs = false;
    }
    facet_pipeline_close(&n->path);
    return n->path_err ? facet_fail(n->path_err, "%s", n->path_text) : FACET_OK;
}
