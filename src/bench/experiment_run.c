#include "bench/experiment_run.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/bench_pipeline.h"
#include "bench/child.h"
#include "bench/experiment_out.h"
#include "media/video.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 48
#define MAX_ANSWER (4u << 20)

struct runner {
    const struct facet_experiments *x;
    const struct facet_experiment_run_opts *o;
    char program[4096], runs[2048];
    uint64_t begun_ns;
    size_t ran;
};

struct place { char dir[2300], csv[2400], part[2400], run[2400], answer[2400], log[2400], failed[2400]; };

static int place_of(const char *runs, const char *id, struct place *p)
{
    struct { char *out; size_t cap; const char *name; } all[] = {
        { p->csv, sizeof(p->csv), "frames.csv" }, { p->part, sizeof(p->part), "frames.csv.part" }, { p->run, sizeof(p->run), "run.json" },
        { p->answer, sizeof(p->answer), "answer.json" }, { p->log, sizeof(p->log), "log.txt" }, { p->failed, sizeof(p->failed), "failed.txt" },
    };
    int err = facet_path_join(p->dir, sizeof(p->dir), runs, id);
    for (size_t i = 0; !err && i < sizeof(all) / sizeof(all[0]); i++)
        err = facet_path_join(all[i].out, all[i].cap, p->dir, all[i].name);
    return err;
}

/* --- one experiment --- */

struct words { const char *w[MAX_WORDS]; char numbers[8][24]; int n, n_numbers; };

static void add(struct words *w, const char *option, const char *value)
{
    if (!value || !*value || w->n + 2 >= MAX_WORDS)
        return;
    w->w[w->n++] = option;
    w->w[w->n++] = value;
}

static void add_number(struct words *w, const char *option, double value)
{
    char *text = w->numbers[w->n_numbers];
    if (value == 0)
        return;
    w->n_numbers++;
    snprintf(text, sizeof(w->numbers[0]), "%.15g", value);
    add(w, option, text);
}

static void make_words(struct words *w, const struct runner *r, const struct facet_experiment *e, const struct place *p, const char *video)
{
    *w = (struct words){ .n = 0 };
    w->w[w->n++] = r->program;
    w->w[w->n++] = "run";
    w->w[w->n++] = "--json";
    w->w[w->n++] = "--quiet";
    add(w, "--csv", p->part);
    add(w, "--run", e->id);
    add(w, "--detector", e->detector.model);
    add(w, "--recogniser", e->recogniser.model);
    add(w, "--detect-backend", e->detector.backend);
    add(w, "--backend", e->recogniser.backend);
    add(w, "--gallery", r->x->gallery);
    add_number(w, "--threads", e->threads);
    add_number(w, "--min-face", e->min_face);
    add_number(w, "--every", e->every > 1 ? e->every : 0);
    add_number(w, "--max-frames", (double)r->x->max_frames);
    add_number(w, "--scan-every", e->mode == FACET_EXPERIMENT_GUIDED ? 5 : 0);
    add_number(w, "--idle-watts", r->x->idle_watts);
    add_number(w, "--core-watts", r->x->core_watts);
    if (!*r->x->gallery)
        w->w[w->n++] = "--no-gallery";
    if (e->mode == FACET_EXPERIMENT_EVERY)
        w->w[w->n++] = "--every-face";
    w->w[w->n++] = video;
    w->w[w->n] = NULL;
}

/* The last line that a program wrote before it gave up. */
static int reason_of(const struct place *p, int code)
{
    uint8_t *text = NULL;
    size_t len = 0;
    if (facet_file_read(p->log, MAX_ANSWER, &text, &len) != FACET_OK)
        len = 0;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    const char *line = len ? strrchr((const char *)text, '\n') : NULL;
    int err = facet_fail(FACET_E_INTERNAL, "exit code %d%s%.400s", code, len ? ": " : "", line ? line + 1 : len ? (const char *)text : "");
    free(text);
    return err;
}

static int run_one(const struct runner *r, const struct facet_experiment *e, const struct place *p)
{
    char sample[4096];
    const char *video = e->video;
    struct words w;
    struct facet_child_cost cost = { 0 };
    if (strcmp(e->strategy, "edge") != 0 || strcmp(e->network, "none") != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "the strategy '%s' over the network '%s' needs a site", e->strategy, e->network);
    int err = FACET_OK;
    if (e->height) {
        err = facet_bench_sample(sample, sizeof(sample), e->video, e->height, r->x->max_frames, r->o->cancel);
        video = sample;
    }
    if (err)
        return err;
    make_words(&w, r, e, p, video);
    err = facet_child_run(w.w, p->answer, p->log, r->o->cancel, &cost);
    if (!err && cost.code != 0)
        err = reason_of(p, cost.code);
    if (!err)
        err = facet_experiment_keep(r->x, e, p->answer, p->run, &cost);
    if (!err && rename(p->part, p->csv) != 0)
        err = facet_fail_errno("keep", p->csv);
    return err;
}

static int keep_failure(const struct place *p)
{
    char why[1024];
    snprintf(why, sizeof(why), "%s\n", facet_error_text());
    unlink(p->run);
    unlink(p->part);
    return facet_file_write_atomic(p->failed, why, strlen(why));
}

static bool is_wanted(const struct runner *r, const struct facet_experiment *e)
{
    struct place p;
    if (e->repeat == 0)
        return r->ran > 0 || !facet_path_exists(r->o->out) || facet_experiments_done(r->x, r->o->out) < r->x->n;
    if (place_of(r->runs, e->id, &p) != FACET_OK)
        return false;
    return !facet_path_exists(p.csv) && (r->o->retry || !facet_path_exists(p.failed));
}

static void tell(const struct runner *r, const struct facet_experiment *e, size_t at, size_t n, const char *fault)
{
    double passed = (double)(facet_now_ns() - r->begun_ns) * 1e-9;
    struct facet_experiment_told t = { .at = at, .n = n, .now = e, .fault = fault, .left_s = at ? passed / (double)at * (double)(n - at) : -1 };
    if (r->o->progress)
        r->o->progress(r->o->ctx, &t);
}

/* One experiment with everything around it. FACET_OK also when it failed and that was recorded. */
static int do_one(struct runner *r, const struct facet_experiment *e, size_t at, size_t n, struct facet_experiment_count *count)
{
    struct place p;
    char why[1024];
    tell(r, e, at, n, NULL);
    int err = place_of(r->runs, e->id, &p);
    if (!err)
        err = facet_mkdirs(p.dir);
    if (err)
        return err;
    unlink(p.failed);
    err = run_one(r, e, &p);
    r->ran++;
    if (err == FACET_E_CANCELLED || err == FACET_E_NOMEM)
        return err;
    unlink(p.answer);
    if (!err) {
        count->done += e->repeat > 0;
    } else {
        snprintf(why, sizeof(why), "%s", facet_error_text());
        err = keep_failure(&p);
        count->failed += e->repeat > 0;
        tell(r, e, at, n, why);
    }
    return err ? err : facet_experiments_write_summary(r->x, r->o->out);
}

int facet_experiments_run(const struct facet_experiments *x, const struct facet_experiment_run_opts *o, struct facet_experiment_count *count)
{
    struct runner r = { .x = x, .o = o, .begun_ns = facet_now_ns() };
    size_t n = 0, at = 0;
    *count = (struct facet_experiment_count){ .before = facet_experiments_done(x, o->out) };
    int err = o->program ? facet_copy_text(r.program, sizeof(r.program), o->program) : facet_child_self(r.program, sizeof(r.program));
    if (!err)
        err = facet_path_join(r.runs, sizeof(r.runs), o->out, "runs");
    if (!err)
        err = facet_mkdirs(r.runs);
    if (!err)
        err = facet_experiments_write_head(x, o->out);
    for (size_t i = 0; !err && i < x->n; i++)
        n += is_wanted(&r, &x->items[i]);
    for (size_t i = 0; !err && i < x->n; i++) {
        if (o->cancel && *o->cancel)
            return facet_fail(FACET_E_CANCELLED, "cancelled");
        if (is_wanted(&r, &x->items[i]))
            err = do_one(&r, &x->items[i], at++, n, count);
    }
    return err ? err : facet_experiments_write_summary(x, o->out);
}

size_t facet_experiments_done(const struct facet_experiments *x, const char *out)
{
    char runs[2048];
    struct place p;
    size_t n = 0;
    if (facet_path_join(runs, sizeof(runs), out, "runs") != FACET_OK)
        return 0;
    for (size_t i = 0; i < x->n; i++)
        n += x->items[i].repeat > 0 && place_of(runs, x->items[i].id, &p) == FACET_OK && facet_path_exists(p.csv);
    return n;
}

/* 10 ms of start, and for each frame some ms by its lines; faces of every frame cost as much again. */
double facet_experiments_expected_s(const struct facet_experiments *x)
{
    double all = 0;
    for (size_t i = 0; i < x->n; i++) {
        const struct facet_experiment *e = &x->items[i];
        struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
        struct facet_video *v = NULL;
        double frames = 300, lines = e->height ? e->height : 720;
        if (facet_video_open(&v, e->video, &vo) == FACET_OK) {
            const struct facet_video_info *info = facet_video_info(v);
            frames = info->frames > 0 ? (double)info->frames : frames;
            lines = e->height ? e->height : info->height;
        }
        facet_video_close(&v);
        if (x->max_frames > 0 && frames > (double)x->max_frames)
            frames = (double)x->max_frames;
        double ms = (4 + lines * lines * 20e-6) * (e->mode == FACET_EXPERIMENT_EVERY ? 2.5 : e->mode == FACET_EXPERIMENT_GUIDED ? 0.5 : 1);
        all += 0.3 + frames / e->every * ms / 1000 * (strcmp(e->detector.backend, "ref") == 0 ? 60 : 1);
    }
    return all;
}
