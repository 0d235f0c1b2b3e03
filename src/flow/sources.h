/* Which sources are open, each with a slot of its own, for stages that remember something of every source: pictures of
 * cameras come mixed. A source is open from its first packet to its `flush`. Lives in its owner; all zero is empty. */
#ifndef FACET_FLOW_SOURCES_H
#define FACET_FLOW_SOURCES_H

#include "base/limits.h"

#include <stdbool.h>
#include <stdint.h>

struct facet_sources {
    int source[FACET_MAX_LIVE_SOURCES];
    uint64_t used[FACET_MAX_LIVE_SOURCES];     /* when it was last asked for; 0: free */
    uint64_t now;
};

/* The slot of a source, below FACET_MAX_LIVE_SOURCES. *is_new: it had none until now and was given a free one, or that
 * of the source not asked for longest, whose things are still in it. */
int facet_sources_slot(struct facet_sources *s, int source, bool *is_new);
/* The source is over; its slot is free. Nothing when it had none. */
void facet_sources_end(struct facet_sources *s, int source);
/* The source of the first slot in use; false when there is none. */
bool facet_sources_first(const struct facet_sources *s, int *source);

#endif
