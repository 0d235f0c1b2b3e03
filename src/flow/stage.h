/* A step of the path as something that can be opened, fed and closed. A remote stage has the same
 * interface; no stage asks which strategy it is in. */
#ifndef FACET_FLOW_STAGE_H
#define FACET_FLOW_STAGE_H

#include "flow/packet.h"

#define FACET_FLOW_TOGETHER 8          /* packets that a stage takes at once, at most */

struct facet_stage_ops {
    const char *name;              /* of the step: "detect" */
    size_t state_size;
    /* `opts` is the stage's own options struct, borrowed until open returns. */
    int (*open)(void *state, const void *opts);
    /* Works on the packet in place. Source stages fill it: FACET_E_END after the last packet. After
     * warm-up it allocates nothing of our own. */
    int (*step)(void *state, struct facet_packet *p);
    /* As step for each of 1 to FACET_FLOW_TOGETHER packets in their order, for stages that do them more cheaply at once; a
     * failure is all theirs. NULL: one after the other. */
    int (*step_together)(void *state, struct facet_packet *const *p, int n);
    void (*close)(void *state);    /* accepts any prefix of open */
};

struct facet_stage;                /* ops + state on the heap */
int facet_stage_open(struct facet_stage **out, const struct facet_stage_ops *ops, const void *opts);
void facet_stage_close(struct facet_stage **s);
int facet_stage_step(struct facet_stage *s, struct facet_packet *p);    /* also adds to p->step_ns, cpu_ns */
/* The same for up to FACET_FLOW_TOGETHER packets; each has its share of the time. */
int facet_stage_step_together(struct facet_stage *s, struct facet_packet *const *p, int n);
const struct facet_stage_ops *facet_stage_ops_of(const struct facet_stage *s);
void *facet_stage_state(struct facet_stage *s);

#endif
