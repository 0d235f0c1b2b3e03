/* Weights of few values: k-means in one dimension (Lloyd 1982), started from even steps between
 * the ends (few large weights matter more than many small ones), so that the same weights give the same values each time. The table of values stays in float, a
 * weight is its place in the table times the length of its output's weights. After Han, Mao, Dally, "Deep compression", ICLR 2016. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 30

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The place of the nearest value; `values` grow. */
static int nearest(const float *values, int n, float x)
{
    int lo = 0, hi = n - 1;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (x > 0.5f * (values[mid] + values[mid + 1]))
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* One round over the sorted numbers; true while values move. A cluster that holds nothing stays where it is. */
static bool move_values(const float *sorted, int64_t count, float *values, int n)
{
    bool moved = false;
    int64_t at = 0;
    for (int k = 0; k < n; k++) {
        float end = k + 1 < n ? 0.5f * (values[k] + values[k + 1]) : INFINITY;
        double sum = 0;
        int64_t from = at;
        for (; at < count && sorted[at] <= end; at++)
            sum += sorted[at];
        float mean = at > from ? (float)(sum / (double)(at - from)) : values[k];
        moved |= mean != values[k];
        values[k] = mean;
    }
    return moved;
}

int facet__quant_kmeans(const float *w, int64_t count, int n, float *values)
{
    float *sorted = malloc((size_t)count * sizeof(*sorted));
    if (!sorted)
        return facet_fail_nomem();
    memcpy(sorted, w, (size_t)count * sizeof(*sorted));
    qsort(sorted, (size_t)count, sizeof(*sorted), by_value);
    for (int k = 0; k < n; k++)
        values[k] = sorted[0] + (sorted[count - 1] - sorted[0]) * ((float)k + 0.5f) / (float)n;
    for (int r = 0; r < ROUNDS && move_values(sorted, count, values, n); r++)
        ;
    for (int64_t i = 0; i < count; i++) /* what was pruned stays zero */
        if (sorted[i] == 0) {
            values[nearest(values, n, 0)] = 0;
            break;
        }
    free(sorted);
    return FACET_OK;
}

static int put(struct facet_graph *g, const char *base, const char *suffix, enum facet_dtype t, const struct facet_shape *s,
               const void *data)
{
    char name[512];
    snprintf(name, sizeof(name), "%.480s%s", base, suffix);
    return facet_graph_const(g, facet_graph_find(g, name) < 0 ? name : NULL, t, s, data);
}

/* One row's length for all its numbers: [outputs, 1, 1, 1], or [1, outputs] where outputs are columns. */
static int put_lengths(struct facet_graph *g, int node, const char *base, const float *lengths, int64_t outs)
{
    const struct facet_shape *w = &g->values[g->nodes[node].inputs[1]].shape;
    struct facet_shape s = {.rank = w->rank};
    bool first = outs == w->dim[0] && facet__quant_output_of(g, node, 1) == 0;
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = i == (first ? 0 : 1) ? outs : 1;
    return put(g, base, "/lengths", FACET_F32, &s, lengths);
}

/* Gather takes places of 32 bits or more: they are widened when loaded. */
static int put_table(struct facet_graph *g, int node, const float *values, int n, const uint8_t *places, const float *lengths,
                     int64_t outs)
{
    int v = g->nodes[node].inputs[1], cast = -1;
    const struct facet_shape shape = g->values[v].shape, row = {1, {n}};
    char base[400];
    snprintf(base, sizeof(base), "%.380s", g->values[v].name);
    int table = put(g, base, "/values", FACET_F32, &row, values);
    int at = table < 0 ? table : put(g, base, "/places", FACET_U8, &shape, places);
    int length = at < 0 ? at : put_lengths(g, node, base, lengths, outs);
    int wide = length < 0 ? length : facet_graph_node(g, "Cast", NULL, &at, 1, &cast);
    int err = wide < 0 ? wide : facet_graph_attr_int(g, cast, "to", 6);
    const int in[2] = {table, wide};
    int plain = err ? err : facet_graph_node(g, "Gather", NULL, in, 2, NULL);
    const int factors[2] = {plain, length};
    int out = plain < 0 ? plain : facet_graph_node(g, "Mul", NULL, factors, 2, NULL);
    if (out < 0)
        return out;
    facet_graph_replace_value(g, v, out);
    return FACET_OK;
}

struct clustering {
    float values[256], *lengths, *plain;      /* plain: weights over the length of their output */
    uint8_t *places;
    int64_t outs, count;
};

static int find_clusters(struct clustering *c, const struct facet_graph *g, int node, int n)
{
    const struct facet_value *v = &g->values[g->nodes[node].inputs[1]];
    const float *w = v->data;
    c->count = facet_shape_count(&v->shape);
    c->lengths = facet__quant_lengths(g, node, &c->outs);
    c->plain = malloc((size_t)c->count * sizeof(*c->plain));
    c->places = malloc((size_t)c->count);
    if (!c->lengths || !c->plain || !c->places)
        return facet_fail_nomem();
    for (int64_t i = 0; i < c->count; i++)
        c->plain[i] = w[i] / c->lengths[facet__quant_output_of(g, node, i)];
    int err = facet__quant_kmeans(c->plain, c->count, n, c->values);
    for (int64_t i = 0; !err && i < c->count; i++)
        c->places[i] = (uint8_t)nearest(c->values, n, c->plain[i]);
    return err;
}

static int cluster_layer(struct facet_graph *g, int node, int n, bool as_table)
{
    struct clustering c = {.lengths = NULL};
    float *w = g->values[g->nodes[node].inputs[1]].data;
    int err = find_clusters(&c, g, node, n);
    for (int64_t i = 0; !err && !as_table && i < c.count; i++)
        w[i] = c.values[c.places[i]] * c.lengths[facet__quant_output_of(g, node, i)];
    if (!err && as_table)
        err = put_table(g, node, c.values, n, c.places, c.lengths, c.outs);
    free(c.lengths);
    free(c.plain);
    free(c.places);
    return err;
}

static int cluster_all(struct facet_graph *g, int n, bool as_table)
{
    int nodes = g->n_nodes, err = FACET_OK, done = 0;
    if (n < 2 || n > 256)
        return facet_fail(FACET_E_INVALID, "cannot cluster weights into %d values: give 2 to 256", n);
    for (int i = 0; !err && i < nodes; i++) {
        int v = facet__quant_weights_of(g, i);
        if (v < 0 || facet_shape_count(&g->values[v].shape) <= n)
            continue;
        err = cluster_layer(g, i, n, as_table);
        done++;
    }
    if (!err && !done)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot cluster '%s': no layer has constant weights of more than %d numbers", g->name, n);
    facet_graph_sweep(g);
    return err ? err : facet_graph_sort(g);
}

int facet_quant_cluster(struct facet_graph *g, int n)
{
    return cluster_all(g, n, true);
}

int facet_quant_cluster_values(struct facet_graph *g, int n)
{
    return cluster_all(g, n, false);
}
