/* Convolutions and products, with what is folded into them. In 8 bits everything is counted in steps of the output
 * (real / its scale), so that sums and activations need no further scaling; with a float32 output the step is 1. */
#include "base/errors.h"
#include "engine/backends/onednn/onednn_priv.h"
#include "engine/ops/window.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

struct conv {
    const struct facet_node *n;
    int x, w, b, y;                         /* values; b -1: none */
    int64_t outs, groups;
    float step;                             /* of the output */
    bool is_product, is_bytes;
    bool folds_zero;                        /* the input's zero point goes into the bias: nothing is padded */
    bool sum_in_place, adds_after;          /* how the residual comes in: into its own place; by a primitive behind */
    dnnl_memory_desc_t w_plain, w_any, b_md;
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t post;
    dnnl_exec_arg_t extra[4];               /* arguments of post-ops */
    int n_extra;
};

/* ---- what it is ---- */

static void describe_weights(struct dn_net *net, struct conv *c)
{
    const struct facet_shape *s = &net->facts[c->w].shape;
    dnnl_data_type_t file = c->is_bytes ? dnnl_s8 : dnnl_f32, used = c->is_bytes ? dnnl_s8 : facet__dn_value_type(net, c->x);
    dnnl_dims_t dims, strides;
    int rank = 0;
    if (c->is_product) {
        bool is_turned = !facet_node_int(c->n, "transB", 0);
        int64_t ins = s->dim[is_turned ? 0 : 1];
        dims[rank] = c->outs, strides[rank++] = is_turned ? 1 : ins;
        dims[rank] = ins, strides[rank++] = is_turned ? c->outs : 1;
    } else {
        if (c->groups > 1)
            dims[rank++] = c->groups;
        dims[rank++] = c->outs / c->groups;
        for (int i = 1; i < 4; i++)
            dims[rank++] = s->dim[i];
        dnnl_dim_t step = 1;
        for (int i = rank - 1; i >= 0; step *= dims[i--])
            strides[i] = step;
    }
    dnnl_memory_desc_init_by_strides(&c->w_plain, rank, dims, file, strides);
    dnnl_memory_desc_init_by_tag(&c->w_any, rank, dims, used, dnnl_format_tag_any);
    dnnl_memory_desc_init_by_tag(&c->b_md, 1, (const dnnl_dims_t){ c->outs }, dnnl_f32, dnnl_a);
}

static bool is_padded(const struct dn_net *net, const struct conv *c)
{
    const struct facet_shape *x = &net->facts[c->x].shape, *w = &net->facts[c->w].shape;
    struct facet_window win;
    return facet_window_init(&win, net->g, c->n, w->dim[2], w->dim[3], x->dim[2], x->dim[3]) || win.pad_top || win.pad_left ||
           win.pad_bottom || win.pad_right;
}

static void describe(struct dn_net *net, const struct facet_node *n, struct conv *c)
{
    *c = (struct conv){ .n = n, .x = n->inputs[0], .w = n->inputs[1], .b = n->n_inputs > 2 ? n->inputs[2] : -1, .y = n->outputs[0] };
    const struct facet_value *y = &net->g->values[c->y];
    c->is_product = strcmp(n->op, "Conv") != 0;
    c->is_bytes = facet__dn_value_type(net, c->x) == dnnl_u8;
    c->groups = c->is_product ? 1 : facet_node_int(n, "group", 1);
    c->outs = net->facts[c->y].shape.dim[1];
    c->step = facet_value_store(y) == FACET_U8 ? y->quant.scale : 1;
    c->folds_zero = c->is_bytes && (c->is_product || !is_padded(net, c)) && net->g->values[c->x].quant.zero != 0;
    describe_weights(net, c);
}

/* Real value of one step of the sums of output i. */
static float weight_step(const struct dn_net *net, const struct conv *c, int64_t i)
{
    const struct facet_quant *q = &net->g->values[c->w].quant;
    return net->g->values[c->x].quant.scale * (q->scales ? q->scales[i] : q->scale);
}

/* ---- attributes ---- */

/* Does it write bytes itself? PReLU behind it wants reals. */
static bool rounds(const struct dn_net *net, const struct conv *c)
{
    return facet__dn_value_type(net, c->y) == dnnl_u8 && c->n->epi.act != FACET_ACT_PRELU;
}

static int set_scales(struct dn_net *net, struct conv *c)
{
    float *scales = c->is_bytes ? malloc((size_t)c->outs * sizeof(*scales)) : NULL;
    if (!c->is_bytes)
        return FACET_OK;
    if (!scales)
        return facet_fail_nomem();
    for (int64_t i = 0; i < c->outs; i++)
        scales[i] = weight_step(net, c, i) / c->step;
    int err = facet__dn_check(net, dnnl_primitive_attr_set_output_scales(c->attr, c->outs, 1 << 1, scales), "scale the sums of");
    free(scales);
    const struct facet_value *x = &net->g->values[c->x], *y = &net->g->values[c->y];
    if (!err && x->quant.zero && !c->folds_zero)
        err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(c->attr, DNNL_ARG_SRC, 1, 0, &x->quant.zero), "move the zero of");
    if (!err && rounds(net, c) && y->quant.zero && !c->is_product)
        err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(c->attr, DNNL_ARG_DST, 1, 0, &y->quant.zero), "move the zero of");
    return err;
}

/* Where the residual lies as the result will, and nobody reads it later, the result takes its place. */
static bool may_sum_in_place(const struct dn_net *net, const struct conv *c, const dnnl_memory_desc_t *dst)
{
    const struct dn_value *r = &net->values[c->n->epi.residual];
    return dst && r->buffer >= 0 && net->buffers[r->buffer].refs == 1 && r->uses == 1 && dnnl_memory_desc_equal(&r->md, dst);
}

static int add_residual(struct dn_net *net, struct conv *c, const dnnl_memory_desc_t *dst)
{
    int v = c->n->epi.residual;
    const struct facet_value *r = &net->g->values[v];
    float scale = (facet_value_store(r) == FACET_U8 ? r->quant.scale : 1) / c->step;
    dnnl_memory_t other = NULL;
    if (v < 0)
        return FACET_OK;
    if (may_sum_in_place(net, c, dst)) {
        c->sum_in_place = true;
        return facet__dn_check(net, dnnl_post_ops_append_sum_v3(c->post, scale, r->quant.zero, dnnl_data_type_undef), "add to");
    }
    int err = FACET_OK;
    if (facet_value_store(r) == FACET_U8) { /* in steps of the output, as float32 */
        dnnl_primitive_attr_t attr = NULL;
        dnnl_memory_desc_t md = net->values[v].md;
        md.data_type = dnnl_f32;
        err = facet__dn_attr(net, &attr);
        if (!err)
            err = facet__dn_check(net, dnnl_primitive_attr_set_output_scales(attr, 1, 0, &scale), "add to");
        if (!err && r->quant.zero)
            err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &r->quant.zero), "add to");
        if (!err)
            err = facet__dn_temp(net, &md, &other);
        if (!err)
            err = facet__dn_reorder(net, net->values[v].memory, other, attr);
        dnnl_primitive_attr_destroy(attr);
    } else {
        err = facet__dn_want(net, v, NULL, &other);
    }
    const dnnl_memory_desc_t *md = NULL;
    if (!err)
        dnnl_memory_get_memory_desc(other, &md);
    int at = dnnl_post_ops_len(c->post);
    c->extra[c->n_extra++] = (dnnl_exec_arg_t){ DNNL_ARG_ATTR_MULTIPLE_POST_OP(at) | DNNL_ARG_SRC_1, other };
    return err ? err : facet__dn_check(net, dnnl_post_ops_append_binary(c->post, dnnl_binary_add, md), "add to");
}

static int add_activation(struct dn_net *net, struct conv *c)
{
    const struct facet_epilogue *e = &c->n->epi;
    float lo = e->lo / c->step, hi = e->hi / c->step;
    dnnl_status_t s = dnnl_success;
    if (e->act == FACET_ACT_RELU)
        s = dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_relu, 0, 0);
    else if (e->act == FACET_ACT_LEAKY)
        s = dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_relu, e->alpha, 0);
    else if (e->act == FACET_ACT_CLIP)
        s = dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_clip, lo > -FLT_MAX ? lo : -FLT_MAX, hi < FLT_MAX ? hi : FLT_MAX);
    else if (e->act == FACET_ACT_SIGMOID)
        s = dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_logistic, 0, 0);
    else if (e->act == FACET_ACT_TANH)
        s = dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_tanh, 0, 0);
    return facet__dn_check(net, s, "activate");
}

static int make_attr(struct dn_net *net, struct conv *c, const dnnl_memory_desc_t *dst)
{
    dnnl_primitive_attr_destroy(c->attr);
    dnnl_post_ops_destroy(c->post);
    c->attr = NULL;
    c->post = NULL;
    c->n_extra = 0;
    c->sum_in_place = false;
    int err = facet__dn_attr(net, &c->attr);
    if (!err)
        err = facet__dn_check(net, dnnl_post_ops_create(&c->post), "set up");
    if (!err)
        err = set_scales(net, c);
    const struct facet_epilogue *e = &c->n->epi;
    bool adds = e->residual >= 0 && !c->adds_after;
    if (!err && adds && !e->residual_after)
        err = add_residual(net, c, dst);
    if (!err && (!c->adds_after || e->residual_after))
        err = add_activation(net, c);
    if (!err && adds && e->residual_after)
        err = add_residual(net, c, dst);
    int32_t zero = net->g->values[c->y].quant.zero;
    if (!err && c->is_product && rounds(net, c) && zero) /* products take no zero points here */
        err = facet__dn_check(net, dnnl_post_ops_append_eltwise(c->post, 1, dnnl_eltwise_linear, 1, (float)zero), "move the zero of");
    return err ? err : facet__dn_check(net, dnnl_primitive_attr_set_post_ops(c->attr, c->post), "set up");
}

/* ---- descriptors ---- */

static bool has_bias(const struct conv *c)
{
    return c->b >= 0 || c->folds_zero;
}

static int describe_conv(struct dn_net *net, struct conv *c, const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *dst, bool fastest,
                         dnnl_primitive_desc_t *pd)
{
    const struct facet_shape *x = &net->facts[c->x].shape, *w = &net->facts[c->w].shape;
    struct facet_window win;
    dnnl_convolution_desc_t d;
    int err = facet_window_init(&win, net->g, c->n, w->dim[2], w->dim[3], x->dim[2], x->dim[3]);
    if (err)
        return err;
    const dnnl_dims_t strides = { win.stride_h, win.stride_w }, dilates = { win.dilation_h - 1, win.dilation_w - 1 };
    const dnnl_dims_t before = { win.pad_top, win.pad_left }, after = { win.pad_bottom, win.pad_right };
    err = facet__dn_check(net, dnnl_dilated_convolution_forward_desc_init(&d, dnnl_forward_inference, fastest ? dnnl_convolution_auto : dnnl_convolution_direct,
                              src, &c->w_any, has_bias(c) ? &c->b_md : NULL, dst, strides, dilates, before, after), "describe");
    return err ? err : facet__dn_check(net, dnnl_primitive_desc_create(pd, &d, c->attr, net->engine, NULL), "find code for");
}

static int describe_product(struct dn_net *net, struct conv *c, const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *dst,
                            dnnl_primitive_desc_t *pd)
{
    dnnl_inner_product_desc_t d;
    int err = facet__dn_check(net, dnnl_inner_product_forward_desc_init(&d, dnnl_forward_inference, src, &c->w_any, has_bias(c) ? &c->b_md : NULL, dst),
                              "describe");
    return err ? err : facet__dn_check(net, dnnl_primitive_desc_create(pd, &d, c->attr, net->engine, NULL), "find code for");
}

/* With the layouts that oneDNN likes. Its Winograd, where it picks it, takes no sums and no bytes: then direct. */
static int find_code(struct dn_net *net, struct conv *c, dnnl_data_type_t out, const dnnl_memory_desc_t *fixed, dnnl_primitive_desc_t *pd)
{
    dnnl_memory_desc_t src, dst;
    facet__dn_any(net, c->x, facet__dn_value_type(net, c->x), &src);
    facet__dn_any(net, c->y, out, &dst);
    bool is_blocked = !c->is_product && !c->is_bytes && net->is_blocked;
    dnnl_format_tag_t block = (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core ? dnnl_aBcd16b : dnnl_aBcd8b;
    if (is_blocked && src.dims[1] >= 16)
        dnnl_memory_desc_init_by_tag(&src, 4, src.dims, src.data_type, block);
    if (is_blocked)
        dnnl_memory_desc_init_by_tag(&dst, 4, dst.dims, dst.data_type, block);
    dst = fixed ? *fixed : dst;
    *pd = NULL;
    if (c->is_product)
        return describe_product(net, c, &src, &dst, pd);
    int err = describe_conv(net, c, &src, &dst, true, pd);
    if (!err && !facet__dn_is_slow(*pd))
        return FACET_OK;
    dnnl_primitive_desc_destroy(*pd);
    *pd = NULL;
    return describe_conv(net, c, &src, &dst, false, pd);
}

/* ---- arguments ---- */

/* What an input of its zero point alone would add to output i. */
static float zero_sum(const struct dn_net *net, const struct conv *c, int64_t i)
{
    const int8_t *w = net->g->values[c->w].data;
    int64_t ins = facet_shape_count(&net->facts[c->w].shape) / c->outs, sum = 0;
    for (int64_t k = 0; k < ins; k++)
        sum += w[i * ins + k];
    return (float)(sum * net->g->values[c->x].quant.zero);
}

/* Bias is added to the sums before they are scaled. */
static int bias_memory(struct dn_net *net, const struct conv *c, dnnl_memory_t *out)
{
    const float *b = c->b >= 0 ? net->g->values[c->b].data : NULL;
    float *scaled = malloc((size_t)c->outs * sizeof(*scaled));
    if (!scaled)
        return facet_fail_nomem();
    for (int64_t i = 0; i < c->outs; i++)
        scaled[i] = (b ? b[i] : 0) / (c->is_bytes ? weight_step(net, c, i) : 1) - (c->folds_zero ? zero_sum(net, c, i) : 0);
    int err = facet__dn_const(net, scaled, &c->b_md, &c->b_md, out);
    free(scaled);
    return err;
}

static int destination(struct dn_net *net, struct conv *c, const dnnl_memory_desc_t *md, dnnl_memory_t *out)
{
    if (!c->sum_in_place)
        return facet__dn_place(net, c->y, md, out);
    int err = facet__dn_alias(net, c->y, c->n->epi.residual, md);
    *out = net->values[c->y].memory;
    return err;
}

static int emit(struct dn_net *net, struct conv *c, dnnl_primitive_desc_t pd, dnnl_memory_t *dst)
{
    dnnl_exec_arg_t args[8];
    dnnl_memory_t src = NULL, weights = NULL, bias = NULL;
    int n = 0;
    int err = facet__dn_want(net, c->x, facet__dn_query(pd, dnnl_query_src_md), &src);
    if (!err)
        err = facet__dn_const(net, net->g->values[c->w].data, &c->w_plain, facet__dn_query(pd, dnnl_query_weights_md), &weights);
    if (!err && has_bias(c))
        err = bias_memory(net, c, &bias);
    if (!err)
        err = destination(net, c, facet__dn_query(pd, dnnl_query_dst_md), dst);
    if (err) {
        dnnl_primitive_desc_destroy(pd);
        return err;
    }
    args[n++] = (dnnl_exec_arg_t){ DNNL_ARG_SRC, src };
    args[n++] = (dnnl_exec_arg_t){ DNNL_ARG_WEIGHTS, weights };
    args[n++] = (dnnl_exec_arg_t){ DNNL_ARG_DST, *dst };
    if (bias)
        args[n++] = (dnnl_exec_arg_t){ DNNL_ARG_BIAS, bias };
    for (int i = 0; i < c->n_extra; i++)
        args[n++] = c->extra[i];
    return facet__dn_step(net, pd, args, n);
}

/* PReLU as a post-op is reference code here: a primitive of its own behind, on reals, and bytes after that. */
static int emit_prelu(struct dn_net *net, struct conv *c, dnnl_memory_t sums)
{
    const struct facet_value *slope = &net->g->values[c->n->epi.slope], *y = &net->g->values[c->y];
    dnnl_memory_desc_t md;
    dnnl_memory_t out = NULL;
    dnnl_primitive_attr_t attr = NULL;
    float scale = 1 / y->quant.scale;
    int err = facet__dn_prelu(net, sums, slope->data, facet_shape_count(&slope->shape));
    if (err || facet_value_store(y) != FACET_U8)
        return err;
    md = net->values[c->y].md;
    md.data_type = dnnl_u8;
    int before = net->values[c->y].buffer;
    err = facet__dn_place(net, c->y, &md, &out);
    if (!err)
        err = facet__dn_attr(net, &attr);
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_attr_set_output_scales(attr, 1, 0, &scale), "round");
    if (!err && y->quant.zero)
        err = facet__dn_check(net, dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_DST, 1, 0, &y->quant.zero), "round");
    if (!err)
        err = facet__dn_reorder(net, sums, out, attr);
    net->buffers[before].refs = -1;
    dnnl_primitive_attr_destroy(attr);
    return err;
}

/* The sum, and the activation where that comes later. */
static int emit_sum(struct dn_net *net, struct conv *c, dnnl_memory_t sums)
{
    const dnnl_memory_desc_t *md = &net->values[c->y].md;
    dnnl_binary_desc_t d;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t other = NULL;
    dnnl_primitive_attr_destroy(c->attr);
    dnnl_post_ops_destroy(c->post);
    c->attr = NULL;
    c->post = NULL;
    int err = facet__dn_attr(net, &c->attr);
    if (!err)
        err = facet__dn_check(net, dnnl_post_ops_create(&c->post), "add to");
    if (!err && !c->n->epi.residual_after)
        err = add_activation(net, c);
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_attr_set_post_ops(c->attr, c->post), "add to");
    if (!err)
        err = facet__dn_want(net, c->n->epi.residual, md, &other);
    if (!err)
        err = facet__dn_check(net, dnnl_binary_desc_init(&d, dnnl_binary_add, md, md, md), "add to");
    if (!err)
        err = facet__dn_check(net, dnnl_primitive_desc_create(&pd, &d, c->attr, net->engine, NULL), "add to");
    const dnnl_exec_arg_t args[] = { { DNNL_ARG_SRC_0, sums }, { DNNL_ARG_SRC_1, other }, { DNNL_ARG_DST, sums } };
    return err ? err : facet__dn_step(net, pd, args, 3);
}

/* With a residual, once more, knowing how the output lies. oneDNN 2.6 may fall back to its general product then, which
 * is slow in float32 and wrong in bfloat16: the sum is a primitive of its own instead. */
static int find_code_with_sum(struct dn_net *net, struct conv *c, dnnl_data_type_t out, dnnl_primitive_desc_t *pd)
{
    dnnl_memory_desc_t md = *facet__dn_query(*pd, dnnl_query_dst_md);
    const char *name = "";
    dnnl_primitive_desc_destroy(*pd);
    *pd = NULL;
    int err = make_attr(net, c, &md);
    if (!err)
        err = find_code(net, c, out, c->sum_in_place ? &md : NULL, pd);
    if (err || c->is_bytes)
        return err;
    dnnl_primitive_desc_query(*pd, dnnl_query_impl_info_str, 0, (void *)&name);
    if (!strstr(name, "gemm") && !facet__dn_is_slow(*pd))
        return FACET_OK;
    dnnl_primitive_desc_destroy(*pd);
    *pd = NULL;
    c->adds_after = true;
    err = make_attr(net, c, NULL);
    return err ? err : find_code(net, c, out, NULL, pd);
}

int facet__dn_conv(struct dn_net *net, const struct facet_node *n)
{
    struct conv c;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_memory_t dst = NULL;
    describe(net, n, &c);
    bool is_prelu = n->epi.act == FACET_ACT_PRELU;
    bool is_float_first = is_prelu && facet__dn_value_type(net, c.y) == dnnl_u8;
    if (is_float_first)
        c.step = 1;
    dnnl_data_type_t out = is_float_first ? dnnl_f32 : facet__dn_value_type(net, c.y);
    int err = make_attr(net, &c, NULL); /* once to learn the output's layout, then knowing it */
    if (!err)
        err = find_code(net, &c, out, NULL, &pd);
    if (!err && n->epi.residual >= 0)
        err = find_code_with_sum(net, &c, out, &pd);
    if (!err)
        err = emit(net, &c, pd, &dst);
    if (!err && c.adds_after)
        err = emit_sum(net, &c, dst);
    if (!err && is_prelu)
        err = emit_prelu(net, &c, dst);
    dnnl_primitive_attr_destroy(c.attr);
    dnnl_post_ops_destroy(c.post);
    return err;
}
