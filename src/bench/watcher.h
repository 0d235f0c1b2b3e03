/* Somebody at the broker who hears every event, and when: what strategies are compared by. */
#ifndef FACET_BENCH_WATCHER_H
#define FACET_BENCH_WATCHER_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_watcher;

/* Until it can hear: at most `wait_ms`, then FACET_E_TIMEOUT. */
int facet_watcher_open(struct facet_watcher **out, const char *host, int port, unsigned wait_ms);
void facet_watcher_close(struct facet_watcher **w);

struct facet_watched_state { int64_t events; int begun, ended; double quiet_s; };  /* tracks; time since the last event, or since open */
void facet_watcher_state(struct facet_watcher *w, struct facet_watched_state *out);

struct facet_watched {
    int64_t events;                /* each once */
    int tracks, named, names;      /* those that began; those with a person's name; different persons */
    int64_t pictures;              /* of faces that went to the server */
    size_t decisions;              /* who a track is, or that nobody knows: `delay` is of these */
    double mean_ms, p50_ms, p95_ms, p99_ms;
};

/* Delays from capture to hearing. `first_ms` not 0: frames were captured by a clock that began there with the video's first frame, whatever
 * the events say (cloud: they know when a frame came to the server). */
void facet_watcher_tell(struct facet_watcher *w, int64_t first_ms, struct facet_watched *out);

#endif
