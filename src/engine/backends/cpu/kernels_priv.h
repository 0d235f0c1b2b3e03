/* What the files of kernels share. */
#ifndef FACET_ENGINE_BACKENDS_CPU_KERNELS_PRIV_H
#define FACET_ENGINE_BACKENDS_CPU_KERNELS_PRIV_H

#include "engine/backends/cpu/kernels.h"

/* Each replaces the pointers of its family. A kind that is not built has none. */
void facet__kernels_c(struct facet_kernels *k);
void facet__c_pnet(struct facet_kernels *k);
void facet__c_pnet_u8(struct facet_kernels *k);
void facet__c_stored(struct facet_kernels *k);
void facet__c_stored_rows(struct facet_kernels *k);
void facet__avx2_conv(struct facet_kernels *k);
void facet__avx2_convpool(struct facet_kernels *k);
void facet__avx2_conv_bf16(struct facet_kernels *k);
void facet__avx2_conv_u8(struct facet_kernels *k);
void facet__avx2_depthwise(struct facet_kernels *k);
void facet__avx2_dw_f32(struct facet_kernels *k);
void facet__avx2_dw_bf16(struct facet_kernels *k);
void facet__avx2_dw_u8(struct facet_kernels *k);
void facet__avx2_elementwise(struct facet_kernels *k);
void facet__avx2_rows(struct facet_kernels *k);
void facet__avx2_pnet(struct facet_kernels *k);
void facet__avx2_pnet_u8(struct facet_kernels *k);
void facet__avx512_conv(struct facet_kernels *k);
void facet__avx512_conv_bf16(struct facet_kernels *k);
void facet__avx512_conv_u8(struct facet_kernels *k);
void facet__avx512_convpool(struct facet_kernels *k);
void facet__avx512_depthwise(struct facet_kernels *k);
void facet__avx512_dw_f32(struct facet_kernels *k);
void facet__avx512_dw_bf16(struct facet_kernels *k);
void facet__avx512_dw_u8(struct facet_kernels *k);
void facet__avx512_elementwise(struct facet_kernels *k);
void facet__avx512_rows(struct facet_kernels *k);
void facet__avx512_pnet(struct facet_kernels *k);
void facet__avx512bf16_conv(struct facet_kernels *k);
void facet__avx512vnni_conv(struct facet_kernels *k);
void facet__avx512vnni_convpool(struct facet_kernels *k);
void facet__avx512vnni_dw(struct facet_kernels *k);
void facet__avx512vnni_pnet(struct facet_kernels *k);
void facet__neon_conv(struct facet_kernels *k);
void facet__neon_conv_bf16(struct facet_kernels *k);
void facet__neon_conv_u8(struct facet_kernels *k);
void facet__neon_convpool(struct facet_kernels *k);
void facet__neon_depthwise(struct facet_kernels *k);
void facet__neon_dw_f32(struct facet_kernels *k);
void facet__neon_dw_bf16(struct facet_kernels *k);
void facet__neon_dw_u8(struct facet_kernels *k);
void facet__neon_elementwise(struct facet_kernels *k);
void facet__neon_rows(struct facet_kernels *k);
void facet__neon_pnet(struct facet_kernels *k);
void facet__neon_pnet_u8(struct facet_kernels *k);

/* Products of u8 and s8 whose sum a float holds exactly; C sums more of them. */
#define DW_EXACT_TAPS 512
void facet__avx512_dw_u8_any(const struct facet_conv *c, size_t r0, size_t r1);
void facet__c_dw_u8(const struct facet_conv *c, size_t r0, size_t r1);

/* Numbers of a row of input of convpool_f32 at most, and from row to row of its transform: an odd number of lines of
 * the cache. */
#define FACET__CONVPOOL_LINE 272

/* Squares that a Winograd convolution does at a time. */
size_t facet__wino_group(const struct facet_conv *c);

#endif
