/* What the server knows of each device's tracks: evidence, answer, and which chips of the inbox it rests on. Chips stay in the
 * inbox until their track has ended, so that a server that was killed finds the same evidence again. Not thread-safe. */
#ifndef FACET_DEPLOY_HYBRID_TRACKS_H
#define FACET_DEPLOY_HYBRID_TRACKS_H

#include "stages/identify/identify.h"
#include "wire/message.h"

#define FACET_HYBRID_TRACKS 4096       /* at once; the one not heard of for longest makes room */

struct facet_hybrid_track {
    char device[64], run[64];
    int64_t number;                    /* 0: free */
    struct facet_evidence evidence;
    struct facet_identity identity;
    int64_t *seq; int n_seq, cap_seq;  /* items of the inbox */
    uint64_t used_ns;
    bool is_over;
};
struct facet_hybrid_announced { char device[64], run[64], camera[FACET_MAX_NAME]; int64_t person; double pts_ms; uint64_t used; };

struct facet_hybrid_tracks;
int facet_hybrid_tracks_open(struct facet_hybrid_tracks **out);
void facet_hybrid_tracks_close(struct facet_hybrid_tracks **t);
/* Of one that made room, items are given to `ack` first. */
typedef void facet_hybrid_ack_fn(void *ctx, int64_t seq);
struct facet_hybrid_track *facet_hybrid_tracks_find(struct facet_hybrid_tracks *t, const struct facet_wire_track *w, uint64_t now_ns,
                                                    facet_hybrid_ack_fn *ack, void *ctx);
int facet_hybrid_track_note(struct facet_hybrid_track *k, int64_t seq);
void facet_hybrid_track_ack(struct facet_hybrid_track *k, facet_hybrid_ack_fn *ack, void *ctx);
/* Frees those that ended, or were not heard of, so long ago; their items are acknowledged. */
void facet_hybrid_tracks_tidy(struct facet_hybrid_tracks *t, uint64_t now_ns, uint64_t over_ns, uint64_t silent_ns,
                              facet_hybrid_ack_fn *ack, void *ctx);
/* Has this person been announced at this camera, in this run, within the cooldown? If not, now it is. */
bool facet_hybrid_tracks_announce(struct facet_hybrid_tracks *t, const struct facet_wire_track *w, int64_t person, double pts_ms, double cooldown_ms);

#endif
