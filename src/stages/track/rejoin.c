/* Each source has a table. It holds every track whose number may still be said: those the tracker follows, and those
 * it has ended that were embedded and may come back. `raw` is the tracker's number, `id` the one
 * shown. There are never more than FACET_MAX_FACES: who needs a place takes that of the longest
 * unseen, whose end is told, so that ended tracks always fit into the packet. */
#include "stages/track/track.h"

#include "base/errors.h"
#include "flow/sources.h"

#include <stdlib.h>
#include <string.h>

#define COSINE 0.6f
#define KEEP_MS 5000.0

struct member {
    int64_t raw; /* 0: the tracker has ended it */
    int64_t id;
    double seen_ms;
    bool is_seen;  /* in this packet */
    bool is_shown; /* was in an earlier packet */
    bool has_embedding;
    float *embedding; /* the last one */
};

/* What is known of one source. */
struct film {
    struct member members[FACET_MAX_FACES];
    int n;
    double now_ms;
};

struct facet_rejoin {
    struct facet_rejoin_opts o;
    int64_t last_id; /* of all sources */
    struct facet_sources sources;
    struct film films[FACET_MAX_LIVE_SOURCES];
    struct film *film; /* the packet's */
    float *embeddings; /* of all members; touched when first used */
};

int facet_rejoin_open(struct facet_rejoin **out, const struct facet_rejoin_opts *o)
{
    *out = NULL;
    if (o->dim < 1 || o->dim > FACET_MAX_EMBEDDING || o->cosine > 1 || o->ms < 0)
        return facet_fail(FACET_E_INVALID, "cannot rejoin tracks: %d numbers, cosine %g, %g ms",
                          o->dim, (double)o->cosine, o->ms);
    struct facet_rejoin *r = calloc(1, sizeof(*r));
    int err = r ? FACET_OK : facet_fail_nomem();
    if (!err && !(r->embeddings = calloc((size_t)FACET_MAX_LIVE_SOURCES * FACET_MAX_FACES, (size_t)o->dim * sizeof(float))))
        err = facet_fail_nomem();
    if (err) {
        facet_rejoin_close(&r);
        return err;
    }
    r->o = *o;
    r->o.cosine = o->cosine != 0 ? o->cosine : COSINE;
    r->o.ms = o->ms > 0 ? o->ms : KEEP_MS;
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES * FACET_MAX_FACES; i++)
        r->films[i / FACET_MAX_FACES].members[i % FACET_MAX_FACES].embedding = r->embeddings + (size_t)i * (size_t)o->dim;
    *out = r;
    return FACET_OK;
}

void facet_rejoin_close(struct facet_rejoin **r)
{
    if (*r)
        free((*r)->embeddings);
    free(*r);
    *r = NULL;
}

/* --- the table --- */

/* The last member takes the place; embeddings stay with whom they belong to. */
static void forget(struct facet_rejoin *r, struct member *m)
{
    struct member last = r->film->members[--r->film->n], gone = *m;
    *m = last;
    r->film->members[r->film->n] = (struct member){.embedding = gone.embedding};
}

static void end_member(struct facet_rejoin *r, struct member *m, struct facet_packet *p)
{
    if (m->is_shown && p->n_ended < FACET_MAX_FACES)
        p->ended[p->n_ended++] = m->id;
    forget(r, m);
}

static void end_all(struct facet_rejoin *r, struct facet_packet *p)
{
    while (r->film->n > 0)
        end_member(r, &r->film->members[r->film->n - 1], p);
}

static struct member *member_of(struct facet_rejoin *r, int64_t raw)
{
    for (int i = 0; i < r->film->n; i++) {
        if (r->film->members[i].raw == raw)
            return &r->film->members[i];
    }
    return NULL;
}

static void make_room(struct facet_rejoin *r, struct facet_packet *p)
{
    struct member *oldest = NULL;
    for (int i = 0; i < r->film->n; i++) {
        struct member *m = &r->film->members[i];
        if (!m->is_seen && (!oldest || m->seen_ms < oldest->seen_ms))
            oldest = m;
    }
    if (r->film->n == FACET_MAX_FACES && oldest)
        end_member(r, oldest, p);
}

static struct member *add_member(struct facet_rejoin *r, int64_t raw, struct facet_packet *p)
{
    make_room(r, p);
    struct member *m = &r->film->members[r->film->n++];
    *m = (struct member){.raw = raw, .embedding = m->embedding};
    return m;
}

/* --- a packet --- */

/* What the tracker ended: who was never embedded ends, the others are kept. With the last picture
 * of a source all end, but only after its faces have been seen. */
static void take_ended(struct facet_rejoin *r, struct facet_packet *p, bool is_new)
{
    int64_t raw[FACET_MAX_FACES];
    int n = p->n_ended;
    memcpy(raw, p->ended, (size_t)n * sizeof(*raw));
    p->n_ended = 0;
    if (p->cut || is_new)
        end_all(r, p);
    for (int i = 0; i < n && !p->flush; i++) {
        struct member *m = member_of(r, raw[i]);
        if (m && m->has_embedding)
            m->raw = 0;
        else if (m)
            end_member(r, m, p);
    }
}

static void see_faces(struct facet_rejoin *r, struct facet_packet *p)
{
    for (int i = 0; i < r->film->n; i++)
        r->film->members[i].is_seen = false;
    for (int i = 0; i < p->n_faces; i++) {
        struct member *m = p->faces[i].track ? member_of(r, p->faces[i].track) : NULL;
        if (m)
            m->is_seen = true;
    }
    for (int i = 0; i < p->n_faces; i++) {
        if (!p->faces[i].track)
            continue;
        struct member *m = member_of(r, p->faces[i].track);
        m = m ? m : add_member(r, p->faces[i].track, p);
        m->is_seen = true;
        m->seen_ms = r->film->now_ms;
    }
}

static float cosine_of(const struct facet_rejoin *r, const float *a, const float *b)
{
    float sum = 0;
    for (int i = 0; i < r->o.dim; i++)
        sum += a[i] * b[i];
    return sum;
}

struct pair {
    struct member *young, *old;
    float cosine;
};

/* The likest pair of a track embedded for the first time and one out of sight. */
static struct pair likest_pair(struct facet_rejoin *r, const struct facet_packet *p)
{
    struct pair best = {.cosine = r->o.cosine};
    for (int i = 0; i < p->n_faces; i++) {
        const struct facet_face *f = &p->faces[i];
        struct member *young = f->track && f->has_embedding ? member_of(r, f->track) : NULL;
        if (!young || young->has_embedding)
            continue;
        for (int j = 0; j < r->film->n; j++) {
            struct member *old = &r->film->members[j];
            if (old->is_seen || !old->has_embedding || r->film->now_ms - old->seen_ms > r->o.ms)
                continue;
            float cosine = cosine_of(r, f->embedding, old->embedding);
            if (cosine >= best.cosine)
                best = (struct pair){young, old, cosine};
        }
    }
    return best;
}

static void rejoin_all(struct facet_rejoin *r, struct facet_packet *p)
{
    for (;;) {
        struct pair likest = likest_pair(r, p);
        if (!likest.old)
            return;
        likest.old->raw = likest.young->raw;
        likest.old->is_seen = true;
        likest.old->seen_ms = r->film->now_ms;
        end_member(r, likest.young, p);
    }
}

static void write_faces(struct facet_rejoin *r, struct facet_packet *p)
{
    for (int i = 0; i < p->n_faces; i++) {
        struct facet_face *f = &p->faces[i];
        struct member *m = f->track ? member_of(r, f->track) : NULL;
        if (!m)
            continue;
        if (f->has_embedding) {
            memcpy(m->embedding, f->embedding, (size_t)r->o.dim * sizeof(float));
            m->has_embedding = true;
        }
        if (!m->id)
            m->id = ++r->last_id;
        f->track = m->id;
        f->is_new_track = !m->is_shown;
        m->is_shown = true;
    }
}

static void end_old(struct facet_rejoin *r, struct facet_packet *p)
{
    for (int i = r->film->n - 1; i >= 0; i--) {
        struct member *m = &r->film->members[i];
        if (!m->raw && r->film->now_ms - m->seen_ms > r->o.ms)
            end_member(r, m, p);
    }
}

int facet_rejoin_step(struct facet_rejoin *r, struct facet_packet *p)
{
    if (r->o.cosine < 0)
        return FACET_OK;
    bool is_new;
    r->film = &r->films[facet_sources_slot(&r->sources, p->source, &is_new)];
    r->film->now_ms = p->frame ? p->frame->pts_ms : r->film->now_ms;
    take_ended(r, p, is_new);
    see_faces(r, p);
    rejoin_all(r, p);
    write_faces(r, p);
    end_old(r, p);
    if (p->flush) {
        end_all(r, p);
        facet_sources_end(&r->sources, p->source);
    }
    return FACET_OK;
}

/* --- the stage --- */

struct rejoin_stage {
    struct facet_rejoin *rejoin;
};

static int rejoin_open(void *state, const void *opts)
{
    struct rejoin_stage *s = state;
    return facet_rejoin_open(&s->rejoin, opts);
}

static int rejoin_step(void *state, struct facet_packet *p)
{
    struct rejoin_stage *s = state;
    return facet_rejoin_step(s->rejoin, p);
}

static void rejoin_close(void *state)
{
    struct rejoin_stage *s = state;
    facet_rejoin_close(&s->rejoin);
}

const struct facet_stage_ops facet_stage_rejoin = {
    .name = "track",
    .state_size = sizeof(struct rejoin_stage),
    .open = rejoin_open,
    .step = rejoin_step,
    .close = rejoin_close,
};
