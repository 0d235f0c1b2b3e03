/* The gate, and what the judge refuses. The judge itself, on real weights, is in ../../data. */
#include "test.h"

#include "flow/stage.h"
#include "models/spec.h"
#include "stages/antispoof/antispoof.h"

#include <facet/error.h>
#include <stdio.h>
#include <string.h>

struct bench { struct facet_stage *gate; struct facet_packet *p; struct facet_frame frame; };

static void start(struct bench *b)
{
    *b = (struct bench){ 0 };
    assert_int_equal(facet_stage_open(&b->gate, &facet_stage_antispoof_gate, NULL), FACET_OK);
    assert_int_equal(facet_packet_open(&b->p, 0), FACET_OK);
}

static void stop(struct bench *b)
{
    b->p->frame = NULL;            /* it was ours */
    facet_packet_close(&b->p);
    facet_stage_close(&b->gate);
}

/* One face that identify named, of track 1, judged so. */
static struct facet_face *pass(struct bench *b, enum facet_live live, enum facet_decision decision, bool changed)
{
    struct facet_face *f = &b->p->faces[0];
    b->p->frame = &b->frame;
    b->p->n_faces = 1;
    f->track = 1;
    f->live = live;
    f->identity = (struct facet_identity){ .decision = decision, .person = decision == FACET_KNOWN ? 7 : 0 };
    snprintf(f->identity.name, sizeof(f->identity.name), "%s", decision == FACET_KNOWN ? "ada" : "");
    f->now = f->identity;
    f->identity_changed = changed;
    assert_int_equal(facet_stage_step(b->gate, b->p), FACET_OK);
    return f;
}

static void test_gate__a_real_face_keeps_its_name(void **state)
{
    struct bench b;
    start(&b);
    const struct facet_face *f = pass(&b, FACET_LIVE_REAL, FACET_KNOWN, true);
    assert_int_equal(f->identity.decision, FACET_KNOWN);
    assert_string_equal(f->identity.name, "ada");
    assert_true(f->identity_changed);
    assert_false(pass(&b, FACET_LIVE_REAL, FACET_KNOWN, false)->identity_changed);
    stop(&b);
}

static void test_gate__a_spoof_is_never_known_and_told_once(void **state)
{
    struct bench b;
    start(&b);
    const struct facet_face *f = pass(&b, FACET_LIVE_SPOOF, FACET_KNOWN, false);
    assert_int_equal(f->identity.decision, FACET_UNKNOWN);
    assert_int_equal(f->identity.person, 0);
    assert_string_equal(f->identity.name, "");
    assert_int_equal(f->now.decision, FACET_UNKNOWN);
    assert_true(f->identity_changed);
    assert_false(pass(&b, FACET_LIVE_SPOOF, FACET_KNOWN, false)->identity_changed);
    stop(&b);
}

static void test_gate__an_unjudged_face_is_never_known(void **state)
{
    struct bench b;
    start(&b);
    const struct facet_face *f = pass(&b, FACET_LIVE_UNJUDGED, FACET_KNOWN, true);
    assert_int_equal(f->identity.decision, FACET_UNDECIDED);
    assert_int_equal(f->now.decision, FACET_UNDECIDED);
    assert_false(f->identity_changed);
    stop(&b);
}

static void test_gate__a_name_held_back_is_told_once_the_face_is_real(void **state)
{
    struct bench b;
    start(&b);
    pass(&b, FACET_LIVE_UNJUDGED, FACET_KNOWN, true);
    assert_true(pass(&b, FACET_LIVE_REAL, FACET_KNOWN, false)->identity_changed);
    assert_false(pass(&b, FACET_LIVE_REAL, FACET_KNOWN, false)->identity_changed);
    stop(&b);
}

static void test_gate__a_name_that_is_gone_is_not_told_later(void **state)
{
    struct bench b;
    start(&b);
    pass(&b, FACET_LIVE_UNJUDGED, FACET_KNOWN, true);
    assert_false(pass(&b, FACET_LIVE_REAL, FACET_UNKNOWN, false)->identity_changed);
    stop(&b);
}

static void test_gate__an_ended_track_is_forgotten(void **state)
{
    struct bench b;
    start(&b);
    pass(&b, FACET_LIVE_SPOOF, FACET_UNDECIDED, false);
    b.p->ended[0] = 1;
    b.p->n_ended = 1;
    assert_false(pass(&b, FACET_LIVE_SPOOF, FACET_UNDECIDED, false)->identity_changed);
    b.p->n_ended = 0;
    assert_true(pass(&b, FACET_LIVE_SPOOF, FACET_UNDECIDED, false)->identity_changed);
    stop(&b);
}

static void test_gate__a_face_without_a_track_is_judged_alone(void **state)
{
    struct bench b;
    start(&b);
    struct facet_face *f = pass(&b, FACET_LIVE_UNJUDGED, FACET_UNDECIDED, false);
    for (int i = 0; i < 2; i++) {
        f->track = 0;
        f->live = FACET_LIVE_SPOOF;
        f->now.decision = f->identity.decision = FACET_KNOWN;
        assert_int_equal(facet_stage_step(b.gate, b.p), FACET_OK);
        assert_int_equal(f->now.decision, FACET_UNKNOWN);
        assert_int_equal(f->identity.decision, FACET_UNKNOWN);
    }
    stop(&b);
}

static void refuses(struct facet_antispoof_opts o, int err, const char *why)
{
    struct facet_antispoof *a = NULL;
    assert_int_equal(facet_antispoof_open(&a, &o), err);
    assert_null(a);
    assert_non_null(strstr(facet_error_text(), why));
}

static void test_antispoof__refuses_what_is_no_judge(void **state)
{
    static struct facet_model_spec spec = { .name = "mtcnn", .kind = "mtcnn" };
    refuses((struct facet_antispoof_opts){ 0 }, FACET_E_INVALID, "without a model");
    refuses((struct facet_antispoof_opts){ .model = &spec }, FACET_E_UNSUPPORTED, "'mtcnn': its kind is 'mtcnn', not 'antispoof'");
    refuses((struct facet_antispoof_opts){ .model = &spec, .threshold = 2 }, FACET_E_INVALID, "threshold of 2");
    snprintf(spec.kind, sizeof(spec.kind), "antispoof");
    refuses((struct facet_antispoof_opts){ .model = &spec }, FACET_E_FORMAT, "not told as they must be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate__a_real_face_keeps_its_name),
        cmocka_unit_test(test_gate__a_spoof_is_never_known_and_told_once),
        cmocka_unit_test(test_gate__an_unjudged_face_is_never_known),
        cmocka_unit_test(test_gate__a_name_held_back_is_told_once_the_face_is_real),
        cmocka_unit_test(test_gate__a_name_that_is_gone_is_not_told_later),
        cmocka_unit_test(test_gate__an_ended_track_is_forgotten),
        cmocka_unit_test(test_gate__a_face_without_a_track_is_judged_alone),
        cmocka_unit_test(test_antispoof__refuses_what_is_no_judge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
