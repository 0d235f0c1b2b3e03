#include "stages/ingest/ingest_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/str.h"
#include "media/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define MAX_DEPTH 8 /* folders below a folder */

static bool is_one_of(const char *ext, const char *const *list)
{
    for (; *list; list++)
        if (strcasecmp(ext, *list) == 0)
            return true;
    return false;
}

static const char *const picture_names[] = {"jpg", "jpeg", "png", "gif", "bmp",
                                            "pgm", "ppm",  "pnm", NULL};
static const char *const video_names[] = {"mp4", "m4v", "mkv", "webm", "mov", "avi", "mpg", "mpeg",
                                          "ts",  "mts", "wmv", "flv",  "3gp", "ogv", NULL};

enum content { CONTENT_NONE, CONTENT_PICTURE, CONTENT_OTHER, CONTENT_ANIMATION };

/* By the first bytes. All of a GIF is looked at, for whether it moves. */
static enum content content_of(const char *path)
{
    uint8_t head[16];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return CONTENT_NONE;
    const char *kind = facet_picture_kind(head, (size_t)n);
    if (!kind || strcmp(kind, "gif") != 0)
        return kind ? CONTENT_PICTURE : CONTENT_OTHER;
    struct facet_map map;
    struct facet_picture_info info = {0};
    if (facet_map_open(&map, path, FACET_MAX_IMAGE_FILE) == FACET_OK) {
        facet_picture_probe(&info, map.data, map.len, path);
        facet_map_close(&map);
    }
    return info.is_animated ? CONTENT_ANIMATION : CONTENT_PICTURE;
}

static int add(struct facet__sources *s, const char *path, bool is_video)
{
    if (s->count == s->cap) {
        int cap = s->cap ? s->cap * 2 : 16;
        struct facet__source *items = realloc(s->items, (size_t)cap * sizeof(*items));
        if (!items)
            return facet_fail_nomem();
        s->items = items;
        s->cap = cap;
    }
    if ((unsigned)s->count >= FACET_MAX_SOURCES)
        return facet_fail(FACET_E_LIMIT, "cannot take more than %u files in one run: '%s'",
                          FACET_MAX_SOURCES, path);
    char *copy = strdup(path);
    if (!copy)
        return facet_fail_nomem();
    s->items[s->count++] = (struct facet__source){.path = copy, .is_video = is_video};
    return FACET_OK;
}

static int add_from_folder(void *ctx, const char *path)
{
    const char *ext = facet_path_ext(path);
    enum content content = content_of(path);
    if (content == CONTENT_PICTURE || content == CONTENT_ANIMATION)
        return add(ctx, path, content == CONTENT_ANIMATION);
    if (is_one_of(ext, picture_names))
        return add(ctx, path, false); /* will be refused with its reason */
    return is_one_of(ext, video_names) ? add(ctx, path, true) : FACET_OK;
}

static int add_folder(struct facet__sources *s, const char *path)
{
    int before = s->count;
    int err = facet_walk(path, MAX_DEPTH, add_from_folder, s);
    if (!err && s->count == before)
        err = facet_fail(FACET_E_NOT_FOUND, "no picture and no video in folder '%s'", path);
    return err;
}

static int add_path(struct facet__sources *s, const char *path, bool keep_going)
{
    if (facet_path_is_dir(path))
        return add_folder(s, path);
    if (access(path, R_OK) != 0 && !keep_going)
        return facet_fail_errno("read source", path);
    switch (content_of(path)) {
    case CONTENT_PICTURE: return add(s, path, false);
    case CONTENT_NONE: /* empty or unreadable: refused when its turn comes, by what its name says */
        return add(s, path, !is_one_of(facet_path_ext(path), picture_names));
    default: return add(s, path, true);
    }
}

static int read_list(struct facet_str *out)
{
    char part[4096];
    out->max = FACET_MAX_TEXT_FILE;
    for (;;) {
        ssize_t n = read(STDIN_FILENO, part, sizeof(part));
        if (n == 0)
            return facet_str_append(out, "", 1); /* never empty, and ends with NUL */
        if (n < 0 && errno == EINTR)
            continue;
        int err = n < 0 ? facet_fail_errno("read the list of sources from", "-")
                        : facet_str_append(out, part, (size_t)n);
        if (err)
            return err;
    }
}

static int add_list(struct facet__sources *s, bool keep_going)
{
    struct facet_str text = FACET_STR_INIT;
    int err = read_list(&text), before = s->count;
    char *rest = text.data, *line;
    while (!err && rest && (line = strsep(&rest, "\n")) != NULL) {
        size_t len = strlen(line);
        if (len > 0 && line[len - 1] == '\r')
            line[--len] = '\0';
        if (len > 0)
            err = add_path(s, line, keep_going);
    }
    if (!err && s->count == before)
        err = facet_fail(FACET_E_NOT_FOUND, "no source named on standard input");
    facet_str_fini(&text);
    return err;
}

int facet__sources_find(struct facet__sources *s, const struct facet_ingest_opts *o)
{
    int err = FACET_OK;
    bool has_list = false;
    for (int i = 0; !err && i < o->n_sources; i++) {
        const char *name = o->sources[i];
        if (strcmp(name, "-") != 0)
            err = add_path(s, name, o->keep_going);
        else if (has_list)
            err = facet_fail(FACET_E_INVALID, "standard input can be read once: '-' stands twice");
        else
            err = add_list(s, o->keep_going);
        has_list = has_list || strcmp(name, "-") == 0;
    }
    if (!err && s->count == 0)
        err = facet_fail(FACET_E_INVALID, "no source given");
    return err;
}

void facet__sources_fini(struct facet__sources *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->items[i].path);
    free(s->items);
    *s = (struct facet__sources){0};
}
