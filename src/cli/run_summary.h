/* What a run tells at its end. */
#ifndef FACET_CLI_RUN_SUMMARY_H
#define FACET_CLI_RUN_SUMMARY_H

#include "deploy/pipeline.h"

#include <stdio.h>

void facet_run_summary_text(FILE *to, const struct facet_pipeline_summary *s, const struct facet_pipeline_opts *o);
int facet_run_summary_json(const struct facet_pipeline_summary *s, const struct facet_pipeline_opts *o);

#endif
