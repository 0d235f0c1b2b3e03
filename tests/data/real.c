#include "data/real.h"

#include "base/file.h"
#include "media/picture.h"

#include <facet/error.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static char *ring(void)
{
    static char buffers[8][PATH_MAX];
    static unsigned next;
    return buffers[next++ % 8];
}

static const char *mirror(void)
{
    const char *set = getenv("FACET_MIRROR"), *source = getenv("FACET_TEST_SOURCE");
    static char path[PATH_MAX];
    if (set && *set)
        return set;
    snprintf(path, sizeof(path), "%s/../shared", source ? source : ".");
    return path;
}

const char *real_data(const char *name)
{
    char *path = ring();
    if (snprintf(path, PATH_MAX, "%s/data/%s", mirror(), name) >= PATH_MAX || !facet_path_exists(path))
        fail_msg("'%s' is not there: set FACET_MIRROR to the folder with models/ and data/", path);
    return path;
}

void real_assert_ok(int err, const char *file, int line)
{
    if (err >= 0)
        return;
    print_error("%s\n", facet_error_text());
    _fail(file, line);
}

/* Test programs run side by side: one pulls, the others wait. */
static int pull_once(const struct facet_model_spec *s)
{
    char dir[PATH_MAX - 16], lock[PATH_MAX];
    struct facet_pull_opts o = {.mirror = mirror()};
    int err = facet_models_dir(dir, sizeof(dir));
    if (!err)
        err = facet_mkdirs(dir);
    snprintf(lock, sizeof(lock), "%s/.lock", dir);
    int fd = err ? -1 : open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && !flock(fd, LOCK_EX) && !facet_model_present(s))
        err = facet_model_pull(s, &o);
    if (fd >= 0)
        close(fd);
    return err;
}

const struct facet_model_spec *real_model(const char *name)
{
    static struct facet_manifest *manifest;
    if (!manifest)
        assert_ok(facet_manifest_open(&manifest, NULL));
    const struct facet_model_spec *s = facet_manifest_find(manifest, name);
    if (!s)
        fail_msg("%s", facet_error_text());
    assert_ok(pull_once(s));
    return s;
}

struct facet_image real_picture(const char *name)
{
    struct facet_image img;
    assert_ok(facet_picture_read(&img, real_data(name)));
    return img;
}

static int read_row(struct real_face *f, const char *line)
{
    int at = 0;
    if (sscanf(line, "%127s%n", f->picture, &at) != 1)
        return 0;
    for (int i = 0; i < 15; i++) {
        int more = 0;
        if (sscanf(line + at, "%f%n", &f->v[i], &more) != 1)
            return 0;
        at += more;
    }
    return 1;
}

struct real_face *real_table(const char *path, size_t *n)
{
    FILE *f = fopen(path, "r");
    char line[512];
    size_t cap = 8192;
    struct real_face *rows = calloc(cap, sizeof(*rows));
    if (!f || !rows)
        fail_msg("cannot read '%s'", path);
    *n = 0;
    while (*n < cap && fgets(line, sizeof(line), f))
        *n += (size_t)read_row(&rows[*n], line);
    fclose(f);
    return rows;
}
