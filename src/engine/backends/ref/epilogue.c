#include "engine/backends/ref/ref_priv.h"

#include <math.h>

static float clip(float v, float lo, float hi)
{
    v = v < lo ? lo : v;
    return v > hi ? hi : v;
}

float facet_ref_activate(enum facet_act act, const struct facet_epilogue *e, float slope, float v)
{
    switch (act) {
    case FACET_ACT_NONE: return v;
    case FACET_ACT_RELU: return v > 0 ? v : 0;
    case FACET_ACT_CLIP: return clip(v, e->lo, e->hi);
    case FACET_ACT_LEAKY: return v >= 0 ? v : v * e->alpha;
    case FACET_ACT_PRELU: return v >= 0 ? v : v * slope;
    case FACET_ACT_SIGMOID: return 1.0f / (1.0f + expf(-v));
    case FACET_ACT_TANH: return tanhf(v);
    case FACET_ACT_HARD_SWISH: return v * clip(v / 6.0f + 0.5f, 0, 1);
    case FACET_ACT_HARD_SIGMOID: return clip(e->alpha * v + e->beta, 0, 1);
    }
    return v;
}

void facet_ref_epilogue(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_epilogue *e = &n->epi;
    struct facet_tensor *y = r->out[0];
    float *out = y->data;
    const float *res = r->residual ? r->residual->data : NULL;
    const struct facet_value *sv = e->slope >= 0 ? &g->values[e->slope] : NULL;
    const float *slopes = sv ? sv->data : NULL;
    size_t n_slopes = sv ? (size_t)facet_shape_count(&sv->shape) : 0;
    int64_t channels = y->shape.rank > 1 ? y->shape.dim[1] : 1, inner = 1;
    for (int i = 2; i < y->shape.rank; i++)
        inner *= y->shape.dim[i];
    size_t count = facet_ref_count(y);
    for (size_t i = 0; i < count; i++) {
        size_t c = (i / (size_t)inner) % (size_t)channels;
        float v = out[i] + (res && !e->residual_after ? e->residual_scale * res[i] : 0.0f);
        v = facet_ref_activate(e->act, e, slopes ? slopes[n_slopes == 1 ? 0 : c] : 0.0f, v);
        out[i] = v + (res && e->residual_after ? e->residual_scale * res[i] : 0.0f);
    }
}
