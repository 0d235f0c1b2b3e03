/* Boxes to tracks: constant-velocity Kalman prediction and Hungarian assignment (Bewley et al. 2016,
 * SORT; Kuhn 1955), two rounds by score (Zhang et al. 2022, ByteTrack). docs/tracking.md. */
#ifndef FACET_STAGES_TRACK_H
#define FACET_STAGES_TRACK_H

#include "flow/stage.h"

struct facet_track_opts {
    double ttl_ms;                 /* 0: 1000; a track without a match for longer ends */
    int min_hits;                  /* 0: 2; matches before it gets a number */
    float iou;                     /* 0: 0.3; least overlap with the prediction */
    float cut;                     /* 0: on; scene cuts end tracks. Negative: off */
    float rejoin_cosine;           /* 0: 0.6; a new track this like a lost one continues it. Negative: off */
    double rejoin_ms;              /* 0: 5000 */
};
struct facet_tracker;
int facet_tracker_open(struct facet_tracker **out, const struct facet_track_opts *o);
void facet_tracker_close(struct facet_tracker **t);
/* Sets track and is_new_track of each face and lists ended tracks. */
int facet_tracker_step(struct facet_tracker *t, struct facet_packet *p);

extern const struct facet_stage_ops facet_stage_track;       /* opts: struct facet_track_opts */

#endif
