/* Number by number: sums and products with a partner or a constant per channel, and activations. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/pool.h"
#include "engine/pack.h"

#include <math.h>
#include <string.h>

enum mode { MODE_SAME, MODE_CONST_RIGHT, MODE_CONST_LEFT };

/* A constant that gives one number, or one per channel of a value of shape `x`; its count, or 0. */
static int64_t per_channel(const struct facet_graph *g, int value, const struct facet_shape *x)
{
    int64_t count;
    if (!facet_cpu_floats(g, value, &count) || x->rank < 1)
        return 0;
    const struct facet_shape *s = &g->values[value].shape;
    if (s->rank > x->rank)
        return 0;
    if (count == 1)
        return 1;
    int axis = 1 - (x->rank - s->rank);      /* where the constant's own channels would lie */
    if ((x->rank != 4 && x->rank != 2) || axis < 0 || axis >= s->rank || s->dim[axis] != count || x->dim[1] != count)
        return 0;
    return count;
}

static enum mode mode_of(const struct facet_graph *g, const struct facet_node *n, int *constant)
{
    bool right = g->values[n->inputs[1]].data != NULL, left = g->values[n->inputs[0]].data != NULL;
    *constant = right ? n->inputs[1] : left ? n->inputs[0] : -1;
    return right ? MODE_CONST_RIGHT : left ? MODE_CONST_LEFT : MODE_SAME;
}

static bool binary_supports(const struct facet_graph *g, const struct facet_node *n)
{
    int constant;
    const struct facet_shape *out = &g->values[n->outputs[0]].shape;
    enum mode mode = n->inputs[0] >= 0 && n->inputs[1] >= 0 ? mode_of(g, n, &constant) : MODE_SAME;
    if (n->n_inputs != 2 || out->rank < 1)
        return false;
    if (mode == MODE_SAME)
        return facet_cpu_same_shape(&g->values[n->inputs[0]].shape, out) && facet_cpu_same_shape(&g->values[n->inputs[1]].shape, out);
    const struct facet_shape *x = &g->values[n->inputs[mode == MODE_CONST_RIGHT ? 0 : 1]].shape;
    if (!facet_cpu_same_shape(x, out))
        return false;
    int64_t count = per_channel(g, constant, out);
    return count > 1 || (count == 1 && (out->rank == 4 || out->rank == 2) && out->dim[1] > 0);
}

static int binary_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_shape *out = &g->values[n->outputs[0]].shape;
    int64_t count;
    int constant, err = FACET_OK;
    const float *w = NULL;
    s->channels = out->rank >= 2 ? out->dim[1] : 1;
    s->mode = (int)mode_of(g, n, &constant);
    const float *v = facet_cpu_floats(g, constant, &count);
    if (s->mode != MODE_SAME)
        err = facet_cpu_pack_channels(pack, v, count, s->channels, &w);
    s->w = w;
    return err ? err : facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

static enum facet_binary binary_of(const char *op)
{
    return !strcmp(op, "Add") ? FACET_ADD : !strcmp(op, "Sub") ? FACET_SUB : !strcmp(op, "Mul") ? FACET_MUL : FACET_DIV;
}

struct job {
    const struct facet_cpu_node *s;
    const struct facet_node *n;
    const float *a, *b;
    float *out;
    size_t a_px, b_px, out_px, channels;
    struct facet_finish fin;
    bool finish;
};

static void part_binary(void *ctx, size_t p0, size_t p1, unsigned worker)
{
    struct job *j = ctx;
    struct facet_finish f = j->fin;
    (void)worker;
    float *out = j->out + p0 * j->out_px;
    j->s->k.binary_f32(binary_of(j->n->op), j->a + p0 * j->a_px, j->a_px, j->b + p0 * j->b_px, j->b_px, out, j->out_px, p1 - p0, j->channels);
    if (f.residual)
        f.residual = (const float *)f.residual + p0 * f.residual_px;
    if (j->finish)
        j->s->k.finish_f32(out, j->out_px, out, j->out_px, p1 - p0, j->channels, &f);
}

static int binary_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    struct job j = { .s = s, .n = n, .out = r->out[0]->data, .fin = facet_cpu_finish(s, &n->epi, r->residual) };
    size_t pixels, channels;
    j.finish = j.fin.fin != FACET_FIN_NONE || j.fin.residual;
    facet_cpu_rows_of(r->out[0], &pixels, &j.channels, &j.out_px);
    if (s->mode == MODE_CONST_LEFT)
        j.a = s->w;
    else
        facet_cpu_rows_of(r->in[0], &pixels, &channels, &j.a_px);
    if (s->mode == MODE_CONST_RIGHT)
        j.b = s->w;
    else
        facet_cpu_rows_of(r->in[1], &pixels, &channels, &j.b_px);
    j.a = j.a ? j.a : r->in[0]->data;
    j.b = j.b ? j.b : r->in[1]->data;
    facet_cpu_split(r->pool, pixels, 64, part_binary, &j);
    facet_cpu_finish_rest(&n->epi, r->out[0]);
    return FACET_OK;
}

/* The same in blocks of floats, whatever the inputs and the output are kept as. */
struct mix {
    const struct facet_cpu_node *s;
    const struct facet_node *n;
    struct facet_cpu_rows a, b, residual, out;     /* data NULL: `constant` stands there, or none */
    const float *constant;
    bool left;                                     /* the constant is a */
    struct facet_finish fin;
    bool binary, finish;
};

/* The end of a block: bias, slope and residual are those of its first channel. */
static void finish_block(const struct mix *m, float *x, size_t pixel, size_t channel, size_t pixels, size_t channels)
{
    float residual[FACET_CPU_BLOCK];
    struct facet_finish f = m->fin;
    f.bias = f.bias ? f.bias + channel : NULL;
    f.slope = f.slope ? f.slope + channel : NULL;
    if (m->residual.data) {
        facet_cpu_read(&m->s->k, &m->residual, pixel, channel, pixels, channels, residual);
        f.residual = residual;
        f.residual_px = channels;
    }
    m->s->k.finish_f32(x, channels, x, channels, pixels, channels, &f);
}

static void mix_block(void *ctx, size_t pixel, size_t channel, size_t pixels, size_t channels)
{
    struct mix *m = ctx;
    const struct facet_kernels *k = &m->s->k;
    float a[FACET_CPU_BLOCK], b[FACET_CPU_BLOCK];
    const float *left = m->left ? m->constant + channel : a, *right = !m->left && m->constant ? m->constant + channel : b;
    if (m->a.data)
        facet_cpu_read(k, &m->a, pixel, channel, pixels, channels, a);
    if (m->b.data)
        facet_cpu_read(k, &m->b, pixel, channel, pixels, channels, b);
    if (m->binary)
        k->binary_f32(binary_of(m->n->op), left, left == a ? channels : 0, right, right == b ? channels : 0, a, channels, pixels, channels);
    if (m->finish)
        finish_block(m, a, pixel, channel, pixels, channels);
    facet_cpu_write(k, &m->out, pixel, channel, pixels, channels, a);
}

static void mix_pixels(void *ctx, size_t begin, size_t end, unsigned worker)
{
    (void)worker;
    facet_cpu_for_blocks(begin, end, ((struct mix *)ctx)->out.channels, mix_block, ctx);
}

static bool any(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    enum facet_act act = n->epi.act;
    bool finishes = act == FACET_ACT_NONE || act == FACET_ACT_RELU || act == FACET_ACT_CLIP || act == FACET_ACT_LEAKY || act == FACET_ACT_PRELU;
    return finishes && (t == FACET_BF16 || t == FACET_U8);
}

static int binary_run_stored(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    struct mix m = { .s = s, .n = n, .out = facet_cpu_rows_for(r->out[0]), .fin = facet_cpu_finish(s, &n->epi, NULL), .binary = true };
    m.left = s->mode == MODE_CONST_LEFT;
    m.constant = s->mode == MODE_SAME ? NULL : s->w;
    if (!m.left)
        m.a = facet_cpu_rows_for(r->in[0]);
    if (m.left || !m.constant)
        m.b = facet_cpu_rows_for(r->in[1]);
    if (r->residual) {
        m.residual = facet_cpu_rows_for(r->residual);
        m.fin.residual_after = n->epi.residual_after;
    }
    m.finish = m.fin.fin != FACET_FIN_NONE || r->residual;
    facet_cpu_split(r->pool, m.out.pixels, 64, mix_pixels, &m);
    return FACET_OK;
}

/* ---- activations that stand alone: an epilogue on their input ---- */

static float clip_bound(const struct facet_graph *g, const struct facet_node *n, int input, const char *name, float fallback)
{
    int64_t count;
    const float *v = input < n->n_inputs ? facet_cpu_floats(g, n->inputs[input], &count) : NULL;
    return v ? *v : facet_node_float(n, name, fallback);
}

/* What the node does, as an epilogue. */
static struct facet_epilogue act_of(const struct facet_graph *g, const struct facet_node *n)
{
    struct facet_epilogue e = { .residual = -1, .slope = -1 };
    if (!strcmp(n->op, "Relu"))
        e.act = FACET_ACT_RELU;
    else if (!strcmp(n->op, "Clip"))
        e = (struct facet_epilogue){ .residual = -1, .act = FACET_ACT_CLIP, .lo = clip_bound(g, n, 1, "min", -INFINITY),
                                     .hi = clip_bound(g, n, 2, "max", INFINITY) };
    else if (!strcmp(n->op, "LeakyRelu"))
        e = (struct facet_epilogue){ .residual = -1, .act = FACET_ACT_LEAKY, .alpha = facet_node_float(n, "alpha", 0.01f) };
    else if (!strcmp(n->op, "PRelu"))
        e = (struct facet_epilogue){ .residual = -1, .act = FACET_ACT_PRELU, .slope = n->inputs[1] };
    else if (!strcmp(n->op, "Sigmoid"))
        e.act = FACET_ACT_SIGMOID;
    else if (!strcmp(n->op, "Tanh"))
        e.act = FACET_ACT_TANH;
    else if (!strcmp(n->op, "HardSwish"))
        e.act = FACET_ACT_HARD_SWISH;
    else
        e = (struct facet_epilogue){ .residual = -1, .act = FACET_ACT_HARD_SIGMOID, .alpha = facet_node_float(n, "alpha", 0.2f),
                                     .beta = facet_node_float(n, "beta", 0.5f) };
    return e;
}

static bool act_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    struct facet_epilogue e = act_of(g, n);
    if (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    for (int i = 1; i < n->n_inputs; i++)
        if (n->inputs[i] >= 0 && !g->values[n->inputs[i]].data)
            return false;
    if (e.act == FACET_ACT_PRELU)
        return (x->rank == 4 || x->rank == 2) && x->dim[1] > 0 && per_channel(g, e.slope, x) > 0;
    return e.act != FACET_ACT_LEAKY || ((x->rank == 4 || x->rank == 2) && x->dim[1] > 0);
}

static int act_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_shape *x = &g->values[g->nodes[node].inputs[0]].shape;
    struct facet_epilogue e = act_of(g, &g->nodes[node]);
    s->channels = x->rank >= 2 ? x->dim[1] : 1;
    return facet_cpu_prepare_epilogue(s, &e, g, pack);
}

static void part_act(void *ctx, size_t p0, size_t p1, unsigned worker)
{
    struct job *j = ctx;
    (void)worker;
    j->s->k.finish_f32(j->a + p0 * j->a_px, j->a_px, j->out + p0 * j->out_px, j->out_px, p1 - p0, j->channels, &j->fin);
}

static int act_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_epilogue e = act_of(g, &g->nodes[node]);
    struct job j = { .s = s, .a = r->in[0]->data, .out = r->out[0]->data, .fin = facet_cpu_finish(s, &e, NULL) };
    size_t pixels;
    facet_cpu_rows_of(r->in[0], &pixels, &j.channels, &j.a_px);
    facet_cpu_rows_of(r->out[0], &pixels, &j.channels, &j.out_px);
    if (j.fin.fin != FACET_FIN_NONE)
        facet_cpu_split(r->pool, pixels, 64, part_act, &j);
    else
        facet_cpu_map(e.act, e.alpha, e.beta, j.a, j.a_px, j.out, j.out_px, pixels, j.channels);
    return FACET_OK;
}

static bool act_stores(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t)
{
    struct facet_epilogue e = act_of(g, n);
    bool finishes = e.act == FACET_ACT_RELU || e.act == FACET_ACT_CLIP || e.act == FACET_ACT_LEAKY || e.act == FACET_ACT_PRELU;
    return finishes && (t == FACET_BF16 || t == FACET_U8);
}

static int act_run_stored(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_epilogue e = act_of(g, &g->nodes[node]);
    struct mix m = { .s = s, .a = facet_cpu_rows_for(r->in[0]), .out = facet_cpu_rows_for(r->out[0]), .fin = facet_cpu_finish(s, &e, NULL), .finish = true };
    facet_cpu_split(r->pool, m.out.pixels, 64, mix_pixels, &m);
    return FACET_OK;
}

/* ---- BatchNormalization that no convolution took: scale and shift ---- */

static bool norm_supports(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_shape *x = &g->values[n->inputs[0]].shape;
    int64_t count;
    if (n->n_inputs != 5 || n->n_outputs != 1 || (x->rank != 4 && x->rank != 2) || facet_node_int(n, "training_mode", 0))
        return false;
    for (int i = 1; i < 5; i++)
        if (!facet_cpu_floats(g, n->inputs[i], &count) || count != x->dim[1])
            return false;
    return true;
}

static int norm_prepare(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    const float *in[5];
    int64_t count = 0;
    float *blob[2];
    float epsilon = facet_node_float(n, "epsilon", 1e-5f);
    bool fresh = false;
    for (int i = 1; i < 5; i++)
        in[i] = facet_cpu_floats(g, n->inputs[i], &count);
    for (int i = 0; i < 2; i++) {
        void *data;
        int err = facet_pack_blob(pack, (size_t)(count + 64) * sizeof(float), &data, &fresh);
        if (err)
            return err;
        blob[i] = data;
        for (int64_t c = 0; fresh && c < count; c++) {
            float scale = in[1][c] / sqrtf(in[4][c] + epsilon);
            blob[i][c] = i == 0 ? scale : in[2][c] - in[3][c] * scale;
        }
    }
    s->w = blob[0];
    s->bias = blob[1];
    s->channels = count;
    return facet_cpu_prepare_epilogue(s, &n->epi, g, pack);
}

static int norm_run(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_finish f = facet_cpu_finish(s, &g->nodes[node].epi, r->residual);
    size_t pixels, channels, in_px, out_px;
    float *out = r->out[0]->data;
    facet_cpu_rows_of(r->in[0], &pixels, &channels, &in_px);
    facet_cpu_rows_of(r->out[0], &pixels, &channels, &out_px);
    s->k.binary_f32(FACET_MUL, r->in[0]->data, in_px, s->w, 0, out, out_px, pixels, channels);
    s->k.finish_f32(out, out_px, out, out_px, pixels, channels, &f);
    facet_cpu_finish_rest(&g->nodes[node].epi, r->out[0]);
    return FACET_OK;
}

#define ALL_STRIDED (FACET_STRIDED_IN | FACET_STRIDED_OUT | FACET_STRIDED_RESIDUAL)
#define BINARY(NAME) { .name = NAME, .supports = binary_supports, .stores = any, .strided = ALL_STRIDED, .drops = true, .prepare = binary_prepare, \
    .run = binary_run, .run_stored = binary_run_stored }
#define ACT(NAME, DROPS) { .name = NAME, .supports = act_supports, .stores = act_stores, .strided = ALL_STRIDED, .drops = DROPS, .prepare = act_prepare, \
    .run = act_run, .run_stored = act_run_stored }

const struct facet_cpu_op facet_cpu_elementwise[] = {
    BINARY("Add"), BINARY("Sub"), BINARY("Mul"), BINARY("Div"),
    ACT("Relu", true), ACT("Clip", false), ACT("LeakyRelu", true), ACT("PRelu", true), ACT("Sigmoid", true),
    ACT("Tanh", true), ACT("HardSwish", true), ACT("HardSigmoid", true),
    { .name = "BatchNormalization", .supports = norm_supports, .strided = ALL_STRIDED, .drops = true, .prepare = norm_prepare, .run = norm_run },
    { 0 },
};
