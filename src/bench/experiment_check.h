/* Folders of experiments: are they whole, and what changed between two of them. */
#ifndef FACET_BENCH_EXPERIMENT_CHECK_H
#define FACET_BENCH_EXPERIMENT_CHECK_H

#include "bench/report.h"

#include <stddef.h>

struct facet_checked { size_t done, failed, missing, faults; char first[512]; };   /* first: the first fault in words; "" */
/* Every file is there, can be read, and says what the others say. Faults are counted; an error is a folder that is none. */
int facet_experiments_check(struct facet_checked *out, const char *dir);

/* What is in both: the ratio of medians of B to A with the bounds of 95 of 100 redrawings; over repeats where there are three or
 * more of each, otherwise over frames. Writes tables into `r`; *changed counts what lies beyond noise. */
int facet_experiments_compare(struct facet_report *r, const char *a, const char *b, size_t *changed);

#endif
