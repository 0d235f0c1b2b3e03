/* facet identify: who is in these pictures? */
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/people.h"
#include "models/models.h"
#include "stages/identify/classifier.h"
#include "stages/identify/identify.h"

#include <stdio.h>
#include <string.h>

struct identify_options {
    const char *gallery, *detector, *recogniser, *backend;
    int method;
    int64_t min_face;
    double threshold, far, margin;
};

#define ROW(...) FACET_OPT(struct identify_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct identify_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "who is known; without it the default gallery"),
    { .name = "method", .letter = 'm', .kind = FACET_OPT_CHOICE, .value = "nearest|vote|classifier", .fallback = "nearest",
      .offset = offsetof(struct identify_options, method), .help = "how an embedding becomes a name" },
    RANGED(threshold, "threshold", 't', FACET_OPT_NUM, "COSINE", -1, 1, "same person at or above; 0: the model's own"),
    RANGED(far, "far", 0, FACET_OPT_NUM, "RATE", 0, 1, "threshold by wanted false-accept rate, from the model's measured table"),
    RANGED(margin, "margin", 0, FACET_OPT_NUM, "COSINE", -1, 1, "lead that the best person needs over the second; 0: 0.02"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: the detector's own"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart; the gallery's unless given"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    { .name = NULL },
};

struct job {
    struct facet_cli *cli;
    struct facet_known known;
    struct facet_classifier *classifier;
    struct facet_identify_opts how;
    struct facet_answer answer;
    int faces, named, failed;
};

static int set_method(struct job *j, const struct identify_options *o)
{
    const struct facet_model_spec *spec = facet_recogniser_model(j->known.recogniser);
    j->how = (struct facet_identify_opts){
        .gallery = j->known.gallery,
        .method = (enum facet_identify_method)o->method,
        .calib_a = spec->calib_a,
        .calib_b = spec->calib_b,
        .margin = (float)o->margin,
    };
    int err = facet_known_threshold(&j->known, o->threshold, o->far, &j->how.threshold);
    if (!err && j->how.method == FACET_IDENTIFY_CLASSIFIER)
        err = facet_classifier_of_gallery(&j->classifier, j->known.gallery, NULL, NULL);
    j->how.classifier = j->classifier;
    return err;
}

static void tell_face(struct job *j, const char *path, const struct facet_recognised *f, const struct facet_identity *id)
{
    bool is_known = id->decision == FACET_KNOWN;
    j->faces++;
    j->named += is_known;
    facet_say(j->cli, "%s: %dx%d+%d+%d  %s  cosine %.3f  score %.3f\n", path, (int)facet_box_width(f->box),
              (int)facet_box_height(f->box), (int)f->box.x1, (int)f->box.y1, is_known ? id->name : "unknown",
              (double)id->cosine, (double)id->score);
    struct facet_jsonw *w = &j->answer.w;
    facet_jsonw_object(w);
    facet_say_box(w, f->box);
    facet_jsonw_kstr(w, "name", is_known ? id->name : NULL);
    facet_jsonw_kbool(w, "known", is_known);
    facet_jsonw_knum(w, "cosine", (double)id->cosine, 4);
    facet_jsonw_knum(w, "score", (double)id->score, 4);
    facet_jsonw_knum(w, "quality", (double)f->quality.score, 4);
    facet_jsonw_knum(w, "detector_score", (double)f->score, 4);
    facet_jsonw_end_object(w);
}

static int identify_faces(void *ctx, const char *path, const struct facet_image *img)
{
    struct job *j = ctx;
    struct facet_recognised *f;
    struct facet_identity id;
    int n = facet_recogniser_faces(j->known.recogniser, img, FACET_PAD, &f, NULL);
    if (n == 0)
        facet_say(j->cli, "%s: no face\n", path);
    for (int i = 0; i < n; i++) {
        int err = facet_identify_one(&j->how, f[i].embedding, &id);
        if (err)
            return err;
        tell_face(j, path, &f[i], &id);
    }
    return n < 0 ? n : FACET_OK;
}

static int identify_all(struct job *j, int argc, char **argv)
{
    const struct facet_look look = { .faces = identify_faces, .ctx = j, .failed = &j->failed };
    int err = facet_known_look(j->cli, &j->answer.w, &look, argc, argv);
    facet_jsonw_knum(&j->answer.w, "threshold", j->how.threshold, 4);
    return err;
}

static int identify_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct identify_options *o = opts;
    struct job j = { .cli = cli };
    if (o->threshold != 0 && o->far != 0)
        return facet_usage(cli, "--threshold and --far say the same thing, give one");
    struct facet_known_opts k = { o->gallery, o->detector, o->recogniser, o->min_face, .cli = cli, .backend = o->backend, .read_only = true };
    int code = facet_known_open(&j.known, &k);
    if (!code)
        code = set_method(&j, o);
    facet_answer_begin(&j.answer);
    if (!code)
        code = identify_all(&j, argc, argv);
    if (!code && cli->json)
        code = facet_answer_end(&j.answer);
    facet_str_fini(&j.answer.text);
    facet_classifier_close(&j.classifier);
    facet_known_close(&j.known);
    return code ? code : j.failed ? FACET_EXIT_INPUT : j.named ? FACET_EXIT_OK : FACET_EXIT_NO;
}

const struct facet_cmd facet_cmd_identify = {
    .name = "identify",
    .group = "Look",
    .summary = "say who is in pictures",
    .usage = "[options] PICTURE...",
    .details = "Prints each face's box, name or unknown, cosine to the nearest template and calibrated score. "
               "The exit code is 1 when nobody is known.",
    .options = options,
    .options_size = sizeof(struct identify_options),
    .min_args = 1,
    .max_args = -1,
    .examples = "  facet identify group.jpg\n"
                "  facet identify --gallery staff.db --far 1e-4 --json door.jpg\n",
    .env_prefix = "FACET_IDENTIFY_",
    .run = identify_run,
};
