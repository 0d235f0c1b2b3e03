/* A node's life. Opening is a list of steps; closing takes any prefix of them. */
#include "deploy/node.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "deploy/engine_room.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "deploy/strategy.h"
#include "models/models.h"
#include "store/events.h"
#include "store/gallery.h"
#include "store/vault.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TICK_MS 100
#define RETRY_NS 5000000000u
#define PATIENCE_NS 25000000000u    /* with a broker or server that takes nothing: what was missed goes again after 20 s */

bool facet__node_is_server(const struct facet_node *n)
{
    return n->o.role == FACET_NODE_SERVER;
}

/* ---- open, close ---- */

static int open_locks(struct facet_node *n)
{
    int err = facet_lock_init(&n->listen_lock);
    n->has_listen_lock = !err;
    if (!err)
        err = facet_lock_init(&n->lock);
    n->has_lock = !err;
    if (!err)
        err = facet_lock_init(&n->path_lock);
    n->has_path_lock = !err;
    if (!err)
        err = facet_lock_init(&n->engine_lock);
    n->has_engine_lock = !err;
    return err;
}

/* Which answer is believed: the same numbers whoever identifies, device or server. */
int facet__node_plan_identify(const struct facet_node *n, const struct facet_site *s, struct facet_identify_opts *out)
{
    *out = (struct facet_identify_opts){
        .gallery = n->gallery,
        .threshold = s->gallery.threshold,
        .calib_a = n->recogniser->calib_a,
        .calib_b = n->recogniser->calib_b,
        .confirm_frames = s->gallery.confirm_frames,
        .cooldown_ms = s->gallery.cooldown_ms,
        .margin = s->gallery.margin,
    };
    return out->threshold != 0 ? FACET_OK : facet_model_threshold(n->recogniser, s->gallery.far, &out->threshold);
}

void facet__node_use_identify(struct facet_node *n, const struct facet_identify_opts *o)
{
    facet_lock_take(&n->lock);
    n->identify = *o;
    facet_lock_give(&n->lock);
}

struct facet_identify_opts facet__node_identify(struct facet_node *n)
{
    facet_lock_take(&n->lock);
    struct facet_identify_opts o = n->identify;
    facet_lock_give(&n->lock);
    return o;
}

/* A server does every step for its own cameras, whatever its devices do. */
static int choose_strategy(struct facet_node *n)
{
    n->strategy = facet__node_is_server(n) ? &facet_strategy_cloud : facet_strategy_find(n->site->strategy);
    return n->strategy ? FACET_OK : FACET_E_NOT_FOUND;
}

/* A device's path is opened at once, so that what is wrong is said before anything runs; a server's when it has a camera. */
static int open_sight(struct facet_node *n)
{
    bool is_elsewhere = n->strategy->is_elsewhere && !facet__node_is_server(n);
    int err = is_elsewhere ? FACET_OK : facet__node_open_cameras(n);
    if (!err)
        err = facet__node_open_kept(n);
    if (!err && n->source && n->site->n_cameras)
        err = facet__node_open_path(n);
    return err;
}

static int open_steps(struct facet_node *n)
{
    int err = open_locks(n);
    if (!err)
        err = choose_strategy(n);
    if (!err && !facet__node_is_server(n))
        err = facet_site_check_device(n->site);
    if (!err)
        err = facet__node_open_vault(n);
    if (!err)
        err = facet__node_open_models(n);
    if (!err)
        err = facet__node_open_gallery(n);
    if (!err)
        err = facet__node_open_store(n);
    if (!err)
        err = facet__node_plan_identify(n, n->site, &n->identify);
    if (!err)
        err = facet__node_open_broker(n);
    if (!err)
        err = facet__node_open_parts(n);
    if (!err)
        err = open_sight(n);
    return err ? err : facet__node_connect(n);
}

int facet_node_open(struct facet_node **out, const struct facet_node_opts *o)
{
    struct facet_node *n = calloc(1, sizeof(*n));
    *out = NULL;
    if (!n)
        return facet_fail_nomem();
    n->o = *o;
    n->site = o->site;
    n->started_ns = facet_now_ns();
    int err = open_steps(n);
    if (!err && facet_energy_open(&n->energy, "") != FACET_OK)
        facet_log(FACET_LOG_DEBUG, "node", "no energy counter here: %s", facet_error_text());
    if (err)
        facet_node_close(&n);
    *out = n;
    return err;
}

/* Cameras end first, then what they feed: the last events still find store and outbox. */
void facet_node_close(struct facet_node **pn)
{
    struct facet_node *n = *pn;
    *pn = NULL;
    if (!n)
        return;
    facet_node_stop(n);
    (void)facet__node_end_path(n);
    facet_stage_close(&n->source);
    facet__node_drop_uploads(n);
    facet__parts_stop(n);
    facet__node_close_broker(n);
    facet__parts_close(n);
    facet_engine_room_close(&n->engine);
    facet_outbox_close(&n->outbox);
    facet_events_close(&n->events);
    facet_gallery_close(&n->gallery);
    facet_vault_close(&n->vault);
    facet_energy_close(&n->energy);
    facet_manifest_close(&n->manifest);
    facet__node_drop_faces(n);
    if (n->has_engine_lock)
        facet_lock_fini(&n->engine_lock);
    if (n->has_path_lock)
        facet_lock_fini(&n->path_lock);
    if (n->has_lock)
        facet_lock_fini(&n->lock);
    if (n->has_listen_lock)
        facet_lock_fini(&n->listen_lock);
    free(n);
}

/* ---- run ---- */

static bool is_over(const struct facet_node *n)
{
    return n->stop || (n->o.cancel && *n->o.cancel);
}

static bool has_camera(struct facet_node *n)
{
    return n->source && facet_cameras_status(facet_stage_state(n->source), NULL, 0) > 0;
}

/* Opens and starts the path where it is wanted and not there. A server lives on without it, and tries again. */
static int want_path(struct facet_node *n)
{
    uint64_t now = facet_now_ns();
    int err = FACET_OK;
    if (n->path_runs || now < n->path_retry_ns || !has_camera(n))
        return FACET_OK;
    if (!n->path)
        err = facet__node_open_path(n);
    if (!err)
        err = facet__node_start_path(n);
    if (!err || !facet__node_is_server(n))
        return err;
    facet_log(FACET_LOG_ERROR, "node", "cameras cannot be looked at: %s", facet_error_text());
    n->path_retry_ns = now + RETRY_NS;
    return FACET_OK;
}

/* A device's path ends with its files; a server's only by a failure, after which it is opened again. */
static int look_after_path(struct facet_node *n, bool *is_done)
{
    if (!n->path_runs || !atomic_load(&n->path_ended))
        return FACET_OK;
    int err = facet__node_end_path(n);
    if (!facet__node_is_server(n)) {
        *is_done = true;
        return err;
    }
    if (err)
        facet_log(FACET_LOG_ERROR, "node", "looking at cameras ended: %s", facet_error_text());
    n->path_retry_ns = facet_now_ns() + RETRY_NS;
    return FACET_OK;
}

static void look_after_gallery(struct facet_node *n)
{
    if (!n->gallery || facet_gallery_refresh(n->gallery))
        return;
    uint64_t version = facet_gallery_version(n->gallery);
    if (version == n->gallery_seen)
        return;
    n->gallery_seen = version;
    facet__parts_gallery(n);
}

/* A device whose files have ended stays until all that it made is where it belongs, as long as some of it goes. */
static void see_off(struct facet_node *n)
{
    int64_t left, before = INT64_MAX;
    uint64_t moved_ns = facet_now_ns();
    if ((left = facet__node_owes(n)) > 0)
        facet_log(FACET_LOG_INFO, "node", "%lld messages are to be confirmed; what is left goes with the next start", (long long)left);
    while (!is_over(n) && (left = facet__node_owes(n)) > 0 && facet_now_ns() - moved_ns < PATIENCE_NS) {
        if (left < before)
            moved_ns = facet_now_ns();
        before = left;
        nanosleep(&(struct timespec){ .tv_nsec = TICK_MS * 1000000L }, NULL);
    }
}

int facet_node_run(struct facet_node *n)
{
    bool is_done = false;
    int err = FACET_OK;
    for (unsigned tick = 0; !err && !is_done && !is_over(n); tick++) {
        facet_lock_take(&n->path_lock);
        err = want_path(n);
        if (!err)
            err = look_after_path(n, &is_done);
        facet_lock_give(&n->path_lock);
        is_done |= facet__parts_done(n);
        if (tick % 5 == 0)
            look_after_gallery(n);
        facet__parts_tick(n, facet__wall_ms());
        if (!err && !is_done)
            nanosleep(&(struct timespec){ .tv_nsec = TICK_MS * 1000000L }, NULL);
    }
    facet_lock_take(&n->path_lock);
    int path_err = facet__node_end_path(n);
    facet_lock_give(&n->path_lock);
    if (is_done && !err && !path_err)
        see_off(n);
    return err ? err : path_err;
}

void facet_node_stop(struct facet_node *n)
{
    n->stop = 1;
}

/* ---- what it has ---- */

struct facet_gallery *facet_node_gallery(struct facet_node *n)
{
    return n->gallery;
}

struct facet_events *facet_node_events(struct facet_node *n)
{
    return n->events;
}

struct facet_vault *facet_node_vault(struct facet_node *n)
{
    return n->vault;
}

struct facet_cameras *facet_node_cameras(struct facet_node *n)
{
    return n->source ? facet_stage_state(n->source) : NULL;
}

const struct facet_site *facet_node_site(const struct facet_node *n)
{
    return n->site;
}
