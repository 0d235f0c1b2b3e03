#include "test.h"

#include "base/json.h"
#include "base/str.h"
#include "bench/bench_engine.h"
#include "bench/engine_nets.h"

#include <facet/error.h>
#include <stdlib.h>
#include <string.h>

/* The report as JSON, to be asked. */
static struct facet_json *told(struct facet_report *r)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    struct facet_json *j = NULL;
    facet_jsonw_init(&w, &s, false);
    facet_jsonw_object(&w);
    facet_report_write_json(r, &w);
    facet_jsonw_end_object(&w);
    assert_int_equal(facet_json_parse(&j, s.data, s.len, "report"), FACET_OK);
    facet_str_fini(&s);
    return j;
}

static void assert_refused(const struct facet_bench_engine_opts *o, int code, const char *word)
{
    struct facet_report r;
    assert_int_equal(facet_bench_engine_run(&r, o), code);
    assert_non_null(strstr(facet_error_text(), word));
    facet_report_fini(&r);
}

static void test_bench_engine__one_network_without_a_rival(void **state)
{
    struct facet_report r;
    struct facet_bench_engine_opts o = { .only = "rnet", .rounds = 3, .rivals = "none", .layers = true };
    assert_int_equal(facet_bench_engine_run(&r, &o), FACET_OK);
    struct facet_json *j = told(&r);
    const struct facet_json *rows = facet_json_get(j, "networks"), *row = facet_json_at(rows, 0);
    assert_int_equal(facet_json_size(rows), 1);
    assert_string_equal(facet_json_str(facet_json_get(row, "engine"), ""), "facet");
    assert_string_equal(facet_json_str(facet_json_get(row, "input"), ""), "64x3x24x24");
    const struct facet_json *ms = facet_json_get(row, "ms");
    assert_true(facet_json_num(facet_json_get(ms, "best"), 0) > 0);
    assert_true(facet_json_num(facet_json_get(ms, "best"), 0) <= facet_json_num(facet_json_get(ms, "median"), 0));
    assert_null(facet_json_get(row, "time / facet's"));
    assert_true(facet_json_size(facet_json_get(j, "layers rnet fp32")) > 3);
    facet_json_unref(&j);
    facet_report_fini(&r);
}

static void test_bench_engine__with_and_without_a_core_and_a_thread(void **state)
{
    struct facet_report r;
    struct facet_bench_engine_opts o = { .only = "rnet", .rounds = 3, .warmup = 1, .rivals = "none", .threads = 2, .busy = true };
    assert_int_equal(facet_bench_engine_run(&r, &o), FACET_OK);
    struct facet_json *j = told(&r);
    assert_int_equal(facet_json_size(facet_json_get(j, "networks")), 2);
    facet_json_unref(&j);
    facet_report_fini(&r);
    o.busy = false;
    o.scaling = true;
    assert_int_equal(facet_bench_engine_run(&r, &o), FACET_OK);
    j = told(&r);
    assert_int_equal(facet_json_size(facet_json_get(j, "networks")), 2);
    facet_json_unref(&j);
    facet_report_fini(&r);
}

static void test_bench_engine__names_that_are_none_are_refused(void **state)
{
    assert_refused(&(struct facet_bench_engine_opts){ .only = "resnet", .rivals = "none" }, FACET_E_NOT_FOUND, "'resnet'");
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet,one", .rivals = "none" }, FACET_E_NOT_FOUND, "'one'");
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet", .rivals = "ncnn" }, FACET_E_NOT_FOUND, "'ncnn'");
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet", .rivals = "none", .precision = "int4" }, FACET_E_NOT_FOUND, "'int4'");
}

static void test_bench_engine__processor_time_is_for_one_thread(void **state)
{
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet", .rivals = "none", .threads = 2, .cpu_time = true }, FACET_E_INVALID, "--cpu-time");
}

static void test_bench_engine__a_rival_that_is_named_must_be_there(void **state)
{
    setenv("FACET_ORT_LIB", "/nonexistent/libonnxruntime.so", 1);
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet", .rivals = "onnxruntime" }, FACET_E_UNSUPPORTED, "FACET_ORT_LIB");
    setenv("FACET_ORT_LIB", "libm.so.6", 1);
    assert_refused(&(struct facet_bench_engine_opts){ .only = "rnet", .rivals = "onnxruntime" }, FACET_E_UNSUPPORTED, "OrtGetApiBase");
    unsetenv("FACET_ORT_LIB");
}

static void test_bench_net__pyramid_has_every_level(void **state)
{
    struct facet_shape s[FACET_BENCH_MAX_SHAPES];
    int n = facet_bench_net_shapes(facet_bench_net_find("pnet-pyramid"), s);
    assert_int_equal(n, 10);
    assert_int_equal(s[0].dim[2], 324);
    assert_int_equal(s[0].dim[3], 576);
    assert_true(s[n - 1].dim[2] >= 12);
    assert_null(facet_bench_net_find("resnet"));
}

static void test_bench_net__one_slope_leaves_no_prelu(void **state)
{
    struct facet_graph *g = NULL;
    assert_int_equal(facet_bench_net_graph(&g, facet_bench_net_find("onet")), FACET_OK);
    assert_true(facet_bench_one_slope(g) > 3);
    assert_int_equal(facet_bench_one_slope(g), 0);
    assert_int_equal(facet_graph_check(g), FACET_OK);
    facet_graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_engine__one_network_without_a_rival),
        cmocka_unit_test(test_bench_engine__with_and_without_a_core_and_a_thread),
        cmocka_unit_test(test_bench_engine__names_that_are_none_are_refused),
        cmocka_unit_test(test_bench_engine__processor_time_is_for_one_thread),
        cmocka_unit_test(test_bench_engine__a_rival_that_is_named_must_be_there),
        cmocka_unit_test(test_bench_net__pyramid_has_every_level),
        cmocka_unit_test(test_bench_net__one_slope_leaves_no_prelu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
