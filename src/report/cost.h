/* What a camera costs a month, predicted from what runs used and what things cost (report_beside.h). A machine's price is shared by
 * the cameras that it carries; electricity and traffic are what a frame used, day and night. edge pays a device, cloud a server, hybrid
 * both. What a run does not tell is NAN, and no part of the sum. */
#ifndef FACET_REPORT_COST_H
#define FACET_REPORT_COST_H

#include "report/beside.h"
#include "report/runs.h"

struct facet_report_cost {
    const char *platform, *strategy, *network;         /* borrowed from the runs */
    char machines[220];                                /* names of the prices */
    double machine, electricity, traffic, sum;         /* euro a camera and month; sum NAN: the machine carries no camera, or is not known */
};
struct facet_report_costs { struct facet_report_cost *item; size_t n; };

int facet_report_costs(struct facet_report_costs *out, const struct facet_report_runs *runs, const struct facet_price *prices, size_t n);
void facet_report_costs_fini(struct facet_report_costs *c);

#endif
