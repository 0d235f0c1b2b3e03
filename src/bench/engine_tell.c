/* The rows that `facet bench engine` prints. */
#include "bench/bench_engine_priv.h"

#include "base/errors.h"
#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *shown(const struct facet_bench_lane *l)
{
    return !strcmp(l->backend, "cpu") ? "facet" : l->one_slope ? "onnxruntime, one slope" : l->backend;
}

/* The entry of a back end as exported, with as many threads as `e`; NULL: not in the race. */
static const struct facet__entry *other(const struct facet__bench *b, const struct facet__entry *e, const char *backend, enum facet_bench_precision p)
{
    for (int i = 0; i < b->n_entries; i++) {
        const struct facet_bench_lane *l = b->entries[i].lane;
        if (!strcmp(l->backend, backend) && l->precision == p && !l->one_slope && l->threads == e->lane->threads &&
            b->entries[i].busy == e->busy)
            return &b->entries[i];
    }
    return NULL;
}

static int put_ratio(struct facet__bench *b, const char *column, const struct facet__entry *slower, const struct facet__entry *faster)
{
    struct facet_stat s = { 0 };
    if (!slower || !faster || slower == faster)
        return FACET_OK;
    int err = facet_race_ratio(&b->race, slower->in_race, faster->in_race, &s);
    facet_report_stat(b->report, column, &s, 2);
    return err;
}

/* GFLOP/s of the loop with these threads at its fastest (nothing but others can slow it down), 0: not run. */
static double peak_of(const struct facet__bench *b, enum facet_peak_kind kind, unsigned threads)
{
    struct facet_stat s;
    for (int i = 0; i < b->n_peaks; i++)
        if (b->peaks[i].kind == kind && facet_pool_threads(b->peaks[i].pool) == threads &&
            !facet_race_stat(&b->race, b->peaks[i].in_race, &s) && s.best > 0)
            return b->peaks[i].ops / s.best * 1e-6;
    return 0;
}

static int report_entry(struct facet__bench *b, const struct facet__entry *e, double mmac, double diff, double cosine)
{
    const struct facet_bench_lane *l = e->lane;
    struct facet_report *r = b->report;
    struct facet_stat s;
    char shape[32];
    int err = facet_race_stat(&b->race, e->in_race, &s);
    if (err)
        return err;
    facet_shape_text(&facet_exec_input(l->execs[0], 0)->shape, shape, sizeof(shape));
    facet_report_row(r);
    facet_report_text(r, "network", "%s", b->net->name);
    facet_report_text(r, "input", "%s%s", shape, l->n_execs > 1 ? " and below" : "");
    facet_report_text(r, "engine", "%s", shown(l));
    facet_report_text(r, "precision", "%s", facet_bench_precision_names[l->precision]);
    facet_report_int(r, "threads", l->threads);
    if (b->hog)
        facet_report_text(r, "a core taken", "%s", e->busy ? "yes" : "no");
    facet_report_stat(r, "ms", &s, s.median < 1 ? 4 : 3);
    facet_report_num(r, "best ms", s.best, s.best < 1 ? 4 : 3);
    err = put_ratio(b, "time / facet's", e, other(b, e, "cpu", l->precision));
    if (!err)
        err = put_ratio(b, "ORT fp32 / time", other(b, e, "onnxruntime", FACET_BENCH_F32), e);
    double rate = 2 * mmac / s.median, peak = peak_of(b, (enum facet_peak_kind)l->precision, l->threads);
    facet_report_num(r, "GFLOP/s", rate, 0);
    if (peak > 0)
        facet_report_num(r, "of peak", rate / peak, 2);
    if (l != &b->lanes[b->reference] && !l->one_slope)
        facet_report_text(r, "differs", l->precision == FACET_BENCH_F32 ? "%.1e" : "cosine %.5f",
                          l->precision == FACET_BENCH_F32 ? diff : cosine);
    if (l->n_ref)
        facet_report_int(r, "nodes on ref", l->n_ref);
    return err;
}

/* The same lane with one thread, or at rest; NULL: not in the race. */
static const struct facet__entry *plainer(const struct facet__bench *b, const struct facet__entry *e)
{
    const struct facet_bench_lane *l = e->lane;
    for (int i = 0; i < b->n_entries; i++) {
        const struct facet_bench_lane *k = b->entries[i].lane;
        bool is_same = !strcmp(k->backend, l->backend) && k->precision == l->precision && k->one_slope == l->one_slope;
        bool is_plainer = e->busy ? !b->entries[i].busy && k == l : k->threads < l->threads;
        if (is_same && is_plainer)
            return &b->entries[i];
    }
    return NULL;
}

static void name_row(struct facet__bench *b, const struct facet_bench_lane *l)
{
    facet_report_row(b->report);
    facet_report_text(b->report, "network", "%s", b->net->name);
    facet_report_text(b->report, "engine", "%s", shown(l));
    facet_report_text(b->report, "precision", "%s", facet_bench_precision_names[l->precision]);
    facet_report_int(b->report, "threads", l->threads);
}

/* What more threads gain, beside what a loop of nothing but multiply-adds gains by them here and now. */
static int tell_scaling(struct facet__bench *b)
{
    int err = FACET_OK;
    facet_report_table(b->report, "scaling", "More threads: time of one thread over time of all, and what the loop of multiply-adds gains");
    for (int i = 0; !err && i < b->n_entries; i++) {
        const struct facet__entry *e = &b->entries[i], *one = plainer(b, e);
        struct facet_stat gain;
        if (!one)
            continue;
        err = facet_race_ratio(&b->race, one->in_race, e->in_race, &gain);
        double loop = peak_of(b, FACET_PEAK_F32, e->lane->threads), single = peak_of(b, FACET_PEAK_F32, 1);
        name_row(b, e->lane);
        facet_report_stat(b->report, "gain", &gain, 2);
        if (loop > 0 && single > 0) {
            facet_report_num(b->report, "loop's gain", loop / single, 2);
            facet_report_num(b->report, "of loop's", gain.median / (loop / single), 2);
        }
    }
    return err;
}

static int tell_busy(struct facet__bench *b)
{
    int err = FACET_OK;
    facet_report_table(b->report, "busy", "While another process takes a core: time over time at rest");
    for (int i = 0; !err && i < b->n_entries; i++) {
        const struct facet__entry *e = &b->entries[i], *rest = e->busy ? plainer(b, e) : NULL;
        struct facet_stat slower;
        if (!rest)
            continue;
        err = facet_race_ratio(&b->race, e->in_race, rest->in_race, &slower);
        name_row(b, e->lane);
        facet_report_stat(b->report, "slower", &slower, 2);
    }
    return err;
}

int facet__bench_tell(struct facet__bench *b, const double *diffs, const double *cosines)
{
    facet_report_table(b->report, "networks", "");
    double mmac = facet_bench_net_mmac(b->net);
    int err = FACET_OK;
    for (int i = 0; !err && i < b->n_entries; i++) {
        size_t lane = (size_t)(b->entries[i].lane - b->lanes);
        err = report_entry(b, &b->entries[i], mmac, diffs[lane], cosines[lane]);
    }
    if (!err && b->pools[1])
        err = tell_scaling(b);
    if (!err && b->hog)
        err = tell_busy(b);
    return err;
}

/* The fastest time of each node of as many runs as the race had rounds: on a busy machine the mean tells of others' work. */
static int fastest_nodes(struct facet_exec *e, unsigned rounds, int n_nodes, uint64_t *ns)
{
    int err = FACET_OK;
    for (unsigned i = 0; !err && i < rounds; i++) {
        facet_exec_profile(e, true);
        err = facet_exec_run(e);
        for (int n = 0; n < n_nodes; n++) {
            uint64_t took = facet_exec_node_ns(e, n);
            ns[n] = i == 0 || took < ns[n] ? took : ns[n];
        }
    }
    facet_exec_profile(e, false);
    return err;
}

static void tell_node(struct facet__bench *b, const struct facet_bench_lane *l, int node, double ms)
{
    const struct facet_graph *g = facet_plan_graph(l->plan);
    double mmac = (double)facet_node_macs(g, node) * 1e-6;
    facet_report_row(b->report);
    facet_report_text(b->report, "node", "%s", g->nodes[node].name);
    facet_report_text(b->report, "operator", "%s", g->nodes[node].op);
    facet_report_text(b->report, "runs on", "%s", facet_plan_backend_of(l->plan, node));
    facet_report_num(b->report, "ms", ms, 4);
    facet_report_num(b->report, "MMAC", mmac, 2);
    if (mmac > 0)
        facet_report_num(b->report, "GFLOP/s", 2 * mmac / ms, 0);
}

static int tell_layers_of(struct facet__bench *b, const struct facet_bench_lane *l)
{
    int n = facet_plan_graph(l->plan)->n_nodes;
    uint64_t *ns = calloc((size_t)n + 1, sizeof(*ns));
    int err = ns ? fastest_nodes(l->execs[0], b->race.rounds, n, ns) : facet_fail_nomem();
    for (int i = 0; !err && i < n; i++)
        if (ns[i])
            tell_node(b, l, i, (double)ns[i] * 1e-6);
    free(ns);
    return err;
}

int facet__bench_tell_layers(struct facet__bench *b)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < b->n_lanes; i++) {
        const struct facet_bench_lane *l = &b->lanes[i];
        char key[64], title[96];
        if (strcmp(l->backend, "cpu") != 0 || l->pool != b->pools[0])
            continue;
        snprintf(key, sizeof(key), "layers %s %s", b->net->name, facet_bench_precision_names[l->precision]);
        snprintf(title, sizeof(title), "Layers of %s in %s", b->net->name, facet_bench_precision_names[l->precision]);
        facet_report_table(b->report, key, title);
        err = tell_layers_of(b, l);
    }
    return err;
}
