#include "test.h"

#include "base/rng.h"

#include <math.h>

static void test_rng__same_seed_same_numbers(void **state)
{
    struct facet_rng a, b, c;
    int differ = 0;
    facet_rng_seed(&a, 7);
    facet_rng_seed(&b, 7);
    facet_rng_seed(&c, 8);
    for (int i = 0; i < 100; i++) {
        uint64_t x = facet_rng_next(&a);
        assert_true(x == facet_rng_next(&b));
        differ += x != facet_rng_next(&c);
    }
    assert_int_equal(differ, 100);
}

/* Computed by an independent implementation in Python: files made from seeds depend on them. */
static void test_rng__first_numbers_are_fixed(void **state)
{
    struct facet_rng r;
    facet_rng_seed(&r, 1);
    assert_true(facet_rng_next(&r) == 0xb3f2af6d0fc710c5u);
    assert_true(facet_rng_next(&r) == 0x853b559647364ceau);
    assert_true(facet_rng_next(&r) == 0x92f89756082a4514u);
}

static void test_rng__uniform_stays_inside(void **state)
{
    struct facet_rng r;
    double sum = 0;
    facet_rng_seed(&r, 3);
    for (int i = 0; i < 10000; i++) {
        float x = facet_rng_uniform(&r);
        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(fabs(sum / 10000 - 0.5) < 0.02);
}

static void test_rng__normal_has_mean_0_and_deviation_1(void **state)
{
    struct facet_rng r;
    double sum = 0, square = 0;
    facet_rng_seed(&r, 4);
    for (int i = 0; i < 20000; i++) {
        double x = facet_rng_normal(&r);
        sum += x;
        square += x * x;
    }
    assert_true(fabs(sum / 20000) < 0.03);
    assert_true(fabs(square / 20000 - 1) < 0.05);
}

static void test_rng__below_reaches_all_and_nothing_more(void **state)
{
    struct facet_rng r;
    int seen[7] = {0};
    facet_rng_seed(&r, 5);
    for (int i = 0; i < 7000; i++) {
        uint32_t x = facet_rng_below(&r, 7);
        assert_true(x < 7);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(facet_rng_below(&r, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rng__same_seed_same_numbers),
        cmocka_unit_test(test_rng__first_numbers_are_fixed),
        cmocka_unit_test(test_rng__uniform_stays_inside),
        cmocka_unit_test(test_rng__normal_has_mean_0_and_deviation_1),
        cmocka_unit_test(test_rng__below_reaches_all_and_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
