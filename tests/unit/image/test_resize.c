#include "test.h"

#include "fixture_opencv.h"
#include "fixture_picture.h"
#include "image/resize.h"

#include <facet/error.h>
#include <math.h>
#include <stdlib.h>

static struct facet_image make(enum facet_pixel format, int w, int h)
{
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, format, w, h), FACET_OK);
    fixture_picture(&img);
    return img;
}

static void assert_near(const struct facet_image *got, const unsigned char *want, int tolerance)
{
    int n = got->width * (int)got->format;
    for (int y = 0; y < got->height; y++)
        for (int i = 0; i < n; i++) {
            int d = got->data[(size_t)y * got->stride + (size_t)i] - want[y * n + i];
            if (abs(d) > tolerance)
                fail_msg("row %d byte %d: %d, OpenCV has %d", y, i,
                         got->data[(size_t)y * got->stride + (size_t)i], want[y * n + i]);
        }
}

static void check_opencv(enum facet_pixel format, enum facet_scale_method method, int w, int h,
                         const unsigned char *want)
{
    struct facet_image src = make(format, 37, 29), dst = make(format, w, h);
    assert_int_equal(facet_resize(&dst, &src, method), FACET_OK);
    assert_near(&dst, want, 1);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_resize__area_is_as_opencv(void **state)
{
    check_opencv(FACET_PIXEL_RGB24, FACET_SCALE_AREA, 16, 12, area_16x12);
}

static void test_resize__bilinear_is_as_opencv(void **state)
{
    check_opencv(FACET_PIXEL_RGB24, FACET_SCALE_BILINEAR, 16, 12, linear_16x12);
    check_opencv(FACET_PIXEL_GRAY8, FACET_SCALE_BILINEAR, 50, 41, linear_50x41);
}

static void test_resize__area_that_grows_is_bilinear(void **state)
{
    check_opencv(FACET_PIXEL_GRAY8, FACET_SCALE_AREA, 50, 41, linear_50x41);
}

/* 2 pixels to 5: the third sample lies half on each. */
static void test_resize__cover_that_grows_averages_what_it_covers(void **state)
{
    struct facet_image src = make(FACET_PIXEL_GRAY8, 2, 1), dst = make(FACET_PIXEL_GRAY8, 5, 1);
    src.data[0] = 10;
    src.data[1] = 30;
    assert_int_equal(facet_resize(&dst, &src, FACET_SCALE_COVER), FACET_OK);
    const uint8_t want[5] = {10, 10, 20, 30, 30};
    assert_memory_equal(dst.data, want, 5);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_resize__same_size_copies(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 1100, 9), dst = make(FACET_PIXEL_RGB24, 1100, 9);
    for (int method = 0; method < 2; method++) {
        facet_image_fill(&dst, 0, 0, 0);
        assert_int_equal(facet_resize(&dst, &src, (enum facet_scale_method)method), FACET_OK);
        for (int y = 0; y < 9; y++)
            assert_memory_equal(dst.data + (size_t)y * dst.stride, src.data + (size_t)y * src.stride,
                                3300);
    }
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

/* The mean over exactly the covered area, in double. */
static double area_mean(const struct facet_image *src, double x1, double y1, double x2, double y2,
                        int c)
{
    double sum = 0;
    for (int y = (int)floor(y1); y < y2; y++)
        for (int x = (int)floor(x1); x < x2; x++) {
            double w = (fmin(x + 1, x2) - fmax(x, x1)) * (fmin(y + 1, y2) - fmax(y, y1));
            sum += w * fixture_at(src, x, y, c);
        }
    return sum / ((x2 - x1) * (y2 - y1));
}

static void check_area(enum facet_pixel format, int sw, int sh, int dw, int dh)
{
    struct facet_image src = make(format, sw, sh), dst = make(format, dw, dh);
    assert_int_equal(facet_resize(&dst, &src, FACET_SCALE_AREA), FACET_OK);
    double fx = (double)sw / dw, fy = (double)sh / dh;
    for (int y = 0; y < dh; y++)
        for (int x = 0; x < dw; x++)
            for (int c = 0; c < (int)format; c++)
                assert_float_equal(fixture_at(&dst, x, y, c),
                                   area_mean(&src, x * fx, y * fy, (x + 1) * fx, (y + 1) * fy, c),
                                   0.51);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_resize__area_is_the_mean_of_what_is_covered(void **state)
{
    check_area(FACET_PIXEL_RGB24, 31, 23, 30, 7);
    check_area(FACET_PIXEL_RGB24, 2300, 40, 77, 11); /* several strips */
    check_area(FACET_PIXEL_GRAY8, 2100, 5, 1500, 5);
    check_area(FACET_PIXEL_RGB24, 2600, 7, 2, 3);    /* one column is wider than a strip */
    check_area(FACET_PIXEL_RGB24, 30, 1700, 5, 3);   /* more rows than a 16-bit sum holds */
    check_area(FACET_PIXEL_RGB24, 1, 1, 1, 1);
}

static void test_resize__strips_join_without_a_seam(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 3000, 6), dst = make(FACET_PIXEL_RGB24, 2500, 4);
    for (int x = 0; x < 3000; x++)
        for (int y = 0; y < 6; y++)
            for (int c = 0; c < 3; c++)
                src.data[(size_t)y * src.stride + (size_t)(3 * x + c)] = (uint8_t)(x / 12);
    for (int method = 0; method < 2; method++) {
        assert_int_equal(facet_resize(&dst, &src, (enum facet_scale_method)method), FACET_OK);
        for (int x = 0; x < 2500; x++)
            assert_float_equal(fixture_at(&dst, x, 2, 1), ((x + 0.5) * 1.2 - 0.5) / 12 - 0.46, 1.1);
    }
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_resize__box_inside_is_a_crop(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 40, 30), a = make(FACET_PIXEL_RGB24, 8, 9);
    struct facet_image b = make(FACET_PIXEL_RGB24, 8, 9), part = facet_image_crop(&src, 5, 4, 24, 20);
    struct facet_box box = {5, 4, 29, 24};
    assert_int_equal(facet_resize_box(&a, &src, box, FACET_SCALE_AREA, -1), FACET_OK);
    assert_int_equal(facet_resize(&b, &part, FACET_SCALE_AREA), FACET_OK);
    for (int y = 0; y < 9; y++)
        assert_memory_equal(a.data + (size_t)y * a.stride, b.data + (size_t)y * b.stride, 24);
    facet_image_fini(&src);
    facet_image_fini(&a);
    facet_image_fini(&b);
}

/* The same box of a picture padded by hand. */
static void check_outside(enum facet_scale_method method, int outside, struct facet_box box)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 20, 16), padded, a, b;
    assert_int_equal(facet_image_pad(&padded, &src, 30), FACET_OK);
    for (int y = 0; outside >= 0 && y < padded.height; y++)
        for (int x = 0; x < padded.width; x++)
            if (x < 30 || x >= 50 || y < 30 || y >= 46)
                for (int c = 0; c < 3; c++)
                    padded.data[(size_t)y * padded.stride + (size_t)(3 * x + c)] = (uint8_t)outside;
    a = make(FACET_PIXEL_RGB24, 12, 11);
    b = make(FACET_PIXEL_RGB24, 12, 11);
    struct facet_box moved = {box.x1 + 30, box.y1 + 30, box.x2 + 30, box.y2 + 30};
    assert_int_equal(facet_resize_box(&a, &src, box, method, outside), FACET_OK);
    assert_int_equal(facet_resize_box(&b, &padded, moved, method, outside), FACET_OK);
    for (int y = 0; y < 11; y++)
        assert_near(&(struct facet_image){FACET_PIXEL_RGB24, 12, 1, a.stride,
                                          a.data + (size_t)y * a.stride},
                    b.data + (size_t)y * b.stride, 1);
    facet_image_fini(&src);
    facet_image_fini(&padded);
    facet_image_fini(&a);
    facet_image_fini(&b);
}

static void test_resize__outside_is_edge_or_value(void **state)
{
    static const struct facet_box boxes[] = {
        {-7.5f, -3.25f, 12, 30}, {10, 8, 44.5f, 41}, {-20, -20, 45, 44}, {-25, 2, -5, 12},
        {22, 20, 40, 41}, {3, 3, 9, 8}, {-4, -4, 3, 2}};
    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
        for (int method = 0; method < 2; method++)
            for (int outside = -1; outside <= 128; outside += 43)
                check_outside((enum facet_scale_method)method, outside, boxes[i]);
}

static void test_resize__hostile_boxes_are_refused(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 20, 16), dst = make(FACET_PIXEL_RGB24, 4, 4);
    static const struct facet_box boxes[] = {
        {0, 0, 0, 5}, {5, 5, 1, 9}, {NAN, 0, 5, 5}, {0, 0, INFINITY, 5}, {-1e30f, 0, 1e30f, 5}};
    for (size_t i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++)
        assert_int_equal(facet_resize_box(&dst, &src, boxes[i], FACET_SCALE_AREA, 0),
                         FACET_E_INVALID);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_resize__formats_must_agree(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 20, 16), dst = make(FACET_PIXEL_GRAY8, 4, 4);
    assert_int_equal(facet_resize(&dst, &src, FACET_SCALE_AREA), FACET_E_INVALID);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_warp__is_as_opencv(void **state)
{
    struct facet_image src = make(FACET_PIXEL_RGB24, 37, 29), dst = make(FACET_PIXEL_RGB24, 20, 18);
    const float m[6] = {1.3f, 0.4f, -3.2f, -0.35f, 1.2f, 4.1f};
    struct facet_affine a = {{m[0], m[1], m[2] + 0.5f - 0.5f * (m[0] + m[1]), m[3], m[4],
                              m[5] + 0.5f - 0.5f * (m[3] + m[4])}};
    assert_int_equal(facet_warp_affine(&dst, &src, &a, 0), FACET_OK);
    assert_near(&dst, warp_20x18, 4); /* OpenCV rounds positions to 1/32 pixel */
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_warp__whole_steps_copy(void **state)
{
    struct facet_image src = make(FACET_PIXEL_GRAY8, 20, 16), dst = make(FACET_PIXEL_GRAY8, 8, 8);
    struct facet_affine move = {{1, 0, 14, 0, 1, -2}};
    assert_int_equal(facet_warp_affine(&dst, &src, &move, 77), FACET_OK);
    assert_int_equal(fixture_at(&dst, 3, 5, 0), fixture_at(&src, 17, 3, 0));
    assert_int_equal(fixture_at(&dst, 0, 0, 0), 77);
    assert_int_equal(fixture_at(&dst, 7, 7, 0), 77);
    assert_int_equal(facet_warp_affine(&dst, &src, &move, -1), FACET_OK);
    assert_int_equal(fixture_at(&dst, 0, 0, 0), fixture_at(&src, 14, 0, 0));
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_warp__hostile_transforms_are_refused(void **state)
{
    struct facet_image src = make(FACET_PIXEL_GRAY8, 20, 16), dst = make(FACET_PIXEL_GRAY8, 8, 8);
    struct facet_affine none = {{NAN, 0, 0, 0, 1, 0}}, endless = {{1, 0, INFINITY, 0, 1, 0}};
    struct facet_affine far_off = {{1e6f, 0, -1e6f, 1e6f, 1, 1e6f}};
    assert_int_equal(facet_warp_affine(&dst, &src, &none, 0), FACET_E_INVALID);
    assert_int_equal(facet_warp_affine(&dst, &src, &endless, 0), FACET_E_INVALID);
    assert_int_equal(facet_warp_affine(&dst, &src, &far_off, 9), FACET_OK);
    assert_int_equal(fixture_at(&dst, 7, 7, 0), 9);
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

static void test_float__every_order_is_kept(void **state)
{
    enum { W = 37, H = 19 };
    static float out[W * H * 3];
    for (int bits = 0; bits < 16; bits++) {
        enum facet_pixel format = bits & 8 ? FACET_PIXEL_GRAY8 : FACET_PIXEL_RGB24;
        struct facet_image src = make(format, W, H);
        struct facet_norm n = {.mean = {100, 110, 120}, .scale = {0.5f, 0.25f, 2},
                               .swap_rb = bits & 1, .planar = bits & 2, .transpose = bits & 4};
        facet_image_to_float(out, &src, &n);
        for (int i = 0; i < W * H * 3; i++) {
            int c = i % 3, x = i / 3 % W, y = i / 3 / W; /* c is a channel of the result */
            int at = n.transpose ? x * H + y : y * W + x;
            at = n.planar ? c * W * H + at : at * 3 + c;
            int from = format == FACET_PIXEL_GRAY8 ? 0 : n.swap_rb ? 2 - c : c;
            float want = ((float)fixture_at(&src, x, y, from) - n.mean[c]) * n.scale[c];
            assert_float_equal(out[at], want, 1e-6);
        }
        facet_image_fini(&src);
    }
}

/* 3x3 to 2x2: the odd edges have one or two pixels to average. */
/* The pixels of a part are those of the whole, wherever it lies. */
static void test_resize_part__is_a_piece_of_the_whole(void **state)
{
    const struct { int w, h, x, y; } parts[] = {{34, 34, 0, 0}, {34, 33, 61, 7}, {20, 12, 180, 99}, {1, 1, 199, 110}, {200, 111, 0, 0}};
    struct facet_image src = make(FACET_PIXEL_RGB24, 1280, 719), all = make(FACET_PIXEL_RGB24, 200, 111);
    assert_int_equal(facet_resize(&all, &src, FACET_SCALE_COVER), FACET_OK);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct facet_image part = make(FACET_PIXEL_RGB24, parts[i].w, parts[i].h);
        assert_int_equal(facet_resize_part(&part, &src, 200, 111, parts[i].x, parts[i].y), FACET_OK);
        for (int y = 0; y < part.height; y++)
            assert_memory_equal(part.data + (size_t)y * part.stride,
                                all.data + (size_t)(y + parts[i].y) * all.stride + (size_t)parts[i].x * 3, (size_t)part.width * 3);
        facet_image_fini(&part);
    }
    facet_image_fini(&src);
    facet_image_fini(&all);
}

static void test_resize_part__outside_the_whole_is_refused(void **state)
{
    const struct { int w, h, x, y; } wrong[] = {{20, 20, -1, 0}, {20, 20, 0, -1}, {20, 20, 11, 0}, {20, 20, 0, 11}, {9, 20, 0, 0}, {20, 9, 0, 0}};
    struct facet_image src = make(FACET_PIXEL_RGB24, 90, 80), part = make(FACET_PIXEL_RGB24, 10, 10), grey = make(FACET_PIXEL_GRAY8, 10, 10);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(facet_resize_part(&part, &src, wrong[i].w, wrong[i].h, wrong[i].x, wrong[i].y), FACET_E_INVALID);
    assert_int_equal(facet_resize_part(&grey, &src, 20, 20, 0, 0), FACET_E_INVALID);
    facet_image_fini(&src);
    facet_image_fini(&part);
    facet_image_fini(&grey);
}

static void test_halve__is_the_mean_of_what_is_there(void **state)
{
    struct facet_image src, dst;
    assert_int_equal(facet_image_init(&src, FACET_PIXEL_RGB24, 3, 3), FACET_OK);
    assert_int_equal(facet_image_init(&dst, FACET_PIXEL_RGB24, 2, 2), FACET_OK);
    for (int i = 0; i < 27; i++)
        src.data[(size_t)(i / 9) * src.stride + (size_t)(i % 9)] = (uint8_t)(i / 3 + i % 3);
    facet_image_halve(&dst, &src);
    for (int y = 0; y < 2; y++)
        for (int x = 0; x < 2; x++)
            for (int c = 0; c < 3; c++) {
                float mean = y == 0 ? (x == 0 ? 2.0f : 3.5f) : (x == 0 ? 6.5f : 8.0f);
                assert_int_equal(dst.data[(size_t)y * dst.stride + (size_t)(3 * x + c)], (int)floorf(mean + 0.5f) + c);
            }
    facet_image_fini(&src);
    facet_image_fini(&dst);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_part__is_a_piece_of_the_whole),
        cmocka_unit_test(test_resize_part__outside_the_whole_is_refused),
        cmocka_unit_test(test_halve__is_the_mean_of_what_is_there),
        cmocka_unit_test(test_resize__area_is_as_opencv),
        cmocka_unit_test(test_resize__bilinear_is_as_opencv),
        cmocka_unit_test(test_resize__area_that_grows_is_bilinear),
        cmocka_unit_test(test_resize__cover_that_grows_averages_what_it_covers),
        cmocka_unit_test(test_resize__same_size_copies),
        cmocka_unit_test(test_resize__area_is_the_mean_of_what_is_covered),
        cmocka_unit_test(test_resize__strips_join_without_a_seam),
        cmocka_unit_test(test_resize__box_inside_is_a_crop),
        cmocka_unit_test(test_resize__outside_is_edge_or_value),
        cmocka_unit_test(test_resize__hostile_boxes_are_refused),
        cmocka_unit_test(test_resize__formats_must_agree),
        cmocka_unit_test(test_warp__is_as_opencv),
        cmocka_unit_test(test_warp__whole_steps_copy),
        cmocka_unit_test(test_warp__hostile_transforms_are_refused),
        cmocka_unit_test(test_float__every_order_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
