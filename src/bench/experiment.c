#include "bench/experiment.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const facet_experiment_mode_words[FACET_EXPERIMENT_MODES] = { "every", "track", "guided" };

/* One axis: words of the file, checked by its reader. */
struct axis { const struct facet_yaml *items[FACET_MAX_AXIS]; size_t n; };

struct matrix {
    struct facet_experiments *x;
    const char *path, *videos;
    struct axis video, height, detector, recogniser, threads, min_face, every, mode, strategy, network;
};

static const char *const known_keys[] = { "name", "about", "videos", "heights", "detectors", "recognisers", "threads", "min_face", "every",
                                          "modes", "strategies", "networks", "repeats", "warmups", "max_frames", "gallery",
                                          "idle_watts", "core_watts", NULL };

static int refuse(const struct facet_yaml *at, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: %s", at->origin, at->line, what);
}

/* The axis `key`: one value or a list of them; absent: one item that is NULL. */
static int read_axis(struct axis *a, const struct facet_yaml *root, const char *key)
{
    const struct facet_yaml *m = facet_yaml_get(root, key);
    *a = (struct axis){ .n = 1 };
    if (!m)
        return FACET_OK;
    if (m->kind == FACET_YAML_SCALAR) {
        a->items[0] = m;
        return FACET_OK;
    }
    if (m->kind != FACET_YAML_LIST || m->count == 0)
        return refuse(m, "a value or a list of values is wanted here");
    if (m->count > FACET_MAX_AXIS)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s' line %d: more than %d values", m->origin, m->line, FACET_MAX_AXIS);
    for (a->n = 0; a->n < m->count; a->n++) {
        if (m->children[a->n].kind != FACET_YAML_SCALAR)
            return refuse(&m->children[a->n], "a plain value is wanted here");
        a->items[a->n] = &m->children[a->n];
    }
    return FACET_OK;
}

/* --- values --- */

static int to_int(const struct facet_yaml *v, int low, int high, int fallback, int *out)
{
    char *end;
    *out = fallback;
    if (!v)
        return FACET_OK;
    long n = strtol(v->text, &end, 10);
    if (end == v->text || *end || n < low || n > high)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: '%s' is no whole number from %d to %d", v->origin, v->line, v->text, low, high);
    *out = (int)n;
    return FACET_OK;
}

static int to_word(const struct facet_yaml *v, const char *fallback, char *out, size_t cap)
{
    if (facet_copy_text(out, cap, v ? v->text : fallback) != FACET_OK)
        return refuse(v, "this is too long");
    return FACET_OK;
}

static int to_model(const struct facet_yaml *v, struct facet_model_on *out)
{
    *out = (struct facet_model_on){ .backend = "cpu" };
    if (!v)
        return FACET_OK;
    const char *at = strchr(v->text, '@');
    size_t len = at ? (size_t)(at - v->text) : strlen(v->text);
    if (len == 0 || len >= sizeof(out->model) || (at && (!at[1] || strlen(at + 1) >= sizeof(out->backend))))
        return refuse(v, "a model, or a model and a back end as in mtcnn@onnxruntime, is wanted here");
    memcpy(out->model, v->text, len);
    if (at)
        snprintf(out->backend, sizeof(out->backend), "%s", at + 1);
    return FACET_OK;
}

static int to_mode(const struct facet_yaml *v, enum facet_experiment_mode *out)
{
    *out = FACET_EXPERIMENT_TRACK;
    for (int i = 0; v && i < FACET_EXPERIMENT_MODES; i++)
        if (!strcmp(v->text, facet_experiment_mode_words[i])) {
            *out = (enum facet_experiment_mode)i;
            return FACET_OK;
        }
    return v ? refuse(v, "a mode is every, track or guided") : FACET_OK;
}

/* As it is, beside the file, or in the folder of videos. */
static int to_video(const struct matrix *m, const struct facet_yaml *v, char *out, size_t cap)
{
    char dir[1024];
    const char *base = facet_path_base(m->path);
    snprintf(dir, sizeof(dir), "%.*s", (int)(base > m->path ? base - m->path : 1), base > m->path ? m->path : ".");
    int err = v->text[0] == '/' ? facet_copy_text(out, cap, v->text) : facet_path_join(out, cap, dir, v->text);
    if (!err && !facet_path_exists(out) && m->videos)
        err = facet_path_join(out, cap, m->videos, v->text);
    if (!err && !facet_path_exists(out))
        err = facet_fail(FACET_E_NOT_FOUND, "cannot use '%s' line %d: there is no video '%s' beside it%s%s", v->origin, v->line, v->text,
                         m->videos ? ", nor in " : "; set FACET_MIRROR for the sample videos", m->videos ? m->videos : "");
    return err;
}

/* --- combinations --- */

static void name_it(struct facet_experiment *e, int64_t max_frames)
{
    struct facet_str s = FACET_STR_INIT;
    (void)facet_str_printf(&s, "%s|%d|%s|%s|%s|%s|%d|%d|%d|%d|%s|%s|%lld", facet_path_base(e->video), e->height, e->detector.model, e->detector.backend,
                           e->recogniser.model, e->recogniser.backend, e->threads, e->min_face, e->every, (int)e->mode, e->strategy, e->network,
                           (long long)max_frames);
    unsigned long long h = (unsigned long long)facet_hash64(facet_str_text(&s), s.len, 7);
    if (e->repeat)
        snprintf(e->id, sizeof(e->id), "%012llx-%d", h & 0xffffffffffffull, e->repeat);
    else
        snprintf(e->id, sizeof(e->id), "%012llx-warm", h & 0xffffffffffffull);
    facet_str_fini(&s);
}

/* The `at`-th combination: the last axis turns fastest. */
static int make_one(const struct matrix *m, size_t at, struct facet_experiment *e)
{
    const struct axis *axes[] = { &m->network, &m->strategy, &m->mode, &m->every, &m->min_face, &m->threads, &m->recogniser, &m->detector,
                                  &m->height, &m->video };
    const struct facet_yaml *v[10];
    for (size_t i = 0; i < 10; i++) {
        v[i] = axes[i]->items[at % axes[i]->n];
        at /= axes[i]->n;
    }
    int err = to_word(v[0], "none", e->network, sizeof(e->network));
    if (!err)
        err = to_word(v[1], "edge", e->strategy, sizeof(e->strategy));
    if (!err)
        err = to_mode(v[2], &e->mode);
    if (!err)
        err = to_int(v[3], 1, 1000, 1, &e->every);
    if (!err)
        err = to_int(v[4], 0, 10000, 40, &e->min_face);
    if (!err)
        err = to_int(v[5], 0, 1024, 0, &e->threads);
    if (!err)
        err = to_model(v[6], &e->recogniser);
    if (!err)
        err = to_model(v[7], &e->detector);
    if (!err)
        err = to_int(v[8], 0, 4320, 0, &e->height);
    if (!err && e->height && (e->height < 16 || e->height % 2))
        err = refuse(v[8], "lines are an even number from 16 on, or 0");
    return err ? err : to_video(m, v[9], e->video, sizeof(e->video));
}

static size_t combinations(const struct matrix *m)
{
    const struct axis *axes[] = { &m->video, &m->height, &m->detector, &m->recogniser, &m->threads, &m->min_face, &m->every, &m->mode,
                                  &m->strategy, &m->network };
    size_t n = 1;
    for (size_t i = 0; i < 10 && n <= FACET_MAX_EXPERIMENTS; i++)
        n *= axes[i]->n;
    return n;
}

static int expand(struct matrix *m)
{
    struct facet_experiments *x = m->x;
    size_t each = combinations(m), rounds = (size_t)(x->repeats + x->warmups);
    if (each * rounds > FACET_MAX_EXPERIMENTS)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s': more than %d experiments", m->path, FACET_MAX_EXPERIMENTS);
    x->items = calloc(each * rounds, sizeof(*x->items));
    if (!x->items)
        return facet_fail_nomem();
    int err = FACET_OK;
    for (size_t r = 0; !err && r < rounds; r++)
        for (size_t i = 0; !err && i < each; i++) {
            struct facet_experiment *e = &x->items[x->n];
            e->repeat = (int)r < x->warmups ? 0 : (int)r - x->warmups + 1;
            err = make_one(m, i, e);
            name_it(e, x->max_frames);
            x->n += !err;
        }
    return err;
}

/* --- the file --- */

static int read_axes(struct matrix *m, const struct facet_yaml *root)
{
    struct { struct axis *a; const char *key; } all[] = {
        { &m->video, "videos" }, { &m->height, "heights" }, { &m->detector, "detectors" }, { &m->recogniser, "recognisers" },
        { &m->threads, "threads" }, { &m->min_face, "min_face" }, { &m->every, "every" }, { &m->mode, "modes" },
        { &m->strategy, "strategies" }, { &m->network, "networks" },
    };
    int err = FACET_OK;
    for (size_t i = 0; !err && i < sizeof(all) / sizeof(all[0]); i++)
        err = read_axis(all[i].a, root, all[i].key);
    if (!err && !m->video.items[0])
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it names no 'videos'", m->path);
    return err;
}

static int read_number(const struct facet_yaml *root, const char *key, double low, double high, double fallback, double *out)
{
    int err = facet_yaml_num(root, key, fallback, out);
    if (!err && (*out < low || *out > high))
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': '%s' must be from %g to %g", root->origin, key, low, high);
    return err;
}

static int read_rest(struct facet_experiments *x, const struct facet_yaml *root)
{
    double repeats = 1, warmups = 0, frames = 0;
    int err = facet_copy_text(x->name, sizeof(x->name), facet_yaml_str(root, "name", "experiments"));
    if (!err)
        err = facet_copy_text(x->about, sizeof(x->about), facet_yaml_str(root, "about", ""));
    if (!err)
        err = facet_copy_text(x->gallery, sizeof(x->gallery), facet_yaml_str(root, "gallery", ""));
    if (!err)
        err = read_number(root, "repeats", 1, 1000, 1, &repeats);
    if (!err)
        err = read_number(root, "warmups", 0, 100, 0, &warmups);
    if (!err)
        err = read_number(root, "max_frames", 0, 1e9, 0, &frames);
    if (!err)
        err = read_number(root, "idle_watts", 0, 1e6, 0, &x->idle_watts);
    if (!err)
        err = read_number(root, "core_watts", 0, 1e6, 0, &x->core_watts);
    x->repeats = (int)repeats;
    x->warmups = (int)warmups;
    x->max_frames = (int64_t)frames;
    return err;
}

#define QUICK_FRAMES 30

/* Enough to see that everything works. */
static void make_quick(struct facet_experiments *x)
{
    x->max_frames = x->max_frames > 0 && x->max_frames < QUICK_FRAMES ? x->max_frames : QUICK_FRAMES;
    x->repeats = 1;
    x->warmups = 0;
}

int facet_experiments_load(struct facet_experiments *out, const char *path, const char *videos, bool quick)
{
    struct facet_yaml *root = NULL;
    struct matrix m = { .x = out, .path = path, .videos = videos };
    *out = (struct facet_experiments){ .n = 0 };
    int err = facet_copy_text(out->path, sizeof(out->path), path);
    if (!err)
        err = facet_yaml_load(&root, path);
    if (!err && root->kind != FACET_YAML_MAP)
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it must be `key: value` lines", path);
    if (!err)
        err = facet_yaml_only(root, known_keys, path);
    if (!err)
        err = read_rest(out, root);
    if (!err)
        err = read_axes(&m, root);
    if (!err && quick)
        make_quick(out);
    if (!err)
        err = expand(&m);
    facet_yaml_free(&root);
    if (err)
        facet_experiments_fini(out);
    return err;
}

void facet_experiments_fini(struct facet_experiments *x)
{
    free(x->items);
    x->items = NULL;
    x->n = 0;
}

void facet_experiment_describe(const struct facet_experiment *e, char *out, size_t cap)
{
    snprintf(out, cap, "%s%s%.0d%s, %s on %s, %s on %s, %s, %s%s%s", facet_path_base(e->video), e->height ? " " : "", e->height,
             e->height ? " lines" : "", *e->detector.model ? e->detector.model : "default detector", e->detector.backend,
             *e->recogniser.model ? e->recogniser.model : "default recogniser", e->recogniser.backend, facet_experiment_mode_words[e->mode], e->strategy,
             strcmp(e->network, "none") ? " over " : "", strcmp(e->network, "none") ? e->network : "");
}
