/* Everything that is no convolution. */
#include "base/errors.h"
#include "engine/backends/onednn/onednn_priv.h"
#include "engine/ops/window.h"

#include <float.h>
#include <string.h>

/* ---- activations ---- */

int facet__dn_prelu(struct dn_net *net, dnnl_memory_t x, const float *slopes, int64_t count)
{
    const dnnl_memory_desc_t *md = NULL;
    dnnl_memory_desc_t plain, any;
    dnnl_prelu_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t weights = NULL;
    dnnl_memory_get_memory_desc(x, &md);
    dnnl_dims_t dims = { 1, 1, 1, 1 };
    dims[1] = count;
    dnnl_memory_desc_init_by_tag(&plain, md->ndims, dims, dnnl_f32, md->ndims == 4 ? dnnl_abcd : md->ndims == 3 ? dnnl_abc : dnnl_ab);
    dnnl_memory_desc_init_by_tag(&any, md->ndims, dims, dnnl_f32, dnnl_format_tag_any);
    int err = facet__dn_check(net, dnnl_prelu_forward_desc_init(&d, dnnl_forward_inference, md, &any), "describe PReLU of");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_desc_create(&pd, &d, net->plain, net->engine, NULL), "find PReLU for");
    if (!err)
        err = facet__dn_const(net, slopes, &plain, facet__dn_query(pd, dnnl_query_weights_md), &weights);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, x }, { DNNL_ARG_WEIGHTS, weights }, { DNNL_ARG_DST, x } };
    if (!err)
        return facet__dn_step(net, pd, args, 3);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

/* A copy first: others may read the input, too. */
int facet__dn_prelu_node(struct dn_net *net, const struct facet_node *n)
{
    const struct facet_value *slope = &net->g->values[n->inputs[1]];
    dnnl_memory_t out = NULL;
    int err = facet__dn_place(net, n->outputs[0], &net->values[n->inputs[0]].md, &out);
    if (!err)
        err = facet__dn_reorder(net, net->values[n->inputs[0]].memory, out, NULL);
    return err ? err : facet__dn_prelu(net, out, slope->data, facet_shape_count(&slope->shape));
}

static float bound(const struct dn_net *net, const struct facet_node *n, int i, const char *name, float fallback)
{
    const struct facet_value *v = i < n->n_inputs && n->inputs[i] >= 0 ? &net->g->values[n->inputs[i]] : NULL;
    return v && v->data ? *(const float *)v->data : facet_node_float(n, name, fallback);
}

int facet__dn_eltwise(struct dn_net *net, const struct facet_node *n)
{
    static const struct { const char *op; dnnl_alg_kind_t kind; } kinds[] = {
        { "Relu", dnnl_eltwise_relu }, { "LeakyRelu", dnnl_eltwise_relu }, { "Clip", dnnl_eltwise_clip }, { "Sigmoid", dnnl_eltwise_logistic },
        { "Tanh", dnnl_eltwise_tanh }, { "Sqrt", dnnl_eltwise_sqrt }, { "Exp", dnnl_eltwise_exp }, { "Abs", dnnl_eltwise_abs },
    };
    dnnl_eltwise_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t out = NULL;
    const struct dn_value *x = &net->values[n->inputs[0]];
    size_t k = 0;
    while (strcmp(kinds[k].op, n->op) != 0)
        k++;
    bool is_clip = !strcmp(n->op, "Clip"), is_leaky = !strcmp(n->op, "LeakyRelu");
    float alpha = is_clip ? bound(net, n, 1, "min", -FLT_MAX) : is_leaky ? facet_node_float(n, "alpha", 0.01f) : 0;
    float beta = is_clip ? bound(net, n, 2, "max", FLT_MAX) : 0;
    int err = facet__dn_check(net, dnnl_eltwise_forward_desc_init(&d, dnnl_forward_inference, kinds[k].kind, &x->md, alpha, beta), "describe");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_desc_create(&pd, &d, net->plain, net->engine, NULL), "find code for");
    if (!err)
        err = facet__dn_place(net, n->outputs[0], &x->md, &out);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, x->memory }, { DNNL_ARG_DST, out } };
    if (!err)
        return facet__dn_step(net, pd, args, 2);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

/* ---- two inputs ---- */

/* A constant, with ones before its dimensions until there are as many as the output has. */
static int spread_const(struct dn_net *net, int v, int rank, dnnl_memory_t *out)
{
    const struct facet_shape *s = &net->facts[v].shape;
    dnnl_dims_t dims, strides;
    dnnl_dim_t step = 1;
    dnnl_memory_desc_t md;
    for (int i = rank - 1; i >= 0; i--) {
        int at = i - (rank - s->rank);
        dims[i] = at >= 0 ? s->dim[at] : 1;
        strides[i] = step;
        step *= dims[i];
    }
    dnnl_memory_desc_init_by_strides(&md, rank, dims, dnnl_f32, strides);
    return facet__dn_const(net, net->g->values[v].data, &md, &md, out);
}

static int operand(struct dn_net *net, int v, int like, dnnl_memory_t *out)
{
    if (net->g->values[v].data)
        return spread_const(net, v, net->values[like].md.ndims, out);
    return facet__dn_want(net, v, facet_shape_equal(&net->facts[v].shape, &net->facts[like].shape) ? &net->values[like].md : NULL, out);
}

int facet__dn_binary(struct dn_net *net, const struct facet_node *n)
{
    static const struct { const char *op; dnnl_alg_kind_t kind; } kinds[] = {
        { "Add", dnnl_binary_add }, { "Sub", dnnl_binary_sub }, { "Mul", dnnl_binary_mul }, { "Div", dnnl_binary_div },
        { "Max", dnnl_binary_max }, { "Min", dnnl_binary_min },
    };
    dnnl_binary_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t a = NULL, b = NULL, out = NULL;
    const dnnl_memory_desc_t *b_md = NULL;
    size_t k = 0;
    while (strcmp(kinds[k].op, n->op) != 0)
        k++;
    int err = facet__dn_want(net, n->inputs[0], NULL, &a);
    if (!err)
        err = operand(net, n->inputs[1], n->inputs[0], &b);
    if (!err) {
        dnnl_memory_get_memory_desc(b, &b_md);
        err = facet__dn_place(net, n->outputs[0], &net->values[n->inputs[0]].md, &out);
    }
    if (!err)
        err = facet__dn_check(net, dnnl_binary_desc_init(&d, kinds[k].kind, &net->values[n->inputs[0]].md, b_md, &net->values[n->outputs[0]].md), "describe");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_desc_create(&pd, &d, net->plain, net->engine, NULL), "find code for");
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC_0, a }, { DNNL_ARG_SRC_1, b }, { DNNL_ARG_DST, out } };
    return err ? err : facet__dn_step(net, pd, args, 3);
}

/* ---- pools ---- */

static int pool_window(const struct dn_net *net, const struct facet_node *n, struct facet_window *w)
{
    const struct facet_shape *x = &net->facts[n->inputs[0]].shape;
    if (strncmp(n->op, "Global", 6) != 0)
        return facet_window_init(w, net->g, n, 0, 0, x->dim[2], x->dim[3]);
    *w = (struct facet_window){ .kernel_h = x->dim[2], .kernel_w = x->dim[3], .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1,
                                .out_h = 1, .out_w = 1 };
    return FACET_OK;
}

/* What the last window lacks is padding: ceil_mode needs no word of its own then. */
static int64_t pad_after(int64_t out, int64_t stride, int64_t kernel, int64_t before, int64_t said)
{
    int64_t lacks = (out - 1) * stride + kernel - before;
    return lacks > said ? lacks : said;
}

int facet__dn_pool(struct dn_net *net, const struct facet_node *n)
{
    const struct facet_shape *x = &net->facts[n->inputs[0]].shape;
    const struct dn_value *from = &net->values[n->inputs[0]];
    bool counts_pads = facet_node_int(n, "count_include_pad", 0) != 0;
    dnnl_alg_kind_t kind = strstr(n->op, "Max") ? dnnl_pooling_max : counts_pads ? dnnl_pooling_avg_include_padding : dnnl_pooling_avg_exclude_padding;
    struct facet_window w;
    dnnl_pooling_desc_t d;
    dnnl_memory_desc_t dst;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t out = NULL;
    int err = pool_window(net, n, &w);
    if (err)
        return err;
    const dnnl_dims_t strides = { w.stride_h, w.stride_w }, kernel = { w.kernel_h, w.kernel_w }, before = { w.pad_top, w.pad_left };
    const dnnl_dims_t after = { pad_after(w.out_h, w.stride_h, w.kernel_h, x->dim[2] + w.pad_top, w.pad_bottom),
                                pad_after(w.out_w, w.stride_w, w.kernel_w, x->dim[3] + w.pad_left, w.pad_right) };
    facet__dn_any(net, n->outputs[0], from->md.data_type, &dst);
    err = facet__dn_check(net, dnnl_pooling_forward_desc_init(&d, dnnl_forward_inference, kind, &from->md, &dst, strides, kernel, before, after), "describe");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_desc_create(&pd, &d, net->plain, net->engine, NULL), "find code for");
    if (!err)
        err = facet__dn_place(net, n->outputs[0], facet__dn_query(pd, dnnl_query_dst_md), &out);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, from->memory }, { DNNL_ARG_DST, out } };
    if (!err)
        return facet__dn_step(net, pd, args, 2);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

/* ---- the rest ---- */

static int softmax_code(struct dn_net *net, int axis, const dnnl_memory_desc_t *md, dnnl_primitive_desc_t *pd)
{
    dnnl_softmax_v2_desc_t d;
    int err = facet__dn_check(net, dnnl_softmax_v2_forward_desc_init(&d, dnnl_forward_inference, dnnl_softmax_accurate, md, md, axis), "describe");
    return err ? err : facet__dn_check(net, dnnl_primitive_desc_create(pd, &d, net->plain, net->engine, NULL), "find code for");
}

int facet__dn_softmax(struct dn_net *net, const struct facet_node *n)
{
    dnnl_memory_desc_t md = net->values[n->inputs[0]].md;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t in = NULL, out = NULL;
    int axis = (int)facet_node_int(n, "axis", net->g->opset < 13 ? 1 : -1);
    axis += axis < 0 ? md.ndims : 0;
    int err = softmax_code(net, axis, &md, &pd);
    if (err || facet__dn_is_slow(pd)) { /* channels side by side may do better */
        dnnl_primitive_desc_destroy(pd);
        pd = NULL;
        if (md.ndims == 4)
            dnnl_memory_desc_init_by_tag(&md, 4, md.dims, md.data_type, dnnl_acdb);
        err = softmax_code(net, axis, &md, &pd);
    }
    if (!err)
        err = facet__dn_want(net, n->inputs[0], &md, &in);
    if (!err)
        err = facet__dn_place(net, n->outputs[0], &md, &out);
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC, in }, { DNNL_ARG_DST, out } };
    if (!err)
        return facet__dn_step(net, pd, args, 2);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

int facet__dn_concat(struct dn_net *net, const struct facet_node *n)
{
    dnnl_memory_desc_t mds[DN_MAX_ARGS];
    dnnl_exec_arg_t args[DN_MAX_ARGS];
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t out = NULL;
    int axis = (int)facet_node_int(n, "axis", 0);
    axis += axis < 0 ? net->facts[n->inputs[0]].shape.rank : 0;
    for (int i = 0; i < n->n_inputs; i++) {
        mds[i] = net->values[n->inputs[i]].md;
        args[i] = (dnnl_exec_arg_t){ DNNL_ARG_MULTIPLE_SRC + i, net->values[n->inputs[i]].memory };
    }
    int err = facet__dn_check(net, dnnl_concat_primitive_desc_create(&pd, NULL, n->n_inputs, axis, mds, NULL, net->engine), "find code for");
    if (!err)
        err = facet__dn_place(net, n->outputs[0], facet__dn_query(pd, dnnl_query_dst_md), &out);
    args[n->n_inputs] = (dnnl_exec_arg_t){ DNNL_ARG_DST, out };
    if (!err)
        return facet__dn_step(net, pd, args, n->n_inputs + 1);
    dnnl_primitive_desc_destroy(pd);
    return err;
}

int facet__dn_view(struct dn_net *net, const struct facet_node *n)
{
    int x = n->inputs[0], y = n->outputs[0];
    dnnl_data_type_t t = net->values[x].md.data_type;
    dnnl_memory_desc_t in, out;
    dnnl_memory_t dst = NULL, seen = NULL;
    facet__dn_plain(net, x, t, &in);
    facet__dn_plain(net, y, t, &out);
    if (dnnl_memory_desc_equal(&in, &net->values[x].md) && net->values[x].buffer >= 0)
        return facet__dn_alias(net, y, x, &out);
    int err = facet__dn_place(net, y, &out, &dst);
    if (!err)
        err = facet__dn_lens(net, y, &in, &seen);
    return err ? err : facet__dn_reorder(net, net->values[x].memory, seen, NULL);
}

/* A reorder into the output's memory, seen with the input's dimensions. */
int facet__dn_transpose(struct dn_net *net, const struct facet_node *n)
{
    int64_t perm[FACET_MAX_DIMS];
    int x = n->inputs[0], y = n->outputs[0], rank = net->facts[x].shape.rank;
    bool given = facet_node_ints(n, "perm", perm, FACET_MAX_DIMS) > 0;
    dnnl_memory_desc_t out, turned;
    dnnl_memory_t dst = NULL, seen = NULL;
    dnnl_dims_t dims, strides;
    facet__dn_plain(net, y, net->values[x].md.data_type, &out);
    for (int i = 0; i < rank; i++) {
        int64_t from = given ? perm[i] : rank - 1 - i;
        dims[from] = out.dims[i];
        strides[from] = out.format_desc.blocking.strides[i];
    }
    dnnl_memory_desc_init_by_strides(&turned, rank, dims, out.data_type, strides);
    int err = facet__dn_place(net, y, &out, &dst);
    if (!err)
        err = facet__dn_lens(net, y, &turned, &seen);
    return err ? err : facet__dn_reorder(net, net->values[x].memory, seen, NULL);
}

/* Between ways to keep reals: both are turned to the output's steps. */
int facet__dn_cast(struct dn_net *net, const struct facet_node *n)
{
    int x = n->inputs[0], y = n->outputs[0];
    const struct facet_value *a = &net->g->values[x], *b = &net->g->values[y];
    bool from_bytes = facet_value_store(a) == FACET_U8, to_bytes = facet_value_store(b) == FACET_U8;
    float scale = (from_bytes ? a->quant.scale : 1) / (to_bytes ? b->quant.scale : 1);
    dnnl_memory_desc_t md = net->values[x].md;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_memory_t out = NULL;
    md.data_type = facet__dn_value_type(net, y);
    int err = facet__dn_place(net, y, &md, &out);
    if (!err && (from_bytes || to_bytes))
        err = facet__dn_attr(net, &attr);
    if (!err && attr)
        err = facet__dn_check(net, dnnl_primitive_attr_set_output_scales(attr, 1, 0, &scale), "round");
    if (!err && from_bytes && a->quant.zero)
        err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &a->quant.zero), "round");
    if (!err && to_bytes && b->quant.zero)
        err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_DST, 1, 0, &b->quant.zero), "round");
    if (!err)
        err = facet__dn_reorder(net, net->values[x].memory, out, attr);
    dnnl_primitive_attr_destroy(attr);
    return err;
}
