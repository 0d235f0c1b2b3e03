/* The device's half of hybrid. A face that align wants embedded becomes a chip in the outbox; the track's name comes back
 * whenever the server has one, and is put on the faces of the track from then on. Of a track no more chips wait in the outbox
 * than the server needs to be sure; a better view takes the place of the poorest of them. While the server is away for long, and only
 * when told to, the device's own embed and identify do the work: then no chips are made, and the device tells who it is. */
#include "deploy/hybrid_device.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "deploy/hybrid.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "deploy/strategy.h"
#include "media/picture.h"
#include "models/models.h"
#include "stages/embed/embed.h"

#include <stdio.h>
#include <string.h>

#define TRACKS 1024
#define WAITING 8
#define CONFIRM 2                  /* answers that the server wants to agree, where the file does not say */

struct waiting { unsigned number; float quality; };    /* a chip that was in the outbox when we last looked */

struct followed {
    int64_t track;                 /* 0: free */
    uint64_t used;
    unsigned chips;                /* made of it, without those that took another's place */
    struct waiting waiting[WAITING];
    int n_waiting;
    int64_t frames, captured_ms;
    double first_ms, last_ms;
    char camera[FACET_MAX_NAME];
    bool is_answered;
    struct facet_identity answer;
};

struct facet_hybrid {
    struct facet_node *node;
    struct facet_hybrid_placed placed;
    char contract[65], run[64];
    struct facet_str picture;      /* memory is kept */
    struct facet_embedder_opts embed;          /* fallback: of the device's own stages */
    struct facet_identify_opts identify;
    atomic_bool is_alone;          /* the server is away for so long that the device recognises */
    uint64_t opened_ns;
    struct facet_lock lock;        /* below */
    bool has_lock;
    uint64_t now;
    struct followed followed[TRACKS];
    int n_followed;
};

/* A stage of our own inside of one: its time counts once, as the outer one's. */
static int step_own(struct facet_stage *own, struct facet_packet *p)
{
    return facet_stage_ops_of(own)->step(facet_stage_state(own), p);
}

/* ---- tracks ---- */

/* Under the lock. The one seen longest ago makes room. */
static struct followed *find(struct facet_hybrid *h, int64_t track, bool make)
{
    struct followed *oldest = h->followed;
    for (int i = 0; i < h->n_followed; i++) {
        if (h->followed[i].track == track)
            return &h->followed[i];
        if (h->followed[i].used < oldest->used)
            oldest = &h->followed[i];
    }
    if (!make)
        return NULL;
    if (h->n_followed < TRACKS && (!h->n_followed || oldest->track))
        oldest = &h->followed[h->n_followed++];
    memset(oldest, 0, sizeof(*oldest));
    oldest->track = track;
    return oldest;
}

static void fill_track(const struct facet_hybrid *h, struct facet_wire_track *t, int64_t track, const char *camera)
{
    const struct facet_site *s = h->node->site;
    snprintf(t->site, sizeof(t->site), "%s", s->name);
    snprintf(t->device, sizeof(t->device), "%s", s->device);
    snprintf(t->run, sizeof(t->run), "%s", h->run);
    snprintf(t->camera, sizeof(t->camera), "%s", camera);
    t->number = track;
}

/* ---- chips: instead of embed ---- */

struct chips { struct facet_hybrid *h; struct facet_stage *own; };

static int chips_open(void *state, const void *opts)
{
    struct chips *c = state;
    c->h = ((const struct facet_hybrid_placed *)opts)->hybrid;
    if (!c->h->node->site->hybrid.fallback)
        return FACET_OK;
    return facet_stage_open(&c->own, &facet_stage_embed, &c->h->embed);
}

static void fill_chip(const struct facet_hybrid *h, struct facet_wire_chip *c, const struct facet_packet *p, const struct facet_face *f, unsigned number)
{
    const struct facet_site *s = h->node->site;
    bool is_png = !strcmp(s->hybrid.chip, "png");
    facet_hybrid_id(c->id, s->device, h->run, FACET_HYBRID_CHIP, f->track, (int64_t)number, 0);
    fill_track(h, &c->track, f->track, facet_cameras_name(facet_node_cameras(h->node), p->source));
    c->number = number;
    memcpy(c->contract, h->contract, sizeof(h->contract));
    c->frame = p->frame->index;
    c->pts_ms = p->frame->pts_ms;
    c->captured_ms = p->frame->wall_ms;
    c->expires_ms = s->hybrid.expires_ms > 0 ? p->frame->wall_ms + (int64_t)s->hybrid.expires_ms : 0;
    c->width = p->frame->image.width;
    c->height = p->frame->image.height;
    c->box = f->box;
    c->has_points = f->has_points;
    c->points = f->points;
    c->score = f->score;
    c->quality = f->quality.score;
    c->format = is_png ? FACET_CHIP_PNG : FACET_CHIP_JPEG;
}

static int send_chip(struct facet_hybrid *h, const struct facet_packet *p, const struct facet_face *f, unsigned number, bool replaces)
{
    struct facet_message m = { .kind = FACET_MESSAGE_CHIP };
    const struct facet_site *s = h->node->site;
    facet_str_clear(&h->picture);
    int err = facet_picture_encode(&h->picture, &f->chip, s->hybrid.chip, s->hybrid.quality);
    if (err)
        return err;
    fill_chip(h, &m.chip, p, f, number);
    m.chip.data = (const uint8_t *)h->picture.data;
    m.chip.len = h->picture.len;
    struct facet__wire_how how = { .id = m.chip.id, .class = FACET_SPOOL_CHIP, .expires_ms = m.chip.expires_ms, .replaces = replaces };
    return facet__wire_send(h->node, s->device, "chip", &m, &how);
}

/* Under the lock: the poorest of a track's chips that still wait; those that do not any more are forgotten. */
static struct waiting *find_poorest(struct facet_hybrid *h, struct followed *t)
{
    struct waiting *poorest = NULL;
    for (int i = t->n_waiting - 1; i >= 0; i--) {
        char id[FACET_EVENT_ID];
        facet_hybrid_id(id, h->node->site->device, h->run, FACET_HYBRID_CHIP, t->track, (int64_t)t->waiting[i].number, 0);
        if (!facet_outbox_waits(h->node->outbox, id))
            t->waiting[i] = t->waiting[--t->n_waiting];
    }
    for (int i = 0; i < t->n_waiting; i++)
        if (!poorest || t->waiting[i].quality < poorest->quality)
            poorest = &t->waiting[i];
    return poorest;
}

/* The number of this face's chip; 0: it is not worth one. *replaces: the chip that waits by that number is poorer. */
static unsigned choose_number(struct facet_hybrid *h, const struct facet_face *f, bool *replaces)
{
    const struct facet_site *s = h->node->site;
    int most = s->hybrid.chips_per_track, keep = s->gallery.confirm_frames ? s->gallery.confirm_frames : CONFIRM;
    unsigned number = 0;
    keep = keep < WAITING ? keep : WAITING;
    facet_lock_take(&h->lock);
    struct followed *t = find(h, f->track, true);
    t->used = h->now;
    struct waiting *poorest = most ? find_poorest(h, t) : NULL;
    *replaces = poorest && (t->n_waiting >= keep || t->chips >= (unsigned)most);
    if (*replaces && f->quality.score > poorest->quality) {
        number = poorest->number;
        poorest->quality = f->quality.score;
    } else if (!*replaces && (!most || t->chips < (unsigned)most)) {
        number = ++t->chips;
        if (t->n_waiting < WAITING)
            t->waiting[t->n_waiting++] = (struct waiting){ number, f->quality.score };
    }
    facet_lock_give(&h->lock);
    return number;
}

/* One that left just now cannot be replaced any more: then it is as good as any. */
static void offer_chip(struct facet_hybrid *h, const struct facet_packet *p, const struct facet_face *f)
{
    bool replaces;
    unsigned number = choose_number(h, f, &replaces);
    int err = number ? send_chip(h, p, f, number, replaces) : FACET_OK;
    if (err && !(replaces && err == FACET_E_NOT_FOUND))
        facet_log(FACET_LOG_ERROR, "hybrid", "a chip of track %lld is lost: %s", (long long)f->track, facet_error_text());
}

static void note_faces(struct facet_hybrid *h, const struct facet_packet *p)
{
    facet_lock_take(&h->lock);
    h->now++;
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct followed *t = p->faces[i].track ? find(h, p->faces[i].track, true) : NULL;
        if (!t)
            continue;
        if (!t->frames++) {
            t->first_ms = p->frame->pts_ms;
            snprintf(t->camera, sizeof(t->camera), "%s", facet_cameras_name(facet_node_cameras(h->node), p->source));
        }
        t->used = h->now;
        t->last_ms = p->frame->pts_ms;
        t->captured_ms = p->frame->wall_ms;
    }
    facet_lock_give(&h->lock);
}

static bool is_alone(struct facet_hybrid *h)
{
    const struct facet_site *s = h->node->site;
    uint64_t heard = atomic_load(&h->node->server_heard_ns), since = heard > h->opened_ns ? heard : h->opened_ns;
    bool is = s->hybrid.fallback && facet_now_ns() - since > (uint64_t)(s->hybrid.fallback_ms * 1e6);
    if (atomic_exchange(&h->is_alone, is) != is)
        facet_log(FACET_LOG_WARN, "hybrid", is ? "the server is away: recognising here" : "the server is back: chips go out again");
    return is;
}

/* A chip that cannot be kept costs a name, not the run: the disk may be full. */
static int chips_step(void *state, struct facet_packet *p)
{
    struct chips *c = state;
    struct facet_hybrid *h = c->h;
    note_faces(h, p);
    if (is_alone(h))
        return step_own(c->own, p);
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        const struct facet_face *f = &p->faces[i];
        if (f->wants_embedding && f->has_chip && f->track)
            offer_chip(h, p, f);
    }
    return FACET_OK;
}

static void chips_close(void *state)
{
    facet_stage_close(&((struct chips *)state)->own);
}

const struct facet_stage_ops facet_stage_chips = {
    .name = "embed",
    .state_size = sizeof(struct chips),
    .open = chips_open,
    .step = chips_step,
    .close = chips_close,
};

/* ---- answers: instead of identify ---- */

struct answers { struct facet_hybrid *h; struct facet_stage *own; };

static int answers_open(void *state, const void *opts)
{
    struct answers *a = state;
    a->h = ((const struct facet_hybrid_placed *)opts)->hybrid;
    if (!a->h->node->site->hybrid.fallback)
        return FACET_OK;
    return facet_stage_open(&a->own, &facet_stage_identify, &a->h->identify);
}

/* The server's word counts more than what was found out here while it was away. */
static void put_answers(struct facet_hybrid *h, struct facet_packet *p, bool has_own)
{
    facet_lock_take(&h->lock);
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct facet_face *f = &p->faces[i];
        const struct followed *t = f->track ? find(h, f->track, false) : NULL;
        if (!has_own) {
            f->now = f->identity = (struct facet_identity){ .cosine = -1 };
            f->identity_changed = false;
        }
        if (t && t->is_answered) {
            f->identity = t->answer;
            f->identity_changed = false;
        }
    }
    facet_lock_give(&h->lock);
}

static void send_end(struct facet_hybrid *h, const struct followed *t)
{
    struct facet_message m = { .kind = FACET_MESSAGE_TRACK_END };
    struct facet_wire_track_end *e = &m.track_end;
    const struct facet_site *s = h->node->site;
    facet_hybrid_id(e->id, s->device, h->run, FACET_HYBRID_END, t->track, 0, 0);
    fill_track(h, &e->track, t->track, t->camera);
    e->frames = t->frames;
    e->first_ms = t->first_ms;
    e->last_ms = t->last_ms;
    e->captured_ms = t->captured_ms;
    struct facet__wire_how how = { .id = e->id, .class = FACET_SPOOL_CHIP,
                                   .expires_ms = s->hybrid.expires_ms > 0 ? t->captured_ms + (int64_t)s->hybrid.expires_ms : 0 };
    if (facet__wire_send(h->node, s->device, "track_end", &m, &how))
        facet_log(FACET_LOG_ERROR, "hybrid", "the end of track %lld is lost: %s", (long long)t->track, facet_error_text());
}

static void end_tracks(struct facet_hybrid *h, const struct facet_packet *p)
{
    for (int i = 0; i < p->n_ended; i++) {
        struct followed was = { .track = 0 };
        facet_lock_take(&h->lock);
        struct followed *t = find(h, p->ended[i], false);
        if (t) {
            was = *t;
            memset(t, 0, sizeof(*t));
        }
        facet_lock_give(&h->lock);
        if (was.chips)
            send_end(h, &was);
    }
}

static int answers_step(void *state, struct facet_packet *p)
{
    struct answers *a = state;
    int err = a->own ? step_own(a->own, p) : FACET_OK;
    if (err)
        return err;
    put_answers(a->h, p, a->own != NULL);
    end_tracks(a->h, p);
    return FACET_OK;
}

static void answers_close(void *state)
{
    facet_stage_close(&((struct answers *)state)->own);
}

const struct facet_stage_ops facet_stage_answers = {
    .name = "identify",
    .state_size = sizeof(struct answers),
    .open = answers_open,
    .step = answers_step,
    .close = answers_close,
};

/* ---- the node's part ---- */

static bool hybrid_wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && n->strategy == &facet_strategy_hybrid;
}

static int hybrid_open(void *state, struct facet_node *n)
{
    struct facet_hybrid *h = state;
    h->node = n;
    h->placed.hybrid = h;
    h->opened_ns = facet_now_ns();
    int err = facet_lock_init(&h->lock);
    h->has_lock = !err;
    return err ? err : facet_model_contract(n->recogniser, h->contract);
}

/* A new run numbers its tracks from 1 again. */
static void hybrid_place(void *state, struct facet_pipeline_opts *o)
{
    struct facet_hybrid *h = state;
    facet_lock_take(&h->lock);
    memset(h->followed, 0, sizeof(h->followed));
    h->n_followed = 0;
    memcpy(h->run, h->node->run, sizeof(h->run));
    facet_lock_give(&h->lock);
    h->embed = o->embed;
    h->identify = o->identify;
    o->placed[FACET_STEP_EMBED] = &h->placed;
    o->placed[FACET_STEP_IDENTIFY] = &h->placed;
}

static int hybrid_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct facet_hybrid *h = state;
    const struct facet_wire_answer *a = &m->answer;
    (void)device, (void)payload, (void)len;
    if (m->kind != FACET_MESSAGE_ANSWER)
        return FACET_OK;
    facet_lock_take(&h->lock);
    struct followed *t = strcmp(a->track.run, h->run) ? NULL : find(h, a->track.number, false);
    if (t) {
        t->is_answered = true;
        t->answer = a->identity;
    }
    facet_lock_give(&h->lock);
    return FACET_OK;
}

static void hybrid_close(void *state)
{
    struct facet_hybrid *h = state;
    facet_str_fini(&h->picture);
    if (h->has_lock)
        facet_lock_fini(&h->lock);
}

static const char *const hybrid_words[] = { "answer", NULL };

const struct facet__part facet__part_hybrid_device = {
    .name = "hybrid",
    .state_size = sizeof(struct facet_hybrid),
    .wanted = hybrid_wanted,
    .open = hybrid_open,
    .place = hybrid_place,
    .words = hybrid_words,
    .message = hybrid_message,
    .close = hybrid_close,
};
