#include "engine/number.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof(u));
    return u;
}

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof(x));
    return x;
}

float facet_bf16_real(uint16_t b)
{
    return float_of((uint32_t)b << 16);
}

uint16_t facet_bf16_store(float x)
{
    uint32_t u = bits_of(x);
    if ((u & 0x7fffffff) > 0x7f800000) /* not a number: it must stay one when its low bits go */
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float facet_f16_real(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31)
        return float_of(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) {
        float small = (float)fraction * 0x1p-24f;
        return sign ? -small : small;
    }
    return float_of(sign | (exponent + 112) << 23 | fraction << 13);
}

uint16_t facet_f16_store(float x)
{
    uint32_t u = bits_of(x), sign = u >> 16 & 0x8000, rest = u & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (rest >= 0x477ff000) /* rounds beyond the largest, 65504 */
        return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) /* below the least of full precision: a count of 2^-24 */
        return (uint16_t)(sign | (uint32_t)rintf(float_of(rest) * 0x1p24f));
    rest += 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | (rest - 0x38000000) >> 13);
}

int32_t facet_quantise(float x, float scale, int32_t zero, int32_t lo, int32_t hi)
{
    float r = rintf(x / scale) + (float)zero;
    return (int32_t)fminf(fmaxf(r, (float)lo), (float)hi);
}

void facet_numbers_real(float *out, const void *in, enum facet_dtype t, const struct facet_quant *q, size_t n)
{
    switch (t) {
    case FACET_BF16:
        for (size_t i = 0; i < n; i++)
            out[i] = facet_bf16_real(((const uint16_t *)in)[i]);
        break;
    case FACET_F16:
        for (size_t i = 0; i < n; i++)
            out[i] = facet_f16_real(((const uint16_t *)in)[i]);
        break;
    case FACET_U8:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(((const uint8_t *)in)[i] - q->zero) * q->scale;
        break;
    case FACET_I8:
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(((const int8_t *)in)[i] - q->zero) * q->scale;
        break;
    default:
        memmove(out, in, n * sizeof(float));
        break;
    }
}

void facet_numbers_store(void *out, enum facet_dtype t, const struct facet_quant *q, const float *in, size_t n)
{
    switch (t) {
    case FACET_BF16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)out)[i] = facet_bf16_store(in[i]);
        break;
    case FACET_F16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)out)[i] = facet_f16_store(in[i]);
        break;
    case FACET_U8:
        for (size_t i = 0; i < n; i++)
            ((uint8_t *)out)[i] = (uint8_t)facet_quantise(in[i], q->scale, q->zero, 0, 255);
        break;
    case FACET_I8:
        for (size_t i = 0; i < n; i++)
            ((int8_t *)out)[i] = (int8_t)facet_quantise(in[i], q->scale, q->zero, -128, 127);
        break;
    default:
        memmove(out, in, n * sizeof(float));
        break;
    }
}

bool facet_quant_same(const struct facet_quant *a, const struct facet_quant *b)
{
    return a->scale == b->scale && a->zero == b->zero && !a->scales && !b->scales;
}
