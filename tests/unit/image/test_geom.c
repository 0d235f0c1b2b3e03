#include "test.h"

#include "image/geom.h"

#include <math.h>

static const struct facet_box unit = {0, 0, 10, 10};

static void test_box__iou_of_equal_boxes_is_one(void **state)
{
    assert_float_equal(facet_box_iou(unit, unit), 1, 1e-6);
}

static void test_box__iou_counts_overlap_once(void **state)
{
    struct facet_box other = {5, 0, 15, 10};
    assert_float_equal(facet_box_iou(unit, other), 50.0 / 150, 1e-6);
    assert_float_equal(facet_box_iom(unit, other), 0.5, 1e-6);
}

static void test_box__apart_or_empty_is_zero(void **state)
{
    struct facet_box apart = {20, 20, 30, 30}, empty = {5, 5, 5, 9}, turned = {9, 9, 1, 1};
    assert_float_equal(facet_box_iou(unit, apart), 0, 0);
    assert_float_equal(facet_box_iou(unit, empty), 0, 0);
    assert_float_equal(facet_box_iou(empty, empty), 0, 0);
    assert_float_equal(facet_box_iom(unit, empty), 0, 0);
    assert_float_equal(facet_box_area(turned), 0, 0);
}

static void test_affine__inverse_undoes(void **state)
{
    struct facet_affine a = {{1.5f, -0.3f, 12, 0.25f, 0.8f, -7}}, back;
    assert_true(facet_affine_invert(&back, &a));
    struct facet_point p = facet_affine_apply(&back, facet_affine_apply(&a, (struct facet_point){3, 4}));
    assert_float_equal(p.x, 3, 1e-4);
    assert_float_equal(p.y, 4, 1e-4);
}

static void test_affine__flat_or_endless_is_refused(void **state)
{
    struct facet_affine flat = {{1, 2, 0, 2, 4, 0}}, none = {{NAN, 0, 0, 0, 1, 0}}, out;
    assert_false(facet_affine_invert(&out, &flat));
    assert_false(facet_affine_invert(&out, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_box__iou_of_equal_boxes_is_one),
        cmocka_unit_test(test_box__iou_counts_overlap_once),
        cmocka_unit_test(test_box__apart_or_empty_is_zero),
        cmocka_unit_test(test_affine__inverse_undoes),
        cmocka_unit_test(test_affine__flat_or_endless_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
