/* The server's half of hybrid. What arrives goes into an inbox on disk at once, and the device is told that it is safe there.
 * A worker takes it from there in order: chips are decoded, embedded (each as it comes, or in batches of a set size or
 * interval), compared with the gallery, and added to the evidence of their track; a new answer becomes an event and goes back
 * to the device. Chips leave the inbox when their track has ended: after a kill the evidence is made again from them, and
 * events made again have the ids they had. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "deploy/engine_room.h"
#include "deploy/hybrid.h"
#include "deploy/hybrid_tracks.h"
#include "deploy/node_priv.h"
#include "media/picture.h"
#include "models/models.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST 32                    /* chips that go through the network together where no batch is set */
#define MAX_PENDING 256
#define IDLE_MS 250
#define BATCH_MS 60000.0
#define OVER_NS 60000000000u       /* an ended track is remembered for late chips */
#define SILENT_NS 1800000000000u   /* a track that never ended */
#define CONFIRM 2
#define COOLDOWN_MS 10000
#define SECOND 1000000000u

struct pending { struct facet_message m; struct facet_image picture; int64_t seq; };

struct hybrid_server {
    struct facet_node *node;
    char contract[65];
    struct facet_spool *inbox;
    struct facet_hybrid_tracks *tracks;
    struct facet_thread thread;
    bool runs;
    atomic_bool stop;
    struct pending pending[MAX_PENDING];
    int n_pending, n_chips;
    uint64_t oldest_ns, tidied_ns;
    float *embeddings;
};

static void ack(void *ctx, int64_t seq)
{
    struct hybrid_server *s = ctx;
    if (facet_spool_ack(s->inbox, seq))
        facet_log(FACET_LOG_WARN, "hybrid", "cannot acknowledge: %s", facet_error_text());
}

/* ---- an answer ---- */

static void make_event(const struct hybrid_server *s, const struct facet_wire_chip *c, const struct facet_identity *id, struct facet_event *e)
{
    *e = (struct facet_event){
        .type = FACET_EVENT_IDENTITY, .track = c->track.number, .frame = c->frame, .pts_ms = c->pts_ms, .captured_ms = c->captured_ms,
        .published_ms = facet__wall_ms(), .has_box = true, .box = c->box, .has_points = c->has_points, .points = c->points,
        .score = c->score, .quality = c->quality, .identity = *id, .width = c->width, .height = c->height,
    };
    if (s->node->site->event_expires_ms > 0)
        e->expires_ms = c->captured_ms + (int64_t)s->node->site->event_expires_ms;
    facet_hybrid_id(e->id, c->track.device, c->track.run, FACET_HYBRID_IDENTITY, c->track.number, (int64_t)id->decision, id->person);
    snprintf(e->run, sizeof(e->run), "%s", c->track.run);
    snprintf(e->site, sizeof(e->site), "%s", c->track.site);
    snprintf(e->device, sizeof(e->device), "%s", c->track.device);
    snprintf(e->camera, sizeof(e->camera), "%s", c->track.camera);
    snprintf(e->strategy, sizeof(e->strategy), "hybrid");
}

static void send_answer(struct hybrid_server *s, const struct facet_wire_chip *c, const struct facet_event *e)
{
    struct facet_message m = { .kind = FACET_MESSAGE_ANSWER };
    struct facet_wire_answer *a = &m.answer;
    memcpy(a->id, e->id, sizeof(a->id));
    memcpy(a->chip, c->id, sizeof(a->chip));
    a->track = c->track;
    a->identity = e->identity;
    a->gallery_version = s->node->gallery ? (int64_t)facet_gallery_version(s->node->gallery) : 0;
    struct facet__wire_how how = { .id = a->id, .class = FACET_SPOOL_STATE, .expires_ms = facet__wall_ms() + 60000,
                                   .person = e->identity.decision == FACET_KNOWN ? e->identity.name : NULL };
    char own_id[FACET_EVENT_ID];
    snprintf(own_id, sizeof(own_id), "a-%.60s", a->id); /* the event itself may be in the same outbox */
    how.id = own_id;
    if (facet__wire_send(s->node, c->track.device, "answer", &m, &how))
        facet_log(FACET_LOG_WARN, "hybrid", "no answer to '%s': %s", c->track.device, facet_error_text());
}

/* As the stage identify has it: kinds and persons are news, a person announced just now is none. */
static bool is_news(struct hybrid_server *s, const struct facet_identify_opts *o, const struct facet_wire_chip *c, const struct facet_identity *is)
{
    double cooldown = o->cooldown_ms > 0 ? o->cooldown_ms : COOLDOWN_MS;
    if (is->decision != FACET_KNOWN)
        return is->decision == FACET_UNKNOWN;
    return facet_hybrid_tracks_announce(s->tracks, &c->track, is->person, c->pts_ms, cooldown);
}

static void decide(struct hybrid_server *s, const struct facet_identify_opts *o, struct facet_hybrid_track *k, const struct facet_wire_chip *c)
{
    struct facet_identity next;
    struct facet_event e;
    facet_evidence_decide(&k->evidence, o->confirm_frames ? o->confirm_frames : CONFIRM, &next);
    bool is_same = next.decision == k->identity.decision && next.person == k->identity.person;
    if (next.decision == FACET_UNDECIDED || is_same)
        return;
    k->identity = next;
    make_event(s, c, &next, &e);
    if (is_news(s, o, c, &next))
        facet__node_event(s->node, &e, facet__device_offset_ms(s->node, c->track.device));
    send_answer(s, c, &e);
}

static int take_chip(struct hybrid_server *s, const struct pending *p, const float *embedding)
{
    const struct facet_wire_chip *c = &p->m.chip;
    struct facet_identify_opts o = facet__node_identify(s->node);
    struct facet_identity now;
    struct facet_hybrid_track *k = facet_hybrid_tracks_find(s->tracks, &c->track, facet_now_ns(), ack, s);
    int err = facet_identify_one(&o, embedding, &now);
    if (err)
        return err;
    facet_evidence_add(&k->evidence, &now, c->quality);
    decide(s, &o, k, c);
    if (k->is_over) {
        ack(s, p->seq);
        return FACET_OK;
    }
    return facet_hybrid_track_note(k, p->seq);
}

static void take_end(struct hybrid_server *s, const struct pending *p)
{
    struct facet_hybrid_track *k = facet_hybrid_tracks_find(s->tracks, &p->m.track_end.track, facet_now_ns(), ack, s);
    k->is_over = true;
    facet_hybrid_track_ack(k, ack, s);
    ack(s, p->seq);
}

/* ---- batches ---- */

static void drop_pending(struct hybrid_server *s)
{
    for (int i = 0; i < s->n_pending; i++) {
        facet_message_fini(&s->pending[i].m);
        facet_image_fini(&s->pending[i].picture);
    }
    s->n_pending = s->n_chips = 0;
}

static int embed_pending(struct hybrid_server *s)
{
    const struct facet_image *pictures[MAX_PENDING];
    int n = 0;
    for (int i = 0; i < s->n_pending; i++)
        if (s->pending[i].m.kind == FACET_MESSAGE_CHIP)
            pictures[n++] = &s->pending[i].picture;
    struct facet_engine_room *room;
    uint64_t cpu_ns;
    int err = n ? facet_node_engine(s->node, &room) : FACET_OK; /* opened with the first chip, at the latest */
    return n && !err ? facet_engine_room_embed_for_stage(room, pictures, n, s->embeddings, &cpu_ns) : err;
}

/* Nothing is lost by a failure: what was not acknowledged is taken again after the next start. */
static int flush(struct hybrid_server *s)
{
    int err = embed_pending(s), at = 0, dim = s->node->recogniser->dim;
    for (int i = 0; i < s->n_pending && !err; i++) {
        const struct pending *p = &s->pending[i];
        if (p->m.kind == FACET_MESSAGE_CHIP)
            err = take_chip(s, p, s->embeddings + (size_t)at++ * (size_t)dim);
        else
            take_end(s, p);
    }
    if (!err) {
        facet_lock_take(&s->node->lock);
        s->node->stats.embedded += s->n_chips;
        facet_lock_give(&s->node->lock);
    }
    drop_pending(s);
    return err;
}

static bool is_due(const struct hybrid_server *s, bool is_empty)
{
    const struct facet_site *site = s->node->site;
    double wait = site->hybrid.batch_ms > 0 ? site->hybrid.batch_ms : BATCH_MS;
    if (s->n_pending == 0)
        return false;
    if (s->n_pending == MAX_PENDING || (site->hybrid.batch ? s->n_chips >= site->hybrid.batch : s->n_chips >= MOST))
        return true;
    return site->hybrid.batch ? (double)(facet_now_ns() - s->oldest_ns) >= wait * 1e6 : is_empty;
}

/* ---- from the inbox ---- */

/* Its size is known before memory is asked for: a chip is as large as the model's. */
static int decode(const struct hybrid_server *s, const struct facet_wire_chip *c, struct facet_image *out)
{
    const struct facet_chip_spec *spec = &s->node->recogniser->chip;
    struct facet_picture_info info;
    if (strcmp(c->contract, s->contract))
        return facet_fail(FACET_E_CONTRACT, "it was cut for another recogniser than '%s'", s->node->recogniser->name);
    int err = facet_picture_probe(&info, c->data, c->len, c->id);
    if (!err && (info.width != spec->width || info.height != spec->height))
        err = facet_fail(FACET_E_FORMAT, "it has %dx%d pixels, not %dx%d", info.width, info.height, spec->width, spec->height);
    return err ? err : facet_picture_decode(out, c->data, c->len, c->id);
}

static void take(struct hybrid_server *s, struct facet_spool_item *item)
{
    struct pending *p = &s->pending[s->n_pending];
    memset(p, 0, sizeof(*p));
    p->seq = item->seq;
    int err = facet_message_unpack(&p->m, item->payload, item->len);
    if (!err && p->m.kind == FACET_MESSAGE_CHIP)
        err = decode(s, &p->m.chip, &p->picture);
    if (err) {
        facet_log(FACET_LOG_WARN, "hybrid", "item %s is let go: %s", item->id, facet_error_text());
        facet_message_fini(&p->m);
        ack(s, item->seq);
        return;
    }
    if (!s->n_pending++)
        s->oldest_ns = facet_now_ns();
    s->n_chips += p->m.kind == FACET_MESSAGE_CHIP;
}

static void tidy(struct hybrid_server *s)
{
    uint64_t now = facet_now_ns();
    if (now - s->tidied_ns < SECOND)
        return;
    s->tidied_ns = now;
    facet_hybrid_tracks_tidy(s->tracks, now, OVER_NS, SILENT_NS, ack, s);
}

static void work(void *ctx)
{
    struct hybrid_server *s = ctx;
    int64_t after = 0;
    while (!atomic_load(&s->stop)) {
        struct facet_spool_item item;
        int err = facet_spool_next(s->inbox, after, &item);
        if (!err) {
            after = item.seq;
            take(s, &item);
            free(item.payload);
        } else if (err == FACET_E_FORMAT && item.seq) {
            facet_log(FACET_LOG_WARN, "hybrid", "an item is let go: %s", facet_error_text());
            ack(s, item.seq);
        } else if (err != FACET_E_END)
            facet_log(FACET_LOG_ERROR, "hybrid", "the inbox cannot be read: %s", facet_error_text());
        if (is_due(s, err != FACET_OK) && flush(s)) {
            facet_log(FACET_LOG_ERROR, "hybrid", "chips are tried again later: %s", facet_error_text());
            facet_hybrid_tracks_close(&s->tracks);
            if (facet_hybrid_tracks_open(&s->tracks))
                return;
            after = 0;
            err = FACET_E_AGAIN;
        }
        tidy(s);
        if (err)
            facet_spool_wait(s->inbox, err == FACET_E_END ? after : INT64_MAX, IDLE_MS);
    }
}

/* ---- the node's part ---- */

static bool wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

static int open_inbox(struct hybrid_server *s)
{
    char dir[1024], path[1100];
    struct facet_spool_opts o = { .path = s->node->site->hybrid.inbox, .max_bytes = s->node->site->outbox.max_bytes,
                                  .max_age_ms = s->node->site->outbox.max_age_ms, .vault = s->node->vault };
    int err = FACET_OK;
    if (!*o.path) {
        err = facet_data_dir(dir, sizeof(dir));
        if (!err)
            err = facet_path_join(path, sizeof(path), dir, "inbox.db");
        o.path = path;
    }
    return err ? err : facet_spool_open(&s->inbox, &o);
}

static int hybrid_open(void *state, struct facet_node *n)
{
    struct hybrid_server *s = state;
    s->node = n;
    s->embeddings = calloc((size_t)MAX_PENDING * (size_t)n->recogniser->dim, sizeof(float));
    int err = s->embeddings ? facet_model_contract(n->recogniser, s->contract) : facet_fail_nomem();
    if (!err)
        err = facet_hybrid_tracks_open(&s->tracks);
    if (!err)
        err = open_inbox(s);
    if (!err)
        err = facet_thread_start(&s->thread, "hybrid", work, s);
    s->runs = !err;
    return err;
}

static const char *id_of(const struct facet_message *m)
{
    return m->kind == FACET_MESSAGE_CHIP ? m->chip.id : m->track_end.id;
}

static const struct facet_wire_track *track_of(const struct facet_message *m)
{
    return m->kind == FACET_MESSAGE_CHIP ? &m->chip.track : &m->track_end.track;
}

static void tell_stored(struct facet_node *n, const char *device, const char *id)
{
    struct facet_message m = { .kind = FACET_MESSAGE_STORED, .stored = { .n = 1 } };
    snprintf(m.stored.ids[0], sizeof(m.stored.ids[0]), "%s", id);
    (void)facet__wire_send(n, device, "stored", &m, NULL);
}

/* Who speaks for another device is not believed. */
static int message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct hybrid_server *s = state;
    if ((m->kind != FACET_MESSAGE_CHIP && m->kind != FACET_MESSAGE_TRACK_END) || strcmp(track_of(m)->device, device))
        return FACET_OK;
    struct facet_spool_item item = { .class = FACET_SPOOL_CHIP, .payload = (void *)(uintptr_t)payload, .len = len,
                                     .created_ms = facet__wall_ms() };
    int err = facet_copy_text(item.id, sizeof(item.id), id_of(m));
    if (!err)
        err = facet_spool_put(s->inbox, &item);
    if (err && err != FACET_E_EXISTS)
        return err;
    tell_stored(s->node, device, item.id);
    return FACET_OK;
}

static void stop(void *state)
{
    struct hybrid_server *s = state;
    if (!s->runs)
        return;
    atomic_store(&s->stop, true);
    facet_spool_wake(s->inbox);
    facet_thread_join(&s->thread);
    s->runs = false;
}

static void hybrid_close(void *state)
{
    struct hybrid_server *s = state;
    stop(s);
    drop_pending(s);
    facet_hybrid_tracks_close(&s->tracks);
    facet_spool_close(&s->inbox);
    free(s->embeddings);
}

static const char *const words[] = { "chip", "track_end", NULL };

const struct facet__part facet__part_hybrid_server = {
    .name = "hybrid-server",
    .state_size = sizeof(struct hybrid_server),
    .wanted = wanted,
    .open = hybrid_open,
    .words = words,
    .message = message,
    .stop = stop,
    .close = hybrid_close,
};
