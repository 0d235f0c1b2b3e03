/* facet bench pipeline and search on real clips and faces: what they tell must hold. */
#include "data/real.h"

#include "base/str.h"
#include "bench/bench_pipeline.h"
#include "bench/bench_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text_of(struct facet_str *s, struct facet_report *r)
{
    facet_report_write_text(r, s);
    assert_int_equal(s->err, 0);
    facet_report_fini(r);
}

static void test_bench_pipeline__the_same_detector_finds_the_same_faces_in_every_mode(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX", command[128];
    const char *clip[] = { real_data("video/short_hamilton_clip.mp4") };
    struct facet_bench_pipeline_opts o = { .clips = clip, .n_clips = 1, .heights = "360", .modes = "every,track", .max_frames = 12, .min_face = 30,
                                           .recogniser = "mobilefacenet-photo-analyze" };
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    (void)real_model("mtcnn");
    (void)real_model("mobilefacenet-photo-analyze");
    assert_non_null(mkdtemp(dir));
    setenv("FACET_CACHE", dir, 1);
    facet_report_init(&r, "pipeline", 0);
    assert_ok(facet_bench_pipeline_run(&r, &o));
    text_of(&s, &r);
    assert_non_null(strstr(facet_str_text(&s), "100.00"));
    assert_non_null(strstr(facet_str_text(&s), "All frames over all time"));
    facet_str_fini(&s);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

static void test_bench_search__int8_is_near_on_real_faces(void **state)
{
    struct facet_bench_search_opts o = { .pictures = real_data("gallery-bbt"), .recogniser = "mobilefacenet-photo-analyze", .threads = 1 };
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    (void)real_model("mtcnn");
    (void)real_model("mobilefacenet-photo-analyze");
    facet_report_init(&r, "search", 1);
    assert_ok(facet_bench_search_faces(&r, &o));
    assert_int_equal(r.n_tables, 1);
    text_of(&s, &r);
    assert_non_null(strstr(facet_str_text(&s), "mobilefacenet-photo-analyze"));
    facet_str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_pipeline__the_same_detector_finds_the_same_faces_in_every_mode),
        cmocka_unit_test(test_bench_search__int8_is_near_on_real_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
