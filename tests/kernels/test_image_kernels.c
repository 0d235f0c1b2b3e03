/* Every variant of the image room's kernels against the C form, bit by bit, on random and edge
 * input of every small length. */
#include "test.h"

#include "base/cpu.h"
#include "image/kernels_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAX 150

static const struct facet__image_kernels *fast;
static uint64_t seed = 88172645463325252u;

static uint32_t next(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32);
}

/* Random, all dark, all bright, or alternating. */
static void fill(uint8_t *p, size_t n, int kind)
{
    for (size_t i = 0; i < n; i++)
        p[i] = kind == 0 ? (uint8_t)next() : kind == 1 ? 0 : kind == 2 ? 255 : i % 2 ? 255 : 0;
}

static void test_blend__is_as_c(void **state)
{
    uint8_t a[MAX], b[MAX];
    int16_t want[MAX + 1], got[MAX + 1];
    static const int16_t weights[] = {0, 1, 16384, 32767, 12345};
    for (size_t n = 0; n < MAX; n++)
        for (int kind = 0; kind < 16; kind++) {
            fill(a, n, kind % 4);
            fill(b, n, kind / 4);
            memset(got, 1, sizeof(got));
            memset(want, 1, sizeof(want));
            facet__image_kernels_c.blend(want, a, b, weights[n % 5], n);
            fast->blend(got, a, b, weights[n % 5], n);
            assert_memory_equal(got, want, sizeof(got));
        }
}

static void test_taps__are_as_c(void **state)
{
    int16_t line[3 * MAX + FACET__SLACK], weight[MAX][4];
    int32_t at[MAX];
    uint8_t want[3 * MAX + 1], got[3 * MAX + 1];
    for (int i = 0; i < 3 * MAX + FACET__SLACK; i++)
        line[i] = i % 7 == 0 ? 0 : i % 5 == 0 ? 32640 : (int16_t)(next() % 32641);
    for (int n = 0; n <= MAX; n++) {
        for (int i = 0; i < n; i++) {
            at[i] = (int32_t)(next() % (MAX - 1));
            int16_t w = i % 4 == 0 ? 0 : i % 4 == 1 ? 32767 : (int16_t)(next() % 32768);
            for (int j = 0; j < 4; j++)
                weight[i][j] = w;
        }
        struct facet__taps taps = {at, (const int16_t(*)[4])weight};
        memset(got, 7, sizeof(got));
        memset(want, 7, sizeof(want));
        facet__image_kernels_c.taps_rgb(want, line, taps, n);
        fast->taps_rgb(got, line, taps, n);
        assert_memory_equal(got, want, sizeof(got)); /* nothing beyond 3 n bytes either */
    }
}

static void test_weigh__is_as_c(void **state)
{
    uint8_t row[MAX] = {0};
    float want[MAX + 1] = {0}, got[MAX + 1] = {0};
    for (size_t n = 0; n < MAX; n++) {
        float w = n % 3 == 0 ? 1 : (float)(next() % 1000) / 1000;
        fill(row, n, (int)(n % 4));
        facet__image_kernels_c.weigh(want, row, w, n);
        fast->weigh(got, row, w, n);
        assert_memory_equal(got, want, sizeof(got));
        facet__image_kernels_c.weigh_add(want, row, w / 3, n);
        fast->weigh_add(got, row, w / 3, n);
        assert_memory_equal(got, want, sizeof(got));
    }
}

static void test_tally__is_as_c(void **state)
{
    static uint8_t row[FACET__COVER][MAX];
    uint16_t want[MAX + 1], got[MAX + 1];
    float want_acc[MAX + 1] = {0}, got_acc[MAX + 1] = {0};
    const uint8_t *rows[FACET__COVER];
    for (size_t n = 0; n < MAX; n++) {
        int n_rows = (int)(n % (FACET__COVER + 1));
        for (int r = 0; r < n_rows; r++) {
            fill(row[r], n, (int)(n + (size_t)r) % 4);
            rows[r] = row[r];
        }
        memset(want, 0, sizeof(want));
        memset(got, 0, sizeof(got));
        facet__image_kernels_c.tally(want, rows, n_rows, n);
        fast->tally(got, rows, n_rows, n);
        assert_memory_equal(got, want, sizeof(got));
        facet__image_kernels_c.tally_join(want_acc, want, n);
        fast->tally_join(got_acc, got, n);
        assert_memory_equal(got_acc, want_acc, sizeof(got_acc));
    }
}

static void test_cover__is_as_c(void **state)
{
    static uint8_t row[FACET__COVER][MAX];
    float want[MAX + 1] = {0}, got[MAX + 1] = {0};
    const uint8_t *rows[FACET__COVER];
    for (size_t n = 0; n < MAX; n++) {
        int n_rows = 2 + (int)(n % (FACET__COVER - 1));
        float w_first = (float)(next() % 1000) / 1000, w_last = (float)(next() % 1000) / 1000;
        for (int r = 0; r < n_rows; r++) {
            fill(row[r], n, (int)(n + (size_t)r) % 4);
            rows[r] = row[r];
        }
        facet__image_kernels_c.cover(want, rows, n_rows, w_first, w_last, n);
        fast->cover(got, rows, n_rows, w_first, w_last, n);
        assert_memory_equal(got, want, sizeof(got));
    }
}

static void test_spans__are_as_c(void **state)
{
    float acc[3 * MAX + FACET__SLACK];
    struct facet__span spans[MAX];
    uint8_t want[3 * MAX + 1], got[3 * MAX + 1];
    for (int i = 0; i < 3 * MAX + FACET__SLACK; i++)
        acc[i] = (float)(next() % 255001) / 1000;
    for (int n = 0; n <= MAX; n++) {
        for (int i = 0; i < n; i++) {
            spans[i].first = (int32_t)(next() % (MAX - 12));
            spans[i].last = spans[i].first + (int32_t)(next() % 12);
            spans[i].w_first = (float)(next() % 1000) / 1000;
            spans[i].w_last = spans[i].last > spans[i].first ? (float)(next() % 1000) / 1000 : 0;
        }
        memset(got, 7, sizeof(got));
        memset(want, 7, sizeof(want));
        facet__image_kernels_c.spans_rgb(want, acc, spans, n, 1.0f / 12);
        fast->spans_rgb(got, acc, spans, n, 1.0f / 12);
        assert_memory_equal(got, want, sizeof(got));
    }
}

static void test_halves__are_as_c(void **state)
{
    uint8_t *rows = malloc(2 * 6 * MAX), want[3 * MAX + 1], got[3 * MAX + 1];
    assert_non_null(rows);
    for (int n = 0; n <= MAX; n++)
        for (int kind = 0; kind < 4; kind++) {
            uint8_t *end = rows + 2 * 6 * (MAX - n);
            fill(end, 12 * (size_t)n, kind);
            memset(got, 7, sizeof(got));
            memset(want, 7, sizeof(want));
            facet__image_kernels_c.halve_rgb(want, end, end + 6 * n, n);
            fast->halve_rgb(got, end, end + 6 * n, n);
            assert_memory_equal(got, want, sizeof(got)); /* nothing beyond 3 n bytes either */
        }
    free(rows);
}

static void test_floats__are_as_c(void **state)
{
    uint8_t *rgb = malloc(3 * MAX); /* on the heap, so that reading over its end is seen */
    float want[3 * MAX + 1], got[3 * MAX + 1];
    const float mean[3] = {127.5f, 100, 3}, scale[3] = {1 / 128.0f, 0.017f, 2};
    assert_non_null(rgb);
    for (int n = 0; n <= MAX; n++)
        for (int swap = 0; swap < 2; swap++) {
            uint8_t *end = rgb + 3 * (MAX - n);
            float *const want_planes[3] = {want, want + MAX, want + 2 * MAX};
            float *const got_planes[3] = {got, got + MAX, got + 2 * MAX};
            fill(end, 3 * (size_t)n, n % 4);
            memset(got, 0, sizeof(got));
            memset(want, 0, sizeof(want));
            facet__image_kernels_c.to_float(want, end, n, mean, scale, swap);
            fast->to_float(got, end, n, mean, scale, swap);
            assert_memory_equal(got, want, sizeof(got));
            memset(got, 0, sizeof(got));
            memset(want, 0, sizeof(want));
            facet__image_kernels_c.to_planes(want_planes, end, n, mean, scale, swap);
            fast->to_planes(got_planes, end, n, mean, scale, swap);
            assert_memory_equal(got, want, sizeof(got));
        }
    free(rgb);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blend__is_as_c), cmocka_unit_test(test_taps__are_as_c),
        cmocka_unit_test(test_weigh__is_as_c), cmocka_unit_test(test_spans__are_as_c),
        cmocka_unit_test(test_tally__is_as_c),
        cmocka_unit_test(test_cover__is_as_c),
        cmocka_unit_test(test_halves__are_as_c),
        cmocka_unit_test(test_floats__are_as_c),
    };
    fast = facet__image_kernels();
    if (fast == &facet__image_kernels_c) {
        print_message("image kernels: no AVX2 on this processor, nothing to compare\n");
        return 77; /* a named skip */
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
