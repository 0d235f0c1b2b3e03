/* Boxes to tracks: constant-velocity Kalman prediction and Hungarian assignment (Bewley et al. 2016,
 * SORT; Kuhn 1955), two rounds by score (Zhang et al. 2022, ByteTrack). docs/tracking.md.
 *
 * Tracking has two halves. The stage `track` sees boxes only and stands before align. The stage
 * `rejoin` stands after embed, sees what faces look like, and lets a new track continue a lost one. It
 * depends on nothing but the packets that pass, so the two may run on different threads and still
 * give the same answer every time. */
#ifndef FACET_STAGES_TRACK_H
#define FACET_STAGES_TRACK_H

#include "flow/stage.h"

struct facet_track_opts {
    double ttl_ms;                 /* 0: 1000; a track without a match for longer ends */
    int min_hits;                  /* 0: 2; matches in a row before it gets a number. In the first picture of
                                    * a source or a scene one is enough */
    float iou;                     /* 0: 0.3; least overlap with the prediction */
    float sure;                    /* 0: 0.7; faces that score less continue tracks but begin none */
    float cut;                     /* 0: on; scene cuts end tracks. Negative: off. Positive: the correlation of
                                    * neighbouring pictures below which there is a cut, instead of 0.5 */
    float rejoin_cosine;           /* 0: 0.6; a new track this like a lost one continues it. Negative: off */
    double rejoin_ms;              /* 0: 5000 */
};
struct facet_tracker;
int facet_tracker_open(struct facet_tracker **out, const struct facet_track_opts *o);
void facet_tracker_close(struct facet_tracker **t);
/* Sets track and is_new_track of each face, lists ended tracks, sets p->cut. Sources are followed apart, their packets
 * may come mixed; one with `flush` ends its source's tracks. Numbers are unique over all. Allocates nothing. */
int facet_tracker_step(struct facet_tracker *t, struct facet_packet *p);

extern const struct facet_stage_ops facet_stage_track;       /* opts: struct facet_track_opts */

/* The second half. Rewrites the numbers of the tracks: a face whose track is embedded for the first
 * time is compared with the last embeddings of tracks that are out of sight, and takes over the number
 * of the one that is most like it. So a track that was embedded once ends rejoin_ms after it was last
 * seen, not ttl_ms; cuts and the end of a source end it at once. When a track that had been shown with
 * a number of its own turns out to be a lost one, its own number is listed as ended. */
struct facet_rejoin_opts {
    int dim;                       /* numbers in an embedding */
    float cosine;                  /* 0: 0.6. Negative: off, packets pass untouched */
    double ms;                     /* 0: 5000 */
};
struct facet_rejoin;
int facet_rejoin_open(struct facet_rejoin **out, const struct facet_rejoin_opts *o);
void facet_rejoin_close(struct facet_rejoin **r);
int facet_rejoin_step(struct facet_rejoin *r, struct facet_packet *p);

/* opts: struct facet_rejoin_opts. Its name is "track" too: its time counts as tracking. */
extern const struct facet_stage_ops facet_stage_rejoin;

#endif
