/* Boxes that move as we say, without pictures but where a cut is wanted. */
#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "stages/track/track.h"

#include <math.h>
#include <string.h>

#define FRAME_MS 40.0

/* A tracker with one packet and one grey frame that are used again and again. */
struct scene {
    struct facet_tracker *tracker;
    struct facet_packet *p;
    struct facet_frame_pool *frames;
    double pts_ms;
    int source;
    uint8_t shade; /* picture: shade, or its mirror image */
    bool mirrored;
};

static void scene_open(struct scene *s, struct facet_track_opts o)
{
    *s = (struct scene){.shade = 100};
    assert_int_equal(facet_tracker_open(&s->tracker, &o), FACET_OK);
    assert_int_equal(facet_packet_open(&s->p, 0), FACET_OK);
    assert_int_equal(facet_frame_pool_open(&s->frames, 2), FACET_OK);
}

static void scene_close(struct scene *s)
{
    facet_packet_close(&s->p);
    facet_frame_pool_close(&s->frames);
    facet_tracker_close(&s->tracker);
}

static void paint(struct facet_image *img, const struct scene *s)
{
    for (int y = 0; y < img->height; y++) {
        for (int x = 0; x < img->width; x++) {
            int at = s->mirrored ? img->width - 1 - x : x;
            img->data[(size_t)y * img->stride + (size_t)x] = (uint8_t)(at < 20 ? s->shade : 10);
        }
    }
}

static void begin_frame(struct scene *s)
{
    facet_packet_reset(s->p);
    assert_int_equal(facet_frame_get(&s->p->frame, s->frames, FACET_PIXEL_GRAY8, 64, 48), FACET_OK);
    paint(&s->p->frame->image, s);
    s->p->frame->pts_ms = s->pts_ms;
    s->p->source = s->source;
}

static struct facet_face *put_face(struct scene *s, float x, float y, float side, float score)
{
    struct facet_face *f = &s->p->faces[s->p->n_faces++];
    f->box = (struct facet_box){x - side / 2, y - side / 2, x + side / 2, y + side / 2};
    f->score = score;
    return f;
}

static void end_frame(struct scene *s)
{
    assert_int_equal(facet_tracker_step(s->tracker, s->p), FACET_OK);
    s->pts_ms += FRAME_MS;
}

/* One frame with one face. */
static int64_t track_one(struct scene *s, float x, float y, float score)
{
    begin_frame(s);
    struct facet_face *f = put_face(s, x, y, 50, score);
    end_frame(s);
    return f->track;
}

static void track_none(struct scene *s)
{
    begin_frame(s);
    end_frame(s);
}

static const struct facet_track_opts defaults;

static void test_track__first_picture_gets_numbers_from_one(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    begin_frame(&s);
    struct facet_face *a = put_face(&s, 50, 50, 40, 0.99f), *b = put_face(&s, 150, 50, 40, 0.98f);
    end_frame(&s);
    assert_int_equal(a->track, 1);
    assert_int_equal(b->track, 2);
    assert_true(a->is_new_track && b->is_new_track);
    assert_int_equal(s.p->n_ended, 0);
    scene_close(&s);
}

static void test_track__later_face_needs_two_pictures(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    track_none(&s);
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 0);
    assert_false(s.p->faces[0].is_new_track);
    assert_int_equal(track_one(&s, 52, 50, 0.9f), 1);
    assert_true(s.p->faces[0].is_new_track);
    assert_int_equal(track_one(&s, 54, 50, 0.9f), 1);
    assert_false(s.p->faces[0].is_new_track);
    scene_close(&s);
}

static void test_track__one_flicker_gets_no_number(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    track_none(&s);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(track_one(&s, 50, 50, 0.9f), 0);
        track_none(&s);
        assert_int_equal(s.p->n_ended, 0);
    }
    scene_close(&s);
}

static void test_track__unsure_face_continues_but_begins_nothing(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    assert_int_equal(track_one(&s, 50, 50, 0.5f), 0);
    assert_int_equal(track_one(&s, 50, 50, 0.5f), 0);
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 0);
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 1);
    assert_int_equal(track_one(&s, 51, 50, 0.4f), 1);
    scene_close(&s);
}

static void test_track__survives_a_hiding_shorter_than_ttl(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    float x = 100;
    for (int i = 0; i < 20; i++, x += 2)
        assert_int_equal(track_one(&s, x, 50, 0.9f), 1);
    for (int i = 0; i < 10; i++, x += 1) {
        track_none(&s);
        assert_int_equal(s.p->n_ended, 0);
    }
    assert_int_equal(track_one(&s, x, 50, 0.9f), 1);
    scene_close(&s);
}

static void test_track__ends_after_ttl_by_time_not_by_frames(void **state)
{
    struct scene s;
    scene_open(&s, (struct facet_track_opts){.ttl_ms = 500});
    track_one(&s, 50, 50, 0.9f);
    s.pts_ms = 500;
    track_none(&s);
    assert_int_equal(s.p->n_ended, 0);
    s.pts_ms = 501;
    track_none(&s);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    track_none(&s);
    assert_int_equal(s.p->n_ended, 0);
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 0);
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 2);
    scene_close(&s);
}

/* Two people walk towards each other and pass, one of them hidden while they overlap. */
static void test_track__crossing_people_keep_their_numbers(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct scene s;
        scene_open(&s, defaults);
        for (int i = 0; i < 80; i++) {
            float left = 50 + 5.0f * (float)i, right = 450 - 5.0f * (float)i;
            bool is_hidden = fabsf(left - right) < 35;
            begin_frame(&s);
            struct facet_face *a = NULL, *b = NULL;
            if (order)
                b = put_face(&s, right, 104, 52, 0.95f);
            a = is_hidden ? NULL : put_face(&s, left, 100, 50, 0.95f);
            if (!order)
                b = put_face(&s, right, 104, 52, 0.95f);
            end_frame(&s);
            if (a)
                assert_int_equal(a->track, order ? 2 : 1);
            assert_int_equal(b->track, order ? 1 : 2);
        }
        scene_close(&s);
    }
}

/* Faces in random order with jitter, each walking its own way: the numbers go with the people. */
static void test_track__crowd_with_jitter_keeps_its_numbers(void **state)
{
    enum { PEOPLE = 40 };
    struct scene s;
    struct facet_rng rng;
    int64_t number[PEOPLE] = {0};
    scene_open(&s, defaults);
    facet_rng_seed(&rng, 11);
    for (int i = 0; i < 60; i++) {
        struct facet_face *face[PEOPLE] = {NULL};
        int first = (int)facet_rng_below(&rng, PEOPLE);
        begin_frame(&s);
        for (int k = 0; k < PEOPLE; k++) {
            int who = (first + k * 7) % PEOPLE;
            float x = 100 + 90 * (float)(who % 8) + (float)(who % 3 - 1) * (float)i;
            float y = 100 + 90 * (float)(who / 8) + (float)(who % 2) * 0.5f * (float)i;
            if (i && facet_rng_uniform(&rng) < 0.1f)
                continue; /* missed by the detector */
            face[who] =
                put_face(&s, x + 2 * facet_rng_normal(&rng), y + 2 * facet_rng_normal(&rng),
                         40 + facet_rng_normal(&rng), 0.8f + 0.2f * facet_rng_uniform(&rng));
        }
        end_frame(&s);
        for (int who = 0; who < PEOPLE; who++) {
            number[who] = number[who] || !face[who] ? number[who] : face[who]->track;
            assert_true(!face[who] || face[who]->track == number[who]);
        }
    }
    scene_close(&s);
}

static void test_track__cut_ends_all(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    track_one(&s, 50, 50, 0.9f);
    assert_false(s.p->cut);
    s.shade = 140; /* more light alone is no cut */
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 1);
    s.mirrored = true;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 2);
    assert_true(s.p->cut);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    scene_close(&s);
}

static void test_track__cut_may_be_turned_off(void **state)
{
    struct scene s;
    scene_open(&s, (struct facet_track_opts){.cut = -1});
    track_one(&s, 50, 50, 0.9f);
    s.mirrored = true;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 1);
    assert_false(s.p->cut);
    scene_close(&s);
}

static void test_track__dark_noise_is_no_cut(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    s.shade = 14;
    track_one(&s, 50, 50, 0.9f);
    s.mirrored = true;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 1);
    assert_false(s.p->cut);
    scene_close(&s);
}

static void test_track__flush_ends_all_of_its_source(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    track_one(&s, 50, 50, 0.9f);
    facet_packet_reset(s.p);
    s.p->flush = true;
    assert_int_equal(facet_tracker_step(s.tracker, s.p), FACET_OK);
    assert_int_equal(s.p->n_ended, 1);
    s.source = 1;
    s.pts_ms = 0;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 2);
    s.source = 2;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 3);
    assert_int_equal(s.p->n_ended, 0);
    facet_packet_reset(s.p);
    s.p->flush = true;
    s.p->source = 1;
    assert_int_equal(facet_tracker_step(s.tracker, s.p), FACET_OK);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 2);
    s.source = 2;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), 3);
    scene_close(&s);
}

/* Four cameras whose faces stand at the same places, at clocks of their own; numbers are unique over all. */
static void test_track__mixed_sources_are_followed_apart(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    for (int i = 0; i < 40; i++) {
        s.source = i % 4;
        s.pts_ms = i / 4 * 40.0 + 1e6 * s.source;
        s.mirrored = s.source & 1;
        assert_int_equal(track_one(&s, 50 + (float)(i / 4), 50, 0.9f), 1 + s.source);
        assert_int_equal(s.p->faces[0].is_new_track, i < 4);
        assert_int_equal(s.p->n_ended, 0);
        assert_false(s.p->cut);
    }
    scene_close(&s);
}

static void test_track__more_sources_than_places_end_the_longest_unseen(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES; i++) {
        s.source = i;
        assert_int_equal(track_one(&s, 50, 50, 0.9f), i + 1);
        assert_int_equal(s.p->n_ended, 0);
    }
    s.source = 1000;
    assert_int_equal(track_one(&s, 50, 50, 0.9f), FACET_MAX_LIVE_SOURCES + 1);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    scene_close(&s);
}

static void test_track__last_picture_with_flush_is_tracked_first(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    track_one(&s, 50, 50, 0.9f);
    begin_frame(&s);
    struct facet_face *f = put_face(&s, 51, 50, 50, 0.9f);
    s.p->flush = true;
    end_frame(&s);
    assert_int_equal(f->track, 1);
    assert_int_equal(s.p->n_ended, 1);
    scene_close(&s);
}

static void test_track__as_many_as_a_packet_holds(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    for (int round = 0; round < 3; round++) {
        begin_frame(&s);
        for (int i = 0; i < FACET_MAX_FACES; i++)
            put_face(&s, 60.0f * (float)(i % 16) + 1000.0f * (float)round, 60.0f * (float)(i / 16),
                     50, 0.9f);
        end_frame(&s);
    }
    s.pts_ms += 5000;
    track_none(&s);
    assert_int_equal(s.p->n_ended, FACET_MAX_FACES);
    scene_close(&s);
}

static void test_track__strange_boxes_do_no_harm(void **state)
{
    static const struct facet_box strange[] = {
        {0, 0, 0, 0},     {10, 10, 5, 5},      {-1e9f, -1e9f, 1e9f, 1e9f},
        {NAN, 0, 10, 10}, {0, 0, INFINITY, 1},
    };
    struct scene s;
    scene_open(&s, defaults);
    for (int round = 0; round < 5; round++) {
        begin_frame(&s);
        for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++)
            put_face(&s, 0, 0, 1, 0.9f)->box = strange[i];
        struct facet_face *f = put_face(&s, 500, 500, 50, 0.9f);
        s.pts_ms = round == 3 ? -1e12 : s.pts_ms;
        end_frame(&s);
        assert_true(f->track > 0);
    }
    scene_close(&s);
}

static void test_track__absurd_is_refused(void **state)
{
    struct facet_tracker *t = (void *)1;
    assert_int_equal(facet_tracker_open(&t, &(struct facet_track_opts){.ttl_ms = -1}),
                     FACET_E_INVALID);
    assert_null(t);
    assert_int_equal(facet_tracker_open(&t, &(struct facet_track_opts){.iou = 1.5f}),
                     FACET_E_INVALID);
    assert_int_equal(facet_tracker_open(&t, &(struct facet_track_opts){.min_hits = -2}),
                     FACET_E_INVALID);
    struct scene s;
    scene_open(&s, defaults);
    begin_frame(&s);
    s.p->n_faces = FACET_MAX_FACES + 1;
    assert_int_equal(facet_tracker_step(s.tracker, s.p), FACET_E_INVALID);
    s.p->n_faces = 0;
    scene_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_track__first_picture_gets_numbers_from_one),
        cmocka_unit_test(test_track__later_face_needs_two_pictures),
        cmocka_unit_test(test_track__one_flicker_gets_no_number),
        cmocka_unit_test(test_track__unsure_face_continues_but_begins_nothing),
        cmocka_unit_test(test_track__survives_a_hiding_shorter_than_ttl),
        cmocka_unit_test(test_track__ends_after_ttl_by_time_not_by_frames),
        cmocka_unit_test(test_track__crossing_people_keep_their_numbers),
        cmocka_unit_test(test_track__crowd_with_jitter_keeps_its_numbers),
        cmocka_unit_test(test_track__cut_ends_all),
        cmocka_unit_test(test_track__cut_may_be_turned_off),
        cmocka_unit_test(test_track__dark_noise_is_no_cut),
        cmocka_unit_test(test_track__flush_ends_all_of_its_source),
        cmocka_unit_test(test_track__mixed_sources_are_followed_apart),
        cmocka_unit_test(test_track__more_sources_than_places_end_the_longest_unseen),
        cmocka_unit_test(test_track__last_picture_with_flush_is_tracked_first),
        cmocka_unit_test(test_track__as_many_as_a_packet_holds),
        cmocka_unit_test(test_track__strange_boxes_do_no_harm),
        cmocka_unit_test(test_track__absurd_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
