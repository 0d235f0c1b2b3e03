#include "test.h"

#include "deploy/clock_offset.h"

static void test_clock_offset__is_unknown_before_an_answer(void **state)
{
    struct facet_clock_offset c = { .n = 0 };
    int64_t us = 5;
    (void)state;
    assert_false(facet_clock_offset_get(&c, &us));
    assert_int_equal(us, 0);
}

static void test_clock_offset__of_an_even_trip_is_exact(void **state)
{
    struct facet_clock_offset c = { .n = 0 };
    int64_t us;
    (void)state;
    assert_true(facet_clock_offset_add(&c, 1000000, 3500010, 3500030, 1000040));
    assert_true(facet_clock_offset_get(&c, &us));
    assert_int_equal(us, 2500000);
}

static void test_clock_offset__believes_the_shortest_trip(void **state)
{
    struct facet_clock_offset c = { .n = 0 };
    int64_t us;
    (void)state;
    assert_true(facet_clock_offset_add(&c, 1000, 1900, 1900, 2000));       /* slow on the way there: 400 off */
    assert_true(facet_clock_offset_add(&c, 5000, 5010, 5010, 5020));
    assert_true(facet_clock_offset_add(&c, 9000, 9010, 9010, 9900));       /* slow on the way back */
    assert_true(facet_clock_offset_get(&c, &us));
    assert_int_equal(us, 0);
}

static void test_clock_offset__forgets_all_but_the_last_sixteen(void **state)
{
    struct facet_clock_offset c = { .n = 0 };
    int64_t us;
    (void)state;
    assert_true(facet_clock_offset_add(&c, 1000, 1000, 1000, 1000));
    for (int64_t i = 1; i <= FACET_CLOCK_SAMPLES; i++)
        assert_true(facet_clock_offset_add(&c, i * 10000, i * 10000 + 705, i * 10000 + 705, i * 10000 + 10));
    assert_true(facet_clock_offset_get(&c, &us));
    assert_int_equal(us, 700);
}

static void test_clock_offset__refuses_what_makes_no_sense(void **state)
{
    static const int64_t cases[][4] = {
        { 0, 1, 1, 1 }, { 1, 0, 1, 1 }, { 1, 1, 0, 1 }, { 1, 1, 1, 0 }, { -5, 1, 1, 1 },
        { 1000, 1500, 1400, 1010 },                    /* answered before it was heard */
        { 1000, 1000, 2000, 1010 },                    /* the answer took longer than the trip */
        { 1000, 1000, 1000, 70000000 },                /* more than a minute */
        { 1, INT64_MAX, INT64_MAX, 2 },
    };
    struct facet_clock_offset c = { .n = 0 };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_false(facet_clock_offset_add(&c, cases[i][0], cases[i][1], cases[i][2], cases[i][3]));
    assert_int_equal(c.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_offset__is_unknown_before_an_answer),
        cmocka_unit_test(test_clock_offset__of_an_even_trip_is_exact),
        cmocka_unit_test(test_clock_offset__believes_the_shortest_trip),
        cmocka_unit_test(test_clock_offset__forgets_all_but_the_last_sixteen),
        cmocka_unit_test(test_clock_offset__refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
