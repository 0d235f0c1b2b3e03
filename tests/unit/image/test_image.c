#include "test.h"

#include "base/limits.h"
#include "fixture_picture.h"

#include <facet/error.h>
#include <string.h>

static struct facet_image make(enum facet_pixel format, int w, int h)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, format, w, h), FACET_OK);
    fixture_picture(&img);
    return img;
}

static void test_image__rows_are_aligned(void **state)
{
    struct facet_image img = make(FACET_PIXEL_RGB24, 37, 3);
    assert_int_equal(img.stride % 64, 0);
    assert_int_equal((uintptr_t)img.data % 64, 0);
    facet_image_fini(&img);
    assert_null(img.data);
}

static void test_image__sizes_without_sense_are_refused(void **state)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 0, 5), FACET_E_INVALID);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 5, -1), FACET_E_INVALID);
    assert_int_equal(facet_image_init(&img, (enum facet_pixel)2, 5, 5), FACET_E_INVALID);
    assert_null(img.data);
}

static void test_image__sizes_over_the_ceiling_are_refused(void **state)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_GRAY8, FACET_MAX_IMAGE_SIDE + 1, 1),
                     FACET_E_LIMIT);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_GRAY8, 30000, 30000), FACET_E_LIMIT);
    assert_null(img.data);
}

static void test_image__reserve_keeps_memory_that_is_enough(void **state)
{
    struct facet_image img = {0};
    size_t cap = 0;
    assert_int_equal(facet_image_reserve(&img, &cap, FACET_PIXEL_RGB24, 64, 64), FACET_OK);
    uint8_t *first = img.data;
    assert_int_equal(facet_image_reserve(&img, &cap, FACET_PIXEL_GRAY8, 100, 20), FACET_OK);
    assert_ptr_equal(img.data, first);
    assert_int_equal(img.width, 100);
    assert_int_equal(facet_image_reserve(&img, &cap, FACET_PIXEL_RGB24, 0, 1), FACET_E_INVALID);
    assert_ptr_equal(img.data, first);
    facet_image_fini(&img);
}

static void test_image__crop_is_a_view_and_clipped(void **state)
{
    struct facet_image img = make(FACET_PIXEL_RGB24, 20, 10);
    struct facet_image part = facet_image_crop(&img, 15, 8, 10, 10);
    assert_int_equal(part.width, 5);
    assert_int_equal(part.height, 2);
    assert_int_equal(fixture_at(&part, 0, 0, 1), fixture_pixel(15, 8, 1));
    part = facet_image_crop(&img, -3, -2, 5, 5);
    assert_int_equal(part.width, 2);
    assert_int_equal(part.height, 3);
    part = facet_image_crop(&img, 100, 2147483647, 2147483647, 5);
    assert_int_equal(part.width, 0);
    assert_int_equal(part.height, 0);
    facet_image_fini(&img);
}

static void test_image__gray_is_luma(void **state)
{
    struct facet_image img, gray;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 5, 2), FACET_OK);
    assert_int_equal(facet_image_init(&gray, FACET_PIXEL_GRAY8, 5, 2), FACET_OK);
    facet_image_fill(&img, 200, 100, 50);
    assert_int_equal(facet_image_to_gray(&gray, &img), FACET_OK);
    assert_int_equal(fixture_at(&gray, 4, 1, 0), 124); /* 59.8 + 58.7 + 5.7 */
    assert_int_equal(facet_image_to_gray(&img, &gray), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_image_fini(&gray);
}

/* Where the corner pixels of a 3 x 2 picture go, written down from EXIF 2.32 figure 4. */
static void test_image__orientations_move_corners(void **state)
{
    static const struct { int w, h, top_left_x, top_left_y, top_right_x, top_right_y; } want[9] = {
        {0}, {3, 2, 0, 0, 2, 0}, {3, 2, 2, 0, 0, 0}, {3, 2, 2, 1, 0, 1}, {3, 2, 0, 1, 2, 1},
        {2, 3, 0, 0, 0, 2}, {2, 3, 1, 0, 1, 2}, {2, 3, 1, 2, 1, 0}, {2, 3, 0, 2, 0, 0}};
    struct facet_image img = make(FACET_PIXEL_RGB24, 3, 2);
    for (int o = 1; o <= 8; o++) {
        struct facet_image out;
        assert_int_equal(facet_image_orient(&out, &img, o), FACET_OK);
        assert_int_equal(out.width, want[o].w);
        assert_int_equal(out.height, want[o].h);
        assert_int_equal(fixture_at(&out, want[o].top_left_x, want[o].top_left_y, 2),
                         fixture_pixel(0, 0, 2));
        assert_int_equal(fixture_at(&out, want[o].top_right_x, want[o].top_right_y, 2),
                         fixture_pixel(2, 0, 2));
        facet_image_fini(&out);
    }
    facet_image_fini(&img);
}

static void test_image__unknown_orientation_is_refused(void **state)
{
    struct facet_image img = make(FACET_PIXEL_GRAY8, 3, 2), out;
    assert_int_equal(facet_image_orient(&out, &img, 0), FACET_E_INVALID);
    assert_int_equal(facet_image_orient(&out, &img, 9), FACET_E_INVALID);
    assert_null(out.data);
    facet_image_fini(&img);
}

static void test_image__pad_repeats_edges(void **state)
{
    struct facet_image img = make(FACET_PIXEL_RGB24, 7, 5), out;
    assert_int_equal(facet_image_pad(&out, &img, 4), FACET_OK);
    assert_int_equal(out.width, 15);
    assert_int_equal(out.height, 13);
    assert_int_equal(fixture_at(&out, 0, 0, 0), fixture_pixel(0, 0, 0));
    assert_int_equal(fixture_at(&out, 14, 6, 1), fixture_pixel(6, 2, 1));
    assert_int_equal(fixture_at(&out, 6, 12, 2), fixture_pixel(2, 4, 2));
    facet_image_fini(&out);
    assert_int_equal(facet_image_pad(&out, &img, -1), FACET_E_INVALID);
    assert_int_equal(facet_image_pad(&out, &img, FACET_MAX_IMAGE_SIDE), FACET_E_LIMIT);
    facet_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image__rows_are_aligned),
        cmocka_unit_test(test_image__sizes_without_sense_are_refused),
        cmocka_unit_test(test_image__sizes_over_the_ceiling_are_refused),
        cmocka_unit_test(test_image__reserve_keeps_memory_that_is_enough),
        cmocka_unit_test(test_image__crop_is_a_view_and_clipped),
        cmocka_unit_test(test_image__gray_is_luma),
        cmocka_unit_test(test_image__orientations_move_corners),
        cmocka_unit_test(test_image__unknown_orientation_is_refused),
        cmocka_unit_test(test_image__pad_repeats_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
