/* Copies of the server's gallery on devices: sealed with the site key, with the gallery's version. The server says when there
 * is a new version, and again to a device that says it has another; who has another asks, gets it in chunks, takes it over
 * as a whole, forgets who is not in it in all that it keeps, and says so: that word is kept with the events, where erase --verify
 * looks for devices that have not said it yet. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/hash.h"
#include "base/log.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "store/erase.h"
#include "store/events.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (48u << 10)
#define MOST (512u << 20)          /* bytes of a gallery that travels so */
#define ASKERS 64
#define AGAIN_MS 2000              /* an answer of which nothing more comes is asked for again */
#define EVERY_MS 60000

/* ---- server ---- */

struct giver {
    struct facet_node *node;
    struct facet_lock lock;        /* below */
    bool has_lock, is_news;
    char asker[ASKERS][64];
    int n_askers;
};

static bool giver_wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

static int giver_open(void *state, struct facet_node *n)
{
    struct giver *g = state;
    g->node = n;
    g->is_news = true;
    int err = facet_lock_init(&g->lock);
    g->has_lock = !err;
    return err;
}

static void giver_close(void *state)
{
    struct giver *g = state;
    if (g->has_lock)
        facet_lock_fini(&g->lock);
}

static void giver_news(void *state)
{
    struct giver *g = state;
    facet_lock_take(&g->lock);
    g->is_news = true;
    facet_lock_give(&g->lock);
}

/* Who asks twice is answered once. */
static void note_asker(struct giver *g, const char *device)
{
    bool is_there = false;
    facet_lock_take(&g->lock);
    for (int i = 0; i < g->n_askers; i++)
        is_there |= !strcmp(g->asker[i], device);
    if (!is_there && g->n_askers < ASKERS)
        snprintf(g->asker[g->n_askers++], sizeof(g->asker[0]), "%s", device);
    facet_lock_give(&g->lock);
}

static int giver_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct giver *g = state;
    struct facet_node *n = g->node;
    const struct facet_wire_gallery_request *r = &m->gallery_request;
    (void)payload, (void)len;
    if (m->kind != FACET_MESSAGE_GALLERY_REQUEST || strcmp(r->device, device))
        return FACET_OK;
    if (n->events && r->have > 0 && facet_device_holds(n->events, device, (uint64_t)r->have))
        facet_log(FACET_LOG_WARN, "gallery", "what '%s' holds could not be noted: %s", device, facet_error_text());
    if ((uint64_t)r->have != facet_gallery_version(n->gallery))
        note_asker(g, device);
    return FACET_OK;
}

static int send_chunks(struct facet_node *n, const char *device, const uint8_t *data, size_t len, uint64_t version)
{
    struct facet_message m = { .kind = FACET_MESSAGE_GALLERY_CHUNK };
    struct facet_wire_gallery_chunk *c = &m.gallery_chunk;
    int err = FACET_OK;
    *c = (struct facet_wire_gallery_chunk){ .version = (int64_t)version, .count = (unsigned)((len + CHUNK - 1) / CHUNK), .size = len };
    facet_sha256_of(data, len, c->sha256);
    for (c->number = 0; c->number < c->count && !err; c->number++) {
        c->data = data + (size_t)c->number * CHUNK;
        c->len = len - (size_t)c->number * CHUNK < CHUNK ? len - (size_t)c->number * CHUNK : CHUNK;
        err = facet__wire_send(n, device, "gallery", &m, NULL);
    }
    return err;
}

/* One dump serves all who asked for it. What a device did not get, it asks for again. */
static void give(struct giver *g, char (*asker)[64], int count)
{
    struct facet_node *n = g->node;
    void *data = NULL;
    size_t len = 0;
    uint64_t version;
    int err = facet_gallery_dump(n->gallery, n->vault, &data, &len, &version);
    if (!err && len > MOST)
        err = facet_fail(FACET_E_LIMIT, "the gallery is larger than the %u MiB that travel", MOST >> 20);
    for (int i = 0; i < count && !err; i++)
        if (send_chunks(n, asker[i], data, len, version))
            facet_log(FACET_LOG_INFO, "gallery", "the gallery did not go to '%s' whole: %s", asker[i], facet_error_text());
    if (err)
        facet_log(FACET_LOG_ERROR, "gallery", "the gallery cannot be given to devices: %s", facet_error_text());
    if (data)
        explicit_bzero(data, len);
    free(data);
}

static void giver_tick(void *state, int64_t now_ms)
{
    struct giver *g = state;
    char asker[ASKERS][64];
    (void)now_ms;
    facet_lock_take(&g->lock);
    int count = g->n_askers;
    bool is_news = g->is_news;
    memcpy(asker, g->asker, sizeof(asker));
    g->n_askers = 0;
    g->is_news = false;
    facet_lock_give(&g->lock);
    if (is_news) {
        struct facet_message m = { .kind = FACET_MESSAGE_GALLERY_NOTICE };
        m.gallery_notice.version = (int64_t)facet_gallery_version(g->node->gallery);
        if (facet__wire_send(g->node, ".all", "notice", &m, NULL))
            giver_news(g); /* there is no broker now: later */
    }
    if (count)
        give(g, asker, count);
}

static const char *const giver_words[] = { "ask", NULL };

const struct facet__part facet__part_gallery_server = {
    .name = "gallery-server",
    .state_size = sizeof(struct giver),
    .wanted = giver_wanted,
    .open = giver_open,
    .words = giver_words,
    .message = giver_message,
    .gallery = giver_news,
    .online = giver_news,
    .tick = giver_tick,
    .close = giver_close,
};

/* ---- device ---- */

struct taker {
    struct facet_node *node;
    struct facet_lock lock;        /* below */
    bool has_lock;
    int64_t version;               /* of what comes in */
    char sha256[65];
    uint8_t *data, *has;           /* bytes so far; which chunks are there */
    size_t size;
    unsigned count, got;
    int64_t asked_ms;              /* or when something came last; 0: to be asked at once */
    bool wants;                    /* a newer one is there */
    struct facet_person *people;   /* who may have to be forgotten: known before a newer gallery came */
    int n_people, cap_people;
};

static bool taker_wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && n->site->gallery.sync;
}

static void drop(struct taker *t)
{
    if (t->data)
        explicit_bzero(t->data, t->size);
    free(t->data);
    free(t->has);
    t->data = t->has = NULL;
    t->size = 0;
    t->count = t->got = 0;
}

static int taker_open(void *state, struct facet_node *n)
{
    struct taker *t = state;
    uint64_t version = 0;
    t->node = n;
    t->wants = true;
    int err = facet_lock_init(&t->lock);
    t->has_lock = !err;
    if (!err && !facet__node_has_broker(n))
        err = facet_fail(FACET_E_INVALID, "cannot use '%s': gallery.sync needs mqtt.host", n->site->path);
    if (!err && !n->vault)
        err = facet_fail(FACET_E_INVALID, "cannot use '%s': gallery.sync needs store.key, by which the copy is sealed", n->site->path);
    if (!err)
        err = facet_gallery_dump_version(n->gallery, &version);
    atomic_store(&n->copy_version, (int64_t)version);
    return err;
}

static void taker_close(void *state)
{
    struct taker *t = state;
    drop(t);
    free(t->people);
    if (t->has_lock)
        facet_lock_fini(&t->lock);
}

static void ask(struct taker *t)
{
    struct facet_message m = { .kind = FACET_MESSAGE_GALLERY_REQUEST };
    snprintf(m.gallery_request.device, sizeof(m.gallery_request.device), "%s", t->node->site->device);
    m.gallery_request.have = atomic_load(&t->node->copy_version);
    (void)facet__wire_send(t->node, t->node->site->device, "ask", &m, NULL);
}

/* Under the lock. */
static int begin(struct taker *t, const struct facet_wire_gallery_chunk *c)
{
    if (t->data && t->version == c->version && t->size == c->size && !strcmp(t->sha256, c->sha256))
        return FACET_OK;
    drop(t);
    if (c->size > MOST || c->count != (c->size + CHUNK - 1) / CHUNK)
        return facet_fail(FACET_E_LIMIT, "a gallery of %llu bytes is not taken", (unsigned long long)c->size);
    t->data = malloc(c->size);
    t->has = calloc(c->count, 1);
    if (!t->data || !t->has)
        return facet_fail_nomem();
    t->size = c->size;
    t->count = c->count;
    t->version = c->version;
    memcpy(t->sha256, c->sha256, sizeof(t->sha256));
    return FACET_OK;
}

static int take_chunk(struct taker *t, const struct facet_wire_gallery_chunk *c)
{
    int err = begin(t, c);
    size_t at = (size_t)c->number * CHUNK, wanted = t->size - at < CHUNK ? t->size - at : CHUNK;
    if (!err && (c->number >= t->count || c->len != wanted))
        err = facet_fail(FACET_E_FORMAT, "a piece of the gallery has another length than it should");
    if (err) {
        drop(t);
        return err;
    }
    memcpy(t->data + at, c->data, c->len);
    t->got += !t->has[c->number];
    t->has[c->number] = 1;
    return FACET_OK;
}

static int taker_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct taker *t = state;
    int err = FACET_OK;
    (void)device, (void)payload, (void)len;
    facet_lock_take(&t->lock);
    if (m->kind == FACET_MESSAGE_GALLERY_NOTICE && m->gallery_notice.version != atomic_load(&t->node->copy_version)) {
        t->wants = true;
        t->asked_ms = 0;
    } else if (m->kind == FACET_MESSAGE_GALLERY_CHUNK) {
        err = take_chunk(t, &m->gallery_chunk);
        t->asked_ms = facet__wall_ms();
    }
    facet_lock_give(&t->lock);
    if (err)
        facet_log(FACET_LOG_WARN, "gallery", "the server's gallery: %s", facet_error_text());
    return FACET_OK;
}

static int note_person(void *ctx, const struct facet_person *p)
{
    struct taker *t = ctx;
    if (t->n_people == t->cap_people) {
        int cap = t->cap_people ? t->cap_people * 2 : 64;
        struct facet_person *grown = realloc(t->people, (size_t)cap * sizeof(*grown));
        if (!grown)
            return facet_fail_nomem();
        t->people = grown;
        t->cap_people = cap;
    }
    t->people[t->n_people++] = *p;
    return FACET_OK;
}

/* Who is not there any more is forgotten in all that is kept here. A name may be somebody else's by now. */
static int forget_person(struct facet_node *n, const struct facet_person *was)
{
    struct facet_person p;
    int64_t events, snapshots, waited;
    int err = facet_gallery_person_by_id(n->gallery, was->id, &p);
    if (err != FACET_E_NOT_FOUND)
        return err;
    err = facet_gallery_person(n->gallery, was->name, &p);
    bool is_free = err == FACET_E_NOT_FOUND;
    if (is_free)
        err = FACET_OK;
    if (!err && n->events)
        err = facet_events_erase(n->events, was->id, is_free ? was->name : NULL, &events, &snapshots);
    if (!err && is_free)
        err = facet_spool_erase(facet_outbox_spool(n->outbox), was->name, &waited);
    return err || !is_free ? err : facet__parts_erase(n, was->name, &waited);
}

static int forget_the_gone(struct taker *t)
{
    int err = FACET_OK;
    for (int i = 0; i < t->n_people && !err; i++)
        err = forget_person(t->node, &t->people[i]);
    if (err)
        return err;
    if (t->people)
        explicit_bzero(t->people, (size_t)t->cap_people * sizeof(*t->people));
    t->n_people = 0;
    return FACET_OK;
}

static int load(struct taker *t)
{
    char sha256[FACET_SHA256_HEX];
    uint64_t version;
    facet_sha256_of(t->data, t->size, sha256);
    if (strcmp(sha256, t->sha256))
        return facet_fail(FACET_E_HASH, "it came damaged");
    int err = facet_gallery_people(t->node->gallery, note_person, t);
    if (!err)
        err = facet_gallery_load_dump(t->node->gallery, t->node->vault, t->data, t->size, &version);
    if (!err)
        err = forget_the_gone(t);
    if (!err)
        atomic_store(&t->node->copy_version, (int64_t)version);
    return err;
}

static void taker_tick(void *state, int64_t now_ms)
{
    struct taker *t = state;
    bool asks = false;
    facet_lock_take(&t->lock);
    if (t->data && t->got == t->count) {
        int err = load(t);
        if (err)
            facet_log(FACET_LOG_ERROR, "gallery", "the server's gallery is not taken over: %s", facet_error_text());
        else
            facet_log(FACET_LOG_INFO, "gallery", "the server's gallery is here, version %lld", (long long)t->version);
        drop(t);
        t->wants = err != FACET_OK;
        asks = !err; /* which says that we have it, and asks whether there is a newer one */
        t->asked_ms = now_ms;
    }
    int64_t wait = t->wants ? AGAIN_MS : EVERY_MS;
    if (!t->asked_ms || now_ms - t->asked_ms > wait || now_ms < t->asked_ms) {
        t->asked_ms = now_ms;
        asks = true;
    }
    facet_lock_give(&t->lock);
    if (asks)
        ask(t);
}

static void taker_online(void *state)
{
    struct taker *t = state;
    facet_lock_take(&t->lock);
    t->asked_ms = 0;
    facet_lock_give(&t->lock);
}

static const char *const taker_words[] = { "notice", "gallery", NULL };

const struct facet__part facet__part_gallery_device = {
    .name = "gallery",
    .state_size = sizeof(struct taker),
    .wanted = taker_wanted,
    .open = taker_open,
    .words = taker_words,
    .message = taker_message,
    .online = taker_online,
    .tick = taker_tick,
    .close = taker_close,
};
