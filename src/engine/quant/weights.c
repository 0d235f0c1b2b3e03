/* A layer's weights in 8 bits: symmetric, one scale for each output; its bias in whole steps of the sums. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BIAS 1073741824.0f        /* 2^30: the sums need the other half of 32 bits */

struct small {
    int8_t *w;
    float *scale;                     /* per output */
    float *bias_scale;
    int32_t *bias;                    /* NULL: none */
};

static void small_fini(struct small *s)
{
    free(s->w);
    free(s->scale);
    free(s->bias_scale);
    free(s->bias);
}

static float *choose_scales(const float *w, int64_t outs, int64_t ins)
{
    float *scale = malloc((size_t)outs * sizeof(*scale));
    for (int64_t o = 0; scale && o < outs; o++)
        scale[o] = facet__range_weights(w + o * ins, ins, 1);
    return scale;
}

/* ---- what rounding does in the mean ---- */

static double drift_of(const float *w, float scale, int64_t ins, int64_t taps, const double *means)
{
    double sum = 0;
    for (int64_t i = 0; i < ins; i++)
        sum += ((double)w[i] - (double)scale * facet__round_s8(w[i], scale)) * means[i / taps];
    return sum;
}

int facet__quant_drift(struct facet_quantiser *q, struct facet__layer *l)
{
    const struct facet_node *n = &q->g->nodes[l->node];
    const struct facet_value *w = &q->g->values[n->inputs[1]];
    const struct facet__range *r = &q->ranges[n->inputs[0]];
    int64_t taps = w->shape.rank == 4 ? w->shape.dim[2] * w->shape.dim[3] : 1, per_group = w->shape.dim[1];
    int64_t group = w->shape.rank == 4 ? facet_node_int(n, "group", 1) : 1;
    free(l->drift);
    l->drift = NULL;
    if (!r->sums || r->channels != per_group * group || !(r->count > 0))
        return FACET_OK;
    double *means = malloc((size_t)r->channels * sizeof(*means));
    float *scale = choose_scales(w->data, l->outs, l->ins);
    l->drift = malloc((size_t)l->outs * sizeof(*l->drift));
    bool fits = means && scale && l->drift;
    for (int64_t c = 0; fits && c < r->channels; c++)
        means[c] = r->sums[c] / r->count;
    for (int64_t o = 0; fits && o < l->outs; o++)
        l->drift[o] = (float)drift_of((const float *)w->data + o * l->ins, scale[o], l->ins, taps,
                                      means + o / (l->outs / group) * per_group);
    free(means);
    free(scale);
    return fits ? FACET_OK : facet_fail_nomem();
}

/* ---- rounding ---- */

static float bias_at(const struct facet_quantiser *q, const struct facet__layer *l, int bias, int64_t o)
{
    float b = bias >= 0 ? ((const float *)q->g->values[bias].data)[o] : 0;
    return l->drift ? b + l->drift[o] : b;
}

static int round_bias(struct small *s, const struct facet_quantiser *q, const struct facet__layer *l, int bias, float in_scale)
{
    s->bias = malloc((size_t)l->outs * sizeof(*s->bias));
    s->bias_scale = malloc((size_t)l->outs * sizeof(*s->bias_scale));
    if (!s->bias || !s->bias_scale)
        return facet_fail_nomem();
    for (int64_t o = 0; o < l->outs; o++) {
        float b = bias_at(q, l, bias, o), least = fabsf(b) / MAX_BIAS / in_scale;
        if (s->scale[o] < least) /* weights next to nothing beside their bias */
            s->scale[o] = least;
        s->bias_scale[o] = in_scale * s->scale[o];
        s->bias[o] = (int32_t)rintf(b / s->bias_scale[o]);
    }
    return FACET_OK;
}

static int round_weights(struct small *s, const float *w, int64_t outs, int64_t ins)
{
    s->w = malloc((size_t)(outs * ins));
    if (!s->w)
        return facet_fail_nomem();
    for (int64_t o = 0; o < outs; o++)
        for (int64_t i = 0; i < ins; i++)
            s->w[o * ins + i] = facet__round_s8(w[o * ins + i], s->scale[o]);
    return FACET_OK;
}

/* ---- into the graph ---- */

/* A constant that is named `base` and `suffix`; takes the data. */
static int put(struct facet_graph *g, const char *base, const char *suffix, enum facet_dtype t, const struct facet_shape *s,
               void *data)
{
    char name[512];
    snprintf(name, sizeof(name), "%.480s%s", base, suffix);
    return facet_graph_const_take(g, facet_graph_find(g, name) < 0 ? name : NULL, t, s, data);
}

static void *zeros(int64_t n, size_t size)
{
    return calloc((size_t)(n ? n : 1), size);
}

/* real = (numbers - 0) * scale, one scale for each first index; takes both. */
static int put_dequantise(struct facet_graph *g, const char *base, enum facet_dtype t, const struct facet_shape *s, void *numbers,
                          float *scales)
{
    const struct facet_shape row = {1, {s->dim[0]}};
    char name[512];
    int in[3], node = -1;
    in[0] = put(g, base, "/numbers", t, s, numbers);
    in[1] = put(g, base, "/scales", FACET_F32, &row, scales);
    void *none = zeros(s->dim[0], facet_dtype_size(t));
    in[2] = none ? put(g, base, "/zeros", t, &row, none) : facet_fail_nomem();
    for (int i = 0; i < 3; i++)
        if (in[i] < 0)
            return in[i];
    snprintf(name, sizeof(name), "%.480s/real", base);
    int v = facet_graph_node(g, "DequantizeLinear", facet_graph_find(g, name) < 0 ? name : NULL, in, 3, &node);
    int err = v < 0 ? v : facet_graph_attr_int(g, node, "axis", 0);
    return err ? err : v;
}

static int set_bias(struct facet_graph *g, int node, int value)
{
    struct facet_node *n = &g->nodes[node];
    int *more = realloc(n->inputs, 3 * sizeof(int));
    if (!more)
        return facet_fail_nomem();
    n->inputs = more;
    n->n_inputs = 3;
    n->inputs[2] = value;
    return FACET_OK;
}

int facet__quant_weights(const struct facet_quantiser *q, struct facet_graph *g, const struct facet__layer *l)
{
    const struct facet_node *n = &q->g->nodes[l->node];
    const struct facet_value *w = &q->g->values[n->inputs[1]];
    const struct facet__range *in = &q->ranges[q->root[n->inputs[0]]];
    const struct facet_shape ws = w->shape, row = {1, {l->outs}};
    int bias = n->n_inputs > 2 ? n->inputs[2] : -1, err = FACET_OK;
    float in_scale;
    int32_t in_zero;
    char base[400];
    struct small s = {.scale = choose_scales(w->data, l->outs, l->ins)};
    facet__range_steps(in->lo, in->hi, &in_scale, &in_zero);
    err = s.scale ? FACET_OK : facet_fail_nomem();
    if (!err && (bias >= 0 || l->drift))
        err = round_bias(&s, q, l, bias, in_scale);
    if (!err)
        err = round_weights(&s, w->data, l->outs, l->ins);
    if (err) {
        small_fini(&s);
        return err;
    }
    snprintf(base, sizeof(base), "%.380s/weights", n->name);
    int v = put_dequantise(g, base, FACET_I8, &ws, s.w, s.scale);
    if (v >= 0)
        g->nodes[l->node].inputs[1] = v;
    snprintf(base, sizeof(base), "%.380s/bias", n->name);
    int b = v >= 0 && s.bias ? put_dequantise(g, base, FACET_I32, &row, s.bias, s.bias_scale) : -1;
    if (v >= 0 && s.bias)
        err = b < 0 ? b : set_bias(g, l->node, b);
    else if (v < 0) {
        free(s.bias);
        free(s.bias_scale);
    }
    return v < 0 ? v : err;
}
