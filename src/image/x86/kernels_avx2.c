/* AVX2 forms of kernels.c. Multiplications and additions are kept apart, in the order of the C
 * form, so that results are equal bit by bit; what is left over goes to the C form. */
#include "image/kernels_priv.h"

#include <immintrin.h>
#include <string.h>

static void blend(int16_t *out, const uint8_t *a, const uint8_t *b, int16_t weight, size_t n)
{
    const __m256i w = _mm256_set1_epi16(weight);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i va = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(a + i)));
        __m256i vb = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(b + i)));
        __m256i step = _mm256_slli_epi16(_mm256_sub_epi16(vb, va), 7);
        __m256i v = _mm256_add_epi16(_mm256_slli_epi16(va, 7), _mm256_mulhrs_epi16(step, w));
        _mm256_storeu_si256((__m256i *)(out + i), v);
    }
    facet__image_kernels_c.blend(out + i, a + i, b + i, weight, n - i);
}

/* Two pixels of four 16-bit channels from two places. */
static __m128i load_two(const int16_t *first, const int16_t *second)
{
    __m128i lo = _mm_loadl_epi64((const __m128i *)first);
    return _mm_castpd_si128(
        _mm_loadh_pd(_mm_castsi128_pd(lo), (const double *)(const void *)second));
}

static __m128i tap_two(const int16_t *line, struct facet__taps t, int x)
{
    const int16_t *p = line + 3 * (ptrdiff_t)t.at[x], *q = line + 3 * (ptrdiff_t)t.at[x + 1];
    __m128i left = load_two(p, q), right = load_two(p + 3, q + 3);
    __m128i w = _mm_loadu_si128((const __m128i *)t.weight[x]);
    __m128i v = _mm_add_epi16(left, _mm_mulhrs_epi16(_mm_sub_epi16(right, left), w));
    return _mm_srai_epi16(_mm_add_epi16(v, _mm_set1_epi16(64)), 7);
}

/* From r g b x, four times, to r g b, four times. */
#define DROP_FOURTH _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1)

static void taps_rgb(uint8_t *dst, const int16_t *line, struct facet__taps taps, int n)
{
    int x = 0;
    for (; x + 6 <= n; x += 4) { /* 16 bytes are written, 12 of them for good */
        __m128i v = _mm_packus_epi16(tap_two(line, taps, x), tap_two(line, taps, x + 2));
        _mm_storeu_si128((__m128i *)(dst + 3 * x), _mm_shuffle_epi8(v, DROP_FOURTH));
    }
    struct facet__taps rest = {taps.at + x, taps.weight + x};
    facet__image_kernels_c.taps_rgb(dst + 3 * x, line, rest, n - x);
}

static __m256 load_eight(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

static void weigh(float *acc, const uint8_t *row, float weight, size_t n)
{
    const __m256 w = _mm256_set1_ps(weight);
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(acc + i, _mm256_mul_ps(load_eight(row + i), w));
    facet__image_kernels_c.weigh(acc + i, row + i, weight, n - i);
}

static void weigh_add(float *acc, const uint8_t *row, float weight, size_t n)
{
    const __m256 w = _mm256_set1_ps(weight);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 part = _mm256_mul_ps(load_eight(row + i), w);
        _mm256_storeu_ps(acc + i, _mm256_add_ps(_mm256_loadu_ps(acc + i), part));
    }
    facet__image_kernels_c.weigh_add(acc + i, row + i, weight, n - i);
}

static __m256i load_wide(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p));
}

/* A cache line of each row at a time. */
static void tally(uint16_t *sum, const uint8_t *const *rows, int n_rows, size_t n)
{
    const uint8_t *rest[256];
    size_t i = 0;
    for (; i + 64 <= n; i += 64) {
        __m256i *at = (__m256i *)(sum + i);
        __m256i a = _mm256_loadu_si256(at), b = _mm256_loadu_si256(at + 1);
        __m256i c = _mm256_loadu_si256(at + 2), d = _mm256_loadu_si256(at + 3);
        for (int r = 0; r < n_rows; r++) {
            const uint8_t *p = rows[r] + i;
            a = _mm256_add_epi16(a, load_wide(p)), b = _mm256_add_epi16(b, load_wide(p + 16));
            c = _mm256_add_epi16(c, load_wide(p + 32)), d = _mm256_add_epi16(d, load_wide(p + 48));
        }
        _mm256_storeu_si256(at, a), _mm256_storeu_si256(at + 1, b);
        _mm256_storeu_si256(at + 2, c), _mm256_storeu_si256(at + 3, d);
    }
    for (int from = 0; from < n_rows && i < n; from += 256) {
        int rows_now = n_rows - from < 256 ? n_rows - from : 256;
        for (int r = 0; r < rows_now; r++)
            rest[r] = rows[from + r] + i;
        facet__image_kernels_c.tally(sum + i, rest, rows_now, n - i);
    }
}

static __m256 cover_eight(const uint8_t *first, const uint8_t *last, __m256 w_first, __m256 w_last, __m128i between)
{
    __m256 v = _mm256_mul_ps(load_eight(first), w_first);
    v = _mm256_add_ps(v, _mm256_mul_ps(load_eight(last), w_last));
    return _mm256_add_ps(v, _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(between)));
}

static void cover(float *acc, const uint8_t *const *rows, int n_rows, float w_first, float w_last, size_t n)
{
    const __m256 wf = _mm256_set1_ps(w_first), wl = _mm256_set1_ps(w_last);
    const uint8_t *first = rows[0], *last = rows[n_rows - 1], *rest[FACET__COVER];
    size_t i = 0;
    for (; i + 32 <= n; i += 32) {
        __m256i a = _mm256_setzero_si256(), b = a;
        for (int r = 1; r + 1 < n_rows; r++) {
            a = _mm256_add_epi16(a, load_wide(rows[r] + i));
            b = _mm256_add_epi16(b, load_wide(rows[r] + i + 16));
        }
        const __m128i parts[4] = {_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1),
                                  _mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1)};
        for (size_t k = 0; k < 4; k++)
            _mm256_storeu_ps(acc + i + 8 * k, cover_eight(first + i + 8 * k, last + i + 8 * k, wf, wl, parts[k]));
    }
    for (int r = 0; r < n_rows; r++)
        rest[r] = rows[r] + i;
    facet__image_kernels_c.cover(acc + i, rest, n_rows, w_first, w_last, n - i);
}

static void tally_join(float *acc, const uint16_t *sum, size_t n)
{
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(sum + i)));
        __m256 v = _mm256_add_ps(_mm256_loadu_ps(acc + i), _mm256_cvtepi32_ps(wide));
        _mm256_storeu_ps(acc + i, v);
    }
    facet__image_kernels_c.tally_join(acc + i, sum + i, n - i);
}

static __m128i span_one(const float *acc, struct facet__span s, __m128 scale)
{
    const float *p = acc + 3 * (ptrdiff_t)s.first, *end = acc + 3 * (ptrdiff_t)s.last;
    __m128 sum = _mm_mul_ps(_mm_loadu_ps(p), _mm_set1_ps(s.w_first));
    for (p += 3; p < end; p += 3)
        sum = _mm_add_ps(sum, _mm_loadu_ps(p));
    sum = _mm_add_ps(sum, _mm_mul_ps(_mm_loadu_ps(end), _mm_set1_ps(s.w_last)));
    return _mm_cvttps_epi32(_mm_add_ps(_mm_mul_ps(sum, scale), _mm_set1_ps(0.5f)));
}

static void spans_rgb(uint8_t *dst, const float *acc, const struct facet__span *spans, int n,
                      float scale)
{
    const __m128 k = _mm_set1_ps(scale);
    int x = 0;
    for (; x + 6 <= n; x += 4) {
        __m128i lo = _mm_packs_epi32(span_one(acc, spans[x], k), span_one(acc, spans[x + 1], k));
        __m128i hi =
            _mm_packs_epi32(span_one(acc, spans[x + 2], k), span_one(acc, spans[x + 3], k));
        __m128i v = _mm_shuffle_epi8(_mm_packus_epi16(lo, hi), DROP_FOURTH);
        _mm_storeu_si128((__m128i *)(dst + 3 * x), v);
    }
    facet__image_kernels_c.spans_rgb(dst + 3 * x, acc, spans + x, n - x, scale);
}

/* Four pixels a row: neighbours of a colour side by side, added. */
static __m128i add_neighbours(const uint8_t *row)
{
    const __m128i pairs = _mm_setr_epi8(0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, -1, -1, -1, -1);
    __m128i v = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)row), pairs);
    return _mm_maddubs_epi16(v, _mm_set1_epi8(1));
}

static void halve_rgb(uint8_t *dst, const uint8_t *a, const uint8_t *b, int n)
{
    int x = 0;
    for (; x + 3 <= n; x += 2) { /* 16 bytes are read, 12 of them used; 8 written, 6 of them for good */
        __m128i sum = _mm_add_epi16(add_neighbours(a + 6 * x), add_neighbours(b + 6 * x));
        sum = _mm_srli_epi16(_mm_add_epi16(sum, _mm_set1_epi16(2)), 2);
        _mm_storel_epi64((__m128i *)(dst + 3 * x), _mm_packus_epi16(sum, sum));
    }
    facet__image_kernels_c.halve_rgb(dst + 3 * x, a + 6 * x, b + 6 * x, n - x);
}

/* The three colours of 16 pixels, each in its own vector. */
struct colours {
    __m128i c[3];
};

static struct colours split(const uint8_t *rgb)
{
    const __m128i first[3] = {
        _mm_setr_epi8(0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
        _mm_setr_epi8(1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1),
        _mm_setr_epi8(2, 5, 8, 11, 14, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1)};
    const __m128i second[3] = {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14, -1, -1, -1, -1, -1),
        _mm_setr_epi8(-1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15, -1, -1, -1, -1, -1),
        _mm_setr_epi8(-1, -1, -1, -1, -1, 1, 4, 7, 10, 13, -1, -1, -1, -1, -1, -1)};
    const __m128i third[3] = {
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 4, 7, 10, 13),
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 2, 5, 8, 11, 14),
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 6, 9, 12, 15)};
    __m128i a = _mm_loadu_si128((const __m128i *)rgb);
    __m128i b = _mm_loadu_si128((const __m128i *)(rgb + 16));
    __m128i d = _mm_loadu_si128((const __m128i *)(rgb + 32));
    struct colours out;
    for (int c = 0; c < 3; c++)
        out.c[c] = _mm_or_si128(
            _mm_or_si128(_mm_shuffle_epi8(a, first[c]), _mm_shuffle_epi8(b, second[c])),
            _mm_shuffle_epi8(d, third[c]));
    return out;
}

static void store_norm(float *dst, __m128i bytes, float mean, float scale)
{
    const __m256 m = _mm256_set1_ps(mean), k = _mm256_set1_ps(scale);
    __m256 lo = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    __m256 hi = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8)));
    _mm256_storeu_ps(dst, _mm256_mul_ps(_mm256_sub_ps(lo, m), k));
    _mm256_storeu_ps(dst + 8, _mm256_mul_ps(_mm256_sub_ps(hi, m), k));
}

static void to_planes(float *const planes[3], const uint8_t *rgb, int n, const float *mean,
                      const float *scale, int swap_rb)
{
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        struct colours px = split(rgb + 3 * i);
        for (int c = 0; c < 3; c++)
            store_norm(planes[c] + i, px.c[swap_rb ? 2 - c : c], mean[c], scale[c]);
    }
    float *const rest[3] = {planes[0] + i, planes[1] + i, planes[2] + i};
    facet__image_kernels_c.to_planes(rest, rgb + 3 * i, n - i, mean, scale, swap_rb);
}

/* Eight pixels are three vectors in which the channels come round; m[v][lane] follows them. */
static void to_float(float *dst, const uint8_t *rgb, int n, const float *mean, const float *scale,
                     int swap_rb)
{
    float m[24], k[24];
    for (int j = 0; j < 24; j++) {
        m[j] = mean[j % 3];
        k[j] = scale[j % 3];
    }
    /* Blue and red change places in 15 bytes (five pixels); the sixteenth is not used. */
    const __m128i swap = _mm_setr_epi8(2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, -1);
    uint8_t turned[32];
    int i = 0;
    for (; i + 10 <= n; i += 8) { /* 31 bytes are read, 24 of them used */
        const uint8_t *s = rgb + 3 * i;
        if (swap_rb) {
            __m128i lo = _mm_loadu_si128((const __m128i *)s);
            __m128i hi = _mm_loadu_si128((const __m128i *)(s + 12));
            _mm_storeu_si128((__m128i *)turned, _mm_shuffle_epi8(lo, swap));
            _mm_storeu_si128((__m128i *)(turned + 12), _mm_shuffle_epi8(hi, swap));
            s = turned;
        }
        for (int v = 0; v < 24; v += 8) {
            __m256 x = _mm256_sub_ps(load_eight(s + v), _mm256_loadu_ps(m + v));
            _mm256_storeu_ps(dst + 3 * i + v, _mm256_mul_ps(x, _mm256_loadu_ps(k + v)));
        }
    }
    facet__image_kernels_c.to_float(dst + 3 * i, rgb + 3 * i, n - i, mean, scale, swap_rb);
}

const struct facet__image_kernels facet__image_kernels_avx2 = {
    .name = "avx2",
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
