#include "test.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/queue.h"

#include <pthread.h>

static void test_queue__keeps_order(void **state)
{
    struct facet_queue q;
    int items[5];
    void *got;
    assert_int_equal(facet_queue_init(&q, 3), FACET_OK);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 3; i++)
            assert_int_equal(facet_queue_put(&q, &items[i]), FACET_OK);
        assert_int_equal(facet_queue_count(&q), 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(facet_queue_take(&q, &got), FACET_OK);
            assert_ptr_equal(got, &items[i]);
        }
    }
    facet_queue_fini(&q);
}

static void test_queue__full_and_empty_say_again(void **state)
{
    struct facet_queue q;
    int item;
    void *got = &item;
    assert_int_equal(facet_queue_init(&q, 1), FACET_OK);
    assert_int_equal(facet_queue_try_take(&q, &got), FACET_E_AGAIN);
    assert_null(got);
    assert_int_equal(facet_queue_try_put(&q, &item), FACET_OK);
    assert_int_equal(facet_queue_try_put(&q, &item), FACET_E_AGAIN);
    assert_int_equal(facet_queue_try_take(&q, &got), FACET_OK);
    facet_queue_fini(&q);
}

static void test_queue__waits_no_longer_than_told(void **state)
{
    struct facet_queue q;
    void *got;
    int thing;
    assert_int_equal(facet_queue_init(&q, 2), FACET_OK);
    assert_int_equal(facet_queue_take_until(&q, &got, 0), FACET_E_AGAIN);
    assert_int_equal(facet_queue_take_until(&q, &got, facet_now_ns() + 1000000), FACET_E_AGAIN);
    assert_int_equal(facet_queue_put(&q, &thing), FACET_OK);
    assert_int_equal(facet_queue_take_until(&q, &got, 0), FACET_OK);
    assert_ptr_equal(got, &thing);
    facet_queue_close(&q);
    assert_int_equal(facet_queue_take_until(&q, &got, UINT64_MAX), FACET_E_END);
    facet_queue_fini(&q);
}

static void test_queue__closed_gives_what_is_inside_and_takes_nothing(void **state)
{
    struct facet_queue q;
    int item;
    void *got;
    assert_int_equal(facet_queue_init(&q, 2), FACET_OK);
    facet_queue_put(&q, &item);
    facet_queue_close(&q);
    assert_int_equal(facet_queue_put(&q, &item), FACET_E_CANCELLED);
    assert_int_equal(facet_queue_try_put(&q, &item), FACET_E_CANCELLED);
    assert_int_equal(facet_queue_take(&q, &got), FACET_OK);
    assert_int_equal(facet_queue_take(&q, &got), FACET_E_END);
    assert_int_equal(facet_queue_try_take(&q, &got), FACET_E_END);
    facet_queue_fini(&q);
}

static void test_queue__without_room_is_refused(void **state)
{
    struct facet_queue q;
    assert_int_equal(facet_queue_init(&q, 0), FACET_E_INVALID);
    facet_queue_fini(&q);
}

struct talk {
    struct facet_queue a, b;
};

static void *echo(void *arg)
{
    struct talk *t = arg;
    void *item;
    while (facet_queue_take(&t->a, &item) == FACET_OK)
        facet_queue_put(&t->b, item);
    facet_queue_close(&t->b);
    return NULL;
}

static void *feed(void *arg)
{
    struct talk *t = arg;
    static char items[1000];
    for (int i = 0; i < 1000; i++)
        facet_queue_put(&t->a, &items[i]);
    facet_queue_close(&t->a);
    return items;
}

static void test_queue__threads_pass_everything_in_order(void **state)
{
    struct talk t;
    pthread_t threads[2];
    void *item, *first;
    int n = 0;
    facet_queue_init(&t.a, 3);
    facet_queue_init(&t.b, 2);
    pthread_create(&threads[0], NULL, feed, &t);
    pthread_create(&threads[1], NULL, echo, &t);
    char *last = NULL;
    for (; facet_queue_take(&t.b, &item) == FACET_OK; n++) {
        assert_true(last == NULL || (char *)item == last + 1);
        last = item;
    }
    assert_int_equal(n, 1000);
    pthread_join(threads[0], &first);
    pthread_join(threads[1], NULL);
    assert_ptr_equal(last, (char *)first + 999);
    facet_queue_fini(&t.a);
    facet_queue_fini(&t.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__keeps_order),
        cmocka_unit_test(test_queue__full_and_empty_say_again),
        cmocka_unit_test(test_queue__waits_no_longer_than_told),
        cmocka_unit_test(test_queue__closed_gives_what_is_inside_and_takes_nothing),
        cmocka_unit_test(test_queue__without_room_is_refused),
        cmocka_unit_test(test_queue__threads_pass_everything_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
