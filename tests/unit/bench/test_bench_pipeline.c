#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "bench/bench_pipeline.h"
#include "media/video.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void refuse(const struct facet_bench_pipeline_opts *o, int code, const char *why)
{
    struct facet_report r;
    facet_report_init(&r, "pipeline", 1);
    assert_int_equal(facet_bench_pipeline_run(&r, o), code);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
    facet_report_fini(&r);
}

static void test_bench_pipeline__refuses_words_that_make_no_sense(void **state)
{
    static const char *const heights[] = { "", "481", "480,x", "x", "480;720", "10", "9000", "480,480,480,480,480,480,480,480,480" };
    for (size_t i = 0; i < sizeof(heights) / sizeof(heights[0]); i++)
        refuse(&(struct facet_bench_pipeline_opts){ .heights = heights[i] }, FACET_E_INVALID, "height");
    refuse(&(struct facet_bench_pipeline_opts){ .modes = "every,fast" }, FACET_E_INVALID, "no mode 'fast'");
}

static void test_bench_pipeline__refuses_clips_that_are_not_there(void **state)
{
    const char *nowhere[] = { "/nowhere/clip.mp4" }, *empty[] = { "/tmp/facet-test-empty-XXXXXX" };
    char dir[] = "/tmp/facet-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    empty[0] = dir;
    refuse(&(struct facet_bench_pipeline_opts){ .clips = nowhere, .n_clips = 1 }, FACET_E_NOT_FOUND, "/nowhere/clip.mp4");
    refuse(&(struct facet_bench_pipeline_opts){ .clips = empty, .n_clips = 1 }, FACET_E_NOT_FOUND, "no video");
    unsetenv("FACET_MIRROR");
    refuse(&(struct facet_bench_pipeline_opts){ .n_clips = 0 }, FACET_E_INVALID, "FACET_MIRROR");
    assert_int_equal(rmdir(dir), 0);
}

static void write_clip(const char *path, int frames)
{
    struct facet_video_writer *w;
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 320, 240), FACET_OK);
    if (facet_video_writer_open(&w, path, 320, 240, 10))
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < frames; i++) {
        facet_image_fill(&img, (uint8_t)(10 * i), 100, 200);
        assert_int_equal(facet_video_writer_put(w, &img, 100 * i), FACET_OK);
    }
    assert_int_equal(facet_video_writer_finish(w), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
}

static void test_sample__has_the_lines_wanted_and_is_made_once(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX", clip[64], first[4096], again[4096], command[128];
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    struct facet_file_id a, b;
    struct facet_video *v;
    assert_non_null(mkdtemp(dir));
    setenv("FACET_CACHE", dir, 1);
    snprintf(clip, sizeof(clip), "%s/clip.mp4", dir);
    write_clip(clip, 9);
    if (facet_bench_sample(first, sizeof(first), clip, 120, 5, NULL))
        fail_msg("%s", facet_error_text());
    assert_int_equal(facet_video_open(&v, first, &vo), FACET_OK);
    assert_int_equal(facet_video_info(v)->height, 120);
    assert_int_equal(facet_video_info(v)->width, 160);
    assert_int_equal(facet_video_info(v)->frames, 5);
    facet_video_close(&v);
    assert_int_equal(facet_file_identify(first, &a), FACET_OK);
    assert_int_equal(facet_bench_sample(again, sizeof(again), clip, 120, 5, NULL), FACET_OK);
    assert_string_equal(first, again);
    assert_int_equal(facet_file_identify(again, &b), FACET_OK);
    assert_true(facet_file_id_equal(&a, &b));
    assert_int_equal(facet_bench_sample(again, sizeof(again), clip, 121, 5, NULL), FACET_E_INVALID);
    assert_int_equal(facet_bench_sample(again, sizeof(again), "/nowhere", 120, 5, NULL), FACET_E_NOT_FOUND);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_sample__that_is_cancelled_leaves_nothing(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX", clip[64], path[4096], command[128];
    atomic_int cancel = 1;
    assert_non_null(mkdtemp(dir));
    setenv("FACET_CACHE", dir, 1);
    snprintf(clip, sizeof(clip), "%s/clip.mp4", dir);
    write_clip(clip, 3);
    assert_int_equal(facet_bench_sample(path, sizeof(path), clip, 120, 0, &cancel), FACET_E_CANCELLED);
    assert_false(facet_path_exists(path));
    snprintf(command, sizeof(command), "test -z \"$(ls '%s/samples')\" && rm -rf '%s'", dir, dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_pipeline__refuses_words_that_make_no_sense),
        cmocka_unit_test(test_bench_pipeline__refuses_clips_that_are_not_there),
        cmocka_unit_test(test_sample__has_the_lines_wanted_and_is_made_once),
        cmocka_unit_test(test_sample__that_is_cancelled_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
