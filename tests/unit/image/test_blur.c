#include "test.h"

#include "image/blur.h"

#include <facet/error.h>
#include <math.h>

static struct facet_image noise(enum facet_pixel format, int w, int h)
{
    struct facet_image img;
    unsigned v = 1;
    assert_int_equal(facet_image_init(&img, format, w, h), FACET_OK);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w * (int)format; x++)
            img.data[(size_t)y * img.stride + (size_t)x] = (unsigned char)((v = v * 1103515245u + 12345u) >> 16);
    return img;
}

/* Colours of the first channel along a row: how often one pixel differs from the one before. */
static int changes(const struct facet_image *img, int y, int x1, int x2)
{
    const unsigned char *row = img->data + (size_t)y * img->stride;
    int n = 0, channels = (int)img->format;
    for (int x = x1 + 1; x < x2; x++)
        n += row[x * channels] != row[(x - 1) * channels];
    return n;
}

static void test_hide__leaves_few_colours_of_a_face_and_all_around_it(void **state)
{
    static const enum facet_pixel formats[] = {FACET_PIXEL_RGB24, FACET_PIXEL_GRAY8};
    for (int i = 0; i < 2; i++) {
        struct facet_image img = noise(formats[i], 200, 200), was = noise(formats[i], 200, 200);
        facet_image_hide(&img, (struct facet_box){80, 80, 140, 140});
        for (int y = 61; y < 159; y++)
            assert_true(changes(&img, y, 61, 159) <= 4);
        for (int y = 0; y < 60; y++)
            assert_memory_equal(img.data + (size_t)y * img.stride, was.data + (size_t)y * was.stride, 200 * (size_t)formats[i]);
        facet_image_fini(&img);
        facet_image_fini(&was);
    }
}

static void test_hide__boxes_at_and_beyond_the_edge_are_clipped(void **state)
{
    static const struct facet_box boxes[] = {
        {-50, -50, 20, 20}, {90, 90, 400, 400}, {200, 200, 300, 300}, {-300, 0, -200, 50},
        {10, 10, 10, 50}, {50, 50, 20, 20}, {NAN, 0, 10, 10}, {0, 0, INFINITY, 5}, {10, 10, 11, 11},
    };
    struct facet_image img = noise(FACET_PIXEL_RGB24, 100, 100);
    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
        facet_image_hide(&img, boxes[i]);
    assert_true(changes(&img, 2, 0, 26) <= 4);
    assert_true(changes(&img, 98, 80, 100) <= 5);
    facet_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hide__leaves_few_colours_of_a_face_and_all_around_it),
        cmocka_unit_test(test_hide__boxes_at_and_beyond_the_edge_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
