/* The order matters: each stage reads what those before it wrote into the packet. The same order
 * stands in meson.build and in docs/architecture.md; scripts/check_order.py compares the three. */
#include "stages/stages.h"

#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/identify/identify.h"
#include "stages/ingest/ingest.h"
#include "stages/publish/publish.h"
#include "stages/track/track.h"

const struct facet_stage_ops *const facet_stages[FACET_STEPS] = {
    &facet_stage_ingest,
    &facet_stage_detect,
    &facet_stage_track,
    &facet_stage_align,
    &facet_stage_embed,
    &facet_stage_identify,
    &facet_stage_publish,
};
