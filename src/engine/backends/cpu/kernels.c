/* The table of kernels by CPU kind, and sizes that all kinds share. */
#include "engine/backends/cpu/kernels_priv.h"

#include "base/cpu.h"

#define TILE_MAX 16              /* no kind's tile has more pixels */
#define WINO_GROUP_BYTES (640u << 10)

#define KIND(NAME)                                   \
    static void use_##NAME(struct facet_kernels *k)  \
    {                                                \
        k->kind = #NAME;                             \
        facet__##NAME##_conv(k);                     \
        facet__##NAME##_convpool(k);                 \
        facet__##NAME##_conv_bf16(k);                \
        facet__##NAME##_conv_u8(k);                  \
        facet__##NAME##_depthwise(k);                \
        facet__##NAME##_dw_f32(k);                   \
        facet__##NAME##_dw_bf16(k);                  \
        facet__##NAME##_dw_u8(k);                    \
        facet__##NAME##_elementwise(k);              \
        facet__##NAME##_rows(k);                     \
        facet__##NAME##_pnet(k);                     \
    }

#if defined(FACET_KERNELS_X86)
KIND(avx2)
KIND(avx512)
#elif defined(FACET_KERNELS_ARM)
KIND(neon)
#endif

void facet_kernels_init(struct facet_kernels *k, uint32_t flags)
{
    facet__kernels_c(k);
    facet__c_pnet(k);
    facet__c_pnet_u8(k);
    facet__c_stored(k);
    facet__c_stored_rows(k);
#if defined(FACET_KERNELS_X86)
    if (flags & FACET_CPU_AVX2) {
        use_avx2(k);
        facet__avx2_pnet_u8(k);
    }
    if (flags & FACET_CPU_AVX512)
        use_avx512(k);
    if (flags & FACET_CPU_AVX512 && flags & FACET_CPU_AVX512_BF16)
        facet__avx512bf16_conv(k);
    if (flags & FACET_CPU_AVX512 && flags & FACET_CPU_AVX512_VNNI) {
        facet__avx512vnni_conv(k);
        facet__avx512vnni_convpool(k);
        facet__avx512vnni_dw(k);
        facet__avx512vnni_pnet(k);
    }
#elif defined(FACET_KERNELS_ARM)
    if (flags & FACET_CPU_NEON) {
        use_neon(k);
        facet__neon_pnet_u8(k);
    }
#else
    (void)flags;
#endif
}

static size_t up32(int n)
{
    return ((size_t)n + 31) / 32 * 32;
}

size_t facet_conv_scratch(const struct facet_conv *c)
{
    size_t taps = (size_t)c->kh * (size_t)c->kw;
    size_t windows = c->ic < 16 ? TILE_MAX * (taps * (size_t)c->ic * 2 + (size_t)c->kh * 8 + 64) : 0;     /* copied where runs meet the edge */
    return taps * TILE_MAX * sizeof(float *) + windows;
}

/* In products of one square: its points, for each the product and the transforms, which cost about 14 products for
 * each channel in and out (measured). */
int facet_wino_square(const struct facet_kernels *k, enum facet_fmt in, int oh, int ow, int ic, int oc)
{
    int64_t best = (int64_t)oh * ow * 9 * ic * oc / (in == FACET_FMT_BF16 ? (int)k->bf16_rate : 1), square = 0;
    for (int m = 4; k->wino_f32 && in != FACET_FMT_U8 && ic >= 16 && oc >= 16 && m >= 2; m--) {
        int64_t squares = (int64_t)((oh + m - 1) / m) * ((ow + m - 1) / m), points = (m + 2) * (m + 2);
        int64_t cost = squares * points * ((int64_t)ic * oc + 14 * (int64_t)(ic + oc));
        bool clear = in == FACET_FMT_F32 || (cost * 5 < best * 4 && squares >= 12);      /* the weights are four times as large */
        if (cost >= best || !clear)
            continue;
        best = cost;
        square = m;
    }
    return (int)square;
}

size_t facet_wino_tiles(const struct facet_conv *c)
{
    int m = c->square;
    return (size_t)c->n * (size_t)((c->oh + m - 1) / m) * (size_t)((c->ow + m - 1) / m);
}

static size_t wino_square_bytes(const struct facet_conv *c)
{
    size_t side = (size_t)c->square + 2;
    return side * side * (up32(c->ic) + up32(c->oc)) * sizeof(float);
}

size_t facet__wino_group(const struct facet_conv *c)
{
    size_t n = WINO_GROUP_BYTES / wino_square_bytes(c) / 12 * 12;
    return n < 12 ? 12 : n > 120 ? 120 : n;
}

size_t facet_wino_scratch(const struct facet_conv *c)
{
    return facet__wino_group(c) * wino_square_bytes(c) + TILE_MAX * sizeof(float *);
}

bool facet_convpool_fits(int ih, int iw, int ic)
{
    return ih >= 5 && iw >= 5 && ic >= 1 && (int64_t)iw * ic <= FACET__CONVPOOL_LINE;
}

size_t facet_convpool_u8_scratch(const struct facet_conv *c)
{
    return 4 * (size_t)(c->iw - 2) * up32(c->oc) * sizeof(int32_t);
}

size_t facet_convpool_scratch(const struct facet_conv *c)
{
    size_t ring = 8 * (size_t)(c->iw - 2) * up32(c->oc);
    return (6 * FACET__CONVPOOL_LINE + ring + 32) * sizeof(float);
}
