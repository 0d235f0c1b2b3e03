/* The device's half of hybrid: instead of embed, chips go out; instead of identify, answers come in. */
#ifndef FACET_DEPLOY_HYBRID_DEVICE_H
#define FACET_DEPLOY_HYBRID_DEVICE_H

#include "flow/stage.h"

struct facet_hybrid;               /* what the two stages share; the node's part */
struct facet_hybrid_placed { struct facet_hybrid *hybrid; };

extern const struct facet_stage_ops facet_stage_chips;     /* opts: struct facet_hybrid_placed */
extern const struct facet_stage_ops facet_stage_answers;   /* opts: struct facet_hybrid_placed */

#endif
