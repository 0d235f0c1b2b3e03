/* Each run is a pipeline as `facet run` opens it, on one sample video in one mode, without sinks. Runs of all modes take
 * turns, a round after the other; of each the fastest round counts. What one run found is compared, frame by frame,
 * with what the reference detector finds. */
#include "bench/bench_pipeline.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/str.h"
#include "bench/findings.h"
#include "bench/tune_scan.h"
#include "deploy/pipeline.h"
#include "models/models.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CLIPS 16
#define MAX_HEIGHTS 8
#define MIN_FACE 40
#define DEFAULT_SCAN 5

const char *const facet_bench_mode_names[FACET_BENCH_MODES] = { "every", "track", "guided" };

struct run {
    bool is_done;
    struct facet_pipeline_summary sum;      /* of the fastest round */
    double cpu_s, joules;                   /* joules -1: the machine cannot tell */
    struct facet_findings faces;
};

struct sample { char clip[4096], path[4096]; int height; struct run mode[FACET_BENCH_MODES]; struct facet_findings reference; };

struct bench {
    const struct facet_bench_pipeline_opts *o;
    struct facet_manifest *manifest;
    const struct facet_model_spec *detector, *recogniser, *reference;
    char clips[MAX_CLIPS][4096];
    int n_clips, n_heights, heights[MAX_HEIGHTS];
    bool wants[FACET_BENCH_MODES];
    struct sample *samples;
    int n_samples;
    struct facet_energy *energy;
    int64_t peak_rss;
};

/* --- words --- */

static int parse_heights(struct bench *b, const char *text)
{
    for (const char *at = text; *at; at += *at == ',') {
        char *end;
        long v = strtol(at, &end, 10);
        if (end == at || v < 16 || v > 4320 || v % 2 || (*end && *end != ',') || b->n_heights == MAX_HEIGHTS)
            return facet_fail(FACET_E_INVALID, "'%s' is no list of at most %d even heights from 16 to 4320", text, MAX_HEIGHTS);
        b->heights[b->n_heights++] = (int)v;
        at = end;
    }
    return b->n_heights ? FACET_OK : facet_fail(FACET_E_INVALID, "no heights are given");
}

static int parse_modes(struct bench *b, const char *text)
{
    for (const char *at = text; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        int m = 0;
        while (m < FACET_BENCH_MODES && (strlen(facet_bench_mode_names[m]) != len || strncmp(facet_bench_mode_names[m], at, len) != 0))
            m++;
        if (m == FACET_BENCH_MODES)
            return facet_fail(FACET_E_INVALID, "there is no mode '%.*s': take every, track or guided", (int)len, at);
        b->wants[m] = true;
        at += len;
    }
    return FACET_OK;
}

static int add_clip(void *ctx, const char *path)
{
    struct bench *b = ctx;
    if (!facet_tune_is_clip(path))
        return FACET_OK;
    if (b->n_clips == MAX_CLIPS)
        return facet_fail(FACET_E_LIMIT, "more than %d clips", MAX_CLIPS);
    return facet_copy_text(b->clips[b->n_clips++], sizeof(b->clips[0]), path);
}

static int find_clips(struct bench *b)
{
    char dir[4096];
    const char *mirror = getenv("FACET_MIRROR"), *given = dir;
    int n = b->o->n_clips, err = FACET_OK;
    if (n == 0 && (!mirror || !*mirror))
        return facet_fail(FACET_E_INVALID, "name video files or a folder of them, or set FACET_MIRROR: its data/video is taken");
    if (n == 0)
        err = facet_path_join(dir, sizeof(dir), mirror, "data/video");
    for (int i = 0; !err && i < (n ? n : 1); i++) {
        const char *path = n ? b->o->clips[i] : given;
        if (!facet_path_exists(path))
            err = facet_fail(FACET_E_NOT_FOUND, "there is no '%s'", path);
        else if (facet_path_is_dir(path))
            err = facet_walk(path, 2, add_clip, b);
        else if (b->n_clips < MAX_CLIPS)
            err = facet_copy_text(b->clips[b->n_clips++], sizeof(b->clips[0]), path);
    }
    return err || b->n_clips ? err : facet_fail(FACET_E_NOT_FOUND, "there is no video in '%s'", n ? b->o->clips[0] : given);
}

static int find_model(const struct facet_model_spec **out, struct bench *b, const char *name, const char *task)
{
    *out = name ? facet_manifest_find(b->manifest, name) : facet_manifest_default(b->manifest, task);
    if (!*out)
        return FACET_E_NOT_FOUND;
    if (strcmp((*out)->task, task) != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", name, (*out)->task, task);
    return FACET_OK;
}

/* --- a run --- */

static void set_options(const struct bench *b, struct facet_pipeline_opts *p, const char *const *path, enum facet_bench_mode mode,
                        struct facet_findings *faces)
{
    *p = (struct facet_pipeline_opts){
        .threads = b->o->threads,
        .together = b->o->together,
        .together_ms = b->o->together_ms,
        .cancel = (atomic_int *)(uintptr_t)b->o->cancel,
        .ingest = { .sources = path, .n_sources = 1, .max_frames = b->o->max_frames },
        .detect = { .model = b->detector, .min_face = b->o->min_face ? b->o->min_face : MIN_FACE, .backend = b->o->backend,
                    .quick_pyramid = b->o->quick_pyramid,
                    .scan_every = mode != FACET_BENCH_GUIDED ? 0 : b->o->scan_every ? b->o->scan_every : DEFAULT_SCAN },
        .align = { .every_frame = mode == FACET_BENCH_EVERY },
        .embed = { .model = b->recogniser, .backend = b->o->backend },
        .identify = { .threshold = 0.5 },
        .done = facet_findings_note,
        .ctx = faces,
    };
}

static int run_pipeline(struct bench *b, const struct facet_pipeline_opts *o, struct run *out)
{
    struct facet_pipeline *p;
    double before = 0, after = 0;
    int err = facet_pipeline_open(&p, o);
    if (err)
        return err;
    bool has_energy = b->energy && facet_energy_read(b->energy, &before) == FACET_OK;
    uint64_t cpu = facet_process_cpu_ns();
    err = facet_pipeline_run(p);
    out->cpu_s = (double)(facet_process_cpu_ns() - cpu) / 1e9;
    has_energy = has_energy && facet_energy_read(b->energy, &after) == FACET_OK;
    out->joules = has_energy ? after - before : -1;
    out->sum = *facet_pipeline_summary(p);
    out->is_done = true;
    int64_t rss = facet_rss_bytes();
    b->peak_rss = rss > b->peak_rss ? rss : b->peak_rss;
    facet_pipeline_close(&p);
    if (!err && out->sum.is_cancelled)
        err = facet_fail(FACET_E_CANCELLED, "cancelled");
    return err;
}

/* The fastest round is kept. */
static int run_mode(struct bench *b, struct sample *s, enum facet_bench_mode mode)
{
    const char *path[1] = { s->path };
    struct facet_pipeline_opts o;
    struct run now = { .is_done = false }, *best = &s->mode[mode];
    set_options(b, &o, path, mode, &now.faces);
    int err = run_pipeline(b, &o, &now);
    if (!err && now.faces.err)
        err = facet_fail_nomem();
    bool is_better = !err && (!best->is_done || now.sum.seconds < best->sum.seconds);
    if (is_better) {
        free(best->faces.at);
        *best = now;
    } else {
        free(now.faces.at);
    }
    return err;
}

/* Detection alone counts: the recogniser is asked as seldom as can be. */
static int run_reference(struct bench *b, struct sample *s)
{
    const char *path[1] = { s->path };
    struct facet_pipeline_opts o;
    struct run unused = { .is_done = false };
    set_options(b, &o, path, FACET_BENCH_TRACK, &s->reference);
    o.detect.model = b->reference;
    o.detect.backend = NULL;
    o.detect.quick_pyramid = false;
    o.align.min_quality = 2;
    int err = run_pipeline(b, &o, &unused);
    return err ? err : s->reference.err ? facet_fail_nomem() : FACET_OK;
}

static void tell_progress(const struct bench *b, const char *what, const char *path)
{
    char text[512];
    snprintf(text, sizeof(text), "%s %s", what, facet_path_base(path));
    if (b->o->progress)
        b->o->progress(b->o->ctx, text);
}

static int make_samples(struct bench *b)
{
    int err = FACET_OK;
    b->samples = calloc((size_t)(b->n_clips * b->n_heights), sizeof(*b->samples));
    if (!b->samples)
        return facet_fail_nomem();
    for (int h = 0; h < b->n_heights; h++) {
        for (int c = 0; !err && c < b->n_clips; c++) {
            struct sample *s = &b->samples[b->n_samples++];
            s->height = b->heights[h];
            memcpy(s->clip, b->clips[c], sizeof(s->clip));
            tell_progress(b, "sample of", s->clip);
            err = facet_bench_sample(s->path, sizeof(s->path), s->clip, s->height, b->o->max_frames, b->o->cancel);
        }
    }
    return err;
}

static int run_all(struct bench *b)
{
    int err = FACET_OK;
    for (unsigned round = 0; round < (b->o->rounds ? b->o->rounds : 1); round++)
        for (int i = 0; i < b->n_samples; i++)
            for (int m = 0; !err && m < FACET_BENCH_MODES; m++)
                if (b->wants[m]) {
                    tell_progress(b, facet_bench_mode_names[m], b->samples[i].path);
                    err = run_mode(b, &b->samples[i], (enum facet_bench_mode)m);
                }
    for (int i = 0; !err && b->reference && i < b->n_samples; i++) {
        tell_progress(b, "reference", b->samples[i].path);
        err = run_reference(b, &b->samples[i]);
    }
    return err;
}

/* --- telling --- */

struct total { int64_t frames, faces, embedded; double seconds, cpu_s, joules, slowest; size_t same, most; uint64_t step_ns[FACET_STEPS]; };

static double fps_of(double frames, double seconds)
{
    return seconds > 0 ? frames / seconds : 0;
}

static void add_to(struct total *t, const struct sample *s, const struct run *run, size_t same)
{
    double fps = fps_of((double)run->sum.frames, run->sum.seconds);
    size_t most = run->faces.n > s->reference.n ? run->faces.n : s->reference.n;
    t->slowest = t->frames && t->slowest < fps ? t->slowest : fps;
    t->frames += run->sum.frames, t->faces += run->sum.faces, t->embedded += run->sum.embedded;
    t->seconds += run->sum.seconds, t->cpu_s += run->cpu_s;
    t->joules = run->joules < 0 || t->joules < 0 ? -1 : t->joules + run->joules;
    t->same += same, t->most += most;
    for (int i = 0; i < FACET_STEPS; i++)
        t->step_ns[i] += run->sum.step[i].sum_ns;
}

static double threads_of(const struct bench *b)
{
    unsigned cpus = facet_cpu_count();
    return b->o->threads && b->o->threads < cpus ? b->o->threads : cpus;
}

static void tell_run(struct facet_report *r, const struct bench *b, struct total *t, const struct sample *s, const struct run *run)
{
    const struct facet_pipeline_summary *sum = &run->sum;
    size_t same = b->reference ? facet_findings_same(&run->faces, &s->reference) : 0;
    size_t most = run->faces.n > s->reference.n ? run->faces.n : s->reference.n;
    facet_report_row(r);
    facet_report_text(r, "clip", "%.24s", facet_path_base(s->clip));
    facet_report_int(r, "lines", s->height);
    facet_report_int(r, "frames", sum->frames);
    facet_report_num(r, "fps", fps_of((double)sum->frames, sum->seconds), 1);
    facet_report_num(r, "faces a frame", sum->frames ? (double)sum->faces / (double)sum->frames : 0, 2);
    facet_report_int(r, "embedded", sum->embedded);
    facet_report_num(r, "p50 ms", (double)facet_histogram_quantile(&sum->total, 0.5) / 1e6, 1);
    facet_report_num(r, "p95 ms", (double)facet_histogram_quantile(&sum->total, 0.95) / 1e6, 1);
    facet_report_num(r, "CPU ms a frame", sum->frames ? run->cpu_s * 1000 / (double)sum->frames : 0, 2);
    if (run->joules >= 0 && sum->frames)
        facet_report_num(r, "J a frame", run->joules / (double)sum->frames, 3);
    if (b->reference)
        facet_report_num(r, "same faces %", most ? 100.0 * (double)same / (double)most : 100, 2);
    add_to(t, s, run, same);
}

static void tell_steps(struct facet_report *r, const struct total totals[FACET_BENCH_MODES], const struct bench *b)
{
    facet_report_table(r, "steps", "Milliseconds a frame in each step (steps run at the same time)");
    for (int m = 0; m < FACET_BENCH_MODES; m++) {
        if (!b->wants[m])
            continue;
        facet_report_row(r);
        facet_report_text(r, "mode", "%s", facet_bench_mode_names[m]);
        for (int i = 0; i < FACET_STEPS; i++)
            facet_report_num(r, facet_step_names[i], totals[m].frames ? (double)totals[m].step_ns[i] / 1e6 / (double)totals[m].frames : 0, 2);
    }
}

static void tell_totals(struct facet_report *r, const struct total totals[FACET_BENCH_MODES], const struct bench *b)
{
    facet_report_table(r, "totals", "All frames over all time");
    for (int m = 0; m < FACET_BENCH_MODES; m++) {
        const struct total *t = &totals[m];
        if (!b->wants[m] || !t->frames)
            continue;
        facet_report_row(r);
        facet_report_text(r, "mode", "%s", facet_bench_mode_names[m]);
        facet_report_num(r, "fps", fps_of((double)t->frames, t->seconds), 1);
        facet_report_num(r, "slowest video", t->slowest, 1);
        facet_report_int(r, "frames", t->frames);
        facet_report_int(r, "faces", t->faces);
        facet_report_int(r, "embedded", t->embedded);
        facet_report_num(r, "CPU ms a frame", t->cpu_s * 1000 / (double)t->frames, 2);
        facet_report_num(r, "processors used", t->seconds > 0 ? t->cpu_s / t->seconds : 0, 2);
        if (t->joules >= 0)
            facet_report_num(r, "J a frame", t->joules / (double)t->frames, 3);
        if (b->reference)
            facet_report_num(r, "same faces %", t->most ? 100.0 * (double)t->same / (double)t->most : 100, 2);
    }
}

/* What the whole path is to reach (docs/performance.md): of all videos together and of the slowest, or of those of 720 lines. */
static const struct goal { enum facet_bench_mode mode; int lines; double fps, slowest; const char *what; } goals[] = {
    { FACET_BENCH_EVERY, 0, 80, 45, "every face of every frame, all videos" },
    { FACET_BENCH_TRACK, 720, 180, 0, "new and better faces, 720 lines" },
    { FACET_BENCH_GUIDED, 720, 300, 0, "guided detection, 720 lines" },
};

static void tell_goal(struct facet_report *r, const struct bench *b, const struct goal *g)
{
    struct total t = { .frames = 0 };
    for (int i = 0; i < b->n_samples; i++)
        if (!g->lines || b->samples[i].height == g->lines)
            add_to(&t, &b->samples[i], &b->samples[i].mode[g->mode], 0);
    if (!t.frames)
        return;
    facet_report_row(r);
    facet_report_text(r, "goal", "%s", g->what);
    facet_report_num(r, "fps wanted", g->fps, 0);
    facet_report_num(r, "all frames over all time", fps_of((double)t.frames, t.seconds), 1);
    if (g->slowest > 0)
        facet_report_num(r, "slowest wanted", g->slowest, 0);
    facet_report_num(r, "slowest video", t.slowest, 1);
    facet_report_num(r, "processors used", t.seconds > 0 ? t.cpu_s / t.seconds : 0, 2);
    facet_report_num(r, "fps at full use", t.cpu_s > 0 ? (double)t.frames * threads_of(b) / t.cpu_s : 0, 1);
    facet_report_text(r, "reached", "%s", fps_of((double)t.frames, t.seconds) >= g->fps && t.slowest >= g->slowest ? "yes" : "no");
}

static void tell_goals(struct facet_report *r, const struct bench *b)
{
    facet_report_table(r, "goals", "Whole-path goals, on the processor named above");
    for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++)
        if (b->wants[goals[i].mode])
            tell_goal(r, b, &goals[i]);
}

static void tell(struct facet_report *r, const struct bench *b)
{
    static const char *const titles[FACET_BENCH_MODES] = { "A recogniser on every face of every frame", "New and better faces of each track",
                                                           "The same, detection guided by tracks" };
    struct total totals[FACET_BENCH_MODES] = { { .frames = 0 } };
    for (int m = 0; m < FACET_BENCH_MODES; m++) {
        if (!b->wants[m])
            continue;
        facet_report_table(r, facet_bench_mode_names[m], titles[m]);
        for (int i = 0; i < b->n_samples; i++)
            tell_run(r, b, &totals[m], &b->samples[i], &b->samples[i].mode[m]);
    }
    tell_totals(r, totals, b);
    tell_goals(r, b);
    tell_steps(r, totals, b);
    if (b->reference)
        facet_report_note(r, "'same faces' are those that overlap a face of %s, found by a full scan, by %.1f or more, as a part of the larger number.",
                          b->reference->name, (double)FACET_FINDINGS_IOU);
    facet_report_note(r, "Resident after a run: %.0f MB at most. %s", (double)b->peak_rss / 1e6,
                      b->energy ? "Joules are the package's." : "This machine tells no joules.");
}

/* --- all of it --- */

static int open_bench(struct bench *b)
{
    const struct facet_bench_pipeline_opts *o = b->o;
    int err = parse_heights(b, o->heights ? o->heights : "480,720,1080");
    if (!err)
        err = parse_modes(b, o->modes ? o->modes : "every,track,guided");
    if (!err)
        err = find_clips(b);
    if (!err)
        err = facet_manifest_open(&b->manifest, NULL);
    if (!err)
        err = find_model(&b->detector, b, o->detector, "detect");
    if (!err)
        err = find_model(&b->recogniser, b, o->recogniser, "embed");
    if (!err && !(o->reference && !strcmp(o->reference, "none")))
        err = find_model(&b->reference, b, o->reference, "detect");
    if (!err && facet_energy_open(&b->energy, "") != FACET_OK)
        b->energy = NULL;
    return err;
}

static void close_bench(struct bench *b)
{
    for (int i = 0; i < b->n_samples; i++) {
        free(b->samples[i].reference.at);
        for (int m = 0; m < FACET_BENCH_MODES; m++)
            free(b->samples[i].mode[m].faces.at);
    }
    free(b->samples);
    facet_energy_close(&b->energy);
    facet_manifest_close(&b->manifest);
    free(b);
}

int facet_bench_pipeline_run(struct facet_report *r, const struct facet_bench_pipeline_opts *o)
{
    struct bench *b = calloc(1, sizeof(*b));
    if (!b)
        return facet_fail_nomem();
    b->o = o;
    int err = open_bench(b);
    if (!err) {
        facet_report_fact(r, "detector", "%s", b->detector->name);
        facet_report_fact(r, "recogniser", "%s", b->recogniser->name);
        facet_report_fact(r, "smallest face", "%d", o->min_face ? o->min_face : MIN_FACE);
        if (b->wants[FACET_BENCH_GUIDED])
            facet_report_fact(r, "guided scans", "every %d frames", o->scan_every ? o->scan_every : DEFAULT_SCAN);
        if (o->quick_pyramid)
            facet_report_fact(r, "pyramid", "quick");
        facet_report_fact(r, "rounds", "%u", o->rounds ? o->rounds : 1);
        err = make_samples(b);
    }
    if (!err)
        err = run_all(b);
    if (!err)
        tell(r, b);
    close_bench(b);
    return err;
}
