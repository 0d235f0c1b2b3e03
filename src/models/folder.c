/* A model's folder comes to be in a hidden one beside it and is renamed into its place when it is whole. */
#include "models/folder.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "models/models.h"
#include "models/models_priv.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int facet__folder_place(char *out, const char *prefix, const char *name, const char *suffix)
{
    char dir[PATH_MAX], file[FACET_MAX_NAME + 32];
    int err = facet_models_dir(dir, sizeof(dir));
    snprintf(file, sizeof(file), "%s%s%s", prefix, name, suffix);
    return err ? err : facet_path_join(out, PATH_MAX, dir, file);
}

int facet__folder_lock(const char *name, int *fd)
{
    char path[PATH_MAX];
    int err = facet__folder_place(path, ".", name, ".lock");
    if (err)
        return err;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0)
        return facet_fail_errno("write", path);
    return flock(*fd, LOCK_EX) ? facet_fail_errno("lock", path) : FACET_OK;
}

static int describe_part(struct facet_jsonw *w, const char *dir, const struct facet_model_part *part)
{
    char path[PATH_MAX], sha256[FACET_SHA256_HEX];
    struct stat st;
    int err = facet_path_join(path, sizeof(path), dir, part->onnx);
    if (!err && stat(path, &st))
        err = facet_fail_errno("read", path);
    if (!err)
        err = facet_sha256_file(path, sha256);
    if (err)
        return err;
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "file", part->onnx);
    facet_jsonw_kint(w, "bytes", st.st_size);
    facet_jsonw_kstr(w, "sha256", sha256);
    facet_jsonw_end_object(w);
    return FACET_OK;
}

int facet__folder_describe(const struct facet_model_spec *s, const char *importer, const char *dir)
{
    struct facet_str json = FACET_STR_INIT;
    struct facet_jsonw w;
    char path[PATH_MAX], sources[FACET_SHA256_HEX];
    int err = FACET_OK;
    facet__sources_sha256(s, sources);
    facet_jsonw_init(&w, &json, true);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "model", s->name);
    facet_jsonw_kstr(&w, "version", s->version);
    facet_jsonw_kstr(&w, "licence", s->licence);
    facet_jsonw_kstr(&w, "importer", importer);
    facet_jsonw_kint(&w, "import_version", FACET__IMPORT_VERSION);
    facet_jsonw_kstr(&w, "sources_sha256", sources);
    facet_jsonw_key(&w, "parts");
    facet_jsonw_array(&w);
    for (size_t i = 0; !err && i < s->n_parts; i++)
        err = describe_part(&w, dir, &s->parts[i]);
    facet_jsonw_end_array(&w);
    facet_jsonw_end_object(&w);
    if (!err)
        err = facet_path_join(path, sizeof(path), dir, "model.json");
    if (!err && json.err)
        err = facet_fail_nomem();
    if (!err)
        err = facet_file_write_atomic(path, json.data, json.len);
    facet_str_fini(&json);
    return err;
}

/* The folder that was there goes aside first: a rename over a full folder is refused. */
int facet__folder_put(const char *name, const char *work, const char *result)
{
    char to[PATH_MAX], old[PATH_MAX];
    int err = facet__folder_place(to, "", name, "");
    if (!err)
        err = facet_path_join(old, sizeof(old), work, "old");
    if (!err)
        err = facet_remove_tree(old);
    if (!err && facet_path_exists(to) && rename(to, old))
        err = facet_fail_errno("replace", to);
    if (!err && rename(result, to))
        err = facet_fail_errno("write", to);
    return err ? err : facet_remove_tree(work);
}
