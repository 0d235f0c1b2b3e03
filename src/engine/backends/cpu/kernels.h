/* The inner loops of the cpu back end, on plain float buffers: no graph, no plan, no allocation.
 *
 * Pictures lie in NHWC order. A pixel is `ic` (or `oc`) consecutive numbers and the next pixel
 * begins `in_px` (`out_px`) numbers later, so that a buffer may be a slice of the channels of a
 * wider one: this is how a concatenation is written in place. Rows and images follow without gaps.
 *
 * The C kernels (c/) are the meaning. Files of a CPU kind (x86/, arm/) replace pointers of the table;
 * they share their text through the bodies in simd/ and differ in the vector header they include before.
 * Names end in the number format: _bf16 and _s8 kernels get entries of their own beside _f32. */
#ifndef FACET_ENGINE_BACKENDS_CPU_KERNELS_H
#define FACET_ENGINE_BACKENDS_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum facet_fin { FACET_FIN_NONE, FACET_FIN_CLIP, FACET_FIN_PRELU };

/* What happens to a sum before it is stored: fin(sum + bias + residual * scale), or the residual
 * after fin when `residual_after`. */
struct facet_finish {
    const float *bias;            /* NULL: none; else readable up to the next multiple of 32 channels */
    const float *residual;        /* NULL: none; same pixels and channels as the output */
    size_t residual_px;
    float residual_scale;
    bool residual_after;
    enum facet_fin fin;
    float lo, hi;                 /* CLIP; ReLU is [0, inf] */
    const float *slope;           /* PRELU: one per channel, padded like bias; LeakyReLU repeats one */
};

/* A convolution, and with kh = kw = 1 a matrix product; depthwise and pooling use the same fields
 * (ic == oc there). Padding is what pt and pl say plus whatever oh and ow make the window reach. */
struct facet_conv {
    const float *in;
    float *out;
    int n, ih, iw, ic, oh, ow, oc;
    size_t in_px, out_px;
    int kh, kw, sy, sx, dy, dx, pt, pl;
    const float *w;               /* packed by the matching facet_pack_* below; NULL for pooling */
    const float *zero;            /* at least ic + 32 zeros, where padding is read */
    struct facet_finish fin;
};

enum facet_binary { FACET_ADD, FACET_SUB, FACET_MUL, FACET_DIV };

/* The whole of MTCNN's P-Net in one kernel: 3x3 of 3 to 10, PReLU, 2x2/2 maximum (rounding up), 3x3 to
 * 16, PReLU, 3x3 to 32, PReLU, 1x1 to 2 (softmax) and 1x1 to 4. NCHW in and out; see simd/pnet_body.h. */
struct facet_pnet {
    const float *in;              /* n x 3 x h x w */
    float *prob, *box;            /* n x 2 x oh x ow, n x 4 x oh x ow */
    int n, h, w;
    bool softmax;                 /* over the two channels of prob */
    const float *pack;            /* by facet_pack_pnet */
};
struct facet_pnet_weights { const float *w[5], *bias[5], *slope[3]; };   /* as in ONNX; [3] is prob, [4] box */
void facet_pnet_size(int h, int w, int *oh, int *ow);                    /* 0 when the picture is too small */
size_t facet_pnet_pack_floats(void);
void facet_pack_pnet(const struct facet_pnet_weights *w, float *out);
size_t facet_pnet_scratch(int w);

struct facet_kernels {
    const char *kind;             /* "c", "avx2", "avx512", "neon" */
    unsigned lanes;               /* floats in a vector */
    unsigned block;               /* output channels in a full block of packed convolution weights */
    unsigned tile;                /* output pixels in a full tile */

    /* Output pixels [p0, p1) of n*oh*ow. scratch: facet_conv_scratch bytes, one per thread. */
    void (*conv_f32)(const struct facet_conv *c, size_t p0, size_t p1, void *scratch);
    /* 3x3, stride 1, dilation 1 by Winograd's F(4x4,3x3): tiles [t0, t1) of facet_wino_tiles. NULL:
     * not offered. Weights by facet_pack_wino. scratch: facet_wino_scratch bytes, one per thread. */
    void (*wino_f32)(const struct facet_conv *c, size_t t0, size_t t1, void *scratch);
    /* Output rows [r0, r1) of n*oh. */
    void (*dw_f32)(const struct facet_conv *c, size_t r0, size_t r1);
    void (*maxpool_f32)(const struct facet_conv *c, size_t r0, size_t r1);
    /* Divides by the window's size when count_pad, else by the number of pixels inside the picture. */
    void (*avgpool_f32)(const struct facet_conv *c, size_t r0, size_t r1, bool count_pad);
    /* out[p][ch] = a[p][ch] op b[p][ch]; b_px 0: one pixel of b for all (per channel). */
    void (*binary_f32)(enum facet_binary op, const float *a, size_t a_px, const float *b, size_t b_px,
                       float *out, size_t out_px, size_t pixels, size_t channels);
    /* out = finish(in); in may be out. bias and slope need no padding here. */
    void (*finish_f32)(const float *in, size_t in_px, float *out, size_t out_px, size_t pixels,
                       size_t channels, const struct facet_finish *f);
    /* Mean over all pixels of one image. */
    void (*gap_f32)(const float *in, size_t in_px, float *out, size_t pixels, size_t channels);
    void (*nchw_to_nhwc_f32)(const float *in, float *out, size_t out_px, size_t channels, size_t pixels);
    void (*nhwc_to_nchw_f32)(const float *in, size_t in_px, float *out, size_t channels, size_t pixels);
    /* Output rows [r0, r1) of one image; r0 a multiple of 4. scratch: facet_pnet_scratch bytes. */
    void (*pnet_f32)(const struct facet_pnet *p, int img, int r0, int r1, void *scratch);
};

/* The table for these FACET_CPU_* flags: C first, then what the flags allow on top. */
void facet_kernels_init(struct facet_kernels *k, uint32_t flags);

/* --- packing, the same for every kind but for the block and lanes of its table --- */
size_t facet_conv_pack_floats(const struct facet_kernels *k, int oc, size_t depth);
/* w: [oc][ic][kh][kw] as in ONNX; out: blocks of [kh*kw*ic][block], zeros behind the last channel. */
void facet_pack_conv(const struct facet_kernels *k, const float *w, int oc, int ic, int kh, int kw, float *out);
/* w: [c][1][kh][kw]; out: [kh*kw][c rounded up to 16]. */
size_t facet_dw_pack_floats(int c, int kh, int kw);
void facet_pack_dw(const float *w, int c, int kh, int kw, float *out);
size_t facet_wino_pack_floats(const struct facet_kernels *k, int oc, int ic);
void facet_pack_wino(const struct facet_kernels *k, const float *w, int oc, int ic, float *out);

size_t facet_conv_scratch(const struct facet_conv *c);
size_t facet_wino_tiles(const struct facet_conv *c);
size_t facet_wino_scratch(const struct facet_conv *c);

#endif
