#include "bench/tune.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/str.h"
#include "bench/race.h"
#include "bench/tune_scan.h"
#include "media/picture.h"
#include "models/models.h"
#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PICTURES 16
#define MAX_CHIPS 16
#define MAX_CANDIDATES 12
#define TOGETHER 4             /* pictures of a turn that asks how many at once */
#define TURN_MS 400.0          /* what one run of a candidate may take, about */
#define NEAR 1.05              /* within 5 %: the smaller choice is taken */

/* Something that can be timed: a detector on the first picture, a recogniser on the chips, or both. */
struct candidate {
    struct tune *t;
    char name[FACET_MAX_NAME];
    int number;                                /* threads, or faces a call */
    struct facet_pool *pool, *embed_pool;
    struct facet_detector *detector;
    struct facet_embedder *embedder;
    int together;                              /* pictures at once, of TOGETHER; 0: one picture, once */
};

struct tune {
    const struct facet_tune_opts *o;
    struct facet_report *r;
    struct facet_tuning *out;
    struct facet_manifest *manifest;
    const struct facet_model_spec *detector, *recogniser;
    struct facet_image picture[MAX_PICTURES], chip[MAX_CHIPS];
    int n_pictures, n_chips, chips_a_turn;
    bool has_faces;
    struct candidate c[MAX_CANDIDATES];
    int n;
    const char *clip;                          /* the first video; NULL: none */
    struct facet_detection found[FACET_MAX_FACES], beside[TOGETHER][FACET_MAX_FACES];
    float rows[MAX_CHIPS * FACET_MAX_EMBEDDING], judged[MAX_CHIPS * FACET_MAX_EMBEDDING];
};

/* ---- candidates ---- */

static void candidate_fini(struct candidate *c)
{
    facet_embedder_close(&c->embedder);
    facet_detector_close(&c->detector);
    facet_pool_close(&c->embed_pool);
    facet_pool_close(&c->pool);
}

static void drop_candidates(struct tune *t)
{
    for (int i = 0; i < t->n; i++)
        candidate_fini(&t->c[i]);
    t->n = 0;
}

static struct candidate *next_candidate(struct tune *t, int number, const char *name)
{
    struct candidate *c = &t->c[t->n++];
    *c = (struct candidate){.t = t, .number = number};
    facet_copy_text(c->name, sizeof(c->name), name);
    return c;
}

static int open_detector(struct candidate *c, unsigned threads)
{
    struct facet_detector_opts d = FACET_DETECTOR_OPTS_INIT;
    int err = facet_pool_open(&c->pool, threads);
    d.model = c->t->detector;
    d.pool = c->pool;
    return err ? err : facet_detector_open(&c->detector, &d);
}

static int open_embedder(struct candidate *c, const struct facet_model_spec *model, unsigned threads, int batch)
{
    struct facet_embedder_opts e = FACET_EMBEDDER_OPTS_INIT;
    int err = facet_pool_open(&c->embed_pool, threads);
    e.model = model;
    e.max_batch = batch;
    e.pool = c->embed_pool;
    return err ? err : facet_embedder_open(&c->embedder, &e);
}

static int embed_chips(const struct candidate *c, int n, float *out)
{
    const struct facet_image *chips[MAX_CHIPS];
    for (int i = 0; i < n; i++)
        chips[i] = &c->t->chip[i];
    return facet_embedder_run(c->embedder, chips, n, out);
}

static int look_together(struct candidate *c)
{
    int err = FACET_OK;
    for (int at = 0; !err && at < TOGETHER; at += c->together) {
        struct facet_look l[TOGETHER];
        for (int i = 0; i < c->together; i++)
            l[i] = (struct facet_look){.img = &c->t->picture[0], .n_seeds = -1, .out = c->t->beside[i], .max = FACET_MAX_FACES};
        err = facet_detector_look(c->detector, l, c->together);
    }
    return err;
}

static int run_candidate(void *ctx)
{
    struct candidate *c = ctx;
    if (c->together)
        return look_together(c);
    int n = c->detector ? facet_detector_run(c->detector, &c->t->picture[0], c->t->found, FACET_MAX_FACES) : 0;
    return n < 0 ? n : c->embedder ? embed_chips(c, c->t->chips_a_turn, c->t->rows) : FACET_OK;
}

static int tell_and_choose(struct tune *t, const struct facet_race *race, int *chosen, double *best_ms)
{
    struct facet_stat s[MAX_CANDIDATES];
    double least = 0;
    for (int i = 0; i < t->n; i++) {
        int err = facet_race_stat(race, i, &s[i]);
        if (err)
            return err;
        least = i == 0 || s[i].best < least ? s[i].best : least;
    }
    for (*chosen = 0; s[*chosen].best > NEAR * least;)
        ++*chosen;
    for (int i = 0; i < t->n; i++) {
        facet_report_row(t->r);
        facet_report_text(t->r, "choice", "%s", t->c[i].name);
        facet_report_stat(t->r, "ms", &s[i], 2);
        facet_report_num(t->r, "best ms", s[i].best, 2);
        facet_report_text(t->r, "taken", "%s", i == *chosen ? "yes" : "");
    }
    if (best_ms)
        *best_ms = s[*chosen].best;
    return FACET_OK;
}

/* Races the candidates, which stand from the smaller to the larger: the first within 5 % of the fastest is taken. */
static int race(struct tune *t, const char *key, const char *title, int *chosen, double *best_ms)
{
    struct facet_race f = {.rounds = 5, .warmup = 1, .cancel = t->o->cancel};
    int err = FACET_OK;
    *chosen = 0;
    if (t->o->progress)
        t->o->progress(t->o->ctx, title);
    for (int i = 0; err >= 0 && i < t->n; i++)
        err = facet_race_add(&f, t->c[i].name, run_candidate, &t->c[i]);
    if (err >= 0)
        err = facet_race_run(&f);
    if (!err) {
        facet_report_table(t->r, key, title);
        err = tell_and_choose(t, &f, chosen, best_ms);
    }
    facet_race_fini(&f);
    return err;
}

/* ---- what is measured on ---- */

static int made_up(struct facet_image *img, int width, int height, struct facet_rng *rng)
{
    int err = facet_image_init(img, FACET_PIXEL_RGB24, width, height);
    for (int y = 0; !err && y < height; y++)
        for (int x = 0; x < 3 * width; x++)
            img->data[(size_t)y * img->stride + (size_t)x] = (uint8_t)((x / 5 + y / 3 + (int)(facet_rng_next(rng) & 63)) & 255);
    return err;
}

static int read_pictures(struct tune *t)
{
    for (size_t i = 0; i < t->o->n_pictures && t->n_pictures < MAX_PICTURES; i++) {
        bool is_clip = facet_tune_is_clip(t->o->pictures[i]);
        if (is_clip && !t->clip)
            t->clip = t->o->pictures[i];
        int err = is_clip ? FACET_OK : facet_picture_read(&t->picture[t->n_pictures], t->o->pictures[i]);
        if (err)
            return err;
        t->n_pictures += !is_clip;
    }
    return FACET_OK;
}

/* Chips of the faces in one picture. */
static int cut_chips(struct tune *t, struct candidate *c, const struct facet_image *img)
{
    const struct facet_chip_spec *spec = &t->recogniser->chip;
    int n = facet_detector_run(c->detector, img, t->found, FACET_MAX_FACES);
    for (int i = 0; i < n && t->n_chips < MAX_CHIPS; i++) {
        struct facet_image *chip = &t->chip[t->n_chips];
        int err = facet_image_init(chip, FACET_PIXEL_RGB24, spec->width, spec->height);
        if (!err)
            t->n_chips++;
        if (!err)
            err = facet_align_chip(chip, img, spec, t->found[i].box, t->found[i].has_points ? &t->found[i].points : NULL);
        if (err)
            return err;
    }
    return n < 0 ? n : FACET_OK;
}

static int find_faces(struct tune *t)
{
    struct candidate *c = next_candidate(t, 0, "faces");
    int err = t->n_pictures ? open_detector(c, 0) : FACET_OK;
    for (int i = 0; !err && i < t->n_pictures; i++)
        err = cut_chips(t, c, &t->picture[i]);
    drop_candidates(t);
    if (!err && t->n_pictures && t->n_chips == 0)
        err = facet_fail(FACET_E_NO_FACE, "there is no face in '%s'%s", t->o->pictures[0], t->n_pictures > 1 ? " and the others" : "");
    t->has_faces = t->n_chips > 0;
    return err;
}

static int make_work(struct tune *t)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 1);
    int err = read_pictures(t);
    if (!err)
        err = find_faces(t);
    if (!err && t->n_pictures == 0 && !(err = made_up(&t->picture[0], 1280, 720, &rng)))
        t->n_pictures = 1;
    while (!err && t->n_chips < MAX_CHIPS && !t->has_faces) {
        err = made_up(&t->chip[t->n_chips], t->recogniser->chip.width, t->recogniser->chip.height, &rng);
        t->n_chips += !err;
    }
    return err;
}

/* As many chips a turn as fit the time that a turn may take. */
static int size_turns(struct tune *t)
{
    struct candidate *c = next_candidate(t, 0, "first");
    int err = open_embedder(c, t->recogniser, 1, 1);
    t->chips_a_turn = 1;
    uint64_t begun = 0;
    for (int i = 0; !err && i < 2; i++) { /* the first run warms up */
        begun = facet_now_ns();
        err = run_candidate(c);
    }
    double ms = (double)(facet_now_ns() - begun) / 1e6;
    int fit = ms > 0 ? (int)(TURN_MS / ms) : MAX_CHIPS;
    t->chips_a_turn = fit < 1 ? 1 : fit < t->n_chips ? fit : t->n_chips;
    drop_candidates(t);
    return err;
}

/* ---- the questions ---- */

static int tune_kernels(struct tune *t)
{
    static const struct { const char *kind; uint32_t needs; } kinds[] = {
        {"avx512", FACET_CPU_AVX512}, {"avx2", FACET_CPU_AVX2}, {"neon", FACET_CPU_NEON}, {"c", 0},
    };
    const char *was = getenv("FACET_CPU");
    uint32_t flags = facet_cpu_flags(NULL);
    int chosen, err = FACET_OK;
    if (was && *was)
        return FACET_OK; /* whoever says it means it */
    for (size_t i = 0; !err && i + 1 < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!(flags & kinds[i].needs))
            continue;
        setenv("FACET_CPU", kinds[i].kind, 1);
        err = open_embedder(next_candidate(t, 0, kinds[i].kind), t->recogniser, 1, 1);
        unsetenv("FACET_CPU");
    }
    if (!err && t->n > 1 && !(err = race(t, "kernels", "Kinds of kernels: the recogniser on one thread", &chosen, NULL)))
        facet_copy_text(t->out->kernels, sizeof(t->out->kernels), t->c[chosen].name);
    drop_candidates(t);
    if (!err && strcmp(t->out->kernels, facet_cpu_kind(flags)))
        setenv("FACET_CPU", t->out->kernels, 1); /* what follows is measured with them */
    return err;
}

static int tune_threads(struct tune *t, bool of_detector, int *threads)
{
    unsigned cpus = facet_cpu_count();
    int chosen = 0, err = FACET_OK;
    char name[32];
    for (unsigned n = 1; !err && t->n < MAX_CANDIDATES; n = n * 2 < cpus ? n * 2 : cpus) {
        snprintf(name, sizeof(name), "%u", n);
        struct candidate *c = next_candidate(t, (int)n, name);
        err = of_detector ? open_detector(c, n) : open_embedder(c, t->recogniser, n, 8);
        if (n == cpus)
            break;
    }
    if (!err)
        err = race(t, of_detector ? "detector_threads" : "recogniser_threads",
                   of_detector ? "Threads of the detector, one picture" : "Threads of the recogniser, eight faces a call", &chosen, NULL);
    *threads = t->c[chosen].number;
    drop_candidates(t);
    return err;
}

static int tune_together(struct tune *t)
{
    int chosen = 0, err = FACET_OK;
    char name[32];
    for (int n = 1; !err && n <= TOGETHER; n *= 2) {
        snprintf(name, sizeof(name), "%d", n);
        struct candidate *c = next_candidate(t, n, name);
        c->together = n;
        err = open_detector(c, (unsigned)t->out->detector_threads);
    }
    if (!err && !(err = race(t, "together", "Pictures looked at together, four a turn", &chosen, NULL)))
        t->out->together = t->c[chosen].number;
    drop_candidates(t);
    return err;
}

static int tune_scan(struct tune *t)
{
    if (!t->clip)
        return FACET_OK;
    if (t->o->progress)
        t->o->progress(t->o->ctx, "Interval of full scans");
    return facet_tune_scan(t->out, t->r, t->detector, t->clip, t->o->cancel);
}

static int tune_batch(struct tune *t)
{
    int chosen = 0, err = FACET_OK;
    char name[32];
    for (int n = 1; !err && n <= t->chips_a_turn; n *= 2) {
        snprintf(name, sizeof(name), "%d", n);
        err = open_embedder(next_candidate(t, n, name), t->recogniser, (unsigned)t->out->recogniser_threads, n);
    }
    if (!err && t->n > 1 && !(err = race(t, "batch", "Faces a call of the recogniser", &chosen, NULL)))
        t->out->batch = t->c[chosen].number;
    drop_candidates(t);
    return err;
}

/* Mean cosine of a candidate's embeddings to those of the model it was made from. */
static int judge(const struct tune *t, const struct candidate *c, int dim, double *mean)
{
    float *rows = calloc((size_t)t->n_chips, (size_t)dim * sizeof(float));
    int err = rows ? embed_chips(c, t->n_chips, rows) : facet_fail_nomem();
    double sum = 0;
    for (size_t i = 0; !err && i < (size_t)t->n_chips * (size_t)dim; i++)
        sum += (double)rows[i] * (double)t->judged[i];
    *mean = sum / t->n_chips;
    free(rows);
    return err;
}

/* Takes a candidate out again when it is not as good. */
static int admit(struct tune *t, const struct facet_model_spec *s)
{
    double cosine = 1;
    struct candidate *c = next_candidate(t, 0, s->name);
    int err = open_embedder(c, s, (unsigned)t->out->recogniser_threads, t->out->batch ? t->out->batch : 8);
    if (!err)
        err = judge(t, c, s->dim, &cosine);
    facet_report_row(t->r);
    facet_report_text(t->r, "recogniser", "%s", s->name);
    facet_report_num(t->r, "mean cosine", cosine, 5);
    facet_report_text(t->r, "as good", "%s", cosine >= FACET_TUNE_COSINE ? "yes" : "no");
    if (!err && !(cosine >= FACET_TUNE_COSINE)) {
        candidate_fini(c);
        t->n--;
    }
    return err;
}

static int tune_precision(struct tune *t)
{
    int chosen = 0, err = FACET_OK;
    bool has_others = false;
    for (size_t i = 0; i < facet_manifest_count(t->manifest); i++)
        has_others |= !strcmp(facet_manifest_at(t->manifest, i)->made_from, t->recogniser->name);
    if (!t->has_faces || !has_others)
        return FACET_OK;
    struct candidate *c = next_candidate(t, 0, t->recogniser->name);
    err = open_embedder(c, t->recogniser, (unsigned)t->out->recogniser_threads, t->out->batch ? t->out->batch : 8);
    if (!err)
        err = embed_chips(c, t->n_chips, t->judged);
    facet_report_table(t->r, "accuracy", "Recognisers made from it, judged on the faces of the pictures");
    for (size_t i = 0; !err && i < facet_manifest_count(t->manifest) && t->n < MAX_CANDIDATES; i++) {
        const struct facet_model_spec *s = facet_manifest_at(t->manifest, i);
        if (!strcmp(s->made_from, t->recogniser->name) && s->dim == t->recogniser->dim && facet_model_present(s))
            err = admit(t, s);
    }
    if (!err && t->n > 1 && !(err = race(t, "precision", "Recognisers that are as good", &chosen, NULL)) && chosen > 0)
        facet_copy_text(t->out->recogniser, sizeof(t->out->recogniser), t->c[chosen].name);
    drop_candidates(t);
    return err;
}

/* A picture's detection and its faces' recognition, as they were and as they are now. */
static int tell_gain(struct tune *t)
{
    const struct facet_tuning *out = t->out;
    const struct facet_model_spec *now = *out->recogniser ? facet_manifest_find(t->manifest, out->recogniser) : t->recogniser;
    struct facet_race f = {.rounds = 7, .warmup = 1, .cancel = t->o->cancel};
    struct facet_stat gain = {0};
    int err = now ? FACET_OK : FACET_E_NOT_FOUND, who[2] = {0, 0};
    struct candidate *c = next_candidate(t, 0, "before");
    if (!err)
        err = open_detector(c, 0);
    if (!err)
        err = open_embedder(c, t->recogniser, 0, 8);
    c = next_candidate(t, 1, "after");
    if (!err)
        err = open_detector(c, (unsigned)out->detector_threads);
    if (!err)
        err = open_embedder(c, now, (unsigned)out->recogniser_threads, out->batch ? out->batch : 8);
    for (int i = 0; err >= 0 && i < 2; i++)
        err = who[i] = facet_race_add(&f, t->c[i].name, run_candidate, &t->c[i]);
    if (err >= 0)
        err = facet_race_run(&f);
    if (!err)
        err = facet_race_ratio(&f, who[0], who[1], &gain);
    if (!err) {
        facet_report_table(t->r, "gain", "One picture and its faces, before and after");
        for (int i = 0; i < 2; i++) {
            struct facet_stat s;
            facet_report_row(t->r);
            facet_report_text(t->r, "choice", "%s", t->c[i].name);
            if (!facet_race_stat(&f, who[i], &s))
                facet_report_stat(t->r, "ms", &s, 2);
            if (i == 1)
                facet_report_stat(t->r, "times as fast", &gain, 2);
        }
        if (!t->has_faces)
            facet_report_note(t->r, "No pictures of faces were given, so the recogniser's precision was left as it is.");
        if (!t->clip)
            facet_report_note(t->r, "No video was given, so each picture is scanned in full.");
    }
    facet_race_fini(&f);
    drop_candidates(t);
    return err;
}

/* ---- all ---- */

static int find_model(const struct facet_model_spec **out, const struct facet_manifest *m, const char *name, const char *task)
{
    *out = name ? facet_manifest_find(m, name) : facet_manifest_default(m, task);
    if (*out && strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", (*out)->name, (*out)->task, task);
    return *out ? FACET_OK : FACET_E_NOT_FOUND;
}

static int tune_all(struct tune *t)
{
    int err = facet_manifest_open(&t->manifest, NULL);
    if (!err)
        err = find_model(&t->detector, t->manifest, t->o->detector, "detect");
    if (!err)
        err = find_model(&t->recogniser, t->manifest, t->o->recogniser, "embed");
    if (!err)
        err = make_work(t);
    if (!err)
        err = size_turns(t);
    if (!err)
        err = tune_kernels(t);
    if (!err)
        err = tune_threads(t, true, &t->out->detector_threads);
    if (!err)
        err = tune_threads(t, false, &t->out->recogniser_threads);
    if (!err)
        err = tune_batch(t);
    if (!err && t->out->detector_threads > 1)
        err = tune_together(t);
    if (!err)
        err = tune_scan(t);
    if (!err)
        err = tune_precision(t);
    return err ? err : tell_gain(t);
}

int facet_tune_run(struct facet_tuning *out, struct facet_report *r, const struct facet_tune_opts *o)
{
    struct tune *t = calloc(1, sizeof(*t));
    if (!t)
        return facet_fail_nomem();
    facet_tuning_here(out);
    t->o = o;
    t->r = r;
    t->out = out;
    int err = tune_all(t);
    drop_candidates(t);
    for (int i = 0; i < MAX_PICTURES; i++)
        facet_image_fini(&t->picture[i]);
    for (int i = 0; i < MAX_CHIPS; i++)
        facet_image_fini(&t->chip[i]);
    facet_manifest_close(&t->manifest);
    out->is_there = !err;
    free(t);
    return err;
}
