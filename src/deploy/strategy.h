/* A strategy is a placement: for each step, the stage that does it here. A step that runs elsewhere
 * is a stage whose step goes over the wire; no stage asks which strategy it is in. A strategy is one
 * file and one line in strategy.c. */
#ifndef FACET_DEPLOY_STRATEGY_H
#define FACET_DEPLOY_STRATEGY_H

#include "flow/stage.h"

struct facet_strategy {
    const char *name;              /* "edge"; the CSV's column */
    const char *summary;
    /* NULL: the step's own stage (stages.h). */
    const struct facet_stage_ops *stage[FACET_STEPS];
};

extern const struct facet_strategy *const facet_strategies[];      /* NULL-ended */
extern const struct facet_strategy facet_strategy_edge;

/* NULL with an error text that lists the names. */
const struct facet_strategy *facet_strategy_find(const char *name);

#endif
