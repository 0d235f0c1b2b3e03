#include "bench/engine_nets.h"

#include "base/errors.h"
#include "base/rng.h"
#include "engine/format/build.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define SEED 20260131
#define CELL 12                     /* P-Net's window */
#define FACTOR 0.709

const struct facet_bench_net facet_bench_nets[] = {
    { "pnet", "pnet", 1, 360, 640, 0 },
    { "pnet-pyramid", "pnet", 1, 1080, 1920, 40 },
    { "rnet", "rnet", 64, 24, 24, 0 },
    { "onet", "onet", 16, 48, 48, 0 },
    { "mobilefacenet", "mobilefacenet", 1, 112, 112, 0 },
    { "mobilefacenet-photo-analyze", NULL, 1, 112, 112, 0 },
    { "facenet", "facenet", 1, 160, 160, 0 },
    { "mobilenetv2", "mobilenetv2", 1, 224, 224, 0 },
    { 0 },
};

const struct facet_bench_net *facet_bench_net_find(const char *name)
{
    for (const struct facet_bench_net *n = facet_bench_nets; n->name; n++)
        if (strcmp(n->name, name) == 0)
            return n;
    return NULL;
}

static int load_model(struct facet_graph **out, const char *name)
{
    struct facet_manifest *m = NULL;
    int err = facet_manifest_open(&m, NULL);
    const struct facet_model_spec *s = err ? NULL : facet_manifest_find(m, name);
    if (!err && !s)
        err = FACET_E_NOT_FOUND;
    if (!err)
        err = facet_model_graph(out, s, s->parts[0].name);
    facet_manifest_close(&m);
    return err;
}

int facet_bench_net_graph(struct facet_graph **out, const struct facet_bench_net *net)
{
    *out = NULL;
    if (!net->builder)
        return load_model(out, net->name);
    const struct facet_builder *b = facet_builder_find(net->builder);
    return b ? b->build(out, SEED) : facet_fail(FACET_E_NOT_FOUND, "cannot build '%s': no such network", net->builder);
}

int facet_bench_one_slope(struct facet_graph *g)
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

int facet_bench_net_shapes(const struct facet_bench_net *net, struct facet_shape *out)
{
    if (!net->pyramid_face) {
        out[0] = (struct facet_shape){ 4, { net->n, 3, net->h, net->w } };
        return 1;
    }
    double scale = (double)CELL / net->pyramid_face, shorter = (double)(net->h < net->w ? net->h : net->w);
    int n = 0;
    for (; shorter * scale >= CELL && n < FACET_BENCH_MAX_SHAPES; n++, scale *= FACTOR)
        out[n] = (struct facet_shape){ 4, { 1, 3, (int64_t)ceil((double)net->h * scale), (int64_t)ceil((double)net->w * scale) } };
    return n;
}

double facet_bench_net_mmac(const struct facet_bench_net *net)
{
    struct facet_graph *g = NULL;
    struct facet_shape shapes[FACET_BENCH_MAX_SHAPES];
    int n = facet_bench_net_shapes(net, shapes);
    double macs = 0;
    for (int k = 0; k < n; k++) {
        if (facet_bench_net_graph(&g, net))
            return 0;
        g->values[g->inputs[0]].shape = shapes[k];
        if (!facet_graph_infer(g))
            for (int i = 0; i < g->n_nodes; i++)
                macs += (double)facet_node_macs(g, i);
        facet_graph_free(&g);
    }
    return macs * 1e-6;
}

void facet_bench_fill(struct facet_tensor *t)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, SEED);
    for (int64_t i = 0; i < facet_shape_count(&t->shape); i++)
        ((float *)t->data)[i] = facet_rng_uniform(&rng) * 2 - 1;
}

static int fill_input(void *ctx, size_t i, struct facet_exec *e)
{
    struct facet_shape shapes[FACET_BENCH_MAX_SHAPES];
    facet_bench_net_shapes(ctx, shapes);
    shapes[0].dim[0] = 1;
    int err = facet_exec_bind(e, shapes, 1);
    if (!err)
        facet_bench_fill(facet_exec_input(e, 0));
    return err;
}

int facet_bench_net_quantise(struct facet_graph **out, const struct facet_bench_net *net)
{
    struct facet_graph *g = NULL;
    struct facet_quantiser *q = NULL;
    struct facet_quant_opts o = { .method = FACET_QUANT_MINMAX };
    struct facet_quant_inputs in = { .n = 1, .fill = fill_input, .ctx = (void *)(uintptr_t)net };
    *out = NULL;
    int err = facet_bench_net_graph(&g, net);
    if (!err)
        err = facet_quant_open(&q, g, &o);
    if (!err)
        err = facet_quant_calibrate(q, &in);
    if (!err)
        err = facet_quant_graph(q, out);
    facet_quant_close(&q);
    facet_graph_free(&g);
    return err;
}
