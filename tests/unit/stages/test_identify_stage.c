/* Tracks to names: what a run of answers adds up to. */
#include "unit/store/fixture.h"

#include "flow/packet.h"
#include "image/frame.h"
#include "stages/identify/identify.h"

static struct facet_identity known(int64_t person, float cosine)
{
    struct facet_identity id = { .decision = FACET_KNOWN, .person = person, .cosine = cosine, .score = 0.9f };
    snprintf(id.name, sizeof(id.name), "person %d", (int)person);
    return id;
}

static const struct facet_identity stranger = { .decision = FACET_UNKNOWN, .cosine = 0.1f };

static enum facet_decision decide(const struct facet_evidence *e, int confirm, int64_t *person)
{
    struct facet_identity out;
    facet_evidence_decide(e, confirm, &out);
    *person = out.person;
    return out.decision;
}

static void test_evidence__a_name_needs_confirmation(void **state)
{
    struct facet_evidence e = { 0 };
    struct facet_identity a = known(1, 0.7f);
    int64_t p;
    assert_int_equal(decide(&e, 2, &p), FACET_UNDECIDED);
    facet_evidence_add(&e, &a, 0.5f);
    assert_int_equal(decide(&e, 2, &p), FACET_UNDECIDED);
    assert_int_equal(decide(&e, 1, &p), FACET_KNOWN);
    facet_evidence_add(&e, &a, 0.5f);
    assert_int_equal(decide(&e, 2, &p), FACET_KNOWN);
    assert_int_equal(p, 1);
    assert_int_equal(decide(&e, 3, &p), FACET_UNDECIDED);
}

static void test_evidence__good_faces_outweigh_many_bad_ones(void **state)
{
    struct facet_evidence e = { 0 };
    struct facet_identity a = known(1, 0.7f), b = known(2, 0.6f);
    int64_t p;
    for (int i = 0; i < 4; i++)
        facet_evidence_add(&e, &b, 0.1f);
    facet_evidence_add(&e, &a, 0.9f);
    facet_evidence_add(&e, &a, 0.9f);
    assert_int_equal(decide(&e, 2, &p), FACET_KNOWN);
    assert_int_equal(p, 1);
}

static void test_evidence__a_split_vote_is_nobody(void **state)
{
    struct facet_evidence e = { 0 };
    struct facet_identity a = known(1, 0.7f), b = known(2, 0.6f);
    int64_t p;
    for (int i = 0; i < 3; i++) {
        facet_evidence_add(&e, &a, 0.5f);
        facet_evidence_add(&e, &b, 0.5f);
    }
    assert_int_equal(decide(&e, 2, &p), FACET_UNKNOWN);
    assert_int_equal(p, 0);
}

static void test_evidence__strangers_are_told_after_enough(void **state)
{
    struct facet_evidence e = { 0 };
    int64_t p;
    facet_evidence_add(&e, &stranger, 0.5f);
    assert_int_equal(decide(&e, 2, &p), FACET_UNDECIDED);
    facet_evidence_add(&e, &stranger, 0.5f);
    assert_int_equal(decide(&e, 2, &p), FACET_UNKNOWN);
}

static void test_evidence__undecided_answers_are_none(void **state)
{
    struct facet_evidence e = { 0 };
    struct facet_identity none = { .decision = FACET_UNDECIDED, .cosine = -1 };
    facet_evidence_add(&e, &none, 1);
    assert_int_equal(e.answers, 0);
}

static void test_evidence__wavering_is_bounded(void **state)
{
    struct facet_evidence e = { 0 };
    int64_t p;
    for (int i = 1; i < 100; i++) {
        struct facet_identity id = known(i, 0.6f);
        facet_evidence_add(&e, &id, 0.5f);
    }
    assert_int_equal(e.n_known, FACET_CANDIDATES);
    assert_int_equal(decide(&e, 2, &p), FACET_UNKNOWN);
}

/* --- the stage --- */

struct scene { struct facet_gallery *g; struct facet_stage *stage; struct facet_packet *p; struct facet_frame frame; float e[FACET_MAX_FACES][DIM]; };

static struct scene *scene_open(struct facet_identify_opts o)
{
    struct scene *s = calloc(1, sizeof(*s));
    s->g = open_or_fail(":memory:");
    for (uint64_t i = 1; i <= 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(add_person(s->g, name, i), FACET_OK);
    }
    o.gallery = s->g;
    o.threshold = 0.5;
    assert_int_equal(facet_stage_open(&s->stage, &facet_stage_identify, &o), FACET_OK);
    assert_int_equal(facet_packet_open(&s->p, DIM), FACET_OK);
    return s;
}

static void scene_close(struct scene *s)
{
    s->p->frame = NULL;
    facet_packet_close(&s->p);
    facet_stage_close(&s->stage);
    facet_gallery_close(&s->g);
    free(s);
}

static void begin(struct scene *s, double pts_ms)
{
    s->frame.pts_ms = pts_ms;
    s->p->frame = &s->frame;
    s->p->n_faces = s->p->n_ended = 0;
    s->p->flush = false;
}

static struct facet_face *face(struct scene *s, int64_t track, uint64_t seed)
{
    struct facet_face *f = &s->p->faces[s->p->n_faces++];
    f->track = track;
    f->quality.score = 0.5f;
    f->has_embedding = seed != 0;
    if (seed)
        make_embedding(f->embedding, DIM, seed);
    return f;
}

static void step(struct scene *s)
{
    assert_int_equal(facet_stage_step(s->stage, s->p), FACET_OK);
}

static void test_stage__names_a_track_once_confirmed(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ 0 });
    struct facet_face *f;
    begin(s, 0), f = face(s, 7, 1), step(s);
    assert_int_equal(f->now.decision, FACET_KNOWN);
    assert_int_equal(f->identity.decision, FACET_UNDECIDED);
    assert_false(f->identity_changed);
    begin(s, 40), f = face(s, 7, 0), step(s); /* not embedded: nothing new */
    assert_int_equal(f->now.decision, FACET_UNDECIDED);
    assert_int_equal(f->identity.decision, FACET_UNDECIDED);
    begin(s, 80), f = face(s, 7, 1), step(s);
    assert_string_equal(f->identity.name, "person 1");
    assert_true(f->identity_changed);
    begin(s, 120), f = face(s, 7, 0), step(s);
    assert_string_equal(f->identity.name, "person 1");
    assert_false(f->identity_changed);
    scene_close(s);
}

static void test_stage__a_known_person_is_not_announced_again_soon(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ .confirm_frames = 1, .cooldown_ms = 1000 });
    struct facet_face *f;
    begin(s, 0), f = face(s, 1, 1), step(s);
    assert_true(f->identity_changed);
    begin(s, 500), f = face(s, 2, 1), step(s);
    assert_string_equal(f->identity.name, "person 1");
    assert_false(f->identity_changed);
    begin(s, 1500), f = face(s, 3, 1), step(s);
    assert_true(f->identity_changed);
    begin(s, 1500), f = face(s, 4, 2), step(s); /* another person is news */
    assert_true(f->identity_changed);
    scene_close(s);
}

static void test_stage__an_ended_track_is_forgotten(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ 0 });
    struct facet_face *f;
    begin(s, 0), face(s, 7, 1), s->p->ended[s->p->n_ended++] = 7, step(s);
    begin(s, 40), f = face(s, 7, 1), step(s);
    assert_int_equal(f->identity.decision, FACET_UNDECIDED); /* one answer again */
    scene_close(s);
}

static void test_stage__a_still_picture_is_decided_at_once(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ 0 });
    begin(s, 0);
    struct facet_face *a = face(s, 0, 1), *b = face(s, 9, 2), *c = face(s, 10, 4711), *d = face(s, 0, 0);
    s->p->flush = true;
    step(s);
    assert_string_equal(a->identity.name, "person 1");
    assert_true(a->identity_changed);
    assert_string_equal(b->identity.name, "person 2");
    assert_true(b->identity_changed);
    assert_int_equal(c->identity.decision, FACET_UNKNOWN);
    assert_true(c->identity_changed);
    assert_int_equal(d->identity.decision, FACET_UNDECIDED);
    assert_false(d->identity_changed);
    scene_close(s);
}

static void test_stage__a_face_without_a_track_is_nobody_yet(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ .confirm_frames = 1 });
    struct facet_face *f;
    begin(s, 0), f = face(s, 0, 1), step(s);
    assert_int_equal(f->now.decision, FACET_KNOWN);
    assert_int_equal(f->identity.decision, FACET_UNDECIDED);
    assert_false(f->identity_changed);
    scene_close(s);
}

static void test_stage__a_flush_without_a_frame_is_fine(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ 0 });
    begin(s, 0), face(s, 7, 1), step(s);
    begin(s, 0);
    s->p->frame = NULL;
    s->p->flush = true;
    s->p->ended[s->p->n_ended++] = 7;
    step(s);
    scene_close(s);
}

static void test_stage__more_tracks_than_fit_are_fine(void **state)
{
    struct scene *s = scene_open((struct facet_identify_opts){ .confirm_frames = 1 });
    for (int64_t t = 1; t < 2000; t += 200) {
        begin(s, (double)t);
        for (int i = 0; i < 200; i++)
            face(s, t + i, 1 + (uint64_t)i % 3);
        step(s);
        for (int i = 0; i < 200; i++)
            assert_int_equal(s->p->faces[i].identity.person, 1 + i % 3);
    }
    scene_close(s);
}

static void refuse(struct facet_identify_opts o)
{
    struct facet_stage *stage;
    assert_int_equal(facet_stage_open(&stage, &facet_stage_identify, &o), FACET_E_INVALID);
    assert_null(stage);
}

static void test_stage__options_without_sense_are_refused(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    refuse((struct facet_identify_opts){ .threshold = 1.5 });
    refuse((struct facet_identify_opts){ .threshold = NAN });
    refuse((struct facet_identify_opts){ .confirm_frames = -1 });
    refuse((struct facet_identify_opts){ .cooldown_ms = -1 });
    refuse((struct facet_identify_opts){ .gallery = g, .method = FACET_IDENTIFY_CLASSIFIER });
    facet_gallery_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_evidence__a_name_needs_confirmation),
        cmocka_unit_test(test_evidence__good_faces_outweigh_many_bad_ones),
        cmocka_unit_test(test_evidence__a_split_vote_is_nobody),
        cmocka_unit_test(test_evidence__strangers_are_told_after_enough),
        cmocka_unit_test(test_evidence__undecided_answers_are_none),
        cmocka_unit_test(test_evidence__wavering_is_bounded),
        cmocka_unit_test(test_stage__names_a_track_once_confirmed),
        cmocka_unit_test(test_stage__a_known_person_is_not_announced_again_soon),
        cmocka_unit_test(test_stage__an_ended_track_is_forgotten),
        cmocka_unit_test(test_stage__a_still_picture_is_decided_at_once),
        cmocka_unit_test(test_stage__a_face_without_a_track_is_nobody_yet),
        cmocka_unit_test(test_stage__a_flush_without_a_frame_is_fine),
        cmocka_unit_test(test_stage__more_tracks_than_fit_are_fine),
        cmocka_unit_test(test_stage__options_without_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
