#include "test.h"

#include "base/clock.h"

static void test_clock__time_does_not_go_back(void **state)
{
    uint64_t before = facet_now_ns();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = facet_clock_system.mono_ns(facet_clock_system.ctx);
        assert_true(now >= before);
        before = now;
    }
    assert_true(facet_clock_system.wall_ms(NULL) > 1700000000000);
}

static void test_clock__format_is_utc_with_milliseconds(void **state)
{
    char out[25];
    facet_format_time(out, 0);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    facet_format_time(out, 1769860800123);
    assert_string_equal(out, "2026-01-31T12:00:00.123Z");
    facet_format_time(out, -1);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

static void test_clock__absurd_times_stay_inside_the_text(void **state)
{
    char out[25];
    facet_format_time(out, INT64_MAX);
    assert_int_equal(out[24], 0);
    facet_format_time(out, INT64_MIN);
    assert_int_equal(out[24], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__time_does_not_go_back),
        cmocka_unit_test(test_clock__format_is_utc_with_milliseconds),
        cmocka_unit_test(test_clock__absurd_times_stay_inside_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
