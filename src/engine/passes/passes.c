#include "engine/passes/passes.h"

#include "base/errors.h"
#include "engine/plan.h"

#include <string.h>

const struct facet_pass facet_passes[] = {
    {0},
};

const struct facet_backend_ops *facet_pass_backend(const struct facet_graph *g, int node,
                                                   const struct facet_backend_ops *preferred)
{
    if (preferred->supports(g, node))
        return preferred;
    return facet_backend_ref.supports(g, node) ? &facet_backend_ref : NULL;
}

bool facet_pass_is_view(const struct facet_node *n)
{
    static const char *const views[] = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Layout", NULL};
    if (n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
        return false;
    for (int i = 0; views[i]; i++)
        if (strcmp(n->op, views[i]) == 0)
            return true;
    return false;
}

int facet_pass_single_user(const struct facet_graph *g, int v)
{
    int user = -1;
    if (facet_graph_uses(g, v) != 1)
        return -1;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i].n_inputs; k++)
            if (g->nodes[i].inputs[k] == v)
                user = i;
    return user;
}

const float *facet_pass_floats(const struct facet_graph *g, int value, int64_t n)
{
    const struct facet_value *v = value >= 0 ? &g->values[value] : NULL;
    return v && v->data && v->dtype == FACET_F32 && facet_shape_count(&v->shape) == n ? v->data : NULL;
}

static int after_pass(struct facet_graph *g, const char *name)
{
    facet_graph_sweep(g);
    int err = facet_graph_sort(g);
    if (!err)
        err = facet_graph_check(g);
    if (!err)
        err = facet_graph_infer(g);
    return err ? facet_fail_prefix(err, "after pass '%s'", name) : FACET_OK;
}

int facet_passes_run(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    int err = FACET_OK;
    for (const struct facet_pass *p = facet_passes; !err && p->name; p++) {
        if (p->flag && !(flags & p->flag))
            continue;
        err = p->run(g, preferred);
        if (!err)
            err = after_pass(g, p->name);
    }
    return err;
}
