#include "test.h"

#include "fake_stages.h"

#include "base/errors.h"
#include "flow/runner.h"

#include <stdatomic.h>
#include <string.h>

#define STAGES 4

struct seen {
    int packets, flushes;
    int64_t last;
    bool in_order, complete;
    uint64_t step_ns, queue_ns;
    unsigned flushed; /* a bit a source */
};

static void see(void *ctx, const struct facet_packet *p)
{
    struct seen *s = ctx;
    bool is_ours = p->ended[0] > 0; /* the runner's own flush has no number */
    s->flushes += p->flush;
    s->flushed |= (unsigned)p->flush << p->source;
    s->in_order = s->in_order && (!is_ours || p->ended[0] == s->last + 1);
    s->complete = s->complete && p->n_faces == STAGES - 1 && p->source == 3;
    s->packets += is_ours;
    s->last = is_ours ? p->ended[0] : s->last;
    s->step_ns += p->step_ns[FACET_STEP_DETECT] + p->step_ns[FACET_STEP_INGEST];
    s->queue_ns += p->queue_ns;
}

/* A source and three workers, of which the one at `failing` gets `bad`. */
static int run(struct facet_runner_opts o, struct fake_opts source, int failing,
               struct fake_opts bad, struct seen *seen)
{
    const struct facet_stage_ops *worker = o.together ? &fake_gatherer : &fake_worker;
    struct facet_stage *stages[STAGES];
    struct facet_runner *r;
    struct fake_opts good = {0};
    *seen = (struct seen){.in_order = true, .complete = true};
    o.done = see;
    o.ctx = seen;
    o.dim = 16;
    for (int i = 0; i < STAGES; i++) {
        const struct fake_opts *fo = i == 0 ? &source : i == failing ? &bad : &good;
        assert_int_equal(facet_stage_open(&stages[i], i ? worker : &fake_source, fo),
                         FACET_OK);
    }
    assert_int_equal(facet_runner_open(&r, stages, STAGES, &o), FACET_OK);
    int err = facet_runner_run(r);
    char text[256];
    strncpy(text, facet_error_text(), sizeof(text) - 1);
    text[255] = '\0';
    assert_int_equal(facet_runner_run(r), FACET_E_INVALID);
    facet_fail(FACET_OK, "%s", text);
    facet_runner_close(&r);
    assert_null(r);
    for (int i = 0; i < STAGES; i++)
        facet_stage_close(&stages[i]);
    return err;
}

static const struct fake_opts none;

static void test_runner__all_packets_in_order(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        for (unsigned depth = 0; depth < 4; depth++) {
            struct seen s;
            struct facet_runner_opts o = {.threads = threads, .depth = depth};
            assert_int_equal(
                run(o, (struct fake_opts){.packets = 500, .flush_last = 1}, 0, none, &s), FACET_OK);
            assert_int_equal(s.packets, 500);
            assert_int_equal(s.flushes, 1);
            assert_true(s.in_order && s.complete);
            assert_true(s.step_ns > 0);
        }
    }
}

static void test_runner__nothing_to_do_is_fine(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct seen s;
        assert_int_equal(run((struct facet_runner_opts){.threads = threads}, none, 0, none, &s),
                         FACET_OK);
        assert_int_equal(s.packets, 0);
    }
}

static void test_runner__source_that_has_nothing_yet_is_asked_again(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct seen s;
        struct fake_opts source = {.packets = 50, .again_every = 3};
        assert_int_equal(run((struct facet_runner_opts){.threads = threads}, source, 0, none, &s),
                         FACET_OK);
        assert_int_equal(s.packets, 50);
        assert_true(s.in_order);
    }
}

static void test_runner__first_failure_stops_all_with_its_text(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        for (int failing = 1; failing < STAGES; failing++) {
            struct seen s;
            struct fake_opts bad = {.fail_at = 7};
            struct facet_runner_opts o = {.threads = threads};
            assert_int_equal(run(o, (struct fake_opts){.packets = 500}, failing, bad, &s),
                             FACET_E_IO);
            assert_string_equal(facet_error_text(), "the fake broke at step 7");
            assert_true(s.packets < 7 && s.in_order);
        }
    }
}

static void test_runner__source_that_fails_stops_all(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct seen s;
        struct fake_opts source = {.packets = 500, .fail_at = 20};
        assert_int_equal(run((struct facet_runner_opts){.threads = threads}, source, 0, none, &s),
                         FACET_E_IO);
        assert_string_equal(facet_error_text(), "the fake broke at step 20");
        assert_true(s.packets < 20);
    }
}

static void test_runner__cancel_finishes_what_is_inside_and_flushes(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct seen s;
        atomic_int cancel = 0;
        struct facet_runner_opts o = {.threads = threads, .cancel = &cancel};
        struct fake_opts source = {.packets = 500, .cancel = &cancel, .cancel_at = 30};
        assert_int_equal(run(o, source, 0, none, &s), FACET_OK);
        assert_int_equal(s.packets, 30);
        assert_int_equal(s.flushes, 1);
        assert_true(s.in_order && s.complete);
    }
}

static void test_runner__cancel_flushes_each_open_source(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct seen s;
        atomic_int cancel = 0;
        struct facet_runner_opts o = {.threads = threads, .cancel = &cancel};
        struct fake_opts source = {.packets = 90, .sources = 5, .cancel = &cancel, .cancel_at = 33};
        assert_int_equal(run(o, source, 0, none, &s), FACET_OK);
        assert_int_equal(s.packets, 33);
        assert_int_equal(s.flushes, 5);
        assert_int_equal(s.flushed, 31);
    }
}

static void test_runner__cancel_after_a_flush_adds_none(void **state)
{
    struct seen s;
    atomic_int cancel = 0;
    struct facet_runner_opts o = {.cancel = &cancel};
    struct fake_opts source = {.packets = 30, .flush_last = 1, .cancel = &cancel, .cancel_at = 30};
    assert_int_equal(run(o, source, 0, none, &s), FACET_OK);
    assert_int_equal(s.flushes, 1);
}

static void test_runner__cancelled_before_it_began_does_nothing(void **state)
{
    struct seen s;
    atomic_int cancel = 1;
    struct facet_runner_opts o = {.cancel = &cancel};
    assert_int_equal(run(o, (struct fake_opts){.packets = 30}, 0, none, &s), FACET_OK);
    assert_int_equal(s.packets + s.flushes, 0);
}

static void test_runner__one_stage_alone(void **state)
{
    struct facet_stage *stage;
    struct facet_runner *r;
    struct facet_runner_opts o = {0};
    struct fake_opts source = {.packets = 5};
    assert_int_equal(facet_stage_open(&stage, &fake_source, &source), FACET_OK);
    assert_int_equal(facet_runner_open(&r, &stage, 1, &o), FACET_OK);
    assert_int_equal(facet_runner_run(r), FACET_OK);
    facet_runner_close(&r);
    facet_stage_close(&stage);
}

static void test_runner__absurd_options_are_refused(void **state)
{
    struct facet_stage *stages[40] = {0};
    struct facet_runner *r = (void *)1;
    struct facet_runner_opts o = {0};
    assert_int_equal(facet_runner_open(&r, stages, 0, &o), FACET_E_INVALID);
    assert_null(r);
    assert_int_equal(facet_runner_open(&r, stages, 40, &o), FACET_E_INVALID);
    o.depth = 100000;
    assert_int_equal(facet_runner_open(&r, stages, 3, &o), FACET_E_LIMIT);
    o = (struct facet_runner_opts){.dim = -4};
    assert_int_equal(facet_runner_open(&r, stages, 3, &o), FACET_E_INVALID);
    facet_runner_close(&r);
}

static void test_runner__packets_taken_together_keep_their_order(void **state)
{
    static const struct facet_runner_opts ways[] = {
        {.together = 2}, {.together = 8, .depth = 1}, {.together = 3, .together_ms = 1000}, {.together = 8, .together_ms = 0.01}};
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        struct seen s;
        assert_int_equal(run(ways[i], (struct fake_opts){.packets = 300, .flush_last = 1}, 0, none, &s), FACET_OK);
        assert_int_equal(s.packets, 300);
        assert_int_equal(s.flushes, 1);
        assert_true(s.in_order && s.complete);
        assert_int_equal(run(ways[i], (struct fake_opts){.packets = 300}, 2, (struct fake_opts){.fail_at = 100}, &s), FACET_E_IO);
        assert_true(s.in_order && s.packets < 100);
    }
}

static void test_runner__takes_no_more_than_it_may(void **state)
{
    struct facet_stage *stages[2];
    struct facet_runner *r;
    struct fake_opts source = {.packets = 31};
    struct facet_runner_opts o = {.together = 4, .together_ms = 1000, .depth = 8};
    assert_int_equal(facet_stage_open(&stages[0], &fake_source, &source), FACET_OK);
    assert_int_equal(facet_stage_open(&stages[1], &fake_gatherer, &none), FACET_OK);
    assert_int_equal(facet_runner_open(&r, stages, 2, &o), FACET_OK);
    assert_int_equal(facet_runner_run(r), FACET_OK);
    const struct fake *worker = facet_stage_state(stages[1]);
    assert_int_equal(worker->steps, 31);
    assert_in_range(worker->most, 1, 4);
    facet_runner_close(&r);
    facet_stage_close(&stages[1]);
    facet_stage_close(&stages[0]);
}

static void test_runner__absurd_groups_are_refused(void **state)
{
    static const struct facet_runner_opts bad[] = {{.together = FACET_FLOW_TOGETHER + 1}, {.together = 2, .together_ms = -1},
                                                   {.together = 2, .together_ms = 1e9}};
    struct facet_stage *stage;
    struct facet_runner *r;
    assert_int_equal(facet_stage_open(&stage, &fake_source, &none), FACET_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(facet_runner_open(&r, &stage, 1, &bad[i]), FACET_E_INVALID);
    facet_stage_close(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runner__all_packets_in_order),
        cmocka_unit_test(test_runner__nothing_to_do_is_fine),
        cmocka_unit_test(test_runner__source_that_has_nothing_yet_is_asked_again),
        cmocka_unit_test(test_runner__first_failure_stops_all_with_its_text),
        cmocka_unit_test(test_runner__source_that_fails_stops_all),
        cmocka_unit_test(test_runner__cancel_finishes_what_is_inside_and_flushes),
        cmocka_unit_test(test_runner__cancel_flushes_each_open_source),
        cmocka_unit_test(test_runner__cancel_after_a_flush_adds_none),
        cmocka_unit_test(test_runner__cancelled_before_it_began_does_nothing),
        cmocka_unit_test(test_runner__one_stage_alone),
        cmocka_unit_test(test_runner__absurd_options_are_refused),
        cmocka_unit_test(test_runner__packets_taken_together_keep_their_order),
        cmocka_unit_test(test_runner__takes_no_more_than_it_may),
        cmocka_unit_test(test_runner__absurd_groups_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
