/* A poor network on a good machine: a relay between a listening port and a target that shapes what passes.
 *
 * TCP: delay, jitter and rate hold bytes back, order is kept, a lost segment shows as the stall that its
 * repetition costs, a cut as silence. UDP: datagrams are really lost and really overtake each other. All
 * connections share one line each way, as they share a radio. One thread, poll; numbers come from a seed.
 * What it leaves out: the TCP handshake is the machine's own, so a connection is accepted at once, and nothing
 * here changes the congestion control of those who talk (docs/netsim.md). */
#ifndef FACET_NET_NETSIM_H
#define FACET_NET_NETSIM_H

#include "base/str.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One way of the line. All zero: nothing is changed. */
struct facet_netsim_shape {
    double delay_ms;               /* one way */
    double jitter_ms;              /* up to so much more, uniform */
    double loss;                   /* 0..1, of segments of 1460 bytes (TCP) or of datagrams (UDP) */
    double reorder;                /* 0..1, of datagrams: held back so that later ones overtake; UDP alone */
    double rate_kbps;              /* 1000 bits per second; 0: no limit */
};

enum facet_netsim_way { FACET_NETSIM_UP, FACET_NETSIM_DOWN, FACET_NETSIM_WAYS };     /* up: towards the target */

struct facet_netsim_profile { const char *name; struct facet_netsim_shape way[FACET_NETSIM_WAYS]; };
extern const struct facet_netsim_profile facet_netsim_profiles[];                    /* ended by a NULL name */

struct facet_netsim_opts {
    const char *host; int port;                /* where it listens; NULL: 127.0.0.1; 0: any free port */
    const char *target_host; int target_port;  /* whom it stands before */
    bool udp;
    struct facet_netsim_shape way[FACET_NETSIM_WAYS];
    uint64_t seed;
    size_t buffer;                 /* bytes held each way of a connection; 0: 256 KiB */
    const char *schedule;          /* "10 cut; 15 mend; 30 profile 3g; 60 repeat": seconds since the start; NULL: none */
    int control_port;              /* commands by TCP on 127.0.0.1; 0: none; negative: any free port */
    int control_fd;                /* commands are read here, answers written to `answer_fd`; its end ends the relay; 0: none, so that zeros are a default */
    int answer_fd;
    atomic_int *cancel;            /* non-zero ends the relay; may be NULL */
};
#define FACET_NETSIM_OPTS_INIT { 0 }

struct facet_netsim_flow { int64_t bytes, packets, lost, reordered; };     /* bytes: delivered */
struct facet_netsim_stats {
    struct facet_netsim_flow way[FACET_NETSIM_WAYS];
    int64_t connections, refused, resets;      /* refused: the target did not take them, or there were too many */
    int open;
    bool is_cut, is_refusing;
};

struct facet_netsim;

/* Listens; the target need not be there yet. Everything in `o` is copied but for `cancel`. */
int facet_netsim_open(struct facet_netsim **out, const struct facet_netsim_opts *o);
void facet_netsim_close(struct facet_netsim **s);
int facet_netsim_port(const struct facet_netsim *s);
int facet_netsim_control_port(const struct facet_netsim *s);               /* 0: none */
/* Relays until `quit`, the end of control_fd, facet_netsim_stop or `cancel`. */
int facet_netsim_run(struct facet_netsim *s);
/* From any thread, or a signal handler. */
void facet_netsim_stop(struct facet_netsim *s);

/* One line of the control protocol (docs/netsim.md), on the thread that runs. Appends the answer, "ok" or
 * one line of JSON; FACET_E_INVALID with a text for words it does not know. */
int facet_netsim_command(struct facet_netsim *s, const char *line, struct facet_str *answer);
void facet_netsim_stats(const struct facet_netsim *s, struct facet_netsim_stats *out);

/* FACET_E_NOT_FOUND, naming those there are. */
int facet_netsim_profile_find(const struct facet_netsim_profile **out, const char *name);
/* FACET_E_INVALID where a number makes no sense. */
int facet_netsim_shape_check(const struct facet_netsim_shape *s);

#endif
