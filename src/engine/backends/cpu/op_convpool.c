/* facet.ConvPool: inputs x, weights and, perhaps, bias of a 3x3 convolution of few channels; its activation is the
 * node's epilogue; then the 3x3/2 maximum, rounding up; all in floats, or all kept in 8 bits. facet_cpu_fuse_convpool puts
 * it in place of the two. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/cpu.h"
#include "base/errors.h"
#include "base/pool.h"
#include "engine/number.h"
#include "engine/pack.h"
#include "engine/passes/passes.h"

#include <string.h>

#define MAX_IC 4     /* above, squares of Winograd save more */

/* ---- recognising ---- */

static bool is_float(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 && !g->values[v].is_stored;
}

static bool is_u8(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].dtype == FACET_F32 && g->values[v].is_stored && g->values[v].store == FACET_U8;
}

/* Floats all, or bytes by bytes. */
static bool is_fit(const struct facet_kernels *k, const struct facet_graph *g, const struct facet_node *n)
{
    int x = n->inputs[0], y = n->outputs[0];
    const struct facet_value *w = facet_cpu_value(g, n, 1);
    if (!w || !w->data || w->shape.rank != 4)
        return false;
    return w->is_stored ? k->convpool_u8 && is_u8(g, x) && is_u8(g, y) && facet_cpu_sums_store(g, n, FACET_U8)
                        : k->convpool_f32 && is_float(g, x) && is_float(g, y);
}

static bool is_plain(const struct facet_window *w, int64_t stride)
{
    return w->kernel_h == 3 && w->kernel_w == 3 && w->stride_h == stride && w->stride_w == stride && w->dilation_h == 1 &&
           w->dilation_w == 1 && !w->pad_top && !w->pad_left && !w->pad_bottom && !w->pad_right;
}

static bool is_conv(const struct facet_kernels *k, const struct facet_graph *g, const struct facet_node *n)
{
    struct facet_window win;
    if (!n->op || strcmp(n->op, "Conv") || *n->domain || n->epi.residual >= 0 || !is_fit(k, g, n))
        return false;
    const struct facet_value *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2), *x = facet_cpu_value(g, n, 0);
    if (w->shape.dim[1] > MAX_IC || (b && (!b->data || b->is_stored)) ||
        x->shape.rank != 4 || x->shape.dim[1] != w->shape.dim[1] || facet_node_int(n, "group", 1) != 1 || !facet_cpu_epilogue_fits(g, n))
        return false;
    enum facet_act act = n->epi.act;
    bool fits = act == FACET_ACT_NONE || act == FACET_ACT_RELU || act == FACET_ACT_CLIP || act == FACET_ACT_LEAKY || act == FACET_ACT_PRELU;
    int64_t h = x->shape.dim[2], width = x->shape.dim[3];
    return fits && h > 0 && h < 1 << 20 && width > 0 && width < 1 << 20 && facet_convpool_fits((int)h, (int)width, (int)w->shape.dim[1]) &&
           !facet_window_init(&win, g, n, w->shape.dim[2], w->shape.dim[3], h, width) && is_plain(&win, 1);
}

/* A maximum keeps the numbers as they are. */
static bool is_same(const struct facet_graph *g, int from, int to)
{
    return is_float(g, from) ? is_float(g, to) : is_u8(g, to) && facet_quant_same(&g->values[from].quant, &g->values[to].quant);
}

/* The 3x3/2 maximum that alone uses the convolution's output, and whose windows all begin inside of it; -1: none. */
static int pool_behind(const struct facet_graph *g, const struct facet_node *conv)
{
    int node = facet_pass_single_user(g, conv->outputs[0]);
    const struct facet_node *n = node < 0 ? NULL : &g->nodes[node];
    const struct facet_shape *s = &g->values[conv->outputs[0]].shape;
    struct facet_window w;
    if (!n || !n->op || strcmp(n->op, "MaxPool") || *n->domain || n->n_outputs != 1 || n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0 ||
        !is_same(g, conv->outputs[0], n->outputs[0]) || s->rank != 4 || facet_window_init(&w, g, n, 0, 0, s->dim[2], s->dim[3]) || !is_plain(&w, 2))
        return -1;
    return w.out_h == (s->dim[2] - 2) / 2 + 1 && w.out_w == (s->dim[3] - 2) / 2 + 1 ? node : -1;
}

static int replace(struct facet_graph *g, int conv, int pool)
{
    int in[3] = { -1, -1, -1 }, n_in = g->nodes[conv].n_inputs, out = g->nodes[pool].outputs[0];
    struct facet_epilogue epi = g->nodes[conv].epi;
    for (int i = 0; i < n_in && i < 3; i++)
        in[i] = g->nodes[conv].inputs[i];
    facet_graph_kill_node(g, pool);
    facet_graph_kill_node(g, conv);
    int node = facet_graph_add_node(g, "ConvPool", "facet", "facet:convpool", in, n_in, &out, 1);
    if (node < 0)
        return node;
    g->nodes[node].epi = epi;
    return FACET_OK;
}

int facet_cpu_fuse_convpool(struct facet_graph *g)
{
    struct facet_kernels k;
    int err = FACET_OK, n = g->n_nodes;
    facet_kernels_init(&k, facet_cpu_flags(NULL));
    for (int i = 0; !err && i < n; i++) {
        int pool = is_conv(&k, g, &g->nodes[i]) ? pool_behind(g, &g->nodes[i]) : -1;
        err = pool < 0 ? FACET_OK : replace(g, i, pool);
    }
    return err;
}

/* ---- running ---- */

static bool convpool_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2);
    return w && w->data && (!b || b->data);
}

static bool convpool_stores(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    return t == FACET_U8 && facet_cpu_sums_store(g, n, t);
}

static int pack_weights(struct facet_cpu_node *s, const struct facet_value *w, struct facet_pack *pack)
{
    int oc = (int)w->shape.dim[0], ic = (int)w->shape.dim[1];
    bool is_bytes = s->fmt == FACET_FMT_U8, fresh;
    size_t bytes = is_bytes ? facet_conv_pack_bytes(&s->k, s->fmt, oc, ic, 3, 3, 1) : facet_convpool_pack_floats(&s->k, oc, ic) * sizeof(float);
    void *data;
    int err = facet_pack_blob(pack, bytes, &data, &fresh);
    s->w = err ? NULL : data;
    if (err || !fresh)
        return err;
    if (is_bytes)
        facet_pack_conv_s8(&s->k, w->data, oc, ic, 3, 3, 1, data);
    else
        facet_pack_convpool(&s->k, w->data, oc, ic, data);
    return FACET_OK;
}

static int convpool_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_value *w = facet_cpu_value(g, n, 1), *b = facet_cpu_value(g, n, 2);
    s->channels = w->shape.dim[0];
    s->fmt = facet_cpu_value_fmt(facet_cpu_value(g, n, 0));
    int err = pack_weights(s, w, pack);
    if (!err)
        err = facet_cpu_pack_bias(s, g, n, b ? b->data : NULL, s->channels, pack);
    return err ? err : facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

static struct facet_conv conv_of(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_tensor *in = r->in[0], *out = r->out[0];
    const int64_t *i = in->shape.dim, *o = out->shape.dim;
    return (struct facet_conv){
        .in = in->data, .out = out->data, .n = (int)i[0], .ic = (int)i[1], .ih = (int)i[2], .iw = (int)i[3], .oc = (int)o[1], .oh = (int)o[2],
        .ow = (int)o[3], .in_px = (size_t)i[1], .out_px = (size_t)(out->pixel_stride ? out->pixel_stride : o[1]), .kh = 3, .kw = 3, .sy = 1,
        .sx = 1, .dy = 1, .dx = 1, .w = s->w, .fin = facet_cpu_finish_sums(s, &g->nodes[node].epi, out, NULL),
    };
}

static size_t scratch_of(const struct facet_cpu_node *s, const struct facet_conv *c)
{
    return s->fmt == FACET_FMT_U8 ? facet_convpool_u8_scratch(c) : facet_convpool_scratch(c);
}

static size_t convpool_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_conv c = conv_of(s, g, node, r);
    return scratch_of(s, &c);
}

struct job {
    struct facet_conv c;
    void (*run)(const struct facet_conv *c, size_t u0, size_t u1, void *scratch);
    char *scratch;
    size_t scratch_bytes;
};

static void part_pairs(void *ctx, size_t a, size_t b, unsigned worker)
{
    struct job *j = ctx;
    j->run(&j->c, a, b, j->scratch + worker * j->scratch_bytes);
}

static int convpool_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct job j = { .run = s->fmt == FACET_FMT_U8 ? s->k.convpool_u8 : s->k.convpool_f32, .c = conv_of(s, g, node, r), .scratch = r->scratch };
    size_t pairs = ((size_t)j.c.oh + 1) / 2;
    j.scratch_bytes = (scratch_of(s, &j.c) + 63) / 64 * 64;
    facet_cpu_split(r->pool, (size_t)j.c.n * pairs, j.c.n > 1 ? pairs : 1, part_pairs, &j);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_convpool[] = {
    { .name = "ConvPool", .domain = "facet", .supports = convpool_supports, .stores = convpool_stores, .strided = FACET_STRIDED_OUT,
      .drops = true, .prepare = convpool_prepare, .scratch = convpool_scratch, .run = convpool_run },
    { 0 },
};
