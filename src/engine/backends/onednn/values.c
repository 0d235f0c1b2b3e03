/* Where values lie, and the list of steps. */
#include "base/errors.h"
#include "engine/backends/onednn/onednn_priv.h"

#include <stdlib.h>
#include <string.h>

/* ---- small things ---- */

int facet__dn_check(const struct dn_net *net, dnnl_status_t status, const char *doing)
{
    if (status == dnnl_success)
        return FACET_OK;
    if (status == dnnl_out_of_memory)
        return facet_fail_nomem();
    const struct facet_node *n = net->node >= 0 ? &net->g->nodes[net->node] : NULL;
    return facet_fail(FACET_E_UNSUPPORTED, "oneDNN cannot %s '%s' (%s) of '%s': status %d", doing, n ? n->name : "the border", n ? n->op : "-",
                      net->g->name, (int)status);
}

static int grow(void **items, int *cap, int want, size_t size)
{
    if (want <= *cap)
        return FACET_OK;
    int next = *cap ? *cap * 2 : 64;
    void *p = realloc(*items, (size_t)next * size);
    if (!p)
        return facet_fail_nomem();
    *items = p;
    *cap = next;
    return FACET_OK;
}

dnnl_data_type_t facet__dn_type(enum facet_dtype t)
{
    switch (t) {
    case FACET_F32: return dnnl_f32;
    case FACET_BF16: return dnnl_bf16;
    case FACET_U8: return dnnl_u8;
    case FACET_I8: return dnnl_s8;
    default: return dnnl_data_type_undef;
    }
}

dnnl_data_type_t facet__dn_value_type(const struct dn_net *net, int v)
{
    return facet__dn_type(facet_value_store(&net->g->values[v]));
}

static int dims_of(const struct dn_net *net, int v, dnnl_dims_t dims)
{
    const struct facet_shape *s = &net->facts[v].shape;
    if (s->rank == 0)
        dims[0] = 1;
    for (int i = 0; i < s->rank; i++)
        dims[i] = s->dim[i];
    return s->rank ? s->rank : 1;
}

void facet__dn_plain(const struct dn_net *net, int v, dnnl_data_type_t t, dnnl_memory_desc_t *md)
{
    dnnl_dims_t dims, strides;
    int rank = dims_of(net, v, dims);
    dnnl_dim_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = step;
        step *= dims[i];
    }
    dnnl_memory_desc_init_by_strides(md, rank, dims, t, strides);
}

void facet__dn_any(const struct dn_net *net, int v, dnnl_data_type_t t, dnnl_memory_desc_t *md)
{
    dnnl_dims_t dims;
    int rank = dims_of(net, v, dims);
    dnnl_memory_desc_init_by_tag(md, rank, dims, t, dnnl_format_tag_any);
}

/* ---- memory ---- */

/* A free buffer that is large enough and no larger than need be; otherwise, and for what must stay from run to run, a
 * new one. Its number. */
static int take_buffer(struct dn_net *net, size_t size, bool stays)
{
    int best = -1;
    for (int i = 0; i < net->n_buffers && !stays; i++)
        if (!net->buffers[i].refs && net->buffers[i].size >= size && (best < 0 || net->buffers[i].size < net->buffers[best].size))
            best = i;
    if (best < 0) {
        int err = grow((void **)&net->buffers, &net->cap_buffers, net->n_buffers + 1, sizeof(*net->buffers));
        void *data = err ? NULL : aligned_alloc(64, (size + 63) / 64 * 64 + 64);
        if (!data)
            return err ? err : facet_fail_nomem();
        best = net->n_buffers++;
        net->buffers[best] = (struct dn_buffer){ .data = data, .size = size };
    }
    net->buffers[best].refs = 1;
    return best;
}

static int make_memory(struct dn_net *net, const dnnl_memory_desc_t *md, void *data, dnnl_memory_t *out)
{
    int err = grow((void **)&net->memories, &net->cap_memories, net->n_memories + 1, sizeof(dnnl_memory_t));
    if (!err)
        err = facet__dn_check(net, dnnl_memory_create(out, md, net->engine, data), "describe the memory of");
    if (!err)
        net->memories[net->n_memories++] = *out;
    return err;
}

int facet__dn_place(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out)
{
    int buffer = take_buffer(net, dnnl_memory_desc_get_size(md), false);
    if (buffer < 0)
        return buffer;
    net->values[v].buffer = buffer;
    net->values[v].md = *md;
    int err = make_memory(net, md, net->buffers[buffer].data, &net->values[v].memory);
    *out = net->values[v].memory;
    return err;
}

int facet__dn_alias(struct dn_net *net, int v, int other, const dnnl_memory_desc_t *md)
{
    struct dn_value *from = &net->values[other], *to = &net->values[v];
    void *data = NULL;
    to->buffer = from->buffer;
    to->md = *md;
    if (from->buffer >= 0) {
        net->buffers[from->buffer].refs++;
        data = net->buffers[from->buffer].data;
    }
    return make_memory(net, md, data, &to->memory);
}

int facet__dn_lens(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out)
{
    return make_memory(net, md, net->buffers[net->values[v].buffer].data, out);
}

/* Freed again by facet__dn_node_done: its count is given back there, for nobody else holds it. */
int facet__dn_temp(struct dn_net *net, const dnnl_memory_desc_t *md, dnnl_memory_t *out)
{
    int buffer = take_buffer(net, dnnl_memory_desc_get_size(md), false);
    if (buffer < 0)
        return buffer;
    net->buffers[buffer].refs = -1; /* until the node is done */
    return make_memory(net, md, net->buffers[buffer].data, out);
}

int facet__dn_const(struct dn_net *net, const void *data, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to, dnnl_memory_t *out)
{
    dnnl_memory_t source = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t reorder = NULL;
    int buffer = take_buffer(net, dnnl_memory_desc_get_size(to), true);
    if (buffer < 0)
        return buffer;
    int err = make_memory(net, to, net->buffers[buffer].data, out);
    if (!err)
        err = facet__dn_check(net, dnnl_memory_create(&source, from, net->engine, (void *)(uintptr_t)data), "read a constant of");
    if (!err)
        err = facet__dn_check(net, dnnl_reorder_primitive_desc_create(&pd, from, net->engine, to, net->engine, NULL), "pack a constant of");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_create(&reorder, pd), "pack a constant of");
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, source }, { DNNL_ARG_TO, *out } };
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_execute(reorder, net->stream, 2, args), "pack a constant of");
    dnnl_stream_wait(net->stream);
    dnnl_primitive_destroy(reorder);
    dnnl_primitive_desc_destroy(pd);
    dnnl_memory_destroy(source);
    return err;
}

void facet__dn_node_done(struct dn_net *net, const struct facet_node *n)
{
    for (int i = 0; i < net->n_buffers; i++)
        if (net->buffers[i].refs < 0)
            net->buffers[i].refs = 0;
    for (int k = 0; k <= n->n_inputs; k++) {
        int v = k < n->n_inputs ? n->inputs[k] : n->epi.residual;
        if (v >= 0 && net->values[v].buffer >= 0 && --net->values[v].uses == 0)
            net->buffers[net->values[v].buffer].refs--;
    }
}

/* ---- steps ---- */

int facet__dn_attr(const struct dn_net *net, dnnl_primitive_attr_t *out)
{
    int err = facet__dn_check(net, dnnl_primitive_attr_create(out), "set up");
    return err ? err : facet__dn_check(net, dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user), "set up");
}

/* Until its node is done, as everything temporary: steps run one after the other. */
static int add_scratchpad(struct dn_net *net, struct dn_step *s, const_dnnl_primitive_desc_t pd)
{
    const dnnl_memory_desc_t *md = facet__dn_query(pd, dnnl_query_scratchpad_md);
    dnnl_memory_t memory = NULL;
    if (!md || dnnl_memory_desc_get_size(md) == 0)
        return FACET_OK;
    int err = facet__dn_temp(net, md, &memory);
    s->args[s->n_args++] = (dnnl_exec_arg_t){ DNNL_ARG_SCRATCHPAD, memory };
    return err;
}

int facet__dn_step(struct dn_net *net, dnnl_primitive_desc_t pd, const dnnl_exec_arg_t *args, int n)
{
    int err = n < DN_MAX_ARGS ? FACET_OK : facet_fail(FACET_E_LIMIT, "a primitive of '%s' has %d arguments", net->g->name, n);
    if (!err)
        err = grow((void **)&net->steps, &net->cap_steps, net->n_steps + 1, sizeof(*net->steps));
    struct dn_step *s = err ? NULL : &net->steps[net->n_steps];
    if (!err) {
        *s = (struct dn_step){ .n_args = n };
        memcpy(s->args, args, (size_t)n * sizeof(*args));
        err = facet__dn_check(net, dnnl_primitive_create(&s->primitive, pd), "make a primitive for");
    }
    if (!err) {
        err = add_scratchpad(net, s, pd);
        if (err)
            dnnl_primitive_destroy(s->primitive);
    }
    dnnl_primitive_desc_destroy(pd);
    net->n_steps += !err;
    return err;
}

int facet__dn_reorder(struct dn_net *net, dnnl_memory_t from, dnnl_memory_t to, const_dnnl_primitive_attr_t attr)
{
    const dnnl_memory_desc_t *a = NULL, *b = NULL;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_get_memory_desc(from, &a);
    dnnl_memory_get_memory_desc(to, &b);
    int err = facet__dn_check(net, dnnl_reorder_primitive_desc_create(&pd, a, net->engine, b, net->engine, attr ? attr : net->plain), "reorder numbers for");
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, from }, { DNNL_ARG_TO, to } };
    return err ? err : facet__dn_step(net, pd, args, 2);
}

int facet__dn_want(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out)
{
    *out = net->values[v].memory;
    if (!md || dnnl_memory_desc_equal(md, &net->values[v].md))
        return FACET_OK;
    int err = facet__dn_temp(net, md, out);
    return err ? err : facet__dn_reorder(net, net->values[v].memory, *out, NULL);
}

const dnnl_memory_desc_t *facet__dn_query(const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
    return dnnl_primitive_desc_query_md(pd, what, 0);
}

bool facet__dn_is_slow(const_dnnl_primitive_desc_t pd)
{
    const char *name = NULL;
    dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, (void *)&name);
    return !name || strstr(name, "ref") != NULL;
}

/* ---- the whole ---- */

static void count_uses(struct dn_net *net)
{
    const struct facet_graph *g = net->g;
    for (int i = 0; i < g->n_nodes; i++) {
        for (int k = 0; k < g->nodes[i].n_inputs; k++)
            if (g->nodes[i].inputs[k] >= 0)
                net->values[g->nodes[i].inputs[k]].uses++;
        if (g->nodes[i].epi.residual >= 0)
            net->values[g->nodes[i].epi.residual].uses++;
    }
    for (int i = 0; i < g->n_outputs; i++)
        net->values[g->outputs[i]].uses++;
}

static int enter_inputs(struct dn_net *net)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < net->g->n_inputs; i++) {
        struct dn_value *v = &net->values[net->g->inputs[i]];
        dnnl_data_type_t t = facet__dn_value_type(net, net->g->inputs[i]);
        v->buffer = DN_OUTSIDE;
        if (net->facts[net->g->inputs[i]].dtype != FACET_F32 || t == dnnl_data_type_undef)
            continue; /* a shape: no primitive reads it */
        facet__dn_plain(net, net->g->inputs[i], t, &v->md);
        err = make_memory(net, &v->md, NULL, &v->memory);
    }
    return err;
}

static int leave_outputs(struct dn_net *net)
{
    int err = FACET_OK;
    net->node = -1;
    for (int i = 0; !err && i < net->g->n_outputs; i++) {
        dnnl_memory_desc_t md;
        facet__dn_plain(net, net->g->outputs[i], facet__dn_value_type(net, net->g->outputs[i]), &md);
        err = make_memory(net, &md, NULL, &net->outputs[i]);
        if (!err)
            err = facet__dn_reorder(net, net->values[net->g->outputs[i]].memory, net->outputs[i], NULL);
    }
    return err;
}

static int build_nodes(struct dn_net *net)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < net->g->n_nodes; i++) {
        const struct facet_node *n = &net->g->nodes[i];
        facet__dn_build_fn *build = facet__dn_builder(n);
        net->node = i;
        err = build ? build(net, n) : facet__dn_check(net, dnnl_unimplemented, "build");
        if (!err)
            facet__dn_node_done(net, n);
    }
    return err;
}

static int infer(struct dn_net *net, const struct facet_run *r)
{
    facet_infer_start(net->g, net->facts);
    for (int i = 0; i < net->g->n_inputs; i++)
        net->facts[net->g->inputs[i]].shape = r->in[i]->shape;
    return facet_infer_run(net->g, net->facts);
}

int facet__dn_net_new(struct dn_net **out, dnnl_engine_t engine, const struct facet_graph *body, const struct facet_run *r,
                      bool is_blocked)
{
    struct dn_net *net = calloc(1, sizeof(*net));
    *out = net;
    if (!net)
        return facet_fail_nomem();
    net->engine = engine;
    net->g = body;
    net->node = -1;
    net->is_blocked = is_blocked;
    net->facts = malloc(((size_t)body->n_values + 1) * sizeof(*net->facts));
    net->values = calloc((size_t)body->n_values + 1, sizeof(*net->values));
    net->outputs = calloc((size_t)body->n_outputs + 1, sizeof(*net->outputs));
    int err = net->facts && net->values && net->outputs ? FACET_OK : facet_fail_nomem();
    if (!err)
        err = facet__dn_check(net, dnnl_stream_create(&net->stream, engine, dnnl_stream_default_flags), "open a stream for");
    if (!err)
        err = facet__dn_attr(net, &net->plain);
    if (!err)
        err = infer(net, r);
    for (int v = 0; !err && v < body->n_values; v++)
        net->values[v].buffer = -1;
    if (!err) {
        count_uses(net);
        err = enter_inputs(net);
    }
    if (!err)
        err = build_nodes(net);
    if (!err)
        err = leave_outputs(net);
    if (err)
        facet__dn_net_free(out);
    return err;
}

int facet__dn_net_bind(struct dn_net *net, const struct facet_run *r)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < r->n_in; i++)
        if (net->values[net->g->inputs[i]].memory)
            err = facet__dn_check(net, dnnl_memory_set_data_handle(net->values[net->g->inputs[i]].memory, r->in[i]->data), "bind");
    for (int i = 0; !err && i < r->n_out; i++)
        err = facet__dn_check(net, dnnl_memory_set_data_handle(net->outputs[i], r->out[i]->data), "bind");
    return err;
}

int facet__dn_net_run(const struct dn_net *net)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < net->n_steps; i++)
        err = facet__dn_check(net, dnnl_primitive_execute(net->steps[i].primitive, net->stream, net->steps[i].n_args, net->steps[i].args), "run");
    return err ? err : facet__dn_check(net, dnnl_stream_wait(net->stream), "run");
}

void facet__dn_net_free(struct dn_net **out)
{
    struct dn_net *net = *out;
    if (!net)
        return;
    for (int i = 0; i < net->n_steps; i++)
        dnnl_primitive_destroy(net->steps[i].primitive);
    for (int i = 0; i < net->n_memories; i++)
        dnnl_memory_destroy(net->memories[i]);
    for (int i = 0; i < net->n_buffers; i++)
        free(net->buffers[i].data);
    dnnl_stream_destroy(net->stream);
    dnnl_primitive_attr_destroy(net->plain);
    free(net->steps);
    free(net->memories);
    free(net->buffers);
    free(net->outputs);
    free(net->values);
    free(net->facts);
    free(net);
    *out = NULL;
}
