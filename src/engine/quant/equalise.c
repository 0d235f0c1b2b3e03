/* Channels of one value share its 256 steps, though some reach ten times as far as others. Where nothing but
 * ReLU, PReLU, a max pool or a change of shape stands between two layers, a channel may be made smaller by
 * the first and larger by the second: exactly the same network, with channels that use the steps alike.
 * (Nagel, van Baalen, Blankevoort, Welling, "Data-free quantization through weight equalization and bias
 * correction", ICCV 2019; the balance with the weights behind as in Xiao et al., "SmoothQuant", ICML 2023.) */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_READERS 8
#define MOST 64.0f                    /* times larger or smaller */

struct pair {
    const struct facet__layer *from;
    int readers[MAX_READERS], n;      /* nodes */
};

static bool is_one_of(const char *op, const char *const *ops)
{
    for (int i = 0; ops[i]; i++)
        if (!strcmp(ops[i], op))
            return true;
    return false;
}

/* f(s x) = s f(x) for s > 0. */
static bool scales_through(const struct facet_quantiser *q, const struct facet__layer *l)
{
    static const char *const ops[] = {"Relu", "LeakyRelu", "PRelu", NULL};
    for (int i = 0; i < l->n_chain; i++)
        if (!is_one_of(q->g->nodes[l->chain[i]].op, ops))
            return false;
    return l->residual < 0;
}

/* All that reads v in the end, through pools and views; false when anything else does. */
static bool find_readers(const struct facet_quantiser *q, int v, struct pair *p, int depth)
{
    static const char *const through[] = {"MaxPool", "Flatten", NULL};
    const struct facet_graph *g = q->g;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == v)
            return false;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        for (int k = 0; k < n->n_inputs; k++) {
            if (n->inputs[k] != v)
                continue;
            bool is_layer = k == 0 && q->roles[i] == FACET__ROLE_LAYER && facet_graph_uses(g, n->inputs[1]) == 1;
            if (is_layer && p->n < MAX_READERS)
                p->readers[p->n++] = i;
            else if (depth > 4 || !is_one_of(n->op, through) || !find_readers(q, n->outputs[0], p, depth + 1))
                return false;
        }
    }
    return true;
}

/* Weights of reader i that channel c of `channels` meets: rows of `per` numbers. */
struct meeting { float *w; int64_t outs, ins, group, per; };

static bool meet(const struct facet_quantiser *q, int node, int64_t channels, struct meeting *m)
{
    const struct facet_node *n = &q->g->nodes[node];
    const struct facet_value *w = &q->g->values[n->inputs[1]];
    const struct facet__layer *l = &q->layers[q->layer_of[node]];
    *m = (struct meeting){.w = w->data, .outs = l->outs, .ins = l->ins, .group = 1};
    if (n->op[0] == 'C') {
        m->group = facet_node_int(n, "group", 1);
        m->per = w->shape.dim[2] * w->shape.dim[3];
        return w->shape.dim[1] * m->group == channels;
    }
    m->per = l->ins / channels;
    return m->per * channels == l->ins;
}

typedef void weight_fn(float *w, int64_t channel, void *ctx);

static void each_weight(const struct meeting *m, weight_fn *fn, void *ctx)
{
    int64_t per_group = m->ins / m->per;
    for (int64_t o = 0; o < m->outs; o++)
        for (int64_t i = 0; i < m->ins; i++)
            fn(&m->w[o * m->ins + i], o / (m->outs / m->group) * per_group + i / m->per, ctx);
}

static void note_peak(float *w, int64_t channel, void *ctx)
{
    float *peaks = ctx;
    peaks[channel] = fmaxf(peaks[channel], fabsf(*w));
}

static void enlarge(float *w, int64_t channel, void *ctx)
{
    *w *= ((const float *)ctx)[channel];
}

/* By how much each channel shrinks: its reach against that of the weights that meet it. */
static void choose(float *s, const float *reach, const float *weights, int64_t n)
{
    double sum = 0;
    int64_t used = 0;
    for (int64_t c = 0; c < n; c++) {
        bool known = reach[c] > 0 && weights[c] > 0;
        s[c] = known ? sqrtf(reach[c] / weights[c]) : 0;
        sum += known ? log(s[c]) : 0;
        used += known;
    }
    float middle = used ? (float)exp(sum / (double)used) : 1;
    for (int64_t c = 0; c < n; c++)
        s[c] = s[c] > 0 ? fminf(fmaxf(s[c] / middle, 1 / MOST), MOST) : 1;
}

static void shrink_rows(struct facet_quantiser *q, const struct facet__layer *l, const float *s)
{
    const struct facet_node *n = &q->g->nodes[l->node];
    float *w = q->g->values[n->inputs[1]].data, *b = n->n_inputs > 2 && n->inputs[2] >= 0 ? q->g->values[n->inputs[2]].data : NULL;
    for (int64_t o = 0; o < l->outs; o++) {
        for (int64_t i = 0; i < l->ins; i++)
            w[o * l->ins + i] /= s[o];
        if (b)
            b[o] /= s[o];
    }
}

static bool may_change(const struct facet_quantiser *q, const struct facet__layer *l)
{
    const struct facet_node *n = &q->g->nodes[l->node];
    return facet_graph_uses(q->g, n->inputs[1]) == 1 && (n->n_inputs < 3 || n->inputs[2] < 0 || facet_graph_uses(q->g, n->inputs[2]) == 1);
}

static int equalise_one(struct facet_quantiser *q, const struct facet__layer *l, int *changed)
{
    const struct facet__range *r = &q->ranges[l->out];
    struct pair p = {.from = l};
    struct meeting m[MAX_READERS];
    if (!may_change(q, l) || !r->peaks || r->channels != l->outs || !scales_through(q, l) || !find_readers(q, l->out, &p, 0) || !p.n)
        return FACET_OK;
    for (int i = 0; i < p.n; i++)
        if (!meet(q, p.readers[i], l->outs, &m[i]))
            return FACET_OK;
    float *s = calloc((size_t)l->outs, 2 * sizeof(*s)), *weights = s + l->outs;
    if (!s)
        return facet_fail_nomem();
    for (int i = 0; i < p.n; i++)
        each_weight(&m[i], note_peak, weights);
    choose(s, r->peaks, weights, l->outs);
    shrink_rows(q, l, s);
    for (int i = 0; i < p.n; i++)
        each_weight(&m[i], enlarge, s);
    ++*changed;
    free(s);
    return FACET_OK;
}

int facet__quant_equalise(struct facet_quantiser *q, int *changed)
{
    int err = FACET_OK;
    *changed = 0;
    for (size_t i = 0; !err && i < q->n_layers; i++)
        err = equalise_one(q, &q->layers[i], changed);
    return err;
}
