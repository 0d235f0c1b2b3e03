/* When the whole picture is looked over, and where faces are looked for in between. */
#include "test.h"

#include "stages/detect/guide.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define W 64
#define H 48

struct film {
    struct facet__guide *g;
    struct facet_frame frame;
    uint8_t pixels[W * H * 3];
    int source;
};

static int film_open(void **state)
{
    struct film *f = calloc(1, sizeof(*f));
    f->g = malloc(sizeof(*f->g));
    f->frame.image = (struct facet_image){FACET_PIXEL_RGB24, W, H, W * 3, f->pixels};
    for (int i = 0; i < W * H * 3; i++)
        f->pixels[i] = (uint8_t)(i / 3 % W * 4);
    *state = f;
    return 0;
}

static int film_close(void **state)
{
    struct film *f = *state;
    free(f->g);
    free(f);
    return 0;
}

static bool scans(struct film *f, double ms)
{
    f->frame.pts_ms = ms;
    return facet__guide_wants_scan(f->g, f->source, &f->frame);
}

static struct facet_detection at(float x, float y)
{
    return (struct facet_detection){.box = {x, y, x + 10, y + 10}, .score = 1};
}

static void test_guide__of_one_scans_always(void **state)
{
    struct film *f = *state;
    for (int every = 0; every < 2; every++) {
        facet__guide_init(f->g, every);
        for (int i = 0; i < 3; i++)
            assert_true(scans(f, 40 * i));
    }
}

static void test_guide__scans_each_nth_picture(void **state)
{
    struct film *f = *state;
    facet__guide_init(f->g, 3);
    for (int i = 0; i < 9; i++) {
        assert_int_equal(scans(f, 40 * i), i % 3 == 0);
        facet__guide_found(f->g, NULL, 0, i % 3 == 0);
    }
}

static void test_guide__scans_when_source_size_scene_or_time_are_others(void **state)
{
    struct film *f = *state;
    facet__guide_init(f->g, 100);
    assert_true(scans(f, 0));
    assert_false(scans(f, 40));
    f->source = 1;
    assert_true(scans(f, 80));
    assert_false(scans(f, 120));
    f->frame.image.width = W / 2;
    assert_true(scans(f, 160));
    assert_false(scans(f, 200));
    assert_true(scans(f, 1201)); /* too long a gap */
    assert_false(scans(f, 1241));
    assert_true(scans(f, 1200)); /* back in time */
    assert_true(scans(f, NAN));
    assert_true(scans(f, 1240)); /* after such a time nothing is known */
    assert_false(scans(f, 1280));
    for (int i = 0; i < W * H * 3; i++)
        f->pixels[i] = (uint8_t)(255 - f->pixels[i]);
    assert_true(scans(f, 1320));
    assert_int_equal(f->g->n, 0);
}

static void test_guide__a_face_moves_on_as_it_moved(void **state)
{
    struct film *f = *state;
    struct facet_box seeds[FACET_MAX_FACES];
    facet__guide_init(f->g, 100);
    for (int i = 0; i < 12; i++) {
        bool scan = scans(f, 40 * i);
        struct facet_detection d = at(10 + 2 * (float)i, 20);
        facet__guide_found(f->g, &d, 1, scan);
    }
    assert_false(scans(f, 40 * 12));
    assert_int_equal(facet__guide_seeds(f->g, seeds), 1);
    assert_true(fabsf(seeds[0].x1 - 34) < 0.2f);
    assert_true(fabsf(seeds[0].y1 - 20) < 0.01f);
}

static void test_guide__a_lost_face_is_looked_for_until_a_scan_misses_it(void **state)
{
    struct film *f = *state;
    struct facet_box seeds[FACET_MAX_FACES];
    struct facet_detection d[2] = {at(5, 5), at(30, 20)};
    facet__guide_init(f->g, 3);
    assert_true(scans(f, 0));
    facet__guide_found(f->g, d, 2, true);
    for (int i = 1; i < 3; i++) {
        assert_false(scans(f, 40 * i));
        assert_int_equal(facet__guide_seeds(f->g, seeds), 2);
        facet__guide_found(f->g, d, 1, false);
    }
    assert_true(scans(f, 120));
    facet__guide_found(f->g, d, 1, true);
    assert_false(scans(f, 160));
    assert_int_equal(facet__guide_seeds(f->g, seeds), 1);
}

static void test_guide__who_left_the_picture_is_not_looked_for(void **state)
{
    struct film *f = *state;
    struct facet_detection d = at(W + 1, 5);
    facet__guide_init(f->g, 10);
    assert_true(scans(f, 0));
    facet__guide_found(f->g, &d, 1, true);
    assert_false(scans(f, 40));
    facet__guide_found(f->g, NULL, 0, false);
    assert_int_equal(f->g->n, 0);
}

static void test_guide__holds_no_more_faces_than_fit(void **state)
{
    struct film *f = *state;
    static struct facet_detection d[FACET_MAX_FACES], other[FACET_MAX_FACES];
    for (int i = 0; i < FACET_MAX_FACES; i++) {
        d[i] = at(1, 1);
        other[i] = at(40, 30);
    }
    facet__guide_init(f->g, 10);
    assert_true(scans(f, 0));
    facet__guide_found(f->g, d, FACET_MAX_FACES, true);
    assert_false(scans(f, 40));
    facet__guide_found(f->g, other, FACET_MAX_FACES, false);
    assert_int_equal(f->g->n, FACET_MAX_FACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_guide__of_one_scans_always, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__scans_each_nth_picture, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__scans_when_source_size_scene_or_time_are_others, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__a_face_moves_on_as_it_moved, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__a_lost_face_is_looked_for_until_a_scan_misses_it, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__who_left_the_picture_is_not_looked_for, film_open, film_close),
        cmocka_unit_test_setup_teardown(test_guide__holds_no_more_faces_than_fit, film_open, film_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
