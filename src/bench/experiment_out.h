/* What experiments leave behind, and reading it again. docs/experiments.md describes each file. */
#ifndef FACET_BENCH_EXPERIMENT_OUT_H
#define FACET_BENCH_EXPERIMENT_OUT_H

#include "bench/child.h"
#include "bench/experiment.h"
#include "bench/site_run.h"

/* experiments.json and environment.json, once. */
int facet_experiments_write_head(const struct facet_experiments *x, const char *out);
/* One of a folder's JSON files; the caller unrefs. */
struct facet_json;
int facet_experiments_json(struct facet_json **out, const char *dir, const char *name);
/* What a run answered, with what it was and cost, becomes run.json. `site` is NULL for the path alone. */
int facet_experiment_keep(const struct facet_experiment *e, const char *answer, const char *to, const struct facet_child_cost *cost,
                          const struct facet_site_result *site);
/* summary.csv of all that is there, written whole. */
int facet_experiments_write_summary(const struct facet_experiments *x, const char *out);

#endif
