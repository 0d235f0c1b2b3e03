#include "test.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"
#include "base/thread.h"

struct gate { struct facet_lock lock; struct facet_cond cond; int opened; };

static void gate_init(struct gate *g)
{
    g->opened = 0;
    assert_int_equal(facet_lock_init(&g->lock), FACET_OK);
    assert_int_equal(facet_cond_init(&g->cond), FACET_OK);
}

static void gate_fini(struct gate *g)
{
    facet_cond_fini(&g->cond);
    facet_lock_fini(&g->lock);
}

static void open_gate(void *ctx)
{
    struct gate *g = ctx;
    facet_lock_take(&g->lock);
    g->opened = 1;
    facet_cond_wake(&g->cond);
    facet_lock_give(&g->lock);
}

static void test_cond__a_wait_ends_when_another_thread_wakes_it(void **state)
{
    struct gate g;
    struct facet_thread t;
    gate_init(&g);
    facet_lock_take(&g.lock);
    assert_int_equal(facet_thread_start(&t, "gate", open_gate, &g), FACET_OK);
    while (!g.opened)
        facet_cond_wait(&g.cond, &g.lock);
    facet_lock_give(&g.lock);
    facet_thread_join(&t);
    gate_fini(&g);
}

static void test_cond__a_wait_ends_at_its_time(void **state)
{
    struct gate g;
    uint64_t until = facet_now_ns() + 1000000u;
    gate_init(&g);
    facet_lock_take(&g.lock);
    while (facet_cond_wait_until(&g.cond, &g.lock, until))
        continue;
    facet_lock_give(&g.lock);
    assert_true(facet_now_ns() >= until);
    gate_fini(&g);
}

static void test_cond__a_time_that_is_past_does_not_wait(void **state)
{
    struct gate g;
    gate_init(&g);
    facet_lock_take(&g.lock);
    assert_false(facet_cond_wait_until(&g.cond, &g.lock, 1));
    facet_lock_give(&g.lock);
    gate_fini(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cond__a_wait_ends_when_another_thread_wakes_it),
        cmocka_unit_test(test_cond__a_wait_ends_at_its_time),
        cmocka_unit_test(test_cond__a_time_that_is_past_does_not_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
