/* Watching values while the float network runs: once for least, most and means, once more to count how the
 * numbers lie between, where the method asks for that. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct watcher {
    struct facet_quantiser *q;
    struct facet_plan *plan;
    struct facet_exec *exec;
    int *output;                      /* per value: its number among the outputs, -1: not watched */
    int *input;                       /* per value: its number among the inputs, -1 */
};

/* ---- the network with everything that is watched as an output ---- */

static int add_outputs(struct watcher *w, struct facet_graph *g, const bool *wants, const bool *inner)
{
    int err = FACET_OK;
    for (int v = 0; v < g->n_values; v++)
        w->output[v] = w->input[v] = -1;
    for (int i = 0; i < g->n_inputs; i++)
        w->input[g->inputs[i]] = i;
    for (int i = 0; i < g->n_outputs; i++)
        w->output[g->outputs[i]] = i;
    for (int v = 0; !err && v < w->q->g->n_values; v++) {
        if ((!wants[v] && !inner[v]) || w->output[v] >= 0 || w->input[v] >= 0)
            continue;
        w->output[v] = g->n_outputs;
        err = facet_graph_output(g, v);
    }
    return err;
}

static int open_plan(struct watcher *w, struct facet_graph **g)
{
    struct facet_plan_opts o = FACET_PLAN_OPTS_INIT;
    o.backend = w->q->o.backend;
    o.precision = FACET_PRECISION_F32;
    o.passes_off = FACET_PASS_STORE | FACET_PASS_FUSE_NETWORK;
    int err = facet_plan_open(&w->plan, g, &o);
    return err ? err : facet_exec_open(&w->exec, w->plan, w->q->o.pool);
}

static void watcher_fini(struct watcher *w)
{
    facet_exec_close(&w->exec);
    facet_plan_close(&w->plan);
    free(w->output);
    free(w->input);
}

static int watcher_init(struct watcher *w, struct facet_quantiser *q)
{
    size_t n = (size_t)q->g->n_values + 1;
    struct facet_graph *g = NULL;
    bool *wants = calloc(n, 2 * sizeof(*wants));
    *w = (struct watcher){.q = q, .output = malloc(n * sizeof(int)), .input = malloc(n * sizeof(int))};
    int err = wants && w->output && w->input ? facet_graph_copy(&g, q->g) : facet_fail_nomem();
    if (!err) {
        facet__quant_wants(q, wants, wants + n);
        err = add_outputs(w, g, wants, wants + n);
    }
    if (!err)
        err = open_plan(w, &g);
    facet_graph_free(&g);
    free(wants);
    return err;
}

static const struct facet_tensor *seen_value(const struct watcher *w, int v)
{
    if (w->input[v] >= 0)
        return facet_exec_input(w->exec, w->input[v]);
    return w->output[v] >= 0 ? facet_exec_output(w->exec, w->output[v]) : NULL;
}

/* ---- what is taken down ---- */

static int add_sums(struct facet__range *r, const struct facet_tensor *t)
{
    const struct facet_shape *s = &t->shape;
    if (s->rank < 2)
        return FACET_OK;
    int64_t channels = s->dim[1], n = facet_shape_count(s), plane = n / (s->dim[0] * channels);
    const float *x = t->data;
    if (!r->sums) {
        r->sums = calloc((size_t)channels, sizeof(*r->sums));
        r->peaks = calloc((size_t)channels, sizeof(*r->peaks));
        r->channels = channels;
    }
    if (!r->sums || !r->peaks)
        return facet_fail_nomem();
    if (r->channels != channels)
        return FACET_OK;
    for (int64_t i = 0; i < n; i += plane) {
        double sum = 0;
        float peak = r->peaks[i / plane % channels];
        for (int64_t k = 0; k < plane; k++) {
            sum += x[i + k];
            peak = fmaxf(peak, fabsf(x[i + k]));
        }
        r->sums[i / plane % channels] += sum;
        r->peaks[i / plane % channels] = peak;
    }
    r->count += (double)(n / channels);
    return FACET_OK;
}

static int take_ranges(struct watcher *w)
{
    int err = FACET_OK;
    for (int v = 0; !err && v < w->q->g->n_values; v++) {
        const struct facet_tensor *t = seen_value(w, v);
        if (!t || t->dtype != FACET_F32)
            continue;
        facet__seen_widen(&w->q->ranges[w->q->root[v]].seen, t->data, facet_shape_count(&t->shape));
        err = add_sums(&w->q->ranges[v], t);
    }
    return err;
}

static int take_bins(struct watcher *w)
{
    for (int v = 0; v < w->q->g->n_values; v++) {
        const struct facet_tensor *t = seen_value(w, v);
        if (!t || t->dtype != FACET_F32)
            continue;
        struct facet__seen *s = &w->q->ranges[w->q->root[v]].seen;
        if (!s->bins && !(s->bins = calloc(FACET__QUANT_BINS, sizeof(*s->bins))))
            return facet_fail_nomem();
        facet__seen_count(s, t->data, facet_shape_count(&t->shape));
    }
    return FACET_OK;
}

static int run_all(struct watcher *w, const struct facet_quant_inputs *in, const char *what, int (*take)(struct watcher *))
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < in->n; i++) {
        err = facet__quant_step(w->q, what, i, in->n);
        if (!err)
            err = in->fill(in->ctx, i, w->exec);
        if (!err)
            err = facet_exec_run(w->exec);
        if (!err)
            err = take(w);
    }
    return err ? err : facet__quant_step(w->q, what, in->n, in->n);
}

/* ---- the whole ---- */

static void forget(struct facet_quantiser *q)
{
    for (int v = 0; v < q->g->n_values; v++) {
        free(q->ranges[v].seen.bins);
        free(q->ranges[v].sums);
        free(q->ranges[v].peaks);
        q->ranges[v] = (struct facet__range){0};
    }
    q->is_calibrated = false;
}

static int choose(struct facet_quantiser *q)
{
    int err = FACET_OK;
    for (int v = 0; v < q->g->n_values; v++) {
        struct facet__range *r = &q->ranges[v];
        facet__range_choose(&r->seen, q->o.method, q->o.percentile, &r->lo, &r->hi);
        free(r->seen.bins);
        r->seen.bins = NULL;
    }
    for (size_t i = 0; !err && !q->o.keep_bias && i < q->n_layers; i++)
        err = facet__quant_drift(q, &q->layers[i]);
    q->is_calibrated = !err;
    return err;
}

/* Once for a network: afterwards its ranges are others. */
static int equalise(struct facet_quantiser *q, const struct facet_quant_inputs *in)
{
    struct watcher w;
    int changed = 0;
    if (q->o.keep_channels || q->is_equalised)
        return FACET_OK;
    int err = watcher_init(&w, q);
    if (!err)
        err = run_all(&w, in, "channels", take_ranges);
    watcher_fini(&w);
    if (!err)
        err = facet__quant_equalise(q, &changed);
    q->is_equalised = true;
    forget(q);
    return err;
}

int facet_quant_calibrate(struct facet_quantiser *q, const struct facet_quant_inputs *in)
{
    struct watcher w;
    if (!in->n)
        return facet_fail(FACET_E_INVALID, "cannot quantise '%s' without inputs to calibrate with", q->g->name);
    forget(q);
    int err = equalise(q, in);
    if (err)
        return err;
    err = watcher_init(&w, q);
    if (!err)
        err = run_all(&w, in, "ranges", take_ranges);
    if (!err && q->o.method != FACET_QUANT_MINMAX)
        err = run_all(&w, in, "counts", take_bins);
    if (!err)
        err = choose(q);
    watcher_fini(&w);
    return err;
}
