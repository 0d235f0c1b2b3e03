/* edge: every step on this machine. */
#include "deploy/strategy.h"

const struct facet_strategy facet_strategy_edge = {
    .name = "edge",
    .summary = "every step on this machine",
    .leaves = "events: names, times, boxes; no picture",
};
