/* The path of a face, in order. */
#ifndef FACET_STAGES_H
#define FACET_STAGES_H

#include "flow/stage.h"

/* As enum facet_step numbers them. */
extern const struct facet_stage_ops *const facet_stages[FACET_STEPS];

#endif
