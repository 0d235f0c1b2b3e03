/* The processor quota of our control group: version 2 writes "quota period" into cpu.max, version 1
 * has a file for each. A quota binds everything below it, so the least on the way to the root
 * counts. Inside a container the path in /proc may name folders that are not mounted here: those
 * are skipped. */
#include "base/cpu_priv.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_line(const char *path, char *line, int cap)
{
    FILE *f = fopen(path, "re");
    bool ok = f && fgets(line, cap, f);
    if (f)
        fclose(f);
    return ok;
}

static unsigned ceil_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = quota / period + (quota % period != 0);
    return n > 1 << 20 ? 1 << 20 : (unsigned)n;
}

static unsigned quota_v2(const char *dir)
{
    char path[PATH_MAX], line[128], *end;
    if (snprintf(path, sizeof(path), "%s/cpu.max", dir) >= (int)sizeof(path) ||
        !read_line(path, line, sizeof(line)) || strncmp(line, "max", 3) == 0)
        return 0;
    long long quota = strtoll(line, &end, 10);
    return ceil_cpus(quota, strtoll(end, NULL, 10));
}

static unsigned quota_v1(const char *dir)
{
    char path[PATH_MAX], quota[64], period[64];
    if (snprintf(path, sizeof(path), "%s/cpu.cfs_quota_us", dir) >= (int)sizeof(path) ||
        !read_line(path, quota, sizeof(quota)))
        return 0;
    if (snprintf(path, sizeof(path), "%s/cpu.cfs_period_us", dir) >= (int)sizeof(path) ||
        !read_line(path, period, sizeof(period)))
        return 0;
    return ceil_cpus(strtoll(quota, NULL, 10), strtoll(period, NULL, 10));
}

static unsigned lesser(unsigned a, unsigned b)
{
    return !a || (b && b < a) ? b : a;
}

/* `path` is cut at its slashes, from the group itself up to the root of the mount. */
static unsigned least_quota(const char *mount, char *path, unsigned (*quota)(const char *dir))
{
    char dir[PATH_MAX];
    unsigned least = 0;
    for (;;) {
        if (snprintf(dir, sizeof(dir), "%s%s", mount, path) < (int)sizeof(dir))
            least = lesser(least, quota(dir));
        char *slash = strrchr(path, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

static bool names_cpu(const char *controllers, size_t len)
{
    while (len > 0) {
        size_t part = 0;
        while (part < len && controllers[part] != ',')
            part++;
        if (part == 3 && memcmp(controllers, "cpu", 3) == 0)
            return true;
        part += part < len;
        controllers += part;
        len -= part;
    }
    return false;
}

/* One line of /proc/self/cgroup: "number:controllers:/path". */
static unsigned line_quota(const char *root, char *line)
{
    char mount[PATH_MAX];
    char *controllers = strchr(line, ':');
    char *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path)
        return 0;
    size_t len = (size_t)(path - ++controllers);
    path++;
    path[strcspn(path, "\n")] = '\0';
    bool v2 = len == 0;
    if (!v2 && !names_cpu(controllers, len))
        return 0;
    if (snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup%s", root, v2 ? "" : "/cpu") >=
        (int)sizeof(mount))
        return 0;
    return least_quota(mount, path, v2 ? quota_v2 : quota_v1);
}

unsigned facet__cgroup_cpus(const char *root)
{
    char path[PATH_MAX], line[PATH_MAX];
    unsigned least = 0;
    if (snprintf(path, sizeof(path), "%s/proc/self/cgroup", root) >= (int)sizeof(path))
        return 0;
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    while (fgets(line, sizeof(line), f))
        least = lesser(least, line_quota(root, line));
    fclose(f);
    return least;
}
