/* facet models optimise: smaller and faster, and what that costs. */
#include "cli/models_optimise.h"

#include "base/errors.h"
#include "base/file.h"
#include "bench/agree.h"
#include "bench/eval_verify.h"
#include "bench/optimise.h"
#include "cli/out.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Accuracy or agreement, measured after the new model is there. */
struct judged {
    bool has_pairs, has_faces;
    struct facet_verify_result *before, *after;
    struct facet_agree faces;
};

struct state {
    struct facet_cli *cli;
    const struct facet_models_optimise_options *o;
    struct facet_progress progress;
    char doing[64];
    struct facet_manifest *manifest;
    const struct facet_model_spec *model;
    struct facet_optimise_result r;
    struct judged judged;
};

static void show(void *ctx, const char *what, int64_t done, int64_t total)
{
    struct state *s = ctx;
    if (strcmp(s->doing, what)) {
        if (*s->doing)
            facet_progress_fini(&s->progress);
        snprintf(s->doing, sizeof(s->doing), "%s", what);
        facet_progress_init(&s->progress, s->cli, what, "");
    }
    facet_progress_step(&s->progress, done, total);
}

static void show_pairs(void *ctx, int64_t done, int64_t total)
{
    show(ctx, "accuracy", done, total);
}

static void end_progress(struct state *s)
{
    if (*s->doing)
        facet_progress_fini(&s->progress);
    *s->doing = '\0';
}

/* ---- making ---- */

static const enum facet_quant_method methods[] = {FACET_QUANT_MSE, FACET_QUANT_MINMAX, FACET_QUANT_PERCENTILE, FACET_QUANT_ENTROPY};

static int fill_options(struct state *s, struct facet_optimise_opts *to, bool force, const char *what)
{
    const struct facet_models_optimise_options *o = s->o;
    bool is_file = !strcmp(facet_path_ext(what), "onnx");
    const char *name = is_file ? o->like : what;
    *to = (struct facet_optimise_opts){
        .manifest = s->manifest, .file = is_file ? what : NULL, .output = o->output, .name = o->name, .force = force,
        .to = o->int8 ? FACET_OPTIMISE_INT8 : o->bf16 ? FACET_OPTIMISE_BF16 : o->fp16 ? FACET_OPTIMISE_FP16 : FACET_OPTIMISE_F32,
        .cluster = (int)o->cluster, .prune = o->prune, .calibrate = o->calibrate, .pictures = (size_t)o->pictures,
        .method = methods[o->method], .percentile = o->percentile, .aim = o->aim, .most_kept = (int)o->kept,
        .no_list = o->no_list, .threads = (unsigned)o->threads, .backend = o->backend, .cancel = s->cli->cancel,
        .progress = show, .ctx = s};
    s->model = name ? facet_manifest_find(s->manifest, name) : NULL;
    if (name && !s->model)
        return FACET_E_NOT_FOUND;
    if (s->model && *s->model->made_from && !is_file)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot optimise '%s': it was made from '%s' already; name that", s->model->name,
                          s->model->made_from);
    to->model = s->model;
    return FACET_OK;
}

/* ---- judging ---- */

static int parse_folds(const char *text, int *first, int *last)
{
    char end = 0;
    *first = *last = 0;
    if (!text)
        return FACET_OK;
    int n = sscanf(text, "%d-%d%c", first, last, &end);
    if (n == 1)
        *last = *first;
    return (n == 1 || n == 2) && *first >= 1 && *last >= *first ? FACET_OK
               : facet_fail(FACET_E_INVALID, "--folds '%s' is not A-B", text);
}

static int judge_pairs(struct state *s, const struct facet_model_spec *after)
{
    struct facet_verify_opts v = {.pairs = s->o->pairs, .dir = s->o->images, .threads = (unsigned)s->o->threads,
                                  .backend = s->o->backend, .cancel = s->cli->cancel, .progress = show_pairs, .ctx = s};
    int err = parse_folds(s->o->folds, &v.first_fold, &v.last_fold);
    v.detector = facet_manifest_default(s->manifest, "detect");
    s->judged.before = calloc(2, sizeof(*s->judged.before));
    if (err || !v.detector || !s->judged.before)
        return err ? err : v.detector ? facet_fail_nomem() : FACET_E_NOT_FOUND;
    s->judged.after = s->judged.before + 1;
    for (int i = 0; !err && i < 2; i++) {
        v.recogniser = i ? after : s->model;
        err = facet_eval_verify(i ? s->judged.after : s->judged.before, &v);
    }
    s->judged.has_pairs = !err;
    return err;
}

static int judge_faces(struct state *s, const struct facet_model_spec *after)
{
    const char *dir = s->o->images ? s->o->images : s->o->calibrate;
    struct facet_agree_opts a = {.dir = dir, .a = s->model, .b = after, .most = (size_t)s->o->pictures, .backend = s->o->backend,
                                 .cancel = s->cli->cancel, .progress = show, .ctx = s};
    if (!dir)
        return FACET_OK;
    int err = facet_agree_measure(&s->judged.faces, &a);
    s->judged.has_faces = !err;
    return err;
}

/* With the manifest as it is now: the new model is in it. */
static int judge(struct state *s)
{
    struct facet_manifest *m = NULL;
    bool is_detector = s->model && !strcmp(s->model->task, "detect");
    if (!*s->r.name || (!is_detector && (!s->o->pairs || !s->o->images)))
        return FACET_OK;
    int err = facet_manifest_open(&m, NULL);
    const struct facet_model_spec *after = err ? NULL : facet_manifest_find(m, s->r.name);
    if (!err && !after)
        err = FACET_E_NOT_FOUND;
    if (!err)
        err = is_detector ? judge_faces(s, after) : judge_pairs(s, after);
    facet_manifest_close(&m);
    return err;
}

/* ---- telling ---- */

static void say_layers(const struct state *s, const struct facet_optimise_part *p)
{
    facet_say(s->cli, "  layers     %zu in 8 bits, %zu kept in float\n", p->n_layers - p->kept, p->kept);
    if (!s->cli->verbose)
        return;
    facet_say(s->cli, "    %-40s %-6s %9s %10s\n", "LAYER, ALONE IN 8 BITS", "", "MMAC", "LOSS");
    for (size_t i = 0; i < p->n_layers; i++) {
        const struct facet_optimise_layer *l = &p->layers[i];
        facet_say(s->cli, "    %-40s %-6s %9.3f %10.6f%s\n", l->name, l->op, (double)l->macs / 1e6, l->loss, l->is_kept ? "  kept" : "");
    }
}

static void say_loss(const struct state *s, const struct facet_optimise_part *p)
{
    if (!p->is_compared)
        facet_say(s->cli, "  cosine     not measured: --calibrate DIR gives pictures to compare on\n");
    else if (s->r.loss == FACET_QUANT_LOSS_COSINE)
        facet_say(s->cli, "  cosine     mean %.5f, worst %.5f   (to fp32, %zu held-out inputs)%s\n", 1 - p->loss.mean, 1 - p->loss.worst,
                  p->held, p->loss.mean > s->r.aim && p->n_layers ? "   the aim was not met" : "");
    else
        facet_say(s->cli, "  error      mean %.4f, worst %.4f of the answers' length   (to fp32, %zu held-out inputs)\n", p->loss.mean,
                  p->loss.worst, p->held);
}

static void say_part(const struct state *s, const struct facet_optimise_part *p)
{
    if (s->r.n_parts > 1)
        facet_say(s->cli, " %s\n", p->name);
    facet_say(s->cli, "  size       %.2f -> %.2f MB (%.2fx); compressed %.2f -> %.2f MB (%.2fx)\n", (double)p->bytes[0] / 1e6,
              (double)p->bytes[1] / 1e6, (double)p->bytes[0] / (double)p->bytes[1], (double)p->packed[0] / 1e6,
              (double)p->packed[1] / 1e6, (double)p->packed[0] / (double)p->packed[1]);
    if (p->weights)
        facet_say(s->cli, "  pruned     %.1f %% of %.2f M weights are zero\n", 100.0 * (double)p->zeros / (double)p->weights,
                  (double)p->weights / 1e6);
    if (p->ratio.n)
        facet_say(s->cli, "  speed      %.3f -> %.3f ms (%.2fx, %.2f to %.2f)\n", p->ms[0].median, p->ms[1].median, p->ratio.median,
                  p->ratio.low, p->ratio.high);
    say_loss(s, p);
    if (p->n_layers)
        say_layers(s, p);
}

static void say_judged(const struct state *s)
{
    const struct judged *j = &s->judged;
    bool is_embed = s->model && !strcmp(s->model->task, "embed");
    if (j->has_pairs)
        facet_say(s->cli, "  accuracy   %.4f -> %.4f   (%zu pairs; best threshold %.3f -> %.3f)\n", j->before->folds.accuracy,
                  j->after->folds.accuracy, j->after->pairs, j->before->folds.threshold, j->after->folds.threshold);
    else if (is_embed)
        facet_say(s->cli, "  accuracy   not measured: give --pairs FILE and --images DIR, as facet eval verify has them\n");
    if (j->has_faces)
        facet_say(s->cli, "  faces      %zu of %zu the same at IoU 0.9 (%.2f %%; %zu at 0.5), %zu found now, in %zu pictures\n", j->faces.same,
                  j->faces.faces_a, 100 * j->faces.share, j->faces.roughly, j->faces.faces_b, j->faces.pictures);
}

static void write_part(struct facet_jsonw *w, const struct state *s, const struct facet_optimise_part *p)
{
    static const char *const sides[] = {"before", "after"};
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "part", p->name);
    for (int i = 0; i < 2; i++) {
        facet_jsonw_key(w, sides[i]);
        facet_jsonw_object(w);
        facet_jsonw_kint(w, "bytes", p->bytes[i]);
        facet_jsonw_kint(w, "compressed_bytes", p->packed[i]);
        facet_jsonw_knum(w, "ms", p->ms[i].n ? p->ms[i].median : 0.0 / 0.0, 4);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_knum(w, "speedup", p->ratio.n ? p->ratio.median : 0.0 / 0.0, 3);
    facet_jsonw_kint(w, "held_out", (int64_t)p->held);
    facet_jsonw_kstr(w, "loss_of", s->r.loss == FACET_QUANT_LOSS_COSINE ? "cosine" : "error");
    facet_jsonw_knum(w, "loss_mean", p->is_compared ? p->loss.mean : 0.0 / 0.0, 7);
    facet_jsonw_knum(w, "loss_worst", p->is_compared ? p->loss.worst : 0.0 / 0.0, 7);
    facet_jsonw_kint(w, "zeros", p->zeros);
    facet_jsonw_key(w, "layers");
    facet_jsonw_array(w);
    for (size_t i = 0; i < p->n_layers; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", p->layers[i].name);
        facet_jsonw_knum(w, "loss", p->layers[i].loss, 7);
        facet_jsonw_kbool(w, "kept", p->layers[i].is_kept);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static int answer(const struct state *s)
{
    struct facet_answer a;
    const struct judged *j = &s->judged;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "model", *s->r.name ? s->r.name : NULL);
    facet_jsonw_kstr(&a.w, "file", s->o->output);
    facet_jsonw_kint(&a.w, "pictures", (int64_t)s->r.pictures);
    facet_jsonw_knum(&a.w, "aim", s->r.aim, 6);
    facet_jsonw_key(&a.w, "parts");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < s->r.n_parts; i++)
        write_part(&a.w, s, &s->r.parts[i]);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_knum(&a.w, "accuracy_before", j->has_pairs ? j->before->folds.accuracy : 0.0 / 0.0, 6);
    facet_jsonw_knum(&a.w, "accuracy_after", j->has_pairs ? j->after->folds.accuracy : 0.0 / 0.0, 6);
    facet_jsonw_knum(&a.w, "same_faces", j->has_faces ? j->faces.share : 0.0 / 0.0, 6);
    return facet_answer_end(&a);
}

static void tell(const struct state *s)
{
    facet_say(s->cli, "%s: made%s%s\n", *s->r.name ? s->r.name : s->o->output, s->model ? " from " : "", s->model ? s->model->name : "");
    for (size_t i = 0; i < s->r.n_parts; i++)
        say_part(s, &s->r.parts[i]);
    say_judged(s);
}

/* What the options say together was wrong: that is for whoever wrote them. */
static int refuse_words(const struct facet_cli *cli)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s", facet_error_text());
    return facet_usage(cli, "%s", text);
}

int facet_models_optimise(struct facet_cli *cli, const struct facet_models_optimise_options *o, bool force, const char *what)
{
    struct state *s = calloc(1, sizeof(*s));
    struct facet_optimise_opts opts;
    if (o->int8 + o->bf16 + o->fp16 > 1) {
        free(s);
        return facet_usage(cli, "--int8, --bf16 and --fp16 do not go together");
    }
    int err = s ? facet_manifest_open(&s->manifest, NULL) : facet_fail_nomem();
    if (!s)
        return err;
    s->cli = cli;
    s->o = o;
    if (!err)
        err = fill_options(s, &opts, force, what);
    if (!err)
        err = facet_optimise(&s->r, &opts);
    bool is_made = !err;
    if (!err)
        err = judge(s);
    end_progress(s);
    if (err == FACET_E_INVALID)
        err = refuse_words(cli);
    if (is_made)
        tell(s); /* though it could not be judged */
    if (!err && cli->json)
        err = answer(s);
    facet_optimise_fini(&s->r);
    free(s->judged.before);
    facet_manifest_close(&s->manifest);
    free(s);
    return err;
}
