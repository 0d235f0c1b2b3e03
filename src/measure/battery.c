/* A battery that is being emptied (power_supply of the kernel): watts of the moment, by the trapezium rule. A charger's work says
 * nothing about ours, so a battery counts only while it is discharging: a read while it is charged fails. */
#include "measure/energy_priv.h"

#include "base/errors.h"
#include "base/str.h"

#include <string.h>

static int number_of(const char *dir, const char *name, uint64_t *out)
{
    char file[PATH_MAX];
    int err = facet__sys_path(file, dir, name);
    return err ? err : facet__sys_number(file, out);
}

/* power_now is in microwatts; where it is not told, microvolts times microamperes are. */
static int battery_watts(const char *dir, double *watts)
{
    uint64_t power, volts, amperes;
    int err = number_of(dir, "power_now", &power);
    *watts = 0;
    if (!err) {
        *watts = (double)power * 1e-6;
        return FACET_OK;
    }
    err = number_of(dir, "voltage_now", &volts);
    if (!err)
        err = number_of(dir, "current_now", &amperes);
    if (!err)
        *watts = (double)volts * (double)amperes * 1e-12;
    return err;
}

static bool says(const char *dir, const char *name, const char *word)
{
    char file[PATH_MAX], text[64];
    return facet__sys_path(file, dir, name) == FACET_OK && facet__sys_text(file, text, sizeof(text)) == FACET_OK &&
           strcmp(text, word) == 0;
}

static int add_battery(struct facet_energy *e, const char *path)
{
    double watts;
    if (!says(path, "type", "Battery") || !says(path, "status", "Discharging") || battery_watts(path, &watts) != FACET_OK)
        return FACET_OK;
    if (e->n_rails == ENERGY_MAX_RAILS)
        return facet_fail(FACET_E_LIMIT, "more than %d batteries", ENERGY_MAX_RAILS);
    return facet_copy_text(e->rails[e->n_rails++].value, PATH_MAX, path);
}

static int all_watts(const struct facet_energy *e, double *watts)
{
    *watts = 0;
    for (int i = 0; i < e->n_rails; i++) {
        double one;
        if (!says(e->rails[i].value, "status", "Discharging"))
            return facet_fail(FACET_E_UNSUPPORTED, "battery '%s' is not being emptied any more", e->rails[i].value);
        int err = battery_watts(e->rails[i].value, &one);
        if (err)
            return err;
        *watts += one;
    }
    return FACET_OK;
}

static int battery_find(struct facet_energy *e, const char *root)
{
    int err = facet__sys_each(e, root, "/sys/class/power_supply", "", add_battery);
    if (!err && e->n_rails == 0)
        err = facet_fail(FACET_E_UNSUPPORTED, "no battery that is being emptied in '%s/sys/class/power_supply'", root);
    return err ? err : all_watts(e, &e->last_watts);
}

static int battery_read(struct facet_energy *e)
{
    double watts;
    int err = all_watts(e, &watts);
    if (err)
        return err;
    facet__energy_pass(e, watts);
    return FACET_OK;
}

const struct facet__energy_kind facet__energy_battery = {
    .name = "battery",
    .find = battery_find,
    .read = battery_read,
};
