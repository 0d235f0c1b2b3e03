#include "base/pool.h"
#include "engine/backends/ref/ref_priv.h"
#include "engine/ops/window.h"

/* The outputs o in [from, to) for which o * stride + offset falls inside [0, in). */
static void inside(int64_t offset, int64_t stride, int64_t in, int64_t out, int64_t *from, int64_t *to)
{
    *from = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    *to = in - offset <= 0 ? 0 : (in - offset - 1) / stride + 1;
    *to = *to > out ? out : *to;
}

#define NUMBER float
#define NAME(x) x##_f32
#include "engine/backends/ref/conv_body.inc.h"
#undef NUMBER
#undef NAME

/* Integers wrap around instead of overflowing. */
#define NUMBER uint32_t
#define NAME(x) x##_u32
#include "engine/backends/ref/conv_body.inc.h"
#undef NUMBER
#undef NAME

static int run_conv(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    struct conv_f32 c = {.x = r->in[0]->data, .w = r->in[1]->data, .bias = facet_ref_floats(r, 2), .y = r->out[0]->data};
    return conv_all_f32(&c, g, n, &r->in[0]->shape, &r->in[1]->shape, r->pool);
}

int facet_ref_conv_u32(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r, const struct facet_shape *weights,
                       const uint32_t *x, const uint32_t *w, const uint32_t *bias, uint32_t *y)
{
    struct conv_u32 c = {.x = x, .w = w, .bias = bias, .y = y};
    return conv_all_u32(&c, g, n, &r->in[0]->shape, weights, r->pool);
}

const struct facet_ref_op facet_ref_conv[] = {
    {"Conv", run_conv},
    {0},
};
