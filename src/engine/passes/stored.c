/* What the passes that keep values in fewer bits share: the conversions. A conversion is a Cast from float32
 * to float32, an identity on reals, one side of which is stored. */
#include "base/errors.h"
#include "engine/number.h"
#include "engine/passes/passes.h"

#include <stdio.h>
#include <string.h>

bool facet_pass_stores(const struct facet_graph *g, int node, const struct facet_backend_ops *preferred, enum facet_dtype t)
{
    return preferred->stores && preferred->stores(g, node, t);
}

bool facet_pass_is_cast(const struct facet_graph *g, const struct facet_node *n)
{
    return n->op && strcmp(n->op, "Cast") == 0 && n->inputs[0] >= 0 && n->outputs[0] >= 0 &&
           g->values[n->inputs[0]].dtype == FACET_F32 && g->values[n->outputs[0]].dtype == FACET_F32;
}

bool facet_pass_is_heavy(const struct facet_node *n)
{
    return !strcmp(n->op, "Conv") || !strcmp(n->op, "Gemm") || !strcmp(n->op, "MatMul");
}

bool facet_pass_is_real(const struct facet_graph *g, int v)
{
    return v >= 0 && !g->values[v].data && g->values[v].dtype == FACET_F32;
}

void facet_pass_keep(struct facet_graph *g, int v, enum facet_dtype t, const struct facet_quant *q)
{
    g->values[v].is_stored = true;
    g->values[v].store = t;
    g->values[v].quant = q ? *q : (struct facet_quant){0};
}

bool facet_pass_same_keeping(const struct facet_value *a, const struct facet_value *b)
{
    if (facet_value_store(a) != facet_value_store(b) || a->is_stored != b->is_stored)
        return false;
    return !a->is_stored || a->store == FACET_BF16 || facet_quant_same(&a->quant, &b->quant);
}

int facet_pass_cast(struct facet_graph *g, int v, enum facet_dtype t, const struct facet_quant *q)
{
    char name[32];
    snprintf(name, sizeof(name), "facet:cast:%d", g->n_values);
    int out = facet_graph_value(g, name);
    int node = out < 0 ? out : facet_graph_add_node(g, "Cast", "", name, &v, 1, &out, 1);
    int err = node < 0 ? node : facet_graph_attr_int(g, node, "to", 1);
    if (err)
        return err;
    g->values[out].dtype = FACET_F32;
    g->values[out].shape = g->values[v].shape;
    if (t != FACET_F32)
        facet_pass_keep(g, out, t, q);
    return out;
}
