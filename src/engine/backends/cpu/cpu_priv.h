/* What the operators of the cpu back end share. One file a family, one row an operator. */
#ifndef FACET_ENGINE_BACKENDS_CPU_CPU_PRIV_H
#define FACET_ENGINE_BACKENDS_CPU_CPU_PRIV_H

#include "engine/backend.h"
#include "engine/backends/cpu/kernels.h"
#include "engine/ops/window.h"

/* What is known of a node before it runs; made by prepare, read-only afterwards. */
struct facet_cpu_node {
    const struct facet_cpu_op *op;
    struct facet_kernels k;
    int mode;                     /* the family's own */
    const void *w;                /* in the pack, as are the next; NULL: none */
    const float *bias, *slope;
    const float *scale;           /* of sums of u8 x s8 */
    bool bounded;                 /* and what scale, bias and slope make of any sum is below 2^29 */
    enum facet_fmt fmt;           /* of a convolution's or product's input */
    void *zero;                   /* owned */
    float scalar[2];
    int64_t channels;
    struct facet_window window;   /* of a convolution; its pads hold unless they follow the input's size */
    bool pads_follow;
    int groups;
    int square;                   /* of Winograd */
};

struct facet_cpu_op {
    const char *name, *domain;    /* domain NULL: ONNX's own */
    bool (*supports)(const struct facet_graph *g, const struct facet_node *n);
    /* May it read and write numbers of type t (backend.h)? Asked when it supports the node. NULL: never. */
    bool (*stores)(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t);
    bool nchw;                    /* wants NCHW; otherwise NHWC */
    unsigned strided;             /* FACET_STRIDED_* */
    bool drops;                   /* runs without the graph's constants: all it needs is packed */
    int (*prepare)(struct facet_cpu_node *s, const struct facet_graph *g, int node, struct facet_pack *pack);   /* NULL: nothing */
    size_t (*scratch)(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r);  /* per thread; NULL: none */
    int (*run)(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r);
    /* Has it kernels for this mix, when `stores` and any of its values is kept in fewer bits? Else run is given floats
     * (cpu_stored.c). NULL: for every mix. */
    bool (*takes)(const struct facet_node *n, const struct facet_run *r);
    /* Instead of run for such a mix; NULL: run does it. */
    int (*run_stored)(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r);
};

/* The families; rows end with name NULL. */
extern const struct facet_cpu_op facet_cpu_conv[], facet_cpu_matmul[], facet_cpu_pool[], facet_cpu_elementwise[],
    facet_cpu_rows[], facet_cpu_move[], facet_cpu_cast[], facet_cpu_pnet[], facet_cpu_convpool[];

/* Finds the pattern of P-Net and puts one node facet.PNet in its place (fuse_pnet.c). */
int facet_cpu_fuse_pnet(struct facet_graph *g);
/* Puts a node facet.ConvPool in place of each convolution of few channels with a maximum behind it (op_convpool.c). */
int facet_cpu_fuse_convpool(struct facet_graph *g);

/* ---- values ---- */
const struct facet_value *facet_cpu_value(const struct facet_graph *g, const struct facet_node *n, int input);   /* NULL: absent */
const float *facet_cpu_floats(const struct facet_graph *g, int value, int64_t *count);    /* of a float constant; NULL otherwise */
bool facet_cpu_is_float(const struct facet_graph *g, const struct facet_node *n);         /* every input and output */
bool facet_cpu_same_shape(const struct facet_shape *a, const struct facet_shape *b);

/* Channels, and pixels of all pictures, of a tensor: rank 4 by NCHW; rank 2 rows are pixels; otherwise
 * everything is one pixel. *px is the distance of pixels. */
void facet_cpu_rows_of(const struct facet_tensor *t, size_t *pixels, size_t *channels, size_t *px);

/* `count` numbers (1: repeated) per channel as a padded blob in the pack. */
int facet_cpu_pack_channels(struct facet_pack *pack, const float *v, int64_t count, int64_t channels, const float **out);

/* ---- epilogues ---- */
bool facet_cpu_epilogue_fits(const struct facet_graph *g, const struct facet_node *n);
/* Packs the slopes of PReLU and LeakyReLU for the node's output channels. */
int facet_cpu_prepare_epilogue(struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_graph *g, struct facet_pack *pack);
/* `bias` and everything the kernels can finish; the rest by facet_cpu_finish_rest on the output. */
struct facet_finish facet_cpu_finish(const struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_tensor *residual);
void facet_cpu_finish_rest(const struct facet_epilogue *e, struct facet_tensor *out);
/* One activation over rows; in may be out. */
void facet_cpu_map(enum facet_act act, float alpha, float beta, const float *in, size_t in_px, float *out, size_t out_px,
                   size_t pixels, size_t channels);

/* ---- convolutions and products in every format (sums.c) ---- */
enum facet_fmt facet_cpu_value_fmt(const struct facet_value *v);
/* A back end row's `stores`, and whether input, weights, residual and output are kept in a way that there are
 * kernels for. */
bool facet_cpu_sums_store(const struct facet_graph *g, const struct facet_node *n, enum facet_dtype t);
bool facet_cpu_sums_fit(const struct facet_graph *g, const struct facet_node *n);
/* Packs `bias` (NULL: none; count 1: repeated) and, for u8, what sums are scaled by; the zero point of the input goes
 * into the bias. s->fmt and s->channels are set. */
int facet_cpu_pack_bias(struct facet_cpu_node *s, const struct facet_graph *g, const struct facet_node *n, const float *bias,
                        int64_t count, struct facet_pack *pack);
/* Whether s->bounded holds, when s->scale, bias and slope are set. */
bool facet_cpu_sums_bounded(const struct facet_cpu_node *s);
/* facet_cpu_finish in the formats, and for u8 in the steps, of the tensors. */
struct facet_finish facet_cpu_finish_sums(const struct facet_cpu_node *s, const struct facet_epilogue *e, const struct facet_tensor *out,
                                          const struct facet_tensor *residual);

struct facet_cpu_sums {           /* one convolution or product, running */
    const struct facet_kernels *k;
    enum facet_fmt fmt;
    struct facet_conv c;
    char *scratch;
    size_t scratch_bytes;         /* of one thread */
};
/* The part of c that makes output channels [a, b), their weights beginning `w` bytes behind c's. */
struct facet_conv facet_cpu_sums_part(const struct facet_conv *c, size_t a, size_t b, size_t w);
/* Is the work better cut along the channels than along `n` pixels or squares in steps? */
bool facet_cpu_cuts_channels(const struct facet_cpu_sums *j, size_t n, size_t step, double macs, double weights, unsigned threads);
/* Cut by pixels, or by channels where that is better or `by_channels`. */
void facet_cpu_sums_run(struct facet_cpu_sums *j, bool by_channels, struct facet_pool *pool);

/* Splits `n` among the threads of the pool in runs that begin at multiples of `step`. */
typedef void facet_cpu_part_fn(void *ctx, size_t begin, size_t end, unsigned worker);
void facet_cpu_split(struct facet_pool *pool, size_t n, size_t step, facet_cpu_part_fn *fn, void *ctx);
/* ... in at most `each` runs a thread (facet_cpu_split: 4), where every run costs something by itself. */
void facet_cpu_split_into(struct facet_pool *pool, size_t n, size_t step, unsigned each, facet_cpu_part_fn *fn, void *ctx);

/* ---- values in fewer bits (cpu_stored.c) ---- */

/* A tensor as pixels of channels, however its numbers are kept. */
struct facet_cpu_rows {
    enum facet_fmt fmt;
    struct facet_quant quant;
    void *data;
    size_t size, pixels, channels, px;    /* size: of a number */
};
struct facet_cpu_rows facet_cpu_rows_for(const struct facet_tensor *t);
enum facet_fmt facet_cpu_fmt(const struct facet_tensor *t);
bool facet_cpu_same_numbers(const struct facet_tensor *a, const struct facet_tensor *b);     /* type, scale and zero point */

/* A block from and to floats without gaps. */
void facet_cpu_read(const struct facet_kernels *k, const struct facet_cpu_rows *r, size_t pixel, size_t channel, size_t pixels,
                    size_t channels, float *out);
void facet_cpu_write(const struct facet_kernels *k, const struct facet_cpu_rows *r, size_t pixel, size_t channel, size_t pixels,
                     size_t channels, const float *in);
void facet_cpu_convert(const struct facet_kernels *k, const struct facet_cpu_rows *from, const struct facet_cpu_rows *to, struct facet_pool *pool);

/* Calls fn for blocks of at most FACET_CPU_BLOCK numbers that cover pixels [p0, p1) of all channels. */
#define FACET_CPU_BLOCK 1024
typedef void facet_cpu_block_fn(void *ctx, size_t pixel, size_t channel, size_t pixels, size_t channels);
void facet_cpu_for_blocks(size_t p0, size_t p1, size_t channels, facet_cpu_block_fn *fn, void *ctx);

/* Any operator, by way of floats in scratch: what that takes, and running it. */
bool facet_cpu_has_stored(const struct facet_graph *g, const struct facet_node *n);
bool facet_cpu_few_arguments(const struct facet_node *n);
size_t facet_cpu_float_bytes(const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r);
int facet_cpu_run_as_floats(const struct facet_cpu_node *s, const struct facet_graph *g, int node, const struct facet_run *r);

#endif
