/* What both halves of hybrid agree on. */
#ifndef FACET_DEPLOY_HYBRID_H
#define FACET_DEPLOY_HYBRID_H

#include "wire/event.h"

/* An id that is the same however often it is made: of the run of a device, a letter for what it is of, a track and numbers. */
void facet_hybrid_id(char out[FACET_EVENT_ID], const char *device, const char *run, char kind, int64_t track, int64_t a, int64_t b);

#define FACET_HYBRID_CHIP 'c'      /* a: number of the chip */
#define FACET_HYBRID_END 'e'
#define FACET_HYBRID_IDENTITY 'i'  /* a: decision, b: person */

#endif
