/* Files of older opsets, in the words of opset 13: what was an attribute is an input now. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/ops/ops.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

static void drop_attr(struct facet_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (!strcmp(n->attrs[i].name, name)) {
            free(n->attrs[i].name);
            free(n->attrs[i].s);
            free(n->attrs[i].ints);
            free(n->attrs[i].floats);
            free(n->attrs[i].tensor.data);
            n->attrs[i] = n->attrs[--n->n_attrs];
            return;
        }
}

static int add_input(struct facet_node *n, int value)
{
    int *more = realloc(n->inputs, ((size_t)n->n_inputs + 1) * sizeof(int));
    if (!more)
        return facet_fail_nomem();
    n->inputs = more;
    n->inputs[n->n_inputs++] = value;
    return FACET_OK;
}

static int raise_clip(struct facet_graph *g, int i)
{
    static const char *const names[] = {"min", "max"};
    static const float fallback[] = {-FLT_MAX, FLT_MAX};
    const struct facet_shape scalar = {.rank = 0};
    int err = FACET_OK;
    for (int k = 0; !err && k < 2 && g->nodes[i].n_inputs == k + 1; k++) {
        float v = facet_node_float(&g->nodes[i], names[k], fallback[k]);
        int c = facet_graph_const(g, NULL, FACET_F32, &scalar, &v);
        err = c < 0 ? c : add_input(&g->nodes[i], c);
        drop_attr(&g->nodes[i], names[k]);
    }
    return err;
}

/* Squeeze, Unsqueeze: axes. */
static int raise_axes(struct facet_graph *g, int i)
{
    const struct facet_attr *a = facet_node_attr(&g->nodes[i], "axes");
    if (!a || g->nodes[i].n_inputs > 1)
        return FACET_OK;
    const struct facet_shape s = {1, {(int64_t)a->count}};
    int c = facet_graph_const(g, NULL, FACET_I64, &s, a->ints);
    int err = c < 0 ? c : add_input(&g->nodes[i], c);
    drop_attr(&g->nodes[i], "axes");
    return err;
}

/* Before opset 13 everything from the axis on was one row: the same where the axis is the last. */
static int raise_softmax(struct facet_graph *g, int i)
{
    int rank = g->values[g->nodes[i].inputs[0]].shape.rank;
    int64_t axis = facet_node_int(&g->nodes[i], "axis", 1);
    if (rank >= 0 && (axis == rank - 1 || axis == -1))
        return facet_graph_attr_int(g, i, "axis", axis);
    return facet_op_fail(g, &g->nodes[i], FACET_E_UNSUPPORTED, "opset %d means another sum than later ones; convert the model "
                         "to opset 13 first", g->opset);
}

static bool has_changed(const char *op)
{
    static const char *const changed[] = {"Slice", "Pad", "Split", "ReduceSum", "Upsample", "Resize", "TopK", "LogSoftmax",
                                          "BatchNormalization", "Dropout", "Scan", "Loop", NULL};
    for (int i = 0; changed[i]; i++)
        if (!strcmp(changed[i], op))
            return true;
    return false;
}

static int raise_node(struct facet_graph *g, int i)
{
    const char *op = g->nodes[i].op;
    if (!strcmp(op, "Clip"))
        return g->opset < 11 ? raise_clip(g, i) : FACET_OK;
    if (!strcmp(op, "Squeeze") || !strcmp(op, "Unsqueeze"))
        return raise_axes(g, i);
    if (!strcmp(op, "Softmax"))
        return raise_softmax(g, i);
    if (g->opset < 11 && has_changed(op))
        return facet_op_fail(g, &g->nodes[i], FACET_E_UNSUPPORTED, "opset %d writes it in another way; convert the model to "
                             "opset 13 first", g->opset);
    if (!strcmp(op, "Split") || !strcmp(op, "ReduceSum"))
        return facet_op_fail(g, &g->nodes[i], FACET_E_UNSUPPORTED, "opset %d writes it in another way; convert the model to "
                             "opset 13 first", g->opset);
    return FACET_OK;
}

int facet__quant_raise_opset(struct facet_graph *g)
{
    int err = FACET_OK;
    if (g->opset >= FACET__QUANT_OPSET)
        return FACET_OK;
    for (int i = 0; !err && i < g->n_nodes; i++)
        err = raise_node(g, i);
    if (!err)
        g->opset = FACET__QUANT_OPSET;
    return err;
}
