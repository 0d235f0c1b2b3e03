#include "models/models.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/str.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "models/models_priv.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int facet_models_dir(char *out, size_t cap)
{
    const char *env = getenv("FACET_MODELS");
    char data[PATH_MAX];
    int err = env && *env ? facet_copy_text(out, cap, env) : facet_data_dir(data, sizeof(data));
    if (!err && !(env && *env))
        err = facet_path_join(out, cap, data, "models");
    return err ? err : facet_mkdirs(out);
}

/* ---- hashes ---- */

void facet__sources_sha256(const struct facet_model_spec *s, char out[65])
{
    struct facet_sha256 h;
    facet_sha256_init(&h);
    for (size_t i = 0; i < s->n_files; i++) {
        facet_sha256_update(&h, s->files[i].sha256, 64);
        facet_sha256_update(&h, " ", 1);
        facet_sha256_update(&h, s->files[i].path, strlen(s->files[i].path));
        facet_sha256_update(&h, "\n", 1);
    }
    facet_sha256_hex(&h, out);
}

int facet_model_contract(const struct facet_model_spec *s, char out[65])
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_sha256 h;
    facet_sha256_init(&h);
    for (size_t i = 0; i < s->n_files; i++) /* not their paths: a mirror may be rearranged */
        facet_sha256_update(&h, s->files[i].sha256, 64);
    facet_sha256_hex(&h, out);
    facet_str_printf(&text, "facet embedding contract 1\n%s\n%s\n%s\n%d\n%d\n", s->name, s->version, out, s->dim,
                     s->preprocessing);
    int err = text.err ? facet_fail_nomem() : FACET_OK;
    if (!err)
        facet_sha256_of(text.data, text.len, out);
    facet_str_fini(&text);
    return err;
}

/* ---- what is there ---- */

static int file_of(const struct facet_model_spec *s, const char *file, char *out, size_t cap)
{
    char dir[PATH_MAX], folder[PATH_MAX];
    int err = facet_models_dir(dir, sizeof(dir));
    if (!err)
        err = facet_path_join(folder, sizeof(folder), dir, s->name);
    return err ? err : facet_path_join(out, cap, folder, file);
}

static int fail_absent(const struct facet_model_spec *s)
{
    return facet_fail(FACET_E_NOT_FOUND, "the model '%s' is not there; run: facet models pull %s", s->name, s->name);
}

/* FACET_E_NOT_FOUND also when the folder holds what an older manifest or importer made. */
static int read_description(const struct facet_model_spec *s, struct facet_json **out)
{
    char path[PATH_MAX], sources[FACET_SHA256_HEX];
    uint8_t *text = NULL;
    size_t len;
    *out = NULL;
    int err = file_of(s, "model.json", path, sizeof(path));
    if (err)
        return err;
    err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    if (err)
        return err == FACET_E_NOMEM ? err : fail_absent(s);
    err = facet_json_parse(out, (char *)text, len, path);
    free(text);
    if (err == FACET_E_NOMEM)
        return err;
    facet__sources_sha256(s, sources);
    if (err || strcmp(facet_json_str(facet_json_get(*out, "sources_sha256"), ""), sources) ||
        facet_json_int(facet_json_get(*out, "import_version"), 0) != FACET__IMPORT_VERSION) {
        facet_json_unref(out);
        return facet_fail(FACET_E_NOT_FOUND, "the model '%s' is there in another version than this program knows; "
                          "run: facet models pull %s", s->name, s->name);
    }
    return FACET_OK;
}

/* The part's entry in model.json, NULL when there is none. */
static const struct facet_json *entry_of(const struct facet_json *d, const struct facet_model_part *p)
{
    const struct facet_json *parts = facet_json_get(d, "parts");
    for (size_t i = 0; i < facet_json_size(parts); i++) {
        const struct facet_json *e = facet_json_at(parts, i);
        if (!strcmp(facet_json_str(facet_json_get(e, "file"), ""), p->onnx))
            return e;
    }
    return NULL;
}

/* Is the file there, with its size? */
static int look_at_part(const struct facet_model_spec *s, const struct facet_json *d, const struct facet_model_part *p,
                        char *path, size_t cap)
{
    const struct facet_json *e = entry_of(d, p);
    struct stat st;
    int err = file_of(s, p->onnx, path, cap);
    if (err)
        return err;
    if (!e || stat(path, &st) || st.st_size != facet_json_int(facet_json_get(e, "bytes"), -1))
        return facet_fail(FACET_E_HASH, "'%s' is missing or damaged; run: facet models pull --force %s", path, s->name);
    return FACET_OK;
}

bool facet_model_present(const struct facet_model_spec *s)
{
    struct facet_json *d;
    char path[PATH_MAX];
    int err = read_description(s, &d);
    for (size_t i = 0; !err && i < s->n_parts; i++)
        err = look_at_part(s, d, &s->parts[i], path, sizeof(path));
    facet_json_unref(&d);
    return !err;
}

int facet_model_check(const struct facet_model_spec *s)
{
    struct facet_json *d;
    char path[PATH_MAX], sha256[FACET_SHA256_HEX];
    int err = read_description(s, &d);
    for (size_t i = 0; !err && i < s->n_parts; i++) {
        err = look_at_part(s, d, &s->parts[i], path, sizeof(path));
        if (!err)
            err = facet_sha256_file(path, sha256);
        if (!err && strcmp(sha256, facet_json_str(facet_json_get(entry_of(d, &s->parts[i]), "sha256"), "")))
            err = facet_fail(FACET_E_HASH, "'%s' is damaged; run: facet models pull --force %s", path, s->name);
    }
    facet_json_unref(&d);
    return err;
}

/* ---- opening ---- */

static const struct facet_model_part *find_part(const struct facet_model_spec *s, const char *name)
{
    for (size_t i = 0; i < s->n_parts; i++)
        if (!strcmp(s->parts[i].name, name))
            return &s->parts[i];
    return NULL;
}

int facet_model_path(const struct facet_model_spec *s, const char *part, char *out, size_t cap)
{
    const struct facet_model_part *p = find_part(s, part);
    struct facet_json *d;
    if (!p)
        return facet_fail(FACET_E_INVALID, "the model '%s' has no part '%s'", s->name, part);
    int err = read_description(s, &d);
    if (!err)
        err = look_at_part(s, d, p, out, cap);
    facet_json_unref(&d);
    return err;
}

/* A file that is there but cannot be used. */
static int fail_use(int err, const struct facet_model_spec *s)
{
    char why[768];
    if (!err || err == FACET_E_NOMEM)
        return err;
    snprintf(why, sizeof(why), "%s", facet_error_text());
    return facet_fail(err, "%s; see: facet models check %s", why, s->name);
}

int facet_model_graph(struct facet_graph **out, const struct facet_model_spec *s, const char *part)
{
    char path[PATH_MAX];
    *out = NULL;
    int err = facet_model_path(s, part, path, sizeof(path));
    return err ? err : fail_use(facet_onnx_load(out, path), s);
}

int facet_model_plan(struct facet_plan **out, const struct facet_model_spec *s, const char *part, const struct facet_plan_opts *o)
{
    char path[PATH_MAX];
    *out = NULL;
    int err = facet_model_path(s, part, path, sizeof(path));
    return err ? err : fail_use(facet_plan_load(out, path, o), s);
}

/* ---- answers ---- */

int facet_model_threshold(const struct facet_model_spec *s, double far, double *cosine)
{
    *cosine = s->threshold;
    if (!(far > 0))
        return FACET_OK;
    for (size_t i = 0; i < s->n_thresholds; i++)
        if (s->thresholds[i].far <= far) {
            *cosine = s->thresholds[i].cosine;
            return FACET_OK;
        }
    if (!s->n_thresholds)
        return facet_fail(FACET_E_NOT_FOUND, "no false-accept rates were measured for '%s'; give a threshold instead",
                          s->name);
    return facet_fail(FACET_E_NOT_FOUND, "the measured table of '%s' reaches a false-accept rate of %g, not %g", s->name,
                      s->thresholds[s->n_thresholds - 1].far, far);
}

double facet_model_score(const struct facet_model_spec *s, double cosine)
{
    double c = fmin(fmax(cosine, -1), 1), t = s->threshold;
    if (s->calib_a > 0)
        return 1 / (1 + exp(-(s->calib_a * cosine + s->calib_b)));
    if (c < t)
        return 0.5 * (c + 1) / (t + 1);
    return t < 1 ? 0.5 + 0.5 * (c - t) / (1 - t) : 1;
}
