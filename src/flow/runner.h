/* Runs stages over packets: one thread a stage, bounded queues between, order kept. */
#ifndef FACET_FLOW_RUNNER_H
#define FACET_FLOW_RUNNER_H

#include "flow/stage.h"

#include <stdatomic.h>

struct facet_runner;
struct facet_runner_opts {
    unsigned depth;                /* packets between two stages; 0: 2 */
    unsigned threads;              /* 1: everything on the caller's thread; 0: one a stage */
    int dim;                       /* of embeddings, for the packets */
    /* Stages that can (facet_stage_ops.step_together) take so many packets at once when they are there, of one source or of
     * several; 0 or 1: one. At most FACET_FLOW_TOGETHER. They wait for more no longer than that, and only while some are under way
     * to them, so that a picture that is alone loses nothing. With `threads` 1: one. */
    unsigned together;
    double together_ms;
    /* Non-zero: the source stops, what is inside is finished. For each source whose last packet was no flush, one
     * with `flush` set and no frame follows, so that tracks end and their events are told. */
    atomic_int *cancel;
    /* After each packet left the last stage, on that stage's thread. */
    void (*done)(void *ctx, const struct facet_packet *p); void *ctx;
};

/* Borrows the stages until close. stages[0] is the source. */
int facet_runner_open(struct facet_runner **out, struct facet_stage *const *stages, size_t n, const struct facet_runner_opts *o);
/* Once. A source that says FACET_E_AGAIN is asked again at once, so it waits by itself. A stage that
 * failed is not stepped again. Until the source ends, is cancelled (FACET_OK) or a stage fails: the first failure's code, with its text. */
int facet_runner_run(struct facet_runner *r);
void facet_runner_close(struct facet_runner **r);

#endif
