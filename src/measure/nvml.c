/* Graphics cards, by NVIDIA's management library (NVML API reference: nvmlDeviceGetTotalEnergyConsumption, millijoules since the driver
 * was loaded). Opened at run time; its few prototypes are declared here, as Debian has no header of it. Cards that cannot count
 * energy (before Volta) are asked for their power instead, in milliwatts. */
#include "measure/energy_priv.h"

#include "base/errors.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef int nvml_plain_fn(void);
typedef int nvml_count_fn(unsigned *count);
typedef int nvml_card_fn(unsigned index, void **card);
typedef int nvml_energy_fn(void *card, unsigned long long *millijoules);
typedef int nvml_power_fn(void *card, unsigned *milliwatts);

/* A function of a library as a pointer to a function: C has no other way than through its bytes. */
static bool get(struct facet_energy *e, const char *name, void *fn, size_t size)
{
    void *symbol = dlsym(e->library, name);
    memcpy(fn, &symbol, size);
    return symbol != NULL;
}
#define GET(e, name, fn) get(e, name, &(fn), sizeof(fn))

static int open_library(struct facet_energy *e, const char *root)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s%slibnvidia-ml.so.1", root, *root ? "/" : "");
    e->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    return e->library ? FACET_OK : facet_fail(FACET_E_UNSUPPORTED, "no NVML: '%s' is not here", path);
}

static int card_millijoules(struct facet_energy *e, int i, uint64_t *out)
{
    nvml_energy_fn *energy;
    unsigned long long mj = 0;
    if (!GET(e, "nvmlDeviceGetTotalEnergyConsumption", energy) || energy(e->cards[i], &mj) != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "graphics card %d does not count energy", i);
    *out = mj;
    return FACET_OK;
}

static int card_watts(struct facet_energy *e, int i, double *watts)
{
    nvml_power_fn *power;
    unsigned mw = 0;
    if (!GET(e, "nvmlDeviceGetPowerUsage", power) || power(e->cards[i], &mw) != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "graphics card %d tells neither energy nor power", i);
    *watts = mw * 1e-3;
    return FACET_OK;
}

/* `range` 1: this card counts; 0: its power is added up. */
static int first_reading(struct facet_energy *e, int i)
{
    double watts = 0;
    e->rails[i].range = card_millijoules(e, i, &e->rails[i].last) == FACET_OK;
    if (e->rails[i].range)
        return FACET_OK;
    int err = card_watts(e, i, &watts);
    e->last_watts += watts;
    return err;
}

static int nvml_find(struct facet_energy *e, const char *root)
{
    nvml_plain_fn *init;
    nvml_count_fn *count;
    nvml_card_fn *card;
    unsigned n = 0;
    int err = open_library(e, root);
    if (err)
        return err;
    if (!GET(e, "nvmlInit_v2", init) || !GET(e, "nvmlDeviceGetCount_v2", count) ||
        !GET(e, "nvmlDeviceGetHandleByIndex_v2", card) || init() != 0 || count(&n) != 0 || n == 0)
        return facet_fail(FACET_E_UNSUPPORTED, "no NVML: the library is here but tells of no graphics card");
    for (unsigned i = 0; !err && i < n && i < ENERGY_MAX_RAILS; i++) {
        if (card(i, &e->cards[i]) != 0)
            err = facet_fail(FACET_E_UNSUPPORTED, "graphics card %u cannot be asked", i);
        else
            err = first_reading(e, (int)i);
        e->n_rails += !err;
    }
    return err;
}

static int nvml_read(struct facet_energy *e)
{
    double watts = 0, one = 0;
    int err = FACET_OK;
    for (int i = 0; !err && i < e->n_rails; i++) {
        uint64_t now = 0;
        err = e->rails[i].range ? card_millijoules(e, i, &now) : card_watts(e, i, &one);
        if (err)
            return err;
        if (!e->rails[i].range) {
            watts += one;
            continue;
        }
        e->joules += (double)(now >= e->rails[i].last ? now - e->rails[i].last : 0) * 1e-3;
        e->rails[i].last = now;
    }
    facet__energy_pass(e, watts);
    return err;
}

static void nvml_close(struct facet_energy *e)
{
    nvml_plain_fn *shutdown;
    if (e->library && GET(e, "nvmlShutdown", shutdown))
        shutdown();
    if (e->library)
        dlclose(e->library);
    e->library = NULL;
}

const struct facet__energy_kind facet__energy_nvml = {
    .name = "nvml",
    .find = nvml_find,
    .read = nvml_read,
    .close = nvml_close,
};
