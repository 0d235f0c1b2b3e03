/* Nodes that compute the same numbers every time are computed once, by ref. */
#include "base/errors.h"
#include "engine/ops/ops.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FOLDED ((size_t)64 << 20) /* bytes of one result: a hostile Expand must not fill the memory */
#define MAX_FOLDED_MACS ((int64_t)1 << 28)
#define MAX_ARGS 64

static bool all_constant(const struct facet_graph *g, const struct facet_node *n)
{
    int given = 0;
    for (int i = 0; i < n->n_inputs; i++) {
        if (n->inputs[i] >= 0 && (!g->values[n->inputs[i]].data || g->values[n->inputs[i]].is_stored))
            return false;
        given += n->inputs[i] >= 0;
    }
    return given > 0;
}

/* The contents that inference followed, when all of them are numbers. */
static bool is_followed(const struct facet_fact *f)
{
    if (f->dtype != FACET_I64 || f->n_known < 0 || facet_shape_count(&f->shape) != f->n_known)
        return false;
    for (int i = 0; i < f->n_known; i++)
        if (f->known[i] == FACET_FACT_FREE)
            return false;
    return true;
}

static void set_constant(struct facet_graph *g, int v, enum facet_dtype t, const struct facet_shape *s, void *data)
{
    g->values[v].dtype = t;
    g->values[v].shape = *s;
    g->values[v].data = data;
    g->values[v].bytes = (size_t)facet_shape_count(s) * facet_dtype_size(t);
}

static int fold_followed(struct facet_graph *g, int node, const struct facet_fact *f)
{
    int v = g->nodes[node].outputs[0];
    size_t bytes = (size_t)f->n_known * sizeof(int64_t);
    void *data = malloc(bytes ? bytes : 1);
    if (!data)
        return facet_fail_nomem();
    memcpy(data, f->known, bytes);
    facet_graph_kill_node(g, node);
    set_constant(g, v, FACET_I64, &f->shape, data);
    return FACET_OK;
}

static int run_node(const struct facet_graph *g, int node, const struct facet_fact *f, void *data)
{
    const struct facet_node *n = &g->nodes[node];
    struct facet_tensor in[MAX_ARGS], out = {.dtype = f->dtype, .shape = f->shape, .data = data}, *outs[] = {&out};
    const struct facet_tensor *ins[MAX_ARGS];
    for (int i = 0; i < n->n_inputs; i++) {
        const struct facet_value *v = n->inputs[i] < 0 ? NULL : &g->values[n->inputs[i]];
        ins[i] = v ? &in[i] : NULL;
        if (v)
            in[i] = (struct facet_tensor){.dtype = v->dtype, .shape = v->shape, .data = v->data};
    }
    struct facet_run run = {.in = ins, .n_in = n->n_inputs, .out = outs, .n_out = 1};
    size_t scratch = facet_backend_ref.scratch_bytes(NULL, g, node, &run, 1);
    run.scratch = scratch ? malloc(scratch) : NULL;
    int err = scratch && !run.scratch ? facet_fail_nomem() : facet_backend_ref.run(NULL, g, node, &run);
    free(run.scratch);
    return err;
}

static int fold_computed(struct facet_graph *g, int node, const struct facet_fact *f)
{
    int v = g->nodes[node].outputs[0];
    int64_t count = facet_shape_count(&f->shape);
    size_t bytes = count < 0 ? MAX_FOLDED + 1 : (size_t)count * facet_dtype_size(f->dtype);
    if (bytes > MAX_FOLDED || facet_node_macs(g, node) > MAX_FOLDED_MACS)
        return FACET_OK;
    void *data = malloc(bytes ? bytes : 1);
    int err = data ? run_node(g, node, f, data) : facet_fail_nomem();
    if (err) {
        free(data);
        return err;
    }
    facet_graph_kill_node(g, node);
    set_constant(g, v, f->dtype, &f->shape, data);
    return FACET_OK;
}

/* Weights in 8 bits wait for the pass quantise; what it leaves is folded after it. */
static bool waits(const struct facet_graph *g, const struct facet_node *n, unsigned flags)
{
    return (flags & FACET_PASS_STORE) && strcmp(n->op, "DequantizeLinear") == 0 && g->values[n->inputs[0]].dtype != FACET_I32;
}

static bool has_constant_scales(const struct facet_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i].op, "DequantizeLinear") == 0 && all_constant(g, &g->nodes[i]))
            return true;
    return false;
}

int facet_pass_fold_rest(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    return has_constant_scales(g) ? facet_pass_fold_const(g, preferred, flags & ~(unsigned)FACET_PASS_STORE) : FACET_OK;
}

int facet_pass_fold_const(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    struct facet_fact *facts = malloc(((size_t)g->n_values + 1) * sizeof(*facts));
    if (!facts)
        return facet_fail_nomem();
    facet_infer_start(g, facts);
    int err = facet_infer_run(g, facts);
    for (int i = 0; !err && i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (n->n_outputs != 1 || n->outputs[0] < 0 || n->n_inputs > MAX_ARGS || *n->domain || waits(g, n, flags))
            continue;
        const struct facet_fact *f = &facts[n->outputs[0]];
        if (is_followed(f))
            err = fold_followed(g, i, f);
        else if (all_constant(g, n) && facet_backend_ref.supports(g, i))
            err = fold_computed(g, i, f);
    }
    free(facts);
    return err;
}

int facet_pass_drop_identity(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (*n->domain || (strcmp(n->op, "Identity") != 0 && strcmp(n->op, "Dropout") != 0))
            continue;
        facet_graph_replace_value(g, n->outputs[0], n->inputs[0]);
        facet_graph_kill_node(g, i);
    }
    return FACET_OK;
}
