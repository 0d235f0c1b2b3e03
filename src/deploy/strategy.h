/* A strategy is a placement: for each step, the stage that does it here. A step that runs elsewhere
 * is a stage whose step goes over the wire; no stage asks which strategy it is in. A strategy is one
 * file and one line in strategy.c. */
#ifndef FACET_DEPLOY_STRATEGY_H
#define FACET_DEPLOY_STRATEGY_H

#include "flow/stage.h"

struct facet_strategy {
    const char *name;              /* "edge"; the CSV's column */
    const char *summary;
    const char *leaves;            /* what leaves the device, in words */
    bool needs_site;               /* it takes another machine, so it is run by a site's file */
    bool is_elsewhere;             /* a device runs no step itself: its cameras are the server's */
    /* NULL: the step's own stage (stages.h). */
    const struct facet_stage_ops *stage[FACET_STEPS];
};

extern const struct facet_strategy *const facet_strategies[];      /* NULL-ended */
extern const struct facet_strategy facet_strategy_edge, facet_strategy_cloud, facet_strategy_hybrid;

/* NULL with an error text that lists the names. */
const struct facet_strategy *facet_strategy_find(const char *name);

#endif
