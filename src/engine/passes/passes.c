#include "engine/passes/passes.h"

#include "base/errors.h"
#include "engine/plan.h"

#include <string.h>

/* Order matters: a free batch must be free before shapes are folded to numbers; constants must be
 * there before scales and slopes are recognised; scales go into weights before residuals and
 * activations are hung on the node; then values are what Q and DQ nodes say of them, and whole networks are
 * recognised in what is left. Those that no network's kernel took may be kept in 16 bits. */
const struct facet_pass facet_passes[] = {
    {"free-batch", 0, facet_pass_free_batch},
    {"fold-const", FACET_PASS_FOLD_CONST, facet_pass_fold_const},
    {"drop-identity", FACET_PASS_FOLD_CONST, facet_pass_drop_identity},
    {"fold-affine", FACET_PASS_FOLD_BN, facet_pass_fold_affine},
    {"drop-inner", FACET_PASS_STORE, facet_pass_drop_inner},
    {"fuse", FACET_PASS_FUSE_ACT | FACET_PASS_FUSE_RESIDUAL, facet_pass_fuse},
    {"quantise", FACET_PASS_STORE, facet_pass_quantise},
    {"fold-rest", FACET_PASS_FOLD_CONST, facet_pass_fold_rest},
    {"fuse-network", FACET_PASS_FUSE_NETWORK, facet_pass_fuse_network},
    {"precision", FACET_PASS_STORE, facet_pass_precision},
    {"take-whole", FACET_PASS_FUSE_NETWORK, facet_pass_take_whole},
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

void facet_pass_take_output(struct facet_graph *g, int node, int dead, int v)
{
    facet_graph_kill_node(g, dead);
    g->values[g->nodes[node].outputs[0]].producer = -1;
    g->nodes[node].outputs[0] = v;
    g->values[v].producer = node;
}

int facet_pass_fuse_network(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    return preferred->fuse_network ? preferred->fuse_network(g) : FACET_OK;
}

/* The plan's precision, which is not always the model's, goes with the body. */
static int mark_precision(struct facet_graph *g, bool wants_bf16)
{
    static const char key[] = "facet.precision";
    const char *says = facet_graph_meta(g, key);
    bool is_bf16 = says && strcmp(says, "bf16") == 0;
    return is_bf16 == wants_bf16 ? FACET_OK : facet_graph_meta_set(g, key, wants_bf16 ? "bf16" : "fp32");
}

int facet_pass_take_whole(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    int err = FACET_OK;
    if (preferred->makes & 1u << FACET_BF16)
        err = mark_precision(g, (flags & FACET_PASS_BF16) != 0);
    return err || !preferred->take_whole ? err : preferred->take_whole(g);
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
    return v && v->data && v->dtype == FACET_F32 && !v->is_stored && facet_shape_count(&v->shape) == n ? v->data : NULL;
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
        err = p->run(g, preferred, flags);
        if (!err)
            err = after_pass(g, p->name);
    }
    return err;
}
