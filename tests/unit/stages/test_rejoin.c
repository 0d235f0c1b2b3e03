/* Packets as the tracker and the embedder leave them, made by hand. */
#include "test.h"

#include "base/errors.h"
#include "stages/track/track.h"

#include <math.h>
#include <string.h>

#define DIM 4

struct scene {
    struct facet_rejoin *rejoin;
    struct facet_packet *p;
    struct facet_frame_pool *frames;
    double pts_ms;
};

static void scene_open(struct scene *s, struct facet_rejoin_opts o)
{
    *s = (struct scene){0};
    o.dim = DIM;
    assert_int_equal(facet_rejoin_open(&s->rejoin, &o), FACET_OK);
    assert_int_equal(facet_packet_open(&s->p, DIM), FACET_OK);
    assert_int_equal(facet_frame_pool_open(&s->frames, 1), FACET_OK);
}

static void scene_close(struct scene *s)
{
    facet_packet_close(&s->p);
    facet_frame_pool_close(&s->frames);
    facet_rejoin_close(&s->rejoin);
    assert_null(s->rejoin);
}

static void begin(struct scene *s)
{
    facet_packet_reset(s->p);
    assert_int_equal(facet_frame_get(&s->p->frame, s->frames, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    s->p->frame->pts_ms = s->pts_ms += 40;
}

/* who: 0 not embedded; otherwise an axis, so that different people are at right angles. */
static struct facet_face *put(struct scene *s, int64_t raw, int who)
{
    struct facet_face *f = &s->p->faces[s->p->n_faces++];
    memset(f->embedding, 0, DIM * sizeof(float));
    f->track = raw;
    f->has_embedding = who > 0;
    if (who)
        f->embedding[who - 1] = 1;
    return f;
}

static void end(struct scene *s)
{
    assert_int_equal(facet_rejoin_step(s->rejoin, s->p), FACET_OK);
}

static int64_t one(struct scene *s, int64_t raw, int who)
{
    begin(s);
    struct facet_face *f = put(s, raw, who);
    end(s);
    return f->track;
}

static void ended(struct scene *s, int64_t raw)
{
    begin(s);
    s->p->ended[s->p->n_ended++] = raw;
    end(s);
}

static const struct facet_rejoin_opts defaults;

static void test_rejoin__lost_face_that_comes_back_continues(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    assert_int_equal(one(&s, 5, 1), 1);
    assert_true(s.p->faces[0].is_new_track);
    ended(&s, 5);
    assert_int_equal(s.p->n_ended, 0);
    assert_int_equal(one(&s, 9, 1), 1);
    assert_false(s.p->faces[0].is_new_track);
    assert_int_equal(s.p->n_ended, 0);
    assert_int_equal(one(&s, 9, 0), 1);
    scene_close(&s);
}

/* The tracker still waits for the old track when the face is back elsewhere. */
static void test_rejoin__unseen_track_need_not_have_ended(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 1);
    assert_int_equal(one(&s, 6, 1), 1);
    ended(&s, 5);
    assert_int_equal(s.p->n_ended, 0);
    assert_int_equal(one(&s, 6, 1), 1);
    assert_int_equal(one(&s, 5, 2), 2); /* whoever that is now, the number is new */
    scene_close(&s);
}

static void test_rejoin__another_face_gets_a_number_of_its_own(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 1);
    ended(&s, 5);
    assert_int_equal(one(&s, 9, 2), 2);
    scene_close(&s);
}

static void test_rejoin__face_in_sight_is_not_continued(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 1);
    begin(&s);
    struct facet_face *a = put(&s, 5, 0), *b = put(&s, 6, 1);
    end(&s);
    assert_int_equal(a->track, 1);
    assert_int_equal(b->track, 2);
    scene_close(&s);
}

static void test_rejoin__late_embedding_ends_the_number_shown_until_then(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 1);
    ended(&s, 5);
    assert_int_equal(one(&s, 9, 0), 2);
    assert_int_equal(one(&s, 9, 1), 1);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 2);
    scene_close(&s);
}

static void test_rejoin__likest_of_several_wins(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 1, 1);
    one(&s, 2, 2);
    ended(&s, 1);
    ended(&s, 2);
    begin(&s);
    struct facet_face *f = put(&s, 3, 1), *g = put(&s, 4, 1);
    f->embedding[0] = 0.6f;
    f->embedding[1] = 0.8f;
    end(&s);
    assert_int_equal(f->track, 2);
    assert_int_equal(g->track, 1);
    scene_close(&s);
}

static void test_rejoin__never_embedded_ends_at_once(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 0);
    ended(&s, 5);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    scene_close(&s);
}

static void test_rejoin__too_late_is_new_and_the_end_was_told(void **state)
{
    struct scene s;
    scene_open(&s, (struct facet_rejoin_opts){.ms = 1000});
    one(&s, 5, 1);
    ended(&s, 5);
    s.pts_ms += 2000;
    assert_int_equal(one(&s, 9, 1), 2);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    scene_close(&s);
}

static void test_rejoin__cut_and_flush_end_the_lost(void **state)
{
    struct scene s;
    for (int how = 0; how < 2; how++) {
        scene_open(&s, defaults);
        one(&s, 5, 1);
        ended(&s, 5);
        begin(&s);
        s.p->cut = how == 0;
        s.p->flush = how == 1;
        end(&s);
        assert_int_equal(s.p->n_ended, 1);
        assert_int_equal(s.p->ended[0], 1);
        s.p->cut = false;
        scene_close(&s);
    }
}

/* A face lost by one camera does not come back in another, and keeps its number in its own. */
static void test_rejoin__sources_are_apart(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    assert_int_equal(one(&s, 5, 1), 1);
    ended(&s, 5);
    begin(&s);
    s.p->source = 1;
    struct facet_face *f = put(&s, 6, 1);
    end(&s);
    assert_int_equal(f->track, 2);
    assert_int_equal(s.p->n_ended, 0);
    assert_int_equal(one(&s, 9, 1), 1);
    begin(&s);
    s.p->source = 1;
    s.p->flush = true;
    end(&s);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 2);
    assert_int_equal(one(&s, 9, 0), 1);
    scene_close(&s);
}

static void test_rejoin__last_picture_with_flush_keeps_its_numbers(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    one(&s, 5, 1);
    begin(&s);
    struct facet_face *f = put(&s, 5, 1);
    s.p->ended[s.p->n_ended++] = 5;
    s.p->flush = true;
    end(&s);
    assert_int_equal(f->track, 1);
    assert_int_equal(s.p->n_ended, 1);
    assert_int_equal(s.p->ended[0], 1);
    scene_close(&s);
}

static void test_rejoin__faces_without_a_track_stay_without(void **state)
{
    struct scene s;
    scene_open(&s, defaults);
    assert_int_equal(one(&s, 0, 1), 0);
    ended(&s, 77); /* never heard of */
    assert_int_equal(s.p->n_ended, 0);
    scene_close(&s);
}

static void test_rejoin__full_table_makes_room_by_telling_ends(void **state)
{
    struct scene s;
    int told = 0;
    scene_open(&s, (struct facet_rejoin_opts){.cosine = 0.99999f});
    for (int64_t raw = 1; raw <= 300; raw++) {
        begin(&s);
        if (raw > 1)
            s.p->ended[s.p->n_ended++] = raw - 1;
        struct facet_face *f = put(&s, raw, 1);
        f->embedding[0] = cosf(0.02f * (float)raw); /* nobody is like another */
        f->embedding[1] = sinf(0.02f * (float)raw);
        s.p->frame->pts_ms = 100;
        end(&s);
        told += s.p->n_ended;
        assert_int_equal(f->track, raw);
    }
    assert_int_equal(told, 300 - FACET_MAX_FACES);
    begin(&s);
    s.p->flush = true;
    end(&s);
    assert_int_equal(s.p->n_ended, FACET_MAX_FACES);
    scene_close(&s);
}

static void test_rejoin__off_leaves_packets_alone(void **state)
{
    struct scene s;
    scene_open(&s, (struct facet_rejoin_opts){.cosine = -1});
    assert_int_equal(one(&s, 5, 1), 5);
    ended(&s, 5);
    assert_int_equal(s.p->n_ended, 1);
    scene_close(&s);
}

static void test_rejoin__absurd_is_refused(void **state)
{
    struct facet_rejoin *r = (void *)1;
    assert_int_equal(facet_rejoin_open(&r, &(struct facet_rejoin_opts){.dim = 0}), FACET_E_INVALID);
    assert_null(r);
    assert_int_equal(facet_rejoin_open(&r, &(struct facet_rejoin_opts){.dim = 100000}),
                     FACET_E_INVALID);
    assert_int_equal(facet_rejoin_open(&r, &(struct facet_rejoin_opts){.dim = 4, .cosine = 2}),
                     FACET_E_INVALID);
    assert_int_equal(facet_rejoin_open(&r, &(struct facet_rejoin_opts){.dim = 4, .ms = -2}),
                     FACET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rejoin__lost_face_that_comes_back_continues),
        cmocka_unit_test(test_rejoin__unseen_track_need_not_have_ended),
        cmocka_unit_test(test_rejoin__another_face_gets_a_number_of_its_own),
        cmocka_unit_test(test_rejoin__face_in_sight_is_not_continued),
        cmocka_unit_test(test_rejoin__late_embedding_ends_the_number_shown_until_then),
        cmocka_unit_test(test_rejoin__likest_of_several_wins),
        cmocka_unit_test(test_rejoin__never_embedded_ends_at_once),
        cmocka_unit_test(test_rejoin__too_late_is_new_and_the_end_was_told),
        cmocka_unit_test(test_rejoin__cut_and_flush_end_the_lost),
        cmocka_unit_test(test_rejoin__sources_are_apart),
        cmocka_unit_test(test_rejoin__last_picture_with_flush_keeps_its_numbers),
        cmocka_unit_test(test_rejoin__faces_without_a_track_stay_without),
        cmocka_unit_test(test_rejoin__full_table_makes_room_by_telling_ends),
        cmocka_unit_test(test_rejoin__off_leaves_packets_alone),
        cmocka_unit_test(test_rejoin__absurd_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
