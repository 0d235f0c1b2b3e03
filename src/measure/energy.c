#include "measure/energy_priv.h"

#include "base/errors.h"
#include "base/file.h"

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
};

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

int facet__energy_open(struct facet_energy **out, const char *root, const struct facet_clock *clock)
{
    *out = NULL;
    struct facet_energy *e = calloc(1, sizeof(*e));
    if (!e)
        return facet_fail_nomem();
    int err = FACET_E_UNSUPPORTED;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && err == FACET_E_UNSUPPORTED; i++) {
        *e = (struct facet_energy){
            .kind = kinds[i], .clock = clock, .last_ns = clock->mono_ns(clock->ctx)};
        err = kinds[i]->find(e, root);
    }
    if (err)
        facet_energy_close(&e);
    *out = e;
    return err;
}

int facet_energy_open(struct facet_energy **out, const char *root)
{
    return facet__energy_open(out, root, &facet_clock_system);
}

void facet_energy_close(struct facet_energy **e)
{
    free(*e);
    *e = NULL;
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
