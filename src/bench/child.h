/* A program that is run to its end, its output in files, what it cost told by the system. */
#ifndef FACET_BENCH_CHILD_H
#define FACET_BENCH_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct facet_child_cost {
    int code;                          /* exit code; 128 + n: killed by signal n */
    double seconds, cpu_seconds;       /* on the clock; of processors, user and system */
    int64_t minor_faults, major_faults, switches, preemptions, peak_rss_bytes;
};

/* argv[0] is the program's path; NULL-ended. A cancelled child is asked to end (SIGTERM), then killed: FACET_E_CANCELLED.
 * An exit code is no error here. */
int facet_child_run(const char *const *argv, const char *out, const char *log, const atomic_int *cancel, struct facet_child_cost *cost);
/* This program's own file, to be run again. */
int facet_child_self(char *out, unsigned cap);

#endif
