/* Log lines as text, or as one JSON object a line for who gathers logs, to a file descriptor.
 *
 * Warnings and errors that say the same again and again (numbers may differ) are let through FACET_LOG_BURST times in FACET_LOG_WINDOW_MS;
 * the rest is counted, and told with the next that is let through, or at the end. Thread-safe. */
#ifndef FACET_BASE_LOG_LINES_H
#define FACET_BASE_LOG_LINES_H

#include "base/clock.h"
#include "base/lock.h"
#include "base/log.h"

#include <stdbool.h>

#define FACET_LOG_BURST 5
#define FACET_LOG_WINDOW_MS 10000
#define FACET_LOG_KINDS 64         /* of lines that are remembered */

struct facet_log_kind { uint64_t hash; int64_t since_ms; int said, held; enum facet_log_level level; char topic[24], text[96]; };

struct facet_log_lines {
    int fd;
    bool json;
    const char *before;            /* of each text line: "facet: ", or what clears a progress line */
    const struct facet_clock *clock;
    struct facet_lock lock;
    struct facet_log_kind kinds[FACET_LOG_KINDS];
};

/* `clock` NULL: the system's. */
int facet_log_lines_init(struct facet_log_lines *l, int fd, bool json, const struct facet_clock *clock);
/* Tells what is still held. */
void facet_log_lines_fini(struct facet_log_lines *l);
/* facet_log_set's callback; ctx is the struct facet_log_lines. */
facet_log_fn facet_log_lines_write;

#endif
