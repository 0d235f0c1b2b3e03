#include "image/kernels_priv.h"

#include "base/cpu.h"

static void blend(int16_t *out, const uint8_t *a, const uint8_t *b, int16_t weight, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t step = (b[i] - a[i]) * 128 * weight;
        out[i] = (int16_t)(a[i] * 128 + ((step + 0x4000) >> 15));
    }
}

static void taps_rgb(uint8_t *dst, const int16_t *line, struct facet__taps taps, int n)
{
    for (int x = 0; x < n; x++) {
        const int16_t *p = line + 3 * (ptrdiff_t)taps.at[x];
        for (int c = 0; c < 3; c++) {
            int32_t step = (p[c + 3] - p[c]) * taps.weight[x][0];
            dst[3 * x + c] = (uint8_t)((p[c] + ((step + 0x4000) >> 15) + 64) >> 7);
        }
    }
}

static void weigh(float *acc, const uint8_t *row, float weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] = (float)row[i] * weight;
}

static void weigh_add(float *acc, const uint8_t *row, float weight, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] += (float)row[i] * weight;
}

static void tally(uint16_t *sum, const uint8_t *const *rows, int n_rows, size_t n)
{
    for (int r = 0; r < n_rows; r++)
        for (size_t i = 0; i < n; i++)
            sum[i] = (uint16_t)(sum[i] + rows[r][i]);
}

static void cover(float *acc, const uint8_t *const *rows, int n_rows, float w_first, float w_last, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int between = 0;
        for (int r = 1; r + 1 < n_rows; r++)
            between += rows[r][i];
        acc[i] = (float)rows[0][i] * w_first + (float)rows[n_rows - 1][i] * w_last + (float)between;
    }
}

static void tally_join(float *acc, const uint16_t *sum, size_t n)
{
    for (size_t i = 0; i < n; i++)
        acc[i] += (float)sum[i];
}

static void spans_rgb(uint8_t *dst, const float *acc, const struct facet__span *spans, int n,
                      float scale)
{
    for (int x = 0; x < n; x++, dst += 3) {
        const struct facet__span s = spans[x];
        for (int c = 0; c < 3; c++) {
            float sum = acc[3 * s.first + c] * s.w_first;
            for (int i = s.first + 1; i < s.last; i++)
                sum += acc[3 * i + c];
            sum += acc[3 * s.last + c] * s.w_last;
            dst[c] = (uint8_t)(sum * scale + 0.5f);
        }
    }
}

static void halve_rgb(uint8_t *dst, const uint8_t *a, const uint8_t *b, int n)
{
    for (int x = 0; x < n; x++, dst += 3, a += 6, b += 6)
        for (int c = 0; c < 3; c++)
            dst[c] = (uint8_t)((a[c] + a[c + 3] + b[c] + b[c + 3] + 2) >> 2);
}

static void to_float(float *dst, const uint8_t *rgb, int n, const float *mean, const float *scale,
                     int swap_rb)
{
    int first = swap_rb ? 2 : 0, third = 2 - first;
    for (int i = 0; i < n; i++, rgb += 3, dst += 3) {
        dst[0] = ((float)rgb[first] - mean[0]) * scale[0];
        dst[1] = ((float)rgb[1] - mean[1]) * scale[1];
        dst[2] = ((float)rgb[third] - mean[2]) * scale[2];
    }
}

static void to_planes(float *const planes[3], const uint8_t *rgb, int n, const float *mean,
                      const float *scale, int swap_rb)
{
    for (int c = 0; c < 3; c++) {
        const uint8_t *s = rgb + (swap_rb ? 2 - c : c);
        float *d = planes[c];
        for (int i = 0; i < n; i++)
            d[i] = ((float)s[3 * i] - mean[c]) * scale[c];
    }
}

const struct facet__image_kernels facet__image_kernels_c = {
    .name = "c",
    .blend = blend,
    .taps_rgb = taps_rgb,
    .weigh = weigh,
    .weigh_add = weigh_add,
    .tally = tally,
    .tally_join = tally_join,
    .cover = cover,
    .spans_rgb = spans_rgb,
    .halve_rgb = halve_rgb,
    .to_float = to_float,
    .to_planes = to_planes,
};

const struct facet__image_kernels *facet__image_kernels(void)
{
#ifdef FACET_IMAGE_AVX2
    if (facet_cpu_flags(NULL) & FACET_CPU_AVX2)
        return &facet__image_kernels_avx2;
#endif
    return &facet__image_kernels_c;
}
