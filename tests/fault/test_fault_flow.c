/* The runner without memory, and the runner that needs none. */
#include "test.h"

#include "fake_stages.h"
#include "fault.h"

#include "base/errors.h"
#include "flow/runner.h"

#include <stdlib.h>

#define STAGES 4

static int packet(void *ctx)
{
    struct facet_packet *p;
    (void)ctx;
    int err = facet_packet_open(&p, 512);
    assert_true(!err == !!p);
    facet_packet_close(&p);
    return err;
}

static int stage(void *ctx)
{
    struct facet_stage *s;
    struct fake_opts o = {0};
    (void)ctx;
    int err = facet_stage_open(&s, &fake_worker, &o);
    assert_true(!err == !!s);
    facet_stage_close(&s);
    return err;
}

struct marks {
    int packets, at;
    unsigned long early, late;
};

/* Requests so far, at the 20th packet and at the last but some. */
static void mark(void *ctx, const struct facet_packet *p)
{
    struct marks *m = ctx;
    (void)p;
    m->packets++;
    if (m->packets == 20)
        m->early = fault_requests();
    if (m->packets == m->at)
        m->late = fault_requests();
}

static int run(struct marks *m, unsigned threads, int packets)
{
    struct facet_stage *stages[STAGES] = {0};
    struct facet_runner *r = NULL;
    struct fake_opts fo = {.packets = packets};
    struct facet_runner_opts o = {.threads = threads, .dim = 8, .done = mark, .ctx = m};
    int err = FACET_OK;
    *m = (struct marks){.at = packets - 20};
    for (int i = 0; i < STAGES && !err; i++)
        err = facet_stage_open(&stages[i], i ? &fake_worker : &fake_source, &fo);
    if (!err)
        err = facet_runner_open(&r, stages, STAGES, &o);
    if (!err)
        err = facet_runner_run(r);
    facet_runner_close(&r);
    for (int i = 0; i < STAGES; i++)
        facet_stage_close(&stages[i]);
    return err;
}

static int run_threads(void *ctx)
{
    return run(ctx, 0, 5);
}

static int run_alone(void *ctx)
{
    return run(ctx, 1, 5);
}

static void test_flow__each_request_may_fail(void **state)
{
    struct marks m;
    assert_int_equal(fault_loop(packet, NULL), 0);
    assert_int_equal(fault_loop(stage, NULL), 0);
    assert_int_equal(fault_loop(run_alone, &m), 0);
    assert_int_equal(fault_loop(run_threads, &m), 0);
}

static void test_runner__asks_for_nothing_per_frame(void **state)
{
    for (unsigned threads = 0; threads < 2; threads++) {
        struct marks m;
        assert_int_equal(run(&m, threads, 400), FACET_OK);
        assert_int_equal(m.packets, 400);
        assert_true(m.early > 0);
        assert_int_equal(m.late, m.early);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow__each_request_may_fail),
        cmocka_unit_test(test_runner__asks_for_nothing_per_frame),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
