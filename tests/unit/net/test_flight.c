/* What is under way to the broker: room, order, what a lost connection takes along. */
#include "test.h"

#include "net/mqtt/flight.h"

static void test_flight__gives_tokens_back_once(void **state)
{
    struct facet__flight f = {0};
    int qos;
    int64_t token;
    facet__flight_add(&f, 1, 1, 100, 11);
    facet__flight_add(&f, 2, 1, 50, 12);
    assert_int_equal(f.acknowledged, 2);
    assert_true(facet__flight_remove(&f, 1, &qos, &token));
    assert_int_equal(token, 11);
    assert_int_equal(qos, 1);
    assert_false(facet__flight_remove(&f, 1, &qos, &token));
    assert_true(facet__flight_remove(&f, 2, &qos, &token));
    assert_int_equal(f.bytes, 0);
    assert_int_equal(f.acknowledged, 0);
}

static void test_flight__of_equal_numbers_the_oldest_is_meant(void **state)
{
    struct facet__flight f = {0};
    int qos;
    int64_t token;
    facet__flight_add(&f, 7, 1, 1, 1);
    facet__flight_add(&f, 7, 1, 1, 2);
    assert_true(facet__flight_remove(&f, 7, &qos, &token));
    assert_int_equal(token, 1);
}

static void test_flight__lost_connections_take_what_was_not_written(void **state)
{
    struct facet__flight f = {0};
    int qos;
    int64_t token;
    facet__flight_add(&f, 1, 0, 10, 1);
    facet__flight_add(&f, 2, 1, 20, 2);
    facet__flight_add(&f, 3, 0, 30, 3);
    facet__flight_lose(&f);
    assert_int_equal(f.n, 1);
    assert_int_equal(f.bytes, 20);
    assert_false(facet__flight_remove(&f, 3, &qos, &token));
    assert_true(facet__flight_remove(&f, 2, &qos, &token));
}

static void test_flight__is_full_by_number_and_by_bytes(void **state)
{
    static struct facet__flight f;
    assert_true(facet__flight_has_room(&f, FACET_FLIGHT_BYTES + 1)); /* one alone passes, however large */
    facet__flight_add(&f, 1, 1, FACET_FLIGHT_BYTES - 10, 1);
    assert_true(facet__flight_has_room(&f, 10));
    assert_false(facet__flight_has_room(&f, 11));
    assert_false(facet__flight_has_room(&f, SIZE_MAX));
    for (int i = 1; i < FACET_FLIGHT_MESSAGES; i++)
        facet__flight_add(&f, i + 1, 1, 0, i);
    assert_false(facet__flight_has_room(&f, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flight__gives_tokens_back_once),
        cmocka_unit_test(test_flight__of_equal_numbers_the_oldest_is_meant),
        cmocka_unit_test(test_flight__lost_connections_take_what_was_not_written),
        cmocka_unit_test(test_flight__is_full_by_number_and_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
