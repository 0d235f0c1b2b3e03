#include "bench/optimise.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/str.h"
#include "bench/race.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "models/made.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define AIM_COSINE 0.0015            /* mean of 1 - cosine; docs/quantisation.md has what more cost on LFW */
#define AIM_ERROR 0.05
#define TRIED 8
#define RACE_ROUNDS 15

struct job {
    const struct facet_optimise_opts *o;
    struct facet_optimise_result *out;
    struct facet_pool *pool;
    struct facet_calib calib;
    struct facet_made *made;
    bool has_inputs;
};

/* One part on its way. */
struct work {
    struct job *j;
    struct facet_optimise_part *p;
    struct facet_calib_set *set;      /* NULL: nothing to compare with */
    char from[PATH_MAX], to[PATH_MAX], sha256[FACET_SHA256_HEX];
    struct facet_graph *before, *after;
};

const char *facet_optimise_word(enum facet_optimise_to to)
{
    static const char *const words[] = {"fp32", "int8", "bf16", "fp16"};
    return words[to];
}

/* ---- options ---- */

static int check_options(const struct facet_optimise_opts *o)
{
    if (o->to == FACET_OPTIMISE_F32 && !o->cluster && !(o->prune > 0))
        return facet_fail(FACET_E_INVALID, "nothing to do: give one of --int8, --bf16, --fp16, --cluster, --prune");
    if (o->cluster && (o->cluster < 2 || o->cluster > 256))
        return facet_fail(FACET_E_INVALID, "cannot cluster weights into %d values: give 2 to 256", o->cluster);
    if (!(o->prune >= 0) || o->prune > 1)
        return facet_fail(FACET_E_INVALID, "cannot prune a share of %g of the weights: give 0 to 1", o->prune);
    if (o->to == FACET_OPTIMISE_INT8 && !o->calibrate)
        return facet_fail(FACET_E_INVALID, "--int8 needs --calibrate DIR: a folder of pictures or videos with faces, as those that "
                          "will be recognised; a few hundred do");
    if ((o->calibrate || !o->output) && !o->model)
        return facet_fail(FACET_E_INVALID, "cannot tell how '%s' is fed: --like NAME says as which model", o->file);
    if (o->file && o->model && o->model->n_parts != 1)
        return facet_fail(FACET_E_INVALID, "'%s' has %zu networks: one file cannot stand for it", o->model->name, o->model->n_parts);
    if (o->output && o->model && !o->file && o->model->n_parts != 1)
        return facet_fail(FACET_E_INVALID, "'%s' has %zu networks: leave --output out", o->model->name, o->model->n_parts);
    if (o->output && !o->force && facet_path_exists(o->output))
        return facet_fail(FACET_E_EXISTS, "'%s' is there already; --force writes it anew", o->output);
    return FACET_OK;
}

static int make_name(struct job *j)
{
    const struct facet_optimise_opts *o = j->o;
    char *name = j->out->name;
    size_t cap = sizeof(j->out->name);
    if (o->output)
        return FACET_OK;
    if (o->name)
        return facet_copy_text(name, cap, o->name);
    int n = snprintf(name, cap, "%s", o->model->name);
    if (o->to != FACET_OPTIMISE_F32)
        n += snprintf(name + n, cap - (size_t)n, "-%s", facet_optimise_word(o->to));
    if (o->cluster && (size_t)n < cap)
        n += snprintf(name + n, cap - (size_t)n, "-c%d", o->cluster);
    if (o->prune > 0 && (size_t)n < cap)
        n += snprintf(name + n, cap - (size_t)n, "-p%d", (int)(o->prune * 100 + 0.5));
    return (size_t)n < cap ? FACET_OK : facet_fail(FACET_E_LIMIT, "the name of '%s' is too long: give --as NAME", o->model->name);
}

/* ---- inputs ---- */

static int read_inputs(struct job *j)
{
    const struct facet_optimise_opts *o = j->o;
    struct facet_calib_opts c = {.dir = o->calibrate, .most = o->pictures, .model = o->model, .pool = j->pool, .cancel = o->cancel,
                                 .progress = o->progress, .ctx = o->ctx};
    if (!o->calibrate)
        return FACET_OK;
    if (!strcmp(o->model->task, "embed"))
        c.detector = facet_manifest_default(o->manifest, "detect");
    else if (strcmp(o->model->task, "detect"))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot calibrate '%s' with pictures of faces: its task is '%s'", o->model->name,
                          o->model->task);
    if (!strcmp(o->model->task, "embed") && !c.detector)
        return FACET_E_NOT_FOUND;
    int err = facet_calib_read(&j->calib, &c);
    j->has_inputs = !err;
    j->out->pictures = j->calib.pictures;
    j->out->faces = j->calib.faces;
    return err;
}

/* ---- how it was made ---- */

/* MTCNN in 8 bits looks twice: P- and R-Net in 8 bits find places, and all three in floats look around these
 * (stages/detect/mtcnn.c). O-Net therefore stays as it is. */
static bool looks_twice(const struct job *j)
{
    return j->o->to == FACET_OPTIMISE_INT8 && j->o->model && !j->o->file && !strcmp(j->o->model->kind, "mtcnn");
}

static bool stays_as_it_is(const struct job *j, const struct facet_optimise_part *p)
{
    return looks_twice(j) && !strcmp(p->name, "onet");
}

static void write_layers(struct facet_jsonw *w, const struct facet_optimise_part *p)
{
    facet_jsonw_key(w, "kept");
    facet_jsonw_array(w);
    for (size_t i = 0; i < p->n_layers; i++)
        if (p->layers[i].is_kept)
            facet_jsonw_str(w, p->layers[i].name);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "layers");
    facet_jsonw_array(w);
    for (size_t i = 0; i < p->n_layers; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", p->layers[i].name);
        facet_jsonw_knum(w, "loss", p->layers[i].loss, 7);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void write_calibration(struct facet_jsonw *w, const struct work *k)
{
    const struct facet_optimise_opts *o = k->j->o;
    facet_jsonw_kstr(w, "method", facet_quant_method_name(o->method));
    if (o->method == FACET_QUANT_PERCENTILE)
        facet_jsonw_knum(w, "percentile", o->percentile > 0 ? o->percentile : 99.99, 4);
    facet_jsonw_key(w, "calibration");
    facet_jsonw_object(w);
    facet_jsonw_kint(w, "pictures", (int64_t)k->j->calib.pictures);
    facet_jsonw_kint(w, "inputs", (int64_t)k->p->calibrated);
    facet_jsonw_kint(w, "held_out", (int64_t)k->p->held);
    facet_jsonw_kstr(w, "sha256", k->j->calib.sha256);
    facet_jsonw_end_object(w);
    facet_jsonw_key(w, "loss");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "of", k->j->out->loss == FACET_QUANT_LOSS_COSINE ? "cosine" : "error");
    facet_jsonw_knum(w, "aim", k->j->out->aim, 6);
    facet_jsonw_knum(w, "mean", k->p->loss.mean, 6);
    facet_jsonw_knum(w, "worst", k->p->loss.worst, 6);
    facet_jsonw_end_object(w);
}

static int note_making(const struct work *k)
{
    const struct facet_optimise_opts *o = k->j->o;
    struct facet_str text = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &text, false);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "by", "facet models optimise");
    facet_jsonw_kstr(&w, "version", FACET_VERSION);
    facet_jsonw_kstr(&w, "from", o->file ? facet_path_base(o->file) : o->model->name);
    facet_jsonw_kstr(&w, "from_version", o->model && !o->file ? o->model->version : NULL);
    facet_jsonw_kstr(&w, "from_sha256", k->sha256);
    facet_jsonw_kstr(&w, "precision", facet_optimise_word(stays_as_it_is(k->j, k->p) ? FACET_OPTIMISE_F32 : o->to));
    facet_jsonw_kint(&w, "cluster", o->cluster);
    facet_jsonw_knum(&w, "prune", o->prune, 4);
    if (o->to == FACET_OPTIMISE_INT8) {
        write_calibration(&w, k);
        write_layers(&w, k->p);
    }
    facet_jsonw_end_object(&w);
    int err = text.err ? facet_fail_nomem() : facet_graph_meta_set(k->after, "facet.made", text.data);
    facet_str_fini(&text);
    return err;
}

/* ---- one network ---- */

static struct facet_quant_opts quant_opts(const struct job *j)
{
    struct facet_quant_opts q = FACET_QUANT_OPTS_INIT;
    q.method = j->o->method;
    q.percentile = j->o->percentile;
    q.loss = j->out->loss;
    q.backend = j->o->backend;
    q.pool = j->pool;
    q.cancel = j->o->cancel;
    q.progress = j->o->progress;
    q.ctx = j->o->ctx;
    return q;
}

static int by_loss(const void *a, const void *b)
{
    const struct facet_optimise_layer *x = a, *y = b;
    return x->loss < y->loss ? 1 : x->loss > y->loss ? -1 : 0;
}

static int take_layers(struct facet_optimise_part *p, const struct facet_quantiser *q)
{
    p->n_layers = facet_quant_layers(q);
    p->layers = calloc(p->n_layers, sizeof(*p->layers));
    if (!p->layers)
        return facet_fail_nomem();
    for (size_t i = 0; i < p->n_layers; i++) {
        struct facet_quant_layer l = facet_quant_layer(q, i);
        struct facet_optimise_layer *to = &p->layers[i];
        *to = (struct facet_optimise_layer){.macs = l.macs, .weights = l.weights, .loss = l.loss, .is_kept = l.is_kept};
        snprintf(to->name, sizeof(to->name), "%s", l.name);
        snprintf(to->op, sizeof(to->op), "%s", l.op);
        p->kept += l.is_kept;
    }
    qsort(p->layers, p->n_layers, sizeof(*p->layers), by_loss);
    return FACET_OK;
}

static int quantise(struct work *k)
{
    const struct facet_optimise_opts *o = k->j->o;
    const struct facet_quant_opts qo = quant_opts(k->j);
    struct facet_quantiser *q = NULL;
    struct facet_quant_inputs seen = facet_calib_inputs(k->set, false), held = facet_calib_inputs(k->set, true), tried = held;
    tried.n = tried.n < (o->tried ? o->tried : TRIED) ? tried.n : (o->tried ? o->tried : TRIED);
    int err = facet_quant_open(&q, k->after, &qo);
    if (!err)
        err = facet_quant_calibrate(q, &seen);
    if (!err && !o->no_list)
        err = facet_quant_sensitivity(q, &tried);
    size_t most = err || looks_twice(k->j) ? 0 : facet_quant_layers(q) / 4;
    if (!err && o->most_kept >= 0)
        most = (size_t)o->most_kept;
    struct facet_quant_score s;
    if (!err)
        err = facet_quant_settle(q, &held, k->j->out->aim, most, &s);
    if (!err)
        err = take_layers(k->p, q);
    facet_graph_free(&k->after);
    if (!err)
        err = facet_quant_graph(q, &k->after);
    facet_quant_close(&q);
    return err;
}

static int shrink(struct work *k)
{
    const struct facet_optimise_opts *o = k->j->o;
    int err = FACET_OK;
    if (stays_as_it_is(k->j, k->p))
        return FACET_OK;
    if (o->prune > 0)
        err = facet_quant_prune(k->after, o->prune, &k->p->zeros, &k->p->weights);
    if (!err && o->cluster)
        err = o->to == FACET_OPTIMISE_INT8 ? facet_quant_cluster_values(k->after, o->cluster) : facet_quant_cluster(k->after, o->cluster);
    if (!err && o->to == FACET_OPTIMISE_INT8)
        err = quantise(k);
    else if (!err && o->to != FACET_OPTIMISE_F32)
        err = facet_quant_halve(k->after, o->to == FACET_OPTIMISE_FP16 ? FACET_F16 : FACET_BF16);
    return err;
}

static int compare(struct work *k)
{
    const struct facet_quant_opts qo = quant_opts(k->j);
    struct facet_quantiser *q = NULL;
    if (!k->set)
        return FACET_OK;
    struct facet_quant_inputs held = facet_calib_inputs(k->set, true);
    int err = facet_quant_open(&q, k->before, &qo);
    if (!err)
        err = facet_quant_compare(q, k->after, &held, &k->p->loss);
    k->p->is_compared = !err;
    facet_quant_close(&q);
    return err;
}

/* ---- speed ---- */

struct runner { struct facet_plan *plan; struct facet_exec *exec; };

static int run(void *ctx)
{
    return facet_exec_run(((struct runner *)ctx)->exec);
}

static int open_runner(struct runner *r, const struct work *k, const char *path)
{
    struct facet_plan_opts o = FACET_PLAN_OPTS_INIT;
    struct facet_quant_inputs in = facet_calib_inputs(k->set, true);
    o.backend = k->j->o->backend;
    int err = facet_plan_load(&r->plan, path, &o);
    if (!err)
        err = facet_exec_open(&r->exec, r->plan, k->j->pool);
    return err ? err : in.fill(in.ctx, 0, r->exec);
}

static int race(struct work *k)
{
    struct runner r[2] = {{0}, {0}};
    struct facet_race race = {.rounds = RACE_ROUNDS, .cancel = k->j->o->cancel};
    int err = FACET_OK, who[2] = {0, 0};
    if (!k->set)
        return FACET_OK;
    for (int i = 0; !err && i < 2; i++) {
        err = open_runner(&r[i], k, i ? k->to : k->from);
        who[i] = err ? 0 : facet_race_add(&race, i ? "after" : "before", run, &r[i]);
    }
    if (!err)
        err = facet_race_run(&race);
    for (int i = 0; !err && i < 2; i++)
        err = facet_race_stat(&race, who[i], &k->p->ms[i]);
    if (!err)
        err = facet_race_ratio(&race, who[0], who[1], &k->p->ratio);
    for (int i = 0; i < 2; i++) {
        facet_exec_close(&r[i].exec);
        facet_plan_close(&r[i].plan);
    }
    facet_race_fini(&race);
    return err;
}

static int weigh(struct work *k)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < 2; i++) {
        struct stat st;
        const char *path = i ? k->to : k->from;
        if (stat(path, &st))
            return facet_fail_errno("read", path);
        k->p->bytes[i] = st.st_size;
        err = facet_packed_size(&k->p->packed[i], path);
    }
    return err;
}

/* ---- the whole ---- */

static int find_paths(struct work *k, size_t part)
{
    const struct facet_optimise_opts *o = k->j->o;
    int err = o->file ? facet_copy_text(k->from, sizeof(k->from), o->file)
                      : facet_model_path(o->model, o->model->parts[part].name, k->from, sizeof(k->from));
    if (!err)
        err = facet_sha256_file(k->from, k->sha256);
    if (err)
        return err;
    return o->output ? facet_copy_text(k->to, sizeof(k->to), o->output) : facet_made_path(k->j->made, part, k->to, sizeof(k->to));
}

static int make_part(struct job *j, size_t part)
{
    struct work k = {.j = j, .p = &j->out->parts[part]};
    if (j->has_inputs) {
        k.set = &j->calib.sets[part];
        k.p->calibrated = k.set->calibrated;
        k.p->held = k.set->n - k.set->calibrated;
    }
    snprintf(k.p->name, sizeof(k.p->name), "%s", j->o->model ? j->o->model->parts[part].name : "");
    int err = find_paths(&k, part);
    if (!err)
        err = facet_onnx_load(&k.before, k.from);
    if (!err)
        err = facet_graph_check(k.before);
    if (!err)
        err = facet_graph_infer(k.before);
    if (!err)
        err = facet_graph_copy(&k.after, k.before);
    if (!err)
        err = shrink(&k);
    if (!err)
        err = compare(&k);
    if (!err)
        err = note_making(&k);
    if (!err)
        err = facet_onnx_save(k.after, k.to);
    facet_graph_free(&k.before);
    facet_graph_free(&k.after);
    if (!err)
        err = weigh(&k);
    return err ? err : race(&k);
}

static int make_all(struct job *j)
{
    int err = FACET_OK;
    j->out->n_parts = j->o->model ? j->o->model->n_parts : 1;
    if (!j->o->output)
        err = facet_made_open(&j->made, j->o->model, j->out->name);
    for (size_t i = 0; !err && i < j->out->n_parts; i++) {
        err = make_part(j, i);
        if (!err && j->made && looks_twice(j) && !stays_as_it_is(j, &j->out->parts[i]))
            err = facet_made_keep(j->made, i);
    }
    return err || !j->made ? err : facet_made_finish(j->made);
}

int facet_optimise(struct facet_optimise_result *out, const struct facet_optimise_opts *o)
{
    struct job j = {.o = o, .out = out};
    bool is_embed = o->model && !strcmp(o->model->task, "embed");
    memset(out, 0, sizeof(*out));
    out->loss = is_embed ? FACET_QUANT_LOSS_COSINE : FACET_QUANT_LOSS_ERROR;
    out->aim = o->aim > 0 ? o->aim : is_embed ? AIM_COSINE : AIM_ERROR;
    int err = check_options(o);
    if (!err)
        err = make_name(&j);
    if (!err && !o->output)
        err = facet_made_check(o->manifest, out->name, o->force);
    if (!err)
        err = facet_pool_open(&j.pool, o->threads);
    if (!err)
        err = read_inputs(&j);
    if (!err)
        err = make_all(&j);
    facet_made_close(&j.made);
    facet_calib_fini(&j.calib);
    facet_pool_close(&j.pool);
    if (err)
        facet_optimise_fini(out);
    return err;
}

void facet_optimise_fini(struct facet_optimise_result *r)
{
    for (size_t i = 0; i < r->n_parts; i++)
        free(r->parts[i].layers);
    memset(r, 0, sizeof(*r));
}
