/* Devices tell the server how they are; the server remembers whom it has heard of. */
#include "base/errors.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "deploy/strategy.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY_MS 5000
#define GONE_MS 17000              /* three in a row did not come */

/* ---- device: tells ---- */

struct teller { struct facet_node *node; int64_t told_ms; };

static bool teller_wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && facet__node_has_broker(n);
}

static int teller_open(void *state, struct facet_node *n)
{
    ((struct teller *)state)->node = n;
    return FACET_OK;
}

static void tell(struct facet_node *n, bool is_online)
{
    struct facet_message m = { .kind = FACET_MESSAGE_DEVICE_STATUS };
    struct facet_wire_device_status *s = &m.device_status;
    struct facet_spool_stats o;
    struct facet_cameras *c = facet_node_cameras(n);
    facet_outbox_stats(n->outbox, &o);
    *s = (struct facet_wire_device_status){
        .is_online = is_online, .time_ms = facet__wall_ms(), .gallery_version = atomic_load(&n->copy_version),
        .cameras = c ? facet_cameras_status(c, NULL, 0) : n->site->n_cameras,
        .outbox_items = o.items, .outbox_bytes = o.bytes, .outbox_dropped = o.dropped_age + o.dropped_expired + o.dropped_space,
        .clock_offset_us = atomic_load(&n->clock_offset_us),
    };
    snprintf(s->device, sizeof(s->device), "%s", n->site->device);
    snprintf(s->strategy, sizeof(s->strategy), "%s", n->strategy->name);
    snprintf(s->version, sizeof(s->version), "%s", FACET_VERSION);
    (void)facet__wire_send(n, n->site->device, "status", &m, NULL);
}

static void teller_tick(void *state, int64_t now_ms)
{
    struct teller *t = state;
    if (now_ms - t->told_ms < EVERY_MS && now_ms >= t->told_ms)
        return;
    t->told_ms = now_ms;
    tell(t->node, true);
}

static void teller_online(void *state)
{
    tell(((struct teller *)state)->node, true);
}

static void teller_stop(void *state)
{
    tell(((struct teller *)state)->node, false);
}

static void nothing_to_close(void *state)
{
    (void)state;
}

const struct facet__part facet__part_status = {
    .name = "status",
    .state_size = sizeof(struct teller),
    .wanted = teller_wanted,
    .open = teller_open,
    .online = teller_online,
    .tick = teller_tick,
    .stop = teller_stop,
    .close = nothing_to_close,
};

/* ---- server: remembers ---- */

#define DEVICES 256

struct known { struct facet_device d; int64_t offset_us; };
struct registry {
    struct facet_node *node;
    struct facet_lock lock;        /* below */
    bool has_lock;
    int n;
    struct known known[DEVICES];
};

static bool registry_wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

static int registry_open(void *state, struct facet_node *n)
{
    struct registry *r = state;
    int err = facet_lock_init(&r->lock);
    r->has_lock = !err;
    r->node = n;
    n->registry = r;
    return err;
}

static void registry_close(void *state)
{
    struct registry *r = state;
    if (r->has_lock)
        facet_lock_fini(&r->lock);
}

/* Of more devices than there is room for, the one not heard of for longest makes room. */
static struct known *find(struct registry *r, const char *name, bool make)
{
    struct known *oldest = r->known;
    for (int i = 0; i < r->n; i++) {
        if (!strcmp(r->known[i].d.name, name))
            return &r->known[i];
        if (r->known[i].d.seen_ms < oldest->d.seen_ms)
            oldest = &r->known[i];
    }
    if (!make)
        return NULL;
    if (r->n < DEVICES)
        oldest = &r->known[r->n++];
    memset(oldest, 0, sizeof(*oldest));
    snprintf(oldest->d.name, sizeof(oldest->d.name), "%s", name);
    return oldest;
}

/* A device whose copy is another than our gallery did not hear that there is a newer one. */
static void remind(struct facet_node *n, const char *device, int64_t has)
{
    struct facet_message m = { .kind = FACET_MESSAGE_GALLERY_NOTICE };
    m.gallery_notice.version = (int64_t)facet_gallery_version(n->gallery);
    if (has != m.gallery_notice.version)
        (void)facet__wire_send(n, device, "notice", &m, NULL);
}

static int registry_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct registry *r = state;
    const struct facet_wire_device_status *s = &m->device_status;
    (void)payload, (void)len;
    if (m->kind != FACET_MESSAGE_DEVICE_STATUS || strcmp(s->device, device))
        return FACET_OK;
    facet_lock_take(&r->lock);
    struct known *k = find(r, device, true);
    memcpy(k->d.strategy, s->strategy, sizeof(k->d.strategy));
    k->d.is_online = s->is_online;
    k->d.seen_ms = facet__wall_ms();
    k->d.gallery_version = s->gallery_version;
    k->d.cameras = s->cameras;
    k->d.clock_offset_ms = (double)s->clock_offset_us / 1000;
    k->offset_us = s->clock_offset_us;
    facet_lock_give(&r->lock);
    if (s->is_online && s->gallery_version > 0)
        remind(r->node, device, s->gallery_version);
    return FACET_OK;
}

static int registry_devices(void *state, struct facet_device *out, int max)
{
    struct registry *r = state;
    int64_t now = facet__wall_ms();
    facet_lock_take(&r->lock);
    int n = r->n;
    for (int i = 0; i < n && i < max; i++) {
        out[i] = r->known[i].d;
        if (now - out[i].seen_ms > GONE_MS)
            out[i].is_online = false;
    }
    facet_lock_give(&r->lock);
    return n;
}

int64_t facet__device_offset_ms(struct facet_node *n, const char *device)
{
    struct registry *r = n->registry;
    int64_t us = 0;
    if (!r)
        return 0;
    facet_lock_take(&r->lock);
    struct known *k = find(r, device, false);
    if (k)
        us = k->offset_us;
    facet_lock_give(&r->lock);
    return us / 1000;
}

bool facet__device_has_copy(struct facet_node *n, const char *device)
{
    struct registry *r = n->registry;
    if (!r)
        return false;
    facet_lock_take(&r->lock);
    struct known *k = find(r, device, false);
    bool has = k && k->d.gallery_version > 0;
    facet_lock_give(&r->lock);
    return has;
}

static const char *const registry_words[] = { "status", NULL };

const struct facet__part facet__part_devices = {
    .name = "devices",
    .state_size = sizeof(struct registry),
    .wanted = registry_wanted,
    .open = registry_open,
    .words = registry_words,
    .message = registry_message,
    .devices = registry_devices,
    .close = registry_close,
};
