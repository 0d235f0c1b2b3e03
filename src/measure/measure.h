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

/* What the process cost the system so far (getrusage(2)). */
struct facet_usage {
    int64_t minor_faults, major_faults;        /* pages mapped from memory; read from disk */
    int64_t switches, preemptions;             /* times it waited; times it was put aside */
};
void facet_usage_read(struct facet_usage *out);

/* Energy. A counter tells what the machine (or a part of it) spent: RAPL's packages and memory, the INA3221 of Jetson
 * boards, NVML's graphics cards, or a battery that is being emptied; the first of them that is here is read. Found by name below
 * `root` ("" for the real tree; tests give a fixture). The model is no counter: it multiplies the time that the machine's
 * processors were busy with watts that the user measured or looked up. docs/energy.md. */
struct facet_energy;
struct facet_power_model { double idle_watts, core_watts; };      /* of the machine at rest; of one busy core on top. Both 0: none */

int facet_energy_open(struct facet_energy **out, const char *root);      /* FACET_E_UNSUPPORTED: none here */
/* The counter that is here; otherwise the model; without either FACET_E_UNSUPPORTED. */
int facet_energy_open_or_model(struct facet_energy **out, const char *root, const struct facet_power_model *m);
void facet_energy_close(struct facet_energy **e);
const char *facet_energy_source(const struct facet_energy *e);           /* "rapl", "ina3221", "nvml", "battery", "model"; "": NULL */
int facet_energy_read(struct facet_energy *e, double *joules);           /* since open, wraps handled */

enum facet_energy_state { FACET_ENERGY_ABSENT, FACET_ENERGY_ESTIMATED, FACET_ENERGY_REAL };
struct facet_energy_reader { const char *name; enum facet_energy_state state; char why[256]; };   /* why: what is missing; "" */
#define FACET_ENERGY_READERS 8
/* Every reader there is, and whether it tells anything here; returns how many. */
int facet_energy_readers(struct facet_energy_reader out[FACET_ENERGY_READERS], const char *root, const struct facet_power_model *m);

/* Durations: log-linear buckets, no allocation. */
struct facet_histogram { uint64_t count, sum_ns, max_ns, min_ns, bucket[256]; };
void facet_histogram_add(struct facet_histogram *h, uint64_t ns);
uint64_t facet_histogram_quantile(const struct facet_histogram *h, double q);    /* ns */

#endif
