#include "bench/bench_engine.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/pool.h"
#include "base/rng.h"
#include "bench/ort.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_ROUNDS 1000
#define SEED 20260131

struct network { const char *name; int64_t n, h, w; };

static const struct network networks[] = {
    { "pnet", 1, 360, 640 },
    { "rnet", 64, 24, 24 },
    { "onet", 16, 48, 48 },
    { "mobilefacenet", 1, 112, 112 },
    { "facenet", 1, 160, 160 },
};
const char *const facet_bench_engine_names[] = { "pnet", "rnet", "onet", "mobilefacenet", "facenet", NULL };

enum runner { FACET, ORT, ORT_SCALAR, RUNNERS };

/* One network with everything that runs it. */
struct race {
    struct facet_plan *plan;
    struct facet_exec *exec;
    struct facet_ort_net *ort[RUNNERS];       /* [FACET] unused */
    double *ms[RUNNERS];
    bool has_scalar;
};

static int build(struct facet_graph **g, const char *name)
{
    const struct facet_builder *b = facet_builder_find(name);
    return b ? b->build(g, SEED) : facet_fail(FACET_E_NOT_FOUND, "cannot build '%s': no such network", name);
}

/* Every PReLU becomes a LeakyRelu, whose one slope other engines are good at; how many there were. */
static int one_slope(struct facet_graph *g)
{
    int n_nodes = g->n_nodes, changed = 0;
    for (int i = 0; i < n_nodes; i++) {
        if (strcmp(g->nodes[i].op, "PRelu") != 0)
            continue;
        char name[64];
        int in = g->nodes[i].inputs[0], out = g->nodes[i].outputs[0];
        snprintf(name, sizeof(name), "one-slope-%d", i);
        facet_graph_kill_node(g, i);
        int node = facet_graph_add_node(g, "LeakyRelu", "", name, &in, 1, &out, 1);
        int err = node < 0 ? node : facet_graph_attr_float(g, node, "alpha", 0.25f);
        if (err)
            return err;
        changed++;
    }
    facet_graph_sweep(g);
    int err = facet_graph_sort(g);
    return err ? err : changed;
}

/* Saves the network as ONNX Runtime shall see it, loads it there, and removes the file again. */
static int enter_ort(struct race *r, enum runner who, struct facet_ort *ort, const char *name, unsigned threads)
{
    char path[] = "/tmp/facet-bench-XXXXXX";
    struct facet_graph *g = NULL;
    int fd = mkstemp(path), err = fd < 0 ? facet_fail_errno("make", path) : build(&g, name);
    int changed = !err && who == ORT_SCALAR ? one_slope(g) : 1;
    if (!err && changed > 0)
        err = facet_onnx_save(g, path);
    if (!err && changed > 0)
        err = facet_ort_load(&r->ort[who], ort, path, threads, facet_exec_input(r->exec, 0));
    if (fd >= 0) {
        close(fd);
        unlink(path);
    }
    facet_graph_free(&g);
    return err ? err : changed < 0 ? changed : FACET_OK;
}

static int open_race(struct race *r, const struct network *n, struct facet_pool *pool, struct facet_ort *ort, unsigned threads, unsigned rounds)
{
    struct facet_graph *g = NULL;
    struct facet_shape in = { 4, { n->n, 3, n->h, n->w } };
    struct facet_plan_opts po = FACET_PLAN_OPTS_INIT;
    int err = build(&g, n->name);
    if (!err)
        err = facet_plan_open(&r->plan, &g, &po);
    if (!err)
        err = facet_exec_open(&r->exec, r->plan, pool);
    if (!err)
        err = facet_exec_bind(r->exec, &in, 1);
    for (int i = 0; !err && i < RUNNERS; i++)
        if (!(r->ms[i] = calloc(rounds, sizeof(double))))
            err = facet_fail_nomem();
    if (!err) {
        struct facet_tensor *x = facet_exec_input(r->exec, 0);
        struct facet_rng rng;
        facet_rng_seed(&rng, SEED);
        for (int64_t i = 0; i < facet_shape_count(&x->shape); i++)
            ((float *)x->data)[i] = facet_rng_uniform(&rng) * 2 - 1;
    }
    for (int who = ORT; !err && ort && who < RUNNERS; who++)
        err = enter_ort(r, (enum runner)who, ort, n->name, threads);
    return err;
}

static void close_race(struct race *r)
{
    for (int i = 0; i < RUNNERS; i++) {
        facet_ort_unload(&r->ort[i]);
        free(r->ms[i]);
    }
    facet_exec_close(&r->exec);
    facet_plan_close(&r->plan);
}

static int run_one(struct race *r, int who, double *ms)
{
    if (who != FACET && !r->ort[who])
        return FACET_OK;
    uint64_t t = facet_now_ns();
    int err = who == FACET ? facet_exec_run(r->exec) : facet_ort_run(r->ort[who]);
    *ms = (double)(facet_now_ns() - t) * 1e-6;
    return err;
}

/* Two rounds to warm up, then everyone once a round, each round beginning with another. */
static int run_rounds(struct race *r, unsigned rounds)
{
    int err = FACET_OK;
    for (unsigned i = 0; !err && i < rounds + 2; i++) {
        for (unsigned k = 0; !err && k < RUNNERS; k++) {
            unsigned who = (i + k) % RUNNERS;
            double ms = 0;
            err = run_one(r, (int)who, &ms);
            if (i >= 2)
                r->ms[who][i - 2] = ms;
        }
    }
    return err;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct facet_bench_time summary(double *ms, unsigned n)
{
    qsort(ms, n, sizeof(*ms), by_size);
    return (struct facet_bench_time){ .median_ms = n % 2 ? ms[n / 2] : (ms[n / 2] + ms[n / 2 - 1]) / 2, .best_ms = ms[0] };
}

/* The outputs of both, by the largest number of each. */
static double worst_diff(struct race *r)
{
    double worst = 0;
    const struct facet_graph *g = facet_plan_graph(r->plan);
    for (int i = 0; r->ort[ORT] && i < g->n_outputs; i++) {
        const struct facet_tensor *mine = facet_exec_output(r->exec, i);
        size_t count = 0;
        const float *a = mine->data, *b = facet_ort_output(r->ort[ORT], (size_t)i, &count);
        double most = 1e-30, diff = 0;
        if (!b || count != (size_t)facet_shape_count(&mine->shape))
            return INFINITY;
        for (size_t k = 0; k < count; k++) {
            most = fmax(most, fabs((double)b[k]));
            diff = fmax(diff, fabs((double)a[k] - (double)b[k]));
        }
        worst = fmax(worst, diff / most);
    }
    return r->ort[ORT] ? worst : -1;
}

static double mmac_of(const struct network *n)
{
    struct facet_graph *g = NULL;
    double macs = 0;
    if (build(&g, n->name))
        return 0;
    g->values[g->inputs[0]].shape = (struct facet_shape){ 4, { n->n, 3, n->h, n->w } };
    if (!facet_graph_infer(g))
        for (int i = 0; i < g->n_nodes; i++)
            macs += (double)facet_node_macs(g, i);
    facet_graph_free(&g);
    return macs * 1e-6;
}

static int add_layers(struct facet_bench_engine *b, struct race *r, const char *name, unsigned rounds)
{
    const struct facet_graph *g = facet_plan_graph(r->plan);
    struct facet_bench_layer *all = realloc(b->layers, (b->n_layers + (size_t)g->n_nodes + 1) * sizeof(*all));
    if (!all)
        return facet_fail_nomem();
    b->layers = all;
    facet_exec_profile(r->exec, true);
    for (unsigned i = 0; i < rounds; i++)
        if (facet_exec_run(r->exec))
            return FACET_E_INTERNAL;
    for (int i = 0; i < g->n_nodes; i++) {
        struct facet_bench_layer *l = &all[b->n_layers];
        *l = (struct facet_bench_layer){ .network = name, .ms = (double)facet_exec_node_ns(r->exec, i) * 1e-6 / rounds,
                                         .mmac = (double)facet_node_macs(g, i) * 1e-6 };
        const char *backend = facet_plan_backend_of(r->plan, i);
        l->backend = !strcmp(backend, "cpu") ? "cpu" : !strcmp(backend, "ref") ? "ref" : "-";
        snprintf(l->name, sizeof(l->name), "%s", g->nodes[i].name);
        snprintf(l->op, sizeof(l->op), "%s", g->nodes[i].op);
        b->n_layers += l->ms > 0;
    }
    return FACET_OK;
}

static int run_network(struct facet_bench_engine *b, const struct network *n, const struct facet_bench_engine_opts *o,
                       struct facet_pool *pool, struct facet_ort *ort)
{
    struct race r = { 0 };
    struct facet_bench_row *row = &b->rows[b->n_rows];
    int err = open_race(&r, n, pool, ort, b->threads, b->rounds);
    if (!err)
        err = run_rounds(&r, b->rounds);
    if (!err && o->layers)
        err = add_layers(b, &r, n->name, b->rounds);
    if (!err) {
        struct facet_bench_time t[RUNNERS];
        *row = (struct facet_bench_row){ .name = n->name, .mmac = mmac_of(n), .worst_diff = worst_diff(&r),
                                         .peak_bytes = facet_exec_peak_bytes(r.exec), .weight_bytes = facet_plan_weight_bytes(r.plan) };
        facet_shape_text(&facet_exec_input(r.exec, 0)->shape, row->input, sizeof(row->input));
        for (int i = 0; i < RUNNERS; i++)
            t[i] = summary(r.ms[i], b->rounds);
        row->facet = t[FACET];
        row->ort = t[ORT];
        row->ort_scalar = t[ORT_SCALAR];
        b->n_rows++;
    }
    close_race(&r);
    return err ? facet_fail_prefix(err, "in the race of '%s'", n->name) : FACET_OK;
}

int facet_bench_engine_run(struct facet_bench_engine *out, const struct facet_bench_engine_opts *o)
{
    struct facet_pool *pool = NULL;
    struct facet_ort *ort = NULL;
    *out = (struct facet_bench_engine){ .threads = o->threads ? o->threads : 1, .rounds = o->rounds ? o->rounds : 21,
                                        .cpu_kind = facet_cpu_kind(facet_cpu_flags(NULL)) };
    out->rounds = out->rounds > MAX_ROUNDS ? MAX_ROUNDS : out->rounds;
    facet_cpu_model(out->cpu_model, sizeof(out->cpu_model));
    int err = facet_pool_open(&pool, out->threads);
    bool races = !o->ort_lib || strcmp(o->ort_lib, "none") != 0;
    if (!err && races) {
        int missing = facet_ort_open(&ort, o->ort_lib);
        err = missing && o->ort_lib ? missing : FACET_OK;
    }
    if (ort)
        snprintf(out->ort_version, sizeof(out->ort_version), "%s", facet_ort_version(ort));
    size_t found = 0;
    for (size_t i = 0; !err && i < sizeof(networks) / sizeof(networks[0]); i++) {
        if (o->only && strcmp(o->only, networks[i].name) != 0)
            continue;
        found++;
        err = run_network(out, &networks[i], o, pool, ort);
    }
    if (!err && !found)
        err = facet_fail(FACET_E_NOT_FOUND, "cannot race '%s': no such network", o->only);
    facet_ort_close(&ort);
    facet_pool_close(&pool);
    return err;
}

void facet_bench_engine_fini(struct facet_bench_engine *b)
{
    free(b->layers);
    b->layers = NULL;
    b->n_layers = 0;
}
