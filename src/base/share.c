#include "base/share.h"

#include "base/errors.h"
#include "base/file.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARENTS 4       /* folders above the program, up to a build folder */

static bool is_at(char *out, size_t cap, const char *dir, const char *sub, const char *name)
{
    char folder[PATH_MAX];
    return facet_path_join(folder, sizeof(folder), dir, sub) == FACET_OK && facet_path_join(out, cap, folder, name) == FACET_OK &&
           facet_path_exists(out);
}

int facet_share_find(char *out, size_t cap, const char *name)
{
    char dir[PATH_MAX], *slash;
    const char *env = getenv("FACET_SHARE");
    if (env && *env && is_at(out, cap, env, ".", name))
        return FACET_OK;
    ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    dir[n > 0 ? n : 0] = '\0';
    for (int i = 0; i < PARENTS && (slash = strrchr(dir, '/')) != NULL; i++) {
        *slash = '\0';
        if (is_at(out, cap, dir, "share/facet", name) || is_at(out, cap, dir, "web", name) || is_at(out, cap, dir, "bench", name))
            return FACET_OK;
    }
    return facet_fail(FACET_E_NOT_FOUND, "cannot find '%s' in share/facet beside the program (FACET_SHARE names another folder)", name);
}
