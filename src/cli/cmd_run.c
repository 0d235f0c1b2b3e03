/* facet run: sources through the whole path, results to sinks, a summary at the end. */
#include "base/errors.h"
#include "base/pool.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/out.h"
#include "cli/run_site.h"
#include "cli/run_summary.h"
#include "cli/tuned.h"
#include "deploy/pipeline.h"
#include "deploy/site.h"
#include "deploy/strategy.h"
#include "models/models.h"
#include "stages/identify/classifier.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct run_options {
    const char *gallery, *csv, *events, *video, *summary;
    const char *config;
    bool check_config, print_config, serve;
    const char *detector, *recogniser, *strategy, *backend, *detect_backend, *run, *detect_thresholds, *classifier, *antispoof;
    int64_t min_face, max_face, scan_every, every, max_frames, threads, confirm, together;
    double together_ms, factor, threshold, far, margin, cooldown_s, ttl_s, idle_watts, core_watts;
    int method;
    bool no_gallery, keep_going, strict, every_face, quick_pyramid;
};

#define ROW(...) FACET_OPT(struct run_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct run_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "who is known; without it the default gallery, when there is one"),
    ROW(no_gallery, "no-gallery", 0, FACET_OPT_FLAG, NULL, "nobody is known, even where there is a default gallery"),
    ROW(csv, "csv", 0, FACET_OPT_PATH, "FILE", "one row for each frame (docs/csv.md); - is standard output"),
    ROW(events, "events", 0, FACET_OPT_PATH, "FILE", "one JSON line for each person or stranger; - is standard output"),
    ROW(video, "video", 0, FACET_OPT_PATH, "FILE", "annotated video, .mp4 or .mkv"),
    ROW(summary, "summary", 0, FACET_OPT_PATH, "FILE", "with a site's file: add a row on the run to this CSV (docs/csv.md)"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces; see facet models list"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart; the gallery's unless given"),
    ROW(antispoof, "antispoof", 0, FACET_OPT_STR, "MODEL", "name only faces that this model holds for real (docs/antispoof.md); none unless given"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: the detector's own"),
    RANGED(max_face, "max-face", 0, FACET_OPT_INT, "PIXELS", 0, 100000, "largest face looked for; 0: any. Saves MTCNN the small levels"),
    RANGED(scan_every, "scan-every", 0, FACET_OPT_INT, "N", 0, 10000,
           "look over the whole picture in each N-th frame and after cuts, and around the known faces in between; 1: always; 0: always, or as tuned"),
    ROW(quick_pyramid, "quick-pyramid", 0, FACET_OPT_FLAG, NULL, "MTCNN: shrink pictures in steps; quicker, and boxes move a little"),
    ROW(detect_thresholds, "detect-thresholds", 0, FACET_OPT_STR, "A[,B,C]", "the detector's thresholds; MTCNN has three"),
    RANGED(factor, "factor", 0, FACET_OPT_NUM, "X", 0, 0.95, "MTCNN's pyramid step; 0: 0.709"),
    RANGED(threshold, "threshold", 't', FACET_OPT_NUM, "COSINE", -1, 1, "same person at or above; 0: the model's own"),
    RANGED(far, "far", 0, FACET_OPT_NUM, "RATE", 0, 1, "threshold by wanted false-accept rate, from the model's measured table"),
    { .name = "method", .kind = FACET_OPT_CHOICE, .value = "nearest|vote|classifier", .fallback = "nearest",
      .offset = offsetof(struct run_options, method), .help = "how an embedding becomes a name" },
    ROW(classifier, "classifier", 0, FACET_OPT_STR, "NAME", "for --method classifier: knn, svm or mlp; the trained one unless given"),
    RANGED(confirm, "confirm", 0, FACET_OPT_INT, "N", 0, 1000, "answers that must agree before a track is named; 0: 2"),
    RANGED(margin, "margin", 0, FACET_OPT_NUM, "COSINE", 0, 1, "lead that the best person needs over the second; 0: 0.02"),
    RANGED(cooldown_s, "cooldown", 0, FACET_OPT_NUM, "SECONDS", 0, 86400, "the same person is not announced again sooner; 0: 10"),
    RANGED(ttl_s, "ttl", 0, FACET_OPT_NUM, "SECONDS", 0, 3600, "a track that is hidden longer ends; 0: 1"),
    ROW(every_face, "every-face", 0, FACET_OPT_FLAG, NULL, "embed each face of each frame, not only the best of a track"),
    RANGED(every, "every", 0, FACET_OPT_INT, "N", 0, 1000000, "look at each N-th frame only"),
    RANGED(max_frames, "max-frames", 0, FACET_OPT_INT, "N", 0, 1e15, "of each source; 0: all"),
    ROW(keep_going, "keep-going", 'k', FACET_OPT_FLAG, NULL, "skip and count sources that cannot be read"),
    RANGED(threads, "threads", 'j', FACET_OPT_INT, "N", 0, 1024, "0: as many as there are; 1: no thread at all"),
    RANGED(together, "together", 0, FACET_OPT_INT, "N", 0, FACET_FLOW_TOGETHER,
           "pictures that wait are looked at and their faces embedded so many at once; 1: one by one; 0: one, or as tuned"),
    RANGED(together_ms, "together-ms", 0, FACET_OPT_NUM, "MS", 0, 1000, "and wait so long for more that are on their way"),
    ROW(strategy, "strategy", 0, FACET_OPT_STR, "NAME", "where each step runs: edge, cloud or hybrid; the last two need a site's file"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    ROW(detect_backend, "detect-backend", 0, FACET_OPT_STR, "NAME", "of the detector alone; without it --backend's"),
    ROW(strict, "strict", 0, FACET_OPT_FLAG, NULL, "refuse where the back end leaves an operator to ref"),
    RANGED(idle_watts, "idle-watts", 0, FACET_OPT_NUM, "W", 0, 1e6, "what the machine draws at rest, for an estimate where it counts no energy"),
    RANGED(core_watts, "core-watts", 0, FACET_OPT_NUM, "W", 0, 1e6, "and what each busy core draws on top"),
    ROW(run, "run", 0, FACET_OPT_STR, "NAME", "name of this run in CSV and events"),
    { .name = "config", .letter = 'c', .kind = FACET_OPT_PATH, .value = "FILE", .cli_only = true,
      .offset = offsetof(struct run_options, config), .help = "a site's file (facet site example), or a YAML file with these same keys" },
    { .name = "serve", .kind = FACET_OPT_FLAG, .cli_only = true, .offset = offsetof(struct run_options, serve),
      .help = "with a site's file: let cameras be watched and figures be read by HTTP, as its part 'serve' says" },
    { .name = "check-config", .kind = FACET_OPT_FLAG, .cli_only = true,
      .offset = offsetof(struct run_options, check_config), .help = "say whether the options are right, run nothing" },
    { .name = "print-config", .kind = FACET_OPT_FLAG, .cli_only = true,
      .offset = offsetof(struct run_options, print_config), .help = "write the options as such a file, run nothing" },
    { .name = NULL },
};

struct run {
    const struct run_options *o;
    struct facet_cli *cli;
    struct facet_manifest *manifest;
    struct facet_gallery *gallery;
    struct facet_gallery_info gallery_info;
    struct facet_classifier *classifier;
    struct facet_pipeline *pipeline;
    struct facet_progress progress;
    int64_t frames;
};

static int find_model(const struct facet_model_spec **out, const struct run *r, const char *name, const char *task)
{
    *out = name ? facet_manifest_find(r->manifest, name) : facet_manifest_default(r->manifest, task);
    if (!*out)
        return FACET_E_NOT_FOUND;
    if (strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", name,
                          (*out)->task, task);
    return FACET_OK;
}

/* Without --gallery the default one is used where there is one; nobody need be known. */
static int open_gallery(struct run *r)
{
    struct facet_gallery_opts o = FACET_GALLERY_OPTS_INIT;
    if (r->o->no_gallery)
        return FACET_OK;
    o.path = r->o->gallery;
    o.read_only = true;
    int err = facet_gallery_open(&r->gallery, &o);
    if (err == FACET_E_NOT_FOUND && !r->o->gallery) {
        if (!r->cli->quiet)
            facet_complain("no gallery: everyone is unknown (facet enroll makes one)");
        return FACET_OK;
    }
    return err ? err : facet_gallery_info(r->gallery, &r->gallery_info);
}

static int check_contract(const struct run *r, const struct facet_model_spec *spec)
{
    char contract[65];
    if (!r->gallery || !*r->gallery_info.contract)
        return FACET_OK;
    int err = facet_model_contract(spec, contract);
    if (!err && strcmp(contract, r->gallery_info.contract))
        err = facet_fail(FACET_E_CONTRACT, "cannot use the gallery with '%s': its templates were made by '%s'",
                         spec->name, r->gallery_info.model);
    return err;
}

static int parse_thresholds(const char *text, float out[3])
{
    for (int i = 0; text && i < 3; i++) {
        char *end = NULL;
        out[i] = strtof(text, &end);
        if (end == text || out[i] <= 0 || out[i] >= 1 || (*end && *end != ','))
            return facet_fail(FACET_E_INVALID, "--detect-thresholds: '%s' is not numbers between 0 and 1", text);
        if (!*end)
            return FACET_OK;
        text = end + 1;
    }
    return text ? facet_fail(FACET_E_INVALID, "--detect-thresholds: more than three numbers") : FACET_OK;
}

static int set_identify(const struct run *r, const struct facet_model_spec *spec, struct facet_identify_opts *out)
{
    const struct run_options *o = r->o;
    *out = (struct facet_identify_opts){
        .gallery = r->gallery,
        .method = (enum facet_identify_method)o->method,
        .threshold = o->threshold,
        .calib_a = spec->calib_a,
        .calib_b = spec->calib_b,
        .confirm_frames = (int)o->confirm,
        .cooldown_ms = o->cooldown_s * 1000,
        .margin = (float)o->margin,
    };
    out->classifier = r->classifier;
    if (o->threshold == 0)
        return facet_model_threshold(spec, o->far, &out->threshold);
    return FACET_OK;
}

static int open_classifier(struct run *r)
{
    bool was_trained = false;
    if (r->o->method != FACET_IDENTIFY_CLASSIFIER)
        return FACET_OK;
    if (!r->gallery)
        return facet_fail(FACET_E_NOT_FOUND, "cannot use a classifier: there is no gallery to train it on");
    int err = facet_classifier_of_gallery(&r->classifier, r->gallery, r->o->classifier, &was_trained);
    if (!err && was_trained && !r->cli->quiet)
        facet_complain("trained the classifier %s on the gallery", facet_classifier_method(r->classifier));
    return err;
}

static void show_progress(void *ctx, const struct facet_packet *p)
{
    struct run *r = ctx;
    struct facet_ingest_total total;
    if (!p->frame)
        return;
    facet_pipeline_progress(r->pipeline, &total);
    facet_progress_step(&r->progress, ++r->frames, total.frames);
}

static int set_pipeline(struct run *r, struct facet_pipeline_opts *p, int argc, char **argv)
{
    const struct run_options *o = r->o;
    struct facet_tuning t;
    int err = facet_cli_tuning(r->cli, &t);
    *p = (struct facet_pipeline_opts){
        .strategy = o->strategy,
        .threads = (unsigned)o->threads,
        .power = { .idle_watts = o->idle_watts, .core_watts = o->core_watts },
        .detect_threads = o->threads ? 0 : (unsigned)t.detector_threads,
        .embed_threads = o->threads ? 0 : (unsigned)t.recogniser_threads,
        .together = o->together ? (unsigned)o->together : (unsigned)t.together,
        .together_ms = o->together_ms,
        .cancel = r->cli->cancel,
        .ingest = { .sources = (const char *const *)argv, .n_sources = argc, .max_frames = o->max_frames,
                    .every = (int)o->every, .keep_going = o->keep_going },
        .detect = { .min_face = (int)o->min_face, .max_face = (int)o->max_face, .scan_every = (int)o->scan_every,
                    .quick_pyramid = o->quick_pyramid, .factor = (float)o->factor,
                    .backend = o->detect_backend ? o->detect_backend : o->backend, .strict = o->strict },
        .track = { .ttl_ms = o->ttl_s * 1000 },
        .align = { .every_frame = o->every_face },
        .antispoof = { .backend = o->backend, .strict = o->strict },
        .embed = { .max_batch = t.batch, .backend = o->backend, .strict = o->strict },
        .publish = { .csv = o->csv, .events = o->events, .video = o->video, .run = o->run },
        .done = show_progress,
        .ctx = r,
    };
    if (!err)
        err = parse_thresholds(o->detect_thresholds, p->detect.threshold);
    if (!err)
        err = facet_manifest_open(&r->manifest, NULL);
    if (!err)
        err = open_gallery(r);
    if (!err)
        err = find_model(&p->detect.model, r, o->detector, "detect");
    if (!err && !o->scan_every)
        p->detect.scan_every = facet_tuning_scan_every(&t, p->detect.model->name);
    const char *name = o->recogniser ? o->recogniser : *r->gallery_info.model ? r->gallery_info.model : facet_tuning_recogniser(&t, r->manifest);
    if (!err)
        err = find_model(&p->embed.model, r, name, "embed");
    if (!err && o->antispoof)
        err = find_model(&p->antispoof.model, r, o->antispoof, "other");
    if (!err)
        err = check_contract(r, p->embed.model);
    if (!err)
        err = open_classifier(r);
    return err ? err : set_identify(r, p->embed.model, &p->identify);
}

static bool is_stdout(const char *path)
{
    return path && !strcmp(path, "-");
}

static int check_words(const struct run *r)
{
    const struct run_options *o = r->o;
    if (o->threshold != 0 && o->far != 0)
        return facet_usage(r->cli, "--threshold and --far say the same thing, give one");
    if (o->no_gallery && o->gallery)
        return facet_usage(r->cli, "--gallery and --no-gallery contradict each other, give one");
    if (is_stdout(o->csv) + is_stdout(o->events) + r->cli->json > 1)
        return facet_usage(r->cli, "only one of --csv -, --events - and --json can have standard output");
    float unused[3];
    if (parse_thresholds(o->detect_thresholds, unused))
        return facet_usage(r->cli, "%s", facet_error_text());
    const struct facet_strategy *s = o->strategy ? facet_strategy_find(o->strategy) : &facet_strategy_edge;
    if (!s)
        return facet_usage(r->cli, "%s", facet_error_text());
    if (s->needs_site && !(o->config && facet_site_is_site(o->config)))
        return facet_usage(r->cli, "--strategy %s needs a site's file: --config site.yaml (facet site example)", s->name);
    return FACET_EXIT_OK;
}

static int exit_code(const struct facet_pipeline_summary *s)
{
    if (s->is_cancelled)
        return FACET_EXIT_INTERRUPTED;
    return s->failed_sources ? FACET_EXIT_INPUT : FACET_EXIT_OK;
}

static int run_pipeline(struct run *r, int argc, char **argv)
{
    struct facet_pipeline_opts p;
    int err = set_pipeline(r, &p, argc, argv);
    if (!err)
        err = facet_pipeline_open(&r->pipeline, &p);
    if (err)
        return err;
    facet_progress_init(&r->progress, r->cli, "run", "frames");
    err = facet_pipeline_run(r->pipeline);
    facet_progress_fini(&r->progress);
    if (err)
        return err;
    const struct facet_pipeline_summary *s = facet_pipeline_summary(r->pipeline);
    bool is_taken = is_stdout(r->o->csv) || is_stdout(r->o->events);
    err = r->cli->json ? facet_run_summary_json(s, &p) : FACET_OK;
    if (!r->cli->json && !(is_taken && r->cli->quiet))
        facet_run_summary_text(is_taken ? stderr : stdout, s, &p);
    return err ? err : exit_code(s);
}

/* What stands in a site's file is not said twice: only these go with it. */
static const struct facet_opt *find_foreign(const struct run_options *o)
{
    static const char *const fit[] = { "csv", "events", "video", "summary", "strategy", "config", "serve", "check-config", NULL };
    struct run_options plain = { .gallery = NULL };
    for (const struct facet_opt *opt = options; opt->name; opt++) {
        char is[512], was[512];
        bool fits = false;
        for (const char *const *f = fit; *f; f++)
            fits |= !strcmp(*f, opt->name);
        if (opt->fallback)
            (void)facet_opt_set(opt, &plain, opt->fallback, opt->name);
        facet_opt_text(opt, o, is, sizeof(is));
        facet_opt_text(opt, &plain, was, sizeof(was));
        if (!fits && strcmp(is, was))
            return opt;
    }
    return NULL;
}

static int run_by_site(struct facet_cli *cli, const struct run_options *o, int argc)
{
    const struct facet_opt *foreign = find_foreign(o);
    if (argc)
        return facet_usage(cli, "with a site's file the cameras stand there: no SOURCE is taken");
    if (foreign)
        return facet_usage(cli, "with a site's file, what --%s says belongs into the file", foreign->name);
    struct facet_run_site s = { .path = o->config, .strategy = o->strategy, .csv = o->csv, .events = o->events, .video = o->video,
                                .summary = o->summary, .only_check = o->check_config, .serve = o->serve };
    return facet_run_by_site(cli, &s);
}

static int run_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct run r = { .o = opts, .cli = cli };
    int code = check_words(&r);
    if (code)
        return code;
    if (r.o->serve && !(r.o->config && facet_site_is_site(r.o->config)))
        return facet_usage(cli, "--serve needs a site's file: --config site.yaml (facet site example)");
    if (r.o->config && facet_site_is_site(r.o->config))
        return run_by_site(cli, opts, argc);
    if (r.o->print_config || r.o->check_config) {
        if (r.o->print_config)
            facet_config_print(stdout, cli->cmd, opts);
        else
            facet_say(cli, "the options are right\n");
        return FACET_EXIT_OK;
    }
    if (argc == 0)
        return facet_usage(cli, "words are missing: SOURCE...");
    if (r.o->summary)
        return facet_usage(cli, "--summary goes with a site's file: --config site.yaml");
    code = run_pipeline(&r, argc, argv);
    facet_pipeline_close(&r.pipeline);
    facet_classifier_close(&r.classifier);
    facet_gallery_close(&r.gallery);
    facet_manifest_close(&r.manifest);
    return code;
}

const struct facet_cmd facet_cmd_run = {
    .name = "run",
    .group = "Look",
    .summary = "find, follow and recognise faces in pictures, folders and videos",
    .usage = "[options] SOURCE... | --config SITE.yaml [--strategy NAME]",
    .details = "With a site's file (facet site example) this is a device: its cameras are looked at day and night, by the strategy in "
               "the file or --strategy, until Ctrl-C or SIGTERM; SIGHUP reads the file again. "
               "Otherwise: a source is a picture, a video, a folder of pictures, or - for a list of them on standard input. "
               "Ctrl-C ends the run and finishes the files; a second one ends at once.",
    .options = options,
    .options_size = sizeof(struct run_options),
    .max_args = -1,
    .examples = "  facet run clip.mp4 --video seen.mp4 --events events.jsonl\n"
                "  facet run --gallery staff.db --far 1e-4 --csv frames.csv photos/\n"
                "  facet run --config site.yaml --strategy hybrid\n"
                "  find . -name '*.jpg' | facet run --events - -\n",
    .env_prefix = "FACET_RUN_",
    .has_config = true,
    .is_own_config = facet_site_is_site,
    .run = run_run,
};
