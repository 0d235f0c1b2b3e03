/* Small things that the families of the cpu back end share. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <math.h>
#include <string.h>

const struct facet_value *facet_cpu_value(const struct facet_graph *g, const struct facet_node *n, int input)
{
    return input < n->n_inputs && n->inputs[input] >= 0 ? &g->values[n->inputs[input]] : NULL;
}

const float *facet_cpu_floats(const struct facet_graph *g, int value, int64_t *count)
{
    if (value < 0 || !g->values[value].data || g->values[value].dtype != FACET_F32 || g->values[value].is_stored)
        return NULL;
    *count = facet_shape_count(&g->values[value].shape);
    return *count > 0 ? g->values[value].data : NULL;
}

/* Constants of other types (axes, shapes) do not count: who reads them checks them. */
bool facet_cpu_is_float(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 0; i < n->n_inputs; i++) {
        const struct facet_value *v = facet_cpu_value(g, n, i);
        if (v && v->dtype != FACET_F32 && !v->data)
            return false;
    }
    for (int i = 0; i < n->n_outputs; i++)
        if (n->outputs[i] >= 0 && g->values[n->outputs[i]].dtype != FACET_F32)
            return false;
    return n->n_inputs > 0 && facet_cpu_value(g, n, 0) && facet_cpu_value(g, n, 0)->dtype == FACET_F32;
}

bool facet_cpu_same_shape(const struct facet_shape *a, const struct facet_shape *b)
{
    if (a->rank != b->rank || a->rank < 0)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

void facet_cpu_rows_of(const struct facet_tensor *t, size_t *pixels, size_t *channels, size_t *px)
{
    const struct facet_shape *s = &t->shape;
    *pixels = 1;
    *channels = (size_t)facet_shape_count(s);
    if (s->rank == 4 && t->layout == FACET_NHWC) {
        *pixels = (size_t)(s->dim[0] * s->dim[2] * s->dim[3]);
        *channels = (size_t)s->dim[1];
    } else if (s->rank == 2) {
        *pixels = (size_t)s->dim[0];
        *channels = (size_t)s->dim[1];
    }
    *px = s->rank == 4 && t->layout == FACET_NHWC && t->pixel_stride ? (size_t)t->pixel_stride : *channels;
}

int facet_cpu_pack_channels(struct facet_pack *pack, const float *v, int64_t count, int64_t channels, const float **out)
{
    void *data;
    bool fresh;
    size_t padded = ((size_t)channels + 31) / 32 * 32 + 32;     /* a group may begin anywhere */
    int err = facet_pack_blob(pack, padded * sizeof(float), &data, &fresh);
    for (int64_t i = 0; !err && fresh && i < channels; i++)
        ((float *)data)[i] = v[count == 1 ? 0 : i];
    *out = err ? NULL : data;
    return err;
}

static bool kernels_finish(enum facet_act act)
{
    return act == FACET_ACT_NONE || act == FACET_ACT_RELU || act == FACET_ACT_CLIP || act == FACET_ACT_LEAKY || act == FACET_ACT_PRELU;
}

bool facet_cpu_epilogue_fits(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_epilogue *e = &n->epi;
    const struct facet_shape *out = &g->values[n->outputs[0]].shape;
    int64_t count, channels = out->rank >= 2 ? out->dim[1] : -1;
    if (e->residual >= 0 && !facet_cpu_same_shape(&g->values[e->residual].shape, out))
        return false;
    if (e->residual >= 0 && e->residual_after && !kernels_finish(e->act))
        return false;
    if (e->act != FACET_ACT_PRELU)
        return e->act != FACET_ACT_LEAKY || channels > 0;
    return channels > 0 && facet_cpu_floats(g, e->slope, &count) && (count == 1 || count == channels);
}

int facet_cpu_prepare_epilogue(struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_graph *g, struct facet_pack *pack)
{
    int64_t count = 1;
    int err = FACET_OK;
    if (e->act == FACET_ACT_LEAKY)
        err = facet_cpu_pack_channels(pack, &e->alpha, 1, s->channels, &s->slope);
    if (e->act == FACET_ACT_PRELU) {
        const float *v = facet_cpu_floats(g, e->slope, &count);
        err = facet_cpu_pack_channels(pack, v, count, s->channels, &s->slope);
    }
    s->bounded = !err && facet_cpu_sums_bounded(s);
    return err;
}

struct facet_finish facet_cpu_finish(const struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_tensor *residual)
{
    struct facet_finish f = { .bias = s->bias, .slope = s->slope, .residual_scale = e->residual_scale, .lo = e->lo, .hi = e->hi };
    if (residual) {
        size_t pixels, channels;
        f.residual = residual->data;
        f.residual_after = e->residual_after;
        facet_cpu_rows_of(residual, &pixels, &channels, &f.residual_px);
    }
    if (e->act == FACET_ACT_RELU) {
        f.lo = 0;
        f.hi = INFINITY;
    }
    if (e->act == FACET_ACT_RELU || e->act == FACET_ACT_CLIP)
        f.fin = FACET_FIN_CLIP;
    if (e->act == FACET_ACT_LEAKY || e->act == FACET_ACT_PRELU)
        f.fin = FACET_FIN_PRELU;
    return f;
}

void facet_cpu_finish_rest(const struct facet_epilogue *e, struct facet_tensor *out)
{
    size_t pixels, channels, px;
    if (kernels_finish(e->act))
        return;
    facet_cpu_rows_of(out, &pixels, &channels, &px);
    facet_cpu_map(e->act, e->alpha, e->beta, out->data, px, out->data, px, pixels, channels);
}

static float clamp01(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

static void map_row(enum facet_act act, float alpha, float beta, const float *in, float *out, size_t n)
{
    switch (act) {
    case FACET_ACT_SIGMOID:
        for (size_t i = 0; i < n; i++)
            out[i] = 1 / (1 + expf(-in[i]));
        break;
    case FACET_ACT_TANH:
        for (size_t i = 0; i < n; i++)
            out[i] = tanhf(in[i]);
        break;
    case FACET_ACT_HARD_SIGMOID:
        for (size_t i = 0; i < n; i++)
            out[i] = clamp01(alpha * in[i] + beta);
        break;
    case FACET_ACT_HARD_SWISH:
        for (size_t i = 0; i < n; i++)
            out[i] = in[i] * clamp01(in[i] / 6 + 0.5f);
        break;
    default:
        break;
    }
}

void facet_cpu_map(enum facet_act act, float alpha, float beta, const float *in, size_t in_px, float *out, size_t out_px,
                   size_t pixels, size_t channels)
{
    for (size_t p = 0; p < pixels; p++)
        map_row(act, alpha, beta, in + p * in_px, out + p * out_px, channels);
}

struct split { size_t n, step, parts; facet_cpu_part_fn *fn; void *ctx; };

static void split_part(void *ctx, size_t i, unsigned worker)
{
    struct split *s = ctx;
    size_t units = (s->n + s->step - 1) / s->step;
    size_t a = units * i / s->parts * s->step, b = units * (i + 1) / s->parts * s->step;
    if (a < s->n)
        s->fn(s->ctx, a, b < s->n ? b : s->n, worker);
}

void facet_cpu_split(struct facet_pool *pool, size_t n, size_t step, facet_cpu_part_fn *fn, void *ctx)
{
    facet_cpu_split_into(pool, n, step, 4, fn, ctx);
}

void facet_cpu_split_into(struct facet_pool *pool, size_t n, size_t step, unsigned each, facet_cpu_part_fn *fn, void *ctx)
{
    unsigned threads = facet_pool_threads(pool);
    if (threads == 1 || n <= step) {
        if (n)
            fn(ctx, 0, n, 0);
        return;
    }
    struct split s = { .n = n, .step = step, .fn = fn, .ctx = ctx };
    size_t units = (n + step - 1) / step;
    s.parts = units < threads * each ? units : threads * each;
    facet_pool_for(pool, s.parts, split_part, &s);
}
