/* What this processor can do, found once. FACET_CPU=c|avx2|avx512|neon lowers it, for tests. */
#ifndef FACET_BASE_CPU_H
#define FACET_BASE_CPU_H

#include <stdint.h>

enum facet_cpu_flag {
    FACET_CPU_AVX2 = 1 << 0,          /* with FMA and F16C */
    FACET_CPU_AVX512 = 1 << 1,        /* F, BW, DQ, VL */
    FACET_CPU_AVX512_VNNI = 1 << 2,
    FACET_CPU_AVX512_BF16 = 1 << 3,
    FACET_CPU_NEON = 1 << 4,
};

/* Flags that may be used, after FACET_CPU. Thread-safe. A FACET_CPU that names no kind, or one
 * this processor lacks, sets *why (when not NULL) to a static text and is otherwise ignored. */
uint32_t facet_cpu_flags(const char **why);

const char *facet_cpu_kind(uint32_t flags);      /* "c", "avx2", "avx512", "neon" */
void facet_cpu_model(char *out, unsigned cap);   /* "AMD EPYC", from the system */

#endif
