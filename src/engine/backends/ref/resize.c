#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/sampling.h"

#include <math.h>
#include <string.h>

static int64_t clamp(int64_t v, int64_t hi)
{
    return v < 0 ? 0 : v > hi ? hi : v;
}

static int64_t nearest(enum facet_nearest how, float at)
{
    switch (how) {
    case FACET_NEAREST_FLOOR: return (int64_t)floorf(at);
    case FACET_NEAREST_CEIL: return (int64_t)ceilf(at);
    case FACET_NEAREST_PREFER_CEIL: return (int64_t)floorf(at + 0.5f);
    case FACET_NEAREST_PREFER_FLOOR: break;
    }
    return (int64_t)ceilf(at - 0.5f);
}

/* Two neighbours along one side and the weight of the second. */
struct tap {
    int64_t a, b;
    float weight;
};

static struct tap tap_at(const struct facet_sampling *s, float scale, int64_t i, int64_t in, int64_t out)
{
    float at = facet_sampling_at(s, scale, i, in, out);
    if (!s->is_linear) {
        int64_t k = clamp(nearest(s->nearest, at), in - 1);
        return (struct tap){k, k, 0};
    }
    at = at < 0 ? 0 : at > (float)(in - 1) ? (float)(in - 1) : at;
    int64_t a = (int64_t)at;
    return (struct tap){a, clamp(a + 1, in - 1), at - (float)a};
}

static int run_resize(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    const struct facet_shape *x = &r->in[0]->shape, *y = &r->out[0]->shape;
    const struct facet_attr *a = facet_node_attr(n, "scales");
    const struct facet_tensor *t = facet_ref_in(r, strcmp(n->op, "Resize") == 0 && g->opset >= 11 ? 2 : 1);
    const float *scales = a ? a->floats : t && facet_ref_count(t) == 4 ? t->data : NULL;
    struct facet_sampling s;
    int err = facet_sampling_init(&s, g, n, scales, 4);
    float scale_h = scales ? s.scale_h : (float)y->dim[2] / (float)x->dim[2];
    float scale_w = scales ? s.scale_w : (float)y->dim[3] / (float)x->dim[3];
    float *to = r->out[0]->data;
    for (int64_t p = 0; !err && p < x->dim[0] * x->dim[1]; p++) {
        const float *plane = (const float *)r->in[0]->data + p * x->dim[2] * x->dim[3];
        for (int64_t oy = 0; oy < y->dim[2]; oy++) {
            struct tap v = tap_at(&s, scale_h, oy, x->dim[2], y->dim[2]);
            const float *ra = plane + v.a * x->dim[3], *rb = plane + v.b * x->dim[3];
            for (int64_t ox = 0; ox < y->dim[3]; ox++) {
                struct tap h = tap_at(&s, scale_w, ox, x->dim[3], y->dim[3]);
                float top = ra[h.a] + (ra[h.b] - ra[h.a]) * h.weight, low = rb[h.a] + (rb[h.b] - rb[h.a]) * h.weight;
                *to++ = top + (low - top) * v.weight;
            }
        }
    }
    return err;
}

const struct facet_ref_op facet_ref_resize[] = {
    {"Resize", run_resize},
    {"Upsample", run_resize},
    {0},
};
