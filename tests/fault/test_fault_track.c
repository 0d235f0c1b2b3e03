#include "test.h"

#include "fault.h"

#include "base/errors.h"
#include "stages/track/track.h"

static int open_tracker(void *ctx)
{
    struct facet_tracker *t;
    int err = facet_tracker_open(&t, ctx);
    assert_true(!err == !!t);
    facet_tracker_close(&t);
    return err;
}

static int open_rejoin(void *ctx)
{
    struct facet_rejoin *r;
    int err = facet_rejoin_open(&r, ctx);
    assert_true(!err == !!r);
    facet_rejoin_close(&r);
    return err;
}

static void test_track__each_request_may_fail(void **state)
{
    struct facet_track_opts t = {0};
    struct facet_rejoin_opts r = {.dim = 512};
    assert_int_equal(fault_loop(open_tracker, &t), 0);
    assert_int_equal(fault_loop(open_rejoin, &r), 0);
}

/* A crowd that comes and goes, through both halves. */
static void test_track__asks_for_nothing_per_frame(void **state)
{
    struct facet_track_opts to = {.cut = -1};
    struct facet_rejoin_opts ro = {.dim = 8};
    struct facet_tracker *t;
    struct facet_rejoin *r;
    struct facet_packet *p;
    struct facet_frame frame = {.refs = 1000};
    assert_int_equal(facet_tracker_open(&t, &to), FACET_OK);
    assert_int_equal(facet_rejoin_open(&r, &ro), FACET_OK);
    assert_int_equal(facet_packet_open(&p, 8), FACET_OK);
    unsigned long before = fault_requests();
    for (int i = 0; i < 100; i++) {
        facet_packet_reset(p);
        frame.pts_ms = i * 200.0;
        p->frame = facet_frame_ref(&frame);
        p->n_faces = i % 7 * 9;
        for (int k = 0; k < p->n_faces; k++) {
            float x = (float)(k * 60 + i);
            p->faces[k].box = (struct facet_box){x, 0, x + 50, 50};
            p->faces[k].score = 0.9f;
            p->faces[k].has_embedding = k % 2;
            p->faces[k].embedding[k % 8] = 1;
        }
        assert_int_equal(facet_tracker_step(t, p), FACET_OK);
        assert_int_equal(facet_rejoin_step(r, p), FACET_OK);
    }
    assert_int_equal(fault_requests(), before);
    facet_packet_close(&p);
    facet_rejoin_close(&r);
    facet_tracker_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_track__each_request_may_fail),
        cmocka_unit_test(test_track__asks_for_nothing_per_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
