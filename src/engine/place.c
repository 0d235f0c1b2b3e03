/* Where values lie. A view lies in its input's memory. The parts of a concat lie in the concat's own
 * buffer when everything that touches them can live with that: then the concat is not run. */
#include "engine/number.h"
#include "engine/plan_priv.h"

#include <string.h>

static bool is_dense_either_way(const struct facet_shape *s)
{
    return s->rank != 4 || s->dim[1] == 1 || s->dim[2] * s->dim[3] == 1;
}

static bool same_keeping(const struct facet_graph *g, int a, int b)
{
    const struct facet_value *x = &g->values[a], *y = &g->values[b];
    return x->is_stored == y->is_stored && facet_value_store(x) == facet_value_store(y) &&
           (!x->is_stored || x->store == FACET_BF16 || facet_quant_same(&x->quant, &y->quant));
}

/* Does this node leave every number where it is? */
static bool is_view(const struct facet_exec *e, const struct facet_node *n)
{
    const struct facet_plan *p = e->p;
    int in = n->inputs[0], out = n->outputs[0];
    if (in < 0 || out < 0 || facet_value_is_const(&p->g->values[in]) || e->places[in].is_part || !same_keeping(p->g, in, out))
        return false;
    if (strcmp(n->op, "Layout") == 0)
        return p->layouts[in] == p->layouts[out] || is_dense_either_way(&e->facts[in].shape);
    if (strcmp(n->op, "Transpose") == 0)
        return p->layouts[in] != p->layouts[out]; /* passes/layout.c left the move to the layouts */
    return p->layouts[in] == p->layouts[out];
}

static bool is_static(const struct facet_exec *e, const struct facet_node *n)
{
    for (int i = 0; i < n->n_outputs; i++) {
        const struct facet_fact *f = n->outputs[i] < 0 ? NULL : &e->facts[n->outputs[i]];
        if (!f)
            continue;
        if (f->n_known < 0 || f->dtype != FACET_I64 || facet_shape_count(&f->shape) != f->n_known)
            return false;
        for (int k = 0; k < f->n_known; k++)
            if (f->known[k] == FACET_FACT_FREE)
                return false;
    }
    return true;
}

static bool is_border(const struct facet_graph *g, int v)
{
    for (int i = 0; i < g->n_inputs; i++)
        if (g->inputs[i] == v)
            return true;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == v)
            return true;
    return false;
}

/* May a value be written and read with a pixel stride? Asked of all nodes that touch it. */
static bool all_strided(const struct facet_exec *e, int v, int concat)
{
    const struct facet_graph *g = e->p->g;
    int maker = g->values[v].producer;
    if (maker < 0 || !(e->p->nodes[maker].strided & FACET_STRIDED_OUT) || e->flags[maker] != FACET__RUNS || is_border(g, v))
        return false;
    for (int i = maker + 1; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        unsigned need = n->epi.residual == v ? FACET_STRIDED_RESIDUAL : 0;
        for (int k = 0; k < n->n_inputs; k++)
            need |= n->inputs[k] == v ? FACET_STRIDED_IN : 0;
        if (i != concat && need && ((e->p->nodes[i].strided & need) != need || e->flags[i] == FACET__VIEW))
            return false;
    }
    return true;
}

static int axis_of(const struct facet_node *n, int rank)
{
    int64_t axis = facet_node_int(n, "axis", 0);
    return (int)(axis < 0 ? axis + rank : axis);
}

/* The value whose memory would have to move into the concat's buffer; -1: it cannot. */
static int movable(const struct facet_exec *e, int concat, int v)
{
    const struct facet_graph *g = e->p->g;
    int out = g->nodes[concat].outputs[0];
    if (v < 0 || e->p->layouts[v] != e->p->layouts[out] || !same_keeping(g, v, out))
        return -1;
    if (e->p->layouts[out] == FACET_NHWC)
        return e->places[v].root == v && !e->places[v].is_part && all_strided(e, v, concat) ? v : -1;
    int root = e->places[v].root;
    int maker = g->values[root].producer;
    if (maker < 0 || e->places[root].is_part || e->places[v].offset != 0 || e->flags[maker] == FACET__STATIC)
        return -1;
    return e->p->layouts[root] == FACET_NHWC && e->places[root].pixel_stride != e->facts[root].shape.dim[1] ? -1 : root;
}

static bool can_place_concat(const struct facet_exec *e, int concat, bool *is_nhwc)
{
    const struct facet_node *n = &e->p->g->nodes[concat];
    const struct facet_shape *y = &e->facts[n->outputs[0]].shape;
    int axis = axis_of(n, y->rank);
    int64_t outer = 1;
    for (int i = 0; i < axis; i++)
        outer *= y->dim[i];
    *is_nhwc = e->p->layouts[n->outputs[0]] == FACET_NHWC;
    if (*is_nhwc ? axis != 1 : outer != 1)
        return false;
    for (int i = 0; i < n->n_inputs; i++) {
        int root = movable(e, concat, n->inputs[i]);
        if (root < 0)
            return false;
        for (int k = 0; k < i; k++)
            if (e->places[n->inputs[k]].root == root)
                return false;
    }
    return true;
}

/* Everything that lay in `root` now lies in the concat's memory. */
static void move_root(struct facet_exec *e, int root, int to, int64_t offset, int64_t pixel_stride)
{
    for (int v = 0; v < e->p->g->n_values; v++) {
        if (e->places[v].root != root)
            continue;
        e->places[v].root = to;
        e->places[v].offset += offset;
        if (pixel_stride) {
            e->places[v].pixel_stride = pixel_stride;
            e->places[v].is_part = true;
        }
    }
}

static void place_concat(struct facet_exec *e, int concat)
{
    const struct facet_node *n = &e->p->g->nodes[concat];
    int out = n->outputs[0];
    bool is_nhwc;
    if (strcmp(n->op, "Concat") != 0 || e->flags[concat] != FACET__RUNS || n->epi.act != FACET_ACT_NONE ||
        n->epi.residual >= 0 || !can_place_concat(e, concat, &is_nhwc))
        return;
    int64_t at = e->places[out].offset;
    for (int i = 0; i < n->n_inputs; i++) {
        int v = n->inputs[i];
        const struct facet_shape *s = &e->facts[v].shape;
        move_root(e, is_nhwc ? v : e->places[v].root, e->places[out].root, at, is_nhwc ? e->places[out].pixel_stride : 0);
        at += is_nhwc ? s->dim[1] : facet_shape_count(s);
    }
    e->flags[concat] = FACET__IN_PLACE;
}

void facet__place_values(struct facet_exec *e)
{
    const struct facet_plan *p = e->p;
    for (int v = 0; v < p->g->n_values; v++) {
        const struct facet_shape *s = &e->facts[v].shape;
        e->places[v] = (struct facet__place){.root = v};
        if (p->layouts[v] == FACET_NHWC)
            e->places[v].pixel_stride = s->dim[1];
    }
    for (int i = 0; i < p->g->n_nodes; i++) {
        const struct facet_node *n = &p->g->nodes[i];
        e->flags[i] = is_static(e, n) ? FACET__STATIC : p->nodes[i].may_view && is_view(e, n) ? FACET__VIEW : FACET__RUNS;
        if (e->flags[i] == FACET__VIEW)
            e->places[n->outputs[0]].root = e->places[n->inputs[0]].root;
    }
    /* Last concat first: an inner one then lands in its outer one's buffer. */
    if (p->passes & FACET_PASS_CONCAT_IN_PLACE)
        for (int i = p->g->n_nodes - 1; i >= 0; i--)
            place_concat(e, i);
}
