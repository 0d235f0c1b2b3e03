/* From graph to frozen plan: passes, layouts, a back end for each node, packed weights. */
#include "engine/plan.h"

#include "base/errors.h"
#include "base/log.h"
#include "engine/format/onnx.h"
#include "engine/passes/passes.h"
#include "engine/plan_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of our own: plans of others are not kept. */
const struct facet_backend_ops *facet__backend_find(const char *name)
{
    for (int i = 0; facet_backends[i]; i++)
        if (!name || strcmp(facet_backends[i]->name, name) == 0)
            return facet_backends[i];
    return NULL;
}

/* ---- back ends ---- */

static bool needs_running(const struct facet_graph *g, const struct facet_node *n)
{
    bool is_shape = n->outputs[0] >= 0 && g->values[n->outputs[0]].dtype == FACET_I64;
    return !facet_pass_is_view(n) && !is_shape;
}

static int declined(const struct facet_plan *p, int node, bool strict)
{
    const struct facet_node *n = &p->g->nodes[node];
    if (strict)
        return facet_op_fail(p->g, n, FACET_E_UNSUPPORTED, "back end '%s' declines it; ref would run it, were it not asked to be strict",
                             p->preferred->name);
    return FACET_OK;
}

static int assign_node(struct facet_plan *p, int i, bool strict, int *n_declined)
{
    const struct facet_node *n = &p->g->nodes[i];
    struct facet__plan_node *pn = &p->nodes[i];
    bool is_transpose = strcmp(n->op, "Transpose") == 0 && n->inputs[0] >= 0 && n->outputs[0] >= 0;
    pn->may_view = facet_pass_is_view(n) ||
                   (is_transpose && p->layouts[n->inputs[0]] != p->layouts[n->outputs[0]]);
    pn->backend = facet_pass_backend(p->g, i, p->preferred);
    if (!pn->backend)
        return facet_op_fail(p->g, n, FACET_E_UNSUPPORTED, "no back end runs this operator");
    if (pn->may_view && strcmp(n->op, "Layout") != 0 && pn->backend != &facet_backend_ref && facet_backend_ref.supports(p->g, i))
        pn->backend = &facet_backend_ref; /* on the rare occasion that a view must be copied */
    pn->strided = pn->backend->strided ? pn->backend->strided(p->g, i) : 0;
    if (pn->backend == p->preferred || pn->may_view || !needs_running(p->g, n))
        return FACET_OK;
    ++*n_declined;
    return declined(p, i, strict);
}

static void warn_declined(const struct facet_plan *p, int n_declined)
{
    if (n_declined == 0)
        return;
    for (int i = 0; i < p->g->n_nodes; i++) {
        const struct facet_node *n = &p->g->nodes[i];
        if (p->nodes[i].backend == p->preferred || p->nodes[i].may_view || !needs_running(p->g, n))
            continue;
        facet_log(FACET_LOG_WARN, "engine", "'%s': back end '%s' declines %d of %d nodes, first '%s' (%s): ref runs them",
                  p->g->name, p->preferred->name, n_declined, p->g->n_nodes, n->name, n->op);
        return;
    }
}

static int assign(struct facet_plan *p, bool strict)
{
    int n_declined = 0, err = FACET_OK;
    p->nodes = calloc((size_t)p->g->n_nodes + 1, sizeof(*p->nodes));
    if (!p->nodes)
        return facet_fail_nomem();
    for (int i = 0; !err && i < p->g->n_nodes; i++)
        err = assign_node(p, i, strict, &n_declined);
    if (!err)
        warn_declined(p, n_declined);
    return err;
}

/* ---- packed weights ---- */

int facet__plan_prepare(struct facet_plan *p)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < p->g->n_nodes; i++) {
        struct facet__plan_node *pn = &p->nodes[i];
        if (pn->backend->prepare)
            err = facet_backend_failed(pn->backend, pn->backend->prepare(&pn->state, p->g, i, p->pack));
    }
    return err;
}

static void release_nodes(struct facet_plan *p)
{
    for (int i = 0; p->nodes && i < p->g->n_nodes; i++) {
        struct facet__plan_node *pn = &p->nodes[i];
        if (pn->state && pn->backend->release)
            pn->backend->release(pn->state);
        pn->state = NULL;
    }
}

int facet__plan_pack_anew(struct facet_plan *p)
{
    release_nodes(p);
    facet_pack_close(&p->pack);
    int err = facet_pack_new(&p->pack);
    return err ? err : facet__plan_prepare(p);
}

static bool drops_constants(const struct facet_plan *p, int node)
{
    const struct facet__plan_node *pn = &p->nodes[node];
    return pn->backend->drops_constants && pn->backend->drops_constants(pn->state, p->g, node);
}

static void drop_body(struct facet_graph *body)
{
    for (int v = 0; body && v < body->n_values; v++) {
        struct facet_value *value = &body->values[v];
        if (!value->data || value->dtype == FACET_I64 || value->dtype == FACET_I32)
            continue; /* shapes are inferred from these */
        free(value->data);
        value->data = NULL;
        value->is_packed = true;
    }
}

int facet__plan_mark_packed(struct facet_plan *p)
{
    struct facet_graph *g = p->g;
    unsigned char *kept = calloc((size_t)g->n_values + 1, 1);
    if (!kept)
        return facet_fail_nomem();
    for (int i = 0; i < g->n_nodes; i++) {
        if (drops_constants(p, i)) {
            drop_body(g->nodes[i].body);
            continue;
        }
        for (int k = 0; k < g->nodes[i].n_inputs; k++)
            if (g->nodes[i].inputs[k] >= 0)
                kept[g->nodes[i].inputs[k]] = 1;
        if (g->nodes[i].epi.slope >= 0)
            kept[g->nodes[i].epi.slope] = 1;
    }
    for (int i = 0; i < g->n_outputs; i++)
        kept[g->outputs[i]] = 1;
    for (int v = 0; v < g->n_values; v++)
        g->values[v].is_packed = !kept[v] && facet_value_is_const(&g->values[v]);
    free(kept);
    return FACET_OK;
}

void facet__plan_drop_packed(struct facet_plan *p)
{
    for (int v = 0; v < p->g->n_values; v++) {
        struct facet_value *value = &p->g->values[v];
        if (!value->is_packed)
            continue;
        free(value->data);
        value->data = NULL;
    }
}

/* ---- life ---- */

static int keep_output_names(struct facet_plan *p)
{
    p->output_names = calloc((size_t)p->g->n_outputs, sizeof(*p->output_names));
    if (!p->output_names)
        return facet_fail_nomem();
    for (int i = 0; i < p->g->n_outputs; i++) {
        p->output_names[i] = strdup(p->g->values[p->g->outputs[i]].name);
        if (!p->output_names[i])
            return facet_fail_nomem();
    }
    return FACET_OK;
}

/* What the options or the model's metadata ask for; whole models in 8 bits say so themselves, node by node. */
static int choose_precision(struct facet_plan *p, enum facet_precision asked)
{
    static const struct { const char *name; unsigned flag; } known[] = {
        {"fp32", 0}, {"fp16", 0}, {"int8", 0}, {"bf16", FACET_PASS_BF16},
    };
    const char *says = facet_graph_meta(p->g, "facet.precision");
    if (asked == FACET_PRECISION_F32)
        p->passes &= ~(unsigned)FACET_PASS_STORE;
    if (asked == FACET_PRECISION_BF16)
        p->passes |= FACET_PASS_BF16;
    if (asked != FACET_PRECISION_MODEL || !says)
        return FACET_OK;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(says, known[i].name) == 0) {
            p->passes |= known[i].flag;
            return FACET_OK;
        }
    return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s': its metadata asks for the precision '%s'; fp32, bf16, fp16 and "
                      "int8 are known", p->g->name, says);
}

int facet__plan_new(struct facet_plan **out, struct facet_graph **g, const struct facet_plan_opts *o)
{
    struct facet_plan *p = calloc(1, sizeof(*p));
    *out = NULL;
    if (!p) {
        facet_graph_free(g);
        return facet_fail_nomem();
    }
    p->g = *g;
    *g = NULL;
    p->passes = (o->passes ? o->passes : FACET_PASS_ALL) & ~o->passes_off;
    int err = facet_backend_find(&p->preferred, o->backend);
    if (!err)
        err = choose_precision(p, o->precision);
    if (!err)
        p->passes &= ~p->preferred->passes_off;
    if (err)
        facet_plan_close(&p);
    *out = p;
    return err;
}

int facet__plan_build(struct facet_plan *p, const struct facet_plan_opts *o)
{
    int err = facet_graph_check(p->g);
    if (!err)
        err = facet_graph_infer(p->g);
    if (!err)
        err = keep_output_names(p);
    if (!err)
        err = facet_passes_run(p->g, p->preferred, p->passes);
    if (!err)
        err = facet_pass_layout(p->g, p->preferred, (p->passes & FACET_PASS_LAYOUT) != 0, &p->layouts);
    return err ? err : assign(p, o->strict);
}

static const struct facet_plan_opts defaults = FACET_PLAN_OPTS_INIT;

int facet_plan_open(struct facet_plan **out, struct facet_graph **g, const struct facet_plan_opts *o)
{
    o = o ? o : &defaults;
    int err = facet__plan_new(out, g, o);
    if (!err)
        err = facet__plan_build(*out, o);
    if (!err)
        err = facet__plan_pack_anew(*out);
    if (!err)
        err = facet__plan_mark_packed(*out);
    if (err)
        facet_plan_close(out);
    else
        facet__plan_drop_packed(*out);
    return err;
}

int facet_plan_load(struct facet_plan **out, const char *onnx_path, const struct facet_plan_opts *o)
{
    struct facet_graph *g = NULL;
    o = o ? o : &defaults;
    *out = NULL;
    if (o->cache)
        return facet__plan_load_cached(out, onnx_path, o);
    int err = facet_onnx_load(&g, onnx_path);
    return err ? err : facet_plan_open(out, &g, o);
}

void facet_plan_close(struct facet_plan **plan)
{
    struct facet_plan *p = *plan;
    if (!p)
        return;
    release_nodes(p);
    facet_pack_close(&p->pack);
    for (int i = 0; p->output_names && i < p->g->n_outputs; i++)
        free(p->output_names[i]);
    free(p->output_names);
    free(p->nodes);
    free(p->layouts);
    facet_graph_free(&p->g);
    free(p);
    *plan = NULL;
}

/* ---- questions ---- */

const struct facet_graph *facet_plan_graph(const struct facet_plan *p)
{
    return p->g;
}

const char *facet_plan_output_name(const struct facet_plan *p, int i)
{
    return p->output_names[i];
}

/* A Layout moves numbers, but for one channel or one pixel. */
static bool moves_numbers(const struct facet_plan *p, const struct facet_node *n)
{
    if (strcmp(n->op, "Layout") != 0)
        return false;
    const struct facet_value *x = &p->g->values[n->inputs[0]], *y = &p->g->values[n->outputs[0]];
    bool turns = p->layouts[n->inputs[0]] != p->layouts[n->outputs[0]] && x->shape.dim[1] != 1 &&
                 (x->shape.dim[2] != 1 || x->shape.dim[3] != 1);
    return turns || !facet_pass_same_keeping(x, y);
}

const char *facet_plan_backend_of(const struct facet_plan *p, int node)
{
    if (node < 0 || node >= p->g->n_nodes)
        return "";
    bool costs_nothing = p->nodes[node].may_view && p->nodes[node].backend == &facet_backend_ref;
    if (moves_numbers(p, &p->g->nodes[node]))
        return p->nodes[node].backend->name;
    return costs_nothing || !needs_running(p->g, &p->g->nodes[node]) ? "view" : p->nodes[node].backend->name;
}

bool facet_plan_from_cache(const struct facet_plan *p)
{
    return p->from_cache;
}

size_t facet_plan_weight_bytes(const struct facet_plan *p)
{
    size_t bytes = facet_pack_bytes(p->pack);
    for (int v = 0; v < p->g->n_values; v++)
        bytes += p->g->values[v].data ? p->g->values[v].bytes : 0;
    return bytes;
}
