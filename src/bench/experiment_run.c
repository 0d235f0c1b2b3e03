#include "bench/experiment_run.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/bench_pipeline.h"
#include "bench/child.h"
#include "bench/experiment_out.h"
#include "bench/site_run.h"
#include "media/video.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 48

struct runner {
    const struct facet_experiments *x;
    const struct facet_experiment_run_opts *o;
    char program[4096], runs[2048], galleries[2100];
    char gallery[2400];            /* of the experiment at hand; "": nobody is known */
    uint64_t begun_ns;
    double expected_s, expected_done_s;        /* of those to be run now, before anything was measured; of those that have ended */
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

/* --- who is known --- */

/* People are enrolled once for each recogniser, whose gallery then serves all of its experiments. */
static int enrol(const struct runner *r, const struct facet_experiment *e, const char *gallery)
{
    char log[2400];
    struct facet_child c = { 0 };
    int err = facet_path_join(log, sizeof(log), r->galleries, "enroll.log");
    const char *const words[] = { r->program, "enroll", "--gallery", gallery, "--dir", r->x->people, *e->recogniser.model ? "--recogniser" : NULL,
                                  e->recogniser.model, NULL };
    if (!err)
        err = facet_child_run(words, log, log, r->o->cancel, &c.cost);
    if (!err && !facet_path_exists(gallery))
        err = facet_child_fail(&c, "facet enroll", log);
    return err;
}

static int find_gallery(struct runner *r, const struct facet_experiment *e)
{
    char name[FACET_MAX_NAME + 8];
    if (!*r->x->people)
        return facet_copy_text(r->gallery, sizeof(r->gallery), r->x->gallery);
    snprintf(name, sizeof(name), "%s.db", *e->recogniser.model ? e->recogniser.model : "default");
    int err = facet_mkdirs(r->galleries);
    if (!err)
        err = facet_path_join(r->gallery, sizeof(r->gallery), r->galleries, name);
    return err || facet_path_exists(r->gallery) ? err : enrol(r, e, r->gallery);
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

static void make_words(struct words *w, const struct runner *r, const struct facet_experiment *e, const struct place *p, const char *video, double every)
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
    add(w, "--gallery", r->gallery);
    add_number(w, "--threads", e->threads);
    add_number(w, "--together", e->batch);
    add_number(w, "--min-face", e->min_face);
    add_number(w, "--every", every > 1 ? every : 0);
    add_number(w, "--max-frames", (double)r->x->max_frames);
    add_number(w, "--scan-every", e->mode == FACET_EXPERIMENT_GUIDED ? 5 : 0);
    add_number(w, "--idle-watts", r->x->idle_watts);
    add_number(w, "--core-watts", r->x->core_watts);
    if (!*r->gallery)
        w->w[w->n++] = "--no-gallery";
    if (e->mode == FACET_EXPERIMENT_EVERY)
        w->w[w->n++] = "--every-face";
    w->w[w->n++] = video;
    w->w[w->n] = NULL;
}

/* The video as this experiment wants it: as it is, or a copy with so many lines or frames. */
static int make_video(const struct runner *r, const struct facet_experiment *e, char *out, size_t cap)
{
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = NULL;
    int height = e->height;
    bool is_cut = e->is_site && r->x->max_frames > 0;      /* a camera shows all that there is */
    if (!height && !is_cut)
        return facet_copy_text(out, cap, e->video);
    int err = height ? FACET_OK : facet_video_open(&v, e->video, &vo);
    if (!err && !height)
        height = facet_video_info(v)->height & ~1;
    facet_video_close(&v);
    return err ? err : facet_bench_sample(out, cap, e->video, height, r->x->max_frames, r->o->cancel);
}

static double fps_of(const char *video)
{
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = NULL;
    double fps = facet_video_open(&v, video, &vo) == FACET_OK ? facet_video_info(v)->fps : 0;
    facet_video_close(&v);
    return fps > 0 ? fps : 25;
}

static int run_path(const struct runner *r, const struct facet_experiment *e, const struct place *p, const char *video)
{
    struct words w;
    struct facet_child c = { 0 };
    double every = e->frame_rate ? floor(fps_of(video) / e->frame_rate + 0.5) : e->every;
    make_words(&w, r, e, p, video, every);
    int err = facet_child_run(w.w, p->answer, p->log, r->o->cancel, &c.cost);
    if (!err && c.cost.code != 0)
        err = facet_child_fail(&c, "facet run", p->log);
    return err ? err : facet_experiment_keep(e, p->answer, p->run, &c.cost, NULL);
}

static int run_site(const struct runner *r, const struct facet_experiment *e, const struct place *p, const char *video)
{
    struct facet_site_result *result = malloc(sizeof(*result));
    const struct facet_site_run_opts o = { .x = r->x, .e = e, .program = r->program, .video = video, .gallery = r->gallery, .dir = p->dir,
                                           .csv = p->part, .answer = p->answer, .log = p->log, .cancel = r->o->cancel };
    if (!result)
        return facet_fail_nomem();
    int err = facet_site_run(result, &o);
    if (!err)
        err = facet_experiment_keep(e, p->answer, p->run, &result->device, result);
    free(result);
    return err;
}

static int run_one(struct runner *r, const struct facet_experiment *e, const struct place *p)
{
    char video[4096];
    int err = make_video(r, e, video, sizeof(video));
    if (!err)
        err = find_gallery(r, e);
    if (!err)
        err = e->is_site ? run_site(r, e, p, video) : run_path(r, e, p, video);
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

#define SITE_S 3.0                 /* broker, server and device begin, and the last events come */

/* For each frame some ms by its lines; faces of every frame cost as much again. A site takes as long as the video. */
static double expected_s(const struct facet_experiment *e, int64_t max_frames)
{
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = NULL;
    double frames = 300, lines = e->height ? e->height : 720, fps = 25;
    if (facet_video_open(&v, e->video, &vo) == FACET_OK) {
        const struct facet_video_info *info = facet_video_info(v);
        frames = info->frames > 0 ? (double)info->frames : frames;
        lines = e->height ? e->height : info->height;
        fps = info->fps > 0 ? info->fps : fps;
    }
    facet_video_close(&v);
    if (max_frames > 0 && frames > (double)max_frames)
        frames = (double)max_frames;
    double ms = (4 + lines * lines * 20e-6) * (e->mode == FACET_EXPERIMENT_EVERY ? 2.5 : e->mode == FACET_EXPERIMENT_GUIDED ? 0.5 : 1);
    double looked = e->frame_rate && e->frame_rate < fps ? frames * e->frame_rate / fps : frames / e->every;
    return e->is_site ? SITE_S + frames / fps : 0.3 + looked * ms / 1000 * (strcmp(e->detector.backend, "ref") == 0 ? 60 : 1);
}

static double passed_s(const struct runner *r)
{
    return (double)(facet_now_ns() - r->begun_ns) * 1e-9;
}

static void tell(const struct runner *r, const struct facet_experiment *e, size_t at, size_t n, const char *fault)
{
    double rest = r->expected_s - r->expected_done_s;
    double pace = r->expected_done_s > 0 ? passed_s(r) / r->expected_done_s : 1;
    struct facet_experiment_told t = { .at = at, .n = n, .now = e, .fault = fault, .left_s = rest * pace };
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
    r->expected_done_s += expected_s(e, r->x->max_frames);
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
        err = facet_path_join(r.galleries, sizeof(r.galleries), o->out, "galleries");
    if (!err)
        err = facet_mkdirs(r.runs);
    if (!err)
        err = facet_experiments_write_head(x, o->out);
    for (size_t i = 0; !err && i < x->n; i++)
        if (is_wanted(&r, &x->items[i])) {
            r.expected_s += expected_s(&x->items[i], x->max_frames);
            n++;
        }
    for (size_t i = 0; !err && i < x->n; i++) {
        if (!is_wanted(&r, &x->items[i]))
            continue;
        if (x->limit_s > 0 && passed_s(&r) > x->limit_s) {
            count->left = n - at;
            break;
        }
        err = o->cancel && *o->cancel ? facet_fail(FACET_E_CANCELLED, "cancelled") : do_one(&r, &x->items[i], at++, n, count);
    }
    int removed = facet_remove_tree(r.galleries);          /* faces of people lie there */
    if (!err)
        err = removed;
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

double facet_experiments_expected_s(const struct facet_experiments *x)
{
    double all = 0;
    for (size_t i = 0; i < x->n; i++)
        all += expected_s(&x->items[i], x->max_frames);
    return x->limit_s > 0 && all > x->limit_s ? x->limit_s : all;
}
