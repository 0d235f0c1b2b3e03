/* facet_walk: each folder is read whole and sorted before anything in it is reported, so that the
 * order is that of the bytes of the paths and the same on every file system. Folders on the way
 * from the root are remembered by device and inode: one that comes again below itself is a symlink
 * loop. */
#include "base/file.h"

#include "base/errors.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WALK_MAX_ENTRIES (4u << 20)
#define WALK_MAX_DEPTH 64

struct walk_entry {
    char *name;
    bool is_dir;
};
struct walk_list {
    struct walk_entry *items;
    size_t count, cap;
};
struct walk_place {
    dev_t dev;
    ino_t ino;
};

struct walk {
    facet_walk_fn *fn;
    void *ctx;
    int max_depth;
    struct walk_place above[WALK_MAX_DEPTH + 1];
};

static void list_fini(struct walk_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i].name);
    free(l->items);
}

/* "a/" sorts as the paths inside it do: '/' comes after '-' and '.'. */
static int entry_compare(const void *va, const void *vb)
{
    const struct walk_entry *a = va, *b = vb;
    size_t i = 0;
    while (a->name[i] && a->name[i] == b->name[i])
        i++;
    unsigned char ca = (unsigned char)a->name[i], cb = (unsigned char)b->name[i];
    ca = !ca && a->is_dir ? '/' : ca;
    cb = !cb && b->is_dir ? '/' : cb;
    return (ca > cb) - (ca < cb);
}

static int list_add(struct walk_list *l, const char *name, bool is_dir)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        if (cap > WALK_MAX_ENTRIES)
            return facet_fail(FACET_E_LIMIT, "a folder holds more than %u files", WALK_MAX_ENTRIES);
        struct walk_entry *items = realloc(l->items, cap * sizeof(*items));
        if (!items)
            return facet_fail_nomem();
        l->items = items;
        l->cap = cap;
    }
    char *copy = strdup(name);
    if (!copy)
        return facet_fail_nomem();
    l->items[l->count++] = (struct walk_entry){copy, is_dir};
    return FACET_OK;
}

static int list_add_if_wanted(struct walk_list *l, const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    if (name[0] == '.')
        return FACET_OK;
    int err = facet_path_join(path, sizeof(path), dir, name);
    if (err)
        return err;
    if (stat(path, &st) != 0) /* a dangling link, or gone since: nothing to report */
        return FACET_OK;
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return FACET_OK;
    return list_add(l, name, S_ISDIR(st.st_mode));
}

static int list_read(struct walk_list *l, const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return facet_fail_errno("open folder", dir);
    int err = FACET_OK;
    while (!err) {
        errno = 0;
        struct dirent *e = readdir(d);
        if (!e) {
            err = errno ? facet_fail_errno("read folder", dir) : FACET_OK;
            break;
        }
        err = list_add_if_wanted(l, dir, e->d_name);
    }
    closedir(d);
    if (!err && l->count > 1)
        qsort(l->items, l->count, sizeof(*l->items), entry_compare);
    return err;
}

static int walk_enter(struct walk *w, const char *dir, int depth)
{
    struct stat st;
    if (stat(dir, &st) != 0)
        return facet_fail_errno("open folder", dir);
    for (int i = 0; i < depth; i++) {
        if (w->above[i].dev == st.st_dev && w->above[i].ino == st.st_ino)
            return facet_fail(FACET_E_INVALID,
                              "folder '%s' contains itself: remove the symbolic link", dir);
    }
    w->above[depth] = (struct walk_place){st.st_dev, st.st_ino};
    return FACET_OK;
}

static int walk_dir(struct walk *w, const char *dir, int depth)
{
    struct walk_list list = {0};
    int err = walk_enter(w, dir, depth);
    if (!err)
        err = list_read(&list, dir);
    for (size_t i = 0; !err && i < list.count; i++) {
        char path[PATH_MAX];
        err = facet_path_join(path, sizeof(path), dir, list.items[i].name);
        if (!err && !list.items[i].is_dir)
            err = w->fn(w->ctx, path);
        else if (!err && depth < w->max_depth)
            err = walk_dir(w, path, depth + 1);
    }
    list_fini(&list);
    return err;
}

int facet_walk(const char *dir, int max_depth, facet_walk_fn *fn, void *ctx)
{
    struct walk w = {.fn = fn, .ctx = ctx, .max_depth = max_depth};
    if (max_depth < 0 || max_depth > WALK_MAX_DEPTH)
        return facet_fail(FACET_E_INVALID, "a walk goes 0 to %d folders deep, not %d",
                          WALK_MAX_DEPTH, max_depth);
    return walk_dir(&w, dir, 0);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    return remove(path);
}

int facet_remove_tree(const char *path)
{
    if (!facet_path_exists(path))
        return FACET_OK;
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) ? facet_fail_errno("remove", path) : FACET_OK;
}
