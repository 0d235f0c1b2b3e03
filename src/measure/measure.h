/* What the machine spends: time of the process, memory, energy. Readers say "unavailable" where
 * the machine cannot tell. */
#ifndef FACET_MEASURE_MEASURE_H
#define FACET_MEASURE_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

uint64_t facet_process_cpu_ns(void);
uint64_t facet_thread_cpu_ns(void);
int64_t facet_rss_bytes(void);             /* -1 when unreadable */
int64_t facet_peak_rss_bytes(void);

/* Energy counters (RAPL, INA3221), found by name below `root` ("" for the real tree; tests give a
 * fixture). source: "rapl", "ina3221", "" when none. */
struct facet_energy;
int facet_energy_open(struct facet_energy **out, const char *root);      /* FACET_E_UNSUPPORTED: none here */
void facet_energy_close(struct facet_energy **e);
const char *facet_energy_source(const struct facet_energy *e);
int facet_energy_read(struct facet_energy *e, double *joules);           /* since open, wraps handled */

/* Durations: log-linear buckets, no allocation. */
struct facet_histogram { uint64_t count, sum_ns, max_ns, min_ns, bucket[256]; };
void facet_histogram_add(struct facet_histogram *h, uint64_t ns);
uint64_t facet_histogram_quantile(const struct facet_histogram *h, double q);    /* ns */

#endif
