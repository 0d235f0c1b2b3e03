#include "test.h"

#include "base/errors.h"
#include "base/thread.h"
#include "deploy/line.h"

#include <string.h>

struct visitor { struct facet_line *line; struct facet_thread thread; int err; unsigned place; int order, *turn; };

static void visit(void *ctx)
{
    struct visitor *v = ctx;
    v->err = facet_line_enter(v->line, false);
    if (v->err)
        return;
    v->err = facet_line_take(v->line, &v->place);
    if (!v->err) {
        v->order = (*v->turn)++;          /* one place: nobody else is here */
        facet_line_give(v->line, v->place);
    }
    facet_line_leave(v->line);
}

static void start(struct visitor *v, struct facet_line *l, int *turn)
{
    *v = (struct visitor){.line = l, .turn = turn, .order = -1};
    assert_int_equal(facet_thread_start(&v->thread, "visitor", visit, v), FACET_OK);
}

/* Numbers drawn so far, those called included. */
static void wait_drawn(struct facet_line *l, uint64_t n)
{
    facet_lock_take(&l->lock);
    while (l->next < n) {
        facet_lock_give(&l->lock);
        facet_lock_take(&l->lock);
    }
    facet_lock_give(&l->lock);
}

static void test_line__places_are_given_in_the_order_of_arrival(void **state)
{
    struct facet_line l;
    struct visitor v[4];
    unsigned place;
    int turn = 0;
    assert_int_equal(facet_line_init(&l, 1, 8), FACET_OK);
    assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    assert_int_equal(facet_line_take(&l, &place), FACET_OK);
    for (int i = 0; i < 4; i++) {
        start(&v[i], &l, &turn);
        wait_drawn(&l, (uint64_t)i + 2);
    }
    assert_int_equal(facet_line_inside(&l), 5);
    facet_line_give(&l, place);
    facet_line_leave(&l);
    for (int i = 0; i < 4; i++) {
        facet_thread_join(&v[i].thread);
        assert_int_equal(v[i].err, FACET_OK);
        assert_int_equal(v[i].order, i);
    }
    facet_line_stop(&l);
    facet_line_fini(&l);
}

static void test_line__each_has_a_place_of_its_own(void **state)
{
    struct facet_line l;
    unsigned a, b;
    assert_int_equal(facet_line_init(&l, 2, 0), FACET_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    assert_int_equal(facet_line_take(&l, &a), FACET_OK);
    assert_int_equal(facet_line_take(&l, &b), FACET_OK);
    assert_int_not_equal(a, b);
    for (int i = 0; i < 2; i++)
        facet_line_leave(&l);
    facet_line_fini(&l);
}

static void test_line__who_comes_when_it_is_full_is_refused(void **state)
{
    struct facet_line l;
    assert_int_equal(facet_line_init(&l, 1, 1), FACET_OK);
    assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    assert_int_equal(facet_line_enter(&l, false), FACET_E_AGAIN);
    assert_non_null(strstr(facet_error_text(), "try again later"));
    assert_int_equal(facet_line_enter(&l, true), FACET_OK);        /* cameras are not refused */
    for (int i = 0; i < 3; i++)
        facet_line_leave(&l);
    assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    facet_line_leave(&l);
    facet_line_fini(&l);
}

struct stopping { struct facet_line *line; struct facet_thread thread; };

static void stop_line(void *ctx)
{
    facet_line_stop(((struct stopping *)ctx)->line);
}

static void test_line__stopped_sends_away_who_waits_and_waits_for_who_works(void **state)
{
    struct facet_line l;
    struct visitor v;
    unsigned place;
    int turn = 0;
    assert_int_equal(facet_line_init(&l, 1, 8), FACET_OK);
    assert_int_equal(facet_line_enter(&l, false), FACET_OK);
    assert_int_equal(facet_line_take(&l, &place), FACET_OK);
    start(&v, &l, &turn);
    wait_drawn(&l, 2);
    struct stopping s = {.line = &l};
    assert_int_equal(facet_thread_start(&s.thread, "stop", stop_line, &s), FACET_OK);
    facet_thread_join(&v.thread);
    assert_int_equal(v.err, FACET_E_CANCELLED);
    assert_int_equal(facet_line_enter(&l, false), FACET_E_CANCELLED);
    facet_line_give(&l, place);
    facet_line_leave(&l);
    facet_thread_join(&s.thread);
    facet_line_fini(&l);
}

static void test_line__without_places_is_refused(void **state)
{
    struct facet_line l;
    assert_int_equal(facet_line_init(&l, 0, 1), FACET_E_INVALID);
    assert_int_equal(facet_line_init(&l, FACET_LINE_PLACES + 1, 1), FACET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line__places_are_given_in_the_order_of_arrival),
        cmocka_unit_test(test_line__each_has_a_place_of_its_own),
        cmocka_unit_test(test_line__who_comes_when_it_is_full_is_refused),
        cmocka_unit_test(test_line__stopped_sends_away_who_waits_and_waits_for_who_works),
        cmocka_unit_test(test_line__without_places_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
