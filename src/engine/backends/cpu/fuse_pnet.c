/* Finds MTCNN's P-Net in a graph, with PReLU folded or standing alone, and puts one node facet.PNet in
 * its place: facet.PNetU8 where weights and values are kept in 8 bits, the first layer's at will. Anything that
 * differs (a size, a pad, a value that others use) leaves the graph as it was. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/errors.h"
#include "base/cpu.h"

#include <string.h>

struct match {
    int input;                    /* value */
    int constants[13];            /* in the order of the node's inputs */
    int prob, box;                /* values */
    bool softmax;
    int reads[4];                 /* what the layers and the heads read; kept in 8 bits or not */
};

/* The node that alone uses value v and nothing else does; -1 otherwise. */
static int only_user(const struct facet_graph *g, int v)
{
    int user = -1;
    if (facet_graph_uses(g, v) != 1)
        return -1;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].op && g->nodes[i].n_inputs > 0 && g->nodes[i].inputs[0] == v)
            user = i;
    return user;
}

static bool is_op(const struct facet_graph *g, int node, const char *op)
{
    const struct facet_node *n = node >= 0 ? &g->nodes[node] : NULL;
    return n && n->op && !strcmp(n->op, op) && !*n->domain;
}

/* All of an integer-list attribute are `v`, or it is absent and `v` is its default. */
static bool ints_are(const struct facet_node *n, const char *name, int64_t v, int64_t fallback)
{
    int64_t a[8];
    size_t count = facet_node_ints(n, name, a, 8);
    for (size_t i = 0; i < count && i < 8; i++)
        if (a[i] != v)
            return false;
    return count > 0 || v == fallback;
}

static bool is_const(const struct facet_graph *g, int v, int64_t count)
{
    int64_t n = 0;
    return facet_cpu_floats(g, v, &n) && n == count;
}

/* In 8 bits with a scale for each of `oc` channels. */
static bool is_small_const(const struct facet_graph *g, int v, int64_t oc, int64_t count)
{
    const struct facet_value *w = v >= 0 ? &g->values[v] : NULL;
    return w && w->data && w->is_stored && w->store == FACET_I8 && w->quant.n_scales == oc && w->quant.axis == 0 && w->quant.zero == 0 &&
           facet_shape_count(&w->shape) == count;
}

/* Of the file or of a pass. */
static bool is_cast(const struct facet_graph *g, int node)
{
    return node >= 0 && g->nodes[node].op && !strcmp(g->nodes[node].op, "Cast");
}

/* The value behind conversions from float to 8 bits and back. */
static int behind_casts(const struct facet_graph *g, int v)
{
    for (int user = only_user(g, v); is_cast(g, user); user = only_user(g, v)) {
        int out = g->nodes[user].outputs[0];
        if (g->values[v].dtype != FACET_F32 || g->values[out].dtype != FACET_F32)
            return v;
        v = out;
    }
    return v;
}

/* A k x k convolution of these channels without padding, whose activation is `act`. */
static bool is_conv(const struct facet_graph *g, int node, int64_t oc, int64_t ic, int64_t k)
{
    if (!is_op(g, node, "Conv"))
        return false;
    const struct facet_node *n = &g->nodes[node];
    const struct facet_shape *w = &g->values[n->inputs[1]].shape;
    const char *pad = facet_node_string(n, "auto_pad", "NOTSET");
    return n->n_inputs == 3 && w->rank == 4 && w->dim[0] == oc && w->dim[1] == ic && w->dim[2] == k && w->dim[3] == k &&
           (is_const(g, n->inputs[1], oc * ic * k * k) || is_small_const(g, n->inputs[1], oc, oc * ic * k * k)) &&
           is_const(g, n->inputs[2], oc) && facet_node_int(n, "group", 1) == 1 &&
           ints_are(n, "strides", 1, 1) && ints_are(n, "pads", 0, 0) && ints_are(n, "dilations", 1, 1) &&
           (!strcmp(pad, "NOTSET") || !strcmp(pad, "VALID")) && n->epi.residual < 0;
}

/* A 3x3 convolution with PReLU: fills three constants; the value behind, or -1. */
static int match_layer(const struct facet_graph *g, int node, int64_t oc, int64_t ic, int *constants)
{
    if (!is_conv(g, node, oc, ic, 3))
        return -1;
    const struct facet_node *n = &g->nodes[node];
    int out = n->outputs[0], slope = n->epi.slope;
    if (n->epi.act == FACET_ACT_NONE) {
        int p = only_user(g, behind_casts(g, out));
        if (!is_op(g, p, "PRelu") || g->nodes[p].epi.act != FACET_ACT_NONE || g->nodes[p].epi.residual >= 0)
            return -1;
        slope = g->nodes[p].inputs[1];
        out = g->nodes[p].outputs[0];
    } else if (n->epi.act != FACET_ACT_PRELU) {
        return -1;
    }
    constants[0] = n->inputs[1];
    constants[1] = n->inputs[2];
    constants[2] = slope;
    return is_const(g, slope, oc) ? behind_casts(g, out) : -1;
}

static int match_pool(const struct facet_graph *g, int v)
{
    int node = only_user(g, v);
    if (!is_op(g, node, "MaxPool"))
        return -1;
    const struct facet_node *n = &g->nodes[node];
    return ints_are(n, "kernel_shape", 2, 0) && ints_are(n, "strides", 2, 1) && ints_are(n, "pads", 0, 0) &&
           ints_are(n, "dilations", 1, 1) && facet_node_int(n, "ceil_mode", 0) && n->n_outputs == 1 &&
           !strcmp(facet_node_string(n, "auto_pad", "NOTSET"), "NOTSET") ? behind_casts(g, n->outputs[0]) : -1;
}

static bool match_heads(const struct facet_graph *g, int v, struct match *m)
{
    int prob = -1, box = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!g->nodes[i].op || g->nodes[i].n_inputs < 1 || g->nodes[i].inputs[0] != v || g->nodes[i].epi.act != FACET_ACT_NONE)
            continue;
        if (is_conv(g, i, 2, 32, 1))
            prob = i;
        else if (is_conv(g, i, 4, 32, 1))
            box = i;
    }
    if (prob < 0 || box < 0 || facet_graph_uses(g, v) != 2)
        return false;
    for (int i = 0; i < 2; i++) {
        m->constants[9 + i] = g->nodes[prob].inputs[1 + i];
        m->constants[11 + i] = g->nodes[box].inputs[1 + i];
    }
    m->prob = g->nodes[prob].outputs[0];
    m->box = g->nodes[box].outputs[0];
    int soft = only_user(g, m->prob);
    m->softmax = is_op(g, soft, "Softmax") && g->opset >= 13 && facet_node_int(&g->nodes[soft], "axis", -1) == 1;
    if (m->softmax)
        m->prob = g->nodes[soft].outputs[0];
    return true;
}

static bool match_pnet(const struct facet_graph *g, int node, struct match *m)
{
    int v = match_layer(g, node, 10, 3, m->constants);
    v = v < 0 ? -1 : match_pool(g, v);
    m->reads[1] = v;
    v = v < 0 ? -1 : match_layer(g, only_user(g, v), 16, 10, m->constants + 3);
    m->reads[2] = v;
    v = v < 0 ? -1 : match_layer(g, only_user(g, v), 32, 16, m->constants + 6);
    m->reads[3] = v;
    m->reads[0] = m->input = g->nodes[node].inputs[0];
    return v >= 0 && match_heads(g, v, m);
}

static const struct facet_quant *small_value(const struct facet_graph *g, int v)
{
    const struct facet_value *x = &g->values[v];
    return x->is_stored && x->store == FACET_U8 && x->quant.scale > 0 ? &x->quant : NULL;
}

/* Weights of layer i, 0 to 4. */
static bool is_small(const struct facet_graph *g, const struct match *m, int i)
{
    static const int at[5] = { 0, 3, 6, 9, 11 };
    return g->values[m->constants[at[i]]].is_stored;
}

static bool is_all_float(const struct facet_graph *g, const struct match *m)
{
    bool is = true;
    for (int i = 0; i < 5; i++)
        is = is && !is_small(g, m, i);
    for (int i = 0; i < 4; i++)
        is = is && !g->values[m->reads[i]].is_stored;
    return is;
}

/* All is in 8 bits but perhaps the first layer; a picture in 8 bits is made from one in float. */
static bool is_all_small(const struct facet_graph *g, struct match *m)
{
    bool is = true;
    for (int i = 1; i < 5; i++)
        is = is && is_small(g, m, i);
    for (int i = 1; i < 4; i++)
        is = is && small_value(g, m->reads[i]);
    if (!is || !is_small(g, m, 0))
        return is && !g->values[m->reads[0]].is_stored;
    int from = g->values[m->input].producer;
    if (!small_value(g, m->input) || !is_cast(g, from) || g->values[g->nodes[from].inputs[0]].is_stored)
        return false;
    m->input = g->nodes[from].inputs[0];
    return g->values[m->input].dtype == FACET_F32;
}

/* The steps and zeros of what the layers and the heads read. */
static int tell_steps(struct facet_graph *g, int node, const struct match *m)
{
    float scales[4];
    int64_t zeros[4];
    for (int i = 0; i < 4; i++) {
        const struct facet_quant *q = small_value(g, m->reads[i]);
        scales[i] = q ? q->scale : 1;
        zeros[i] = q ? q->zero : 0;
    }
    int err = facet_graph_attr_floats(g, node, "scales", scales, 4);
    return err ? err : facet_graph_attr_ints(g, node, "zeros", zeros, 4);
}

/* The new node gives the values that the heads gave, so that names stay; what came before is swept. */
static int replace(struct facet_graph *g, const struct match *m, bool is_u8)
{
    int in[14] = { m->input }, out[2] = { m->prob, m->box };
    memcpy(in + 1, m->constants, sizeof(m->constants));
    facet_graph_kill_node(g, g->values[m->prob].producer);
    facet_graph_kill_node(g, g->values[m->box].producer);
    int node = facet_graph_add_node(g, is_u8 ? "PNetU8" : "PNet", "facet", "facet:pnet", in, 14, out, 2);
    int err = node < 0 ? node : facet_graph_attr_int(g, node, "softmax", m->softmax);
    return err || !is_u8 ? err : tell_steps(g, node, m);
}

int facet_cpu_fuse_pnet(struct facet_graph *g)
{
    if (!(facet_cpu_flags(NULL) & (FACET_CPU_AVX2 | FACET_CPU_NEON)))      /* plain C is faster layer by layer */
        return FACET_OK;
    for (int i = 0; i < g->n_nodes; i++) {
        struct match m;
        if (!match_pnet(g, i, &m) || g->values[m.prob].is_stored || g->values[m.box].is_stored)
            continue;
        if (is_all_float(g, &m))
            return replace(g, &m, false);
        if (is_all_small(g, &m))
            return replace(g, &m, true);
    }
    return FACET_OK;
}
