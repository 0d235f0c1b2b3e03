/* The float network as one whose values go through 8 bits: behind each value that something in 8 bits
 * reads stands a QuantizeLinear and a DequantizeLinear, and weights come out of a DequantizeLinear. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
    const struct facet_quantiser *q;
    struct facet_graph *g;            /* the copy that becomes the result */
    bool *wants, *inner;              /* per value of q->g */
    int *steps;                       /* per root: scale and zero point, two value numbers; -1: not there yet */
};

static int put_const(struct facet_graph *g, const char *base, const char *suffix, enum facet_dtype t, const void *data)
{
    const struct facet_shape scalar = {.rank = 0};
    char name[512];
    snprintf(name, sizeof(name), "%.480s%s", base, suffix);
    return facet_graph_const(g, facet_graph_find(g, name) < 0 ? name : NULL, t, &scalar, data);
}

static int make_steps(struct writer *w, int root)
{
    const struct facet__range *r = &w->q->ranges[root];
    const char *name = w->q->g->values[root].name;
    float scale;
    int32_t zero;
    if (w->steps[2 * root] >= 0)
        return FACET_OK;
    facet__range_steps(r->lo, r->hi, &scale, &zero);
    uint8_t z = (uint8_t)zero;
    int s = put_const(w->g, name, "/scale", FACET_F32, &scale);
    int p = s < 0 ? s : put_const(w->g, name, "/zero", FACET_U8, &z);
    if (p < 0)
        return p;
    w->steps[2 * root] = s;
    w->steps[2 * root + 1] = p;
    return FACET_OK;
}

static int put_node(struct writer *w, const char *op, const char *base, const char *suffix, int from, int root)
{
    char name[512];
    const int in[3] = {from, w->steps[2 * root], w->steps[2 * root + 1]};
    snprintf(name, sizeof(name), "%.480s%s", base, suffix);
    return facet_graph_node(w->g, op, facet_graph_find(w->g, name) < 0 ? name : NULL, in, 3, NULL);
}

/* v through 8 bits: the value number of what comes back. */
static int put_pair(struct writer *w, int v)
{
    int root = w->q->root[v];
    const char *name = w->q->g->values[v].name;
    int err = make_steps(w, root);
    int small = err ? err : put_node(w, "QuantizeLinear", name, "/small", v, root);
    return small < 0 ? small : put_node(w, "DequantizeLinear", name, "/back", small, root);
}

/* Readers in float take the value itself only where it is made in float: otherwise it would have to lie in memory twice. */
static void rewire(struct writer *w, int v, int to)
{
    const struct facet_graph *g = w->q->g;
    int producer = g->values[v].producer;
    bool from_small = producer >= 0 && facet__quant_is_small(w->q, producer, w->wants);
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_inputs; k++)
            if (g->nodes[i].inputs[k] == v && (from_small || facet__quant_is_small(w->q, i, w->wants)))
                w->g->nodes[i].inputs[k] = to;
}

static int write_values(struct writer *w)
{
    int err = FACET_OK;
    for (int v = 0; !err && v < w->q->g->n_values; v++) {
        if (!w->wants[v] && !w->inner[v])
            continue;
        int to = put_pair(w, v);
        if (to < 0)
            err = to;
        else
            rewire(w, v, to);
    }
    return err;
}

static int write_layers(struct writer *w)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < w->q->n_layers; i++)
        if (!w->q->layers[i].is_kept)
            err = facet__quant_weights(w->q, w->g, &w->q->layers[i]);
    return err;
}

int facet_quant_graph(struct facet_quantiser *q, struct facet_graph **out)
{
    size_t n = (size_t)q->g->n_values + 1;
    struct writer w = {.q = q};
    *out = NULL;
    if (!q->is_calibrated)
        return facet_fail(FACET_E_INVALID, "cannot quantise '%s' before it was calibrated", q->g->name);
    w.wants = calloc(n, sizeof(bool));
    w.inner = calloc(n, sizeof(bool));
    w.steps = malloc(2 * n * sizeof(int));
    int err = w.wants && w.inner && w.steps ? facet_graph_copy(&w.g, q->g) : facet_fail_nomem();
    for (size_t i = 0; !err && i < 2 * n; i++)
        w.steps[i] = -1;
    if (!err) {
        facet__quant_wants(q, w.wants, w.inner);
        err = write_values(&w);
    }
    if (!err)
        err = write_layers(&w);
    if (!err)
        err = facet_graph_meta_set(w.g, "facet.precision", "int8");
    if (!err)
        err = facet_graph_meta_set(w.g, "facet.inner", "1"); /* passes/drop_inner.c */
    if (!err) {
        facet_graph_sweep(w.g);
        err = facet_graph_sort(w.g);
    }
    if (err)
        facet_graph_free(&w.g);
    free(w.wants);
    free(w.inner);
    free(w.steps);
    *out = w.g;
    return err;
}
