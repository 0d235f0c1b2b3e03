#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "stages/align/align.h"

#include <stdlib.h>
#include <string.h>

/* The stage without the runner: its ops on a packet made by hand. */
struct room {
    void *state;
    struct facet_packet p;
    struct facet_frame frame;
    struct facet_align_opts o;
};

static const struct facet_landmarks front = {{{58.3f, 71.7f}, {93.5f, 71.5f}, {76, 91.7f}, {61.5f, 112.4f}, {90.7f, 112.2f}}};

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    struct facet_rng rng;
    facet_rng_seed(&rng, 5);
    r->state = calloc(1, facet_stage_align.state_size);
    r->p.faces = calloc(FACET_MAX_FACES, sizeof(*r->p.faces));
    r->p.frame = &r->frame;
    facet_image_init(&r->frame.image, FACET_PIXEL_RGB24, 200, 200);
    for (size_t i = 0; i < r->frame.image.stride * 200; i++)
        r->frame.image.data[i] = (uint8_t)(60 + facet_rng_below(&rng, 140));
    r->o.chip = (struct facet_chip_spec){.crop = FACET_CROP_SIMILARITY, .width = 112, .height = 112, .points = front};
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    facet_stage_align.close(r->state);
    for (int i = 0; i < FACET_MAX_FACES; i++)
        facet_image_fini(&r->p.faces[i].chip);
    facet_image_fini(&r->frame.image);
    free(r->p.faces);
    free(r->state);
    free(r);
    return 0;
}

static void face(struct room *r, int64_t track, double pts_ms, float side)
{
    r->frame.pts_ms = pts_ms;
    r->p.n_faces = 1;
    r->p.n_ended = 0;
    r->p.faces[0].box = (struct facet_box){20, 20, 20 + side, 20 + side};
    r->p.faces[0].points = front;
    r->p.faces[0].has_points = true;
    r->p.faces[0].track = track;
}

static bool wants(struct room *r)
{
    assert_int_equal(facet_stage_align.step(r->state, &r->p), FACET_OK);
    return r->p.faces[0].wants_embedding;
}

static void test_align__takes_the_first_of_a_track_then_waits(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 100);
    assert_true(wants(r));
    assert_true(r->p.faces[0].has_chip && r->p.faces[0].chip.width == 112 && r->p.faces[0].quality.score > 0);
    face(r, 1, 40, 100);
    assert_false(wants(r));
    face(r, 2, 40, 100);
    assert_true(wants(r));
}

static void test_align__takes_a_better_one(void **state)
{
    struct room *r = *state;
    r->o.better = 0.05f;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 40);
    assert_true(wants(r));
    face(r, 1, 40, 42);
    assert_false(wants(r));
    face(r, 1, 80, 150);
    assert_true(wants(r));
}

static void test_align__looks_often_at_first(void **state)
{
    struct room *r = *state;
    r->o.eager = 3;
    r->o.eager_ms = 100;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    const struct { double pts_ms; bool is_wanted; } looks[] = {
        { 0, true }, { 90, false }, { 100, true }, { 199, false }, { 200, true }, { 300, false }, { 1000, false },
    };
    for (size_t i = 0; i < sizeof(looks) / sizeof(*looks); i++) {
        face(r, 1, looks[i].pts_ms, 100);
        assert_int_equal(wants(r), looks[i].is_wanted);
    }
}

static void test_align__refreshes_in_time_or_never(void **state)
{
    struct room *r = *state;
    r->o.eager = -1;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 100);
    assert_true(wants(r));
    face(r, 1, 1990, 100);
    assert_false(wants(r));
    face(r, 1, 2000, 100);
    assert_true(wants(r));
    r->o.refresh_ms = -1;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 9, 0, 100);
    assert_true(wants(r));
    face(r, 9, 1e9, 100);
    assert_false(wants(r));
}

static void test_align__leaves_poor_faces_and_takes_the_first_good(void **state)
{
    struct room *r = *state;
    r->o.min_quality = 0.5f;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 18);
    assert_false(wants(r));
    assert_false(r->p.faces[0].has_chip);
    face(r, 1, 40, 150);
    assert_true(wants(r));
}

static void test_align__forgets_tracks_that_ended(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 100);
    assert_true(wants(r));
    face(r, 1, 40, 100);
    r->p.ended[0] = 1;
    r->p.n_ended = 1;
    assert_false(wants(r));
    face(r, 1, 80, 100);
    assert_true(wants(r));
}

static void test_align__a_face_without_a_track_waits_unless_every_frame(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 0, 0, 100);
    assert_false(wants(r));
    r->o.every_frame = true;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 0, 0, 100);
    assert_true(wants(r) && wants(r));
}

static void test_align__remembers_many_tracks_and_no_more(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    for (int i = 1; i <= 1100; i++) {
        face(r, i, i, 30);
        assert_true(wants(r));
    }
    face(r, 1100, 1100, 30);
    assert_false(wants(r));
    face(r, 1, 1101, 30);              /* the oldest was forgotten */
    assert_true(wants(r));
}

static void test_align__spoilt_points_spoil_one_face_only(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 100);
    for (int i = 0; i < 5; i++)
        r->p.faces[0].points.p[i] = (struct facet_point){7, 7};
    assert_false(wants(r));
}

static void test_align__needs_points_for_a_similarity(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    face(r, 1, 0, 100);
    r->p.faces[0].has_points = false;
    assert_int_equal(facet_stage_align.step(r->state, &r->p), FACET_E_INVALID);
}

static void test_align__a_chip_without_size_is_refused(void **state)
{
    struct room *r = *state;
    r->o.chip.width = 0;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_E_INVALID);
    r->o.chip.width = 100000;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_E_INVALID);
}

static void test_align__a_flush_has_no_frame(void **state)
{
    struct room *r = *state;
    assert_int_equal(facet_stage_align.open(r->state, &r->o), FACET_OK);
    r->p.frame = NULL;
    r->p.flush = true;
    assert_int_equal(facet_stage_align.step(r->state, &r->p), FACET_OK);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_align__takes_the_first_of_a_track_then_waits),
        CASE(test_align__takes_a_better_one),
        CASE(test_align__looks_often_at_first),
        CASE(test_align__refreshes_in_time_or_never),
        CASE(test_align__leaves_poor_faces_and_takes_the_first_good),
        CASE(test_align__forgets_tracks_that_ended),
        CASE(test_align__a_face_without_a_track_waits_unless_every_frame),
        CASE(test_align__remembers_many_tracks_and_no_more),
        CASE(test_align__spoilt_points_spoil_one_face_only),
        CASE(test_align__needs_points_for_a_similarity),
        CASE(test_align__a_chip_without_size_is_refused),
        CASE(test_align__a_flush_has_no_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
