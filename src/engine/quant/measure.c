/* How far forms of a network are from the float one, and which layers make the difference. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the float network answers to each input, kept for all comparisons. */
struct answers {
    size_t n, outputs;
    float **x;                        /* n rows of outputs */
    int64_t *count;
};

struct runner {
    struct facet_plan *plan;
    struct facet_exec *exec;
};

/* ---- running ---- */

static int runner_open(struct runner *r, const struct facet_quantiser *q, const struct facet_graph *from)
{
    struct facet_plan_opts o = FACET_PLAN_OPTS_INIT;
    struct facet_graph *g = NULL;
    *r = (struct runner){0};
    o.backend = q->o.backend;
    int err = facet_graph_copy(&g, from);
    if (!err)
        err = facet_plan_open(&r->plan, &g, &o);
    return err ? err : facet_exec_open(&r->exec, r->plan, q->o.pool);
}

static void runner_close(struct runner *r)
{
    facet_exec_close(&r->exec);
    facet_plan_close(&r->plan);
}

static int run_one(struct runner *r, const struct facet_quant_inputs *in, size_t i)
{
    int err = in->fill(in->ctx, i, r->exec);
    return err ? err : facet_exec_run(r->exec);
}

/* ---- reference answers ---- */

static void answers_fini(struct answers *a)
{
    for (size_t i = 0; a->x && i < a->n * a->outputs; i++)
        free(a->x[i]);
    free(a->x);
    free(a->count);
    *a = (struct answers){0};
}

static int keep_answer(struct answers *a, size_t at, const struct facet_tensor *t)
{
    a->count[at] = facet_shape_count(&t->shape);
    a->x[at] = malloc((size_t)a->count[at] * sizeof(float));
    if (!a->x[at])
        return facet_fail_nomem();
    memcpy(a->x[at], t->data, (size_t)a->count[at] * sizeof(float));
    return FACET_OK;
}

static int answers_take(struct answers *a, const struct facet_quantiser *q, const struct facet_quant_inputs *in)
{
    struct runner r;
    *a = (struct answers){.n = in->n, .outputs = (size_t)q->g->n_outputs};
    a->x = calloc(a->n * a->outputs + 1, sizeof(*a->x));
    a->count = calloc(a->n * a->outputs + 1, sizeof(*a->count));
    if (!a->x || !a->count)
        return facet_fail_nomem();
    int err = runner_open(&r, q, q->g);
    for (size_t i = 0; !err && i < in->n; i++) {
        err = run_one(&r, in, i);
        for (size_t k = 0; !err && k < a->outputs; k++)
            err = keep_answer(a, i * a->outputs + k, facet_exec_output(r.exec, (int)k));
    }
    runner_close(&r);
    return err;
}

/* ---- losses ---- */

static double loss_between(enum facet_quant_loss how, const float *a, const float *b, int64_t n)
{
    double aa = 0, bb = 0, ab = 0, dd = 0;
    for (int64_t i = 0; i < n; i++) {
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
        ab += (double)a[i] * b[i];
        dd += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    if (!isfinite(bb))
        return 1e9;
    if (how == FACET_QUANT_LOSS_ERROR)
        return aa > 0 ? sqrt(dd / aa) : dd > 0;
    return aa > 0 && bb > 0 ? 1 - ab / sqrt(aa * bb) : aa != bb;
}

static int loss_of_input(struct runner *r, const struct facet_quantiser *q, const struct answers *a, size_t i, double *loss)
{
    *loss = 0;
    for (size_t k = 0; k < a->outputs; k++) {
        const struct facet_tensor *t = facet_exec_output(r->exec, (int)k);
        int64_t n = t->dtype == FACET_F32 ? facet_shape_count(&t->shape) : -1;
        if (n != a->count[i * a->outputs + k])
            return facet_fail(FACET_E_FORMAT, "cannot compare with '%s': output %zu has another size", q->g->name, k);
        *loss = fmax(*loss, loss_between(q->o.loss, a->x[i * a->outputs + k], t->data, n));
    }
    return FACET_OK;
}

static int score(const struct facet_quantiser *q, const struct facet_graph *g, const struct facet_quant_inputs *in,
                 const struct answers *a, struct facet_quant_score *out)
{
    struct runner r;
    double sum = 0;
    *out = (struct facet_quant_score){0, 0};
    if (g->n_outputs != q->g->n_outputs)
        return facet_fail(FACET_E_INVALID, "cannot compare '%s' with a network of other outputs", q->g->name);
    int err = runner_open(&r, q, g);
    for (size_t i = 0; !err && i < in->n; i++) {
        double loss = 0;
        err = run_one(&r, in, i);
        if (!err)
            err = loss_of_input(&r, q, a, i, &loss);
        sum += loss;
        out->worst = fmax(out->worst, loss);
    }
    out->mean = in->n ? sum / (double)in->n : 0;
    runner_close(&r);
    return err;
}

int facet_quant_compare(struct facet_quantiser *q, const struct facet_graph *g, const struct facet_quant_inputs *held,
                        struct facet_quant_score *out)
{
    struct answers a;
    int err = answers_take(&a, q, held);
    if (!err)
        err = score(q, g, held, &a, out);
    answers_fini(&a);
    return err;
}

/* ---- layers ---- */

/* The network as its layers are settled now. */
static int score_now(struct facet_quantiser *q, const struct facet_quant_inputs *in, const struct answers *a, struct facet_quant_score *out)
{
    struct facet_graph *g = NULL;
    int err = facet_quant_graph(q, &g);
    if (!err)
        err = score(q, g, in, a, out);
    facet_graph_free(&g);
    return err;
}

static int try_alone(struct facet_quantiser *q, size_t layer, const struct facet_quant_inputs *held, const struct answers *a)
{
    struct facet_quant_score s;
    for (size_t i = 0; i < q->n_layers; i++)
        q->layers[i].is_kept = i != layer;
    int err = score_now(q, held, a, &s);
    q->layers[layer].loss = err ? -1 : s.mean;
    return err;
}

int facet_quant_sensitivity(struct facet_quantiser *q, const struct facet_quant_inputs *held)
{
    struct answers a;
    bool *kept = calloc(q->n_layers, sizeof(*kept));
    int err = kept ? answers_take(&a, q, held) : facet_fail_nomem();
    if (!kept)
        return err;
    for (size_t i = 0; i < q->n_layers; i++)
        kept[i] = q->layers[i].is_kept;
    for (size_t i = 0; !err && i < q->n_layers; i++) {
        err = facet__quant_step(q, "layers", i, q->n_layers);
        if (!err)
            err = try_alone(q, i, held, &a);
    }
    for (size_t i = 0; i < q->n_layers; i++)
        q->layers[i].is_kept = kept[i];
    answers_fini(&a);
    free(kept);
    return err ? err : facet__quant_step(q, "layers", q->n_layers, q->n_layers);
}

/* ---- settling ---- */

/* What keeping a layer in float brings for what it costs: its loss by its share of the work. A layer next to
 * free counts as a twentieth of the work, so that those of little loss are not kept for nothing. */
static double worth(const struct facet_quantiser *q, size_t i, double all)
{
    return q->layers[i].loss / ((double)facet_node_macs(q->g, q->layers[i].node) / all + 0.05);
}

/* The layer that is most worth keeping of those that are not kept yet; -1: none that was measured. */
static int worst_layer(const struct facet_quantiser *q)
{
    double all = 1;
    int worst = -1;
    for (size_t i = 0; i < q->n_layers; i++)
        all += (double)facet_node_macs(q->g, q->layers[i].node);
    for (size_t i = 0; i < q->n_layers; i++)
        if (!q->layers[i].is_kept && q->layers[i].loss > 0 && (worst < 0 || worth(q, i, all) > worth(q, (size_t)worst, all)))
            worst = (int)i;
    return worst;
}

int facet_quant_settle(struct facet_quantiser *q, const struct facet_quant_inputs *held, double aim, size_t most,
                       struct facet_quant_score *out)
{
    struct answers a;
    int err = answers_take(&a, q, held);
    for (size_t kept = 0; !err; kept++) {
        err = facet__quant_step(q, "settling", kept, most);
        if (!err)
            err = score_now(q, held, &a, out);
        int worst = err || out->mean <= aim || kept >= most ? -1 : worst_layer(q);
        if (worst < 0)
            break;
        q->layers[worst].is_kept = true;
    }
    answers_fini(&a);
    return err ? err : facet__quant_step(q, "settling", most, most);
}
