#include "models/obtain.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "net/http/fetch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 65536

/* ---- progress ---- */

static int report(struct facet__obtain *ob, int64_t of_this_file)
{
    const struct facet_pull_opts *o = ob->opts;
    if (o->progress)
        o->progress(o->ctx, ob->what, ob->done + of_this_file, ob->total);
    return o->cancel && *o->cancel;
}

static int on_fetch(void *ctx, int64_t done, int64_t total)
{
    return report(ctx, done);
}

/* ---- from the mirror ---- */

static int copy_bytes(struct facet__obtain *ob, FILE *in, FILE *out, const char *from, const char *to,
                      char sha256[FACET_SHA256_HEX])
{
    unsigned char chunk[CHUNK];
    struct facet_sha256 h;
    int64_t done = 0;
    size_t n;
    facet_sha256_init(&h);
    while ((n = fread(chunk, 1, sizeof(chunk), in)) > 0) {
        facet_sha256_update(&h, chunk, n);
        if (fwrite(chunk, 1, n, out) != n)
            return facet_fail_errno("write", to);
        done += (int64_t)n;
        if (report(ob, done))
            return facet_fail(FACET_E_CANCELLED, "copying '%s' was cancelled", from);
    }
    facet_sha256_hex(&h, sha256);
    return ferror(in) ? facet_fail_errno("read", from) : FACET_OK;
}

static int copy_file(struct facet__obtain *ob, const char *from, const char *to, char sha256[FACET_SHA256_HEX])
{
    FILE *in = fopen(from, "rbe"), *out = in ? fopen(to, "wbe") : NULL;
    int err = FACET_OK;
    if (!in)
        err = facet_fail_errno("read", from);
    else if (!out)
        err = facet_fail_errno("write", to);
    else
        err = copy_bytes(ob, in, out, from, to, sha256);
    if (in)
        fclose(in);
    if (out && fclose(out) && !err)
        err = facet_fail_errno("write", to);
    return err;
}

static int take_from_mirror(struct facet__obtain *ob, const struct facet_model_file *f, const char *from, const char *path)
{
    char part[PATH_MAX], sha256[FACET_SHA256_HEX];
    int n = snprintf(part, sizeof(part), "%s.copy", path);
    if (n < 0 || (size_t)n >= sizeof(part))
        return facet_fail(FACET_E_LIMIT, "cannot copy to '%s': the path is too long", path);
    int err = copy_file(ob, from, part, sha256);
    if (!err && strcmp(sha256, f->sha256))
        err = facet_fail(FACET_E_HASH, "'%s' has the checksum %s, not %s: it is another file than was pinned; take it "
                         "away, or unset FACET_MIRROR", from, sha256, f->sha256);
    if (!err && rename(part, path))
        err = facet_fail_errno("write", path);
    if (err)
        unlink(part);
    return err;
}

/* ---- from the network ---- */

static int download(struct facet__obtain *ob, const struct facet_model_file *f, const char *path)
{
    struct facet_fetch_opts o = FACET_FETCH_OPTS_INIT;
    o.max_bytes = ob->largest;
    o.progress = on_fetch;
    o.ctx = ob;
    int err = ob->fetch ? FACET_OK : facet_fetch_open(&ob->fetch, &o);
    return err ? err : facet_fetch_file(ob->fetch, f->url, path, f->sha256);
}

/* ---- either ---- */

static bool is_right(const struct facet_model_file *f, const char *path)
{
    char sha256[FACET_SHA256_HEX];
    struct stat st;
    return !stat(path, &st) && st.st_size == f->bytes && !facet_sha256_file(path, sha256) && !strcmp(sha256, f->sha256);
}

int facet__obtain_file(struct facet__obtain *ob, const struct facet_model_file *f, const char *path, bool *was_there)
{
    char from[PATH_MAX];
    bool has_it = is_right(f, path);
    int err = FACET_OK;
    if (was_there)
        *was_there = has_it;
    if (!has_it && ob->mirror)
        err = facet_path_join(from, sizeof(from), ob->mirror, f->path);
    if (!has_it && !err)
        err = ob->mirror && facet_path_exists(from) ? take_from_mirror(ob, f, from, path) : download(ob, f, path);
    if (err)
        return err;
    ob->done += f->bytes;
    return report(ob, 0) ? facet_fail(FACET_E_CANCELLED, "pulling '%s' was cancelled", ob->what) : FACET_OK;
}

void facet__obtain_init(struct facet__obtain *ob, const char *what, const struct facet_model_file *files, size_t n,
                        const struct facet_pull_opts *o)
{
    const char *mirror = o->mirror ? o->mirror : getenv("FACET_MIRROR");
    *ob = (struct facet__obtain){.opts = o, .what = what, .mirror = mirror && *mirror ? mirror : NULL};
    for (size_t i = 0; i < n; i++) {
        ob->total += files[i].bytes;
        ob->largest = files[i].bytes > ob->largest ? files[i].bytes : ob->largest;
    }
}

void facet__obtain_fini(struct facet__obtain *ob)
{
    facet_fetch_close(&ob->fetch);
}
