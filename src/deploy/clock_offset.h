/* How far another machine's clock is ahead of ours, from questions and answers: of the last 16, the one that was under way
 * for the shortest time is believed (the way NTP does it). Lives in its owner; all zero is empty. */
#ifndef FACET_DEPLOY_CLOCK_OFFSET_H
#define FACET_DEPLOY_CLOCK_OFFSET_H

#include <stdbool.h>
#include <stdint.h>

#define FACET_CLOCK_SAMPLES 16

struct facet_clock_offset {
    int64_t trip_us[FACET_CLOCK_SAMPLES], offset_us[FACET_CLOCK_SAMPLES];
    unsigned n, next;
};

/* Our clock when it was asked and when the answer was here; the other's when it heard and when it answered. False, and
 * nothing is noted, when these make no sense. */
bool facet_clock_offset_add(struct facet_clock_offset *c, int64_t sent_us, int64_t received_us, int64_t answered_us, int64_t back_us);
/* The other's clock minus ours; false until measured. */
bool facet_clock_offset_get(const struct facet_clock_offset *c, int64_t *offset_us);

#endif
