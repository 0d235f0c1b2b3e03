#include "test.h"

#include "measure/measure.h"

#include <stdlib.h>
#include <string.h>

static void test_process__cpu_time_grows_with_work(void **state)
{
    uint64_t thread = facet_thread_cpu_ns(), process = facet_process_cpu_ns();
    volatile double x = 1;
    for (int i = 0; i < 1000000; i++)
        x = x * 1.0000001;
    assert_true(facet_thread_cpu_ns() > thread);
    assert_true(facet_process_cpu_ns() > process);
}

static void test_process__memory_that_is_touched_counts(void **state)
{
    const size_t size = (size_t)64 << 20;
    int64_t before = facet_rss_bytes();
    assert_true(before > 0);
    char *p = malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    assert_true(facet_rss_bytes() >= before + (int64_t)size / 2);
    assert_true(facet_peak_rss_bytes() >= before + (int64_t)size / 2);
    free(p);
}

static void test_process__pages_that_are_touched_are_counted(void **state)
{
    struct facet_usage before, after;
    const size_t size = (size_t)8 << 20;
    facet_usage_read(&before);
    char *p = malloc(size);
    assert_non_null(p);
    memset(p, 1, size);
    facet_usage_read(&after);
    assert_true(after.minor_faults > before.minor_faults);
    assert_true(after.switches >= before.switches && after.preemptions >= before.preemptions && after.major_faults >= 0);
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process__cpu_time_grows_with_work),
        cmocka_unit_test(test_process__memory_that_is_touched_counts),
        cmocka_unit_test(test_process__pages_that_are_touched_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
