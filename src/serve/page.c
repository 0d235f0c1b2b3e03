/* The page: the files of its folder, read when the server starts, each a route of its own. No path of a request is ever a path
 * of the disk. */
#include "serve/serve_core.h"

#include "base/file.h"
#include "base/hash.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_FILES 64
#define MAX_FILE (4u << 20)

static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

struct file { char path[256], etag[40]; const char *type; uint8_t *data; size_t len; };
struct facet__page { char dir[PATH_MAX]; struct file file[MAX_FILES]; int n; };

/* ---- where it is ---- */

static bool is_page(char *out, size_t cap, const char *dir, const char *below)
{
    char index[PATH_MAX];
    int n = snprintf(out, cap, "%s/%s", dir, below);
    if (n < 0 || (size_t)n >= cap)
        return false;
    return !facet_path_join(index, sizeof(index), out, "index.html") && facet_path_exists(index);
}

/* In the source tree of the build that the program is in, or where it was installed. */
static bool find_by_program(char *out, size_t cap)
{
    char dir[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    if (n <= 0)
        return false;
    dir[n] = '\0';
    for (int i = 0; i < 6; i++) {
        char *slash = strrchr(dir, '/');
        if (!slash || slash == dir)
            return false;
        *slash = '\0';
        if (is_page(out, cap, dir, FACET_PAGE_DATADIR) || is_page(out, cap, dir, "web/dist"))
            return true;
    }
    return false;
}

static bool find(char *out, size_t cap)
{
    const char *env = getenv("FACET_PAGE");
    if (env && *env)
        return facet_copy_text(out, cap, env) == FACET_OK;
    return find_by_program(out, cap) || is_page(out, cap, FACET_PAGE_DIR, ".");
}

/* ---- reading ---- */

static const char *type_of(const char *path)
{
    static const struct { const char *ext, *type; } types[] = {
        { "html", "text/html; charset=utf-8" }, { "js", "text/javascript; charset=utf-8" }, { "css", "text/css; charset=utf-8" },
        { "svg", "image/svg+xml" }, { "png", "image/png" }, { "ico", "image/x-icon" }, { "woff2", "font/woff2" },
        { "json", "application/json" }, { "webmanifest", "application/manifest+json" }, { "txt", "text/plain; charset=utf-8" },
    };
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(facet_path_ext(path), types[i].ext))
            return types[i].type;
    return NULL; /* maps and the like are not served */
}

static int read_one(void *ctx, const char *path)
{
    struct facet__page *p = ctx;
    const char *type = type_of(path);
    if (!type)
        return FACET_OK;
    if (p->n == MAX_FILES)
        return facet_fail(FACET_E_LIMIT, "cannot serve the page '%s': it has more than %d files", p->dir, MAX_FILES);
    struct file *f = &p->file[p->n];
    char sha[FACET_SHA256_HEX];
    int err = facet_copy_text(f->path, sizeof(f->path), path + strlen(p->dir));
    if (!err)
        err = facet_file_read(path, MAX_FILE, &f->data, &f->len);
    if (err)
        return err;
    facet_sha256_of(f->data, f->len, sha);
    snprintf(f->etag, sizeof(f->etag), "\"%.32s\"", sha);
    f->type = type;
    p->n++;
    return FACET_OK;
}

int facet__page_open(struct facet__page **out, const char *dir)
{
    struct facet__page *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (!p)
        return facet_fail_nomem();
    int err = FACET_OK;
    if (dir && *dir)
        err = facet_copy_text(p->dir, sizeof(p->dir), dir);
    bool is_there = !err && (dir ? *dir != '\0' : find(p->dir, sizeof(p->dir)));
    for (size_t n = strlen(p->dir); n > 1 && p->dir[n - 1] == '/'; n--)
        p->dir[n - 1] = '\0';
    if (is_there)
        err = facet_walk(p->dir, 4, read_one, p);
    if (!err && dir && *dir && !p->n)
        err = facet_fail(FACET_E_NOT_FOUND, "cannot serve the page '%s': there is none", dir);
    if (err)
        facet__page_close(&p);
    *out = p;
    return err;
}

void facet__page_close(struct facet__page **p)
{
    if (!*p)
        return;
    for (int i = 0; i < (*p)->n; i++)
        free((*p)->file[i].data);
    free(*p);
    *p = NULL;
}

/* ---- serving ---- */

static const struct file *file_of(const struct facet__page *p, const char *path)
{
    if (!strcmp(path, "/"))
        path = "/index.html";
    for (int i = 0; i < p->n; i++)
        if (!strcmp(p->file[i].path, path))
            return &p->file[i];
    return NULL;
}

static int send_file(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    const struct file *f = file_of(s->page, facet_http_path(q));
    const char *known = facet_http_header(q, "if-none-match");
    if (!f)
        return facet_fail(FACET_E_NOT_FOUND, "there is nothing at '%.200s'", facet_http_path(q));
    (void)facet_http_set_header(q, "etag", f->etag);
    (void)facet_http_set_header(q, "cache-control", "no-cache");
    (void)facet_http_set_header(q, "content-security-policy", policy);
    (void)facet_http_set_header(q, "x-content-type-options", "nosniff");
    (void)facet_http_set_header(q, "x-frame-options", "DENY");
    (void)facet_http_set_header(q, "referrer-policy", "no-referrer");
    (void)facet_http_set_header(q, "cross-origin-opener-policy", "same-origin");
    if (facet_http_is_tls(q))
        (void)facet_http_set_header(q, "strict-transport-security", "max-age=31536000");
    if (known && strstr(known, f->etag)) {
        facet_http_status(q, 304);
        return facet_http_send(q, NULL, "", 0);
    }
    return facet_http_send(q, f->type, f->data, f->len);
}

size_t facet__page_count(const struct facet__page *p)
{
    return p && p->n ? (size_t)p->n + 1 : 0;
}

void facet__page_routes(const struct facet__page *p, struct facet_http_route *out)
{
    for (int i = 0; i < p->n; i++)
        out[i] = (struct facet_http_route){ .method = FACET_HTTP_GET, .path = p->file[i].path, .handler = send_file, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) };
    out[p->n] = (struct facet_http_route){ .method = FACET_HTTP_GET, .path = "/", .handler = send_file, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) };
}
