/* Rows of several folders that are alike in some columns, and what they come to. Failed runs are in no group. */
#ifndef FACET_REPORT_GROUPS_H
#define FACET_REPORT_GROUPS_H

#include "report/runs.h"

struct facet_report_member { int run; size_t row, group; };
struct facet_report_groups {
    const struct facet_report_runs *runs; const char *const *keys;     /* borrowed */
    struct facet_report_member *member; size_t n_members;
    size_t *first; size_t n;           /* of each group: its first member */
};

/* Where there are some of the kind that is asked for, only those: a slow line says nothing about a framework. */
enum facet_report_which { FACET_REPORT_ALL, FACET_REPORT_PATHS, FACET_REPORT_SITES };

/* `keys`: names as of facet_report_word, ended by NULL. Groups stand in the order in which their first rows come. */
int facet_report_group(struct facet_report_groups *out, const struct facet_report_runs *runs, const char *const *keys, enum facet_report_which which);
void facet_report_groups_fini(struct facet_report_groups *g);

/* Key number k of a group; "default" where the column is empty. */
const char *facet_report_key(const struct facet_report_groups *g, size_t group, size_t k);
size_t facet_report_count(const struct facet_report_groups *g, size_t group);
/* Of the rows that have the number; NAN where none has (a quantile also without memory). */
double facet_report_mean(const struct facet_report_groups *g, size_t group, const char *name);
double facet_report_quantile(const struct facet_report_groups *g, size_t group, const char *name, double part);

#endif
