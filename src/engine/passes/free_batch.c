/* Files often fix the batch at 1 because nobody said otherwise. The batch is made free when every
 * value keeps it as its first dimension and no operator mixes along it; Reshape targets that begin
 * with that 1 then copy the dimension instead. When anything stands against it, nothing changes. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/passes/passes.h"

#include <stdlib.h>
#include <string.h>

static bool inputs_have_batch_one(const struct facet_graph *g)
{
    for (int i = 0; i < g->n_inputs; i++) {
        const struct facet_shape *s = &g->values[g->inputs[i]].shape;
        if (s->rank < 2 || s->dim[0] != 1)
            return false;
    }
    return true;
}

static void set_batch(struct facet_graph *g, int64_t batch)
{
    for (int i = 0; i < g->n_inputs; i++)
        g->values[g->inputs[i]].shape.dim[0] = batch;
}

static bool works_along_first(const struct facet_graph *g, const struct facet_node *n)
{
    if (strcmp(n->op, "DynamicQuantizeLinear") == 0) /* one scale for all pictures */
        return true;
    static const char *const by_axis[] = {"Concat", "Split", "Softmax", "LpNormalization", NULL};
    int rank = g->values[n->inputs[0]].shape.rank;
    int64_t axes[FACET_MAX_DIMS];
    if (strcmp(n->op, "Slice") == 0) {
        size_t count = facet_node_ints(n, "axes", axes, FACET_MAX_DIMS);
        bool given = n->n_inputs > 3 && n->inputs[3] >= 0;
        const struct facet_value *v = given ? &g->values[n->inputs[3]] : NULL;
        if (given && (!v->data || v->dtype != FACET_I64))
            return true;
        if (given)
            count = v->bytes / sizeof(int64_t);
        for (size_t i = 0; i < count && i < FACET_MAX_DIMS; i++) {
            int64_t axis = given ? ((const int64_t *)v->data)[i] : axes[i];
            if (axis == 0 || axis == -rank)
                return true;
        }
        return count == 0;
    }
    for (int i = 0; by_axis[i]; i++)
        if (strcmp(n->op, by_axis[i]) == 0) {
            int64_t axis = facet_node_int(n, "axis", n->op[0] == 'S' && n->op[1] == 'p' ? 0 : 1);
            return axis == 0 || axis == -rank;
        }
    return false;
}

/* A Reshape target that begins with the batch's 1, with a 0 in its place; -1: none or nothing to do. */
static int copied_target(struct facet_graph *g, const struct facet_node *n)
{
    const struct facet_value *t = n->n_inputs > 1 && n->inputs[1] >= 0 ? &g->values[n->inputs[1]] : NULL;
    const struct facet_shape *x = &g->values[n->inputs[0]].shape, *y = &g->values[n->outputs[0]].shape;
    int64_t dims[FACET_MAX_DIMS];
    if (strcmp(n->op, "Reshape") != 0 || !t || !t->data || t->bytes < sizeof(int64_t) || t->bytes > sizeof(dims) ||
        x->rank < 1 || x->dim[0] != 1 || y->rank < 1 || y->dim[0] != 1 || facet_node_int(n, "allowzero", 0))
        return -1;
    memcpy(dims, t->data, t->bytes);
    if (dims[0] != 1)
        return -1;
    dims[0] = 0;
    struct facet_shape s = t->shape;
    return facet_graph_const(g, NULL, FACET_I64, &s, dims);
}

/* Does the batch go through, first dimension to first dimension, from input to output? */
static bool batch_goes_through(const struct facet_graph *g, const struct facet_fact *facts)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        const struct facet_fact *x = n->n_inputs > 0 && n->inputs[0] >= 0 ? &facts[n->inputs[0]] : NULL;
        const struct facet_fact *y = n->outputs[0] >= 0 ? &facts[n->outputs[0]] : NULL;
        if (!x || !y || y->dtype == FACET_I64 || y->dtype == FACET_BOOL || x->shape.rank < 1 || x->shape.dim[0] >= 0)
            continue;
        if (y->shape.rank < 1 || y->shape.dim[0] >= 0 || works_along_first(g, n))
            return false;
    }
    for (int i = 0; i < g->n_outputs; i++)
        if (facts[g->outputs[i]].shape.rank < 1 || facts[g->outputs[i]].shape.dim[0] >= 0)
            return false;
    return true;
}

/* With the batch free every rule must agree, and with a batch of 2 every output must have 2. */
static bool survives(struct facet_graph *g, struct facet_fact *facts)
{
    facet_infer_start(g, facts);
    if (facet_infer_run(g, facts) || !batch_goes_through(g, facts))
        return false;
    set_batch(g, 2);
    facet_infer_start(g, facts);
    bool fits = facet_infer_run(g, facts) == FACET_OK;
    set_batch(g, -1);
    for (int i = 0; fits && i < g->n_outputs; i++)
        fits = facts[g->outputs[i]].shape.dim[0] == 2;
    return fits;
}

int facet_pass_free_batch(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    if (!inputs_have_batch_one(g))
        return FACET_OK;
    int *before = malloc(((size_t)g->n_nodes + 1) * sizeof(int)), err = before ? FACET_OK : facet_fail_nomem();
    for (int i = 0; !err && i < g->n_nodes; i++) {
        struct facet_node *n = &g->nodes[i];
        before[i] = -1;
        int target = n->n_inputs > 0 && n->inputs[0] >= 0 && n->outputs[0] >= 0 ? copied_target(g, n) : -1;
        if (target < -1)
            err = target;
        if (target < 0)
            continue;
        before[i] = n->inputs[1];
        n->inputs[1] = target;
    }
    struct facet_fact *facts = err ? NULL : malloc(((size_t)g->n_values + 1) * sizeof(*facts));
    if (!err && !facts)
        err = facet_fail_nomem();
    if (!err) {
        set_batch(g, -1);
        if (!survives(g, facts)) {
            set_batch(g, 1);
            for (int i = 0; i < g->n_nodes; i++)
                if (before[i] >= 0)
                    g->nodes[i].inputs[1] = before[i];
        }
    }
    free(facts);
    free(before);
    return err;
}
