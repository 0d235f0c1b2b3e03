/* facet gallery: the file as a whole: what is in it, is it whole, train on it. */
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/people.h"
#include "stages/identify/classifier.h"
#include "stages/identify/similarity.h"

#include <stdio.h>
#include <string.h>

struct gallery_options { const char *gallery; int method; int64_t folds; };

static const struct facet_opt options[] = {
    FACET_OPT(struct gallery_options, gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "the gallery; without it the default one"),
    { .name = "method", .letter = 'm', .kind = FACET_OPT_CHOICE, .value = "svm|knn|mlp|head", .fallback = "svm",
      .offset = offsetof(struct gallery_options, method),
      .help = "what train makes: a classifier, or the similarity head of facet verify --head" },
    { .name = "folds", .kind = FACET_OPT_INT, .value = "N", .min = 2, .max = 100, .fallback = "5",
      .offset = offsetof(struct gallery_options, folds), .help = "rounds in which train holds templates out to judge by" },
    { .name = NULL },
};
static const char *const methods[] = { "svm", "knn", "mlp", "head" };

static const char stale[] = " (older than the people: trained again when it is used)";

/* Writes the facts as text and JSON. */
static int tell_info(struct facet_cli *cli, struct facet_gallery *g)
{
    struct facet_gallery_info info;
    char method[16] = "";
    bool is_stale = false;
    int err = facet_gallery_info(g, &info);
    if (err)
        return err;
    int trained = facet_classifier_state(g, method, &is_stale);
    bool is_head_stale = false;
    int head = facet_head_state(g, &is_head_stale);
    facet_say(cli, "gallery     %s\nrecogniser  %s (%d numbers, contract %.12s)\npeople      %lld\ntemplates   %lld\n"
                   "size        %lld bytes, schema %d\nclassifier  %s%s\nhead        %s%s\n",
              facet_gallery_path(g), info.model, info.dim, info.contract, (long long)info.people,
              (long long)info.templates, (long long)info.file_bytes, info.schema, trained ? "none" : method,
              !trained && is_stale ? stale : "", head ? "none" : "trained", !head && is_head_stale ? stale : "");
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "gallery", facet_gallery_path(g));
    facet_jsonw_kstr(&a.w, "recogniser", info.model);
    facet_jsonw_kstr(&a.w, "contract", info.contract);
    facet_jsonw_kint(&a.w, "dim", info.dim);
    facet_jsonw_kint(&a.w, "people", info.people);
    facet_jsonw_kint(&a.w, "templates", info.templates);
    facet_jsonw_kint(&a.w, "bytes", info.file_bytes);
    facet_jsonw_kint(&a.w, "schema", info.schema);
    facet_jsonw_kstr(&a.w, "classifier", trained ? NULL : method);
    facet_jsonw_kbool(&a.w, "classifier_is_stale", !trained && is_stale);
    facet_jsonw_kbool(&a.w, "head", !head);
    facet_jsonw_kbool(&a.w, "head_is_stale", !head && is_head_stale);
    return facet_answer_end(&a);
}

static int gallery_info(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct gallery_options *o = opts;
    struct facet_gallery *g;
    int err = facet_known_gallery(&g, o->gallery, true);
    if (!err)
        err = tell_info(cli, g);
    facet_gallery_close(&g);
    return err;
}

static int gallery_check(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct gallery_options *o = opts;
    struct facet_gallery *g;
    int err = facet_known_gallery(&g, o->gallery, false);
    if (err == FACET_E_PERMISSION)
        err = facet_known_gallery(&g, o->gallery, true);
    if (!err)
        err = facet_gallery_check(g);
    if (!err)
        facet_say(cli, "%s is whole\n", facet_gallery_path(g));
    facet_gallery_close(&g);
    if (err || !cli->json)
        return err;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kbool(&a.w, "is_whole", true);
    return facet_answer_end(&a);
}

/* --- training --- */

struct training {
    const char *method;
    struct facet_examples examples;
    int64_t held, right;
    double accuracy, distance;     /* distance: of the head alone */
    bool is_judged;
    char why_not[256];
};

/* Too few people or templates to hold any out is no reason not to train. */
static int judge(struct training *t, bool is_head, int folds)
{
    struct facet_judgement c = { .folds = 0 };
    struct facet_head_judgement h = { .folds = 0 };
    int half = t->examples.n_people / 2;
    int err = is_head ? facet_head_judge(&h, &t->examples, folds < half ? folds : half, FACET_CLASSIFIER_SEED)
                      : facet_classifier_judge(&c, t->method, &t->examples, folds, FACET_CLASSIFIER_SEED);
    t->is_judged = !err;
    t->held = is_head ? h.pairs : c.held;
    t->right = is_head ? h.right : c.right;
    t->accuracy = is_head ? h.accuracy : c.accuracy;
    t->distance = h.distance_accuracy;
    if (err == FACET_E_INVALID)
        snprintf(t->why_not, sizeof(t->why_not), "%s", facet_error_text());
    return err == FACET_E_INVALID ? FACET_OK : err;
}

static int make(struct facet_gallery *g, const struct training *t, bool is_head)
{
    struct facet_classifier *c = NULL;
    struct facet_head *h = NULL;
    int err = is_head ? facet_head_train_gallery(&h, g) : facet_classifier_train_gallery(&c, g, t->method);
    facet_classifier_close(&c);
    facet_head_close(&h);
    return err;
}

static int tell_training(struct facet_cli *cli, const struct training *t, bool is_head)
{
    facet_say(cli, "trained %s on %zu templates of %d people\n", t->method, t->examples.n, t->examples.n_people);
    if (!t->is_judged)
        facet_say(cli, "not judged: %s\n", t->why_not);
    else if (is_head)
        facet_say(cli, "held out: %lld of %lld pairs right (%.2f %%); cosine alone %.2f %%\n", (long long)t->right,
                  (long long)t->held, 100 * t->accuracy, 100 * t->distance);
    else
        facet_say(cli, "held out: %lld of %lld templates right (%.2f %%)\n", (long long)t->right, (long long)t->held,
                  100 * t->accuracy);
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "method", t->method);
    facet_jsonw_kint(&a.w, "people", t->examples.n_people);
    facet_jsonw_kint(&a.w, "templates", (int64_t)t->examples.n);
    if (t->is_judged) {
        facet_jsonw_kint(&a.w, "held_out", t->held);
        facet_jsonw_kint(&a.w, "right", t->right);
        facet_jsonw_knum(&a.w, "accuracy", t->accuracy, 6);
        if (is_head)
            facet_jsonw_knum(&a.w, "distance_accuracy", t->distance, 6);
    }
    return facet_answer_end(&a);
}

static int gallery_train(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct gallery_options *o = opts;
    struct training t = { .method = methods[o->method] };
    bool is_head = !strcmp(t.method, "head");
    struct facet_gallery *g;
    int err = facet_known_gallery(&g, o->gallery, false);
    if (!err)
        err = facet_examples_of_gallery(&t.examples, g);
    if (!err)
        err = make(g, &t, is_head);
    if (!err)
        err = judge(&t, is_head, (int)o->folds);
    if (!err)
        err = tell_training(cli, &t, is_head);
    facet_examples_fini(&t.examples);
    facet_gallery_close(&g);
    return err;
}

static const struct facet_sub subs[] = {
    { "info", "", "whose embeddings, how many, what was trained", 0, 0, gallery_info },
    { "check", "", "doubt every page, row and checksum", 0, 0, gallery_check },
    { "train", "", "train a classifier on the people, judge it on templates held out", 0, 0, gallery_train },
    { NULL },
};

const struct facet_cmd facet_cmd_gallery = {
    .name = "gallery",
    .group = "People",
    .summary = "a gallery as a whole: info, check, train",
    .usage = "info|check|train",
    .details = "A classifier is used by --method classifier of identify and run. It is kept in the gallery, and trained "
               "again by itself when people have changed since.",
    .options = options,
    .options_size = sizeof(struct gallery_options),
    .max_args = -1,
    .subs = subs,
    .examples = "  facet gallery info\n"
                "  facet gallery train --method mlp\n",
};
