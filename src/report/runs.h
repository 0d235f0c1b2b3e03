/* Folders of experiments side by side, for the page and the digest: every row with its platform, and what follows from its
 * columns. Columns that a folder lacks (an older one, or one without strategies) are empty, not a fault. */
#ifndef FACET_REPORT_RUNS_H
#define FACET_REPORT_RUNS_H

#include "report/table.h"

#include <stdbool.h>
#include <stddef.h>

#define FACET_REPORT_MAX_DIRS 64
#define FACET_REPORT_CAMERA_FPS 10     /* what a camera is taken to send */

struct facet_json;

struct facet_report_run {
    char label[288];                   /* "AMD EPYC, 2 cores"; of several folders each has its own name before it */
    struct facet_json *head, *env;     /* experiments.json, environment.json */
    struct facet_table table;          /* summary.csv */
};
struct facet_report_runs { struct facet_report_run *run; int n; };

/* What follows from a row's columns, each once, so that page and digest say the same. */
struct facet_report_derived { const char *name; double (*of)(const struct facet_report_run *r, size_t row); };
extern const struct facet_report_derived facet_report_derived[];      /* ended by a NULL name */

/* FACET_E_LIMIT for more than FACET_REPORT_MAX_DIRS folders; on failure *out is empty. */
int facet_report_runs_load(struct facet_report_runs *out, const char *const *dirs, int n);
void facet_report_runs_fini(struct facet_report_runs *r);

bool facet_report_is_done(const struct facet_report_run *r, size_t row);
/* The path of a frame alone, on one machine; otherwise a site of broker, server and device. */
bool facet_report_is_path(const struct facet_report_run *r, size_t row);
/* "platform" is the run's label, otherwise a column; "" where there is none. Borrowed from the run. */
const char *facet_report_word(const struct facet_report_run *r, size_t row, const char *name);
/* Of a derived name or a column; NAN where it is none. */
double facet_report_value(const struct facet_report_run *r, size_t row, const char *name);

#endif
