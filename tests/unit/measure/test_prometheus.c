#include "test.h"

#include "lib/prom.h"

#include "measure/prometheus.h"

#include <math.h>
#include <string.h>

static void test_prometheus__a_written_text_is_well_formed(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_histogram h = {0};
    struct facet_prom p;
    const struct facet_prom_label labels[] = {{"camera", "front \"door\"\\\n"}, {"stage", "detect"}};
    bool found;
    for (uint64_t ns = 1000; ns < 100000000000u; ns = ns * 3 / 2)
        facet_histogram_add(&h, ns);
    facet_prom_family(&p, &s, "facet_frames_total", FACET_PROM_COUNTER, "Frames.");
    facet_prom_sample(&p, labels, 2, 3);
    facet_prom_sample(&p, NULL, 0, 0.25);
    facet_prom_family(&p, &s, "facet_stage_duration_seconds", FACET_PROM_HISTOGRAM, "Compute time.");
    facet_prom_histogram(&p, &labels[1], 1, &h);
    facet_prom_histogram(&p, NULL, 0, &h);
    const char *why = prom_check(facet_str_text(&s));
    if (why)
        fail_msg("%s\n%s", why, facet_str_text(&s));
    assert_true(prom_value(s.data, "facet_frames_total{camera=\"front \\\"door\\\"\\\\\\n\",stage=\"detect\"}", &found) == 3);
    assert_true(found);
    assert_true(prom_value(s.data, "facet_stage_duration_seconds_count", &found) == (double)h.count);
    assert_true(fabs(prom_value(s.data, "facet_stage_duration_seconds_sum", &found) - (double)h.sum_ns / 1e9) < 1e-6 * (double)h.sum_ns / 1e9);
    facet_str_fini(&s);
}

static void test_prometheus__buckets_count_what_is_below_their_bound(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_histogram h = {0};
    struct facet_prom p;
    bool found;
    facet_histogram_add(&h, 1000000);          /* 1 ms: over 2^19 ns, below 2^20 */
    facet_histogram_add(&h, 3000000000u);      /* 3 s: over 2^31, below 2^32 */
    facet_histogram_add(&h, 60000000000u);
    facet_prom_family(&p, &s, "facet_x_seconds", FACET_PROM_HISTOGRAM, "X.");
    facet_prom_histogram(&p, NULL, 0, &h);
    assert_true(prom_value(s.data, "facet_x_seconds_bucket{le=\"0.000524288\"}", &found) == 0 && found);
    assert_true(prom_value(s.data, "facet_x_seconds_bucket{le=\"0.001048576\"}", &found) == 1 && found);
    assert_true(prom_value(s.data, "facet_x_seconds_bucket{le=\"2.14748365\"}", &found) == 1 && found);
    assert_true(prom_value(s.data, "facet_x_seconds_bucket{le=\"4.2949673\"}", &found) == 2 && found);
    assert_true(prom_value(s.data, "facet_x_seconds_bucket{le=\"+Inf\"}", &found) == 3 && found);
    facet_str_fini(&s);
}

static void test_prometheus__numbers_that_are_none_have_their_words(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_prom p;
    facet_prom_family(&p, &s, "facet_x", FACET_PROM_GAUGE, "X.");
    facet_prom_sample(&p, NULL, 0, NAN);
    facet_prom_sample(&p, NULL, 0, -INFINITY);
    facet_prom_sample(&p, NULL, 0, 1e18);
    assert_non_null(strstr(s.data, "facet_x NaN\nfacet_x -Inf\nfacet_x 1e+18\n"));
    facet_str_fini(&s);
}

static void test_prometheus__the_checker_refuses_what_is_wrong(void **state)
{
    static const char *const bad[] = {
        "facet_x 1\n",
        "# HELP facet_x X.\nfacet_x 1\n",
        "# HELP facet_x X.\n# TYPE facet_x counter\nfacet_x 1\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_y 1\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_x 1\nfacet_x 1\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_x{a=1} 1\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_x{a=\"1} 1\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_x one\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\nfacet_x 1",
        "# HELP facet_x_ms X.\n# TYPE facet_x_ms gauge\n",
        "# HELP facet_x X.\n# TYPE facet_x gauge\n# HELP facet_x X.\n",
        "# HELP facet_x X.\n# TYPE facet_x histogram\nfacet_x_bucket{le=\"1\"} 2\nfacet_x_bucket{le=\"+Inf\"} 1\n",
        "# HELP facet_x X.\n# TYPE facet_x histogram\nfacet_x_bucket{le=\"+Inf\"} 1\nfacet_x_sum 1\nfacet_x_count 2\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (!prom_check(bad[i]))
            fail_msg("passed: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prometheus__a_written_text_is_well_formed),
        cmocka_unit_test(test_prometheus__buckets_count_what_is_below_their_bound),
        cmocka_unit_test(test_prometheus__numbers_that_are_none_have_their_words),
        cmocka_unit_test(test_prometheus__the_checker_refuses_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
