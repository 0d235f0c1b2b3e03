/* The inner loops of the cpu back end, on plain buffers: no graph, no plan, no allocation.
 *
 * Pictures lie in NHWC order. A pixel is `ic` (or `oc`) consecutive numbers and the next pixel
 * begins `in_px` (`out_px`) numbers later, so that a buffer may be a slice of the channels of a
 * wider one: this is how a concatenation is written in place. Rows and images follow without gaps.
 *
 * The C kernels (c/) are the meaning. Files of a CPU kind (x86/, arm/) replace pointers of the table;
 * they share their text through the bodies in simd/ and differ in the vector header they include before.
 * Names end in the number format of the input: _f32, _bf16 or _u8.
 *
 * Stored numbers: a bf16 is the upper half of a float; a u8 means (q - zero) * scale. Sums are floats, for u8
 * 32-bit integers, which are exact: all kinds then give the same u8, since they end a sum by the same float
 * operations in the same order. A kernel may read up to 64 bytes behind the last number of a buffer. */
#ifndef FACET_ENGINE_BACKENDS_CPU_KERNELS_H
#define FACET_ENGINE_BACKENDS_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum facet_fin { FACET_FIN_NONE, FACET_FIN_CLIP, FACET_FIN_PRELU };

enum facet_fmt { FACET_FMT_F32, FACET_FMT_BF16, FACET_FMT_U8 };

/* What happens to a sum before it is stored: fin(sum + bias + residual * residual_scale), or the residual
 * after fin when `residual_after`.
 *
 * Integer sums are scaled first: x = fma(sum, scale[ch], bias[ch]), with the input's zero point folded into bias.
 * A U8 residual counts as residual - residual_zero. Every residual is added by fma(residual, residual_scale, x).
 * Where the output is U8, everything is given in steps of the output (scale, bias, lo, hi and residual_scale are
 * divided by the output's scale), and the result is stored as the nearest even whole number plus out_zero, between
 * 0 and 255. */
struct facet_finish {
    const float *bias;            /* NULL: none; else readable up to the next multiple of 32 channels */
    const float *scale;           /* of integer sums, padded like bias; NULL in _f32 and _bf16 kernels */
    const void *residual;         /* NULL: none; same pixels and channels as the output */
    size_t residual_px;
    float residual_scale;
    bool residual_after;
    enum facet_fmt residual_fmt, out_fmt;
    int32_t residual_zero, out_zero;
    enum facet_fin fin;
    float lo, hi;                 /* CLIP; ReLU is [0, inf] */
    const float *slope;           /* PRELU: one per channel, padded like bias; LeakyReLU repeats one */
    bool bounded;                 /* no integer sum can end, before it is rounded, beyond 2^30: kernels need not look */
};

/* A convolution, and with kh = kw = 1 a matrix product; depthwise and pooling use the same fields
 * (ic == oc there). Padding is what pt and pl say plus whatever oh and ow make the window reach. */
struct facet_conv {
    const void *in;
    void *out;
    int n, ih, iw, ic, oh, ow, oc;
    size_t in_px, out_px;         /* elements */
    int kh, kw, sy, sx, dy, dx, pt, pl;
    int square;                   /* wino_f32: side of the squares of output, 2, 3 or 4 */
    int w_oc;                     /* wino_f32: channels of all packed weights, where `oc` are some of them; 0: oc */
    int32_t in_zero;              /* of a U8 input */
    const void *w;                /* packed by the matching facet_pack_* below; NULL for pooling */
    const void *zero;             /* at least ic + 64 zeros (in U8: in_zero), where padding is read */
    struct facet_finish fin;
};

/* From the u8 numbers of an input to those of the output: out = in * scale, counted from their zero points. */
struct facet_requant { float scale; int32_t zero, out_zero; };

enum facet_binary { FACET_ADD, FACET_SUB, FACET_MUL, FACET_DIV };

/* The whole of MTCNN's P-Net in one kernel: 3x3 of 3 to 10, PReLU, 2x2/2 maximum (rounding up), 3x3 to
 * 16, PReLU, 3x3 to 32, PReLU, 1x1 to 2 (softmax) and 1x1 to 4. NCHW in and out; see simd/pnet_body.h. */
struct facet_pnet {
    const float *in;              /* n x 3 x h x w */
    float *prob, *box;            /* n x 2 x oh x ow, n x 4 x oh x ow */
    int n, h, w;
    bool softmax;                 /* over the two channels of prob */
    const float *pack;            /* by facet_pack_pnet; NULL for pnet_u8 */
    const void *pack_u8;          /* by facet_pack_pnet_u8; NULL for pnet_f32 */
};
struct facet_pnet_weights { const float *w[5], *bias[5], *slope[3]; };   /* as in ONNX; [3] is prob, [4] box */
void facet_pnet_size(int h, int w, int *oh, int *ow);                    /* 0 when the picture is too small */
size_t facet_pnet_pack_floats(void);
void facet_pack_pnet(const struct facet_pnet_weights *w, float *out);
size_t facet_pnet_scratch(int w);         /* enough for either kernel */

/* The same in 8 bits: the picture is rounded to u8 first, then what each of the three layers gives; weights
 * are s8. What the heads give stays float. The first layer may stay float, for it bears rounding least. */
struct facet_pnet_u8_weights {
    const float *first;           /* the first layer's weights; NULL: w[0] and w_scale[0] have them */
    const int8_t *w[5];
    const float *w_scale[5], *bias[5], *slope[3];      /* w_scale: one per output channel */
    float scale[4];               /* of the picture, and of what the three layers give; above 0 */
    int32_t zero[4];              /* 0..255 */
};
size_t facet_pnet_u8_pack_bytes(void);
void facet_pack_pnet_u8(const struct facet_pnet_u8_weights *w, void *out);

struct facet_kernels {
    const char *kind;             /* "c", "avx2", "avx512", "neon" */
    unsigned lanes;               /* floats in a vector */
    unsigned block;               /* output channels in a full block of packed convolution weights */
    unsigned tile;                /* output pixels in a full tile */
    unsigned bf16_rate;           /* products of bf16 in the time of one of floats */

    /* Output pixels [p0, p1) of n*oh*ow. scratch: facet_conv_scratch bytes, one per thread. */
    void (*conv_f32)(const struct facet_conv *c, size_t p0, size_t p1, void *scratch);
    /* 3x3, stride 1, dilation 1 by Winograd's F(m x m,3x3), m = c->square: squares [t0, t1) of facet_wino_tiles.
     * NULL: not offered. Weights by facet_pack_wino. scratch: facet_wino_scratch bytes, one per thread. */
    void (*wino_f32)(const struct facet_conv *c, size_t t0, size_t t1, void *scratch);
    void (*wino_bf16)(const struct facet_conv *c, size_t t0, size_t t1, void *scratch);      /* the same weights, floats */
    /* A 3x3 convolution of stride 1 without padding or residual on dense pixels of a few channels, and the 3x3/2
     * maximum of what it gives, rounding up: oh and ow are the maximum's; facet_convpool_fits holds. Pairs of rows
     * [u0, u1) of n * ((oh + 1) / 2). NULL: not offered. Weights by facet_pack_convpool. scratch: facet_convpool_scratch bytes,
     * one per thread. */
    void (*convpool_f32)(const struct facet_conv *c, size_t u0, size_t u1, void *scratch);
    /* The same on u8, output too, scales above 0. Weights by facet_pack_conv_s8, scratch: facet_convpool_u8_scratch bytes. */
    void (*convpool_u8)(const struct facet_conv *c, size_t u0, size_t u1, void *scratch);
    /* Stored input; output and residual as c->fin says, any of the three formats. Weights by facet_pack_conv_bf16
     * and facet_pack_conv_s8. */
    void (*conv_bf16)(const struct facet_conv *c, size_t p0, size_t p1, void *scratch);
    void (*conv_u8)(const struct facet_conv *c, size_t p0, size_t p1, void *scratch);
    /* Output rows [r0, r1) of n*oh. */
    void (*dw_f32)(const struct facet_conv *c, size_t r0, size_t r1);
    void (*dw_bf16)(const struct facet_conv *c, size_t r0, size_t r1);     /* weights by facet_pack_dw_bf16 */
    void (*dw_u8)(const struct facet_conv *c, size_t r0, size_t r1);       /* weights by facet_pack_dw_s8 */
    /* Pools in the format of the input; maximum of stored numbers as they are. */
    void (*maxpool_f32)(const struct facet_conv *c, size_t r0, size_t r1);
    void (*maxpool_bf16)(const struct facet_conv *c, size_t r0, size_t r1);
    void (*maxpool_u8)(const struct facet_conv *c, size_t r0, size_t r1);
    /* Divides by the window's size when count_pad, else by the number of pixels inside the picture. */
    void (*avgpool_f32)(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad);
    void (*avgpool_bf16)(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad);
    void (*avgpool_u8)(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad, const struct facet_requant *q);
    /* out[p][ch] = a[p][ch] op b[p][ch]; b_px 0: one pixel of b for all (per channel). */
    void (*binary_f32)(enum facet_binary op, const float *a, size_t a_px, const float *b, size_t b_px,
                       float *out, size_t out_px, size_t pixels, size_t channels);
    /* out = finish(in); in may be out. bias and slope need no padding here. */
    void (*finish_f32)(const float *in, size_t in_px, float *out, size_t out_px, size_t pixels,
                       size_t channels, const struct facet_finish *f);
    /* Mean over all pixels of one image, as floats; of u8: of the stored numbers. */
    void (*gap_f32)(const float *in, size_t in_px, float *out, size_t pixels, size_t channels);
    void (*gap_bf16)(const uint16_t *in, size_t in_px, float *out, size_t pixels, size_t channels);
    void (*gap_u8)(const uint8_t *in, size_t in_px, float *out, size_t pixels, size_t channels);
    /* Conversions of rows. f32_to_u8: nearest(x * inv) + zero between 0 and 255. u8_to_f32: (q - zero) * scale. */
    void (*f32_to_bf16)(const float *in, size_t in_px, uint16_t *out, size_t out_px, size_t pixels, size_t channels);
    void (*bf16_to_f32)(const uint16_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels);
    void (*f32_to_u8)(const float *in, size_t in_px, uint8_t *out, size_t out_px, size_t pixels, size_t channels,
                      float inv, int32_t zero);
    void (*u8_to_f32)(const uint8_t *in, size_t in_px, float *out, size_t out_px, size_t pixels, size_t channels,
                      float scale, int32_t zero);
    /* Some pixels of planes that lie `plane` numbers apart. */
    void (*nchw_to_nhwc_f32)(const float *in, size_t plane, float *out, size_t out_px, size_t channels, size_t pixels);
    void (*nhwc_to_nchw_f32)(const float *in, size_t in_px, float *out, size_t channels, size_t pixels);
    /* Output rows [r0, r1) of one image; r0 a multiple of 4. scratch: facet_pnet_scratch bytes. */
    void (*pnet_f32)(const struct facet_pnet *p, int img, int r0, int r1, void *scratch);
    /* The same on u8, any r0. Sums are of whole numbers, and ends the same in all kinds: what the layers and the
     * heads give before softmax is equal bit by bit. */
    void (*pnet_u8)(const struct facet_pnet *p, int img, int r0, int r1, void *scratch);
};

/* The table for these FACET_CPU_* flags: C first, then what the flags allow on top. */
void facet_kernels_init(struct facet_kernels *k, uint32_t flags);

/* --- packing, the same for every kind but for the block and lanes of its table --- */
size_t facet_conv_pack_floats(const struct facet_kernels *k, int oc, size_t depth);
/* w: [oc][ic][kh][kw] as in ONNX; out: blocks of [kh*kw*ic][block], zeros behind the last channel. */
void facet_pack_conv(const struct facet_kernels *k, const float *w, int oc, int ic, int kh, int kw, float *out);
/* The same for stored inputs, by groups of 32 bits: two bf16 or four s8 of neighbouring channels, zeros behind the
 * last. Blocks of [rows][groups of a row][block]; a row is a tap of ic channels or, where facet_conv_has_runs, a row
 * of the window of kw*ic. w of bf16 is rounded to the nearest even. */
bool facet_conv_has_runs(enum facet_fmt fmt, int ic, int kw, int dx);
size_t facet_conv_groups(enum facet_fmt fmt, int ic, int kh, int kw, int dx);      /* of one output channel */
size_t facet_conv_pack_bytes(const struct facet_kernels *k, enum facet_fmt fmt, int oc, int ic, int kh, int kw, int dx);
void facet_pack_conv_bf16(const struct facet_kernels *k, const float *w, int oc, int ic, int kh, int kw, int dx, void *out);
void facet_pack_conv_s8(const struct facet_kernels *k, const int8_t *w, int oc, int ic, int kh, int kw, int dx, void *out);
/* w: [c][1][kh][kw]; out: [kh*kw][c rounded up to 16]. */
size_t facet_dw_pack_floats(int c, int kh, int kw);
void facet_pack_dw(const float *w, int c, int kh, int kw, float *out);
/* bf16: as floats that are rounded to bf16. s8: one byte each, [kh*kw][c rounded up to 64]. */
size_t facet_dw_pack_bytes(enum facet_fmt fmt, int c, int kh, int kw);
void facet_pack_dw_bf16(const float *w, int c, int kh, int kw, void *out);
void facet_pack_dw_s8(const int8_t *w, int c, int kh, int kw, void *out);
size_t facet_wino_pack_floats(const struct facet_kernels *k, int oc, int ic, int square);
void facet_pack_wino(const struct facet_kernels *k, const float *w, int oc, int ic, int square, float *out);

bool facet_convpool_fits(int ih, int iw, int ic);
size_t facet_convpool_pack_floats(const struct facet_kernels *k, int oc, int ic);
void facet_pack_convpool(const struct facet_kernels *k, const float *w, int oc, int ic, float *out);

size_t facet_conv_scratch(const struct facet_conv *c);      /* of any format */
/* The square with which Winograd costs least for this output, or 0 where direct sums cost less. */
int facet_wino_square(const struct facet_kernels *k, enum facet_fmt in, int oh, int ow, int ic, int oc);
size_t facet_wino_tiles(const struct facet_conv *c);
size_t facet_wino_scratch(const struct facet_conv *c);
size_t facet_convpool_scratch(const struct facet_conv *c);
size_t facet_convpool_u8_scratch(const struct facet_conv *c);

/* One number between the formats: to the nearest even; NaN stays NaN. */
static inline float facet_bf16_float(uint16_t b)
{
    union { uint32_t u; float f; } v = { .u = (uint32_t)b << 16 };
    return v.f;
}

static inline uint16_t facet_bf16_of(float x)
{
    union { float f; uint32_t u; } v = { .f = x };
    if (x != x)
        return (uint16_t)(v.u >> 16 | 0x40);
    return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

#endif
