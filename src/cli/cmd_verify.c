/* facet verify: do two pictures show the same person? */
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/people.h"
#include "models/models.h"
#include "stages/identify/similarity.h"

#include <stdio.h>
#include <string.h>

struct verify_options {
    const char *gallery, *detector, *recogniser, *backend;
    int64_t min_face;
    double threshold, far;
    bool head;
};

#define ROW(...) FACET_OPT(struct verify_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct verify_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    RANGED(threshold, "threshold", 't', FACET_OPT_NUM, "COSINE", -1, 1, "same person at or above; 0: the model's own"),
    RANGED(far, "far", 0, FACET_OPT_NUM, "RATE", 0, 1, "threshold by wanted false-accept rate, from the model's measured table"),
    ROW(head, "head", 0, FACET_OPT_FLAG, NULL, "decide by the similarity head of the gallery (facet gallery train --method head)"),
    ROW(gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "whose head --head takes; without it the default gallery"),
    RANGED(min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 0, 10000, "smallest face looked for; 0: the detector's own"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    { .name = NULL },
};

struct verdict { double cosine, threshold, score; bool is_same, by_head; };

/* The largest face of a picture. */
static int embed_file(const struct facet_known *k, const char *path, float *out)
{
    struct facet_image img = { .data = NULL };
    struct facet_recognised *f;
    int err = facet_known_picture(&img, path, NULL);
    int n = err ? err : facet_recogniser_find(k->recogniser, &img, FACET_PAD, &f, NULL);
    if (n == 0)
        n = facet_fail(FACET_E_NO_FACE, "cannot compare '%s': there is no face in it", path);
    if (n > 0)
        err = facet_recogniser_embed(k->recogniser, 1);
    if (n > 0 && !err)
        memcpy(out, f[0].embedding, (size_t)facet_recogniser_dim(k->recogniser) * sizeof(float));
    facet_image_fini(&img);
    return n < 0 ? n : err;
}

static int decide(const struct facet_known *k, const struct verify_options *o, const float *a, const float *b, struct verdict *v)
{
    struct facet_head *head = NULL;
    *v = (struct verdict){ .by_head = o->head };
    for (int i = 0; i < facet_recogniser_dim(k->recogniser); i++)
        v->cosine += (double)a[i] * (double)b[i];
    int err = facet_known_threshold(k, o->threshold, o->far, &v->threshold);
    if (err)
        return err;
    v->is_same = v->cosine >= v->threshold;
    v->score = facet_model_score(facet_recogniser_model(k->recogniser), v->cosine);
    if (!o->head)
        return FACET_OK;
    err = facet_head_of_gallery(&head, k->gallery, NULL);
    if (err)
        return err;
    v->score = (double)facet_head_score(head, a, b);
    v->is_same = v->score >= 0.5;
    facet_head_close(&head);
    return FACET_OK;
}

static int tell(struct facet_cli *cli, const struct verdict *v)
{
    int code = v->is_same ? FACET_EXIT_OK : FACET_EXIT_NO;
    if (v->by_head)
        facet_say(cli, "%s: head %.3f (threshold 0.5), cosine %.3f\n", v->is_same ? "same" : "different", v->score, v->cosine);
    else
        facet_say(cli, "%s: cosine %.3f (threshold %.3f), score %.3f\n", v->is_same ? "same" : "different", v->cosine,
                  v->threshold, v->score);
    if (!cli->json)
        return code;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kbool(&a.w, "same", v->is_same);
    facet_jsonw_knum(&a.w, "cosine", v->cosine, 4);
    facet_jsonw_knum(&a.w, "threshold", v->by_head ? 0.5 : v->threshold, 4);
    facet_jsonw_knum(&a.w, "score", v->score, 4);
    facet_jsonw_kstr(&a.w, "by", v->by_head ? "head" : "cosine");
    int err = facet_answer_end(&a);
    return err ? err : code;
}

static int verify_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct verify_options *o = opts;
    struct facet_known k;
    struct verdict v;
    float a[FACET_MAX_EMBEDDING], b[FACET_MAX_EMBEDDING];
    if (o->threshold != 0 && o->far != 0)
        return facet_usage(cli, "--threshold and --far say the same thing, give one");
    if (o->head && (o->threshold != 0 || o->far != 0))
        return facet_usage(cli, "--head has its own threshold, leave --threshold and --far");
    struct facet_known_opts ko = { o->gallery, o->detector, o->recogniser, o->min_face, .cli = cli, .backend = o->backend, .read_only = true,
                                   .without_gallery = !o->head };
    int code = facet_known_open(&k, &ko);
    if (!code)
        code = embed_file(&k, argv[0], a);
    if (!code)
        code = embed_file(&k, argv[1], b);
    if (!code)
        code = decide(&k, o, a, b, &v);
    if (!code)
        code = tell(cli, &v);
    facet_known_close(&k);
    return code;
}

const struct facet_cmd facet_cmd_verify = {
    .name = "verify",
    .group = "Look",
    .summary = "say whether two pictures show the same person",
    .usage = "[options] PICTURE PICTURE",
    .details = "Compares the largest face of each. The exit code is 0 for the same person, 1 for different ones.",
    .options = options,
    .options_size = sizeof(struct verify_options),
    .min_args = 2,
    .max_args = 2,
    .examples = "  facet verify passport.jpg door.jpg\n",
    .env_prefix = "FACET_VERIFY_",
    .run = verify_run,
};
