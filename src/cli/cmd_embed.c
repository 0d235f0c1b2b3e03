/* facet embed: the faces of pictures as numbers. */
#include "base/clock.h"
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/people.h"
#include "cli/tuned.h"
#include "measure/measure.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_MARKS 32

struct embed_options {
    const char *detector, *recogniser, *backend;
    int64_t min_face, threads;
    bool largest, timings;
};

#define ROW(...) FACET_OPT(struct embed_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct embed_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(largest, "largest", 'l', FACET_OPT_FLAG, NULL, "the largest face of each picture alone"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: the detector's own"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what makes the numbers"),
    ROW(backend, "backend", 'b', FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    RANGED(threads, "threads", 't', FACET_OPT_INT, "N", 0, 256, "0: as many as the process may use"),
    ROW(timings, "timings", 0, FACET_OPT_FLAG, NULL, "tell when each step of the first picture was done, and the memory (facet bench start reads it)"),
    { .name = NULL },
};

/* When things were done, in ms since the process was started ($FACET_STARTED_NS, by the monotonic clock) or
 * else since main began. */
struct marks {
    bool on;
    uint64_t start_ns;
    int n;
    struct { const char *what; double ms; } at[MAX_MARKS];
};

static void mark(void *ctx, const char *what)
{
    struct marks *m = ctx;
    if (!m->on || m->n == MAX_MARKS)
        return;
    m->at[m->n].what = what;
    m->at[m->n++].ms = (double)(int64_t)(facet_now_ns() - m->start_ns) / 1e6;
}

static void marks_init(struct marks *m, const struct facet_cli *cli, bool on)
{
    const char *started = getenv("FACET_STARTED_NS");
    *m = (struct marks){ .on = on, .start_ns = started ? strtoull(started, NULL, 10) : cli->main_ns };
    if (!on)
        return;
    m->at[0].what = "main";
    m->at[0].ms = (double)(int64_t)(cli->main_ns - m->start_ns) / 1e6;
    m->n = 1;
}

struct job {
    struct facet_cli *cli;
    const struct embed_options *o;
    struct facet_recogniser *recogniser;
    struct facet_answer answer;
    struct marks marks;
    int faces, failed;
};

static void tell_face(struct job *j, const char *path, const struct facet_recognised *f)
{
    struct facet_jsonw *w = &j->answer.w;
    int dim = facet_recogniser_dim(j->recogniser);
    j->faces++;
    facet_say(j->cli, "%s\t%d\t%d\t%d\t%d", path, (int)f->box.x1, (int)f->box.y1, (int)facet_box_width(f->box),
              (int)facet_box_height(f->box));
    for (int i = 0; i < dim; i++)
        facet_say(j->cli, "\t%.6g", (double)f->embedding[i]);
    facet_say(j->cli, "\n");
    facet_jsonw_object(w);
    facet_say_box(w, f->box);
    facet_jsonw_knum(w, "quality", (double)f->quality.score, 4);
    facet_jsonw_knum(w, "detector_score", (double)f->score, 4);
    facet_jsonw_key(w, "embedding");
    facet_jsonw_array(w);
    for (int i = 0; i < dim; i++)
        facet_jsonw_num(w, (double)f->embedding[i], 7);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static void picture_decoded(void *ctx)
{
    struct job *j = ctx;
    mark(&j->marks, "picture decoded");
}

static int embed_faces(void *ctx, const char *path, const struct facet_image *img)
{
    struct job *j = ctx;
    struct facet_recognised *f;
    int n = facet_recogniser_find(j->recogniser, img, FACET_PAD, &f, NULL);
    mark(&j->marks, "faces found");
    if (n == 0)
        facet_complain("there is no face in '%s'", path);
    if (n > 0 && j->o->largest)
        n = 1;
    int err = n > 0 ? facet_recogniser_embed(j->recogniser, n) : FACET_OK;
    mark(&j->marks, "embedded");
    for (int i = 0; !err && i < n; i++)
        tell_face(j, path, &f[i]);
    j->marks.on = false; /* of the first picture alone */
    return n < 0 ? n : err;
}

static void tell_timings(struct job *j)
{
    struct facet_jsonw *w = &j->answer.w;
    if (!j->o->timings)
        return;
    facet_jsonw_key(w, "timings");
    facet_jsonw_array(w);
    for (int i = 0; i < j->marks.n; i++) {
        facet_complain("%8.2f ms  %s", j->marks.at[i].ms, j->marks.at[i].what);
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "done", j->marks.at[i].what);
        facet_jsonw_knum(w, "ms", j->marks.at[i].ms, 3);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_kint(w, "rss_bytes", facet_rss_bytes());
    facet_jsonw_kint(w, "peak_rss_bytes", facet_peak_rss_bytes());
    facet_complain("resident %.1f MB, at most %.1f MB", (double)facet_rss_bytes() / 1e6, (double)facet_peak_rss_bytes() / 1e6);
}

static int embed_all(struct job *j, int argc, char **argv)
{
    const struct facet_look look = { picture_decoded, embed_faces, j, &j->failed };
    struct facet_jsonw *w = &j->answer.w;
    facet_jsonw_kstr(w, "model", facet_recogniser_model(j->recogniser)->name);
    facet_jsonw_kstr(w, "contract", facet_recogniser_contract(j->recogniser));
    int err = facet_known_look(j->cli, w, &look, argc, argv);
    if (!err)
        tell_timings(j);
    return err;
}

static int embed_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct embed_options *o = opts;
    struct job j = { .cli = cli, .o = o };
    marks_init(&j.marks, cli, o->timings);
    struct facet_tuning tuning;
    int code = facet_cli_tuning(cli, &tuning);
    struct facet_recogniser_opts r = {
        .detector = o->detector, .recogniser = o->recogniser, .backend = o->backend, .min_face = (int)o->min_face,
        .threads = (unsigned)o->threads, .mark = mark, .mark_ctx = &j.marks, .tuning = &tuning,
    };
    mark(&j.marks, "options read");
    if (!code)
        code = facet_recogniser_open(&j.recogniser, &r);
    facet_answer_begin(&j.answer);
    if (!code)
        code = embed_all(&j, argc, argv);
    if (!code && cli->json)
        code = facet_answer_end(&j.answer);
    facet_str_fini(&j.answer.text);
    facet_recogniser_close(&j.recogniser);
    return code ? code : j.failed ? FACET_EXIT_INPUT : j.faces ? FACET_EXIT_OK : FACET_EXIT_NO;
}

const struct facet_cmd facet_cmd_embed = {
    .name = "embed",
    .group = "Look",
    .summary = "print the numbers that the recogniser makes of faces",
    .usage = "[options] PICTURE...",
    .details = "A line for each face: file, box (x, y, width, height) and the embedding's numbers, with tabs between. With --json also "
               "the contract that says which embeddings may be compared. The exit code is 1 when there was no face.",
    .options = options,
    .options_size = sizeof(struct embed_options),
    .min_args = 1,
    .max_args = -1,
    .examples = "  facet embed --largest door.jpg > door.tsv\n",
    .env_prefix = "FACET_EMBED_",
    .run = embed_run,
};
