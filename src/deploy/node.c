/* A node's life. Opening is a list of steps; closing takes any prefix of them. */
#include "deploy/node.h"

#include "base/clock.h"
#include "base/errors.h"
#include "deploy/node_priv.h"
#include "models/models.h"
#include "store/gallery.h"

#include <stdlib.h>
#include <time.h>

static int open_locks(struct facet_node *n)
{
    int err = facet_lock_init(&n->listen_lock);
    n->has_listen_lock = !err;
    if (!err)
        err = facet_lock_init(&n->lock);
    n->has_lock = !err;
    return err;
}

/* Which answer is believed: the same numbers whoever identifies, device or server. */
static int set_identify(struct facet_node *n)
{
    const struct facet_site *s = n->site;
    n->identify = (struct facet_identify_opts){
        .gallery = n->gallery,
        .threshold = s->gallery.threshold,
        .calib_a = n->recogniser->calib_a,
        .calib_b = n->recogniser->calib_b,
        .confirm_frames = s->gallery.confirm_frames,
        .cooldown_ms = s->gallery.cooldown_ms,
        .margin = s->gallery.margin,
    };
    return s->gallery.threshold != 0 ? FACET_OK : facet_model_threshold(n->recogniser, s->gallery.far, &n->identify.threshold);
}

int facet_node_open(struct facet_node **out, const struct facet_node_opts *o)
{
    struct facet_node *n = calloc(1, sizeof(*n));
    int err = n ? FACET_OK : facet_fail_nomem();
    *out = NULL;
    if (!err) {
        n->o = *o;
        n->site = o->site;
        n->started_ns = facet_now_ns();
        facet_format_time(n->run, facet_clock_system.wall_ms(facet_clock_system.ctx));
        err = open_locks(n);
    }
    if (!err && o->role == FACET_NODE_DEVICE)
        err = facet_site_check_device(o->site);
    if (!err && o->site->n_cameras)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot open '%s': cameras are not supported by this build", o->site->path);
    if (!err)
        err = facet__node_open_models(n);
    if (!err)
        err = facet__node_open_gallery(n);
    if (!err)
        err = set_identify(n);
    if (err)
        facet_node_close(&n);
    *out = n;
    return err;
}

void facet_node_close(struct facet_node **pn)
{
    struct facet_node *n = *pn;
    *pn = NULL;
    if (!n)
        return;
    facet_gallery_close(&n->gallery);
    facet_manifest_close(&n->manifest);
    facet__node_drop_faces(n);
    if (n->has_lock)
        facet_lock_fini(&n->lock);
    if (n->has_listen_lock)
        facet_lock_fini(&n->listen_lock);
    free(n);
}

static bool is_over(const struct facet_node *n)
{
    return __atomic_load_n(&n->stop, __ATOMIC_RELAXED) || (n->o.cancel && __atomic_load_n(n->o.cancel, __ATOMIC_RELAXED));
}

int facet_node_run(struct facet_node *n)
{
    while (!is_over(n))
        nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
    return FACET_OK;
}

void facet_node_stop(struct facet_node *n)
{
    __atomic_store_n(&n->stop, 1, __ATOMIC_RELAXED);
}

struct facet_gallery *facet_node_gallery(struct facet_node *n)
{
    return n->gallery;
}

struct facet_events *facet_node_events(struct facet_node *n)
{
    (void)n;
    return NULL;
}

struct facet_vault *facet_node_vault(struct facet_node *n)
{
    (void)n;
    return NULL;
}

struct facet_cameras *facet_node_cameras(struct facet_node *n)
{
    (void)n;
    return NULL;
}

const struct facet_site *facet_node_site(const struct facet_node *n)
{
    return n->site;
}

int facet_node_reload(struct facet_node *n, const struct facet_site *site, struct facet_str *changed)
{
    (void)n, (void)changed;
    return facet_fail(FACET_E_UNSUPPORTED, "cannot take over '%s' while running: restart", site->path);
}

int facet_node_devices(struct facet_node *n, struct facet_device *out, int max)
{
    (void)n, (void)out, (void)max;
    return 0;
}
