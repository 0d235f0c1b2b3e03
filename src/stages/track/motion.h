/* Where a box will be: constant-velocity Kalman filters of its centre and scale, a constant one of its
 * aspect (the state of Bewley et al. 2016, whose matrices fall apart into these four). Time is in
 * seconds, noise in units of the box's own scale, so that frame rate and resolution do not matter. */
#ifndef FACET_STAGES_TRACK_MOTION_H
#define FACET_STAGES_TRACK_MOTION_H

#include "image/geom.h"

/* A value and its change per second, with their covariance. */
struct facet__wave { float x, v, pxx, pxv, pvv; };

struct facet__motion {
    struct facet__wave cx, cy, scale;      /* scale: root of the area */
    float aspect;                          /* width over height */
};

void facet__motion_begin(struct facet__motion *m, struct facet_box box);
/* `seconds` from the last call; is_seen: it was matched in the frame before. A face that is hidden is
 * thought to keep its size and to lose its speed. */
void facet__motion_predict(struct facet__motion *m, float seconds, bool is_seen);
void facet__motion_update(struct facet__motion *m, struct facet_box box);
struct facet_box facet__motion_box(const struct facet__motion *m);

#endif
