#include "test.h"

#include "measure/measure.h"

#include <string.h>

static void test_histogram__empty_has_no_quantile(void **state)
{
    static const struct facet_histogram h;
    assert_int_equal(facet_histogram_quantile(&h, 0.5), 0);
}

static void test_histogram__one_value_is_every_quantile(void **state)
{
    struct facet_histogram h = {0};
    facet_histogram_add(&h, 1234567);
    for (int i = 0; i <= 10; i++)
        assert_int_equal(facet_histogram_quantile(&h, i / 10.0), 1234567);
}

static void test_histogram__quantiles_are_near(void **state)
{
    struct facet_histogram h = {0};
    for (uint64_t i = 1; i <= 100000; i++)
        facet_histogram_add(&h, i * 1000);
    assert_int_equal(h.count, 100000);
    assert_int_equal(h.min_ns, 1000);
    assert_int_equal(h.max_ns, 100000000);
    for (int q = 1; q < 10; q++) {
        double want = q * 1e7, got = (double)facet_histogram_quantile(&h, q / 10.0);
        assert_true(got > want * 0.98 && got < want * 1.02);
    }
    assert_int_equal(facet_histogram_quantile(&h, 1), 100000000);
}

static void test_histogram__extremes_have_a_place(void **state)
{
    struct facet_histogram h = {0};
    facet_histogram_add(&h, 0);
    facet_histogram_add(&h, UINT64_MAX);
    assert_int_equal(facet_histogram_quantile(&h, 0), 0);
    assert_true(facet_histogram_quantile(&h, 1) == UINT64_MAX);
    assert_int_equal(facet_histogram_quantile(&h, -3), 0);
    assert_true(facet_histogram_quantile(&h, 7) == UINT64_MAX);
    for (uint64_t v = 1; v; v <<= 1) {
        facet_histogram_add(&h, v);
        facet_histogram_add(&h, v - 1);
    }
    assert_int_equal(h.count, 130);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_histogram__empty_has_no_quantile),
        cmocka_unit_test(test_histogram__one_value_is_every_quantile),
        cmocka_unit_test(test_histogram__quantiles_are_near),
        cmocka_unit_test(test_histogram__extremes_have_a_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
