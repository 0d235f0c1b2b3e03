/* hybrid: the device finds, follows and aligns faces; the server says who they are. */
#include "deploy/hybrid.h"

#include "base/hash.h"
#include "deploy/hybrid_device.h"
#include "deploy/strategy.h"

#include <stdio.h>
#include <string.h>

void facet_hybrid_id(char out[FACET_EVENT_ID], const char *device, const char *run, char kind, int64_t track, int64_t a, int64_t b)
{
    char whole[160];
    int len = snprintf(whole, sizeof(whole), "%s\n%s", device, run);
    snprintf(out, FACET_EVENT_ID, "%016llx-%c%llx-%llx-%llx", (unsigned long long)facet_hash64(whole, (size_t)len, 0), kind,
             (unsigned long long)track, (unsigned long long)a, (unsigned long long)b);
}

const struct facet_strategy facet_strategy_hybrid = {
    .name = "hybrid",
    .summary = "faces are found, followed and aligned here, and recognised by the server",
    .leaves = "aligned chips of faces, a few of each track, and events",
    .needs_site = true,
    .stage = { [FACET_STEP_EMBED] = &facet_stage_chips, [FACET_STEP_IDENTIFY] = &facet_stage_answers },
};
