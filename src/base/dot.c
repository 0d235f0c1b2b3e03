#include "base/dot.h"

/* Four sums, so that the compiler may keep four multiplications in flight. */
static float dot_f32(const float *a, const float *b, size_t n)
{
    float s[4] = { 0 };
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static int32_t dot_i8(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t s = 0;
    for (size_t i = 0; i < n; i++)
        s += a[i] * b[i];
    return s;
}

const struct facet_dot_ops facet_dot_c = { .name = "c", .f32 = dot_f32, .i8 = dot_i8 };
