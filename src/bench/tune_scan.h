/* How seldom all of a picture need be looked over, judged on a video: see docs/tuning.md. */
#ifndef FACET_BENCH_TUNE_SCAN_H
#define FACET_BENCH_TUNE_SCAN_H

#include "bench/tune.h"

struct facet_model_spec;

/* An interval is taken only when so many of the full scans' faces are found again at FACET_FINDINGS_IOU, and as many of those
 * that are found are the full scans'. */
#define FACET_TUNE_SAME 0.99

/* A file of those that are taken for videos, by its name. */
bool facet_tune_is_clip(const char *path);
/* Sets `scan_every`, and `scan_detector` with it, where following pays and finds the same faces on the clip; leaves both as
 * they are where it does not. The report gets a table. */
int facet_tune_scan(struct facet_tuning *out, struct facet_report *r, const struct facet_model_spec *detector, const char *clip,
                    const atomic_int *cancel);

#endif
