/* Pinned files, as the manifest lists them: each by itself, or many in a table beside the manifest
 * (a tab between columns, first line file, bytes, sha256). */
#include "models/manifest_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "base/yaml.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A path below the mirror: no way out of it, nothing hidden. */
static bool is_safe_path(const char *p)
{
    if (!*p || *p == '/' || strlen(p) > 400 || p[strlen(p) - 1] == '/')
        return false;
    for (const char *c = p; *c; c++)
        if ((unsigned char)*c < 33 || *c == '\\' || *c == 127)
            return false;
    return *p != '.' && !strstr(p, "/.") && !strstr(p, "//");
}

static bool is_sha256(const char *t)
{
    return strlen(t) == 64 && strspn(t, "0123456789abcdef") == 64;
}

static bool is_url(const char *t)
{
    return (!strncmp(t, "https://", 8) || !strncmp(t, "http://", 7)) && strlen(t) < 1000 && !strpbrk(t, " \t\r\n\"");
}

struct row { const char *below, *path, *url, *sha256, *bytes; };

/* `where` is "'file' line 3". */
static int add_file(struct facet__files *f, const struct row *r, const char *where)
{
    char *end;
    long long bytes = strtoll(r->bytes, &end, 10);
    if (!is_safe_path(r->path))
        return facet_fail(FACET_E_FORMAT, "cannot read %s: the path '%.200s' does not lie below the mirror", where, r->path);
    if (!is_sha256(r->sha256))
        return facet_fail(FACET_E_FORMAT, "cannot read %s: sha256 is not 64 lower-case hexadecimal digits", where);
    if (!is_url(r->url))
        return facet_fail(FACET_E_FORMAT, "cannot read %s: url is no web address", where);
    if (end == r->bytes || *end || bytes < 1 || bytes > (long long)FACET_MAX_MODEL_FILE)
        return facet_fail(FACET_E_FORMAT, "cannot read %s: bytes is not a number from 1 to %lld", where,
                          (long long)FACET_MAX_MODEL_FILE);
    if (f->count == FACET_MODEL_FILES)
        return facet_fail(FACET_E_LIMIT, "cannot read %s: more than %d files", where, FACET_MODEL_FILES);
    if (!f->items && !(f->items = calloc(FACET_MODEL_FILES, sizeof(*f->items))))
        return facet_fail_nomem();
    struct facet_model_file *item = &f->items[f->count++];
    item->bytes = bytes;
    memcpy(item->sha256, r->sha256, 65);
    size_t len = strlen(r->below) + strlen(r->path) + 2;
    item->path = malloc(len);
    if (item->path)
        snprintf(item->path, len, "%s/%s", r->below, r->path);
    item->url = strdup(r->url);
    return item->path && item->url ? FACET_OK : facet_fail_nomem();
}

/* ---- one by one ---- */

static int read_file(struct facet__files *f, const struct facet_yaml *y, const char *below, const char *origin)
{
    static const char *const known[] = {"path", "url", "sha256", "bytes", NULL};
    char where[512];
    struct row r = {.below = below, .path = facet_yaml_str(y, "path", ""), .url = facet_yaml_str(y, "url", ""),
                    .sha256 = facet_yaml_str(y, "sha256", ""), .bytes = facet_yaml_str(y, "bytes", "")};
    snprintf(where, sizeof(where), "'%.400s' line %d", origin, y->line);
    int err = facet_yaml_only(y, known, origin);
    return err ? err : add_file(f, &r, where);
}

/* ---- a table ---- */

struct table { const char *below, *path, *url, *name; };

/* Cuts a line at its tabs; FACET_E_FORMAT when there are not three columns. */
static int read_row(struct facet__files *f, const struct table *t, char *line, int number)
{
    char where[512], path[512], url[1024];
    char *bytes = strchr(line, '\t'), *sha = bytes ? strchr(bytes + 1, '\t') : NULL;
    snprintf(where, sizeof(where), "'%.400s' line %d", t->name, number);
    if (!sha || strchr(sha + 1, '\t'))
        return facet_fail(FACET_E_FORMAT, "cannot read %s: a row has three columns, with a tab between", where);
    *bytes++ = *sha++ = '\0';
    int a = snprintf(path, sizeof(path), "%s%s", t->path, line), b = snprintf(url, sizeof(url), "%s%s", t->url, line);
    if (a < 0 || b < 0 || (size_t)a >= sizeof(path) || (size_t)b >= sizeof(url))
        return facet_fail(FACET_E_LIMIT, "cannot read %s: the name is too long", where);
    return add_file(f, &(struct row){t->below, path, url, sha, bytes}, where);
}

static int read_rows(struct facet__files *f, const struct table *t, char *text)
{
    static const char head[] = "file\tbytes\tsha256\n";
    int err = FACET_OK;
    if (strncmp(text, head, strlen(head)))
        return facet_fail(FACET_E_FORMAT, "cannot read '%s': its first line is not 'file', 'bytes', 'sha256'", t->name);
    char *line = text + strlen(head);
    for (int number = 2; *line && !err; number++) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        err = read_row(f, t, line, number);
        line = end ? end + 1 : line + strlen(line);
    }
    return err;
}

static int table_path(char *out, size_t cap, const char *name, const char *origin)
{
    char dir[PATH_MAX];
    int err = facet_copy_text(dir, sizeof(dir), origin);
    char *slash = err ? NULL : strrchr(dir, '/');
    if (err || !slash)
        return err ? err : facet_copy_text(out, cap, name);
    *slash = '\0';
    return facet_path_join(out, cap, dir, name);
}

static int read_table(struct facet__files *f, const struct facet_yaml *y, const char *below, const char *origin)
{
    static const char *const known[] = {"table", "path", "url", NULL};
    const char *name = facet_yaml_str(y, "table", "");
    struct table t = {.below = below, .path = facet_yaml_str(y, "path", ""), .url = facet_yaml_str(y, "url", "")};
    char path[PATH_MAX];
    uint8_t *text = NULL;
    size_t len;
    int err = facet_yaml_only(y, known, origin);
    if (!err && (strchr(name, '/') || !is_safe_path(name)))
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: a table lies beside the manifest", origin, y->line);
    if (!err)
        err = table_path(path, sizeof(path), name, origin);
    if (!err)
        err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    t.name = path;
    if (!err)
        err = read_rows(f, &t, (char *)text);
    free(text);
    return err;
}

int facet__files_read(struct facet__files *f, const struct facet_yaml *owner, const char *below, const char *origin)
{
    const struct facet_yaml *list = facet_yaml_get(owner, "files");
    if (!list || list->kind != FACET_YAML_LIST || !list->count)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: 'files' is not a list of files", origin, owner->line);
    for (size_t i = 0; i < list->count; i++) {
        const struct facet_yaml *y = &list->children[i];
        int err = facet_yaml_get(y, "table") ? read_table(f, y, below, origin) : read_file(f, y, below, origin);
        if (err)
            return err;
    }
    return FACET_OK;
}

void facet__files_free(struct facet_model_file *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].path);
        free(items[i].url);
    }
    free(items);
}
