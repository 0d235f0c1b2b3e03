/* The last event of each living track, so that the next can say what was before it. Not thread-safe. */
#ifndef FACET_DEPLOY_BEFORE_H
#define FACET_DEPLOY_BEFORE_H

#include "wire/event.h"

#define FACET_BEFORE_TRACKS 512        /* of more, the one not heard of for longest makes room */

struct facet_before { struct facet__before_track { struct facet_event *event; uint64_t used; } track[FACET_BEFORE_TRACKS]; int n; uint64_t now; };

void facet_before_fini(struct facet_before *b);        /* zeroed memory is an empty one */
/* Remembers `e`, or, when it ends a track, forgets that. What was remembered of its track goes into *previous; false: nothing,
 * and `previous` is left alone. Who was named before and is somebody else now has no name in it: an event tells of one person. */
bool facet_before_step(struct facet_before *b, const struct facet_event *e, struct facet_event *previous);

#endif
