#include "base/file.h"

#include "base/errors.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- which file is it ---- */

static uint64_t time_ns(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_nsec;
}

static struct facet_file_id id_of(const struct stat *st)
{
    return (struct facet_file_id){.dev = (uint64_t)st->st_dev, .ino = (uint64_t)st->st_ino, .size = (uint64_t)st->st_size,
                                  .mtime_ns = time_ns(&st->st_mtim), .ctime_ns = time_ns(&st->st_ctim)};
}

int facet_file_identify(const char *path, struct facet_file_id *out)
{
    struct stat st;
    *out = (struct facet_file_id){0};
    if (stat(path, &st) != 0)
        return facet_fail_errno("look at", path);
    *out = id_of(&st);
    return FACET_OK;
}

int facet_file_identify_open(int fd, struct facet_file_id *out)
{
    struct stat st;
    *out = (struct facet_file_id){0};
    if (fstat(fd, &st) != 0)
        return facet_fail_errno("look at", "an open file");
    *out = id_of(&st);
    return FACET_OK;
}

bool facet_file_id_equal(const struct facet_file_id *a, const struct facet_file_id *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* ---- reading and writing ---- */

/* Opens a regular file and tells its size, with everything a caller would refuse refused. */
static int file_open_sized(const char *path, size_t max, int flags, int *fd, size_t *len)
{
    struct stat st;
    /* NONBLOCK: a named pipe must not hang the open, it is refused below. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (*fd < 0)
        return facet_fail_errno("open", path);
    int err = FACET_OK;
    if (fstat(*fd, &st) != 0)
        err = facet_fail_errno("look at", path);
    else if (S_ISDIR(st.st_mode))
        err = facet_fail(FACET_E_INVALID, "cannot read '%s': it is a folder, not a file", path);
    else if (!S_ISREG(st.st_mode))
        err = facet_fail(FACET_E_INVALID, "cannot read '%s': it is not a regular file", path);
    else if ((uintmax_t)st.st_size > max)
        err =
            facet_fail(FACET_E_LIMIT, "cannot read '%s': %jd bytes are more than the limit of %zu",
                       path, (intmax_t)st.st_size, max);
    if (err) {
        close(*fd);
        *fd = -1;
        return err;
    }
    *len = (size_t)st.st_size;
    return FACET_OK;
}

static int read_all(int fd, const char *path, uint8_t *data, size_t want, size_t *got)
{
    *got = 0;
    while (*got < want) {
        ssize_t n = read(fd, data + *got, want - *got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return facet_fail_errno("read", path);
        if (n == 0)
            break; /* became shorter while we read: what is there is the file */
        *got += (size_t)n;
    }
    return FACET_OK;
}

int facet_file_read(const char *path, size_t max, uint8_t **data, size_t *len)
{
    int fd;
    size_t want = 0;
    *data = NULL;
    *len = 0;
    int err = file_open_sized(path, max, 0, &fd, &want);
    if (err)
        return err;
    uint8_t *buf = malloc(want + 1);
    err = buf ? read_all(fd, path, buf, want, &want) : facet_fail_nomem();
    close(fd);
    if (err) {
        free(buf);
        return err;
    }
    buf[want] = 0;
    *data = buf;
    *len = want;
    return FACET_OK;
}

static int write_all(int fd, const char *path, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return facet_fail_errno("write", path);
        data += n;
        len -= (size_t)n;
    }
    return FACET_OK;
}

/* The name in the folder lasts through a power cut only when the folder is synced too. */
static void sync_folder_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(dir))
        return;
    memcpy(dir, path, len);
    dir[len] = '\0';
    int fd = open(len ? dir : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!fsync(fd); /* some file systems cannot: the rename itself has happened */
    close(fd);
}

static int set_default_mode(int fd, const char *path)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, 0666 & ~mask) == 0 ? FACET_OK : facet_fail_errno("set the mode of", path);
}

int facet_file_begin(struct facet_file_writer *w, const char *path)
{
    w->path = path;
    w->fd = -1;
    int n = snprintf(w->tmp, sizeof(w->tmp), "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof(w->tmp))
        return facet_fail(FACET_E_LIMIT, "cannot write '%s': the path is too long", path);
    w->fd = mkostemp(w->tmp, O_CLOEXEC);
    return w->fd < 0 ? facet_fail_errno("create a file beside", path) : FACET_OK;
}

int facet_file_put(struct facet_file_writer *w, const void *data, size_t len)
{
    return write_all(w->fd, w->path, data, len);
}

int facet_file_commit(struct facet_file_writer *w, bool is_private, struct facet_file_id *id)
{
    int err = is_private ? FACET_OK : set_default_mode(w->fd, w->path);
    if (!err && fsync(w->fd) != 0)
        err = facet_fail_errno("write", w->path);
    if (!err && rename(w->tmp, w->path) != 0)
        err = facet_fail_errno("replace", w->path);
    if (!err && id)
        err = facet_file_identify_open(w->fd, id); /* of the very file that was written */
    if (close(w->fd) != 0 && !err)
        err = facet_fail_errno("write", w->path);
    w->fd = -1;
    if (err)
        unlink(w->tmp);
    else
        sync_folder_of(w->path);
    return err;
}

void facet_file_abandon(struct facet_file_writer *w)
{
    if (w->fd < 0)
        return;
    close(w->fd);
    unlink(w->tmp);
    w->fd = -1;
}

static int write_file(const char *path, const void *data, size_t len, bool is_private, struct facet_file_id *id)
{
    struct facet_file_writer w;
    int err = facet_file_begin(&w, path);
    if (err)
        return err;
    err = facet_file_put(&w, data, len);
    if (!err)
        return facet_file_commit(&w, is_private, id);
    facet_file_abandon(&w);
    return err;
}

int facet_file_write_atomic(const char *path, const void *data, size_t len)
{
    return write_file(path, data, len, false, NULL);
}

int facet_file_write_own(const char *path, const void *data, size_t len, struct facet_file_id *id)
{
    return write_file(path, data, len, true, id);
}

static int map_file(struct facet_map *out, int fd, size_t len, const char *path)
{
    if (len == 0)
        return FACET_OK;
    void *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return facet_fail_errno("map", path);
    *out = (struct facet_map){.data = p, .len = len};
    return FACET_OK;
}

int facet_map_open(struct facet_map *out, const char *path, size_t max)
{
    int fd;
    size_t len = 0;
    *out = (struct facet_map){0};
    int err = file_open_sized(path, max, 0, &fd, &len);
    if (err)
        return err;
    err = map_file(out, fd, len, path);
    close(fd);
    return err;
}

/* ---- files of our own ---- */

static bool is_own(const struct stat *st)
{
    return (st->st_uid == geteuid() || st->st_uid == 0) && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

static bool folder_is_own(const char *path)
{
    char dir[PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof(dir))
        return false;
    memcpy(dir, path, len);
    dir[len] = '\0';
    return stat(len ? dir : slash ? "/" : ".", &st) == 0 && is_own(&st);
}

int facet_map_open_own(struct facet_map *out, const char *path, size_t max, struct facet_file_id *id)
{
    int fd;
    size_t len = 0;
    struct stat st;
    *out = (struct facet_map){0};
    int err = file_open_sized(path, max, O_NOFOLLOW, &fd, &len);
    if (err)
        return err;
    if (fstat(fd, &st) != 0 || !is_own(&st) || !folder_is_own(path))
        err = facet_fail(FACET_E_PERMISSION, "'%s' is not trusted: others own it or may write to it", path);
    else
        err = map_file(out, fd, len, path);
    if (!err && id)
        *id = id_of(&st);
    close(fd);
    return err;
}

void facet_map_close(struct facet_map *m)
{
    if (m->data)
        munmap((void *)(uintptr_t)m->data, m->len);
    *m = (struct facet_map){0};
}

bool facet_path_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool facet_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int make_one_dir(const char *path)
{
    if (mkdir(path, 0755) == 0 || (errno == EEXIST && facet_path_is_dir(path)))
        return FACET_OK;
    return facet_fail_errno("create folder", path);
}

int facet_mkdirs(const char *path)
{
    char part[PATH_MAX];
    int err = facet_copy_text(part, sizeof(part), path);
    for (char *p = part + 1; !err && part[0] && *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        err = make_one_dir(part);
        *p = '/';
    }
    return err ? err : make_one_dir(part);
}

int facet_path_join(char *out, size_t cap, const char *dir, const char *name)
{
    size_t len = strlen(dir);
    const char *slash = len > 0 && dir[len - 1] != '/' ? "/" : "";
    int n = snprintf(out, cap, "%s%s%s", dir, slash, name);
    if (n < 0 || (size_t)n >= cap)
        return facet_fail(FACET_E_LIMIT, "path '%.60s.../%.60s' is too long", dir, name);
    return FACET_OK;
}

const char *facet_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

const char *facet_path_ext(const char *path)
{
    const char *base = facet_path_base(path);
    const char *dot = strrchr(base, '.');
    return dot && dot != base ? dot + 1 : "";
}

static int dir_from_env(char *out, size_t cap, const char *own, const char *xdg,
                        const char *home_part)
{
    const char *dir = getenv(own);
    if (dir && dir[0])
        return facet_copy_text(out, cap, dir);
    dir = getenv(xdg);
    const char *home = getenv("HOME");
    if (dir && dir[0] == '/') /* the specification: relative paths are to be ignored */
        return facet_path_join(out, cap, dir, "facet");
    if (home && home[0])
        return facet_path_join(out, cap, home, home_part);
    return facet_fail(FACET_E_NOT_FOUND, "cannot tell where to keep files: set %s or HOME", own);
}

int facet_data_dir(char *out, size_t cap)
{
    int err = dir_from_env(out, cap, "FACET_DATA", "XDG_DATA_HOME", ".local/share/facet");
    return err ? err : facet_mkdirs(out);
}

int facet_cache_dir(char *out, size_t cap)
{
    int err = dir_from_env(out, cap, "FACET_CACHE", "XDG_CACHE_HOME", ".cache/facet");
    return err ? err : facet_mkdirs(out);
}

int facet_config_dir(char *out, size_t cap)
{
    return dir_from_env(out, cap, "FACET_CONFIG", "XDG_CONFIG_HOME", ".config/facet");
}
