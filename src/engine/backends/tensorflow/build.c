#include "engine/backends/tensorflow/build.h"

#include "base/errors.h"
#include "engine/backends/tensorflow/build_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one operation ---- */

void *facet__tf_begin(struct tf_builder *b, const char *kind)
{
    char name[48];
    if (b->err)
        return NULL;
    snprintf(name, sizeof(name), "n%d", b->serial++);
    void *making = b->tf->TF_NewOperation(b->graph, kind, name);
    if (!making)
        b->err = facet_fail(FACET_E_UNSUPPORTED, "TensorFlow has no operation '%s'", kind);
    return making;
}

void facet__tf_in(struct tf_builder *b, void *making, struct tf_output x)
{
    if (making)
        b->tf->TF_AddInput(making, x);
}

/* Finishing is what frees what was begun, so it is done after a failure, too. */
struct tf_output facet__tf_finish(struct tf_builder *b, void *making, const char *kind)
{
    char doing[64];
    if (!making)
        return (struct tf_output){ NULL, 0 };
    void *status = b->tf->TF_NewStatus(), *op = status ? b->tf->TF_FinishOperation(making, status) : NULL;
    snprintf(doing, sizeof(doing), "make a %s", kind);
    int err = facet_tf_check(b->tf, status, doing);
    if (!err && !op)
        err = facet_fail(FACET_E_UNSUPPORTED, "TensorFlow made no %s", kind);
    if (!b->err)
        b->err = err;
    return (struct tf_output){ err ? NULL : op, 0 };
}

struct tf_output facet__tf_op(struct tf_builder *b, const char *kind, struct tf_output x, struct tf_output y)
{
    void *making = facet__tf_begin(b, kind);
    facet__tf_in(b, making, x);
    if (y.op)
        facet__tf_in(b, making, y);
    return facet__tf_finish(b, making, kind);
}

/* ---- constants and orders ---- */

struct tf_output facet__tf_const(struct tf_builder *b, int type, const int64_t *dims, int rank, const void *data)
{
    size_t bytes = 4; /* both types */
    for (int i = 0; i < rank; i++)
        bytes *= (size_t)dims[i];
    void *making = facet__tf_begin(b, "Const"), *tensor = making ? b->tf->TF_AllocateTensor(type, dims, rank, bytes) : NULL;
    if (!making)
        return (struct tf_output){ NULL, 0 };
    if (tensor && b->tf->TF_TensorByteSize(tensor) == bytes) {
        void *status = b->tf->TF_NewStatus();
        memcpy(b->tf->TF_TensorData(tensor), data, bytes);
        b->tf->TF_SetAttrType(making, "dtype", type);
        if (status)
            b->tf->TF_SetAttrTensor(making, "value", tensor, status);
        b->err = facet_tf_check(b->tf, status, "keep a constant");
    } else {
        b->err = facet_fail_nomem();
    }
    if (tensor)
        b->tf->TF_DeleteTensor(tensor);
    return facet__tf_finish(b, making, "Const");
}

struct tf_output facet__tf_ints(struct tf_builder *b, const int32_t *v, int n)
{
    int64_t dim = n;
    return facet__tf_const(b, TF_TYPE_INT32, &dim, 1, v);
}

struct tf_output facet__tf_number(struct tf_builder *b, float v)
{
    return facet__tf_const(b, TF_TYPE_FLOAT, NULL, 0, &v);
}

struct tf_output facet__tf_turn(struct tf_builder *b, struct tf_output x, const int32_t *perm, int rank)
{
    struct tf_output p = facet__tf_ints(b, perm, rank);
    return facet__tf_op(b, "Transpose", x, p);
}

struct tf_output facet__tf_plain(struct tf_builder *b, int v)
{
    static const int32_t first[] = { 0, 3, 1, 2 };
    const struct facet_value *value = &b->g->values[v];
    struct tf_place *at = &b->at[v];
    if (!at->plain.op && value->data)
        at->plain = facet__tf_const(b, TF_TYPE_FLOAT, value->shape.dim, value->shape.rank, value->data);
    else if (!at->plain.op && at->last.op)
        at->plain = facet__tf_turn(b, at->last, first, 4);
    return at->plain;
}

struct tf_output facet__tf_last(struct tf_builder *b, int v)
{
    static const int32_t last[] = { 0, 2, 3, 1 };
    struct tf_place *at = &b->at[v];
    if (!at->last.op) {
        struct tf_output plain = facet__tf_plain(b, v);
        at->last = facet__tf_turn(b, plain, last, 4);
    }
    return at->last;
}

/* ---- the graph ---- */

static struct tf_output make_input(struct tf_builder *b, int v)
{
    const struct facet_shape *s = &b->g->values[v].shape;
    void *making = facet__tf_begin(b, "Placeholder");
    if (making) {
        b->tf->TF_SetAttrType(making, "dtype", TF_TYPE_FLOAT);
        b->tf->TF_SetAttrShape(making, "shape", s->dim, s->rank);
    }
    return facet__tf_finish(b, making, "Placeholder");
}

static void build_all(struct tf_builder *b, struct facet_tf_graph *out)
{
    const struct facet_graph *g = b->g;
    for (int i = 0; !b->err && i < g->n_inputs; i++)
        out->in[i] = b->at[g->inputs[i]].plain = make_input(b, g->inputs[i]);
    for (int i = 0; !b->err && i < g->n_nodes; i++) {
        facet__tf_node(b, &g->nodes[i]);
        if (b->err)
            b->err = facet_fail_prefix(b->err, "node '%s' (%s)", g->nodes[i].name, g->nodes[i].op);
    }
    for (int i = 0; !b->err && i < g->n_outputs; i++)
        out->out[i] = facet__tf_plain(b, g->outputs[i]);
}

int facet_tf_build(struct facet_tf_graph *out, const struct facet_tf *tf, const struct facet_graph *g)
{
    struct tf_builder b = { .tf = tf, .g = g };
    memset(out, 0, sizeof(*out));
    if (g->n_inputs > FACET_TF_ARGUMENTS || g->n_outputs > FACET_TF_ARGUMENTS)
        return facet_fail(FACET_E_LIMIT, "cannot run '%s' on TensorFlow: %d inputs or outputs are the most", g->name, FACET_TF_ARGUMENTS);
    b.at = calloc((size_t)g->n_values + 1, sizeof(*b.at));
    b.graph = b.at ? tf->TF_NewGraph() : NULL;
    b.err = b.graph ? FACET_OK : facet_fail_nomem();
    build_all(&b, out);
    free(b.at);
    out->graph = b.graph;
    out->n_in = g->n_inputs;
    out->n_out = g->n_outputs;
    if (b.err && b.graph)
        tf->TF_DeleteGraph(b.graph);
    if (b.err)
        out->graph = NULL;
    return b.err ? facet_fail_prefix(b.err, "'%s'", g->name) : FACET_OK;
}
