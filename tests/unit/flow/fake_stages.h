/* Stages for tests of the runner: a source that counts, a worker that marks, a sink that checks. */
#ifndef FACET_TEST_FAKE_STAGES_H
#define FACET_TEST_FAKE_STAGES_H

#include "flow/stage.h"

#include <stdatomic.h>

struct fake_opts {
    int packets;           /* source: how many, then FACET_E_END */
    int flush_last;        /* source: the last one has `flush` */
    int again_every;       /* source: says FACET_E_AGAIN before each so-manieth packet */
    int sources;           /* source: packets of so many sources in turn, from 0; 0: all of number 3 */
    int fail_at;           /* step that fails, from 1; 0: none */
    int fail_open;
    atomic_int *cancel;    /* set to 1 at packet cancel_at */
    int cancel_at;
};
struct fake { struct fake_opts o; int steps, again, closed_by, most; int64_t last; };

extern const struct facet_stage_ops fake_source, fake_worker;
extern const struct facet_stage_ops fake_gatherer;     /* a worker that takes several packets; `most`: at once so far */

#endif
