/* For each network: lanes (back end x precision x threads) are opened, run once and compared with ours in
 * fp32, then raced in turns together with loops that show the processor's peak. */
#include "bench/bench_engine_priv.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/log.h"
#include "base/pool.h"
#include "engine/backend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIFFERENCE 1e-4
#define TURN_NS 4e6                 /* short networks repeat until a turn takes about so long */
#define PEAK_NS 2e6
#define SPIN_US 4000                /* other engines' threads spin for some milliseconds after a run */

/* ---- words ---- */

static int check_words(const struct facet_bench_engine_opts *o)
{
    const char *nets[32];
    size_t n = 0;
    for (const struct facet_bench_net *net = facet_bench_nets; net->name; net++)
        nets[n++] = net->name;
    int err = facet_bench_check_list(o->only, nets, n, "network");
    if (!err && o->precision && strcmp(o->precision, "all") != 0)
        err = facet_bench_check_list(o->precision, facet_bench_precision_names, FACET_BENCH_PRECISIONS, "precision");
    if (!err && o->rivals && strcmp(o->rivals, "none") != 0)
        err = facet_bench_check_list(o->rivals, facet_bench_rivals, FACET_BENCH_RIVALS, "rival");
    return err;
}

static int find_rivals(struct facet__bench *b)
{
    const struct facet_backend_ops *ops = NULL;
    const char *list = b->o->rivals;
    for (size_t i = 0; i < FACET_BENCH_RIVALS; i++) {
        char version[64] = "";
        if (list && !facet_bench_is_listed(list, facet_bench_rivals[i]))
            continue;
        int err = facet_backend_find(&ops, facet_bench_rivals[i]);
        if (err && list)
            return err;
        if (err) {
            facet_report_fact(b->report, facet_bench_rivals[i], "not here");
            facet_log(FACET_LOG_INFO, "bench", "%s", facet_error_text());
            continue;
        }
        b->here[i] = true;
        ops->available(version, sizeof(version));
        facet_report_fact(b->report, facet_bench_rivals[i], "%s", version);
    }
    return FACET_OK;
}

/* ---- lanes ---- */

/* What cannot be had is left out; FACET_OK then, too. */
static int add_lane(struct facet__bench *b, const char *backend, enum facet_bench_precision p, bool one_slope, struct facet_pool *pool)
{
    if (b->n_lanes == FACET_BENCH_MAX_LANES)
        return facet_fail(FACET_E_LIMIT, "cannot race '%s': more than %d contestants", b->net->name, FACET_BENCH_MAX_LANES);
    struct facet_bench_lane *lane = &b->lanes[b->n_lanes];
    *lane = (struct facet_bench_lane){ .backend = backend, .precision = p, .one_slope = one_slope, .pool = pool, .quantised = b->quantised };
    int err = facet_bench_lane_open(lane, b->net);
    if (err == FACET_E_UNSUPPORTED) {
        facet_log(FACET_LOG_INFO, "bench", "%s %s: %s", backend, facet_bench_precision_names[p], facet_error_text());
        return FACET_OK;
    }
    if (err)
        return facet_fail_prefix(err, "%s", backend);
    b->n_lanes++;
    return FACET_OK;
}

static int add_lanes(struct facet__bench *b, struct facet_pool *pool)
{
    int err = FACET_OK;
    for (int p = 0; !err && p < FACET_BENCH_PRECISIONS; p++) {
        if (b->wanted[p] || p == FACET_BENCH_F32)
            err = add_lane(b, "cpu", (enum facet_bench_precision)p, false, pool);
        for (size_t i = 0; !err && i < FACET_BENCH_RIVALS; i++) /* ONNX Runtime in fp32 is what all precisions are held against */
            if (b->here[i] && (b->wanted[p] || (p == FACET_BENCH_F32 && i == 0)))
                err = add_lane(b, facet_bench_rivals[i], (enum facet_bench_precision)p, false, pool);
    }
    if (!err && b->here[0] && b->wanted[FACET_BENCH_F32])
        err = add_lane(b, facet_bench_rivals[0], FACET_BENCH_F32, true, pool);
    return err;
}

static int compare_all(struct facet__bench *b, double *diffs, double *cosines)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < b->n_lanes; i++)
        err = facet_bench_lane_run(&b->lanes[i]);
    for (int i = 0; !err && i < b->n_lanes; i++) {
        const struct facet_bench_lane *l = &b->lanes[i];
        facet_bench_lane_compare(l, &b->lanes[b->reference], &diffs[i], &cosines[i]);
        if (l->precision == FACET_BENCH_F32 && !l->one_slope && !(diffs[i] <= MAX_DIFFERENCE))
            err = facet_fail(FACET_E_INTERNAL, "%s differs from ours by %.1e of the largest number", l->backend, diffs[i]);
    }
    return err;
}

/* ---- the race ---- */

static int run_entry(void *ctx)
{
    return facet_bench_lane_run(((struct facet__entry *)ctx)->lane);
}

static int before_entry(void *ctx)
{
    struct facet__entry *e = ctx;
    return e->hog ? facet_hog_set(e->hog, e->busy) : FACET_OK;
}

static int run_peak(void *ctx)
{
    struct facet__peak *p = ctx;
    p->ops = facet_peak_run(p->pool, p->kind, p->loops);
    return FACET_OK;
}

static unsigned turns_of(struct facet_bench_lane *lane)
{
    uint64_t start = facet_now_ns();
    if (facet_bench_lane_run(lane))
        return 1;
    double ns = (double)(facet_now_ns() - start) + 1;
    return ns >= TURN_NS ? 1 : ns * 16 < TURN_NS ? 16 : (unsigned)ceil(TURN_NS / ns);
}

static int enter(struct facet__bench *b, struct facet_bench_lane *lane, bool busy)
{
    struct facet__entry *e = &b->entries[b->n_entries];
    *e = (struct facet__entry){ .lane = lane, .hog = b->hog, .busy = busy };
    e->in_race = facet_race_add(&b->race, lane->backend, run_entry, e);
    if (e->in_race < 0)
        return e->in_race;
    b->race.who[e->in_race].repeat = turns_of(lane);
    b->race.who[e->in_race].before = before_entry;
    b->n_entries++;
    return FACET_OK;
}

static int enter_peaks(struct facet__bench *b, struct facet_pool *pool)
{
    for (int k = 0; k < FACET_PEAK_KINDS; k++) {
        struct facet__peak *p = &b->peaks[b->n_peaks];
        uint64_t start = facet_now_ns();
        *p = (struct facet__peak){ .kind = (enum facet_peak_kind)k, .pool = pool, .loops = 20000 };
        if ((k && !b->wanted[k]) || facet_peak_run(pool, p->kind, p->loops) <= 0)
            continue;
        p->loops = 1 + (uint64_t)((double)p->loops * PEAK_NS / ((double)(facet_now_ns() - start) + 1));
        p->in_race = facet_race_add(&b->race, "peak", run_peak, p);
        if (p->in_race < 0)
            return p->in_race;
        b->n_peaks++;
    }
    return FACET_OK;
}

static int run_race(struct facet__bench *b)
{
    unsigned threads = facet_pool_threads(b->pools[0]);
    b->race = (struct facet_race){ .rounds = b->o->rounds, .warmup = b->o->warmup, .untimed = 1, .cpu_time = b->o->cpu_time, .cancel = b->o->cancel,
                                   .settle_us = threads > 1 ? SPIN_US : 0 };
    b->n_entries = b->n_peaks = 0;
    int err = FACET_OK;
    for (int i = 0; !err && i < b->n_lanes; i++) {
        err = enter(b, &b->lanes[i], false);
        if (!err && b->hog)
            err = enter(b, &b->lanes[i], true);
    }
    for (int i = 0; !err && i < 2; i++)
        err = b->pools[i] && !b->hog ? enter_peaks(b, b->pools[i]) : FACET_OK;
    if (!err)
        err = facet_race_run(&b->race);
    if (b->hog)
        facet_hog_set(b->hog, false);
    return err;
}

static void close_network(struct facet__bench *b)
{
    for (int i = 0; i < b->n_lanes; i++)
        facet_bench_lane_close(&b->lanes[i]);
    b->n_lanes = 0;
    facet_graph_free(&b->quantised);
    facet_race_fini(&b->race);
}

static int run_network(struct facet__bench *b, const struct facet_bench_net *net)
{
    double diffs[FACET_BENCH_MAX_LANES], cosines[FACET_BENCH_MAX_LANES];
    struct facet_graph *g = NULL;
    int err = facet_bench_net_graph(&g, net);
    facet_graph_free(&g);
    if (err == FACET_E_NOT_FOUND && !net->builder && !facet_bench_is_listed(b->o->only, net->name))
        return FACET_OK;
    b->net = net;
    b->reference = 0;
    if (!err && b->wanted[FACET_BENCH_INT8])
        err = facet_bench_net_quantise(&b->quantised, net);
    for (int i = 0; !err && i < 2; i++)
        if (b->pools[i])
            err = add_lanes(b, b->pools[i]);
    if (!err)
        err = compare_all(b, diffs, cosines);
    if (!err)
        err = run_race(b);
    if (!err)
        err = facet__bench_tell(b, diffs, cosines);
    if (!err && b->o->layers)
        err = facet__bench_tell_layers(b);
    close_network(b);
    return err ? facet_fail_prefix(err, "in the race of '%s'", net->name) : FACET_OK;
}

static int open_bench(struct facet__bench *b)
{
    const struct facet_bench_engine_opts *o = b->o;
    unsigned threads = o->threads ? o->threads : 1;
    for (int p = 0; p < FACET_BENCH_PRECISIONS; p++)
        b->wanted[p] = o->precision ? !strcmp(o->precision, "all") || facet_bench_is_listed(o->precision, facet_bench_precision_names[p])
                                    : p == FACET_BENCH_F32;
    int err = check_words(o);
    if (!err && o->cpu_time && (threads > 1 || o->busy))
        err = facet_fail(FACET_E_INVALID, "processor time says nothing about several threads or a busy core: leave --cpu-time out");
    if (o->cpu_time)
        facet_report_fact(b->report, "time", "of the processor");
    if (!err && o->busy)
        err = facet_hog_open(&b->hog);
    if (!err)
        err = facet_pool_open(&b->pools[0], threads);
    if (!err && o->scaling && threads > 1)
        err = facet_pool_open(&b->pools[1], 1);
    return err ? err : find_rivals(b);
}

int facet_bench_engine_run(struct facet_report *out, const struct facet_bench_engine_opts *o)
{
    struct facet__bench *b = calloc(1, sizeof(*b));
    facet_report_init(out, "engine", o->threads);
    if (!b)
        return facet_fail_nomem();
    b->report = out;
    b->o = o;
    facet_report_fact(out, "rounds", "%u", o->rounds ? o->rounds : 21);
    int err = open_bench(b);
    if (!err)
        facet_report_table(out, "networks", "Networks: medians of all rounds (10th to 90th part in a hundred); ratios of medians "
                           "(95 of 100 redrawings)");
    for (const struct facet_bench_net *net = facet_bench_nets; !err && net->name; net++)
        if (!o->only || facet_bench_is_listed(o->only, net->name))
            err = run_network(b, net);
    facet_hog_close(&b->hog);
    facet_pool_close(&b->pools[0]);
    facet_pool_close(&b->pools[1]);
    free(b);
    return err ? err : out->err;
}
