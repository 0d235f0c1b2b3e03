#include "test.h"

#include "bench/bench_engine.h"
#include "bench/ort.h"

#include <facet/error.h>
#include <string.h>

static void test_bench_engine__one_network_without_a_rival(void **state)
{
    struct facet_bench_engine b;
    struct facet_bench_engine_opts o = { .only = "rnet", .rounds = 3, .ort_lib = "none", .layers = true };
    assert_int_equal(facet_bench_engine_run(&b, &o), FACET_OK);
    assert_int_equal(b.n_rows, 1);
    assert_string_equal(b.rows[0].name, "rnet");
    assert_true(b.rows[0].facet.best_ms > 0 && b.rows[0].facet.best_ms <= b.rows[0].facet.median_ms);
    assert_true(b.rows[0].ort.median_ms == 0 && b.rows[0].worst_diff < 0);
    assert_true(b.rows[0].mmac > 90 && b.rows[0].mmac < 110);
    assert_true(b.n_layers > 3);
    assert_string_equal(b.ort_version, "");
    facet_bench_engine_fini(&b);
    assert_null(b.layers);
}

static void test_bench_engine__an_unknown_network_is_refused(void **state)
{
    struct facet_bench_engine b;
    struct facet_bench_engine_opts o = { .only = "resnet", .ort_lib = "none" };
    assert_int_equal(facet_bench_engine_run(&b, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "resnet"));
    facet_bench_engine_fini(&b);
}

static void test_bench_engine__a_rival_that_is_named_must_be_there(void **state)
{
    struct facet_bench_engine b;
    struct facet_bench_engine_opts o = { .only = "rnet", .ort_lib = "/nonexistent/libonnxruntime.so" };
    assert_int_equal(facet_bench_engine_run(&b, &o), FACET_E_NOT_FOUND);
    facet_bench_engine_fini(&b);
}

static void test_ort__a_library_of_something_else_is_refused(void **state)
{
    struct facet_ort *ort = NULL;
    assert_int_equal(facet_ort_open(&ort, "libm.so.6"), FACET_E_UNSUPPORTED);
    assert_null(ort);
    facet_ort_close(&ort);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_engine__one_network_without_a_rival),
        cmocka_unit_test(test_bench_engine__an_unknown_network_is_refused),
        cmocka_unit_test(test_bench_engine__a_rival_that_is_named_must_be_there),
        cmocka_unit_test(test_ort__a_library_of_something_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
