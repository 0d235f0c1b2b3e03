#include "bench/experiment.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/yaml.h"
#include "deploy/strategy.h"
#include "flow/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const facet_experiment_mode_words[FACET_EXPERIMENT_MODES] = { "every", "track", "guided" };

/* One axis: words of the file, checked by its reader. */
struct axis { const struct facet_yaml *items[FACET_MAX_AXIS]; size_t n; };

/* The last one turns fastest. */
enum { VIDEO, HEIGHT, DETECTOR, RECOGNISER, THREADS, BATCH, MIN_FACE, EVERY, FRAME_RATE, MODE, STRATEGY, NETWORK, AXES };
static const char *const axis_keys[AXES] = { "videos", "heights", "detectors", "recognisers", "threads", "batches", "min_face", "every",
                                             "frame_rates", "modes", "strategies", "networks" };

struct matrix {
    struct facet_experiments *x;
    const char *path, *videos;
    struct axis axis[AXES];
    const struct facet_yaml *profiles;         /* networks of the file's own; NULL: none */
};

static const char *const known_keys[] = { "name", "about", "videos", "heights", "detectors", "recognisers", "threads", "batches", "min_face",
                                          "every", "frame_rates", "modes", "strategies", "networks", "profiles", "repeats", "warmups", "max_frames",
                                          "gallery", "people", "idle_watts", "core_watts", NULL };

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

/* As it is, beside the file, or in `folder` (NULL: none). */
static int to_path(const struct matrix *m, const struct facet_yaml *v, const char *what, const char *folder, char *out, size_t cap)
{
    char dir[1024];
    const char *base = facet_path_base(m->path);
    snprintf(dir, sizeof(dir), "%.*s", (int)(base > m->path ? base - m->path : 1), base > m->path ? m->path : ".");
    int err = v->text[0] == '/' ? facet_copy_text(out, cap, v->text) : facet_path_join(out, cap, dir, v->text);
    if (!err && !facet_path_exists(out) && folder)
        err = facet_path_join(out, cap, folder, v->text);
    if (!err && !facet_path_exists(out))
        err = facet_fail(FACET_E_NOT_FOUND, "cannot use '%s' line %d: there is no %s '%s' beside it%s%s", v->origin, v->line, what, v->text,
                         folder ? ", nor in " : "; set FACET_MIRROR for the sample videos", folder ? folder : "");
    return err;
}

static int to_strategy(const struct facet_yaml *v, char *out, size_t cap)
{
    const struct facet_strategy *s = facet_strategy_find(v ? v->text : "edge");
    return s ? facet_copy_text(out, cap, s->name) : refuse(v, facet_error_text());
}

/* delay, jitter, loss both ways; rate_up and rate_down. */
static int to_shape(const struct facet_yaml *map, struct facet_netsim_shape way[FACET_NETSIM_WAYS])
{
    static const char *const known[] = { "delay", "jitter", "loss", "rate_up", "rate_down", NULL };
    struct facet_netsim_shape s = { 0 };
    double up, down;
    int err = map->kind == FACET_YAML_MAP ? facet_yaml_only(map, known, map->origin)
                                          : refuse(map, "a profile is like {delay: 25, jitter: 10, loss: 0.005, rate_up: 10000, rate_down: 30000}");
    if (!err)
        err = facet_yaml_num(map, "delay", 0, &s.delay_ms);
    if (!err)
        err = facet_yaml_num(map, "jitter", 0, &s.jitter_ms);
    if (!err)
        err = facet_yaml_num(map, "loss", 0, &s.loss);
    if (!err)
        err = facet_yaml_num(map, "rate_up", 0, &up);
    if (!err)
        err = facet_yaml_num(map, "rate_down", 0, &down);
    for (int w = 0; !err && w < FACET_NETSIM_WAYS; w++) {
        s.rate_kbps = w == FACET_NETSIM_UP ? up : down;
        way[w] = s;
        if (facet_netsim_shape_check(&s) != FACET_OK)
            err = refuse(map, facet_error_text());
    }
    return err;
}

/* The file's own profiles come first. */
static int to_network(const struct matrix *m, const struct facet_yaml *v, struct facet_experiment *e)
{
    const struct facet_netsim_profile *p;
    memset(e->way, 0, sizeof(e->way));
    int err = to_word(v, "none", e->network, sizeof(e->network));
    if (err || !strcmp(e->network, "none"))
        return err;
    const struct facet_yaml *own = facet_yaml_get(m->profiles, e->network);
    if (own)
        return to_shape(own, e->way);
    if (facet_netsim_profile_find(&p, e->network) != FACET_OK)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: %s, none, and what 'profiles' names", v->origin, v->line, facet_error_text());
    memcpy(e->way, p->way, sizeof(e->way));
    return FACET_OK;
}

/* --- combinations --- */

/* What is added later is told only where it is there, so that ids stay what they were. */
static void name_it(struct facet_experiment *e, const struct facet_experiments *x)
{
    struct facet_str s = FACET_STR_INIT;
    (void)facet_str_printf(&s, "%s|%d|%s|%s|%s|%s|%d|%d|%d|%d|%s|%s|%lld", facet_path_base(e->video), e->height, e->detector.model, e->detector.backend,
                           e->recogniser.model, e->recogniser.backend, e->threads, e->min_face, e->every, (int)e->mode, e->strategy, e->network,
                           (long long)x->max_frames);
    if (e->frame_rate)
        (void)facet_str_printf(&s, "|fps %d", e->frame_rate);
    if (e->batch)
        (void)facet_str_printf(&s, "|batch %d", e->batch);
    if (e->is_site)
        (void)facet_str_printf(&s, "|site");
    for (int w = 0; e->is_site && w < FACET_NETSIM_WAYS; w++)
        (void)facet_str_printf(&s, "|%g %g %g %g", e->way[w].delay_ms, e->way[w].jitter_ms, e->way[w].loss, e->way[w].rate_kbps);
    unsigned long long h = (unsigned long long)facet_hash64(facet_str_text(&s), s.len, 7);
    if (e->repeat)
        snprintf(e->id, sizeof(e->id), "%012llx-%d", h & 0xffffffffffffull, e->repeat);
    else
        snprintf(e->id, sizeof(e->id), "%012llx-warm", h & 0xffffffffffffull);
    facet_str_fini(&s);
}

/* The `at`-th combination. */
static int make_one(const struct matrix *m, size_t at, struct facet_experiment *e)
{
    const struct facet_yaml *v[AXES];
    for (int i = AXES - 1; i >= 0; i--) {
        v[i] = m->axis[i].items[at % m->axis[i].n];
        at /= m->axis[i].n;
    }
    e->is_site = v[STRATEGY] || v[NETWORK];
    int err = to_network(m, v[NETWORK], e);
    if (!err)
        err = to_strategy(v[STRATEGY], e->strategy, sizeof(e->strategy));
    if (!err)
        err = to_mode(v[MODE], &e->mode);
    if (!err)
        err = to_int(v[FRAME_RATE], 0, 1000, 0, &e->frame_rate);
    if (!err)
        err = to_int(v[EVERY], 1, 1000, 1, &e->every);
    if (!err)
        err = to_int(v[MIN_FACE], 0, 10000, 40, &e->min_face);
    if (!err)
        err = to_int(v[BATCH], 0, FACET_FLOW_TOGETHER, 0, &e->batch);
    if (!err)
        err = to_int(v[THREADS], 0, 1024, 0, &e->threads);
    if (!err)
        err = to_model(v[RECOGNISER], &e->recogniser);
    if (!err)
        err = to_model(v[DETECTOR], &e->detector);
    if (!err)
        err = to_int(v[HEIGHT], 0, 4320, 0, &e->height);
    if (!err && e->height && (e->height < 16 || e->height % 2))
        err = refuse(v[HEIGHT], "lines are an even number from 16 on, or 0");
    return err ? err : to_path(m, v[VIDEO], "video", m->videos, e->video, sizeof(e->video));
}

static size_t combinations(const struct matrix *m)
{
    size_t n = 1;
    for (size_t i = 0; i < AXES && n <= FACET_MAX_EXPERIMENTS; i++)
        n *= m->axis[i].n;
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
            name_it(e, x);
            x->n += !err;
        }
    return err;
}

/* --- the file --- */

static int read_axes(struct matrix *m, const struct facet_yaml *root)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < AXES; i++)
        err = read_axis(&m->axis[i], root, axis_keys[i]);
    if (!err && !m->axis[VIDEO].items[0])
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it names no 'videos'", m->path);
    m->profiles = facet_yaml_get(root, "profiles");
    return err || !m->profiles || m->profiles->kind == FACET_YAML_MAP ? err : refuse(m->profiles, "profiles are `name: {delay: 25, ...}` lines");
}

/* Beside the videos' folder lie folders of people. */
static int read_people(const struct matrix *m, const struct facet_yaml *root)
{
    const struct facet_yaml *v = facet_yaml_get(root, "people");
    char beside[2100];
    snprintf(beside, sizeof(beside), "%.2000s/..", m->videos ? m->videos : "");
    if (v && v->kind != FACET_YAML_SCALAR)
        return refuse(v, "people is a folder");
    if (v && *m->x->gallery)
        return refuse(v, "'people' and 'gallery' both say who is known, give one");
    return v ? to_path(m, v, "folder", m->videos ? beside : NULL, m->x->people, sizeof(m->x->people)) : FACET_OK;
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
#define QUICK_S 150                /* what has begun by then ends within three minutes */

/* Enough to see that everything works: few frames of the first video in its first size. */
static void make_quick(struct matrix *m)
{
    struct facet_experiments *x = m->x;
    m->axis[VIDEO].n = m->axis[HEIGHT].n = 1;
    x->limit_s = QUICK_S;
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
    if (!err)
        err = read_people(&m, root);
    if (!err && quick)
        make_quick(&m);
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
    char rate[32] = "", batch[24] = "";
    if (e->frame_rate)
        snprintf(rate, sizeof(rate), ", %d frames a second", e->frame_rate);
    if (e->batch)
        snprintf(batch, sizeof(batch), ", %d at once", e->batch);
    snprintf(out, cap, "%s%s%.0d%s%s%s, %s on %s, %s on %s, %s, %s%s%s%s", facet_path_base(e->video), e->height ? " " : "", e->height,
             e->height ? " lines" : "", rate, batch, *e->detector.model ? e->detector.model : "default detector", e->detector.backend,
             *e->recogniser.model ? e->recogniser.model : "default recogniser", e->recogniser.backend, facet_experiment_mode_words[e->mode],
             e->strategy, e->is_site ? " as a site" : "", strcmp(e->network, "none") ? " over " : "",
             strcmp(e->network, "none") ? e->network : "");
}
