#include "bench/software.h"

#include "base/errors.h"
#include "bench/rivals.h"
#include "engine/backend.h"
#include "media/video.h"
#include "store/gallery.h"

#include <gnu/libc-version.h>
#include <string.h>

static bool is_used(const struct facet_experiments *x, const char *backend)
{
    for (size_t i = 0; i < x->n; i++)
        if (!strcmp(x->items[i].detector.backend, backend) || !strcmp(x->items[i].recogniser.backend, backend))
            return true;
    return false;
}

static void put_engine(struct facet_jsonw *w, const char *name)
{
    const struct facet_backend_ops *ops = NULL;
    char version[64] = "";
    bool is_here = facet_backend_find(&ops, name) == FACET_OK && ops->available && ops->available(version, sizeof(version)) == FACET_OK;
    facet_jsonw_kstr(w, name, is_here ? version : NULL);
}

void facet_bench_put_software(struct facet_jsonw *w, const struct facet_experiments *x)
{
    char video[64];
    facet_jsonw_key(w, "libraries");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "libc", gnu_get_libc_version());
    facet_jsonw_kstr(w, "sqlite", facet_gallery_sqlite_version());
    facet_jsonw_kstr(w, "ffmpeg", facet_video_version(video, sizeof(video)) == FACET_OK ? video : NULL);
    for (size_t i = 0; i < FACET_BENCH_RIVALS; i++)
        if (is_used(x, facet_bench_rivals[i]))
            put_engine(w, facet_bench_rivals[i]);
    facet_jsonw_end_object(w);
}

/* ---- checks ---- */

static int check_one(void *ctx, const char *key, const struct facet_json *value)
{
    if (facet_json_is_null(value) || *facet_json_str(value, ""))
        return FACET_OK;
    return facet_fail(FACET_E_FORMAT, "environment.json tells the version of '%s' neither as text nor as null", key);
}

static int check_engine(const struct facet_json *libraries, const struct facet_json *item, const char *key)
{
    const char *name = facet_json_str(facet_json_get(item, key), "cpu");
    bool is_ours = !*name || !strcmp(name, "cpu") || !strcmp(name, "ref");
    if (is_ours || facet_json_get(libraries, name))
        return FACET_OK;
    return facet_fail(FACET_E_FORMAT, "environment.json does not tell the version of '%s', which experiments name", name);
}

int facet_bench_check_software(const struct facet_json *env, const struct facet_json *items)
{
    const struct facet_json *libraries = facet_json_get(env, "libraries");
    if (!libraries)                 /* of facet before it told them */
        return FACET_OK;
    if (!facet_json_is_object(libraries))
        return facet_fail(FACET_E_FORMAT, "environment.json has no list of libraries");
    int err = facet_json_each(libraries, check_one, NULL);
    for (size_t i = 0; !err && i < facet_json_size(items); i++) {
        err = check_engine(libraries, facet_json_at(items, i), "detect_backend");
        if (!err)
            err = check_engine(libraries, facet_json_at(items, i), "recognise_backend");
    }
    return err;
}
