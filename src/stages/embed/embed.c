#include "stages/embed/embed.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/plan.h"
#include "image/resize.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH 2                 /* beyond, what lies between layers outgrows the caches */
#define MAX_BATCH 256

/* A network bound to buffers, and how many faces it is bound for; 0: none yet. */
struct lane { struct facet_exec *exec; int bound, err; char text[256]; };

/* Where there are as many faces as threads, each thread takes whole ones, on a lane of its own; what is left over
 * is embedded on the lane whose layers are shared by all threads. */
struct facet_embedder {
    const struct facet_model_spec *model;
    int max_batch;
    char contract[65];
    struct facet_plan *plan;
    struct facet_pool *pool;
    struct lane all, *each;             /* each: one a thread, opened when first needed */
    unsigned threads;
};

static int open_plan(struct facet_embedder *e, const struct facet_embedder_opts *o)
{
    struct facet_plan_opts po = FACET_PLAN_OPTS_INIT;
    po.backend = o->backend;
    po.strict = o->strict;
    po.cache = true;
    int err = facet_model_plan(&e->plan, e->model, e->model->n_parts ? e->model->parts[0].name : "", &po);
    return err ? err : facet_exec_open(&e->all.exec, e->plan, o->pool);
}

static const struct facet_tensor *output_of(const struct facet_embedder *e, const struct lane *l)
{
    const char *name = e->model->output;
    return *name ? facet_exec_output_named(l->exec, name) : facet_exec_output(l->exec, 0);
}

/* Binding costs nothing when the batch is the one of last time. */
static int bind(const struct facet_embedder *e, struct lane *l, int n)
{
    if (l->bound == n)
        return FACET_OK;
    const struct facet_shape shape = {4, {n, 3, e->model->height, e->model->width}};
    l->bound = 0;
    int err = facet_exec_bind(l->exec, &shape, 1);
    if (err)
        return err;
    const struct facet_tensor *out = output_of(e, l);
    if (!out || out->dtype != FACET_F32 || facet_shape_count(&out->shape) != (int64_t)n * e->model->dim)
        return facet_fail(FACET_E_FORMAT, "cannot embed with model '%s': its output '%s' does not hold %d numbers a face",
                          e->model->name, e->model->output, e->model->dim);
    l->bound = n;
    return FACET_OK;
}

static int check_spec(const struct facet_model_spec *s)
{
    if (strcmp(s->task, "embed") != 0)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot embed with model '%s': its task is '%s'", s->name, s->task);
    if (s->dim < 1 || s->dim > FACET_MAX_EMBEDDING)
        return facet_fail(FACET_E_FORMAT, "cannot embed with model '%s': %d numbers a face", s->name, s->dim);
    if (s->width != s->chip.width || s->height != s->chip.height || s->width < 1 || s->height < 1)
        return facet_fail(FACET_E_FORMAT, "cannot embed with model '%s': its input is %dx%d and its chips %dx%d", s->name, s->width,
                          s->height, s->chip.width, s->chip.height);
    return FACET_OK;
}

int facet_embedder_open(struct facet_embedder **out, const struct facet_embedder_opts *o)
{
    *out = NULL;
    if (!o->model)
        return facet_fail(FACET_E_INVALID, "cannot embed without a model");
    if (o->max_batch < 0 || o->max_batch > MAX_BATCH)
        return facet_fail(FACET_E_INVALID, "cannot embed %d faces at once: give 1 to %d", o->max_batch, MAX_BATCH);
    struct facet_embedder *e = calloc(1, sizeof(*e));
    if (!e)
        return facet_fail_nomem();
    e->model = o->model;
    e->max_batch = o->max_batch ? o->max_batch : DEFAULT_BATCH;
    e->pool = o->pool;
    e->threads = facet_pool_threads(o->pool);
    int err = check_spec(e->model);
    if (!err)
        err = facet_model_contract(e->model, e->contract);
    if (!err)
        err = open_plan(e, o);
    if (!err)
        err = bind(e, &e->all, 1);
    if (err)
        facet_embedder_close(&e);
    *out = e;
    return err;
}

void facet_embedder_close(struct facet_embedder **e)
{
    if (!*e)
        return;
    facet_exec_close(&(*e)->all.exec);
    for (unsigned i = 0; (*e)->each && i < (*e)->threads; i++)
        facet_exec_close(&(*e)->each[i].exec);
    free((*e)->each);
    facet_plan_close(&(*e)->plan);
    free(*e);
    *e = NULL;
}

int facet_embedder_dim(const struct facet_embedder *e)
{
    return e->model->dim;
}

const char *facet_embedder_contract(const struct facet_embedder *e)
{
    return e->contract;
}

/* FACET_E_INTERNAL when a network gives nothing that can be made one long. */
static int normalise(float *out, const float *v, int dim)
{
    double sum = 0;
    for (int i = 0; i < dim; i++)
        sum += (double)v[i] * (double)v[i];
    if (!(sum > 0) || !isfinite(sum))
        return facet_fail(FACET_E_INTERNAL, "cannot use an embedding of length %g", sqrt(sum));
    double scale = 1 / sqrt(sum);
    for (int i = 0; i < dim; i++)
        out[i] = (float)(v[i] * scale);
    return FACET_OK;
}

static int run_batch(const struct facet_embedder *e, struct lane *l, const struct facet_image *const *chips, int n, float *out)
{
    const size_t numbers = (size_t)e->model->width * (size_t)e->model->height * 3, dim = (size_t)e->model->dim;
    int err = bind(e, l, n);
    if (err)
        return err;
    float *in = facet_exec_input(l->exec, 0)->data;
    for (size_t i = 0; i < (size_t)n; i++)
        facet_image_to_float(in + i * numbers, chips[i], &e->model->norm);
    err = facet_exec_run(l->exec);
    const float *rows = output_of(e, l)->data;
    for (size_t i = 0; !err && i < (size_t)n; i++)
        err = normalise(out + i * dim, rows + i * dim, e->model->dim);
    return err;
}

/* ---- whole faces to threads ---- */

struct sharing { struct facet_embedder *e; const struct facet_image *const *chips; float *out; };

static void run_one(void *ctx, size_t i, unsigned worker)
{
    struct sharing *s = ctx;
    struct lane *l = &s->e->each[worker];
    if (l->err)
        return;
    l->err = run_batch(s->e, l, s->chips + i, 1, s->out + i * (size_t)s->e->model->dim);
    if (l->err)
        snprintf(l->text, sizeof(l->text), "%s", facet_error_text());   /* the text is this thread's own */
}

static int open_lanes(struct facet_embedder *e)
{
    if (!e->each && !(e->each = calloc(e->threads, sizeof(*e->each))))
        return facet_fail_nomem();
    for (unsigned i = 0; i < e->threads; i++) {
        int err = e->each[i].exec ? FACET_OK : facet_exec_open(&e->each[i].exec, e->plan, NULL);
        if (!err)
            err = bind(e, &e->each[i], 1);
        if (err)
            return err;
    }
    return FACET_OK;
}

static int run_shared(struct facet_embedder *e, const struct facet_image *const *chips, int n, float *out)
{
    struct sharing s = {e, chips, out};
    int err = open_lanes(e);
    if (err)
        return err;
    facet_pool_for(e->pool, (size_t)n, run_one, &s);
    for (unsigned i = 0; i < e->threads; i++) {
        if (e->each[i].err && !err)
            err = facet_fail(e->each[i].err, "%s", e->each[i].text);
        e->each[i].err = FACET_OK;
    }
    return err;
}

int facet_embedder_run(struct facet_embedder *e, const struct facet_image *const *chips, int n, float *out)
{
    for (int i = 0; i < n; i++)
        if (chips[i]->width != e->model->width || chips[i]->height != e->model->height || chips[i]->format != FACET_PIXEL_RGB24)
            return facet_fail(FACET_E_INVALID, "cannot embed a chip of %dx%d with model '%s': it wants %dx%d in colour",
                              chips[i]->width, chips[i]->height, e->model->name, e->model->width, e->model->height);
    int done = e->threads > 1 ? n / (int)e->threads * (int)e->threads : 0;
    int err = done ? run_shared(e, chips, done, out) : FACET_OK;
    while (!err && done < n) {
        int rows = n - done < e->max_batch ? n - done : e->max_batch;
        err = run_batch(e, &e->all, chips + done, rows, out + (size_t)done * (size_t)e->model->dim);
        done += rows;
    }
    return err;
}

/* ---- the stage ---- */

#define MOST (FACET_FLOW_TOGETHER * FACET_MAX_FACES)

struct embed {
    struct facet_embedder *embedder;    /* NULL: elsewhere */
    struct facet_embedder_opts o;       /* pool: lent to the embedder; its threads' time is counted here */
    const struct facet_image *chips[MOST];
    struct facet_face *faces[MOST];
    float *rows;                        /* MOST embeddings */
};

static int embed_open(void *state, const void *opts)
{
    struct embed *s = state;
    s->o = *(const struct facet_embedder_opts *)opts;
    int err = s->o.elsewhere && s->o.model ? FACET_OK : facet_embedder_open(&s->embedder, opts);
    if (err)
        return err;
    s->rows = calloc((size_t)MOST * (size_t)s->o.model->dim, sizeof(float));
    return s->rows ? FACET_OK : facet_fail_nomem();
}

/* Those of a packet, behind `n` others. */
static int gather(struct embed *s, struct facet_packet *p, int n)
{
    for (int i = 0; i < p->n_faces; i++) {
        struct facet_face *f = &p->faces[i];
        f->has_embedding = false;
        if (!f->wants_embedding || !f->has_chip)
            continue;
        s->faces[n] = f;
        s->chips[n++] = &f->chip;
        p->embedded++;
    }
    return n;
}

static int run_chips(struct embed *s, int n, uint64_t *cpu_ns)
{
    if (s->o.elsewhere)
        return s->o.elsewhere(s->o.elsewhere_ctx, s->chips, n, s->rows, cpu_ns);
    uint64_t before = facet_pool_cpu_ns(s->o.pool);
    int err = facet_embedder_run(s->embedder, s->chips, n, s->rows);
    *cpu_ns = facet_pool_cpu_ns(s->o.pool) - before;
    return err;
}

/* Faces of all the packets, of whatever source, go through the network in one call. */
static int embed_step_together(void *state, struct facet_packet *const *p, int n_packets)
{
    struct embed *s = state;
    size_t dim = (size_t)s->o.model->dim;
    uint64_t cpu_ns = 0;
    int n = 0;
    for (int i = 0; i < n_packets; i++)
        n = gather(s, p[i], n);
    int err = n ? run_chips(s, n, &cpu_ns) : FACET_OK;
    if (err)
        return err;
    for (int i = 0; i < n; i++) {
        memcpy(s->faces[i]->embedding, s->rows + (size_t)i * dim, dim * sizeof(float));
        s->faces[i]->has_embedding = true;
    }
    for (int i = 0; i < n_packets; i++)
        p[i]->cpu_ns += cpu_ns / (uint64_t)n_packets;
    return FACET_OK;
}

static int embed_step(void *state, struct facet_packet *p)
{
    return embed_step_together(state, &p, 1);
}

static void embed_close(void *state)
{
    struct embed *s = state;
    free(s->rows);
    facet_embedder_close(&s->embedder);
}

const struct facet_stage_ops facet_stage_embed = {
    .name = "embed",
    .state_size = sizeof(struct embed),
    .open = embed_open,
    .step = embed_step,
    .step_together = embed_step_together,
    .close = embed_close,
};
