/* Which versions of other people's software ran: for environment.json. */
#ifndef FACET_BENCH_SOFTWARE_H
#define FACET_BENCH_SOFTWARE_H

#include "base/json.h"
#include "bench/experiment.h"

/* "libraries": the C library, SQLite, FFmpeg, and the engines that experiments name; null for what is not here. */
void facet_bench_put_software(struct facet_jsonw *w, const struct facet_experiments *x);
/* FACET_E_FORMAT when an environment tells its libraries, but not as text or null, or not the engine of an experiment
 * of `items` (experiments.json). */
int facet_bench_check_software(const struct facet_json *env, const struct facet_json *items);

#endif
