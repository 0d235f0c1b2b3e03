/* bfloat16: values between the nodes that do the work are kept in 16 bits, where the back end has kernels for
 * it, and weights are rounded when they are packed. Sums stay in float32, and so do the plan's inputs and
 * outputs, which their makers do not round. At the borders stand Casts (stored.c). A node that is no convolution or product joins only when a
 * node that joined makes its input: an island of its own would convert twice for nothing. */
#include "base/errors.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdlib.h>
#include <string.h>

struct marks {
    struct facet_graph *g;
    int n_nodes, n_values;
    bool *joins;                     /* per node */
    bool *is_output;                 /* per value: of the plan */
    bool *wanted;                    /* per value: somebody reads it in 16 bits */
    int *other;                      /* per value: itself in the other form behind a Cast, -1: none yet */
};

static int input_at(const struct facet_node *n, int k)
{
    return k < n->n_inputs ? n->inputs[k] : n->epi.residual;
}

static bool may_join(const struct marks *m, int i, const struct facet_backend_ops *preferred)
{
    const struct facet_node *n = &m->g->nodes[i];
    bool is_fed = facet_pass_is_heavy(n);
    if (facet_pass_is_view(n) || !facet_pass_stores(m->g, i, preferred, FACET_BF16))
        return false;
    for (int k = 0; k <= n->n_inputs; k++) {
        int v = input_at(n, k);
        if (!facet_pass_is_real(m->g, v))
            continue;
        if (m->g->values[v].is_stored)
            return false;
        int maker = m->g->values[v].producer;
        while (maker >= 0 && facet_pass_is_view(&m->g->nodes[maker]))
            maker = m->g->nodes[maker].inputs[0] < 0 ? -1 : m->g->values[m->g->nodes[maker].inputs[0]].producer;
        is_fed |= maker >= 0 && m->joins[maker];
    }
    for (int k = 0; k < n->n_outputs; k++)
        if (n->outputs[k] >= 0 && (m->g->values[n->outputs[k]].is_stored || m->g->values[n->outputs[k]].dtype != FACET_F32))
            return false;
    return is_fed;
}

/* Does the maker of value v write 16 bits? */
static bool is_kept(const struct marks *m, int v)
{
    return v >= 0 && m->wanted[v] && !m->is_output[v];
}

/* From the last node to the first: who wants what in 16 bits. A view wants what its users want. */
static void find_wanted(struct marks *m)
{
    for (int i = m->n_nodes - 1; i >= 0; i--) {
        const struct facet_node *n = &m->g->nodes[i];
        bool wants = m->joins[i] || (facet_pass_is_view(n) && is_kept(m, n->outputs[0]));
        for (int k = 0; wants && k <= n->n_inputs; k++) {
            int v = input_at(n, k);
            if (facet_pass_is_real(m->g, v) && !m->g->values[v].is_stored)
                m->wanted[v] = true;
        }
    }
}

/* Value v for a reader of 16 bits, or of float32. */
static int in_form(struct marks *m, int v, bool wants_bf16)
{
    bool is_bf16 = m->g->values[v].is_stored;
    if (is_bf16 == wants_bf16)
        return v;
    if (m->other[v] < 0)
        m->other[v] = facet_pass_cast(m->g, v, wants_bf16 ? FACET_BF16 : FACET_F32, NULL);
    return m->other[v];
}

static int convert_node(struct marks *m, int i)
{
    bool is_view = facet_pass_is_view(&m->g->nodes[i]), wants = m->joins[i];
    if (is_view)
        wants = is_kept(m, m->g->nodes[i].outputs[0]);
    for (int k = 0; k <= m->g->nodes[i].n_inputs; k++) {
        int v = input_at(&m->g->nodes[i], k);
        if (!facet_pass_is_real(m->g, v) || (m->g->values[v].is_stored && m->g->values[v].store != FACET_BF16))
            continue;
        int as = in_form(m, v, wants);
        if (as < 0)
            return as;
        struct facet_node *n = &m->g->nodes[i]; /* may have moved */
        *(k < n->n_inputs ? &n->inputs[k] : &n->epi.residual) = as;
    }
    const struct facet_node *n = &m->g->nodes[i];
    for (int k = 0; wants && k < n->n_outputs; k++)
        if (is_kept(m, n->outputs[k]))
            facet_pass_keep(m->g, n->outputs[k], FACET_BF16, NULL);
    return FACET_OK;
}

static int convert(struct marks *m)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < m->n_nodes; i++)
        err = convert_node(m, i);
    return err;
}

int facet_pass_precision(struct facet_graph *g, const struct facet_backend_ops *preferred, unsigned flags)
{
    if (!(flags & FACET_PASS_BF16) || !(flags & FACET_PASS_STORE) || !preferred->stores)
        return FACET_OK;
    struct marks m = {.g = g, .n_nodes = g->n_nodes, .n_values = g->n_values};
    m.joins = calloc((size_t)g->n_nodes + 1, sizeof(*m.joins));
    m.wanted = calloc((size_t)g->n_values + 1, sizeof(*m.wanted));
    m.is_output = calloc((size_t)g->n_values + 1, sizeof(*m.is_output));
    m.other = malloc(((size_t)g->n_values + 1) * sizeof(*m.other));
    int err = m.joins && m.wanted && m.is_output && m.other ? FACET_OK : facet_fail_nomem();
    for (int v = 0; !err && v < g->n_values; v++)
        m.other[v] = -1;
    for (int i = 0; !err && i < g->n_outputs; i++)
        m.is_output[g->outputs[i]] = true;
    for (int i = 0; !err && i < g->n_nodes; i++)
        m.joins[i] = may_join(&m, i, preferred);
    if (!err) {
        find_wanted(&m);
        err = convert(&m);
    }
    free(m.joins);
    free(m.wanted);
    free(m.is_output);
    free(m.other);
    return err;
}
