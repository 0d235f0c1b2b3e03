#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "deploy/snapshot.h"
#include "media/picture.h"

#include <stdlib.h>
#include <string.h>

static const struct facet_face faces[] = {{.box = {20, 20, 80, 80}}, {.box = {150, 20, 210, 80}}, {.box = {20, 120, 80, 180}}};

static struct facet_frame striped(int w, int h)
{
    struct facet_frame f = {.index = 0};
    assert_int_equal(facet_image_init(&f.image, FACET_PIXEL_RGB24, w, h), FACET_OK);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            memset(f.image.data + (size_t)y * f.image.stride + 3 * (size_t)x, (x / 6 + y / 6) % 2 ? 255 : 0, 3);
    return f;
}

static struct facet_image make(const struct facet_frame *f, int whom, const struct facet_snapshot_opts *o)
{
    struct facet_str jpeg = FACET_STR_INIT;
    struct facet_image out;
    if (facet_snapshot_make(f, faces, 3, whom, o, &jpeg))
        fail_msg("%s", facet_error_text());
    assert_string_equal(facet_picture_kind((const uint8_t *)jpeg.data, jpeg.len), "jpeg");
    assert_int_equal(facet_picture_decode(&out, (const uint8_t *)jpeg.data, jpeg.len, "snapshot"), FACET_OK);
    facet_str_fini(&jpeg);
    return out;
}

/* Does the pattern still stand at the middle of a face? */
static bool is_clear(const struct facet_image *img, struct facet_box b)
{
    int low = 255, high = 0;
    for (int x = (int)b.x1 + 20; x < (int)b.x1 + 40; x++) {
        int v = img->data[(size_t)((b.y1 + b.y2) / 2) * img->stride + 3 * (size_t)x];
        low = v < low ? v : low;
        high = v > high ? v : high;
    }
    return high - low > 150;
}

static void test_snapshot__shows_whom_it_is_of_and_nobody_else(void **state)
{
    struct facet_frame f = striped(240, 200), was = striped(240, 200);
    for (int whom = -1; whom < 3; whom++) {
        struct facet_image img = make(&f, whom, &(struct facet_snapshot_opts){.quality = 95});
        for (int i = 0; i < 3; i++)
            assert_int_equal(is_clear(&img, faces[i].box), i == whom);
        facet_image_fini(&img);
    }
    struct facet_image img = make(&f, 0, &(struct facet_snapshot_opts){.shows_others = true, .quality = 95});
    for (int i = 0; i < 3; i++)
        assert_true(is_clear(&img, faces[i].box));
    facet_image_fini(&img);
    assert_memory_equal(f.image.data, was.image.data, was.image.stride * 200); /* the frame is others', too */
    facet_image_fini(&f.image);
    facet_image_fini(&was.image);
}

static void test_snapshot__crops_and_sizes_are_as_asked(void **state)
{
    struct facet_frame f = striped(240, 200);
    struct facet_image img = make(&f, 0, &(struct facet_snapshot_opts){.is_crop = true});
    assert_true(img.width >= 109 && img.width <= 121 && img.height <= 121);
    facet_image_fini(&img);
    img = make(&f, 0, &(struct facet_snapshot_opts){.max_side = 120});
    assert_int_equal(img.width, 120);
    assert_int_equal(img.height, 100);
    facet_image_fini(&img);
    facet_image_fini(&f.image);
}

static void test_snapshot__of_no_face_is_refused(void **state)
{
    static const struct facet_face outside[] = {{.box = {900, 900, 950, 950}}};
    struct facet_frame f = striped(240, 200);
    struct facet_str jpeg = FACET_STR_INIT;
    struct facet_snapshot_opts crop = {.is_crop = true}, whole = {.is_crop = false};
    assert_int_equal(facet_snapshot_make(&f, faces, 3, 3, &whole, &jpeg), FACET_E_INVALID);
    assert_int_equal(facet_snapshot_make(&f, faces, 3, -1, &crop, &jpeg), FACET_E_INVALID);
    assert_int_equal(facet_snapshot_make(&f, outside, 1, 0, &crop, &jpeg), FACET_E_INVALID);
    assert_int_equal(jpeg.len, 0);
    facet_image_fini(&f.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshot__shows_whom_it_is_of_and_nobody_else),
        cmocka_unit_test(test_snapshot__crops_and_sizes_are_as_asked),
        cmocka_unit_test(test_snapshot__of_no_face_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
