#include "test.h"

#include "fixture_picture.h"
#include "image/draw.h"

#include <facet/error.h>
#include <math.h>

static const struct facet_color white = {255, 255, 255}, dark = {10, 20, 30};

static struct facet_image blank(int w, int h)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, w, h), FACET_OK);
    facet_image_fill(&img, 0, 0, 0);
    return img;
}

static int count_lit(const struct facet_image *img)
{
    int lit = 0;
    for (int y = 0; y < img->height; y++)
        for (int x = 0; x < img->width; x++)
            lit += fixture_at(img, x, y, 0) == 255;
    return lit;
}

static void test_draw__rect_is_an_outline(void **state)
{
    struct facet_image img = blank(40, 30);
    facet_draw_rect(&img, (struct facet_box){5, 6, 25, 20}, 2, white);
    assert_int_equal(count_lit(&img), 20 * 14 - 16 * 10);
    assert_int_equal(fixture_at(&img, 5, 6, 0), 255);
    assert_int_equal(fixture_at(&img, 24, 19, 0), 255);
    assert_int_equal(fixture_at(&img, 25, 20, 0), 0);
    facet_image_fini(&img);
}

static void test_draw__all_is_clipped(void **state)
{
    struct facet_image img = blank(16, 16);
    facet_draw_rect(&img, (struct facet_box){-50, -50, 500, 500}, 3, white);
    facet_draw_rect(&img, (struct facet_box){NAN, -INFINITY, INFINITY, NAN}, 1000, white);
    facet_draw_rect(&img, (struct facet_box){9, 9, 3, 3}, 1, white);
    assert_int_equal(count_lit(&img), 0);
    facet_draw_dot(&img, (struct facet_point){NAN, 3}, 5, white);
    facet_draw_dot(&img, (struct facet_point){1e30f, -1e30f}, 5, white);
    facet_draw_text(&img, -3, -5, 2, "clipped at every edge", white, &dark);
    facet_draw_text(&img, 2147483647, -2147483647, 16, "far away", white, &dark);
    facet_image_fini(&img);
}

static void test_draw__dot_is_round(void **state)
{
    struct facet_image img = blank(21, 21);
    facet_draw_dot(&img, (struct facet_point){10.5f, 10.5f}, 6, white);
    assert_int_equal(fixture_at(&img, 10, 4, 0), 255);
    assert_int_equal(fixture_at(&img, 16, 10, 0), 255);
    assert_int_equal(fixture_at(&img, 15, 15, 0), 0);
    assert_int_equal(fixture_at(&img, 10, 3, 0), 0);
    facet_image_fini(&img);
}

static void test_draw__text_has_a_width_and_a_ground(void **state)
{
    struct facet_image img = blank(64, 40);
    assert_int_equal(facet_draw_text(&img, 4, 4, 2, "Ab1", white, &dark), 48);
    assert_int_equal(fixture_at(&img, 4, 4, 2), 30);
    assert_int_equal(fixture_at(&img, 51, 35, 2), 30);
    assert_int_equal(fixture_at(&img, 52, 35, 2), 0);
    assert_true(count_lit(&img) > 100);
    assert_int_equal(facet_draw_text(&img, 0, 0, 1, "", white, NULL), 0);
    facet_image_fini(&img);
}

static void test_draw__letters_differ_and_others_are_a_question(void **state)
{
    int seen[128] = {0};
    struct facet_image img = blank(8, 16), question = blank(8, 16);
    facet_draw_text(&question, 0, 0, 1, "?", white, NULL);
    for (int ch = 33; ch < 127; ch++) {
        unsigned hash = 0;
        char text[2] = {(char)ch, 0};
        facet_image_fill(&img, 0, 0, 0);
        facet_draw_text(&img, 0, 0, 1, text, white, NULL);
        for (int i = 0; i < 128; i++)
            hash = hash * 31 + fixture_at(&img, i % 8, i / 8, 0);
        for (int i = 33; i < ch; i++)
            assert_int_not_equal(hash, seen[i]);
        seen[ch] = (int)hash;
    }
    facet_image_fill(&img, 0, 0, 0);
    facet_draw_text(&img, 0, 0, 1, "\xc3", white, NULL);
    for (int y = 0; y < 16; y++)
        assert_memory_equal(img.data + (size_t)y * img.stride,
                            question.data + (size_t)y * question.stride, 24);
    facet_image_fini(&img);
    facet_image_fini(&question);
}

static void test_draw__gray_works_too(void **state)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_GRAY8, 30, 20), FACET_OK);
    facet_image_fill(&img, 0, 0, 0);
    facet_draw_rect(&img, (struct facet_box){2, 2, 10, 10}, 1, white);
    assert_int_equal(fixture_at(&img, 2, 2, 0), 255);
    facet_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draw__rect_is_an_outline),
        cmocka_unit_test(test_draw__all_is_clipped),
        cmocka_unit_test(test_draw__dot_is_round),
        cmocka_unit_test(test_draw__text_has_a_width_and_a_ground),
        cmocka_unit_test(test_draw__letters_differ_and_others_are_a_question),
        cmocka_unit_test(test_draw__gray_works_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
