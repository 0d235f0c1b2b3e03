/* Programs that are run: to their end, or beside us until they are told to stop. Their output goes into files, and the system tells what
 * they cost. They die with the thread that started them, so that nothing is left behind however we end. */
#ifndef FACET_BENCH_CHILD_H
#define FACET_BENCH_CHILD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct facet_child_cost {
    int code;                          /* exit code; 128 + n: killed by signal n */
    double seconds, cpu_seconds;       /* on the clock; of processors, user and system */
    int64_t minor_faults, major_faults, switches, preemptions, peak_rss_bytes;
};

struct facet_child_opts {
    const char *const *argv;           /* argv[0] is the program's path; NULL-ended */
    const char *const *env;            /* "NAME=value"..., besides our own; NULL-ended; NULL: none */
    const char *out, *log;             /* files for standard output and error; may be the same */
    int net_fd;                        /* of the network namespace it lives in; 0: ours, so that zeros are a default */
};

struct facet_child {
    pid_t pid;                         /* 0: not running, or ended and looked after */
    const char *name;                  /* argv[0], borrowed */
    uint64_t begun_ns;
    struct facet_child_cost cost;      /* when it has ended */
};

int facet_child_start(struct facet_child *c, const struct facet_child_opts *o);
/* Whether it goes on; what ended is looked after, and its cost told. */
bool facet_child_is_running(struct facet_child *c);
/* Asks it to end (SIGTERM), waits, and kills it after `grace_ms`. Fine when it does not run. */
void facet_child_stop(struct facet_child *c, unsigned grace_ms);
/* Processor time so far; of one that has ended, all. */
double facet_child_cpu_seconds(const struct facet_child *c);

/* FACET_E_INTERNAL with what has ended and the last line that it wrote into `log`: "the server: exit code 3: no such model". */
int facet_child_fail(const struct facet_child *c, const char *what, const char *log);

/* Runs to the end. A cancelled child is stopped: FACET_E_CANCELLED. An exit code is no error here. */
int facet_child_run(const char *const *argv, const char *out, const char *log, const atomic_int *cancel, struct facet_child_cost *cost);
/* This program's own file, to be run again. */
int facet_child_self(char *out, unsigned cap);
/* A program in PATH, or where the system keeps its servers. FACET_E_NOT_FOUND names it. */
int facet_child_find(char *out, unsigned cap, const char *name);

#endif
