/* The pinned pictures and clips: all are read, the clips with the frame counts and sizes that
 * data/SOURCES.md and data/MANIFEST.tsv give. Expects FACET_MIRROR, or ../shared beside the tree. */
#include "test.h"

#include "base/file.h"
#include "media/picture.h"
#include "media/video.h"

#include <facet/error.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void data_path(char *out, size_t cap, const char *name)
{
    const char *mirror = getenv("FACET_MIRROR"), *source = getenv("FACET_TEST_SOURCE");
    if (mirror && *mirror)
        snprintf(out, cap, "%s/data/%s", mirror, name);
    else
        snprintf(out, cap, "%s/../shared/data/%s", source ? source : ".", name);
    if (!facet_path_exists(out))
        fail_msg("'%s' is not there: set FACET_MIRROR to the folder with models/ and data/", out);
}

static void check_clip(const char *name, int frames, int width, int height, double fps)
{
    char path[PATH_MAX];
    struct facet_video *v;
    struct facet_frame_pool *pool;
    struct facet_frame *f;
    double last = -1;
    int n = 0;
    data_path(path, sizeof(path), name);
    assert_int_equal(facet_frame_pool_open(&pool, 1), FACET_OK);
    if (facet_video_open(&v, path, NULL) != FACET_OK)
        fail_msg("%s", facet_error_text());
    assert_int_equal(facet_video_info(v)->width, width);
    assert_int_equal(facet_video_info(v)->height, height);
    assert_float_equal(facet_video_info(v)->fps, fps, 0.2);
    int err;
    for (; (err = facet_video_read(v, pool, &f)) == FACET_OK; n++) {
        assert_int_equal(f->index, n);
        assert_int_equal(f->image.width, width);
        assert_true(f->pts_ms > last);
        assert_true(n > 0 || f->pts_ms < 1000 / fps + 1);
        last = f->pts_ms;
        facet_frame_unref(&f);
    }
    assert_int_equal(err, FACET_E_END);
    assert_int_equal(n, frames);
    assert_int_equal(facet_video_damaged(v), 0);
    facet_video_close(&v);
    facet_frame_pool_close(&pool);
}

static void test_clips__have_their_frames(void **state)
{
    check_clip("video/timesler_multi_1080p.mp4", 105, 1920, 1080, 25);
    check_clip("video/short_hamilton_clip.mp4", 275, 640, 360, 29.97);
    check_clip("video/one_person_desk_1080p.mp4", 595, 1920, 1080, 30);
    check_clip("video/head-pose-female-and-male.gif", 56, 480, 270, 12);
}

static int read_one(void *ctx, const char *path)
{
    struct facet_image img;
    uint8_t *data;
    size_t len;
    int *count = ctx;
    if (facet_file_read(path, 1 << 28, &data, &len) != FACET_OK)
        fail_msg("%s", facet_error_text());
    if (facet_picture_kind(data, len)) {
        if (facet_picture_decode(&img, data, len, path) != FACET_OK)
            fail_msg("%s", facet_error_text());
        facet_image_fini(&img);
        ++*count;
    }
    free(data);
    return 0;
}

static void check_folder(const char *name, int pictures)
{
    char path[PATH_MAX];
    int count = 0;
    data_path(path, sizeof(path), name);
    assert_int_equal(facet_walk(path, 4, read_one, &count), 0);
    assert_int_equal(count, pictures);
}

static void test_pictures__are_all_read(void **state)
{
    check_folder("orl", 400);
    check_folder("gallery-bbt", 40);
    check_folder("gallery-hamilton", 3);
    check_folder("classify", 3);
    check_folder("lfw/images", 3811);
}

static void test_pictures__and_clips_are_not_mixed_up(void **state)
{
    char path[PATH_MAX];
    struct facet_image img;
    struct facet_video *v;
    data_path(path, sizeof(path), "video/short_hamilton_clip.mp4");
    assert_int_equal(facet_picture_read(&img, path), FACET_E_FORMAT);
    data_path(path, sizeof(path), "classify/parrot.jpg");
    assert_int_equal(facet_video_open(&v, path, NULL), FACET_E_FORMAT);
    data_path(path, sizeof(path), "lfw/pairs.txt");
    assert_int_equal(facet_video_open(&v, path, NULL), FACET_E_FORMAT);
    assert_int_equal(facet_picture_read(&img, path), FACET_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clips__have_their_frames),
        cmocka_unit_test(test_pictures__are_all_read),
        cmocka_unit_test(test_pictures__and_clips_are_not_mixed_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
