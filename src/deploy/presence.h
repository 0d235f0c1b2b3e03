/* Who is there: a person is present from the first event that names one of the tracks, until none of the tracks that were
 * named lives and `absence_ms` have passed. Times are of a clock that never goes back. Not thread-safe. */
#ifndef FACET_DEPLOY_PRESENCE_H
#define FACET_DEPLOY_PRESENCE_H

#include "wire/event.h"

#define FACET_PRESENCE_PEOPLE 512
#define FACET_PRESENCE_TRACKS 1024
#define FACET_PRESENCE_LIFE_MS 3600000     /* of a track whose end is never told */

struct facet_present {
    int64_t person;
    char name[FACET_MAX_NAME], camera[FACET_MAX_NAME];     /* camera "": absent */
    bool is_present;
    int64_t since_ms, seen_ms;     /* Unix times of the pictures */
    float cosine, score;
};

struct facet_presence;

int facet_presence_open(struct facet_presence **out, double absence_ms);
void facet_presence_close(struct facet_presence **p);
/* An event, `late_ms` after its picture. What is over, or so late that the person may be gone, moves nobody. */
void facet_presence_event(struct facet_presence *p, const struct facet_event *e, int64_t late_ms, int64_t now_ms);
void facet_presence_tick(struct facet_presence *p, int64_t now_ms);
/* One of those that changed since the last call; false: none. */
bool facet_presence_changed(struct facet_presence *p, struct facet_present *out);
/* Ids of all who are remembered; up to FACET_PRESENCE_PEOPLE. */
int facet_presence_people(const struct facet_presence *p, int64_t *ids);
/* A person who is gone from the gallery is forgotten at once. */
void facet_presence_forget(struct facet_presence *p, int64_t person);

#endif
