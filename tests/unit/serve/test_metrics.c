#include "lib/prom.h"
#include "lib/served.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct served server;

static int start(void **state)
{
    served_open(&server, true);
    return 0;
}

static int stop(void **state)
{
    served_close(&server);
    return 0;
}

static double value(const char *text, const char *series)
{
    bool found;
    double v = prom_value(text, series, &found);
    if (!found)
        fail_msg("'%s' is not in:\n%s", series, text);
    return v;
}

static void test_metrics__are_well_formed_and_count(void **state)
{
    static const char infer[] = "{\"inputs\":[1]}";
    struct http_answer a = served_get(&server, "/v2/models/" SMALL_EMBEDDER, 200);
    http_answer_fini(&a);
    a = served_ask(&server, "POST", "/v1/models/" SMALL_EMBEDDER ":predict", "application/json", infer, strlen(infer), 400);
    http_answer_fini(&a);
    a = served_get(&server, "/metrics", 200);
    const char *why = prom_check(a.body);
    if (why)
        fail_msg("%s\n%s", why, a.body);
    assert_string_equal(http_header(&a, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_true(value(a.body, "facet_http_requests_total{resource=\"oip\",status=\"2xx\"}") == 1);
    assert_true(value(a.body, "facet_http_requests_total{resource=\"tfserving\",status=\"4xx\"}") == 1);
    assert_true(value(a.body, "facet_http_duration_seconds_count{resource=\"oip\"}") == 1);
    assert_true(value(a.body, "facet_http_queue_seconds_count") >= 2);
    assert_true(value(a.body, "facet_engine_requests_total{result=\"refused\"}") == 0);
    assert_true(value(a.body, "facet_identify_total{result=\"known\"}") == 0);
    assert_true(value(a.body, "facet_gallery_people") == 0);
    assert_null(strstr(a.body, "facet_stage_duration_seconds")); /* no camera, no times */
    assert_true(value(a.body, "facet_process_resident_memory_bytes") > 1e6);
    assert_non_null(strstr(a.body, "facet_build_info{version=\""));
    http_answer_fini(&a);
}

static void test_metrics__want_a_key(void **state)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = server.port, .path = "/metrics"});
    assert_int_equal(a.status, 401);
    http_answer_fini(&a);
    http_ask(&a, &(struct http_ask){.port = server.port, .path = "/metrics", .key = "fct_wrong"});
    assert_int_equal(a.status, 401);
    http_answer_fini(&a);
}

static void test_stats__are_told_as_the_page_reads_them(void **state)
{
    struct http_answer a = served_get(&server, "/v1/stats", 200);
    struct facet_json *j = served_json(&a);
    static const char *const members[] = {"seconds", "frames", "faces", "tracks", "embedded", "named", "dropped", "steps", "queue", "total", "delay",
                                          "bytes_sent", "bytes_received", "live_bytes", "outbox", "mqtt", "clock_offset_ms", "cpu_seconds",
                                          "resident_bytes", "joules"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        if (!facet_json_get(j, members[i]))
            fail_msg("'%s' is missing", members[i]);
    assert_non_null(facet_json_get(facet_json_get(facet_json_get(j, "steps"), "detect"), "p99_ms"));
    facet_json_unref(&j);
}

static void test_strategies__are_listed_with_what_leaves_the_device(void **state)
{
    struct http_answer a = served_get(&server, "/v1/strategies", 200);
    struct facet_json *j = served_json(&a);
    assert_string_equal(facet_json_str(facet_json_get(j, "active"), ""), "edge");
    assert_true(facet_json_size(facet_json_get(j, "items")) >= 1);
    facet_json_unref(&j);
    a = served_get(&server, "/v1/devices", 200);
    assert_string_equal(a.body, "{\"items\":[],\"next\":null}");
    http_answer_fini(&a);
}

static void test_cameras__there_are_none_and_that_is_said(void **state)
{
    struct http_answer a = served_get(&server, "/v1/cameras/front", 404);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras", 200);
    assert_string_equal(a.body, "{\"items\":[],\"next\":null}");
    http_answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics__are_well_formed_and_count),
        cmocka_unit_test(test_metrics__want_a_key),
        cmocka_unit_test(test_stats__are_told_as_the_page_reads_them),
        cmocka_unit_test(test_strategies__are_listed_with_what_leaves_the_device),
        cmocka_unit_test(test_cameras__there_are_none_and_that_is_said),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
