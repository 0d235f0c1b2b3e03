/* Making: .make-NAME in the models folder, renamed when whole. Reading: whatever folder has a made.json, in
 * the order of names. */
#include "models/made.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "models/folder.h"
#include "models/manifest_priv.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_MADE 256

struct facet_made {
    const struct facet_model_spec *from;
    char name[FACET_MAX_NAME];
    char work[PATH_MAX], result[PATH_MAX];
    bool is_kept[FACET_MODEL_PARTS];
    int lock;
};

/* ---- a spec like another ---- */

static char *copy(const char *text)
{
    return strdup(text ? text : "");
}

static void *copy_items(const void *from, size_t n, size_t size)
{
    void *to = calloc(n ? n : 1, size);
    if (to && n)
        memcpy(to, from, n * size);
    return to;
}

/* All but the files. */
static int copy_spec(struct facet_model_spec *s, const struct facet_model_spec *from, const char *name)
{
    *s = *from;
    s->files = NULL;
    s->n_files = 0;
    s->is_default = false;
    s->title = copy(from->title);
    s->licence = copy(from->licence);
    s->licence_note = copy(from->licence_note);
    s->source = copy(from->source);
    s->parts = copy_items(from->parts, FACET_MODEL_PARTS, sizeof(*s->parts));
    s->thresholds = copy_items(from->thresholds, from->n_thresholds, sizeof(*s->thresholds));
    snprintf(s->name, sizeof(s->name), "%s", name);
    snprintf(s->importer, sizeof(s->importer), "onnx");
    snprintf(s->made_from, sizeof(s->made_from), "%s", from->name);
    bool fits = s->title && s->licence && s->licence_note && s->source && s->parts && s->thresholds;
    return fits ? FACET_OK : facet_fail_nomem();
}

/* That part of the source, after all others. */
static int add_float(struct facet_model_spec *s, const struct facet_model_part *from)
{
    struct facet_model_part *p = &s->parts[s->n_parts];
    if (s->n_parts == FACET_MODEL_PARTS)
        return facet_fail(FACET_E_LIMIT, "a model has %d networks at most", FACET_MODEL_PARTS);
    if (!*from->name || strlen(from->name) + strlen(FACET_MODEL_FLOAT) >= sizeof(p->name))
        return facet_fail(FACET_E_FORMAT, "its network '%s' cannot be kept", from->name);
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s" FACET_MODEL_FLOAT, from->name);
    snprintf(p->onnx, sizeof(p->onnx), "%s.onnx", p->name);
    s->n_parts++;
    return FACET_OK;
}

static int add_floats(const struct facet_made *m, struct facet_model_spec *s)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < m->from->n_parts; i++)
        if (m->is_kept[i])
            err = add_float(s, &m->from->parts[i]);
    return err;
}

/* Each part's own file is its only source. */
static int set_file(struct facet_model_spec *s, size_t part, const char *sha256, int64_t bytes)
{
    struct facet_model_file *f = &s->files[part];
    char path[FACET_MAX_NAME + FACET_MAX_NAME + 2];
    snprintf(path, sizeof(path), "%s/%s", s->name, s->parts[part].onnx);
    f->path = strdup(path);
    f->url = strdup("");
    f->bytes = bytes;
    snprintf(f->sha256, sizeof(f->sha256), "%s", sha256);
    s->parts[part].first = part;
    s->parts[part].count = 1;
    s->n_files = part + 1;
    return f->path && f->url ? FACET_OK : facet_fail_nomem();
}

/* ---- making ---- */

static bool is_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t n = strlen(name);
    return n > 0 && n < FACET_MAX_NAME && strspn(name, allowed) == n && name[0] != '.' && name[0] != '-';
}

int facet_made_check(const struct facet_manifest *m, const char *name, bool force)
{
    char dir[PATH_MAX];
    if (!is_name(name))
        return facet_fail(FACET_E_INVALID, "cannot name a model '%s': use a-z 0-9 - . _", name);
    for (size_t i = 0; i < m->n_models; i++)
        if (!strcmp(m->models[i].name, name) && !*m->models[i].made_from)
            return facet_fail(FACET_E_INVALID, "cannot name a model '%s': the manifest has one of that name", name);
    int err = facet__folder_place(dir, "", name, "");
    if (!err && facet_path_exists(dir) && !force)
        return facet_fail(FACET_E_EXISTS, "the model '%s' is there already; --force makes it anew", name);
    return err;
}

int facet_made_open(struct facet_made **out, const struct facet_model_spec *from, const char *name)
{
    struct facet_made *m = calloc(1, sizeof(*m));
    int err = m ? FACET_OK : facet_fail_nomem();
    *out = NULL;
    if (err)
        return err;
    m->from = from;
    m->lock = -1;
    err = facet_copy_text(m->name, sizeof(m->name), name);
    if (!err)
        err = facet__folder_lock(name, &m->lock);
    if (!err)
        err = facet__folder_place(m->work, ".make-", name, "");
    if (!err)
        err = facet_path_join(m->result, sizeof(m->result), m->work, "result");
    if (!err)
        err = facet_remove_tree(m->work);
    if (!err)
        err = facet_mkdirs(m->result);
    if (err)
        facet_made_close(&m);
    *out = m;
    return err;
}

int facet_made_path(const struct facet_made *m, size_t part, char *out, size_t cap)
{
    return facet_path_join(out, cap, m->result, m->from->parts[part].onnx);
}

int facet_made_keep(struct facet_made *m, size_t part)
{
    const char *name = m->from->parts[part].name;
    char from[PATH_MAX], to[PATH_MAX], file[FACET_MAX_NAME];
    uint8_t *data = NULL;
    size_t len = 0;
    snprintf(file, sizeof(file), "%s" FACET_MODEL_FLOAT ".onnx", name);
    int err = facet_model_path(m->from, name, from, sizeof(from));
    if (!err)
        err = facet_path_join(to, sizeof(to), m->result, file);
    if (!err)
        err = facet_file_read(from, FACET_MAX_MODEL_FILE, &data, &len);
    if (!err)
        err = facet_file_write_atomic(to, data, len);
    free(data);
    m->is_kept[part] = !err;
    return err;
}

static int hash_files(const struct facet_made *m, struct facet_model_spec *s)
{
    int err = FACET_OK;
    s->files = calloc(FACET_MODEL_PARTS, sizeof(*s->files));
    if (!s->files)
        return facet_fail_nomem();
    for (size_t i = 0; !err && i < s->n_parts; i++) {
        char path[PATH_MAX], sha256[FACET_SHA256_HEX];
        struct stat st;
        err = facet_path_join(path, sizeof(path), m->result, s->parts[i].onnx);
        if (!err && stat(path, &st))
            err = facet_fail_errno("read", path);
        if (!err)
            err = facet_sha256_file(path, sha256);
        if (!err)
            err = set_file(s, i, sha256, st.st_size);
    }
    return err;
}

static int write_made(const struct facet_made *m, const struct facet_model_spec *s)
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_jsonw w;
    char contract[65], path[PATH_MAX];
    int err = facet_model_contract(m->from, contract);
    facet_jsonw_init(&w, &text, true);
    facet_jsonw_object(&w);
    facet_jsonw_kint(&w, "made", 1);
    facet_jsonw_kstr(&w, "name", s->name);
    facet_jsonw_kstr(&w, "from", m->from->name);
    facet_jsonw_kstr(&w, "from_contract", contract);
    facet_jsonw_key(&w, "floats");
    facet_jsonw_array(&w);
    for (size_t i = 0; i < m->from->n_parts; i++)
        if (m->is_kept[i])
            facet_jsonw_str(&w, m->from->parts[i].name);
    facet_jsonw_end_array(&w);
    facet_jsonw_key(&w, "files");
    facet_jsonw_array(&w);
    for (size_t i = 0; i < s->n_files; i++) {
        facet_jsonw_object(&w);
        facet_jsonw_kstr(&w, "file", s->parts[i].onnx);
        facet_jsonw_kint(&w, "bytes", s->files[i].bytes);
        facet_jsonw_kstr(&w, "sha256", s->files[i].sha256);
        facet_jsonw_end_object(&w);
    }
    facet_jsonw_end_array(&w);
    facet_jsonw_end_object(&w);
    if (!err && text.err)
        err = facet_fail_nomem();
    if (!err)
        err = facet_path_join(path, sizeof(path), m->result, "made.json");
    if (!err)
        err = facet_file_write_atomic(path, text.data, text.len);
    facet_str_fini(&text);
    return err;
}

int facet_made_finish(struct facet_made *m)
{
    struct facet_model_spec s;
    int err = copy_spec(&s, m->from, m->name);
    if (!err)
        err = add_floats(m, &s);
    if (!err)
        err = hash_files(m, &s);
    if (!err)
        err = facet__folder_describe(&s, "onnx", m->result);
    if (!err)
        err = write_made(m, &s);
    if (!err)
        err = facet__folder_put(m->name, m->work, m->result);
    facet__spec_fini(&s);
    return err;
}

void facet_made_close(struct facet_made **made)
{
    struct facet_made *m = *made;
    *made = NULL;
    if (!m)
        return;
    if (*m->work)
        facet_remove_tree(m->work);
    if (m->lock >= 0)
        close(m->lock);
    free(m);
}

/* ---- reading ---- */

static const struct facet_model_spec *find(const struct facet_manifest *m, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(m->models[i].name, name))
            return &m->models[i];
    return NULL;
}

static int take_file(struct facet_model_spec *s, size_t i, const struct facet_json *e)
{
    const char *sha256 = facet_json_str(facet_json_get(e, "sha256"), "");
    int64_t bytes = facet_json_int(facet_json_get(e, "bytes"), 0);
    if (strcmp(facet_json_str(facet_json_get(e, "file"), ""), s->parts[i].onnx) || strlen(sha256) != 64 ||
        strspn(sha256, "0123456789abcdef") != 64 || bytes < 1)
        return facet_fail(FACET_E_FORMAT, "its file %zu is not described", i + 1);
    return set_file(s, i, sha256, bytes);
}

static int take_files(struct facet_model_spec *s, const struct facet_json *files)
{
    int err = FACET_OK;
    if (facet_json_size(files) != s->n_parts)
        return facet_fail(FACET_E_FORMAT, "it does not have %zu files", s->n_parts);
    s->files = calloc(FACET_MODEL_PARTS, sizeof(*s->files));
    if (!s->files)
        return facet_fail_nomem();
    for (size_t i = 0; !err && i < s->n_parts; i++)
        err = take_file(s, i, facet_json_at(files, i));
    return err;
}

static int take_floats(struct facet_model_spec *s, const struct facet_model_spec *from, const struct facet_json *floats)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < facet_json_size(floats); i++) {
        const char *name = facet_json_str(facet_json_at(floats, i), "");
        size_t k = 0;
        while (k < from->n_parts && strcmp(from->parts[k].name, name))
            k++;
        err = k < from->n_parts ? add_float(s, &from->parts[k]) : facet_fail(FACET_E_FORMAT, "'%s' has no network '%s'", from->name, name);
    }
    return err;
}

/* One folder's; `known` models of the manifest may be what it was made from. */
static int take(struct facet_manifest *m, size_t known, const char *name, const struct facet_json *j)
{
    char contract[65];
    const struct facet_model_spec *from = find(m, known, facet_json_str(facet_json_get(j, "from"), ""));
    if (facet_json_int(facet_json_get(j, "made"), 0) != 1 || strcmp(facet_json_str(facet_json_get(j, "name"), ""), name))
        return facet_fail(FACET_E_FORMAT, "it is no model that was made here");
    if (!from)
        return facet_fail(FACET_E_NOT_FOUND, "the manifest has no model '%s', which it was made from",
                          facet_json_str(facet_json_get(j, "from"), ""));
    int err = facet_model_contract(from, contract);
    if (!err && strcmp(contract, facet_json_str(facet_json_get(j, "from_contract"), "")))
        err = facet_fail(FACET_E_CONTRACT, "'%s' is another now than it was made from; run: facet models optimise %s", from->name,
                         from->name);
    if (!err && find(m, m->n_models, name))
        err = facet_fail(FACET_E_EXISTS, "the manifest has a model of that name");
    struct facet_model_spec *s = &m->models[m->n_models];
    if (err)
        return err;
    err = copy_spec(s, from, name);
    if (!err)
        err = take_floats(s, from, facet_json_get(j, "floats"));
    if (!err)
        err = take_files(s, facet_json_get(j, "files"));
    if (err) {
        facet__spec_fini(s);
        *s = (struct facet_model_spec){0};
        return err;
    }
    m->n_models++;
    return FACET_OK;
}

static int read_one(struct facet_manifest *m, size_t known, const char *dir, const char *name)
{
    char folder[PATH_MAX], path[PATH_MAX];
    struct facet_json *j = NULL;
    uint8_t *text = NULL;
    size_t len;
    int err = facet_path_join(folder, sizeof(folder), dir, name);
    if (!err)
        err = facet_path_join(path, sizeof(path), folder, "made.json");
    if (err || !facet_path_exists(path))
        return err;
    err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    if (!err)
        err = facet_json_parse(&j, (char *)text, len, path);
    free(text);
    if (!err)
        err = take(m, known, name, j);
    facet_json_unref(&j);
    if (err && err != FACET_E_NOMEM) {
        facet_log(FACET_LOG_WARN, "models", "'%s' is left out: %s", path, facet_error_text());
        err = FACET_OK;
    }
    return err;
}

static int choose(const struct dirent *e)
{
    return is_name(e->d_name);
}

int facet__made_read(struct facet_manifest *m)
{
    char dir[PATH_MAX];
    struct dirent **found = NULL;
    size_t known = m->n_models;
    if (facet_models_dir(dir, sizeof(dir)))
        return FACET_OK;
    int n = scandir(dir, &found, choose, alphasort), err = FACET_OK;
    if (n <= 0)
        return FACET_OK;
    struct facet_model_spec *more = realloc(m->models, (known + (size_t)n + 1) * sizeof(*more));
    if (more)
        m->models = more;
    else
        err = facet_fail_nomem();
    for (int i = 0; i < n; i++) {
        if (!err && i < MAX_MADE)
            err = read_one(m, known, dir, found[i]->d_name);
        free(found[i]);
    }
    free(found);
    return err;
}
