/* One model of the manifest, member by member. Whatever is unknown, missing or out of bounds is
 * refused with its line: a model fed wrongly gives answers that look right. */
#include "models/manifest_priv.h"

#include "base/errors.h"
#include "base/str.h"
#include "base/yaml.h"
#include "engine/format/import.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int refuse(const struct facet_yaml *y, const char *key, const char *what)
{
    const struct facet_yaml *at = facet_yaml_get(y, key);
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' %s", y->origin, at ? at->key_line : y->line, key, what);
}

/* ---- members ---- */

int facet__text(char **out, const struct facet_yaml *y, const char *key, bool is_needed)
{
    const struct facet_yaml *at = facet_yaml_get(y, key);
    if (at && at->kind != FACET_YAML_SCALAR)
        return refuse(y, key, "is no text");
    if (is_needed && (!at || !*at->text))
        return refuse(y, key, "is missing");
    *out = strdup(at ? at->text : "");
    return *out ? FACET_OK : facet_fail_nomem();
}

int facet__short_text(char *out, size_t cap, const struct facet_yaml *y, const char *key, bool is_needed)
{
    char *text = NULL;
    int err = facet__text(&text, y, key, is_needed);
    if (!err && strlen(text) >= cap)
        err = refuse(y, key, "is too long");
    if (!err)
        memcpy(out, text, strlen(text) + 1);
    free(text);
    return err;
}

/* A name that can be a folder's. */
static int read_name(char *out, size_t cap, const struct facet_yaml *y)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    int err = facet__short_text(out, cap, y, "name", true);
    if (!err && (strspn(out, allowed) != strlen(out) || out[0] == '.' || out[0] == '-'))
        err = refuse(y, "name", "has characters other than a-z 0-9 - . _");
    return err;
}

static int read_number(const struct facet_yaml *y, const char *key, double min, double max, double fallback, double *out)
{
    int err = facet_yaml_num(y, key, fallback, out);
    if (!err && !(*out >= min && *out <= max))
        err = refuse(y, key, "is out of bounds");
    return err;
}

static int read_int(const struct facet_yaml *y, const char *key, int min, int max, int fallback, int *out)
{
    double v;
    int err = read_number(y, key, min, max, fallback, &v);
    if (!err && v != floor(v))
        err = refuse(y, key, "is no whole number");
    *out = err ? fallback : (int)v;
    return err;
}

/* Three numbers, or one for all three. */
static int read_three(const struct facet_yaml *y, const char *key, float *out)
{
    double v[3];
    size_t n;
    int err = facet_yaml_nums(y, key, 3, v, &n);
    if (!err && n != 3 && n != 1)
        err = refuse(y, key, "is neither one number nor three");
    for (int i = 0; !err && i < 3; i++) {
        out[i] = (float)v[n == 3 ? i : 0];
        if (!isfinite(out[i]))
            err = refuse(y, key, "is out of bounds");
    }
    return err;
}

/* The number of the word in the NULL-ended list. */
static int read_word(const struct facet_yaml *y, const char *key, const char *const *words, int *out)
{
    const char *text = facet_yaml_str(y, key, "");
    for (*out = 0; words[*out]; (*out)++)
        if (!strcmp(words[*out], text))
            return FACET_OK;
    return refuse(y, key, "is no word that is known here");
}

/* ---- how it is fed ---- */

static int read_input(struct facet_model_spec *s, const struct facet_yaml *y)
{
    static const char *const known[] = {"width", "height", "mean", "scale", "order", NULL};
    static const char *const orders[] = {"rgb", "bgr", NULL};
    const struct facet_yaml *in = facet_yaml_get(y, "input");
    int order = 0;
    if (!in)
        return refuse(y, "input", "is missing");
    int err = facet_yaml_only(in, known, y->origin);
    if (!err)
        err = read_int(in, "width", 0, 8192, 0, &s->width);
    if (!err)
        err = read_int(in, "height", 0, 8192, 0, &s->height);
    if (!err)
        err = read_three(in, "mean", s->norm.mean);
    if (!err)
        err = read_three(in, "scale", s->norm.scale);
    if (!err)
        err = read_word(in, "order", orders, &order);
    s->norm.swap_rb = order == 1;
    s->norm.planar = true;
    return err;
}

/* points: [[x, y], ...], five of them */
static int read_points(struct facet_landmarks *out, const struct facet_yaml *chip)
{
    const struct facet_yaml *list = facet_yaml_get(chip, "points");
    if (!list || list->kind != FACET_YAML_LIST || list->count != FACET_LANDMARKS)
        return refuse(chip, "points", "is not five points");
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        const struct facet_yaml *p = &list->children[i];
        double v[2];
        for (int k = 0; k < 2; k++) {
            char *end = NULL;
            const char *text = p->kind == FACET_YAML_LIST && p->count == 2 ? p->children[k].text : NULL;
            v[k] = text ? strtod(text, &end) : NAN;
            if (!text || end == text || *end || !isfinite(v[k]))
                return refuse(chip, "points", "is not five points of two numbers");
        }
        out->p[i] = (struct facet_point){(float)v[0], (float)v[1]};
    }
    return FACET_OK;
}

static int read_chip(struct facet_model_spec *s, const struct facet_yaml *y)
{
    static const char *const known[] = {"crop", "points", "margin", "margin_px", "outside", NULL};
    static const char *const crops[] = {"similarity", "box", "square", NULL};
    static const enum facet_crop crop_of[] = {FACET_CROP_SIMILARITY, FACET_CROP_BOX, FACET_CROP_SQUARE};
    const struct facet_yaml *chip = facet_yaml_get(y, "chip");
    double margin = 0, margin_px = 0;
    int crop = 0;
    if (!chip)
        return strcmp(s->task, "embed") ? FACET_OK : refuse(y, "chip", "is missing");
    int err = facet_yaml_only(chip, known, y->origin);
    if (!err)
        err = read_word(chip, "crop", crops, &crop);
    if (!err && crop == 0)
        err = read_points(&s->chip.points, chip);
    if (!err)
        err = read_number(chip, "margin", -0.5, 4, 0, &margin);
    if (!err)
        err = read_number(chip, "margin_px", 0, 1000, 0, &margin_px);
    if (!err)
        err = read_int(chip, "outside", -1, 255, 0, &s->chip.outside);
    if (!err && (!s->width || !s->height))
        err = refuse(y, "chip", "needs an input with width and height");
    if (err)
        return err;
    s->chip.crop = crop_of[crop];
    s->chip.margin = (float)margin;
    s->chip.margin_px = (float)margin_px;
    s->chip.width = s->width;
    s->chip.height = s->height;
    return FACET_OK;
}

/* ---- what its answers mean ---- */

static int read_threshold_row(struct facet_threshold *t, const struct facet_yaml *y)
{
    static const char *const known[] = {"far", "far_low", "far_high", "cosine", "tar", "errors", "pairs", NULL};
    double errors, pairs;
    int err = facet_yaml_only(y, known, y->origin);
    for (int i = 0; !err && known[i]; i++)
        if (!facet_yaml_get(y, known[i]))
            err = refuse(y, known[i], "is missing");
    if (!err)
        err = read_number(y, "far", 0, 1, 0, &t->far);
    if (!err)
        err = read_number(y, "far_low", 0, 1, 0, &t->far_low);
    if (!err)
        err = read_number(y, "far_high", 0, 1, 0, &t->far_high);
    if (!err)
        err = read_number(y, "cosine", -1, 1, 0, &t->cosine);
    if (!err)
        err = read_number(y, "tar", 0, 1, 0, &t->tar);
    if (!err)
        err = read_number(y, "errors", 0, 1e15, 0, &errors);
    if (!err)
        err = read_number(y, "pairs", 1, 1e15, 0, &pairs);
    if (err)
        return err;
    t->errors = (int64_t)errors;
    t->pairs = (int64_t)pairs;
    return FACET_OK;
}

static int read_thresholds(struct facet_model_spec *s, const struct facet_yaml *y)
{
    const struct facet_yaml *list = facet_yaml_get(y, "thresholds");
    int err = FACET_OK;
    if (!list)
        return FACET_OK;
    if (list->kind != FACET_YAML_LIST || list->count > FACET_MODEL_THRESHOLDS)
        return refuse(y, "thresholds", "is no list of rows, or too long");
    s->thresholds = calloc(list->count ? list->count : 1, sizeof(*s->thresholds));
    if (!s->thresholds)
        return facet_fail_nomem();
    for (; !err && s->n_thresholds < list->count; s->n_thresholds++) {
        struct facet_threshold *t = &s->thresholds[s->n_thresholds];
        err = read_threshold_row(t, &list->children[s->n_thresholds]);
        if (!err && s->n_thresholds && (t->cosine <= t[-1].cosine || t->far > t[-1].far))
            err = refuse(y, "thresholds", "does not go from low to high cosine");
    }
    return err;
}

static int read_answer(struct facet_model_spec *s, const struct facet_yaml *y)
{
    static const char *const known[] = {"a", "b", NULL};
    const struct facet_yaml *calib = facet_yaml_get(y, "calibration");
    bool is_embed = !strcmp(s->task, "embed");
    int err = read_int(y, "dim", is_embed ? 1 : 0, FACET_MAX_EMBEDDING, 0, &s->dim);
    if (!err)
        err = facet__short_text(s->output, sizeof(s->output), y, "output", false);
    if (!err)
        err = read_int(y, "preprocessing", 1, 1000, 1, &s->preprocessing);
    if (!err && is_embed && !facet_yaml_get(y, "threshold"))
        err = refuse(y, "threshold", "is missing");
    if (!err)
        err = read_number(y, "threshold", -1, 1, 0, &s->threshold);
    if (!err)
        err = read_thresholds(s, y);
    if (!err && calib)
        err = facet_yaml_only(calib, known, y->origin);
    if (!err)
        err = read_number(calib, "a", 0, 1000, 0, &s->calib_a);
    if (!err)
        err = read_number(calib, "b", -1000, 1000, 0, &s->calib_b);
    return err;
}

/* ---- its files ---- */

static int read_part(struct facet_model_spec *s, struct facet__files *files, const struct facet_yaml *y)
{
    static const char *const known[] = {"name", "files", NULL};
    struct facet_model_part *p = &s->parts[s->n_parts++];
    int err = facet_yaml_only(y, known, y->origin);
    if (!err)
        err = read_name(p->name, sizeof(p->name), y);
    for (size_t i = 0; !err && i + 1 < s->n_parts; i++)
        if (!strcmp(s->parts[i].name, p->name))
            err = refuse(y, "name", "is there twice");
    p->first = files->count;
    if (!err)
        err = facet__files_read(files, y, "models", y->origin);
    p->count = files->count - p->first;
    snprintf(p->onnx, sizeof(p->onnx), "%s.onnx", p->name);
    return err;
}

static int read_parts(struct facet_model_spec *s, const struct facet_yaml *y)
{
    const struct facet_yaml *parts = facet_yaml_get(y, "parts");
    struct facet__files files = {NULL, 0};
    int err = FACET_OK;
    s->parts = calloc(FACET_MODEL_PARTS, sizeof(*s->parts));
    if (!s->parts)
        return facet_fail_nomem();
    if (!parts) {
        err = facet__files_read(&files, y, "models", y->origin);
        s->parts[s->n_parts++] = (struct facet_model_part){.onnx = "model.onnx", .count = files.count};
    } else if (parts->kind != FACET_YAML_LIST || !parts->count || parts->count > FACET_MODEL_PARTS) {
        err = refuse(y, "parts", "is no list of one to eight parts");
    } else if (facet_yaml_get(y, "files")) {
        err = refuse(y, "files", "belongs into the parts");
    }
    for (size_t i = 0; !err && parts && i < parts->count; i++)
        err = read_part(s, &files, &parts->children[i]);
    s->files = files.items;
    s->n_files = files.count;
    return err;
}

/* ---- the whole ---- */

static int read_identity(struct facet_model_spec *s, const struct facet_yaml *y)
{
    int err = read_name(s->name, sizeof(s->name), y);
    if (!err)
        err = facet__short_text(s->version, sizeof(s->version), y, "version", true);
    if (!err)
        err = facet__short_text(s->task, sizeof(s->task), y, "task", true);
    if (!err && strcmp(s->task, "detect") && strcmp(s->task, "embed") && strcmp(s->task, "other"))
        err = refuse(y, "task", "is none of detect, embed, other");
    if (!err)
        err = facet__short_text(s->kind, sizeof(s->kind), y, "kind", true);
    if (!err)
        err = facet_yaml_bool(y, "default", false, &s->is_default);
    if (!err)
        err = facet__short_text(s->importer, sizeof(s->importer), y, "importer", true);
    if (!err && !facet_importer_find(s->importer))
        err = refuse(y, "importer", "names no importer");
    return err;
}

static int read_texts(const struct facet_yaml *y, char **title, char **licence, char **note, char **source)
{
    int err = facet__text(title, y, "title", true);
    if (!err)
        err = facet__text(licence, y, "licence", true);
    if (!err)
        err = facet__text(note, y, "licence_note", false);
    return err ? err : facet__text(source, y, "source", true);
}

static int read_terms(struct facet_model_spec *s, const struct facet_yaml *y)
{
    int err = read_texts(y, &s->title, &s->licence, &s->licence_note, &s->source);
    if (!err && !facet_yaml_get(y, "commercial"))
        err = refuse(y, "commercial", "is missing");
    if (!err)
        err = facet_yaml_bool(y, "commercial", false, &s->commercial);
    return err;
}

int facet__spec_read(struct facet_model_spec *s, const struct facet_yaml *y, const char *origin)
{
    static const char *const known[] = {
        "name", "version", "task", "kind", "default", "title", "licence", "licence_note", "commercial", "source",
        "importer", "files", "parts", "input", "chip", "dim", "output", "preprocessing", "threshold", "thresholds",
        "calibration", NULL};
    int err = facet_yaml_only(y, known, origin);
    if (!err)
        err = read_identity(s, y);
    if (!err)
        err = read_terms(s, y);
    if (!err)
        err = read_parts(s, y);
    if (!err)
        err = read_input(s, y);
    if (!err)
        err = read_chip(s, y);
    if (!err)
        err = read_answer(s, y);
    return err;
}

void facet__spec_fini(struct facet_model_spec *s)
{
    facet__files_free(s->files, s->n_files);
    free(s->parts);
    free(s->thresholds);
    free(s->title);
    free(s->licence);
    free(s->licence_note);
    free(s->source);
}

int facet__data_read(struct facet_data_spec *s, const struct facet_yaml *y, const char *origin)
{
    static const char *const known[] = {"name", "title", "licence", "licence_note", "source", "files", NULL};
    struct facet__files files = {NULL, 0};
    int err = facet_yaml_only(y, known, origin);
    if (!err)
        err = read_name(s->name, sizeof(s->name), y);
    if (!err)
        err = read_texts(y, &s->title, &s->licence, &s->licence_note, &s->source);
    if (!err)
        err = facet__files_read(&files, y, "data", origin);
    s->files = files.items;
    s->n_files = files.count;
    return err;
}

void facet__data_fini(struct facet_data_spec *s)
{
    facet__files_free(s->files, s->n_files);
    free(s->title);
    free(s->licence);
    free(s->licence_note);
    free(s->source);
}
