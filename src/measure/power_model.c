/* No counter: the time for which the machine's processors were busy (/proc/stat), times what the user says a busy core draws, and what
 * the machine draws at rest. An estimate, and everywhere called so. */
#include "measure/energy_priv.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Busy time of all processors in ticks: user, nice, system, irq, softirq; neither idle, waiting for disks, nor stolen. */
static int busy_ticks(const struct facet_energy *e, uint64_t *out)
{
    char path[PATH_MAX], text[512], *at = text;
    uint64_t part[7];
    if (snprintf(path, sizeof(path), "%s/proc/stat", e->root) >= (int)sizeof(path))
        return facet_fail(FACET_E_LIMIT, "path '%.60s' is too long", e->root);
    int err = facet__sys_text(path, text, sizeof(text));
    if (err)
        return err;
    if (strncmp(text, "cpu ", 4) != 0)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s': it does not begin with times of the processors", path);
    at += 4;
    for (int i = 0; i < 7; i++) {
        char *end;
        part[i] = strtoull(at, &end, 10);
        if (end == at)
            return facet_fail(FACET_E_FORMAT, "cannot read '%s': fewer times of the processors than there must be", path);
        at = end;
    }
    *out = part[0] + part[1] + part[2] + part[5] + part[6];
    return FACET_OK;
}

static int model_find(struct facet_energy *e, const char *root)
{
    if (e->model.idle_watts < 0 || e->model.core_watts < 0)
        return facet_fail(FACET_E_INVALID, "the power model wants watts of 0 or more");
    if (e->model.idle_watts <= 0 && e->model.core_watts <= 0)
        return facet_fail(FACET_E_UNSUPPORTED, "no power model: nobody said what this machine draws at rest and by busy core");
    return busy_ticks(e, &e->rails[0].last);
}

static int model_read(struct facet_energy *e)
{
    uint64_t now, now_ns = e->clock->mono_ns(e->clock->ctx);
    int err = busy_ticks(e, &now);
    if (err)
        return err;
    double busy_s = (double)(now - e->rails[0].last) / (double)sysconf(_SC_CLK_TCK);
    e->joules += busy_s * e->model.core_watts + (double)(now_ns - e->last_ns) * 1e-9 * e->model.idle_watts;
    e->rails[0].last = now;
    e->last_ns = now_ns;
    return FACET_OK;
}

const struct facet__energy_kind facet__energy_model = {
    .name = "model",
    .find = model_find,
    .read = model_read,
};
