/* Quantised models are ordinary ONNX: a value goes through QuantizeLinear and DequantizeLinear, weights
 * come out of DequantizeLinear. Here values and weights become what they say they are:
 *
 *   pairs      x -> Q -> DQ -> y becomes x -> Cast -> y, and y is stored in 8 bits
 *   views      what only views a stored value, or picks from it, is stored alike
 *   weights    a convolution or product of a stored value keeps its weights in 8 bits
 *   absorb     whoever makes x writes the 8 bits itself, and the Cast goes
 *   users      those who cannot read 8 bits get a Cast back, one for all of them
 *
 * Whatever stands against a step leaves nodes as they were: they mean the same. */
#include "base/errors.h"
#include "engine/number.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

/* ---- Q and DQ ---- */

static bool is_op(const struct facet_node *n, const char *op)
{
    return n->op && strcmp(n->op, op) == 0 && !*n->domain;
}

/* A constant zero point (or none) that is the same number for all: false otherwise. */
static bool read_zero(const struct facet_graph *g, const struct facet_node *n, int32_t *zero)
{
    int v = n->n_inputs > 2 ? n->inputs[2] : -1;
    *zero = 0;
    if (v < 0)
        return true;
    const void *data = g->values[v].data;
    int64_t count = facet_shape_count(&g->values[v].shape);
    if (!data || count < 1 || (g->values[v].dtype != FACET_U8 && g->values[v].dtype != FACET_I8))
        return false;
    for (int64_t i = 0; i < count; i++) {
        int32_t z = g->values[v].dtype == FACET_I8 ? ((const int8_t *)data)[i] : ((const uint8_t *)data)[i];
        if (i > 0 && z != *zero)
            return false;
        *zero = z;
    }
    return true;
}

/* One constant scale and zero point for a value in 8 bits. Signed numbers are unsigned ones moved by 128. */
static bool read_quant(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype byte, struct facet_quant *q)
{
    const float *scale = facet_pass_floats(g, n->inputs[1], 1);
    *q = (struct facet_quant){0};
    if (!scale || (byte != FACET_U8 && byte != FACET_I8) || !read_zero(g, n, &q->zero))
        return false;
    q->scale = *scale;
    q->zero += byte == FACET_I8 ? 128 : 0;
    return true;
}

/* Everyone who reads the 8 bits turns them back with the same scale. */
static bool all_turn_back(const struct facet_graph *g, int bytes, const struct facet_quant *q)
{
    int users = 0;
    struct facet_quant back;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        for (int k = 0; n->op && k < n->n_inputs; k++) {
            if (n->inputs[k] != bytes)
                continue;
            if (k != 0 || !is_op(n, "DequantizeLinear") || !read_quant(g, n, g->values[bytes].dtype, &back) || !facet_quant_same(q, &back))
                return false;
            users++;
        }
    }
    return users > 0 && users == facet_graph_uses(g, bytes);
}

/* The Cast of x to 8 bits of this meaning that is there already; -1: none. */
static int same_cast(const struct facet_graph *g, int x, const struct facet_quant *q)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (!facet_pass_is_cast(g, n) || n->inputs[0] != x)
            continue;
        const struct facet_value *v = &g->values[n->outputs[0]];
        if (v->is_stored && v->store == FACET_U8 && facet_quant_same(&v->quant, q))
            return n->outputs[0];
    }
    return -1;
}

static int take_pair(struct facet_graph *g, int i)
{
    const struct facet_node *n = &g->nodes[i];
    int x = n->inputs[0], bytes = n->outputs[0];
    struct facet_quant q;
    if (!facet_pass_is_real(g, x) || !read_quant(g, n, g->values[bytes].dtype, &q) || !all_turn_back(g, bytes, &q))
        return FACET_OK;
    int v = same_cast(g, x, &q);
    if (v < 0)
        v = facet_pass_cast(g, x, FACET_U8, &q);
    if (v < 0)
        return v;
    for (int k = 0; k < g->n_nodes; k++) {
        if (!is_op(&g->nodes[k], "DequantizeLinear") || g->nodes[k].inputs[0] != bytes)
            continue;
        facet_graph_replace_value(g, g->nodes[k].outputs[0], v);
        facet_graph_kill_node(g, k);
    }
    facet_graph_kill_node(g, i);
    return FACET_OK;
}

static int take_pairs(struct facet_graph *g)
{
    int err = FACET_OK;
    for (int i = 0, n = g->n_nodes; !err && i < n; i++)
        if (is_op(&g->nodes[i], "QuantizeLinear"))
            err = take_pair(g, i);
    facet_graph_sweep(g);
    return err ? err : facet_graph_sort(g);
}

/* ---- what is stored as its input is ---- */

static bool is_byte(const struct facet_graph *g, int v)
{
    return v >= 0 && g->values[v].is_stored && g->values[v].store == FACET_U8 && !g->values[v].data;
}

static bool all_inputs_alike(const struct facet_graph *g, const struct facet_node *n)
{
    for (int i = 0; i < n->n_inputs; i++)
        if (!is_byte(g, n->inputs[i]) || !facet_pass_same_keeping(&g->values[n->inputs[i]], &g->values[n->inputs[0]]))
            return false;
    return true;
}

/* The largest of some numbers, or all of them side by side, are numbers that were there: no rounding. */
static bool only_picks(const struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    const struct facet_node *n = &g->nodes[i];
    bool picks = is_op(n, "MaxPool") || (is_op(n, "Concat") && all_inputs_alike(g, n));
    int user = facet_pass_single_user(g, n->outputs[0]);
    return picks && n->epi.act == FACET_ACT_NONE && n->epi.residual < 0 && (user < 0 || !facet_pass_is_cast(g, &g->nodes[user])) &&
           facet_pass_stores(g, i, preferred, FACET_U8);
}

static void spread_node(struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    struct facet_node *n = &g->nodes[i];
    int x = n->inputs[0], y = n->outputs[0];
    if (!is_byte(g, x) || !facet_pass_is_real(g, y))
        return;
    if (facet_pass_is_cast(g, n) && facet_pass_same_keeping(&g->values[x], &g->values[y])) {
        facet_graph_replace_value(g, y, x);
        facet_graph_kill_node(g, i);
    } else if (!g->values[y].is_stored && (facet_pass_is_view(n) || only_picks(g, i, preferred))) {
        facet_pass_keep(g, y, FACET_U8, &g->values[x].quant);
    }
}

static void spread(struct facet_graph *g, const struct facet_backend_ops *preferred)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op && g->nodes[i].n_inputs > 0 && g->nodes[i].outputs[0] >= 0)
            spread_node(g, i, preferred);
}

/* ---- weights ---- */

struct weights {
    const struct facet_value *from;      /* 8 bits in the file */
    int64_t outs, ins;
    bool is_turned;                      /* [ins, outs]: a product the other way round */
    int move;                            /* added to each number: -128 for unsigned ones */
};

static bool scales_fit(const struct facet_graph *g, const struct facet_node *dq, const struct weights *w)
{
    const struct facet_value *s = &g->values[dq->inputs[1]];
    int64_t count = facet_shape_count(&s->shape), axis = facet_node_int(dq, "axis", 1);
    axis += axis < 0 ? w->from->shape.rank : 0;
    return s->data && s->dtype == FACET_F32 && !s->is_stored && (count == 1 || (count == w->outs && axis == (w->is_turned ? 1 : 0)));
}

/* The weights of a node that a DequantizeLinear of constants gives it, symmetric and scaled by output. */
static bool read_weights(const struct facet_graph *g, const struct facet_node *n, struct weights *w)
{
    int dq = n->n_inputs > 1 && n->inputs[1] >= 0 ? g->values[n->inputs[1]].producer : -1;
    int32_t zero;
    if (dq < 0 || !is_op(&g->nodes[dq], "DequantizeLinear") || (!is_op(n, "Conv") && !is_op(n, "Gemm")))
        return false;
    bool is_gemm = n->op[0] == 'G';
    if (is_gemm && (facet_node_int(n, "transA", 0) || facet_node_float(n, "alpha", 1) != 1 || facet_node_float(n, "beta", 1) != 1))
        return false;
    *w = (struct weights){.from = &g->values[g->nodes[dq].inputs[0]]};
    if (!w->from->data || facet_shape_count(&w->from->shape) < 1 || !read_zero(g, &g->nodes[dq], &zero))
        return false;
    bool is_signed = w->from->dtype == FACET_I8;
    if ((!is_signed && w->from->dtype != FACET_U8) || zero != (is_signed ? 0 : 128))
        return false;
    w->move = is_signed ? 0 : -128;
    w->is_turned = is_gemm && !facet_node_int(n, "transB", 0);
    w->outs = w->from->shape.dim[w->is_turned ? 1 : 0];
    w->ins = facet_shape_count(&w->from->shape) / w->outs;
    return scales_fit(g, &g->nodes[dq], w);
}

/* One row an output, whatever order the file has. */
static void copy_rows(const struct weights *w, int8_t *to)
{
    for (int64_t o = 0; o < w->outs; o++)
        for (int64_t i = 0; i < w->ins; i++) {
            int64_t at = w->is_turned ? i * w->outs + o : o * w->ins + i;
            int byte = w->from->dtype == FACET_I8 ? ((const int8_t *)w->from->data)[at] : ((const uint8_t *)w->from->data)[at];
            to[o * w->ins + i] = (int8_t)(byte + w->move);
        }
}

/* The constant that holds these weights in 8 bits with a scale for each output; its number. */
static int stored_weights(struct facet_graph *g, const struct weights *w, int dq)
{
    const struct facet_value *s = &g->values[g->nodes[dq].inputs[1]];
    bool single = facet_shape_count(&s->shape) == 1;
    struct facet_shape shape = w->from->shape;
    struct facet_quant q = {.n_scales = (int)w->outs, .scales = malloc((size_t)w->outs * sizeof(float))};
    int8_t *data = malloc((size_t)(w->outs * w->ins));
    if (!data || !q.scales) {
        free(data);
        free(q.scales);
        return facet_fail_nomem();
    }
    for (int64_t o = 0; o < w->outs; o++)
        q.scales[o] = ((const float *)s->data)[single ? 0 : o];
    q.scale = q.scales[0];
    copy_rows(w, data);
    if (w->is_turned)
        shape = (struct facet_shape){2, {w->outs, w->ins}};
    int v = facet_graph_const_take(g, NULL, FACET_I8, &shape, data);
    if (v < 0) {
        free(q.scales);
        return v;
    }
    g->values[v].dtype = FACET_F32;
    facet_pass_keep(g, v, FACET_I8, &q);
    return v;
}

static int keep_weights(struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    struct weights w;
    int before = g->nodes[i].n_inputs > 1 ? g->nodes[i].inputs[1] : -1;
    bool turns = false;
    if (!is_byte(g, g->nodes[i].inputs[0]) || !read_weights(g, &g->nodes[i], &w))
        return FACET_OK;
    turns = w.is_turned;
    int v = stored_weights(g, &w, g->values[before].producer);
    int err = v < 0 ? v : FACET_OK;
    if (!err && turns)
        err = facet_graph_attr_int(g, i, "transB", 1);
    if (err)
        return err;
    g->nodes[i].inputs[1] = v;
    if (facet_pass_stores(g, i, preferred, FACET_U8))
        return FACET_OK;
    g->nodes[i].inputs[1] = before;      /* the sweep takes the constant */
    return turns ? facet_graph_attr_int(g, i, "transB", 0) : FACET_OK;
}

/* ---- who writes and who reads 8 bits ---- */

/* Convolutions and products do when they have their weights in 8 bits, others when their back end says so. */
static bool keeps_bytes(const struct facet_graph *g, int i, const struct facet_backend_ops *preferred)
{
    const struct facet_node *n = &g->nodes[i];
    if (facet_pass_is_heavy(n))
        return n->n_inputs > 1 && n->inputs[1] >= 0 && g->values[n->inputs[1]].is_stored && is_byte(g, n->inputs[0]);
    return n->n_outputs == 1 && !facet_pass_is_view(n) && facet_pass_stores(g, i, preferred, FACET_U8);
}

static void absorb(struct facet_graph *g, const struct facet_backend_ops *preferred)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (!n->op || !facet_pass_is_cast(g, n) || !is_byte(g, n->outputs[0]) || g->values[n->inputs[0]].is_stored)
            continue;
        int x = n->inputs[0], maker = g->values[x].producer;
        if (maker < 0 || facet_graph_uses(g, x) != 1 || g->nodes[maker].outputs[0] != x || !keeps_bytes(g, maker, preferred))
            continue;
        facet_pass_take_output(g, maker, i, n->outputs[0]);
    }
}

/* A part of a concatenation that nobody else reads is rounded as the whole is, so that it can be written
 * in place and is rounded once. */
static void unite_concat(struct facet_graph *g, int i)
{
    const struct facet_node *n = &g->nodes[i];
    if (!is_op(n, "Concat") || !is_byte(g, n->outputs[0]))
        return;
    for (int k = 0; k < n->n_inputs; k++) {
        int maker = is_byte(g, n->inputs[k]) ? g->values[n->inputs[k]].producer : -1;
        if (maker >= 0 && facet_graph_uses(g, n->inputs[k]) == 1 && !facet_pass_is_view(&g->nodes[maker]) && !is_op(&g->nodes[maker], "MaxPool") &&
            !is_op(&g->nodes[maker], "Concat"))
            g->values[n->inputs[k]].quant = g->values[n->outputs[0]].quant;
    }
}

/* Value v in float32, behind a Cast that all share. */
static int as_float(struct facet_graph *g, int v, int *floats)
{
    if (floats[v] < 0)
        floats[v] = facet_pass_cast(g, v, FACET_F32, NULL);
    return floats[v];
}

static int give_floats(struct facet_graph *g, int i, int *floats)
{
    for (int k = 0; k <= g->nodes[i].n_inputs; k++) {
        bool is_residual = k == g->nodes[i].n_inputs;
        int v = is_residual ? g->nodes[i].epi.residual : g->nodes[i].inputs[k];
        if (!is_byte(g, v))
            continue;
        int f = as_float(g, v, floats);
        if (f < 0)
            return f;
        struct facet_node *n = &g->nodes[i]; /* may have moved */
        *(is_residual ? &n->epi.residual : &n->inputs[k]) = f;
    }
    return FACET_OK;
}

static int convert_users(struct facet_graph *g, const struct facet_backend_ops *preferred, int *floats)
{
    int err = FACET_OK;
    for (int i = 0, n_nodes = g->n_nodes; !err && i < n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (!n->op || facet_pass_is_cast(g, n) || (facet_pass_is_view(n) && is_byte(g, n->outputs[0])) || keeps_bytes(g, i, preferred))
            continue;
        err = give_floats(g, i, floats);
    }
    for (int i = 0; !err && i < g->n_outputs; i++) {
        if (!is_byte(g, g->outputs[i]))
            continue;
        int f = as_float(g, g->outputs[i], floats);
        if (f < 0)
            err = f;
        else
            g->outputs[i] = f;
    }
    return err;
}

int facet_pass_quantise(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    int err = preferred->stores ? take_pairs(g) : FACET_OK;
    if (err || !preferred->stores)
        return err;
    spread(g, preferred);
    for (int i = 0; !err && i < g->n_nodes; i++)
        if (g->nodes[i].op && g->nodes[i].n_inputs > 0)
            err = keep_weights(g, i, preferred);
    if (err)
        return err;
    absorb(g, preferred);
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op)
            unite_concat(g, i);
    int *floats = malloc(((size_t)g->n_values + 1) * sizeof(int));
    if (!floats)
        return facet_fail_nomem();
    for (int v = 0; v < g->n_values; v++)
        floats[v] = -1;
    err = convert_users(g, preferred, floats);
    free(floats);
    return err;
}
