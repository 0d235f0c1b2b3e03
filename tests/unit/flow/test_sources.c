#include "test.h"

#include "flow/sources.h"

static void test_sources__each_keeps_its_slot(void **state)
{
    struct facet_sources s = {0};
    bool is_new;
    int a = facet_sources_slot(&s, 7, &is_new);
    assert_true(is_new);
    int b = facet_sources_slot(&s, 0, &is_new);
    assert_true(is_new);
    assert_int_not_equal(a, b);
    assert_int_equal(facet_sources_slot(&s, 7, &is_new), a);
    assert_false(is_new);
    assert_int_equal(facet_sources_slot(&s, 0, &is_new), b);
    assert_false(is_new);
}

static void test_sources__one_after_the_other_use_the_same_slot(void **state)
{
    struct facet_sources s = {0};
    bool is_new;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(facet_sources_slot(&s, i, &is_new), 0);
        assert_true(is_new);
        facet_sources_end(&s, i);
    }
}

static void test_sources__too_many_take_the_place_of_the_longest_unused(void **state)
{
    struct facet_sources s = {0};
    bool is_new;
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES; i++)
        facet_sources_slot(&s, i, &is_new);
    int first = facet_sources_slot(&s, 0, &is_new), second = facet_sources_slot(&s, 1000, &is_new);
    assert_true(is_new);
    assert_int_not_equal(first, second);
    facet_sources_slot(&s, 0, &is_new);
    assert_false(is_new);
    facet_sources_slot(&s, 1, &is_new);
    assert_true(is_new);
}

static void test_sources__ending_what_is_not_open_does_nothing(void **state)
{
    struct facet_sources s = {0};
    bool is_new;
    int source;
    facet_sources_end(&s, 3);
    assert_false(facet_sources_first(&s, &source));
    facet_sources_slot(&s, 5, &is_new);
    facet_sources_end(&s, 3);
    assert_true(facet_sources_first(&s, &source));
    assert_int_equal(source, 5);
    facet_sources_end(&s, 5);
    facet_sources_end(&s, 5);
    assert_false(facet_sources_first(&s, &source));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources__each_keeps_its_slot),
        cmocka_unit_test(test_sources__one_after_the_other_use_the_same_slot),
        cmocka_unit_test(test_sources__too_many_take_the_place_of_the_longest_unused),
        cmocka_unit_test(test_sources__ending_what_is_not_open_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
