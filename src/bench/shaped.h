/* The way from a device to its server, as a network would be: a relay (net/netsim.h) that holds back, loses and counts.
 *
 * Where the process may (root, `ip` and `tc`, a kernel with tbf), the device lives in a network namespace of its own behind a pair of
 * virtual interfaces, the kernel's token bucket limits the rate of each way, and the relay does the rest; elsewhere the relay does all
 * of it. The namespace has no name: it is gone when we are. */
#ifndef FACET_BENCH_SHAPED_H
#define FACET_BENCH_SHAPED_H

#include "net/netsim.h"

struct facet_shaped;

enum facet_shaper { FACET_SHAPER_NONE, FACET_SHAPER_RELAY, FACET_SHAPER_TBF, FACET_SHAPERS };
extern const char *const facet_shaper_words[FACET_SHAPERS];        /* "", "relay", "tbf+relay" */

struct facet_shaped_opts {
    struct facet_netsim_shape way[FACET_NETSIM_WAYS];      /* all zero: as it is, only counted */
    const char *target_host; int target_port;
    uint64_t seed;
    bool no_namespace;             /* the relay alone, even where more could be had */
};

int facet_shaped_open(struct facet_shaped **out, const struct facet_shaped_opts *o);
/* Whoever lives in the namespace has ended before. NULL is fine. */
void facet_shaped_close(struct facet_shaped **s);
/* Where the device finds its server, and the namespace it must live in (0: ours). */
const char *facet_shaped_host(const struct facet_shaped *s);
int facet_shaped_port(const struct facet_shaped *s);
int facet_shaped_net_fd(const struct facet_shaped *s);
enum facet_shaper facet_shaped_by(const struct facet_shaped *s);
/* Stops relaying, and tells what passed. */
void facet_shaped_end(struct facet_shaped *s, struct facet_netsim_stats *out);

#endif
