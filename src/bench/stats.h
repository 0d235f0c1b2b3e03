/* Times of repeated runs, told as a median with its spread; and how two of them compare. */
#ifndef FACET_BENCH_STATS_H
#define FACET_BENCH_STATS_H

#include <stddef.h>

/* low and high: the 10th and 90th part in a hundred of the numbers themselves; for a ratio, between
 * which the ratio of medians lies in 95 of 100 redrawings of the rounds. n 0: nothing was measured. */
struct facet_stat { double median, low, high, best; size_t n; };

/* The numbers are left in their order. FACET_E_NOMEM. */
int facet_stat_of(struct facet_stat *out, const double *numbers, size_t n);

/* median(a) / median(b) of rounds run side by side: round i of both met the same machine, so rounds are
 * redrawn together (a seeded bootstrap). best: best(a) / best(b). */
int facet_stat_ratio(struct facet_stat *out, const double *a, const double *b, size_t n);

/* What a list of numbers comes to. Sorts them. Without numbers: all NAN, but for n and sum. */
struct facet_spread { double sum, mean, p50, p95, p99, max; size_t n; };
void facet_spread_of(struct facet_spread *out, double *numbers, size_t n);

#endif
