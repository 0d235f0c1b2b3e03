/* cloud: cameras alone are here, every step is the server's. Of a server's own cameras it is the placement, too: all of the
 * path's own stages, on that machine. */
#include "deploy/strategy.h"

const struct facet_strategy facet_strategy_cloud = {
    .name = "cloud",
    .summary = "cameras here, every step on the server",
    .leaves = "the whole video, by TLS",
    .needs_site = true,
    .is_elsewhere = true,
};
