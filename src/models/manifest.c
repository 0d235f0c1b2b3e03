#include "models/models.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "base/yaml.h"
#include "models/manifest_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_MODELS 256
#define PARENTS 5     /* from a program in the build tree to its root */

/* ---- reading ---- */

static int check_unique(const char *a, const char *b, const struct facet_yaml *y)
{
    if (strcmp(a, b))
        return FACET_OK;
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: the name '%s' is there twice", y->origin, y->line, a);
}

static int read_models(struct facet_manifest *m, const struct facet_yaml *list)
{
    int err = FACET_OK;
    m->models = calloc(list->count + 1, sizeof(*m->models));
    if (!m->models)
        return facet_fail_nomem();
    for (size_t i = 0; !err && i < list->count; i++) {
        struct facet_model_spec *s = &m->models[m->n_models++];
        err = facet__spec_read(s, &list->children[i], m->origin);
        for (size_t k = 0; !err && k < i; k++) {
            err = check_unique(m->models[k].name, s->name, &list->children[i]);
            if (!err && s->is_default && m->models[k].is_default && !strcmp(s->task, m->models[k].task))
                err = facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is the default of task '%s' already",
                                 m->origin, list->children[i].line, m->models[k].name, s->task);
        }
    }
    return err;
}

static int read_data(struct facet_manifest *m, const struct facet_yaml *list)
{
    int err = FACET_OK;
    m->data = calloc(list->count + 1, sizeof(*m->data));
    if (!m->data)
        return facet_fail_nomem();
    for (size_t i = 0; !err && i < list->count; i++) {
        err = facet__data_read(&m->data[m->n_data++], &list->children[i], m->origin);
        for (size_t k = 0; !err && k < i; k++)
            err = check_unique(m->data[k].name, m->data[i].name, &list->children[i]);
    }
    return err;
}

static int check_list(const struct facet_yaml *list, const char *key, const char *origin)
{
    if (!list || list->kind != FACET_YAML_LIST)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is no list", origin, list ? list->key_line : 1, key);
    if (list->count > MAX_MODELS)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s' line %d: more than %d %s", origin, list->key_line, MAX_MODELS, key);
    return FACET_OK;
}

static int read_manifest(struct facet_manifest *m, const struct facet_yaml *top)
{
    static const char *const known[] = {"manifest", "models", "data", NULL};
    const struct facet_yaml *models = facet_yaml_get(top, "models"), *data = facet_yaml_get(top, "data");
    int err = facet_yaml_only(top, known, m->origin);
    if (!err && strcmp(facet_yaml_str(top, "manifest", ""), "1"))
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s' line 1: it does not say 'manifest: 1'", m->origin);
    if (!err)
        err = check_list(models, "models", m->origin);
    if (!err)
        err = read_models(m, models);
    if (!err && data)
        err = check_list(data, "data", m->origin);
    if (!err && data)
        err = read_data(m, data);
    return err;
}

int facet_manifest_parse(struct facet_manifest **out, const char *yaml, size_t len, const char *origin)
{
    struct facet_yaml *top = NULL;
    struct facet_manifest *m = calloc(1, sizeof(*m));
    *out = NULL;
    if (!m || !(m->origin = strdup(origin))) {
        free(m);
        return facet_fail_nomem();
    }
    int err = facet_yaml_parse(&top, yaml, len, m->origin);
    if (!err)
        err = read_manifest(m, top);
    facet_yaml_free(&top);
    if (err)
        facet_manifest_close(&m);
    *out = m;
    return err;
}

void facet_manifest_close(struct facet_manifest **m)
{
    if (!*m)
        return;
    for (size_t i = 0; i < (*m)->n_models; i++)
        facet__spec_fini(&(*m)->models[i]);
    for (size_t i = 0; i < (*m)->n_data; i++)
        facet__data_fini(&(*m)->data[i]);
    free((*m)->models);
    free((*m)->data);
    free((*m)->origin);
    free(*m);
    *m = NULL;
}

/* ---- finding the file ---- */

static bool go_up(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash || slash == path)
        return false;
    *slash = '\0';
    return true;
}

/* `dir`/`name`, where that is there. */
static bool is_at(char *out, size_t cap, const char *dir, const char *name)
{
    return facet_path_join(out, cap, dir, name) == FACET_OK && facet_path_exists(out);
}

/* Beside the program, installed or in a build tree. */
static bool find_by_program(char *out, size_t cap)
{
    char dir[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    if (n <= 0)
        return false;
    dir[n] = '\0';
    for (int i = 0; i <= PARENTS && go_up(dir); i++) {
        if (i == 1 && is_at(out, cap, dir, FACET_MANIFEST_DATADIR "/manifest.yaml"))
            return true;
        if (is_at(out, cap, dir, "meson-private"))
            return is_at(out, cap, dir, "models/manifest.yaml");
    }
    return false;
}

int facet_manifest_open(struct facet_manifest **out, const char *path)
{
    char found[PATH_MAX];
    uint8_t *text = NULL;
    size_t len;
    *out = NULL;
    const char *env = getenv("FACET_MANIFEST");
    if (!path && env && *env)
        path = env;
    if (!path)
        path = find_by_program(found, sizeof(found)) ? found : FACET_MANIFEST_DIR "/manifest.yaml";
    int err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    if (err)
        return facet_fail_prefix(err, "there is no list of models (FACET_MANIFEST names one)");
    err = facet_manifest_parse(out, (char *)text, len, path);
    free(text);
    if (!err)
        err = facet__made_read(*out);
    if (err)
        facet_manifest_close(out);
    return err;
}

/* ---- looking up ---- */

size_t facet_manifest_count(const struct facet_manifest *m)
{
    return m->n_models;
}

const struct facet_model_spec *facet_manifest_at(const struct facet_manifest *m, size_t i)
{
    return i < m->n_models ? &m->models[i] : NULL;
}

/* Names with one word in common with `name` (words are between dashes), or all when there are none. */
static bool is_near(const char *known, const char *name)
{
    size_t n = strcspn(name, "-_.0123456789");
    return n >= 3 ? strncmp(known, name, n < 5 ? n : 5) == 0 : false;
}

static void fail_unknown(const char *what, const char *name, const char *const *known, size_t n)
{
    struct facet_str list = FACET_STR_INIT;
    bool has_near = false;
    for (size_t i = 0; i < n; i++)
        has_near |= is_near(known[i], name);
    for (size_t i = 0; i < n; i++)
        if (!has_near || is_near(known[i], name))
            facet_str_printf(&list, " %s", known[i]);
    facet_fail(FACET_E_NOT_FOUND, "there is no %s '%.100s'; %s:%s", what, name, has_near ? "near" : "known are",
               facet_str_text(&list));
    facet_str_fini(&list);
}

const struct facet_model_spec *facet_manifest_find(const struct facet_manifest *m, const char *name)
{
    const char *known[2 * MAX_MODELS];     /* the manifest's, and those made here */
    for (size_t i = 0; i < m->n_models; i++) {
        known[i] = m->models[i].name;
        if (!strcmp(known[i], name))
            return &m->models[i];
    }
    fail_unknown("model", name, known, m->n_models);
    return NULL;
}

const struct facet_model_spec *facet_manifest_default(const struct facet_manifest *m, const char *task)
{
    for (size_t i = 0; i < m->n_models; i++)
        if (m->models[i].is_default && !strcmp(m->models[i].task, task))
            return &m->models[i];
    facet_fail(FACET_E_NOT_FOUND, "'%s' names no default model for the task '%s'", m->origin, task);
    return NULL;
}

size_t facet_manifest_data_count(const struct facet_manifest *m)
{
    return m->n_data;
}

const struct facet_data_spec *facet_manifest_data_at(const struct facet_manifest *m, size_t i)
{
    return i < m->n_data ? &m->data[i] : NULL;
}

const struct facet_data_spec *facet_manifest_data_find(const struct facet_manifest *m, const char *name)
{
    const char *known[MAX_MODELS];
    for (size_t i = 0; i < m->n_data; i++) {
        known[i] = m->data[i].name;
        if (!strcmp(known[i], name))
            return &m->data[i];
    }
    fail_unknown("data set", name, known, m->n_data);
    return NULL;
}
