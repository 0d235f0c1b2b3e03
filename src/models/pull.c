/* A pull works in a hidden folder beside the models (.pull-NAME), under a lock: sources come there,
 * are imported to ONNX there, and the result is renamed to its place. What came before a failure is
 * still there for the next pull, which checks it again. */
#include "models/models.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "engine/format/import.h"
#include "engine/format/onnx.h"
#include "models/folder.h"
#include "models/models_priv.h"
#include "models/obtain.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct pull {
    const struct facet_model_spec *s;
    struct facet__obtain obtain;
    char work[PATH_MAX];       /* .pull-NAME */
    char result[PATH_MAX];     /* .pull-NAME/result */
};

/* ---- steps ---- */

static int open_work(struct pull *p)
{
    int err = facet__folder_place(p->work, ".pull-", p->s->name, "");
    if (!err)
        err = facet_path_join(p->result, sizeof(p->result), p->work, "result");
    if (!err)
        err = facet_remove_tree(p->result);
    return err ? err : facet_mkdirs(p->result);
}

/* Each part has a folder of its own, so that files of two parts may share a name. */
static int obtain_part(struct pull *p, const struct facet_model_part *part, char *dir)
{
    char name[48];
    snprintf(name, sizeof(name), "source-%s", part->name);
    int err = facet_path_join(dir, PATH_MAX, p->work, name);
    if (!err)
        err = facet_mkdirs(dir);
    for (size_t i = 0; !err && i < part->count; i++) {
        const struct facet_model_file *f = &p->s->files[part->first + i];
        char path[PATH_MAX];
        err = facet_path_join(path, sizeof(path), dir, facet_path_base(f->path));
        if (!err)
            err = facet__obtain_file(&p->obtain, f, path, NULL);
    }
    return err;
}

static void free_paths(char **paths, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
}

/* The importer's arguments: the files, or the one folder they are in. */
static int list_paths(const struct pull *p, const struct facet_model_part *part, const char *dir, bool as_folder,
                      char ***out, size_t *n)
{
    char path[PATH_MAX];
    int err = FACET_OK;
    *n = 0;
    *out = calloc(part->count + 1, sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    for (size_t i = 0; !err && i < (as_folder ? 1 : part->count); i++) {
        const char *name = facet_path_base(p->s->files[part->first + i].path);
        err = as_folder ? facet_copy_text(path, sizeof(path), dir) : facet_path_join(path, sizeof(path), dir, name);
        if (!err && !((*out)[(*n)++] = strdup(path)))
            err = facet_fail_nomem();
    }
    return err;
}

static int import_part(struct pull *p, const struct facet_model_part *part, const char *dir)
{
    const struct facet_importer *importer = facet_importer_find(p->s->importer);
    struct facet_graph *g = NULL;
    char **paths, to[PATH_MAX];
    size_t n;
    int err = list_paths(p, part, dir, importer->takes_folder, &paths, &n);
    if (!err)
        err = importer->import(&g, (const char *const *)paths, n);
    if (!err)
        err = facet_graph_check(g);
    if (!err)
        err = facet_path_join(to, sizeof(to), p->result, part->onnx);
    if (!err)
        err = facet_onnx_save(g, to);
    facet_graph_free(&g);
    if (paths)
        free_paths(paths, n);
    return err;
}

static int pull_parts(struct pull *p)
{
    int err = open_work(p);
    for (size_t i = 0; !err && i < p->s->n_parts; i++) {
        char dir[PATH_MAX];
        err = obtain_part(p, &p->s->parts[i], dir);
        if (!err)
            err = import_part(p, &p->s->parts[i], dir);
    }
    if (!err)
        err = facet__folder_describe(p->s, p->s->importer, p->result);
    return err ? err : facet__folder_put(p->s->name, p->work, p->result);
}

/* ---- public ---- */

int facet_model_pull(const struct facet_model_spec *s, const struct facet_pull_opts *o)
{
    struct pull p = {.s = s};
    bool nothing = false;
    if (*s->made_from)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot pull '%s': it was made here from '%s'; run: facet models optimise %s",
                          s->name, s->made_from, s->made_from);
    int fd = -1, err = facet__folder_lock(s->name, &fd);
    if (!err)
        nothing = !o->force && facet_model_present(s); /* another process may just have done it */
    if (!err && !nothing) {
        facet__obtain_init(&p.obtain, s->name, s->files, s->n_files, o);
        err = pull_parts(&p);
        facet__obtain_fini(&p.obtain);
    }
    if (fd >= 0)
        close(fd);
    if (o->did_nothing)
        *o->did_nothing = nothing;
    return err ? facet_fail_prefix(err, "cannot pull '%s'", s->name) : FACET_OK;
}

int facet_model_remove(const struct facet_model_spec *s)
{
    char dir[PATH_MAX], work[PATH_MAX];
    int fd = -1, err = facet__folder_lock(s->name, &fd);
    if (!err)
        err = facet__folder_place(dir, "", s->name, "");
    if (!err)
        err = facet__folder_place(work, ".pull-", s->name, "");
    if (!err && !facet_path_exists(dir) && !facet_path_exists(work))
        err = facet_fail(FACET_E_NOT_FOUND, "cannot remove '%s': it is not there", s->name);
    if (!err)
        err = facet_remove_tree(work);
    if (!err)
        err = facet_remove_tree(dir);
    if (fd >= 0)
        close(fd);
    return err;
}

static int make_parent(const char *path)
{
    char dir[PATH_MAX];
    int err = facet_copy_text(dir, sizeof(dir), path);
    char *slash = err ? NULL : strrchr(dir, '/');
    if (slash)
        *slash = '\0';
    return err ? err : facet_mkdirs(dir);
}

int facet_data_pull(const struct facet_data_spec *s, const char *dir, const struct facet_pull_opts *o)
{
    struct facet__obtain ob;
    bool nothing = true;
    int err = FACET_OK;
    facet__obtain_init(&ob, s->name, s->files, s->n_files, o);
    for (size_t i = 0; !err && i < s->n_files; i++) {
        const struct facet_model_file *f = &s->files[i];
        char path[PATH_MAX];
        bool was_there = true;
        err = facet_path_join(path, sizeof(path), dir, strchr(f->path, '/') + 1); /* without "data/" */
        if (!err)
            err = make_parent(path);
        if (!err)
            err = facet__obtain_file(&ob, f, path, &was_there);
        nothing &= was_there;
    }
    facet__obtain_fini(&ob);
    if (o->did_nothing)
        *o->did_nothing = nothing;
    return err ? facet_fail_prefix(err, "cannot pull '%s'", s->name) : FACET_OK;
}
