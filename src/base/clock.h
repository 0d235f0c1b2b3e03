/* Time. Code that waits or stamps takes a struct facet_clock so that tests can turn it by hand. */
#ifndef FACET_BASE_CLOCK_H
#define FACET_BASE_CLOCK_H

#include <stdint.h>

struct facet_clock {
    uint64_t (*mono_ns)(void *ctx);    /* never goes back */
    int64_t (*wall_ms)(void *ctx);     /* Unix time */
    void *ctx;
};

extern const struct facet_clock facet_clock_system;

/* Shorthand for facet_clock_system.mono_ns. Thread-safe. */
uint64_t facet_now_ns(void);

/* Writes UTC as "2026-01-31T12:00:00.000Z" (25 bytes with NUL). */
void facet_format_time(char out[25], int64_t wall_ms);
/* Reads what facet_format_time writes, and nothing else: FACET_E_FORMAT. */
int facet_parse_time(const char *text, int64_t *wall_ms);

#endif
