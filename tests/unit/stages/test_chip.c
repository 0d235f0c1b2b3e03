#include "test.h"

#include "base/errors.h"
#include "stages/align/align.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* x in red, y in green: what a chip shows tells where it was cut. */
static struct facet_image ramp(int w, int h)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, w, h), FACET_OK);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            uint8_t *p = img.data + (size_t)y * img.stride + (size_t)x * 3;
            p[0] = (uint8_t)x;
            p[1] = (uint8_t)y;
            p[2] = 7;
        }
    return img;
}

static struct facet_image blank(int w, int h)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, w, h), FACET_OK);
    return img;
}

static void assert_pixel(const struct facet_image *img, int x, int y, int red, int green)
{
    const uint8_t *p = img->data + (size_t)y * img->stride + (size_t)x * 3;
    if (abs(p[0] - red) > 1 || abs(p[1] - green) > 1)
        fail_msg("chip at %d,%d shows %d,%d, not %d,%d", x, y, p[0], p[1], red, green);
}

static const struct facet_chip_spec template = {
    .crop = FACET_CROP_SIMILARITY, .width = 40, .height = 40, .outside = 0,
    .points = {{{12, 14}, {28, 14}, {20, 22}, {14, 30}, {26, 30}}},
};

static void test_chip__points_land_on_the_template(void **state)
{
    struct facet_image img = ramp(200, 200), chip = blank(40, 40);
    struct facet_landmarks p;
    for (int i = 0; i < 5; i++)        /* twice as large, at 50,60, upright */
        p.p[i] = (struct facet_point){50 + 2 * template.points.p[i].x, 60 + 2 * template.points.p[i].y};
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0}, &p), FACET_OK);
    /* the centre of chip pixel (12, 14) is at (12.5, 14.5), in the picture at (75, 89): between pixels 74 and 75 */
    assert_pixel(&chip, 12, 14, 74, 88);
    assert_pixel(&chip, 30, 30, 110, 120);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__a_turned_face_comes_upright(void **state)
{
    struct facet_image img = ramp(200, 200), chip = blank(40, 40);
    struct facet_landmarks p;
    for (int i = 0; i < 5; i++)        /* a quarter to the right: x' = 150 - y, y' = 50 + x */
        p.p[i] = (struct facet_point){150 - template.points.p[i].y, 50 + template.points.p[i].x};
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0}, &p), FACET_OK);
    assert_pixel(&chip, 10, 20, 150 - 21, 60);
    assert_pixel(&chip, 30, 5, 150 - 6, 80);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__box_is_grown_and_stretched(void **state)
{
    struct facet_image img = ramp(200, 200), chip = blank(20, 20);
    struct facet_chip_spec s = {.crop = FACET_CROP_BOX, .width = 20, .height = 20, .margin = 0.25f, .margin_px = 5, .outside = -1};
    /* 40 x 80 at 60,50 grown by a quarter of 60, and 5: 40..120, 30..150 */
    assert_int_equal(facet_align_chip(&chip, &img, &s, (struct facet_box){60, 50, 100, 130}, NULL), FACET_OK);
    assert_pixel(&chip, 0, 0, 41, 32);
    assert_pixel(&chip, 19, 19, 117, 146);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__square_keeps_proportions(void **state)
{
    struct facet_image img = ramp(200, 200), chip = blank(20, 20);
    struct facet_chip_spec s = {.crop = FACET_CROP_SQUARE, .width = 20, .height = 20, .margin = 0, .outside = -1};
    assert_int_equal(facet_align_chip(&chip, &img, &s, (struct facet_box){60, 50, 100, 130}, NULL), FACET_OK);
    assert_pixel(&chip, 0, 0, 41, 51);
    assert_pixel(&chip, 19, 19, 117, 127);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__outside_is_filled(void **state)
{
    struct facet_image img = ramp(100, 100), chip = blank(10, 10);
    struct facet_chip_spec s = {.crop = FACET_CROP_BOX, .width = 10, .height = 10, .outside = 200};
    assert_int_equal(facet_align_chip(&chip, &img, &s, (struct facet_box){-50, -50, 50, 50}, NULL), FACET_OK);
    assert_pixel(&chip, 0, 0, 200, 200);
    assert_pixel(&chip, 9, 9, 44, 44);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__similarity_without_points_is_refused(void **state)
{
    struct facet_image img = ramp(100, 100), chip = blank(40, 40);
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0, 0, 50, 50}, NULL), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__points_that_are_no_face_are_refused(void **state)
{
    struct facet_image img = ramp(100, 100), chip = blank(40, 40);
    struct facet_landmarks same = {{{5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}}}, bad = template.points;
    bad.p[1].x = NAN;
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0}, &same), FACET_E_INVALID);
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0}, &bad), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__an_empty_box_is_refused(void **state)
{
    struct facet_image img = ramp(100, 100), chip = blank(20, 20);
    struct facet_chip_spec s = {.crop = FACET_CROP_BOX, .width = 20, .height = 20};
    assert_int_equal(facet_align_chip(&chip, &img, &s, (struct facet_box){5, 5, 5, 5}, NULL), FACET_E_INVALID);
    assert_int_equal(facet_align_chip(&chip, &img, &s, (struct facet_box){NAN, 5, 50, 50}, NULL), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

static void test_chip__of_another_size_is_refused(void **state)
{
    struct facet_image img = ramp(100, 100), chip = blank(20, 20);
    assert_int_equal(facet_align_chip(&chip, &img, &template, (struct facet_box){0, 0, 50, 50}, NULL), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_image_fini(&chip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chip__points_land_on_the_template),
        cmocka_unit_test(test_chip__a_turned_face_comes_upright),
        cmocka_unit_test(test_chip__box_is_grown_and_stretched),
        cmocka_unit_test(test_chip__square_keeps_proportions),
        cmocka_unit_test(test_chip__outside_is_filled),
        cmocka_unit_test(test_chip__similarity_without_points_is_refused),
        cmocka_unit_test(test_chip__points_that_are_no_face_are_refused),
        cmocka_unit_test(test_chip__an_empty_box_is_refused),
        cmocka_unit_test(test_chip__of_another_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
