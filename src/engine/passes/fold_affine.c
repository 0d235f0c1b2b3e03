/* BatchNormalization, and multiplications and additions of constants, are y = scale * x + shift per
 * channel. Behind a convolution or a product they go into its weights and bias; in front of a
 * convolution, too, where no padding would see the shift. */
#include "base/errors.h"
#include "engine/passes/passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct affine {
    int64_t channels;
    float *scale, *shift;    /* one allocation, at scale */
};

static int affine_init(struct affine *a, int64_t channels)
{
    a->channels = channels;
    a->scale = malloc((size_t)channels * 2 * sizeof(float));
    if (!a->scale)
        return facet_fail_nomem();
    a->shift = a->scale + channels;
    for (int64_t c = 0; c < channels; c++) {
        a->scale[c] = 1;
        a->shift[c] = 0;
    }
    return FACET_OK;
}

static int64_t channels_of(const struct facet_graph *g, int value)
{
    const struct facet_shape *s = &g->values[value].shape;
    return s->rank >= 2 ? s->dim[1] : -1;
}

/* A constant that says one number per channel of `like` (or one for all): its numbers, else NULL. */
static const float *per_channel(const struct facet_graph *g, int value, int like, int64_t *count)
{
    const struct facet_value *v = value >= 0 ? &g->values[value] : NULL;
    const struct facet_shape *y = &g->values[like].shape;
    if (!v || !v->data || v->dtype != FACET_F32 || v->is_stored || v->shape.rank > y->rank)
        return NULL;
    for (int i = 0; i < v->shape.rank; i++)
        if (v->shape.dim[i] != 1 && (i + y->rank - v->shape.rank != 1 || v->shape.dim[i] != y->dim[1]))
            return NULL;
    *count = facet_shape_count(&v->shape);
    return v->data;
}

static bool read_batchnorm(const struct facet_graph *g, const struct facet_node *n, struct affine *a)
{
    const float *p[4];
    float epsilon = facet_node_float(n, "epsilon", 1e-5f);
    for (int i = 0; i < 4; i++) {
        p[i] = facet_pass_floats(g, n->inputs[i + 1], a->channels);
        if (!p[i])
            return false;
    }
    for (int64_t c = 0; c < a->channels; c++) {
        double scale = p[0][c] / sqrt((double)p[3][c] + epsilon);
        a->scale[c] = (float)scale;
        a->shift[c] = (float)(p[1][c] - p[2][c] * scale);
    }
    return true;
}

/* x op constant; for Sub and Div only in this order, for Sub with the constant first the sign turns. */
static bool read_binary(const struct facet_graph *g, const struct facet_node *n, struct affine *a)
{
    int64_t count = 0;
    bool first = per_channel(g, n->inputs[0], n->outputs[0], &count) != NULL;
    const float *k = per_channel(g, n->inputs[!first], n->outputs[0], &count);
    if (!k || (first && strcmp(n->op, "Div") == 0))
        return false;
    for (int64_t c = 0; c < a->channels; c++) {
        float v = k[count == 1 ? 0 : c];
        if (strcmp(n->op, "Mul") == 0)
            a->scale[c] = v;
        else if (strcmp(n->op, "Div") == 0)
            a->scale[c] = 1.0f / v;
        else
            a->shift[c] = strcmp(n->op, "Sub") == 0 && !first ? -v : v;
        if (strcmp(n->op, "Sub") == 0 && first)
            a->scale[c] = -1;
    }
    return true;
}

static bool is_affine_op(const struct facet_node *n)
{
    static const char *const ops[] = {"BatchNormalization", "Mul", "Add", "Sub", "Div", NULL};
    for (int i = 0; n->op && n->epi.act == FACET_ACT_NONE && n->epi.residual < 0 && ops[i]; i++)
        if (strcmp(n->op, ops[i]) == 0)
            return true;
    return false;
}

/* FACET_E_NOT_FOUND when node i is no such thing. *x: the value it is applied to. */
static int affine_of(const struct facet_graph *g, int i, struct affine *a, int *x)
{
    const struct facet_node *n = &g->nodes[i];
    *a = (struct affine){0};
    if (!is_affine_op(n))
        return FACET_E_NOT_FOUND;
    bool is_bn = n->op[0] == 'B';
    *x = is_bn || !g->values[n->inputs[0]].data ? n->inputs[0] : n->inputs[1];
    int64_t channels = channels_of(g, n->outputs[0]);
    if (channels < 1 || g->values[n->outputs[0]].dtype != FACET_F32 || g->values[*x].data ||
        channels_of(g, *x) != channels || g->values[*x].shape.rank != g->values[n->outputs[0]].shape.rank)
        return FACET_E_NOT_FOUND;
    int err = affine_init(a, channels);
    if (!err && !(is_bn ? read_batchnorm(g, n, a) : read_binary(g, n, a)))
        err = FACET_E_NOT_FOUND;
    if (err)
        free(a->scale);
    return err;
}

/* ---- the nodes that take it in ---- */

/* Weights as rows of outputs: `step` from one output's number to the next of the same, and so on. */
struct weights {
    int value, bias;         /* bias -1: none yet */
    int64_t outs, ins;       /* numbers per output */
    bool out_is_last;        /* MatMul and untransposed Gemm: [inner, outputs] */
};

static bool weights_of(const struct facet_graph *g, const struct facet_node *n, struct weights *w)
{
    bool is_conv = n->op && strcmp(n->op, "Conv") == 0, is_gemm = n->op && strcmp(n->op, "Gemm") == 0;
    if ((!is_conv && !is_gemm) || n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    const struct facet_value *v = &g->values[n->inputs[1]];
    w->value = n->inputs[1];
    w->bias = n->n_inputs > 2 ? n->inputs[2] : -1;
    w->out_is_last = is_gemm && facet_node_int(n, "transB", 0) == 0;
    if (!v->data || v->dtype != FACET_F32 || v->is_stored || facet_shape_count(&v->shape) < 1)
        return false;
    if (is_gemm && (facet_node_float(n, "alpha", 1) != 1 || facet_node_float(n, "beta", 1) != 1))
        return false;
    w->outs = v->shape.dim[w->out_is_last ? 1 : 0];
    w->ins = facet_shape_count(&v->shape) / w->outs;
    return w->bias < 0 || facet_pass_floats(g, w->bias, w->outs);
}

static int new_floats(struct facet_graph *g, const struct facet_shape *s, float **data)
{
    *data = malloc((size_t)facet_shape_count(s) * sizeof(float));
    return *data ? FACET_OK : facet_fail_nomem();
}

static int set_input(struct facet_graph *g, int node, int i, int value)
{
    struct facet_node *n = &g->nodes[node];
    if (i >= n->n_inputs) {
        int *more = realloc(n->inputs, (size_t)(i + 1) * sizeof(int));
        if (!more)
            return facet_fail_nomem();
        for (int k = n->n_inputs; k <= i; k++)
            more[k] = -1;
        n->inputs = more;
        n->n_inputs = i + 1;
    }
    n->inputs[i] = value;
    return FACET_OK;
}

static int put_constants(struct facet_graph *g, int node, const struct weights *w, float *weights, float *bias)
{
    struct facet_shape ws = g->values[w->value].shape, bs = {1, {w->outs}};
    int v = facet_graph_const_take(g, NULL, FACET_F32, &ws, weights);
    int b = facet_graph_const_take(g, NULL, FACET_F32, &bs, bias);
    if (v < 0 || b < 0)
        return v < 0 ? v : b;
    int err = set_input(g, node, 1, v);
    return err ? err : set_input(g, node, 2, b);
}

/* The weights to scale: the constant's own memory when nothing else reads it, a copy otherwise. */
static int weights_to_scale(struct facet_graph *g, const struct weights *w, float **weights)
{
    struct facet_value *v = &g->values[w->value];
    if (facet_graph_uses(g, w->value) == 1) {
        *weights = v->data;
        v->data = NULL;
        return FACET_OK;
    }
    int err = new_floats(g, &v->shape, weights);
    if (!err)
        memcpy(*weights, v->data, v->bytes);
    return err;
}

static int take_constants(struct facet_graph *g, const struct weights *w, float **weights, float **bias)
{
    struct facet_shape bs = {1, {w->outs}};
    int err = new_floats(g, &bs, bias);
    if (!err)
        err = weights_to_scale(g, w, weights);
    if (err) {
        free(*bias);
        return err;
    }
    memset(*bias, 0, (size_t)w->outs * sizeof(float));
    if (w->bias >= 0)
        memcpy(*bias, g->values[w->bias].data, (size_t)w->outs * sizeof(float));
    return FACET_OK;
}

static int fold_behind(struct facet_graph *g, int node, const struct weights *w, const struct affine *a)
{
    float *weights, *bias;
    int err = take_constants(g, w, &weights, &bias);
    if (err)
        return err;
    for (int64_t o = 0; o < w->outs; o++) {
        bias[o] = bias[o] * a->scale[o] + a->shift[o];
        for (int64_t i = 0; i < w->ins; i++)
            weights[w->out_is_last ? i * w->outs + o : o * w->ins + i] *= a->scale[o];
    }
    return put_constants(g, node, w, weights, bias);
}

static int try_behind(struct facet_graph *g, int i)
{
    struct affine a;
    struct weights w;
    int x;
    int err = affine_of(g, i, &a, &x);
    if (err)
        return err == FACET_E_NOT_FOUND ? FACET_OK : err;
    int node = g->values[x].producer;
    if (node >= 0 && facet_graph_uses(g, x) == 1 && weights_of(g, &g->nodes[node], &w) && w.outs == a.channels) {
        err = fold_behind(g, node, &w, &a);
        if (!err)
            facet_pass_take_output(g, node, i, g->nodes[i].outputs[0]);
    }
    free(a.scale);
    return err;
}

static bool has_no_pads(const struct facet_node *n)
{
    int64_t pads[4] = {0};
    facet_node_ints(n, "pads", pads, 4);
    const char *mode = facet_node_string(n, "auto_pad", "NOTSET");
    return !(pads[0] | pads[1] | pads[2] | pads[3]) && mode[0] != 'S';
}

/* Conv i reads scale * x + shift. */
static int fold_in_front(struct facet_graph *g, int node, const struct weights *w, const struct affine *a, int x)
{
    float *weights, *bias;
    const struct facet_shape *s = &g->values[w->value].shape;
    int64_t group = facet_node_int(&g->nodes[node], "group", 1), taps = s->dim[2] * s->dim[3];
    int err = take_constants(g, w, &weights, &bias);
    if (err)
        return err;
    for (int64_t o = 0; o < w->outs; o++) {
        int64_t first = o / (w->outs / group) * s->dim[1];
        double sum = 0;
        for (int64_t i = 0; i < w->ins; i++) {
            int64_t c = first + i / taps;
            sum += (double)weights[o * w->ins + i] * a->shift[c];
            weights[o * w->ins + i] *= a->scale[c];
        }
        bias[o] += (float)sum;
    }
    err = put_constants(g, node, w, weights, bias);
    if (!err)
        g->nodes[node].inputs[0] = x;
    return err;
}

static int try_in_front(struct facet_graph *g, int i)
{
    struct affine a;
    struct weights w;
    int x, err = FACET_OK;
    if (!weights_of(g, &g->nodes[i], &w) || strcmp(g->nodes[i].op, "Conv") != 0)
        return FACET_OK;
    int before = g->values[g->nodes[i].inputs[0]].producer;
    if (before < 0 || facet_graph_uses(g, g->nodes[i].inputs[0]) != 1)
        return FACET_OK;
    err = affine_of(g, before, &a, &x);
    if (err)
        return err == FACET_E_NOT_FOUND ? FACET_OK : err;
    bool shifts = false;
    for (int64_t c = 0; c < a.channels; c++)
        shifts |= a.shift[c] != 0;
    if (!shifts || has_no_pads(&g->nodes[i]))
        err = fold_in_front(g, i, &w, &a, x);
    free(a.scale);
    return err;
}

/* A constant, or what a DequantizeLinear makes of one. */
static bool is_constant(const struct facet_graph *g, int v)
{
    int dq = g->values[v].producer;
    return g->values[v].data || (dq >= 0 && g->nodes[dq].op && !strcmp(g->nodes[dq].op, "DequantizeLinear") &&
                                 g->nodes[dq].inputs[0] >= 0 && g->values[g->nodes[dq].inputs[0]].data);
}

/* A product of matrices with constant weights is a Gemm that may have a bias. */
static int matmul_to_gemm(struct facet_graph *g, int i)
{
    const struct facet_node *n = &g->nodes[i];
    if (!n->op || strcmp(n->op, "MatMul") != 0 || g->values[n->inputs[0]].shape.rank != 2 ||
        g->values[n->inputs[1]].shape.rank != 2 || !is_constant(g, n->inputs[1]))
        return FACET_OK;
    int in[2] = {n->inputs[0], n->inputs[1]}, out = n->outputs[0];
    char *name = strdup(n->name);
    if (!name)
        return facet_fail_nomem();
    facet_graph_kill_node(g, i);
    int node = facet_graph_add_node(g, "Gemm", "", name, in, 2, &out, 1);
    free(name);
    return node < 0 ? node : FACET_OK;
}

int facet_pass_fold_affine(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    int err = FACET_OK, n_nodes = g->n_nodes;
    for (int i = 0; !err && i < n_nodes; i++)
        err = matmul_to_gemm(g, i);
    for (int i = 0; !err && i < n_nodes; i++)
        err = try_behind(g, i);
    for (int i = g->n_nodes - 1; !err && i >= 0; i--)
        err = g->nodes[i].op ? try_in_front(g, i) : FACET_OK;
    return err;
}
