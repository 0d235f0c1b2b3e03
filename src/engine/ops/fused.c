/* Operators of our own, domain "facet": made by passes, never read from files. */
#include "base/errors.h"
#include "engine/ops/ops.h"

#include <stdlib.h>

/* Layout keeps the shape and changes how the data lies. */
static int infer_layout(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    facet_fact_set(c, 0, x->dtype, &x->shape);
    return FACET_OK;
}

/* MTCNN's P-Net as one node: picture, then weights, bias and slopes of each layer. */
static int infer_pnet(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    if (!x || x->shape.rank != 4 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its input is not a float32 picture");
    struct facet_shape out = {4, {x->shape.dim[0], 2, -1, -1}};
    for (int i = 2; i < 4; i++) {
        int64_t side = x->shape.dim[i];
        if (side >= 0 && side < 11)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its input has a side of %lld, and 11 is the least", (long long)side);
        out.dim[i] = side < 0 ? -1 : (side - 1) / 2 - 4;
    }
    facet_fact_set(c, 0, FACET_F32, &out);
    out.dim[1] = 4;
    facet_fact_set(c, 1, FACET_F32, &out);
    return FACET_OK;
}

/* The layers' own, whatever the kernel saves. */
static int64_t macs_pnet(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    int64_t h = x->dim[2], w = x->dim[3];
    if (h < 11 || w < 11)
        return 0;
    int64_t ph = (h - 1) / 2, pw = (w - 1) / 2, out = (ph - 4) * (pw - 4);
    return 270 * (h - 2) * (w - 2) + 1440 * (ph - 2) * (pw - 2) + (4608 + 192) * out;
}

/* Several nodes as one: what comes in and out of the body is what comes in and out of it. */
static int infer_subgraph(struct facet_infer *c)
{
    const struct facet_graph *body = c->n->body;
    if (!body || body->n_inputs != c->n->n_inputs || body->n_outputs != c->n->n_outputs)
        return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "it has no body that fits");
    struct facet_fact *facts = malloc(((size_t)body->n_values + 1) * sizeof(*facts));
    if (!facts)
        return facet_fail_nomem();
    facet_infer_start(body, facts);
    for (int i = 0; i < body->n_inputs; i++)
        facts[body->inputs[i]] = *facet_fact_in(c, i);
    int err = facet_infer_run(body, facts);
    for (int i = 0; !err && i < body->n_outputs; i++)
        *facet_fact_out(c, i) = facts[body->outputs[i]];
    free(facts);
    return err;
}

static int64_t macs_subgraph(const struct facet_graph *g, const struct facet_node *n)
{
    int64_t macs = 0;
    for (int i = 0; n->body && i < n->body->n_nodes; i++)
        macs += facet_node_macs(n->body, i);
    return macs;
}

/* A 3x3 convolution without padding and the 3x3/2 maximum behind it, rounding up. */
static int infer_convpool(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0), *w = facet_fact_in(c, 1);
    if (!x || !w || x->shape.rank != 4 || w->shape.rank != 4 || x->dtype != FACET_F32)
        return facet_op_fail(c->g, c->n, FACET_E_UNSUPPORTED, "its input is not a float32 picture");
    struct facet_shape out = {4, {x->shape.dim[0], w->shape.dim[0], x->shape.dim[2], x->shape.dim[3]}};
    for (int i = 2; i < 4; i++) {
        if (out.dim[i] < 5)
            return facet_op_fail(c->g, c->n, FACET_E_FORMAT, "its input has a side of %lld, and 5 is the least", (long long)out.dim[i]);
        out.dim[i] = (out.dim[i] - 4) / 2 + 1;
    }
    facet_fact_set(c, 0, FACET_F32, &out);
    return FACET_OK;
}

static int64_t macs_convpool(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape, *w = &g->values[n->inputs[1]].shape;
    return x->dim[2] < 3 || x->dim[3] < 3 ? 0 : (x->dim[2] - 2) * (x->dim[3] - 2) * 9 * w->dim[0] * w->dim[1];
}

const struct facet_op facet_ops_fused[] = {
    {"Subgraph", "facet", 1, 0, 0, -1, -1, infer_subgraph, macs_subgraph},
    {"Layout", "facet", 1, 0, 1, 1, 1, infer_layout, NULL},
    {"PNet", "facet", 1, 0, 14, 14, 2, infer_pnet, macs_pnet},
    {"PNetU8", "facet", 1, 0, 14, 14, 2, infer_pnet, macs_pnet},
    {"ConvPool", "facet", 1, 0, 2, 3, 1, infer_convpool, macs_convpool},
    {0},
};
