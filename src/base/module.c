#include "base/module.h"

#include "base/errors.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARENTS 5 /* build/tests/unit/net/test_x: four folders up is the build tree */

struct search {
    const char *name;
    char path[PATH_MAX];    /* found file */
};

static const char installed_dir[] = FACET_MODULE_DIR;

static bool try_path(struct search *s, const char *dir, const char *below)
{
    int n = snprintf(s->path, sizeof(s->path), "%s%s/%s.so", dir, below, s->name);
    return n > 0 && (size_t)n < sizeof(s->path) && access(s->path, R_OK) == 0;
}

/* Cuts the last name off a path; false at the root. */
static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return false;
    *slash = '\0';
    return true;
}

static bool is_build_tree(const char *dir)
{
    char mark[PATH_MAX];
    int n = snprintf(mark, sizeof(mark), "%s/meson-private", dir);
    return n > 0 && (size_t)n < sizeof(mark) && access(mark, F_OK) == 0;
}

/* `dir` is the absolute path of a file, and is cut shorter here. */
static bool search_around(struct search *s, char *dir)
{
    if (!go_up(dir))
        return false;
    if (try_path(s, dir, "") || try_path(s, dir, "/facet") || try_path(s, dir, "/../" FACET_MODULE_LIBDIR))
        return true;
    for (int i = 0; i < PARENTS && go_up(dir); i++)
        if (is_build_tree(dir))
            return try_path(s, dir, "/src/modules");
    return false;
}

static bool search_all(struct search *s)
{
    const char *only = getenv("FACET_MODULES");
    if (only && *only)
        return try_path(s, only, "");
    char dir[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    if (n > 0) {
        dir[n] = '\0';
        if (search_around(s, dir))
            return true;
    }
    Dl_info self;
    if (dladdr(installed_dir, &self) && self.dli_fname && realpath(self.dli_fname, dir) &&
        search_around(s, dir))
        return true;
    return try_path(s, installed_dir, "");
}

int facet_module_open(const void **table, const char *name, const char *symbol, const char *package)
{
    struct search s = { .name = name };
    *table = NULL;
    if (!search_all(&s)) {
        const char *only = getenv("FACET_MODULES");
        if (only && *only)
            return facet_fail(FACET_E_UNSUPPORTED, "cannot find module '%s' in FACET_MODULES='%s'", name, only);
        return facet_fail(FACET_E_UNSUPPORTED, "cannot find module '%s': build it with %s installed, "
                          "or set FACET_MODULES to its folder", name, package);
    }
    void *handle = dlopen(s.path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *why = dlerror();
        return facet_fail(FACET_E_UNSUPPORTED, "cannot open module '%s': %s (is %s installed?)", name,
                          why ? why : "unknown reason", package);
    }
    *table = dlsym(handle, symbol);
    if (!*table) {
        dlclose(handle);
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use module '%s': it lacks '%s', so it belongs to another version",
                          s.path, symbol);
    }
    return FACET_OK;
}
