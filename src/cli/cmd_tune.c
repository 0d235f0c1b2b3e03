/* facet tune: what is fastest on this machine, written down for the other commands. */
#include "base/errors.h"
#include "base/file.h"
#include "bench/tune.h"
#include "cli/commands.h"
#include "cli/out.h"

struct tune_options {
    const char *detector, *recogniser, *output, *markdown;
    bool dry_run;
};

#define ROW(...) FACET_OPT(struct tune_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(dry_run, "dry-run", 'n', FACET_OPT_FLAG, NULL, "measure and tell, write nothing"),
    ROW(output, "output", 'o', FACET_OPT_PATH, "FILE", "where to write; without it tune.yaml in the configuration folder"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart"),
    ROW(markdown, "markdown", 'm', FACET_OPT_PATH, "FILE", "write the tables as Markdown, too"),
    { .name = NULL },
};

static void tell_step(void *ctx, const char *what)
{
    const struct facet_cli *cli = ctx;
    if (!cli->quiet && !cli->json)
        facet_complain("%s ...", what);
}

static int answer(struct facet_cli *cli, const struct facet_report *r, const struct facet_tuning *t, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    if (!cli->json) {
        facet_report_write_text(r, &s);
        facet_say(cli,
                  "%s\n%s %s: kernels %s, threads %d for detection and %d for recognition, %d faces a call, pictures together: %d, "
                  "a scan in each %d%s%s\n",
                  facet_str_text(&s),
                  path ? "written to" : "would be written:", path ? path : "nothing", t->kernels, t->detector_threads,
                  t->recogniser_threads, t->batch ? t->batch : 8, t->together ? t->together : 1, t->scan_every ? t->scan_every : 1,
                  *t->recogniser ? ", recogniser " : "", t->recogniser);
        int err = s.err;
        facet_str_fini(&s);
        return err;
    }
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "written", path);
    facet_jsonw_kstr(&a.w, "kernels", t->kernels);
    facet_jsonw_kint(&a.w, "detector_threads", t->detector_threads);
    facet_jsonw_kint(&a.w, "recogniser_threads", t->recogniser_threads);
    facet_jsonw_kint(&a.w, "batch", t->batch);
    facet_jsonw_kint(&a.w, "together", t->together);
    facet_jsonw_kint(&a.w, "scan_every", t->scan_every);
    facet_jsonw_kstr(&a.w, "recogniser", *t->recogniser ? t->recogniser : NULL);
    facet_report_write_json(r, &a.w);
    return facet_answer_end(&a);
}

static int tune_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct tune_options *o = opts;
    struct facet_tune_opts to = { .pictures = (const char *const *)argv, .n_pictures = (size_t)argc, .detector = o->detector,
                                  .recogniser = o->recogniser, .cancel = cli->cancel, .progress = tell_step, .ctx = cli };
    struct facet_tuning t;
    struct facet_report r;
    char path[4096];
    int err = o->output ? facet_copy_text(path, sizeof(path), o->output) : facet_tuning_path(path, sizeof(path));
    facet_report_init(&r, "tune", 0);
    if (!err)
        err = facet_tune_run(&t, &r, &to);
    if (!err && !o->dry_run)
        err = facet_tuning_save(&t, path);
    if (!err && o->markdown)
        err = facet_report_save_markdown(&r, o->markdown);
    if (!err)
        err = r.err ? r.err : answer(cli, &r, &t, o->dry_run ? NULL : path);
    facet_report_fini(&r);
    return err;
}

const struct facet_cmd facet_cmd_tune = {
    .name = "tune",
    .group = "Measure",
    .summary = "find out what is fastest on this machine, and let the other commands use it",
    .usage = "[options] [PICTURE|VIDEO...]",
    .details = "Measures kinds of kernels, threads of the detector and the recogniser, faces a call and pictures at once, in less than a minute, and "
               "says what was gained. With pictures of faces, recognisers of lower precision that were made from the default one (facet models optimise) are "
               "tried, too; one is taken only where its embeddings of those faces have a mean cosine of 0.995 or more to the "
               "default's. With a video, intervals of full scans are tried; one is taken only where 99 of 100 faces are those that full "
               "scans find. The file is used by run, enroll, identify, verify and embed on this machine alone; options, configuration files and "
               "the recogniser of a gallery say more than it does.",
    .options = options,
    .options_size = sizeof(struct tune_options),
    .max_args = -1,
    .examples = "  facet tune\n  facet tune --dry-run --json photos/*.jpg\n",
    .run = tune_run,
};
