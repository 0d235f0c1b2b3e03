#include "engine/backends/library.h"

#include "base/errors.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_SIZE 4096

/* The first file that fits and opens. */
static void *open_fitting(const char *pattern)
{
    glob_t found;
    void *lib = NULL;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; !lib && i < found.gl_pathc; i++)
            lib = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return lib;
}

/* Any of the library's files in folder/below; each may be a pattern. NULL folder: nowhere. */
static void *open_in(const struct facet_library *l, const char *folder, const char *below)
{
    char pattern[PATH_SIZE];
    void *lib = NULL;
    for (int i = 0; folder && *folder && below && !lib && l->files[i]; i++)
        if (snprintf(pattern, sizeof(pattern), "%s/%s/%s*", folder, below, l->files[i]) < PATH_SIZE)
            lib = open_fitting(pattern);
    return lib;
}

static void *open_usual(const struct facet_library *l)
{
    static const char *const folders[] = { "/usr/local/lib/python3*/site-packages", "/usr/local/lib/python3*/dist-packages",
                                           "/usr/lib/python3*/dist-packages", "/usr/lib/python3*/site-packages" };
    static const char *const plain[] = { "lib", "local/lib", "lib/*-linux-*", "lib64" };
    char below[PATH_SIZE] = "";
    void *lib = open_in(l, ".cache/rivals", l->backend);
    if (l->package)
        snprintf(below, sizeof(below), "lib/python3*/site-packages/%s", l->package);
    if (!lib && *below)
        lib = open_in(l, getenv("VIRTUAL_ENV"), below);
    if (l->package)
        snprintf(below, sizeof(below), ".local/lib/python3*/site-packages/%s", l->package);
    if (!lib && *below)
        lib = open_in(l, getenv("HOME"), below);
    for (size_t i = 0; !lib && i < sizeof(folders) / sizeof(folders[0]); i++)
        lib = open_in(l, folders[i], l->package);
    for (int i = 0; !lib && l->files[i]; i++)
        lib = dlopen(l->files[i], RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; !lib && i < sizeof(plain) / sizeof(plain[0]); i++)
        lib = open_in(l, "/usr", plain[i]);
    return lib;
}

static int open_given(void **out, const struct facet_library *l, const char *given)
{
    struct stat st;
    bool is_folder = stat(given, &st) == 0 && S_ISDIR(st.st_mode);
    const char *why = NULL;
    if (is_folder) {
        *out = open_in(l, given, ".");
    } else {
        *out = dlopen(given, RTLD_NOW | RTLD_LOCAL);
        why = *out ? NULL : dlerror();
    }
    if (*out)
        return FACET_OK;
    if (is_folder)
        return facet_fail(FACET_E_UNSUPPORTED, "back end '%s' is not here: no %s in the folder %s='%s' can be opened", l->backend, l->files[0],
                          l->variable, given);
    return facet_fail(FACET_E_UNSUPPORTED, "back end '%s' is not here: %s='%s' cannot be opened: %s", l->backend, l->variable, given,
                      why ? why : "no reason is given");
}

int facet_library_open(void **out, const struct facet_library *l)
{
    const char *given = getenv(l->variable);
    *out = NULL;
    if (given && *given)
        return open_given(out, l, given);
    *out = open_usual(l);
    if (*out)
        return FACET_OK;
    return facet_fail(FACET_E_UNSUPPORTED, "back end '%s' is not here: %s, or set %s to %s or its folder", l->backend, l->remedy, l->variable,
                      l->files[0]);
}

int facet_library_symbols(void *lib, const struct facet_library *l, const struct facet_symbol *s, size_t n, void *table)
{
    for (size_t i = 0; i < n; i++) {
        void *address = dlsym(lib, s[i].name);
        if (!address)
            return facet_fail(FACET_E_UNSUPPORTED, "back end '%s' is not here: the library that was found has no '%s'; it is another or too old: %s",
                              l->backend, s[i].name, l->remedy);
        memcpy((char *)table + s[i].at, &address, sizeof(address));
    }
    return FACET_OK;
}
