#include "test.h"

#include "engine/tensor.h"

#include <string.h>

static void test_tensor__size_and_name_of_types(void **state)
{
    assert_int_equal(facet_dtype_size(FACET_F32), 4);
    assert_int_equal(facet_dtype_size(FACET_BF16), 2);
    assert_string_equal(facet_dtype_name(FACET_I64), "int64");
}

static void test_tensor__a_type_that_is_none_has_no_size(void **state)
{
    assert_int_equal(facet_dtype_size((enum facet_dtype)99), 0);
    assert_string_equal(facet_dtype_name((enum facet_dtype)99), "unknown");
}

static void test_tensor__count_is_the_product(void **state)
{
    struct facet_shape s = {4, {2, 3, 5, 7}};
    assert_int_equal(facet_shape_count(&s), 210);
    struct facet_shape scalar = {0};
    assert_int_equal(facet_shape_count(&scalar), 1);
}

static void test_tensor__free_dimension_has_no_count(void **state)
{
    struct facet_shape s = {2, {-1, 3}};
    assert_int_equal(facet_shape_count(&s), -1);
}

static void test_tensor__overflow_has_no_count(void **state)
{
    struct facet_shape s = {3, {INT64_MAX / 2, 3, 1}};
    assert_int_equal(facet_shape_count(&s), -1);
    struct facet_shape deep = {FACET_MAX_DIMS + 1, {1}};
    assert_int_equal(facet_shape_count(&deep), -1);
}

static void test_tensor__text_shows_free_dimensions(void **state)
{
    char text[64];
    struct facet_shape s = {4, {-1, 3, 160, -1}};
    facet_shape_text(&s, text, sizeof(text));
    assert_string_equal(text, "?x3x160x?");
}

static void test_tensor__text_is_cut_where_it_does_not_fit(void **state)
{
    char text[6];
    struct facet_shape s = {3, {1000, 2000, 3000}};
    facet_shape_text(&s, text, sizeof(text));
    assert_int_equal(strlen(text), 5);
}

static void test_tensor__shapes_differ_by_rank_and_dimension(void **state)
{
    struct facet_shape a = {2, {1, 2}}, b = {2, {1, 3}}, c = {3, {1, 2, 1}};
    assert_true(facet_shape_equal(&a, &a));
    assert_false(facet_shape_equal(&a, &b));
    assert_false(facet_shape_equal(&a, &c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensor__size_and_name_of_types),
        cmocka_unit_test(test_tensor__a_type_that_is_none_has_no_size),
        cmocka_unit_test(test_tensor__count_is_the_product),
        cmocka_unit_test(test_tensor__free_dimension_has_no_count),
        cmocka_unit_test(test_tensor__overflow_has_no_count),
        cmocka_unit_test(test_tensor__text_shows_free_dimensions),
        cmocka_unit_test(test_tensor__text_is_cut_where_it_does_not_fit),
        cmocka_unit_test(test_tensor__shapes_differ_by_rank_and_dimension),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
