/* The three-channel power monitor of Jetson boards, by the kernel's hwmon folder: it tells volts
 * and amperes of the moment, so energy is their product added up by the trapezium rule from read to
 * read. A rail that is the board's input (VDD_IN, POM_5V_IN) counts the others and is then taken
 * alone. */
#include "measure/energy_priv.h"

#include "base/errors.h"

#include <stdio.h>
#include <string.h>

static int add_rail(struct facet_energy *e, const char *path, int channel, bool *is_input)
{
    char file[PATH_MAX], name[32], label[64];
    struct facet__rail r = {.range = 0};
    uint64_t ignored;
    *is_input = false;
    snprintf(name, sizeof(name), "in%d_label", channel);
    int err = facet__sys_path(file, path, name);
    if (err || facet__sys_text(file, label, sizeof(label)) != FACET_OK)
        label[0] = '\0';
    snprintf(name, sizeof(name), "in%d_input", channel);
    err = err ? err : facet__sys_path(r.value, path, name);
    snprintf(name, sizeof(name), "curr%d_input", channel);
    err = err ? err : facet__sys_path(r.current, path, name);
    if (err || facet__sys_number(r.value, &ignored) != FACET_OK ||
        facet__sys_number(r.current, &ignored) != FACET_OK)
        return err; /* a channel that is not wired */
    if (e->n_rails == ENERGY_MAX_RAILS)
        return facet_fail(FACET_E_LIMIT, "more than %d power rails", ENERGY_MAX_RAILS);
    *is_input = strcmp(label, "VDD_IN") == 0 || strcmp(label, "POM_5V_IN") == 0;
    e->rails[e->n_rails++] = r;
    return FACET_OK;
}

static int add_monitor(struct facet_energy *e, const char *path)
{
    char file[PATH_MAX], name[64];
    int err = facet__sys_path(file, path, "name");
    if (err || facet__sys_text(file, name, sizeof(name)) != FACET_OK ||
        strcmp(name, "ina3221") != 0)
        return err;
    for (int channel = 1; channel <= 3 && !err; channel++) {
        bool is_input;
        err = add_rail(e, path, channel, &is_input);
        if (!err && is_input) {
            e->rails[0] = e->rails[e->n_rails - 1];
            e->n_rails = 1;
            return FACET_E_END; /* nothing more to look for */
        }
    }
    return err;
}

static int watts_now(const struct facet_energy *e, double *watts)
{
    *watts = 0;
    for (int i = 0; i < e->n_rails; i++) {
        uint64_t mv, ma;
        int err = facet__sys_number(e->rails[i].value, &mv);
        if (!err)
            err = facet__sys_number(e->rails[i].current, &ma);
        if (err)
            return err;
        *watts += (double)mv * (double)ma * 1e-6;
    }
    return FACET_OK;
}

static int ina_find(struct facet_energy *e, const char *root)
{
    int err = facet__sys_each(e, root, "/sys/class/hwmon", "hwmon", add_monitor);
    if (err && err != FACET_E_END)
        return err;
    if (e->n_rails == 0)
        return facet_fail(
            FACET_E_UNSUPPORTED,
            "no energy counter: neither RAPL in '%s/sys/class/powercap' that may be read nor "
            "an INA3221 in '%s/sys/class/hwmon'",
            root, root);
    return watts_now(e, &e->last_watts);
}

static int ina_read(struct facet_energy *e)
{
    double watts;
    int err = watts_now(e, &watts);
    if (err)
        return err;
    facet__energy_pass(e, watts);
    return FACET_OK;
}

const struct facet__energy_kind facet__energy_ina3221 = {
    .name = "ina3221",
    .find = ina_find,
    .read = ina_read,
};
