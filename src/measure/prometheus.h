/* Metrics in the text form that Prometheus reads (version 0.0.4). A family is begun once, then its samples follow. */
#ifndef FACET_MEASURE_PROMETHEUS_H
#define FACET_MEASURE_PROMETHEUS_H

#include "base/str.h"
#include "measure/measure.h"

enum facet_prom_kind { FACET_PROM_COUNTER, FACET_PROM_GAUGE, FACET_PROM_HISTOGRAM };

struct facet_prom_label { const char *name, *value; };         /* values are escaped */

struct facet_prom { struct facet_str *out; const char *name; };

/* `name` (borrowed until the next family) has the unit at its end: _seconds, _bytes, _total. */
void facet_prom_family(struct facet_prom *p, struct facet_str *out, const char *name, enum facet_prom_kind kind, const char *help);
void facet_prom_sample(struct facet_prom *p, const struct facet_prom_label *labels, int n, double value);
/* _bucket, _sum and _count of durations, in seconds. Bounds are powers of two of nanoseconds, where the histogram's own buckets
 * part: 131 microseconds to 8.6 seconds. */
void facet_prom_histogram(struct facet_prom *p, const struct facet_prom_label *labels, int n, const struct facet_histogram *h);

#endif
