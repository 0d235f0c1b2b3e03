/* The cpu back end: kernels.h behind the interface of backend.h. */
#include "engine/backends/cpu/cpu_priv.h"

#include "base/cpu.h"
#include "base/errors.h"
#include "base/pool.h"

#include <stdlib.h>
#include <string.h>

static const struct facet_cpu_op *const families[] = {
    facet_cpu_conv, facet_cpu_matmul, facet_cpu_pool, facet_cpu_elementwise, facet_cpu_rows, facet_cpu_move, facet_cpu_cast,
    facet_cpu_pnet, facet_cpu_convpool,
};

static const struct facet_cpu_op *find(const struct facet_node *n)
{
    for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
        for (const struct facet_cpu_op *op = families[f]; op->name; op++)
            if (!strcmp(op->name, n->op) && !strcmp(op->domain ? op->domain : "", n->domain ? n->domain : ""))
                return op;
    return NULL;
}

/* Is every value that is kept in fewer bits kept as this operator can? */
static bool keeps(const struct facet_cpu_op *op, const struct facet_graph *g, const struct facet_node *n, int value)
{
    const struct facet_value *v = value >= 0 ? &g->values[value] : NULL;
    return !v || !v->is_stored || (op->stores && op->stores(g, n, v->store == FACET_I8 ? FACET_U8 : v->store));
}

static bool keeps_all(const struct facet_cpu_op *op, const struct facet_graph *g, const struct facet_node *n)
{
    bool all = keeps(op, g, n, n->epi.residual);
    for (int i = 0; i < n->n_inputs; i++)
        all = all && keeps(op, g, n, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        all = all && keeps(op, g, n, n->outputs[i]);
    return all;
}

static bool cpu_supports(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_cpu_op *op = find(n);
    return op && facet_cpu_is_float(g, n) && facet_cpu_epilogue_fits(g, n) && op->supports(g, n) && keeps_all(op, g, n);
}

static bool cpu_stores(const struct facet_graph *g, int node, enum facet_dtype t)
{
    const struct facet_cpu_op *op = find(&g->nodes[node]);
    return op && op->stores && (!op->takes || facet_cpu_few_arguments(&g->nodes[node])) && cpu_supports(g, node) && op->stores(g, &g->nodes[node], t);
}

static enum facet_layout cpu_layout(const struct facet_graph *g, int node)
{
    const struct facet_cpu_op *op = find(&g->nodes[node]);
    return op && !op->nchw ? FACET_NHWC : FACET_NCHW;
}

static unsigned cpu_strided(const struct facet_graph *g, int node)
{
    const struct facet_cpu_op *op = find(&g->nodes[node]);
    return op ? op->strided : 0;
}

static void cpu_release(void *state)
{
    struct facet_cpu_node *s = state;
    if (s)
        free(s->zero);
    free(s);
}

static int cpu_fuse_network(struct facet_graph *g)
{
    int err = facet_cpu_fuse_pnet(g);
    return err ? err : facet_cpu_fuse_convpool(g);
}

static int cpu_prepare(void **state, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_cpu_op *op = find(&g->nodes[node]);
    struct facet_cpu_node *s = calloc(1, sizeof(*s));
    int err = s ? FACET_OK : facet_fail_nomem();
    if (!err) {
        facet_kernels_init(&s->k, facet_cpu_flags(NULL));
        s->op = op;
    }
    if (!err && op->prepare)
        err = op->prepare(s, g, node, pack);
    if (err) {
        cpu_release(s);
        s = NULL;
    }
    *state = s;
    return err;
}

static bool needs_floats(const struct facet_cpu_op *op, const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    return op->takes && facet_cpu_has_stored(g, n) && !op->takes(n, r);
}

static size_t cpu_scratch_bytes(const void *state, const struct facet_graph *g, int node, const struct facet_run *shapes, unsigned threads)
{
    const struct facet_cpu_op *op = ((const struct facet_cpu_node *)state)->op;
    const struct facet_node *n = &g->nodes[node];
    size_t own = op->scratch ? (op->scratch(state, g, node, shapes) + 63) / 64 * 64 * threads : 0;
    return own + (needs_floats(op, g, n, shapes) ? facet_cpu_float_bytes(g, n, shapes) : 0);
}

static int cpu_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_cpu_op *op = ((const struct facet_cpu_node *)state)->op;
    if (needs_floats(op, g, &g->nodes[node], r))
        return facet_cpu_run_as_floats(state, g, node, r);
    bool is_stored = op->run_stored && facet_cpu_has_stored(g, &g->nodes[node]);
    return (is_stored ? op->run_stored : op->run)(state, g, node, r);
}

static bool cpu_drops_constants(const void *state, const struct facet_graph *g, int node)
{
    (void)g;
    (void)node;
    return ((const struct facet_cpu_node *)state)->op->drops;
}

const struct facet_backend_ops facet_backend_cpu = {
    .name = "cpu",
    .supports = cpu_supports,
    .layout = cpu_layout,
    .stores = cpu_stores,
    .strided = cpu_strided,
    .fuse_network = cpu_fuse_network,
    .prepare = cpu_prepare,
    .packs = true,
    .release = cpu_release,
    .drops_constants = cpu_drops_constants,
    .scratch_bytes = cpu_scratch_bytes,
    .run = cpu_run,
};
