#include "engine/format/arch.h"

#include "base/errors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPSET 13
#define NAME 160

/* ---- seeded numbers ---- */

static float random_value(struct facet_rng *r, enum facet__role role, float deviation)
{
    switch (role) {
    case FACET__KERNEL:
    case FACET__MATRIX: return deviation * facet_rng_normal(r);
    case FACET__GAMMA: return 0.8f + 0.4f * facet_rng_uniform(r);
    case FACET__VARIANCE: return 0.7f + 0.6f * facet_rng_uniform(r);
    case FACET__SLOPE: return 0.1f + 0.3f * facet_rng_uniform(r);
    case FACET__BIAS:
    case FACET__BETA:
    case FACET__MEAN: return 0.1f * facet_rng_normal(r);
    }
    return 0;
}

static int random_get(void *ctx, const char *layer, enum facet__role role, int rank, const int64_t *dims, float **out)
{
    struct facet__random *r = ctx;
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)dims[i];
    *out = malloc(n * sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    int64_t fan_in = role == FACET__KERNEL ? dims[1] * dims[2] * dims[3] : dims[0];
    float deviation = sqrtf(2.0f / (float)fan_in);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = random_value(&r->rng, role, deviation);
    return FACET_OK;
}

struct facet__source facet__random_source(struct facet__random *r, uint64_t seed)
{
    facet_rng_seed(&r->rng, seed);
    return (struct facet__source){random_get, r};
}

/* ---- life ---- */

int facet__arch_begin(struct facet__arch *a, const char *name, struct facet__source source)
{
    *a = (struct facet__arch){.source = source};
    return a->err = facet_graph_new(&a->graph, name, OPSET);
}

int facet__arch_end(struct facet__arch *a, struct facet_graph **out)
{
    if (a->err)
        facet_graph_free(&a->graph);
    *out = a->graph;
    a->graph = NULL;
    return a->err;
}

/* Keeps the first failure; gives a number that is safe to pass on. */
static int keep(struct facet__arch *a, int value)
{
    if (value < 0 && !a->err)
        a->err = value;
    return a->err ? 0 : value;
}

int facet__arch_input(struct facet__arch *a, const char *name, int64_t c, int64_t h, int64_t w)
{
    struct facet_shape s = {.rank = 4, .dim = {-1, c, h, w}};
    return a->err ? 0 : keep(a, facet_graph_input(a->graph, name, FACET_F32, &s));
}

void facet__arch_output(struct facet__arch *a, int value)
{
    if (!a->err)
        keep(a, facet_graph_output(a->graph, value));
}

/* ---- nodes ---- */

int facet__arch_plain(struct facet__arch *a, const char *op, const char *name, const int *inputs, int n)
{
    return a->err ? 0 : keep(a, facet_graph_node(a->graph, op, name, inputs, n, NULL));
}

void facet__arch_int(struct facet__arch *a, const char *attr, int64_t v)
{
    if (!a->err)
        keep(a, facet_graph_attr_int(a->graph, a->graph->n_nodes - 1, attr, v));
}

static void set_ints(struct facet__arch *a, const char *attr, const int64_t *v, size_t n)
{
    if (!a->err)
        keep(a, facet_graph_attr_ints(a->graph, a->graph->n_nodes - 1, attr, v, n));
}

static void set_float(struct facet__arch *a, const char *attr, float v)
{
    if (!a->err)
        keep(a, facet_graph_attr_float(a->graph, a->graph->n_nodes - 1, attr, v));
}

/* ---- weights ---- */

static const char *role_name(enum facet__role role)
{
    static const char *const names[] = {"weight", "weight", "bias", "gamma", "beta", "mean", "variance", "slope"};
    return names[role];
}

static int add_const(struct facet__arch *a, const char *layer, enum facet__role role, int rank, const int64_t *dims,
                     const float *data)
{
    char name[NAME];
    struct facet_shape s = {.rank = rank};
    memcpy(s.dim, dims, (size_t)rank * sizeof(*dims));
    snprintf(name, sizeof(name), "%s.%s", layer, role_name(role));
    return keep(a, facet_graph_const(a->graph, name, FACET_F32, &s, data));
}

/* A tensor from the source; each number times `scale`. */
static int add_weights(struct facet__arch *a, const char *layer, enum facet__role role, int rank, const int64_t *dims,
                       float scale)
{
    float *data = NULL;
    if (a->err)
        return 0;
    int err = a->source.get(a->source.ctx, layer, role, rank, dims, &data);
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= (size_t)dims[i];
    for (size_t i = 0; !err && scale != 1 && i < n; i++)
        data[i] *= scale;
    int v = err ? keep(a, err) : add_const(a, layer, role, rank, dims, data);
    free(data);
    return v;
}

static int add_ones(struct facet__arch *a, const char *layer, int64_t n)
{
    float *ones = malloc((size_t)n * sizeof(*ones));
    if (!ones)
        return keep(a, facet_fail_nomem());
    for (int64_t i = 0; i < n; i++)
        ones[i] = 1;
    int v = add_const(a, layer, FACET__GAMMA, 1, &n, ones);
    free(ones);
    return v;
}

/* ---- layers ---- */

int facet__arch_conv(struct facet__arch *a, const char *name, int x, int64_t in, const struct facet__conv *p)
{
    int64_t group = p->group ? p->group : 1, stride = p->stride ? p->stride : 1;
    float scale = p->weight_scale != 0 ? p->weight_scale : 1;
    int inputs[3] = {x, 0, 0};
    inputs[1] = add_weights(a, name, FACET__KERNEL, 4, (int64_t[]){p->out, in / group, p->kh, p->kw}, scale);
    if (p->has_bias)
        inputs[2] = add_weights(a, name, FACET__BIAS, 1, &p->out, scale);
    int y = facet__arch_plain(a, "Conv", name, inputs, p->has_bias ? 3 : 2);
    set_ints(a, "kernel_shape", (int64_t[]){p->kh, p->kw}, 2);
    set_ints(a, "strides", (int64_t[]){stride, stride}, 2);
    set_ints(a, "pads", (int64_t[]){p->pad_h, p->pad_w, p->pad_h, p->pad_w}, 4);
    facet__arch_int(a, "group", group);
    return y;
}

int facet__arch_bn(struct facet__arch *a, const char *name, const char *layer, int x, int64_t channels, bool has_gamma,
                   float epsilon)
{
    int inputs[5] = {x, 0, 0, 0, 0};
    if (!a->err)
        inputs[1] = has_gamma ? add_weights(a, layer, FACET__GAMMA, 1, &channels, 1) : add_ones(a, layer, channels);
    inputs[2] = add_weights(a, layer, FACET__BETA, 1, &channels, 1);
    inputs[3] = add_weights(a, layer, FACET__MEAN, 1, &channels, 1);
    inputs[4] = add_weights(a, layer, FACET__VARIANCE, 1, &channels, 1);
    int y = facet__arch_plain(a, "BatchNormalization", name, inputs, 5);
    set_float(a, "epsilon", epsilon);
    return y;
}

int facet__arch_prelu(struct facet__arch *a, const char *name, const char *layer, int x, int64_t channels, bool is_flat)
{
    int slope = add_weights(a, layer, FACET__SLOPE, is_flat ? 1 : 3, (int64_t[]){channels, 1, 1}, 1);
    return facet__arch_plain(a, "PRelu", name, (int[]){x, slope}, 2);
}

int facet__arch_max_pool(struct facet__arch *a, const char *name, int x, int64_t kernel, int64_t stride, bool ceil_mode)
{
    int y = facet__arch_plain(a, "MaxPool", name, &x, 1);
    set_ints(a, "kernel_shape", (int64_t[]){kernel, kernel}, 2);
    set_ints(a, "strides", (int64_t[]){stride, stride}, 2);
    facet__arch_int(a, "ceil_mode", ceil_mode);
    return y;
}

int facet__arch_dense(struct facet__arch *a, const char *name, int x, int64_t in, int64_t out, bool has_bias)
{
    int inputs[3] = {x, 0, 0};
    inputs[1] = add_weights(a, name, FACET__MATRIX, 2, (int64_t[]){in, out}, 1);
    if (has_bias)
        inputs[2] = add_weights(a, name, FACET__BIAS, 1, &out, 1);
    return facet__arch_plain(a, "Gemm", name, inputs, has_bias ? 3 : 2);
}

int facet__arch_flatten(struct facet__arch *a, const char *name, int x)
{
    int y = facet__arch_plain(a, "Flatten", name, &x, 1);
    facet__arch_int(a, "axis", 1);
    return y;
}

int facet__arch_concat(struct facet__arch *a, const char *name, const int *inputs, int n)
{
    int y = facet__arch_plain(a, "Concat", name, inputs, n);
    facet__arch_int(a, "axis", 1);
    return y;
}

int facet__arch_clip(struct facet__arch *a, const char *name, int x, float lo, float hi)
{
    char text[NAME];
    int inputs[3] = {x, 0, 0};
    const struct facet_shape scalar = {.rank = 0};
    for (int i = 1; i < 3 && !a->err; i++) {
        snprintf(text, sizeof(text), "%s.%s", name, i == 1 ? "lo" : "hi");
        inputs[i] = keep(a, facet_graph_const(a->graph, text, FACET_F32, &scalar, i == 1 ? &lo : &hi));
    }
    return facet__arch_plain(a, "Clip", name, inputs, 3);
}
