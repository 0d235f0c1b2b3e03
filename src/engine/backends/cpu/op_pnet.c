/* facet.PNet: inputs x, then weights, bias and slope of three layers, weights and bias of the two heads.
 * facet.PNetU8: the same with weights in 8 bits, the first layer's at will; `scales` and `zeros` are those of what the
 * layers and the heads read. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

static bool pnet_supports(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 1; i < n->n_inputs; i++)
        if (n->inputs[i] < 0 || !g->values[n->inputs[i]].data)
            return false;
    return n->n_inputs == 14 && n->n_outputs == 2;
}

static int pnet_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    struct facet_pnet_weights w;
    void *data;
    bool fresh;
    for (int i = 0, at = 1; i < 5; i++) {
        w.w[i] = g->values[n->inputs[at++]].data;
        w.bias[i] = g->values[n->inputs[at++]].data;
        if (i < 3)
            w.slope[i] = g->values[n->inputs[at++]].data;
    }
    int err = facet_pack_blob(pack, facet_pnet_pack_floats() * sizeof(float), &data, &fresh);
    s->w = err ? NULL : data;
    if (!err && fresh)
        facet_pack_pnet(&w, data);
    return err;
}

static bool pnet_u8_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_attr *scales = facet_node_attr(n, "scales"), *zeros = facet_node_attr(n, "zeros");
    return pnet_supports(g, n) && scales && zeros && scales->count == 4 && zeros->count == 4;
}

static bool pnet_u8_stores(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    (void)g;
    (void)n;
    return t == FACET_U8;
}

static int pnet_u8_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    struct facet_pnet_u8_weights w = { NULL };
    void *data;
    bool fresh;
    for (int i = 0, at = 1; i < 5; i++) {
        const struct facet_value *v = &g->values[n->inputs[at++]];
        w.w[i] = v->data;
        w.w_scale[i] = v->quant.scales;
        if (i == 0 && !v->is_stored)
            w.first = v->data;
        w.bias[i] = g->values[n->inputs[at++]].data;
        if (i < 3)
            w.slope[i] = g->values[n->inputs[at++]].data;
    }
    for (int i = 0; i < 4; i++) {
        w.scale[i] = facet_node_attr(n, "scales")->floats[i];
        w.zero[i] = (int32_t)facet_node_attr(n, "zeros")->ints[i];
    }
    int err = facet_pack_blob(pack, facet_pnet_u8_pack_bytes(), &data, &fresh);
    s->w = err ? NULL : data;
    if (!err && fresh)
        facet_pack_pnet_u8(&w, data);
    return err;
}

static size_t pnet_scratch(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    return facet_pnet_scratch((int)r->in[0]->shape.dim[3]);
}

struct job {
    void (*run)(const struct facet_pnet *p, int img, int r0, int r1, void *scratch);
    struct facet_pnet p;
    int oh, rows, strips;
    char *scratch;
    size_t scratch_bytes;
};

static void part_strip(void *ctx, size_t i, unsigned worker)
{
    struct job *j = ctx;
    int strip = (int)i % j->strips, r0 = strip * j->rows, r1 = r0 + j->rows < j->oh ? r0 + j->rows : j->oh;
    j->run(&j->p, (int)i / j->strips, r0, r1, j->scratch + worker * j->scratch_bytes);
}

/* One strip a picture and thread, unless that leaves strips of a few rows: a strip starts with the
 * twelve picture rows above it, which its neighbour does, too. */
static int pnet_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    const int64_t *d = r->in[0]->shape.dim;
    bool is_u8 = facet_node_attr(n, "scales");
    struct job j = { .run = is_u8 ? s->k.pnet_u8 : s->k.pnet_f32, .scratch = r->scratch };
    int ow, threads = (int)facet_pool_threads(r->pool);
    j.p = (struct facet_pnet){ .in = r->in[0]->data, .prob = r->out[0]->data, .box = r->out[1]->data, .n = (int)d[0], .h = (int)d[2],
                               .w = (int)d[3], .softmax = facet_node_int(n, "softmax", 0),
                               .pack = is_u8 ? NULL : s->w, .pack_u8 = is_u8 ? s->w : NULL };
    facet_pnet_size(j.p.h, j.p.w, &j.oh, &ow);
    if (j.oh < 1 || ow < 1)
        return facet_fail(FACET_E_FORMAT, "cannot run P-Net on %dx%d: the smallest picture is 11x11", j.p.w, j.p.h);
    j.rows = (j.oh + threads - 1) / threads;
    j.rows = (j.rows < 16 ? 16 : j.rows + 3) / 4 * 4;
    j.strips = (j.oh + j.rows - 1) / j.rows;
    j.scratch_bytes = (facet_pnet_scratch(j.p.w) + 63) / 64 * 64;
    facet_pool_for(r->pool, (size_t)(j.p.n * j.strips), part_strip, &j);
    return FACET_OK;
}

const struct facet_cpu_op facet_cpu_pnet[] = {
    { .name = "PNet", .domain = "facet", .supports = pnet_supports, .nchw = true, .drops = true, .prepare = pnet_prepare, .scratch = pnet_scratch,
      .run = pnet_run },
    { .name = "PNetU8", .domain = "facet", .supports = pnet_u8_supports, .stores = pnet_u8_stores, .nchw = true, .drops = true,
      .prepare = pnet_u8_prepare, .scratch = pnet_scratch, .run = pnet_run },
    { 0 },
};
