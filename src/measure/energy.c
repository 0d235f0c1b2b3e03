#include "measure/energy_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct facet__energy_kind *const kinds[] = {
    &facet__energy_rapl,
    &facet__energy_ina3221,
    &facet__energy_nvml,
    &facet__energy_battery,
};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

int facet__sys_text(const char *path, char *out, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0)
        return facet_fail_errno("read", path);
    ssize_t n = read(fd, out, cap - 1);
    int err = n < 0 ? facet_fail_errno("read", path) : FACET_OK;
    close(fd);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return err;
}

int facet__sys_number(const char *path, uint64_t *out)
{
    char text[64], *end;
    int err = facet__sys_text(path, text, sizeof(text));
    if (err)
        return err;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (end == text || errno)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s': '%s' is no number", path, text);
    *out = value;
    return FACET_OK;
}

int facet__sys_path(char out[PATH_MAX], const char *dir, const char *name)
{
    return facet_path_join(out, PATH_MAX, dir, name);
}

void facet__energy_pass(struct facet_energy *e, double watts)
{
    uint64_t now = e->clock->mono_ns(e->clock->ctx);
    e->joules += (watts + e->last_watts) / 2 * (double)(now - e->last_ns) * 1e-9;
    e->last_watts = watts;
    e->last_ns = now;
}

static int only_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

int facet__sys_each(struct facet_energy *e, const char *root, const char *dir, const char *prefix,
                    facet__sys_fn *fn)
{
    char base[PATH_MAX], path[PATH_MAX];
    struct dirent **list;
    if (snprintf(base, sizeof(base), "%s%s", root, dir) >= (int)sizeof(base))
        return facet_fail(FACET_E_LIMIT, "path '%.60s%s' is too long", root, dir);
    int err = FACET_OK, n = scandir(base, &list, only_visible, alphasort);
    for (int i = 0; i < n; i++) {
        if (!err && strncmp(list[i]->d_name, prefix, strlen(prefix)) == 0) {
            err = facet__sys_path(path, base, list[i]->d_name);
            err = err ? err : fn(e, path);
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return err;
}

static int open_kind(struct facet_energy **out, const struct facet__energy_kind *kind, const char *root,
                     const struct facet_power_model *m, const struct facet_clock *clock)
{
    *out = NULL;
    struct facet_energy *e = calloc(1, sizeof(*e));
    if (!e)
        return facet_fail_nomem();
    e->kind = kind;
    e->clock = clock;
    e->last_ns = clock->mono_ns(clock->ctx);
    if (m)
        e->model = *m;
    int err = facet_copy_text(e->root, sizeof(e->root), root);
    if (!err)
        err = kind->find(e, root);
    if (err)
        facet_energy_close(&e);
    *out = e;
    return err;
}

int facet__energy_open(struct facet_energy **out, const char *root, const struct facet_clock *clock)
{
    int err = FACET_E_UNSUPPORTED;
    *out = NULL;
    for (size_t i = 0; i < N_KINDS && err == FACET_E_UNSUPPORTED; i++)
        err = open_kind(out, kinds[i], root, NULL, clock);
    if (err == FACET_E_UNSUPPORTED)
        return facet_fail(err, "no energy counter below '%s/sys': no RAPL that may be read, no INA3221, no battery in use, and no NVML", root);
    return err;
}

int facet__energy_open_model(struct facet_energy **out, const char *root, const struct facet_power_model *m,
                             const struct facet_clock *clock)
{
    return open_kind(out, &facet__energy_model, root, m, clock);
}

int facet_energy_open(struct facet_energy **out, const char *root)
{
    return facet__energy_open(out, root, &facet_clock_system);
}

int facet_energy_open_or_model(struct facet_energy **out, const char *root, const struct facet_power_model *m)
{
    int err = facet_energy_open(out, root);
    bool has_model = m && (m->idle_watts > 0 || m->core_watts > 0);
    return err == FACET_E_UNSUPPORTED && has_model ? facet__energy_open_model(out, root, m, &facet_clock_system) : err;
}

void facet_energy_close(struct facet_energy **ee)
{
    struct facet_energy *e = *ee;
    if (e && e->kind->close)
        e->kind->close(e);
    free(e);
    *ee = NULL;
}

static void ask_reader(struct facet_energy_reader *r, const struct facet__energy_kind *kind, const char *root,
                       const struct facet_power_model *m, enum facet_energy_state good)
{
    struct facet_energy *e;
    int err = open_kind(&e, kind, root, m, &facet_clock_system);
    *r = (struct facet_energy_reader){ .name = kind->name, .state = err ? FACET_ENERGY_ABSENT : good };
    if (err)
        snprintf(r->why, sizeof(r->why), "%s", facet_error_text());
    facet_energy_close(&e);
}

int facet_energy_readers(struct facet_energy_reader out[FACET_ENERGY_READERS], const char *root, const struct facet_power_model *m)
{
    int n = 0;
    for (size_t i = 0; i < N_KINDS; i++)
        ask_reader(&out[n++], kinds[i], root, NULL, FACET_ENERGY_REAL);
    ask_reader(&out[n++], &facet__energy_model, root, m, FACET_ENERGY_ESTIMATED);
    return n;
}

const char *facet_energy_source(const struct facet_energy *e)
{
    return e ? e->kind->name : "";
}

int facet_energy_read(struct facet_energy *e, double *joules)
{
    int err = e->kind->read(e);
    *joules = e->joules;
    return err;
}
