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
        facet__##NAME##_depthwise(k);                \
        facet__##NAME##_elementwise(k);              \
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
    facet__c_stored(k);
    facet__c_stored_rows(k);
#if defined(FACET_KERNELS_X86)
    if (flags & FACET_CPU_AVX2)
        use_avx2(k);
    if (flags & FACET_CPU_AVX512)
        use_avx512(k);
#elif defined(FACET_KERNELS_ARM)
    if (flags & FACET_CPU_NEON)
        use_neon(k);
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

size_t facet_wino_tiles(const struct facet_conv *c)
{
    return (size_t)c->n * (size_t)((c->oh + 3) / 4) * (size_t)((c->ow + 3) / 4);
}

size_t facet__wino_group(const struct facet_conv *c)
{
    size_t square = 36 * (up32(c->ic) + up32(c->oc)) * sizeof(float), n = WINO_GROUP_BYTES / square / 12 * 12;
    return n < 12 ? 12 : n > 120 ? 120 : n;
}

size_t facet_wino_scratch(const struct facet_conv *c)
{
    return facet__wino_group(c) * 36 * (up32(c->ic) + up32(c->oc)) * sizeof(float) + TILE_MAX * sizeof(float *);
}
