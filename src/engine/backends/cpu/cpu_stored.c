/* Values kept in fewer bits, for operators that have no kernel of their own for the mix at hand: numbers are
 * read into floats, worked on, and rounded once when they are stored. */
#include "engine/backends/cpu/cpu_priv.h"

#include "engine/number.h"

#define CHUNK FACET_CPU_BLOCK

enum facet_fmt facet_cpu_fmt(const struct facet_tensor *t)
{
    return t->dtype == FACET_BF16 ? FACET_FMT_BF16 : t->dtype == FACET_U8 ? FACET_FMT_U8 : FACET_FMT_F32;
}

struct facet_cpu_rows facet_cpu_rows_for(const struct facet_tensor *t)
{
    struct facet_cpu_rows r = { .fmt = facet_cpu_fmt(t), .quant = t->quant, .data = t->data, .size = facet_dtype_size(t->dtype) };
    facet_cpu_rows_of(t, &r.pixels, &r.channels, &r.px);
    return r;
}

bool facet_cpu_same_numbers(const struct facet_tensor *a, const struct facet_tensor *b)
{
    return a->dtype == b->dtype && (a->dtype != FACET_U8 || facet_quant_same(&a->quant, &b->quant));
}

static const void *at(const struct facet_cpu_rows *r, size_t pixel, size_t channel)
{
    return (const char *)r->data + (pixel * r->px + channel) * r->size;
}

void facet_cpu_read(const struct facet_kernels *k, const struct facet_cpu_rows *r, size_t pixel, size_t channel, size_t pixels,
                    size_t channels, float *out)
{
    const void *in = at(r, pixel, channel);
    if (r->fmt == FACET_FMT_BF16)
        k->bf16_to_f32(in, r->px, out, channels, pixels, channels);
    else if (r->fmt == FACET_FMT_U8)
        k->u8_to_f32(in, r->px, out, channels, pixels, channels, r->quant.scale, r->quant.zero);
    else
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                out[p * channels + c] = ((const float *)in)[p * r->px + c];
}

void facet_cpu_write(const struct facet_kernels *k, const struct facet_cpu_rows *r, size_t pixel, size_t channel, size_t pixels,
                     size_t channels, const float *in)
{
    void *out = (void *)(uintptr_t)at(r, pixel, channel);
    if (r->fmt == FACET_FMT_BF16)
        k->f32_to_bf16(in, channels, out, r->px, pixels, channels);
    else if (r->fmt == FACET_FMT_U8)
        k->f32_to_u8(in, channels, out, r->px, pixels, channels, 1 / r->quant.scale, r->quant.zero);
    else
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                ((float *)out)[p * r->px + c] = in[p * channels + c];
}

void facet_cpu_for_blocks(size_t p0, size_t p1, size_t channels, facet_cpu_block_fn *fn, void *ctx)
{
    size_t wide = channels < CHUNK ? channels : CHUNK, tall = wide ? CHUNK / wide : 0;
    for (size_t c = 0; c < channels; c += wide)
        for (size_t p = p0; p < p1; p += tall)
            fn(ctx, p, c, p1 - p < tall ? p1 - p : tall, channels - c < wide ? channels - c : wide);
}

/* ---- whole tensors ---- */

struct copy {
    const struct facet_kernels *k;
    struct facet_cpu_rows from, to;
};

static void copy_block(void *ctx, size_t pixel, size_t channel, size_t pixels, size_t channels)
{
    struct copy *c = ctx;
    float reals[CHUNK];
    bool dense = c->from.fmt == FACET_FMT_F32 && (pixels == 1 || c->from.px == channels);
    if (!dense)
        facet_cpu_read(c->k, &c->from, pixel, channel, pixels, channels, reals);
    facet_cpu_write(c->k, &c->to, pixel, channel, pixels, channels, dense ? at(&c->from, pixel, channel) : reals);
}

static void copy_long(void *ctx, size_t begin, size_t end, unsigned worker)
{
    struct copy *c = ctx, part = *c;
    part.from.data = (char *)c->from.data + begin * c->from.size;
    part.to.data = (char *)c->to.data + begin * c->to.size;
    (void)worker;
    facet_cpu_for_blocks(0, 1, end - begin, copy_block, &part);
}

static void copy_rows(void *ctx, size_t begin, size_t end, unsigned worker)
{
    (void)worker;
    facet_cpu_for_blocks(begin, end, ((struct copy *)ctx)->from.channels, copy_block, ctx);
}

void facet_cpu_convert(const struct facet_kernels *k, const struct facet_cpu_rows *from, const struct facet_cpu_rows *to, struct facet_pool *pool)
{
    struct copy c = { k, *from, *to };
    bool dense = from->px == from->channels && to->px == to->channels;
    if (dense)
        facet_cpu_split(pool, from->pixels * from->channels, 4096, copy_long, &c);
    else
        facet_cpu_split(pool, from->pixels, 64, copy_rows, &c);
}

/* ---- any operator on floats ---- */

static bool is_stored(const struct facet_graph *g, int value)
{
    return value >= 0 && !facet_value_is_const(&g->values[value]) && g->values[value].is_stored;
}

static size_t float_bytes(const struct facet_tensor *t)
{
    return ((size_t)facet_shape_count(&t->shape) * sizeof(float) + 127) / 64 * 64;
}

bool facet_cpu_has_stored(const struct facet_graph *g, const struct facet_node *n)
{
    bool any = is_stored(g, n->epi.residual);
    for (int i = 0; i < n->n_inputs; i++)
        any |= is_stored(g, n->inputs[i]);
    for (int i = 0; i < n->n_outputs; i++)
        any |= is_stored(g, n->outputs[i]);
    return any;
}

size_t facet_cpu_float_bytes(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r)
{
    size_t bytes = is_stored(g, n->epi.residual) ? float_bytes(r->residual) : 0;
    for (int i = 0; i < n->n_inputs; i++)
        bytes += is_stored(g, n->inputs[i]) ? float_bytes(r->in[i]) : 0;
    for (int i = 0; i < n->n_outputs; i++)
        bytes += is_stored(g, n->outputs[i]) ? float_bytes(r->out[i]) : 0;
    return bytes;
}

#define MAX_ARGS 8

static struct facet_tensor as_floats(const struct facet_tensor *t, char **scratch)
{
    struct facet_tensor f = *t;
    f.dtype = FACET_F32;
    f.data = *scratch;
    f.pixel_stride = t->layout == FACET_NHWC && t->shape.rank == 4 ? t->shape.dim[1] : t->pixel_stride;
    f.quant = (struct facet_quant){ 0 };
    *scratch += float_bytes(t);
    return f;
}

static void convert(const struct facet_cpu_node *s, const struct facet_tensor *from, const struct facet_tensor *to, struct facet_pool *pool)
{
    struct facet_cpu_rows a = facet_cpu_rows_for(from), b = facet_cpu_rows_for(to);
    facet_cpu_convert(&s->k, &a, &b, pool);
}

bool facet_cpu_few_arguments(const struct facet_node *n)
{
    return n->n_inputs < MAX_ARGS && n->n_outputs <= MAX_ARGS;
}

int facet_cpu_run_as_floats(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_node *n = &g->nodes[node];
    struct facet_tensor tensors[2 * MAX_ARGS], *outs[MAX_ARGS];
    const struct facet_tensor *ins[MAX_ARGS];
    struct facet_run floats = *r;
    char *scratch = r->scratch;
    int used = 0;
    floats.in = ins;
    floats.out = outs;
    for (int i = 0; i <= n->n_inputs; i++) {
        const struct facet_tensor *t = i < n->n_inputs ? r->in[i] : r->residual;
        if (is_stored(g, i < n->n_inputs ? n->inputs[i] : n->epi.residual)) {
            tensors[used] = as_floats(t, &scratch);
            convert(s, t, &tensors[used], r->pool);
            t = &tensors[used++];
        }
        *(i < n->n_inputs ? &ins[i] : &floats.residual) = t;
    }
    for (int i = 0; i < n->n_outputs; i++) {
        outs[i] = r->out[i];
        if (is_stored(g, n->outputs[i])) {
            tensors[used] = as_floats(r->out[i], &scratch);
            outs[i] = &tensors[used++];
        }
    }
    floats.scratch = scratch;
    int err = s->op->run(s, g, node, &floats);
    for (int i = 0; !err && i < n->n_outputs; i++)
        if (outs[i] != r->out[i])
            convert(s, outs[i], r->out[i], r->pool);
    return err;
}
