#include "store/remains.h"

#include "base/errors.h"
#include "base/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHORT 8
#define LAP ((size_t)2 * (FACET__NEEDLE + FACET_MAX_NAME))

int facet__remains_add(struct facet__remains *r, const char *what, const void *bytes, size_t len)
{
    if (!len)
        return FACET_OK;
    if (r->n == r->cap) { /* not realloc: it would leave a copy behind */
        int cap = r->cap ? 2 * r->cap : 32;
        struct facet__needle *more = calloc((size_t)cap, sizeof(*more));
        if (!more)
            return facet_fail_nomem();
        if (r->n)
            memcpy(more, r->needles, (size_t)r->n * sizeof(*more));
        if (r->n)
            explicit_bzero(r->needles, (size_t)r->n * sizeof(*more));
        free(r->needles);
        r->needles = more;
        r->cap = cap;
    }
    struct facet__needle *n = &r->needles[r->n++];
    n->len = len < sizeof(n->bytes) ? len : sizeof(n->bytes);
    n->what = what;
    memcpy(n->bytes, bytes, n->len);
    return FACET_OK;
}

int facet__remains_except(struct facet__remains *r, const char *other)
{
    if (r->n_others == r->cap_others) {
        int cap = r->cap_others ? 2 * r->cap_others : 16;
        void *more = realloc(r->others, (size_t)cap * sizeof(*r->others));
        if (!more)
            return facet_fail_nomem();
        r->others = more;
        r->cap_others = cap;
    }
    snprintf(r->others[r->n_others++], FACET_MAX_NAME, "%s", other);
    return FACET_OK;
}

void facet__remains_fini(struct facet__remains *r)
{
    if (r->needles)
        explicit_bzero(r->needles, (size_t)r->cap * sizeof(*r->needles));
    free(r->needles);
    free(r->others);
    r->needles = NULL;
    r->others = NULL;
}

/* --- one file, or what is read like one --- */

/* What is looked at: `at` is where in the file it begins. */
struct window { const char *path; const unsigned char *data; size_t len; int64_t at; };

/* Is the name at `pos` a part of somebody else's? */
static bool is_others(const struct facet__remains *r, const struct window *w, size_t pos)
{
    size_t len = strlen(r->name);
    for (int i = 0; i < r->n_others; i++) {
        size_t n = strlen(r->others[i]);
        for (size_t k = 0; k + len <= n; k++)
            if (!memcmp(r->others[i] + k, r->name, len) && pos >= k && pos - k + n <= w->len &&
                !memcmp(w->data + pos - k, r->others[i], n))
                return true;
    }
    return false;
}

/* A few bytes come up by chance, and in longer words; then they stand beside letters. */
static bool is_inside_a_word(const struct window *w, size_t pos, size_t len)
{
    unsigned char before = pos ? w->data[pos - 1] : 0, after = pos + len < w->len ? w->data[pos + len] : 0;
    return isalnum(before) || isalnum(after) || before >= 0x80 || after >= 0x80;
}

static void found(struct facet__remains *r, const struct window *w, size_t pos, const struct facet__needle *n)
{
    struct facet_erase_report *o = r->report;
    if (o->n_found < FACET_ERASE_FOUND) {
        struct facet_erase_finding *f = &o->found[o->n_found];
        snprintf(f->path, sizeof(f->path), "%.511s", w->path);
        snprintf(f->what, sizeof(f->what), "%s", n->what);
        f->offset = w->at + (int64_t)pos;
    }
    o->n_found++;
}

/* Matches that begin at from..to-1. */
static void look(struct facet__remains *r, const struct window *w, size_t begin, size_t end)
{
    for (int i = 0; i < r->n; i++) {
        const struct facet__needle *n = &r->needles[i];
        bool is_name = !strcmp(n->what, "name");
        for (size_t from = begin; from < end;) {
            const unsigned char *hit = memmem(w->data + from, w->len - from, n->bytes, n->len);
            size_t pos = hit ? (size_t)(hit - w->data) : end;
            if (pos >= end)
                break;
            if (!(is_name && is_others(r, w, pos)) && !(n->len < SHORT && is_inside_a_word(w, pos, n->len)))
                found(r, w, pos, n);
            from = pos + 1;
        }
    }
}

/* What was looked at stays in the window for a while, and what was only just read is not looked at yet: nothing is cut in
 * two, and whose name it is can be seen. */
static int look_through(struct facet__remains *r, const char *path, unsigned char *data, facet__remains_read *more, void *ctx)
{
    struct window w = { .path = path, .data = data };
    size_t done = 0; /* in the window: everything before it was looked at */
    for (;;) {
        size_t n = 0;
        int err = more(ctx, data + w.len, FACET__REMAINS_CHUNK, &n);
        if (err)
            return err;
        r->report->bytes += (int64_t)n;
        w.len += n;
        size_t end = n ? (w.len > LAP ? w.len - LAP : 0) : w.len;
        if (end > done) {
            look(r, &w, done, end);
            done = end;
        }
        if (!n)
            return FACET_OK;
        size_t drop = done > LAP ? done - LAP : 0;
        memmove(data, data + drop, w.len - drop);
        w.len -= drop, w.at += (int64_t)drop, done -= drop;
    }
}

int facet__remains_in_stream(struct facet__remains *r, const char *path, facet__remains_read *more, void *ctx)
{
    unsigned char *data = malloc(FACET__REMAINS_CHUNK + 4 * LAP);
    int err = data ? look_through(r, path, data, more, ctx) : facet_fail_nomem();
    r->report->files++;
    free(data);
    return err;
}

void facet__remains_in_value(struct facet__remains *r, const char *path, const void *data, size_t len)
{
    struct window w = { .path = path, .data = data, .len = len };
    look(r, &w, 0, len);
    r->report->bytes += (int64_t)len;
}

struct file { int fd; const char *path; };

static int read_file(void *ctx, unsigned char *buf, size_t cap, size_t *len)
{
    const struct file *f = ctx;
    ssize_t n;
    do
        n = read(f->fd, buf, cap);
    while (n < 0 && errno == EINTR);
    *len = n > 0 ? (size_t)n : 0;
    return n < 0 ? facet_fail_errno("look through", f->path) : FACET_OK;
}

int facet__remains_in_file(struct facet__remains *r, const char *path)
{
    struct file f = { open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), path };
    if (f.fd < 0)
        return errno == ENOENT || errno == ENXIO ? FACET_OK : facet_fail_errno("look through", path);
    int err = facet__remains_in_stream(r, path, read_file, &f);
    close(f.fd);
    return err;
}

int facet__remains_in_store(struct facet__remains *r, const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".index" };
    char name[4096 + 16];
    int err = FACET_OK;
    for (size_t i = 0; !err && i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        err = facet__remains_in_file(r, name);
    }
    return err;
}

static int in_walked_file(void *ctx, const char *path)
{
    return facet__remains_in_file(ctx, path);
}

int facet__remains_in_place(struct facet__remains *r, const char *path)
{
    return facet_path_is_dir(path) ? facet_walk(path, 16, in_walked_file, r) : facet__remains_in_store(r, path);
}
