/* What a graph must hold before anything relies on it; passes are followed by it too. */
#include "base/errors.h"
#include "engine/ops/ops.h"

#include <stdlib.h>
#include <string.h>

static int broken(const struct facet_graph *g, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot use '%s': %s", g->name, what);
}

static int check_values(const struct facet_graph *g)
{
    for (int i = 0; i < g->n_values; i++) {
        const struct facet_value *v = &g->values[i];
        if (v->shape.rank > FACET_MAX_DIMS)
            return facet_fail(FACET_E_LIMIT, "cannot use '%s': value '%s' has too many dimensions", g->name, v->name);
        if (v->data && (v->producer >= 0 || facet_shape_count(&v->shape) < 0 ||
                        v->bytes != (size_t)facet_shape_count(&v->shape) * facet_dtype_size(facet_value_store(v))))
            return facet_fail(FACET_E_FORMAT, "cannot use '%s': constant '%s' does not fit its shape", g->name, v->name);
    }
    return FACET_OK;
}

static int check_arity(const struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_op *op = n->kind;
    if (!op)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "operator '%s%s%s' is not supported", n->domain,
                             *n->domain ? ":" : "", n->op);
    if (!*n->domain && (g->opset < op->since || (op->until && g->opset > op->until)))
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "it is not known in opset %d", g->opset);
    if (n->n_inputs < op->min_in || (op->max_in >= 0 && n->n_inputs > op->max_in))
        return facet_op_fail(g, n, FACET_E_FORMAT, "it has %d inputs", n->n_inputs);
    if (n->n_outputs < 1 || (op->max_out >= 0 && n->n_outputs > op->max_out))
        return facet_op_fail(g, n, FACET_E_FORMAT, "it has %d outputs", n->n_outputs);
    for (int i = 0; i < op->min_in; i++)
        if (n->inputs[i] < 0)
            return facet_op_fail(g, n, FACET_E_FORMAT, "its input %d is missing", i);
    return FACET_OK;
}

/* Marks what exists at node i: constants and graph inputs, then each node's outputs in turn. */
static int check_input(const struct facet_graph *g, const struct facet_node *n, int v, const unsigned char *exists)
{
    if (v == -1)
        return FACET_OK;
    if (v < 0 || v >= g->n_values)
        return facet_op_fail(g, n, FACET_E_FORMAT, "an input is no value");
    if (exists[v])
        return FACET_OK;
    if (g->values[v].producer >= 0)
        return facet_op_fail(g, n, FACET_E_FORMAT, "its input '%s' is made later or by itself", g->values[v].name);
    return facet_op_fail(g, n, FACET_E_FORMAT, "its input '%s' is made nowhere", g->values[v].name);
}

static int check_node(const struct facet_graph *g, int at, unsigned char *exists)
{
    const struct facet_node *n = &g->nodes[at];
    int err = check_arity(g, n);
    for (int i = 0; !err && i < n->n_inputs; i++)
        err = check_input(g, n, n->inputs[i], exists);
    if (!err)
        err = check_input(g, n, n->epi.residual, exists);
    if (!err)
        err = check_input(g, n, n->epi.slope, exists);
    for (int i = 0; !err && i < n->n_outputs; i++) {
        int v = n->outputs[i];
        if (v == -1)
            continue;
        if (v < 0 || v >= g->n_values || exists[v] || g->values[v].producer != at)
            err = facet_op_fail(g, n, FACET_E_FORMAT, "an output is no value or made twice");
        else
            exists[v] = 1;
    }
    return err;
}

static int check_order(const struct facet_graph *g, unsigned char *exists)
{
    int err = FACET_OK;
    for (int v = 0; v < g->n_values; v++)
        exists[v] = facet_value_is_const(&g->values[v]);
    for (int i = 0; i < g->n_inputs; i++) {
        if (g->inputs[i] < 0 || g->inputs[i] >= g->n_values || exists[g->inputs[i]])
            return broken(g, "an input is no value or given twice");
        exists[g->inputs[i]] = 1;
    }
    for (int i = 0; !err && i < g->n_nodes; i++)
        err = check_node(g, i, exists);
    for (int i = 0; !err && i < g->n_outputs; i++) {
        int v = g->outputs[i];
        if (v < 0 || v >= g->n_values)
            err = broken(g, "an output is no value");
        else if (!exists[v])
            err = facet_fail(FACET_E_FORMAT, "cannot use '%s': output '%s' is made nowhere", g->name, g->values[v].name);
    }
    return err;
}

int facet_graph_check(const struct facet_graph *g)
{
    if (g->n_inputs < 1 || g->n_outputs < 1)
        return broken(g, "it has no input or no output");
    if (g->opset < 7 || g->opset > 21)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s': opset %d, 7 to 21 are known", g->name, g->opset);
    int err = check_values(g);
    unsigned char *exists = err ? NULL : calloc((size_t)g->n_values + 1, 1);
    if (!err)
        err = exists ? check_order(g, exists) : facet_fail_nomem();
    free(exists);
    return err;
}
