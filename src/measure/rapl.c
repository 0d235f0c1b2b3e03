/* Intel's and AMD's running average power limit, by the kernel's powercap folder: one counter of
 * microjoules a package, which wraps at max_energy_range_uj, and below it sub-zones of which only
 * "dram" is not part of the package. "psys" counts the packages again and is left out. */
#include "measure/energy_priv.h"

#include "base/errors.h"

#include <stdio.h>
#include <string.h>

static int read_counter(struct facet_energy *e, struct facet__rail *r)
{
    uint64_t now;
    int err = facet__sys_number(r->value, &now);
    if (err)
        return err;
    uint64_t passed = now >= r->last ? now - r->last : now + (r->range - r->last);
    r->last = now;
    e->joules += (double)passed * 1e-6;
    return FACET_OK;
}

static int add_zone(struct facet_energy *e, const char *path)
{
    char file[PATH_MAX], name[64];
    int err = facet__sys_path(file, path, "name");
    if (err || facet__sys_text(file, name, sizeof(name)) != FACET_OK)
        return err;
    if (strncmp(name, "package-", 8) != 0 && strcmp(name, "dram") != 0)
        return FACET_OK;
    if (e->n_rails == ENERGY_MAX_RAILS)
        return facet_fail(FACET_E_LIMIT, "more than %d energy counters", ENERGY_MAX_RAILS);
    struct facet__rail *r = &e->rails[e->n_rails];
    err = facet__sys_path(file, path, "max_energy_range_uj");
    if (!err)
        err = facet__sys_number(file, &r->range);
    if (!err)
        err = facet__sys_path(r->value, path, "energy_uj");
    if (!err)
        err = facet__sys_number(r->value, &r->last);
    if (err)
        return facet_fail_prefix(FACET_E_UNSUPPORTED, "energy counter '%s' cannot be read", name);
    e->n_rails++;
    return FACET_OK;
}

static int rapl_find(struct facet_energy *e, const char *root)
{
    int err = facet__sys_each(e, root, "/sys/class/powercap", "intel-rapl:", add_zone);
    if (!err && e->n_rails == 0)
        err = facet_fail(FACET_E_UNSUPPORTED, "no energy counter in '%s/sys/class/powercap'", root);
    return err;
}

static int rapl_read(struct facet_energy *e)
{
    for (int i = 0; i < e->n_rails; i++) {
        int err = read_counter(e, &e->rails[i]);
        if (err)
            return err;
    }
    return FACET_OK;
}

const struct facet__energy_kind facet__energy_rapl = {
    .name = "rapl",
    .find = rapl_find,
    .read = rapl_read,
};
