#include "test.h"

#include "stages/detect/candidates.h"
#include "stages/detect/mtcnn_priv.h"

#include "base/errors.h"

#include <math.h>

static void put(struct facet__candidates *c, float x1, float y1, float x2, float y2, float score)
{
    assert_int_equal(facet__candidates_reserve(c, c->n + 1), FACET_OK);
    c->at[c->n] = (struct facet__candidate){.box = {x1, y1, x2, y2}, .score = score};
    c->n++;
}

static void test_candidates__are_sorted_best_first_and_of_ties_the_last(void **state)
{
    struct facet__candidates c = {0};
    const float scores[] = {0.3f, 0.9f, -1, 0.9f, 0, 0.5f, 0.3f};
    for (int i = 0; i < 7; i++)
        put(&c, (float)i, 0, 1, 1, scores[i]);
    facet__candidates_sort(&c);
    const float order[] = {3, 1, 5, 6, 0, 4, 2};
    for (int i = 0; i < 7; i++)
        assert_true(c.at[i].box.x1 == order[i]);
    facet__candidates_fini(&c);
}

static void test_candidates__pick_takes_the_best_and_leaves_nan_and_low(void **state)
{
    struct facet__candidates c = {0};
    const float scores[] = {0.2f, NAN, 0.9f, 0.6f, 0.59f, 0.8f};
    assert_int_equal(facet__candidates_pick(&c, scores, 6, 0.6f, 10), 3);
    assert_int_equal(facet__candidates_picked(&c, 0), 2);
    assert_int_equal(facet__candidates_picked(&c, 1), 5);
    assert_int_equal(facet__candidates_picked(&c, 2), 3);
    assert_int_equal(facet__candidates_pick(&c, scores, 6, 0.6f, 2), 2);
    assert_int_equal(facet__candidates_pick(&c, scores, 0, 0, 2), 0);
    facet__candidates_fini(&c);
}

static void test_candidates__picked_from_parts_are_numbered_through(void **state)
{
    struct facet__candidates c = {0};
    const float scores[] = {0.2f, 0.9f, 0.9f, 0.6f, NAN, 0.8f};
    facet__candidates_pick_begin(&c);
    assert_int_equal(facet__candidates_pick_from(&c, scores, 2, 0, 0.6f), FACET_OK);
    assert_int_equal(facet__candidates_pick_from(&c, scores + 2, 4, 2, 0.6f), FACET_OK);
    assert_int_equal(facet__candidates_pick_end(&c, 3), 3);
    assert_int_equal(facet__candidates_picked(&c, 0), 2); /* of ties the later */
    assert_int_equal(facet__candidates_picked(&c, 1), 1);
    assert_int_equal(facet__candidates_picked(&c, 2), 5);
    facet__candidates_pick_begin(&c);
    assert_int_equal(facet__candidates_pick_end(&c, 3), 0);
    facet__candidates_fini(&c);
}

/* Two boxes of 10 x 10 pixels that share 10 x 5: 50 / 150 with the last pixel counted. */
static void test_suppress__measures_over_the_union(void **state)
{
    struct facet__candidates c = {0};
    put(&c, 0, 0, 9, 9, 0.9f);
    put(&c, 0, 5, 9, 14, 0.8f);
    facet__candidates_suppress(&c, 0.34f, FACET__OVER_UNION, 1);
    assert_int_equal(c.n, 2);
    facet__candidates_suppress(&c, 0.33f, FACET__OVER_UNION, 1);
    assert_int_equal(c.n, 1);
    assert_true(c.at[0].score == 0.9f);
    facet__candidates_fini(&c);
}

static void test_suppress__over_the_smaller_drops_what_lies_inside(void **state)
{
    struct facet__candidates c = {0};
    put(&c, 0, 0, 100, 100, 0.9f);
    put(&c, 40, 40, 60, 60, 0.8f);
    facet__candidates_suppress(&c, 0.7f, FACET__OVER_UNION, 0);
    assert_int_equal(c.n, 2);
    facet__candidates_suppress(&c, 0.7f, FACET__OVER_SMALLER, 0);
    assert_int_equal(c.n, 1);
    facet__candidates_fini(&c);
}

static void test_suppress__an_exact_overlap_stays(void **state)
{
    struct facet__candidates c = {0};
    put(&c, 0, 0, 10, 10, 0.9f);
    put(&c, 0, 0, 10, 5, 0.8f);
    facet__candidates_suppress(&c, 0.5f, FACET__OVER_UNION, 0);
    assert_int_equal(c.n, 2);
    facet__candidates_fini(&c);
}

static void test_suppress__a_suppressed_box_suppresses_nobody(void **state)
{
    struct facet__candidates c = {0};
    put(&c, 0, 0, 10, 10, 0.9f);
    put(&c, 0, 4, 10, 14, 0.8f);
    put(&c, 0, 8, 10, 18, 0.7f);
    facet__candidates_suppress(&c, 0.4f, FACET__OVER_UNION, 0);
    assert_int_equal(c.n, 2);
    assert_true(c.at[1].score == 0.7f);
    facet__candidates_fini(&c);
}

static void test_suppress__empty_boxes_and_lists_do_no_harm(void **state)
{
    struct facet__candidates c = {0};
    facet__candidates_suppress(&c, 0.5f, FACET__OVER_UNION, 1);
    put(&c, 5, 5, 5, 5, 0.9f);
    put(&c, 5, 5, 5, 5, 0.8f);
    facet__candidates_suppress(&c, 0.5f, FACET__OVER_SMALLER, 0);
    assert_int_equal(c.n, 2);
    facet__candidates_fini(&c);
}

static void test_calibrate__moves_each_side_by_its_share(void **state)
{
    struct facet__candidates c = {0};
    put(&c, 10, 20, 29, 59, 1);
    const float shift[4] = {0.1f, -0.1f, 0.2f, 0.05f};
    for (int i = 0; i < 4; i++)
        c.at[0].shift[i] = shift[i];
    facet__mtcnn_calibrate(&c, 1);
    assert_true(fabsf(c.at[0].box.x1 - 12) < 1e-4f && fabsf(c.at[0].box.y1 - 16) < 1e-4f);
    assert_true(fabsf(c.at[0].box.x2 - 33) < 1e-4f && fabsf(c.at[0].box.y2 - 61) < 1e-4f);
    facet__candidates_fini(&c);
}

static void test_square__is_centred_and_cut_towards_zero(void **state)
{
    struct facet__candidates c = {0};
    put(&c, -10.5f, 3.25f, 9.5f, 13.25f, 1);
    facet__mtcnn_square(&c);
    assert_int_equal(c.n, 1);
    assert_true(c.at[0].box.x1 == -10 && c.at[0].box.y1 == -1 && c.at[0].box.x2 == 9 && c.at[0].box.y2 == 18);
    facet__candidates_fini(&c);
}

static void test_square__boxes_that_are_none_go(void **state)
{
    struct facet__candidates c = {0};
    put(&c, NAN, 0, 10, 10, 1);
    put(&c, 0, 0, INFINITY, 10, 1);
    put(&c, 30, 30, 10, 10, 1);
    put(&c, 0, 0, 1e9f, 1e9f, 1);
    put(&c, 1, 2, 11, 12, 0.5f);
    facet__mtcnn_square(&c);
    assert_int_equal(c.n, 1);
    assert_true(c.at[0].score == 0.5f);
    facet__candidates_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_candidates__are_sorted_best_first_and_of_ties_the_last),
        cmocka_unit_test(test_candidates__pick_takes_the_best_and_leaves_nan_and_low),
        cmocka_unit_test(test_candidates__picked_from_parts_are_numbered_through),
        cmocka_unit_test(test_suppress__measures_over_the_union),
        cmocka_unit_test(test_suppress__over_the_smaller_drops_what_lies_inside),
        cmocka_unit_test(test_suppress__an_exact_overlap_stays),
        cmocka_unit_test(test_suppress__a_suppressed_box_suppresses_nobody),
        cmocka_unit_test(test_suppress__empty_boxes_and_lists_do_no_harm),
        cmocka_unit_test(test_calibrate__moves_each_side_by_its_share),
        cmocka_unit_test(test_square__is_centred_and_cut_towards_zero),
        cmocka_unit_test(test_square__boxes_that_are_none_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
