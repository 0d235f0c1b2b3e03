#include "deploy/hybrid_tracks.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOUNCED 1024

struct facet_hybrid_tracks {
    struct facet_hybrid_track track[FACET_HYBRID_TRACKS];
    int n;                             /* entries ever used */
    struct facet_hybrid_announced announced[ANNOUNCED];
    int n_announced;
    uint64_t now;
};

int facet_hybrid_tracks_open(struct facet_hybrid_tracks **out)
{
    *out = calloc(1, sizeof(**out));
    return *out ? FACET_OK : facet_fail_nomem();
}

void facet_hybrid_tracks_close(struct facet_hybrid_tracks **pt)
{
    struct facet_hybrid_tracks *t = *pt;
    *pt = NULL;
    for (int i = 0; t && i < t->n; i++)
        free(t->track[i].seq);
    free(t);
}

void facet_hybrid_track_ack(struct facet_hybrid_track *k, facet_hybrid_ack_fn *ack, void *ctx)
{
    for (int i = 0; i < k->n_seq; i++)
        ack(ctx, k->seq[i]);
    k->n_seq = 0;
}

static void release(struct facet_hybrid_track *k, facet_hybrid_ack_fn *ack, void *ctx)
{
    facet_hybrid_track_ack(k, ack, ctx);
    free(k->seq);
    memset(k, 0, sizeof(*k));
}

struct facet_hybrid_track *facet_hybrid_tracks_find(struct facet_hybrid_tracks *t, const struct facet_wire_track *w, uint64_t now_ns,
                                                    facet_hybrid_ack_fn *ack, void *ctx)
{
    struct facet_hybrid_track *oldest = t->track;
    for (int i = 0; i < t->n; i++) {
        struct facet_hybrid_track *k = &t->track[i];
        if (k->number == w->number && !strcmp(k->run, w->run) && !strcmp(k->device, w->device)) {
            k->used_ns = now_ns;
            return k;
        }
        if (k->used_ns < oldest->used_ns)
            oldest = k;
    }
    if (t->n < FACET_HYBRID_TRACKS && (!t->n || oldest->number))
        oldest = &t->track[t->n++];
    release(oldest, ack, ctx);
    snprintf(oldest->device, sizeof(oldest->device), "%s", w->device);
    snprintf(oldest->run, sizeof(oldest->run), "%s", w->run);
    oldest->number = w->number;
    oldest->used_ns = now_ns;
    oldest->identity.cosine = -1;
    return oldest;
}

int facet_hybrid_track_note(struct facet_hybrid_track *k, int64_t seq)
{
    if (k->n_seq == k->cap_seq) {
        int cap = k->cap_seq ? k->cap_seq * 2 : 8;
        int64_t *grown = realloc(k->seq, (size_t)cap * sizeof(*grown));
        if (!grown)
            return facet_fail_nomem();
        k->seq = grown;
        k->cap_seq = cap;
    }
    k->seq[k->n_seq++] = seq;
    return FACET_OK;
}

void facet_hybrid_tracks_tidy(struct facet_hybrid_tracks *t, uint64_t now_ns, uint64_t over_ns, uint64_t silent_ns,
                              facet_hybrid_ack_fn *ack, void *ctx)
{
    for (int i = 0; i < t->n; i++) {
        struct facet_hybrid_track *k = &t->track[i];
        if (k->number && now_ns - k->used_ns > (k->is_over ? over_ns : silent_ns))
            release(k, ack, ctx);
    }
}

bool facet_hybrid_tracks_announce(struct facet_hybrid_tracks *t, const struct facet_wire_track *w, int64_t person, double pts_ms, double cooldown_ms)
{
    struct facet_hybrid_announced *a = NULL, *oldest = t->announced;
    t->now++;
    for (int i = 0; i < t->n_announced && !a; i++) {
        struct facet_hybrid_announced *b = &t->announced[i];
        if (b->person == person && !strcmp(b->device, w->device) && !strcmp(b->run, w->run) && !strncmp(b->camera, w->camera, sizeof(b->camera) - 1))
            a = b;
        if (b->used < oldest->used)
            oldest = b;
    }
    if (a && pts_ms >= a->pts_ms && pts_ms - a->pts_ms < cooldown_ms) {
        a->used = t->now;
        return false;
    }
    if (!a)
        a = t->n_announced < ANNOUNCED ? &t->announced[t->n_announced++] : oldest;
    *a = (struct facet_hybrid_announced){ .person = person, .pts_ms = pts_ms, .used = t->now };
    snprintf(a->device, sizeof(a->device), "%s", w->device);
    snprintf(a->run, sizeof(a->run), "%s", w->run);
    snprintf(a->camera, sizeof(a->camera), "%.*s", (int)sizeof(a->camera) - 1, w->camera);
    return true;
}
