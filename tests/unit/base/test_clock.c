#include "test.h"

#include "base/clock.h"

#include <facet/error.h>

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

static void test_clock__what_is_written_is_read_again(void **state)
{
    static const int64_t times[] = {0, 1, 951782399999, 951868800000, 1769860800123, 4107542399999, -1, -62135596800000};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        char text[25];
        int64_t back = -5;
        facet_format_time(text, times[i]);
        assert_int_equal(facet_parse_time(text, &back), FACET_OK);
        assert_int_equal(back, times[i]);
    }
}

static void test_clock__other_texts_are_no_times(void **state)
{
    static const char *const bad[] = {"", "now", "2026-02-30T12:00:00.000Z", "2026-13-01T12:00:00.000Z", "2026-01-31T25:00:00.000Z",
                                      "2026-01-31T12:00:00Z", "2026-01-31 12:00:00.000Z", "2026-01-31T12:00:00.000Z ", "0000-00-00T00:00:00.000Z",
                                      "2026-01-31T12:00:60.000Z"};
    int64_t out = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(facet_parse_time(bad[i], &out), FACET_E_FORMAT);
    assert_int_equal(out, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock__time_does_not_go_back),
        cmocka_unit_test(test_clock__format_is_utc_with_milliseconds),
        cmocka_unit_test(test_clock__absurd_times_stay_inside_the_text),
        cmocka_unit_test(test_clock__what_is_written_is_read_again),
        cmocka_unit_test(test_clock__other_texts_are_no_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
