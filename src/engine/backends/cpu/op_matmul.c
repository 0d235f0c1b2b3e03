/* Gemm and MatMul whose right side is constant: a 1x1 convolution over rows. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <stdlib.h>
#include <string.h>

static bool is_gemm(const struct facet_node *n)
{
    return !strcmp(n->op, "Gemm");
}

static bool transposed(const struct facet_node *n)
{
    return is_gemm(n) && facet_node_int(n, "transB", 0);
}

/* Depth and output channels. */
static void sides(const struct facet_graph *g, const struct facet_node *n, int64_t *depth, int64_t *oc)
{
    const struct facet_shape *w = &g->values[n->inputs[1]].shape;
    *depth = w->dim[transposed(n) ? 1 : 0];
    *oc = w->dim[transposed(n) ? 0 : 1];
}

static bool matmul_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *x = facet_cpu_value(g, n, 0), *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2);
    int64_t count = 0, depth, oc;
    if (!w || !w->data || w->dtype != FACET_F32 || w->shape.rank != 2 || !facet_cpu_sums_fit(g, n) || x->shape.rank < 2 || x->shape.rank > 3)
        return false;
    if (is_gemm(n) && (facet_node_int(n, "transA", 0) || x->shape.rank != 2))
        return false;
    sides(g, n, &depth, &oc);
    if (w->is_stored && (!transposed(n) || facet_node_float(n, "alpha", 1) != 1))
        return false;
    if (x->shape.rank == 3 && (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0))
        return false;
    if (!b)
        return true;
    bool is_row = b->shape.rank == 1 || (b->shape.rank == 2 && b->shape.dim[0] == 1);
    return facet_cpu_floats(g, n->inputs[2], &count) && (count == 1 || (is_row && count == oc));
}

/* Weights as [oc][depth] times alpha, in memory of its own. */
static float *weights_of(const struct facet_graph *g, const struct facet_node *n, int64_t depth, int64_t oc)
{
    const float *w = g->values[n->inputs[1]].data;
    float alpha = is_gemm(n) ? facet_node_float(n, "alpha", 1) : 1;
    float *out = malloc((size_t)(depth * oc) * sizeof(float));
    for (int64_t o = 0; out && o < oc; o++)
        for (int64_t i = 0; i < depth; i++)
            out[o * depth + i] = alpha * (transposed(n) ? w[o * depth + i] : w[i * oc + o]);
    return out;
}

static int pack_bias(struct facet_cpu_node *s, const struct facet_graph *g, const struct facet_node *n, struct facet_pack *pack)
{
    float beta = is_gemm(n) ? facet_node_float(n, "beta", 1) : 1;
    int64_t count = 0;
    const float *b = n->n_inputs > 2 ? facet_cpu_floats(g, n->inputs[2], &count) : NULL;
    float *scaled = b ? malloc((size_t)count * sizeof(float)) : NULL;
    if (b && !scaled)
        return facet_fail_nomem();
    for (int64_t i = 0; i < count; i++)
        scaled[i] = beta * b[i];
    int err = facet_cpu_pack_bias(s, g, n, scaled, count, pack);
    free(scaled);
    return err;
}

static int pack_floats(const struct facet_cpu_node *s, const struct facet_graph *g, const struct facet_node *n, void *to)
{
    int64_t depth, oc;
    sides(g, n, &depth, &oc);
    float *w = weights_of(g, n, depth, oc);
    if (!w)
        return facet_fail_nomem();
    if (s->fmt == FACET_FMT_BF16)
        facet_pack_conv_bf16(&s->k, w, (int)oc, (int)depth, 1, 1, 1, to);
    else
        facet_pack_conv(&s->k, w, (int)oc, (int)depth, 1, 1, to);
    free(w);
    return FACET_OK;
}

static int matmul_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    int64_t depth, oc;
    void *data;
    bool fresh;
    sides(g, n, &depth, &oc);
    s->channels = oc;
    s->fmt = facet_cpu_value_fmt(facet_cpu_value(g, n, 0));
    int err = facet_pack_blob(pack, facet_conv_pack_bytes(&s->k, s->fmt, (int)oc, (int)depth, 1, 1, 1), &data, &fresh);
    s->w = err ? NULL : data;
    if (!err && fresh && s->fmt == FACET_FMT_U8)
        facet_pack_conv_s8(&s->k, g->values[n->inputs[1]].data, (int)oc, (int)depth, 1, 1, 1, data);
    else if (!err && fresh)
        err = pack_floats(s, g, n, data);
    if (!err)
        err = pack_bias(s, g, n, pack);
    return err ? err : facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

static struct facet_conv matmul_of(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    int64_t depth, oc, rows = facet_shape_count(&r->in[0]->shape);
    sides(g, &g->nodes[node], &depth, &oc);
    rows = depth > 0 ? rows / depth : 0;
    return (struct facet_conv){
        .in = r->in[0]->data, .out = r->out[0]->data, .n = 1, .ih = 1, .iw = (int)rows, .ic = (int)depth, .oh = 1, .ow = (int)rows,
        .oc = (int)oc, .in_px = (size_t)depth, .out_px = (size_t)oc, .kh = 1, .kw = 1, .sy = 1, .sx = 1, .dy = 1, .dx = 1,
        .in_zero = r->in[0]->quant.zero, .w = s->w, .fin = facet_cpu_finish_sums(s, &g->nodes[node].epi, r->out[0], r->residual),
    };
}

static size_t matmul_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_conv c = matmul_of(s, g, node, r);
    return facet_conv_scratch(&c);
}

static int matmul_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_cpu_sums j = { .k = &s->k, .fmt = s->fmt, .c = matmul_of(s, g, node, r), .scratch = r->scratch };
    j.scratch_bytes = (facet_conv_scratch(&j.c) + 63) / 64 * 64;
    facet_cpu_sums_run(&j, true, r->pool);
    facet_cpu_finish_rest(&g->nodes[node].epi, r->out[0]);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_matmul[] = {
    { .name = "Gemm", .supports = matmul_supports, .stores = facet_cpu_sums_store,
      .nchw = true, .drops = true, .prepare = matmul_prepare, .scratch = matmul_scratch, .run = matmul_run },
    { .name = "MatMul", .supports = matmul_supports, .stores = facet_cpu_sums_store,
      .nchw = true, .drops = true, .prepare = matmul_prepare, .scratch = matmul_scratch, .run = matmul_run },
    { 0 },
};
