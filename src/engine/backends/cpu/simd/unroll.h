/* Loops whose counters must be constants, so that arrays of vectors stay in registers. */
#ifndef FACET_SIMD_UNROLL_H
#define FACET_SIMD_UNROLL_H

#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 24")
#endif
#define FORCE_INLINE static inline __attribute__((always_inline))

#endif
