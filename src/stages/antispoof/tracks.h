/* What the two halves remember of a track. A bounded table: the track seen longest ago makes room. */
#ifndef FACET_STAGES_ANTISPOOF_TRACKS_H
#define FACET_STAGES_ANTISPOOF_TRACKS_H

#include "flow/packet.h"

#define FACET_LIVE_TRACKS 1024

struct facet_live_track {
    int64_t id;                    /* 0: free */
    uint64_t used;
    int looks;                     /* first half: how often it was looked at, up to a ceiling */
    float real;                    /* and how real it looked */
    bool is_told, is_owed;         /* gate: the spoof was told; a name was held back */
};

struct facet__live_tracks { uint64_t now; int n; struct facet_live_track entry[FACET_LIVE_TRACKS]; };

void facet__live_begin(struct facet__live_tracks *t);                              /* a packet */
struct facet_live_track *facet__live_find(struct facet__live_tracks *t, int64_t track);    /* made where it is not there */
void facet__live_forget(struct facet__live_tracks *t, const struct facet_packet *p);      /* those that ended */

#endif
