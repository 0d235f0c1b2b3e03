/* facet eval verify: how well a recogniser tells faces apart, from the pictures. */
#include "base/errors.h"
#include "bench/eval_verify.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct eval_options {
    const char *pairs, *model, *detector, *folds, *backend;
    int64_t threads, min_face;
    bool far_table, strict;
};

#define ROW(...) FACET_OPT(struct eval_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct eval_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(pairs, "pairs", 'p', FACET_OPT_PATH, "FILE", "the list of pairs, as LFW's pairs.txt"),
    ROW(model, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart; see facet models list"),
    ROW(model, "model", 'm', FACET_OPT_STR, "MODEL", "the same"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(folds, "folds", 0, FACET_OPT_STR, "A-B", "only these folds of the file, from 1"),
    ROW(far_table, "far-table", 0, FACET_OPT_FLAG, NULL, "count all pairs of the pictures: thresholds by false-accept rate, as rows for the manifest"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: 40"),
    RANGED(threads, "threads", 'j', FACET_OPT_INT, "N", 0, 1024, "0: as many as there are"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    ROW(strict, "strict", 0, FACET_OPT_FLAG, NULL, "refuse where the back end leaves an operator to ref"),
    { .name = NULL },
};

static void show_progress(void *ctx, int64_t done, int64_t total)
{
    facet_progress_step(ctx, done, total);
}

static const struct facet_model_spec *find_model(const struct facet_manifest *m, const char *name, const char *task)
{
    return name ? facet_manifest_find(m, name) : facet_manifest_default(m, task);
}

/* "A-B" or "A". */
static int parse_folds(const char *text, int *first, int *last)
{
    char *end;
    *first = *last = 0;
    if (!text)
        return FACET_OK;
    long a = strtol(text, &end, 10), b = a;
    if (*end == '-' && end > text)
        b = strtol(end + 1, &end, 10);
    if (*end || a < 1 || b < a || b > FACET_PAIRS_FOLDS)
        return FACET_E_INVALID;
    *first = (int)a;
    *last = (int)b;
    return FACET_OK;
}

static void say_folds(const struct facet_cli *cli, const struct facet_folds *f)
{
    if (f->n == 1) {
        facet_say(cli, "accuracy          %.4f   (one fold, at the model's threshold %.3f)\n", f->accuracy, f->threshold);
        return;
    }
    facet_say(cli, "accuracy          %.4f +- %.4f   (mean and deviation of %d folds, each at the best threshold of the others; %.3f on average)\n",
              f->accuracy, f->deviation, f->n, f->threshold);
    for (int i = 0; i < f->n; i++)
        facet_say(cli, "  fold %-2d         %.4f   at %.4f\n", i + 1, f->fold_accuracy[i], f->fold_threshold[i]);
}

static void say_missing(const struct facet_cli *cli, const struct facet_verify_result *r)
{
    facet_say(cli, "faces not found   %zu of %zu pictures   (they count as wrong answers; %zu more were found at thresholds of 0.5 only)\n",
              r->missing, r->pictures, r->second_try);
    for (size_t i = 0; i < r->missing && i < FACET_VERIFY_NAMED; i++)
        facet_say(cli, "  %s\n", r->missing_names[i]);
}

static void say_table(const struct facet_cli *cli, const struct facet_verify_result *r)
{
    if (!r->different_pairs && !r->same_pairs)
        return;
    facet_say(cli, "\n# all pairs of the pictures: %lld of different, %lld of the same people; bounds of 95 %% (Wilson)\n",
              (long long)r->different_pairs, (long long)r->same_pairs);
    facet_say(cli, "thresholds:\n");
    for (int i = 0; i < r->n_rows; i++) {
        const struct facet_threshold *t = &r->rows[i];
        facet_say(cli, "  - {far: %.0e, far_low: %.3e, far_high: %.3e, cosine: %.5f, tar: %.5f, errors: %lld, pairs: %lld}\n", t->far, t->far_low,
                  t->far_high, t->cosine, t->tar, (long long)t->errors, (long long)t->pairs);
    }
    facet_say(cli, "calibration: {a: %.4f, b: %.4f}\n", r->calib_a, r->calib_b);
}

static void say(const struct facet_cli *cli, const struct facet_verify_result *r)
{
    facet_say(cli, "%zu pairs of %zu pictures in %.1f s (%.1f pictures a second)\n", r->pairs, r->pictures, r->seconds,
              (double)r->pictures / r->seconds);
    say_folds(cli, &r->folds);
    facet_say(cli, "area under curve  %.5f\n", r->auc);
    if (r->tar >= 0)
        facet_say(cli, "TAR at FAR 1e-2   %.4f   (at %.3f, %lld false accepts; rates below need more pairs)\n", r->tar, r->tar_cosine,
                  (long long)r->tar_errors);
    else
        facet_say(cli, "TAR at FAR 1e-2   not told: it would rest on fewer than %d false accepts\n", FACET_ROC_MIN_ERRORS);
    facet_say(cli, "calibration       %.4f cosine %+.4f\n", r->calib_a, r->calib_b);
    say_missing(cli, r);
    say_table(cli, r);
}

static void write_rows(struct facet_jsonw *w, const struct facet_verify_result *r)
{
    facet_jsonw_key(w, "thresholds");
    facet_jsonw_array(w);
    for (int i = 0; i < r->n_rows; i++) {
        const struct facet_threshold *t = &r->rows[i];
        facet_jsonw_object(w);
        facet_jsonw_knum(w, "far", t->far, 8);
        facet_jsonw_knum(w, "far_low", t->far_low, 10);
        facet_jsonw_knum(w, "far_high", t->far_high, 10);
        facet_jsonw_knum(w, "cosine", t->cosine, 5);
        facet_jsonw_knum(w, "tar", t->tar, 5);
        facet_jsonw_kint(w, "errors", t->errors);
        facet_jsonw_kint(w, "pairs", t->pairs);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void write_folds(struct facet_jsonw *w, const struct facet_folds *f)
{
    facet_jsonw_key(w, "folds");
    facet_jsonw_array(w);
    for (int i = 0; i < f->n; i++) {
        facet_jsonw_object(w);
        facet_jsonw_knum(w, "accuracy", f->fold_accuracy[i], 6);
        facet_jsonw_knum(w, "threshold", f->fold_threshold[i], 4);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static int answer(const struct facet_verify_opts *o, const struct facet_verify_result *r)
{
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "recogniser", o->recogniser->name);
    facet_jsonw_kstr(&a.w, "detector", o->detector->name);
    facet_jsonw_kint(&a.w, "pairs", (int64_t)r->pairs);
    facet_jsonw_kint(&a.w, "pictures", (int64_t)r->pictures);
    facet_jsonw_knum(&a.w, "accuracy", r->folds.accuracy, 6);
    facet_jsonw_knum(&a.w, "deviation", r->folds.deviation, 6);
    facet_jsonw_knum(&a.w, "threshold", r->folds.threshold, 4);
    write_folds(&a.w, &r->folds);
    facet_jsonw_knum(&a.w, "auc", r->auc, 6);
    facet_jsonw_key(&a.w, "tar_at_far_1e-2");
    if (r->tar >= 0)
        facet_jsonw_num(&a.w, r->tar, 6);
    else
        facet_jsonw_null(&a.w);
    facet_jsonw_kint(&a.w, "faces_not_found", (int64_t)r->missing);
    facet_jsonw_kint(&a.w, "second_try", (int64_t)r->second_try);
    facet_jsonw_knum(&a.w, "calibration_a", r->calib_a, 5);
    facet_jsonw_knum(&a.w, "calibration_b", r->calib_b, 5);
    if (o->far_table)
        write_rows(&a.w, r);
    facet_jsonw_knum(&a.w, "seconds", r->seconds, 2);
    return facet_answer_end(&a);
}

static int fill_models(struct facet_verify_opts *o, const struct facet_manifest *m, const struct eval_options *e)
{
    o->detector = find_model(m, e->detector, "detect");
    o->recogniser = o->detector ? find_model(m, e->model, "embed") : NULL;
    return o->recogniser ? FACET_OK : FACET_E_NOT_FOUND;
}

static int verify_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct eval_options *e = opts;
    struct facet_progress progress;
    struct facet_verify_opts o = {
        .pairs = e->pairs, .dir = argv[0], .far_table = e->far_table, .min_face = (int)e->min_face,
        .threads = (unsigned)e->threads, .backend = e->backend, .strict = e->strict, .cancel = cli->cancel,
        .progress = show_progress, .ctx = &progress,
    };
    if (!e->pairs)
        return facet_usage(cli, "--pairs FILE is needed");
    if (parse_folds(e->folds, &o.first_fold, &o.last_fold))
        return facet_usage(cli, "--folds '%s' is not A-B", e->folds);
    struct facet_manifest *manifest = NULL;
    struct facet_verify_result *r = calloc(1, sizeof(*r));
    int err = r ? facet_manifest_open(&manifest, NULL) : facet_fail_nomem();
    if (!err)
        err = fill_models(&o, manifest, e);
    if (!err) {
        facet_progress_init(&progress, cli, "eval verify", "pictures");
        err = facet_eval_verify(r, &o);
        facet_progress_fini(&progress);
    }
    if (!err) {
        say(cli, r);
        err = cli->json ? answer(&o, r) : FACET_EXIT_OK;
    }
    facet_manifest_close(&manifest);
    free(r);
    return err;
}

static const struct facet_sub subs[] = {
    {"verify", "--pairs FILE DIR", "accuracy over a list of pairs, from the pictures in DIR", 1, 1, verify_run},
    {.name = NULL},
};

const struct facet_cmd facet_cmd_eval = {
    .name = "eval",
    .group = "Measure",
    .summary = "how well a model does on pictures with known answers",
    .usage = "verify --pairs FILE [options] DIR",
    .details = "Runs the protocol of Labeled Faces in the Wild through the whole path: decode, detect, align, embed, compare. Each "
               "fold is judged at the threshold that is best on the others. A face that is not found makes its pairs wrong. The "
               "face taken is the largest near the middle; where none is found the thresholds fall to 0.5 once.\n"
               "No false-accept rate is told from fewer than 10 false accepts.",
    .options = options,
    .options_size = sizeof(struct eval_options),
    .subs = subs,
    .examples = "facet eval verify --pairs pairs.txt lfw/images\n"
                "facet eval verify --pairs pairs.txt --folds 1-5 --far-table -r mobilefacenet-photo-analyze lfw/images",
};
