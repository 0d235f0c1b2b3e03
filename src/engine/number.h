/* Numbers kept in fewer bits: what they mean, and how reals become them. Reals are rounded once, to
 * nearest even; 8-bit numbers saturate at their ends, and what is no number becomes their least. */
#ifndef FACET_ENGINE_NUMBER_H
#define FACET_ENGINE_NUMBER_H

#include "engine/tensor.h"

float facet_bf16_real(uint16_t b);
uint16_t facet_bf16_store(float x);
float facet_f16_real(uint16_t h);
uint16_t facet_f16_store(float x);

/* The 8-bit number within [lo, hi] for a real, as QuantizeLinear has it. */
int32_t facet_quantise(float x, float scale, int32_t zero, int32_t lo, int32_t hi);

/* `n` numbers of type t (BF16, F16, U8 and I8 with the one scale of q, F32 as it is) from and to reals. */
void facet_numbers_real(float *out, const void *in, enum facet_dtype t, const struct facet_quant *q, size_t n);
void facet_numbers_store(void *out, enum facet_dtype t, const struct facet_quant *q, const float *in, size_t n);

/* Do two ways to keep a number mean the same? (one scale each) */
bool facet_quant_same(const struct facet_quant *a, const struct facet_quant *b);

#endif
