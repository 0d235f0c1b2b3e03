#include "test.h"

#include "base/rng.h"
#include "stages/align/align.h"

#include <math.h>
#include <string.h>

/* Noise of middle brightness, as wide as asked. */
static struct facet_image texture(int side, int low, int high)
{
    struct facet_image img;
    struct facet_rng r;
    facet_rng_seed(&r, 3);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, side, side), 0);
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            memset(img.data + (size_t)y * img.stride + (size_t)x * 3, low + (int)facet_rng_below(&r, (uint32_t)(high - low)), 3);
    return img;
}

/* Each pixel becomes the mean of the (2 radius + 1) square around it. */
static void blur(struct facet_image *img, int radius)
{
    struct facet_image from;
    assert_int_equal(facet_image_init(&from, FACET_PIXEL_RGB24, img->width, img->height), 0);
    facet_image_copy(&from, img);
    for (int y = radius; y < img->height - radius; y++)
        for (int x = radius; x < img->width - radius; x++) {
            int sum = 0, n = (2 * radius + 1) * (2 * radius + 1);
            for (int v = -radius; v <= radius; v++)
                for (int u = -radius; u <= radius; u++)
                    sum += from.data[(size_t)(y + v) * from.stride + (size_t)(x + u) * 3];
            memset(img->data + (size_t)y * img->stride + (size_t)x * 3, sum / n, 3);
        }
    facet_image_fini(&from);
}

static struct facet_quality measure(const struct facet_image *img, struct facet_box b, const struct facet_landmarks *p)
{
    struct facet_quality q;
    facet_quality_measure(&q, img, b, p);
    return q;
}

static const struct facet_landmarks front = {{{38.3f, 51.7f}, {73.5f, 51.5f}, {56, 71.7f}, {41.5f, 92.4f}, {70.7f, 92.2f}}};

static struct facet_landmarks with_nose(float x, float y)
{
    struct facet_landmarks p = front;
    p.p[2] = (struct facet_point){x, y};
    return p;
}

static void test_quality__falls_with_blur(void **state)
{
    float first = 0, last = 2;
    for (int radius = 0; radius <= 8; radius += 2) {
        struct facet_image img = texture(160, 60, 200);
        blur(&img, radius);
        struct facet_quality q = measure(&img, (struct facet_box){20, 20, 140, 140}, &front);
        assert_true(q.sharpness < last);
        last = q.sharpness;
        first = radius ? first : last;
        facet_image_fini(&img);
    }
    assert_true(last < 0.9f * first);
}

static void test_quality__falls_with_size(void **state)
{
    struct facet_image img = texture(200, 60, 200);
    float last = 2;
    for (float side = 112; side > 16; side -= 12) {
        struct facet_quality q = measure(&img, (struct facet_box){10, 10, 10 + side, 10 + side}, &front);
        assert_true(q.size < last);
        last = q.size;
    }
    assert_true(measure(&img, (struct facet_box){0, 0, 16, 16}, &front).score == 0);
    facet_image_fini(&img);
}

static void test_quality__falls_as_the_head_turns(void **state)
{
    struct facet_image img = texture(160, 60, 200);
    const struct facet_box b = {20, 20, 140, 140};
    float last = 2;
    for (float x = 56; x <= 80; x += 6) {
        struct facet_landmarks p = with_nose(x, 71.7f);
        struct facet_quality q = measure(&img, b, &p);
        assert_true(q.pose < last);
        last = q.pose;
    }
    struct facet_landmarks up = with_nose(56, 62), down = with_nose(56, 82);
    assert_true(measure(&img, b, &up).pitch_deg > 10 && measure(&img, b, &down).pitch_deg < -10);
    assert_true(measure(&img, b, &up).pose < measure(&img, b, &front).pose);
    facet_image_fini(&img);
}

static void test_quality__a_front_view_has_no_angles(void **state)
{
    struct facet_image img = texture(160, 60, 200);
    struct facet_quality q = measure(&img, (struct facet_box){20, 20, 140, 140}, &front);
    assert_true(fabsf(q.yaw_deg) < 2 && fabsf(q.pitch_deg) < 2 && fabsf(q.roll_deg) < 2 && q.pose > 0.98f);
    assert_true(q.score > 0.7f && q.score <= 1);
    facet_image_fini(&img);
}

static void test_quality__roll_is_the_eyes_slope(void **state)
{
    struct facet_image img = texture(160, 60, 200);
    struct facet_landmarks p;
    for (int i = 0; i < 5; i++)        /* turned a quarter to the right */
        p.p[i] = (struct facet_point){150 - front.p[i].y, front.p[i].x};
    struct facet_quality q = measure(&img, (struct facet_box){20, 20, 140, 140}, &p);
    assert_true(fabsf(q.roll_deg - 90) < 1 && fabsf(q.yaw_deg) < 2);
    facet_image_fini(&img);
}

static void test_quality__too_dark_or_too_bright_is_poor(void **state)
{
    struct facet_image good = texture(160, 30, 226), dark = texture(160, 0, 12), bright = texture(160, 244, 256);
    const struct facet_box b = {20, 20, 140, 140};
    float e = measure(&good, b, &front).exposure;
    assert_true(e > 0.9f);
    assert_true(measure(&dark, b, &front).exposure < 0.1f && measure(&bright, b, &front).exposure < 0.1f);
    facet_image_fini(&good);
    facet_image_fini(&dark);
    facet_image_fini(&bright);
}

static void test_quality__what_lies_outside_costs(void **state)
{
    struct facet_image img = texture(160, 60, 200);
    float whole = measure(&img, (struct facet_box){20, 20, 120, 120}, &front).size;
    float half = measure(&img, (struct facet_box){-50, 20, 50, 120}, &front).size;
    assert_true(half < 0.6f * whole);
    assert_true(measure(&img, (struct facet_box){300, 300, 400, 400}, &front).score == 0);
    facet_image_fini(&img);
}

static void test_quality__nonsense_scores_nothing(void **state)
{
    struct facet_image img = texture(64, 60, 200);
    const struct facet_box bad[] = {{NAN, 0, 10, 10}, {0, 0, 1e20f, 1e20f}, {50, 50, 10, 10}, {0, 0, INFINITY, 40}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_true(!(measure(&img, bad[i], NULL).score > 0));
    struct facet_landmarks same = {{{5, 5}, {5, 5}, {5, 5}, {5, 5}, {5, 5}}};
    assert_true(measure(&img, (struct facet_box){0, 0, 64, 64}, &same).score == 0);
    struct facet_landmarks none = {{{NAN, 5}, {5, 5}, {5, NAN}, {5, 5}, {5, 5}}};
    assert_true(!(measure(&img, (struct facet_box){0, 0, 64, 64}, &none).score > 0));
    facet_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quality__falls_with_blur),
        cmocka_unit_test(test_quality__falls_with_size),
        cmocka_unit_test(test_quality__falls_as_the_head_turns),
        cmocka_unit_test(test_quality__a_front_view_has_no_angles),
        cmocka_unit_test(test_quality__roll_is_the_eyes_slope),
        cmocka_unit_test(test_quality__too_dark_or_too_bright_is_poor),
        cmocka_unit_test(test_quality__what_lies_outside_costs),
        cmocka_unit_test(test_quality__nonsense_scores_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
