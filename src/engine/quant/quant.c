#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

#define MAX_TENSOR ((int64_t)1 << 31)

/* ---- the network as fp32 passes leave it ---- */

static int refuse_quantised(const struct facet_graph *g)
{
    static const char *const ops[] = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv",
                                      "ConvInteger", "MatMulInteger", "QLinearMatMul", NULL};
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; ops[k]; k++)
            if (!strcmp(g->nodes[i].op, ops[k]))
                return facet_fail(FACET_E_UNSUPPORTED, "cannot quantise '%s': it is quantised already (node '%s' is %s); give the "
                                  "model that it was made from", g->name, g->nodes[i].name, ops[k]);
    return FACET_OK;
}

static void transpose(float *to, const float *from, int64_t rows, int64_t cols)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            to[c * rows + r] = from[r * cols + c];
}

/* Products get their weights as [outputs, inputs]: one scale for each row. */
static int turn_weights(struct facet_graph *g, int i)
{
    int v = facet__quant_weights_of(g, i);
    if (v < 0 || strcmp(g->nodes[i].op, "Gemm") || facet_node_int(&g->nodes[i], "transB", 0))
        return FACET_OK;
    const struct facet_shape *s = &g->values[v].shape;
    const struct facet_shape turned = {2, {s->dim[1], s->dim[0]}};
    float *data = malloc(g->values[v].bytes);
    if (!data)
        return facet_fail_nomem();
    transpose(data, g->values[v].data, s->dim[0], s->dim[1]);
    int w = facet_graph_const_take(g, NULL, FACET_F32, &turned, data);
    if (w < 0)
        return w;
    g->nodes[i].inputs[1] = w;
    return facet_graph_attr_int(g, i, "transB", 1);
}

static int make_plain(struct facet_graph *g)
{
    int err = facet_graph_check(g);
    if (!err)
        err = facet_graph_infer(g);
    if (!err)
        err = refuse_quantised(g);
    if (!err)
        err = facet_passes_run(g, &facet_backend_ref, FACET_PASS_FOLD_CONST | FACET_PASS_FOLD_BN);
    if (!err)
        err = facet__quant_raise_opset(g);
    for (int i = 0; !err && i < g->n_nodes; i++)
        err = turn_weights(g, i);
    facet_graph_sweep(g);
    if (!err)
        err = facet_graph_check(g);
    return err ? err : facet_graph_infer(g);
}

/* ---- life ---- */

static int make_tables(struct facet_quantiser *q)
{
    size_t nodes = (size_t)q->g->n_nodes + 1, values = (size_t)q->g->n_values + 1;
    q->layers = calloc(nodes, sizeof(*q->layers));
    q->roles = calloc(nodes, sizeof(*q->roles));
    q->layer_of = calloc(nodes, sizeof(*q->layer_of));
    q->root = calloc(values, sizeof(*q->root));
    q->ranges = calloc(values, sizeof(*q->ranges));
    return q->layers && q->roles && q->layer_of && q->root && q->ranges ? FACET_OK : facet_fail_nomem();
}

int facet_quant_open(struct facet_quantiser **out, const struct facet_graph *g, const struct facet_quant_opts *o)
{
    struct facet_quantiser *q = calloc(1, sizeof(*q));
    int err = q ? FACET_OK : facet_fail_nomem();
    *out = NULL;
    if (err)
        return err;
    q->o = *o;
    q->o.percentile = o->percentile > 0 ? o->percentile : 99.99;
    err = facet_graph_copy(&q->g, g);
    if (!err)
        err = make_plain(q->g);
    if (!err)
        err = make_tables(q);
    if (!err)
        err = facet__quant_find(q);
    if (!err && !q->n_layers)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot quantise '%s': it has no convolution or product with constant weights", g->name);
    if (err)
        facet_quant_close(&q);
    *out = q;
    return err;
}

void facet_quant_close(struct facet_quantiser **quant)
{
    struct facet_quantiser *q = *quant;
    *quant = NULL;
    if (!q)
        return;
    for (size_t i = 0; q->layers && i < q->n_layers; i++)
        free(q->layers[i].drift);
    for (int v = 0; q->ranges && v < q->g->n_values; v++) {
        free(q->ranges[v].seen.bins);
        free(q->ranges[v].sums);
        free(q->ranges[v].peaks);
    }
    free(q->layers);
    free(q->roles);
    free(q->layer_of);
    free(q->root);
    free(q->ranges);
    facet_graph_free(&q->g);
    free(q);
}

size_t facet_quant_layers(const struct facet_quantiser *q)
{
    return q->n_layers;
}

struct facet_quant_layer facet_quant_layer(const struct facet_quantiser *q, size_t i)
{
    const struct facet__layer *l = &q->layers[i];
    const struct facet_node *n = &q->g->nodes[l->node];
    return (struct facet_quant_layer){.name = n->name, .op = n->op, .macs = facet_node_macs(q->g, l->node),
                                      .weights = l->outs * l->ins, .loss = l->loss, .is_kept = l->is_kept};
}

void facet_quant_keep(struct facet_quantiser *q, size_t layer, bool is_kept)
{
    q->layers[layer].is_kept = is_kept;
}

int facet__quant_step(const struct facet_quantiser *q, const char *what, size_t done, size_t total)
{
    if (q->o.progress)
        q->o.progress(q->o.ctx, what, (int64_t)done, (int64_t)total);
    return q->o.cancel && *q->o.cancel ? facet_fail(FACET_E_CANCELLED, "quantising was cancelled") : FACET_OK;
}
