/* The part of a download that does not depend on libcurl: the file beside its final name, retries
 * with growing pauses as long as nothing new arrives, resuming, and the checksum at the end. */
#include "net/http/fetch.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/module.h"
#include "net/http/fetch_module.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_PAUSE_MS 8000

struct facet_fetch {
    const struct facet_fetch_module *module;
    struct facet_fetch_client *client;
    struct facet_fetch_opts opts;
};

struct download {
    struct facet_fetch *f;
    char part[PATH_MAX];
    int fd;
    int64_t size;              /* bytes in the part */
    struct facet_fetch_try t;
};

/* ---- the part file ---- */

static int part_restart(void *ctx)
{
    struct download *d = ctx;
    d->size = 0;
    if (ftruncate(d->fd, 0) || lseek(d->fd, 0, SEEK_SET))
        return facet_fail_errno("write", d->part);
    return FACET_OK;
}

static int part_write(struct download *d, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(d->fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return facet_fail_errno("write", d->part);
        data += n;
        len -= (size_t)n;
        d->size += n;
    }
    return FACET_OK;
}

static int part_take(void *ctx, const void *data, size_t len, int64_t total)
{
    struct download *d = ctx;
    const struct facet_fetch_opts *o = &d->f->opts;
    if (d->size + (int64_t)len > o->max_bytes || total > o->max_bytes)
        return facet_fail(FACET_E_LIMIT, "cannot download '%s': it is larger than the %lld bytes allowed", d->t.url,
                          (long long)o->max_bytes);
    int err = part_write(d, data, len);
    if (!err && o->progress && o->progress(o->ctx, d->size, total))
        err = facet_fail(FACET_E_CANCELLED, "the download of '%s' was cancelled", d->t.url);
    return err;
}

static int part_open(struct download *d, const char *path)
{
    int n = snprintf(d->part, sizeof(d->part), "%s.part", path);
    if (n < 0 || (size_t)n >= sizeof(d->part))
        return facet_fail(FACET_E_LIMIT, "cannot download to '%s': the path is too long", path);
    d->fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (d->fd < 0)
        return facet_fail_errno("write", d->part);
    d->size = lseek(d->fd, 0, SEEK_END);
    return d->size < 0 ? facet_fail_errno("read", d->part) : FACET_OK;
}

/* ---- tries ---- */

/* Waits in short steps, so that a cancelled download ends soon. */
static int pause_for(struct download *d, unsigned ms)
{
    const struct facet_fetch_opts *o = &d->f->opts;
    while (ms) {
        unsigned step = ms < 100 ? ms : 100;
        nanosleep(&(struct timespec){.tv_nsec = (long)step * 1000000}, NULL);
        ms -= step;
        if (o->progress && o->progress(o->ctx, d->size, -1))
            return facet_fail(FACET_E_CANCELLED, "the download of '%s' was cancelled", d->t.url);
    }
    return FACET_OK;
}

static int explain(const struct download *d, int err)
{
    if (!d->t.why[0]) /* our own sink said it already, or memory is out */
        return err == FACET_E_NOMEM ? facet_fail_nomem() : err;
    return facet_fail(err, "cannot download '%s': %s%s", d->t.url, d->t.why,
                      d->t.is_unreachable ? "; check the network and the proxy (https_proxy), or set FACET_MIRROR "
                                            "to a folder that holds the files" : "");
}

/* Until it is whole, or `retries` tries in a row brought nothing new. */
static int transfer(struct download *d)
{
    const struct facet_fetch_opts *o = &d->f->opts;
    unsigned failures = 0, pause_ms = o->pause_ms;
    for (;;) {
        int64_t before = d->size;
        d->t.offset = d->size;
        int err = d->f->module->get(d->f->client, &d->t);
        if (!err || !d->t.is_worth_retrying)
            return err ? explain(d, err) : FACET_OK;
        if (d->size > before)
            failures = 0, pause_ms = o->pause_ms;
        if (failures++ == o->retries)
            return explain(d, err);
        int stop = pause_for(d, pause_ms);
        if (stop)
            return stop;
        pause_ms = pause_ms * 2 > MAX_PAUSE_MS ? MAX_PAUSE_MS : pause_ms * 2;
    }
}

static int check_hash(const struct download *d, const char *sha256)
{
    char got[FACET_SHA256_HEX];
    int err = facet_sha256_file(d->part, got);
    if (!err && strcmp(got, sha256))
        err = facet_fail(FACET_E_HASH, "'%s' has the checksum %s, not %s: it is another file than was pinned, and "
                         "was removed", d->t.url, got, sha256);
    return err;
}

static int finish(struct download *d, const char *path)
{
    if (fsync(d->fd) || rename(d->part, path))
        return facet_fail_errno("write", path);
    return FACET_OK;
}

int facet_fetch_file(struct facet_fetch *f, const char *url, const char *path, const char *sha256)
{
    struct download d = {.f = f, .fd = -1, .t = {.url = url, .stall_s = f->opts.stall_s,
                         .connect_s = f->opts.connect_s, .allow = f->opts.allow}};
    d.t.sink = (struct facet_fetch_sink){part_restart, part_take, &d};
    int err = part_open(&d, path);
    int64_t resumed = err ? 0 : d.size;
    if (!err && !(resumed && check_hash(&d, sha256) == FACET_OK)) {
        err = transfer(&d);
        if (!err)
            err = check_hash(&d, sha256);
        if (err == FACET_E_HASH && resumed && !part_restart(&d)) { /* what was there was not its beginning */
            d.t.etag[0] = '\0';
            err = transfer(&d);
            if (!err)
                err = check_hash(&d, sha256);
        }
    }
    if (err == FACET_E_HASH || err == FACET_E_LIMIT || (err && d.fd >= 0 && d.size == 0))
        unlink(d.part);
    if (!err)
        err = finish(&d, path);
    if (d.fd >= 0)
        close(d.fd);
    return err;
}

/* ---- life ---- */

static void fill_defaults(struct facet_fetch_opts *o)
{
    o->retries = o->retries ? o->retries : 3;
    o->stall_s = o->stall_s ? o->stall_s : 20;
    o->connect_s = o->connect_s ? o->connect_s : 15;
    o->pause_ms = o->pause_ms ? o->pause_ms : 500;
    o->max_bytes = o->max_bytes > 0 ? o->max_bytes : (int64_t)FACET_MAX_MODEL_FILE;
}

int facet_fetch_open(struct facet_fetch **out, const struct facet_fetch_opts *o)
{
    const void *table = NULL;
    *out = NULL;
    int err = facet_module_open(&table, "facet-curl", FACET_FETCH_MODULE_SYMBOL, "libcurl4");
    if (err)
        return err;
    struct facet_fetch *f = calloc(1, sizeof(*f));
    if (!f)
        return facet_fail_nomem();
    f->module = table;
    f->opts = *o;
    fill_defaults(&f->opts);
    if (f->module->version != FACET_FETCH_MODULE_VERSION)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot use module 'facet-curl': it belongs to another version");
    else if (f->module->open(&f->client))
        err = facet_fail_nomem();
    if (err)
        facet_fetch_close(&f);
    *out = f;
    return err;
}

void facet_fetch_close(struct facet_fetch **f)
{
    if (!*f)
        return;
    if ((*f)->client)
        (*f)->module->close(&(*f)->client);
    free(*f);
    *f = NULL;
}
