/* Chips of several callers through one run: a thread takes what is there, up to `max_batch` chips, in order of arrival. It
 * waits at most `deadline_ms` for more, and only while somebody is known to be on the way (facet_batcher_expect), so that
 * a caller who is alone loses nothing. A failure that came of sharing does not spread: callers of a failed batch are run
 * each for itself. Thread-safe. */
#ifndef FACET_DEPLOY_BATCHER_H
#define FACET_DEPLOY_BATCHER_H

#include "image/image.h"

#include <stdbool.h>

struct facet_batcher;

typedef int facet_batch_fn(void *ctx, const struct facet_image *const *chips, int n, float *out);

struct facet_batcher_opts {
    facet_batch_fn *run;           /* on the batcher's thread; n is at most max_batch */
    uint64_t (*cpu_ns)(void *ctx); /* CPU time that run has used so far beside its thread's own; NULL: none */
    void *ctx;
    int dim;                       /* numbers that come out for a chip */
    int max_batch;
    double deadline_ms;
};
/* Until the first batch; of the batches it was in; its share of their CPU time. */
struct facet_batcher_times { uint64_t queued_ns, worked_ns, cpu_ns; };
struct facet_batcher_stats { uint64_t batches, chips, largest; };

int facet_batcher_open(struct facet_batcher **out, const struct facet_batcher_opts *o);
/* Nobody is inside. */
void facet_batcher_close(struct facet_batcher **b);
/* +1: chips will come soon; -1: they will not. */
void facet_batcher_expect(struct facet_batcher *b, int more);
/* Waits until all n rows are there; `times` is added to. was_expected: these are what facet_batcher_expect told of. */
int facet_batcher_run(struct facet_batcher *b, const struct facet_image *const *chips, int n, bool was_expected, float *out,
                      struct facet_batcher_times *times);
void facet_batcher_stats(struct facet_batcher *b, struct facet_batcher_stats *out);

#endif
