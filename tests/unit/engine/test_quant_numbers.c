/* Ranges, steps, rounding, clusters: what quantisation does to numbers, without a network. */
#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "engine/quant/quant_priv.h"

#include <math.h>
#include <stdlib.h>

#define MANY 200000

/* Normal numbers of deviation 1, and one far out. */
static struct facet__seen see_normal(float outlier)
{
    struct facet__seen s = {0, 0, calloc(FACET__QUANT_BINS, sizeof(uint64_t))};
    float *x = malloc(MANY * sizeof(*x));
    struct facet_rng rng;
    assert_non_null(s.bins);
    assert_non_null(x);
    facet_rng_seed(&rng, 3);
    for (int i = 0; i < MANY; i++)
        x[i] = facet_rng_normal(&rng);
    x[7] = outlier;
    facet__seen_widen(&s, x, MANY);
    facet__seen_count(&s, x, MANY);
    free(x);
    return s;
}

static void test_range__zero_is_always_inside(void **state)
{
    struct facet__seen s = {0, 0, NULL};
    const float x[] = {2, 3, NAN, INFINITY, -INFINITY};
    facet__seen_widen(&s, x, 5);
    assert_true(s.lo == 0 && s.hi == 3);
}

static void test_range__minmax_takes_all_that_was_seen(void **state)
{
    struct facet__seen s = see_normal(20);
    float lo, hi;
    facet__range_choose(&s, FACET_QUANT_MINMAX, 0, &lo, &hi);
    assert_true(lo == s.lo && hi == 20);
    free(s.bins);
}

static void test_range__percentile_leaves_that_share_out(void **state)
{
    struct facet__seen s = see_normal(0);
    float lo, hi;
    facet__range_choose(&s, FACET_QUANT_PERCENTILE, 99, &lo, &hi);
    /* one in a hundred on either side: 2.33 of a normal distribution */
    assert_true(fabsf(hi - 2.33f) < 0.06f && fabsf(lo + 2.33f) < 0.06f);
    facet__range_choose(&s, FACET_QUANT_PERCENTILE, 100, &lo, &hi);
    assert_true(fabsf(hi - s.hi) < 0.01f && fabsf(lo - s.lo) < 0.01f);
    free(s.bins);
}

static void test_range__entropy_and_least_error_cut_an_outlier_off(void **state)
{
    struct facet__seen s = see_normal(60);
    float lo, hi;
    facet__range_choose(&s, FACET_QUANT_ENTROPY, 0, &lo, &hi);
        assert_true(hi > 2.5f && hi < 20 && lo < -1);
    facet__range_choose(&s, FACET_QUANT_MSE, 0, &lo, &hi);
    assert_true(hi > 2.5f && hi < 50 && lo < -2.5f);
    free(s.bins);
}

static void test_range__nothing_but_zeros_is_a_range(void **state)
{
    const float x[] = {0, 0, 0};
    for (int m = 0; m < 4; m++) {
        struct facet__seen s = {0, 0, calloc(FACET__QUANT_BINS, sizeof(uint64_t))};
        float lo, hi, scale;
        int32_t zero;
        facet__seen_widen(&s, x, 3);
        facet__seen_count(&s, x, 3);
        facet__range_choose(&s, (enum facet_quant_method)m, 99.9, &lo, &hi);
        facet__range_steps(lo, hi, &scale, &zero);
        assert_true(scale > 0 && zero == 0);
        free(s.bins);
    }
}

static void test_range__methods_are_known_by_name(void **state)
{
    static const char *const names[] = {"minmax", "percentile", "entropy", "mse"};
    enum facet_quant_method m;
    for (int i = 0; i < 4; i++) {
        assert_true(facet_quant_method_find(names[i], &m));
        assert_string_equal(facet_quant_method_name(m), names[i]);
    }
    assert_false(facet_quant_method_find("median", &m));
    assert_false(facet_quant_method_find("", &m));
}

/* ---- steps ---- */

static void test_steps__a_clip_at_the_end_changes_nothing(void **state)
{
    for (float hi = 0.37f; hi < 100; hi *= 1.37f) {
        float scale;
        int32_t zero;
        facet__range_steps(0, hi, &scale, &zero);
        assert_int_equal(zero, 0);
        assert_true(scale * 255 <= hi && scale * 255 > hi * 0.9999f);
    }
}

static void test_steps__zero_is_one_of_them(void **state)
{
    float scale;
    int32_t zero;
    facet__range_steps(-1, 3, &scale, &zero);
    assert_int_equal(zero, 64);
    assert_int_equal(facet__round_u8(0, scale, zero), 64);
    facet__range_steps(-5, 0, &scale, &zero);
    assert_int_equal(zero, 255);
    facet__range_steps(1, 2, &scale, &zero); /* what does not hold zero is widened */
    assert_int_equal(zero, 0);
    assert_true(fabsf(scale - 2.0f / 255) < 1e-6f);
}

static void test_rounding__is_to_even_and_saturates(void **state)
{
    assert_int_equal(facet__round_u8(0.5f, 1, 0), 0);
    assert_int_equal(facet__round_u8(1.5f, 1, 0), 2);
    assert_int_equal(facet__round_u8(2.5f, 1, 0), 2);
    assert_int_equal(facet__round_u8(-3, 1, 2), 0);
    assert_int_equal(facet__round_u8(1e30f, 1, 2), 255);
    assert_int_equal(facet__round_u8(NAN, 1, 2), 0);
    assert_int_equal(facet__round_s8(2.5f, 1), 2);
    assert_int_equal(facet__round_s8(-1e30f, 1), -127);
    assert_int_equal(facet__round_s8(128, 1), 127);
}

static void test_weights__scale_is_the_one_of_least_error(void **state)
{
    const float plain[] = {127, -127, 64, 3}, nothing[] = {0, 0};
    assert_true(facet__range_weights(plain, 4, 1) == 1);
    assert_true(facet__range_weights(nothing, 2, 1) == 1);
    float many[4096];
    struct facet_rng rng;
    facet_rng_seed(&rng, 9);
    for (int i = 0; i < 4096; i++)
        many[i] = 0.1f * facet_rng_normal(&rng);
    many[5] = 0.6f;
    assert_true(facet__range_weights(many, 4096, 1) < 0.6f / 127);
}

/* ---- clusters ---- */

static void test_clusters__few_values_are_found_exactly(void **state)
{
    const float w[] = {3, -1, 3, 0.5f, -1, 0.5f, 3, 3, -1};
    float values[3];
    assert_int_equal(facet__quant_kmeans(w, 9, 3, values), FACET_OK);
    assert_true(values[0] == -1 && values[1] == 0.5f && values[2] == 3);
}

static void test_clusters__zero_stays_zero(void **state)
{
    float w[1000], values[16];
    struct facet_rng rng;
    bool has_zero = false;
    facet_rng_seed(&rng, 4);
    for (int i = 0; i < 1000; i++)
        w[i] = i % 2 ? 0 : facet_rng_normal(&rng);
    assert_int_equal(facet__quant_kmeans(w, 1000, 16, values), FACET_OK);
    for (int k = 0; k < 16; k++) {
        has_zero |= values[k] == 0;
        assert_true(k == 0 || values[k] >= values[k - 1]);
    }
    assert_true(has_zero);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range__zero_is_always_inside),
        cmocka_unit_test(test_range__minmax_takes_all_that_was_seen),
        cmocka_unit_test(test_range__percentile_leaves_that_share_out),
        cmocka_unit_test(test_range__entropy_and_least_error_cut_an_outlier_off),
        cmocka_unit_test(test_range__nothing_but_zeros_is_a_range),
        cmocka_unit_test(test_range__methods_are_known_by_name),
        cmocka_unit_test(test_steps__a_clip_at_the_end_changes_nothing),
        cmocka_unit_test(test_steps__zero_is_one_of_them),
        cmocka_unit_test(test_rounding__is_to_even_and_saturates),
        cmocka_unit_test(test_weights__scale_is_the_one_of_least_error),
        cmocka_unit_test(test_clusters__few_values_are_found_exactly),
        cmocka_unit_test(test_clusters__zero_stays_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
