/* Kinds of energy counters: a kind is one file and one line in energy.c's list. */
#ifndef FACET_MEASURE_ENERGY_PRIV_H
#define FACET_MEASURE_ENERGY_PRIV_H

#include "base/clock.h"
#include "measure/measure.h"

#include <limits.h>
#include <stddef.h>

#define ENERGY_MAX_RAILS 32

/* One counter (RAPL: joules so far) or one rail (INA3221: volts and amperes now). */
struct facet__rail {
    char value[PATH_MAX];       /* file that is read: microjoules, or millivolts */
    char current[PATH_MAX];     /* milliamperes */
    uint64_t last, range;       /* of a counter, in microjoules */
};

struct facet_energy {
    const struct facet__energy_kind *kind;
    struct facet__rail rails[ENERGY_MAX_RAILS];
    int n_rails;
    double joules;
    const struct facet_clock *clock;
    uint64_t last_ns;
    double last_watts;
    char root[PATH_MAX];
    struct facet_power_model model;
    void *library;              /* NVML's, opened by it */
    void *cards[ENERGY_MAX_RAILS];
};

struct facet__energy_kind {
    const char *name;
    /* Fills e->rails and takes the first reading. FACET_E_UNSUPPORTED: none of this kind. */
    int (*find)(struct facet_energy *e, const char *root);
    int (*read)(struct facet_energy *e);      /* brings e->joules up to now */
    void (*close)(struct facet_energy *e);    /* NULL: nothing to give back; accepts any prefix of find */
};

extern const struct facet__energy_kind facet__energy_rapl, facet__energy_ina3221, facet__energy_nvml,
    facet__energy_battery, facet__energy_model;

/* As facet_energy_open, with a clock that a test may turn; borrowed until close. */
int facet__energy_open(struct facet_energy **out, const char *root, const struct facet_clock *clock);
int facet__energy_open_model(struct facet_energy **out, const char *root, const struct facet_power_model *m,
                             const struct facet_clock *clock);

/* Adds what was spent since the last reading by the trapezium rule; `watts` is of now. */
void facet__energy_pass(struct facet_energy *e, double watts);

/* Small files of /sys. Number: the first in the file. Text: without the line end. */
int facet__sys_number(const char *path, uint64_t *out);
int facet__sys_text(const char *path, char *out, size_t cap);
int facet__sys_path(char out[PATH_MAX], const char *dir, const char *name);

/* Calls fn for each entry of root/dir whose name begins with `prefix`, sorted; stops at non-zero. A
 * folder that is not there has no entries. */
typedef int facet__sys_fn(struct facet_energy *e, const char *path);
int facet__sys_each(struct facet_energy *e, const char *root, const char *dir, const char *prefix,
                    facet__sys_fn *fn);

#endif
