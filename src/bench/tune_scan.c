#include "bench/tune_scan.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/pool.h"
#include "base/str.h"
#include "bench/findings.h"
#include "models/models.h"
#include "stages/detect/detect.h"
#include "stages/ingest/ingest.h"

#include <stdlib.h>
#include <string.h>

#define MIN_FACE 40
#define FRAMES 60
#define LEAST_FRAMES 20
#define ALL_MS 15000.0         /* what all intervals together may take, about */
#define NEAR 1.05              /* within 5 % of the fastest: the shorter interval */

static const int intervals[] = { 1, 2, 3, 5, 10 };
#define INTERVALS (sizeof(intervals) / sizeof(intervals[0]))

struct watch { const struct facet_model_spec *detector; const char *clip; struct facet_pool *pool; const atomic_int *cancel; };
struct watched { struct facet_findings faces; int64_t frames; double ms; };

bool facet_tune_is_clip(const char *path)
{
    static const char *const words[] = { "mp4", "mkv", "avi", "mov", "webm" };
    const char *ext = facet_path_ext(path);
    size_t i = 0;
    while (i < sizeof(words) / sizeof(words[0]) && strcmp(ext, words[i]))
        i++;
    return i < sizeof(words) / sizeof(words[0]);
}

static int step(struct facet_stage *source, struct facet_stage *detect, struct facet_packet *p, struct watched *w)
{
    int err = facet_stage_step(source, p);
    if (!err)
        err = facet_stage_step(detect, p);
    if (!err && p->frame) {
        w->frames++;
        w->ms += (double)p->step_ns[FACET_STEP_DETECT] / 1e6;
        facet_findings_note(&w->faces, p);
    }
    facet_packet_reset(p);
    return err ? err : w->faces.err ? facet_fail_nomem() : FACET_OK;
}

/* The clip's first frames, one after the other: what is timed is detection alone. */
static int run(const struct watch *k, int every, int64_t frames, struct watched *w)
{
    struct facet_ingest_opts in = { .sources = &k->clip, .n_sources = 1, .max_frames = frames };
    struct facet_detector_opts d = { .model = k->detector, .min_face = MIN_FACE, .scan_every = every, .pool = k->pool };
    struct facet_stage *source = NULL, *detect = NULL;
    struct facet_packet *p = NULL;
    int err = facet_stage_open(&source, &facet_stage_ingest, &in);
    if (!err)
        err = facet_stage_open(&detect, &facet_stage_detect, &d);
    if (!err)
        err = facet_packet_open(&p, 0);
    while (!err)
        err = k->cancel && atomic_load(k->cancel) ? facet_fail(FACET_E_CANCELLED, "cancelled") : step(source, detect, p, w);
    facet_packet_close(&p);
    facet_stage_close(&detect);
    facet_stage_close(&source);
    return err == FACET_E_END ? FACET_OK : err;
}

static double share(size_t same, size_t all)
{
    return all ? (double)same / (double)all : 1;
}

static double ms_a_frame(const struct watched *w)
{
    return w->frames ? w->ms / (double)w->frames : 0;
}

/* Whether those are the full scans' faces, with a row that says so. */
static bool tell(struct facet_report *r, int every, const struct watched *full, const struct watched *w)
{
    double again = share(facet_findings_same(&full->faces, &w->faces), full->faces.n);
    double real = share(facet_findings_same(&w->faces, &full->faces), w->faces.n);
    facet_report_row(r);
    facet_report_int(r, "scan every", every);
    facet_report_num(r, "detection, ms a frame", ms_a_frame(w), 2);
    facet_report_int(r, "faces", (int64_t)w->faces.n);
    facet_report_num(r, "found again %", 100 * again, 2);
    facet_report_num(r, "of them the scans' %", 100 * real, 2);
    return again >= FACET_TUNE_SAME && real >= FACET_TUNE_SAME;
}

static size_t choose(const struct watched *w, const bool *is_good)
{
    size_t best = 0, chosen = 0;
    for (size_t i = 1; i < INTERVALS; i++)
        if (is_good[i] && ms_a_frame(&w[i]) < ms_a_frame(&w[best]))
            best = i;
    while (!is_good[chosen] || ms_a_frame(&w[chosen]) > NEAR * ms_a_frame(&w[best]))
        chosen++;
    return chosen;
}

/* So many frames that all intervals are done in time; fewer than LEAST_FRAMES tell nothing. */
static int measure(const struct watch *k, struct watched *w, int64_t *frames)
{
    struct watched first = { .ms = 0 };
    int err = run(k, 1, 3, &first);
    double ms = ms_a_frame(&first), fit = ms > 0 ? ALL_MS / (ms * (double)INTERVALS) : 0;
    free(first.faces.at);
    *frames = fit < FRAMES ? (int64_t)fit : FRAMES;
    for (size_t i = 0; !err && *frames >= LEAST_FRAMES && i < INTERVALS; i++)
        err = run(k, intervals[i], *frames, &w[i]);
    return err;
}

static void tell_choice(struct facet_tuning *out, struct facet_report *r, const struct watch *k, const struct watched *w)
{
    bool is_good[INTERVALS] = { true };
    facet_report_table(r, "scan_every", "Full scans of the video's pictures, and faces followed in between");
    for (size_t i = 0; i < INTERVALS; i++)
        is_good[i] = tell(r, intervals[i], &w[0], &w[i]) || i == 0;
    size_t chosen = choose(w, is_good);
    if (chosen == 0) {
        facet_report_note(r, "Each picture is scanned: no longer interval finds %.0f %% of the same faces and gains.", 100 * FACET_TUNE_SAME);
        return;
    }
    out->scan_every = intervals[chosen];
    facet_copy_text(out->scan_detector, sizeof(out->scan_detector), k->detector->name);
    facet_report_note(r, "A scan in each %dth picture: detection takes %.2f ms a picture and not %.2f.", intervals[chosen],
                      ms_a_frame(&w[chosen]), ms_a_frame(&w[0]));
}

int facet_tune_scan(struct facet_tuning *out, struct facet_report *r, const struct facet_model_spec *detector, const char *clip,
                    const atomic_int *cancel)
{
    struct watch k = { .detector = detector, .clip = clip, .cancel = cancel };
    struct watched w[INTERVALS] = { { .ms = 0 } };
    int64_t frames = 0;
    if (strcmp(detector->kind, "mtcnn")) {
        facet_report_note(r, "Detector '%s' looks at whole pictures only: there is no interval of scans to choose.", detector->name);
        return FACET_OK;
    }
    int err = facet_pool_open(&k.pool, (unsigned)out->detector_threads);
    if (!err)
        err = measure(&k, w, &frames);
    if (!err && (frames < LEAST_FRAMES || w[0].frames < LEAST_FRAMES || w[0].faces.n == 0))
        facet_report_note(r, "No interval of scans was chosen: that needs %d pictures with faces, in a time that this machine has.", LEAST_FRAMES);
    else if (!err)
        tell_choice(out, r, &k, w);
    for (size_t i = 0; i < INTERVALS; i++)
        free(w[i].faces.at);
    facet_pool_close(&k.pool);
    return err;
}
