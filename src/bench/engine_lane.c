#include "bench/engine_lane.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/backend.h"
#include "engine/quant/quant.h"

#include <math.h>
#include <string.h>

const char *const facet_bench_precision_names[FACET_BENCH_PRECISIONS] = { "fp32", "bf16", "int8" };

/* Does the plan keep any number the way that was asked for? */
static bool keeps(const struct facet_graph *g, enum facet_dtype t)
{
    for (int v = 0; v < g->n_values; v++)
        if (g->values[v].is_stored && g->values[v].store == t)
            return true;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].body && keeps(g->nodes[i].body, t))
            return true;
    return false;
}

/* Or does the back end make such numbers of a graph that it takes as read? */
static bool makes(const char *backend, enum facet_dtype t)
{
    const struct facet_backend_ops *ops = NULL;
    return facet_backend_find(&ops, backend) == FACET_OK && (ops->makes & 1u << t) != 0;
}

static int check_kept(const struct facet_bench_lane *lane, enum facet_dtype t)
{
    if (keeps(facet_plan_graph(lane->plan), t) || makes(lane->backend, t))
        return FACET_OK;
    return facet_fail(FACET_E_UNSUPPORTED, "back end '%s' has no %s here", lane->backend, facet_bench_precision_names[lane->precision]);
}

static int open_plan(struct facet_bench_lane *lane, const struct facet_bench_net *net)
{
    struct facet_graph *g = NULL;
    struct facet_plan_opts po = { .backend = lane->backend };
    bool is_bytes = lane->precision == FACET_BENCH_INT8;
    po.precision = is_bytes ? FACET_PRECISION_MODEL : lane->precision == FACET_BENCH_BF16 ? FACET_PRECISION_BF16 : FACET_PRECISION_F32;
    int err = is_bytes ? facet_graph_copy(&g, lane->quantised) : facet_bench_net_graph(&g, net);
    int changed = !err && lane->one_slope ? facet_bench_one_slope(g) : 1;
    if (!err && changed <= 0)
        err = changed ? changed : facet_fail(FACET_E_UNSUPPORTED, "it has no PReLU");
    if (!err)
        err = facet_plan_open(&lane->plan, &g, &po);
    facet_graph_free(&g);
    if (!err && lane->precision != FACET_BENCH_F32)
        err = check_kept(lane, is_bytes ? FACET_U8 : FACET_BF16);
    return err;
}

int facet_bench_lane_open(struct facet_bench_lane *lane, const struct facet_bench_net *net)
{
    struct facet_shape shapes[FACET_BENCH_MAX_SHAPES];
    int n = facet_bench_net_shapes(net, shapes);
    int err = open_plan(lane, net);
    lane->threads = facet_pool_threads(lane->pool);
    for (int i = 0; !err && i < n; i++) {
        err = facet_exec_open(&lane->execs[i], lane->plan, lane->pool);
        if (err)
            break;
        lane->n_execs++;
        err = facet_exec_bind(lane->execs[i], &shapes[i], 1);
        if (!err)
            facet_bench_fill(facet_exec_input(lane->execs[i], 0));
    }
    const struct facet_graph *g = err ? NULL : facet_plan_graph(lane->plan);
    for (int i = 0; g && i < g->n_nodes; i++)
        lane->n_ref += strcmp(lane->backend, "ref") != 0 && !strcmp(facet_plan_backend_of(lane->plan, i), "ref");
    if (err)
        facet_bench_lane_close(lane);
    return err;
}

void facet_bench_lane_close(struct facet_bench_lane *lane)
{
    for (int i = 0; i < FACET_BENCH_MAX_SHAPES; i++)
        facet_exec_close(&lane->execs[i]);
    facet_plan_close(&lane->plan);
    lane->n_execs = 0;
}

int facet_bench_lane_run(void *ctx)
{
    struct facet_bench_lane *lane = ctx;
    int err = FACET_OK;
    for (int i = 0; !err && i < lane->n_execs; i++)
        err = facet_exec_run(lane->execs[i]);
    return err;
}

static void compare_tensors(const float *a, const float *b, int64_t n, double *diff, double *cosine)
{
    double most = 1e-30, apart = 0, ab = 0, aa = 1e-30, bb = 1e-30;
    for (int64_t i = 0; i < n; i++) {
        most = fmax(most, fabs((double)b[i]));
        apart = fmax(apart, fabs((double)a[i] - (double)b[i]));
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    *diff = fmax(*diff, isfinite(apart) ? apart / most : INFINITY);
    *cosine = fmin(*cosine, ab / sqrt(aa * bb));
}

void facet_bench_lane_compare(const struct facet_bench_lane *a, const struct facet_bench_lane *b, double *diff, double *cosine)
{
    int n_outputs = facet_plan_graph(a->plan)->n_outputs;
    *diff = 0;
    *cosine = 1;
    for (int e = 0; e < a->n_execs; e++)
        for (int i = 0; i < n_outputs; i++) {
            const struct facet_tensor *x = facet_exec_output(a->execs[e], i), *y = facet_exec_output(b->execs[e], i);
            if (x->dtype == FACET_F32 && facet_shape_count(&x->shape) == facet_shape_count(&y->shape))
                compare_tensors(x->data, y->data, facet_shape_count(&x->shape), diff, cosine);
            else
                *diff = INFINITY;
        }
}
