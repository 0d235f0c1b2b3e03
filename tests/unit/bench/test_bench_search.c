#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "bench/bench_search.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void run_with(const struct facet_bench_search_opts *o, const char *say)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    facet_report_init(&r, "search", 1);
    if (facet_bench_search_run(&r, o))
        fail_msg("%s", facet_error_text());
    facet_report_write_text(&r, &s);
    if (!strstr(facet_str_text(&s), say))
        fail_msg("'%s' is not in: %s", say, facet_str_text(&s));
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_bench_search__finds_what_its_queries_were_made_from(void **state)
{
    run_with(&(struct facet_bench_search_opts){ .people = 3000, .dim = 130, .batch = 5, .threads = 2, .rounds = 3 },
             "Of 128 queries made near a template, 128 found it");
    run_with(&(struct facet_bench_search_opts){ .people = 1500, .dim = 512, .batch = 1, .rounds = 3 }, "x reading");
}

static void test_bench_search__goes_through_a_file(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    setenv("FACET_CACHE", dir, 1);
    run_with(&(struct facet_bench_search_opts){ .people = 2100, .dim = 64, .batch = 3, .rounds = 3, .file = true }, "mapped in");
    assert_int_equal(rmdir(dir), 0);    /* nothing is left in it */
}

static void test_bench_search__refuses_sizes_beyond_its_own(void **state)
{
    static const struct facet_bench_search_opts bad[] = {
        { .people = 10000001 }, { .people = -1 }, { .dim = 4096 }, { .dim = -2 }, { .batch = 129 }, { .batch = -1 },
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct facet_report r;
        facet_report_init(&r, "search", 1);
        assert_int_equal(facet_bench_search_run(&r, &bad[i]), FACET_E_INVALID);
        facet_report_fini(&r);
    }
}

static void test_bench_search__ends_when_cancelled(void **state)
{
    atomic_int cancel = 1;
    struct facet_report r;
    facet_report_init(&r, "search", 1);
    assert_int_equal(facet_bench_search_run(&r, &(struct facet_bench_search_opts){ .people = 5000, .cancel = &cancel }), FACET_E_CANCELLED);
    facet_report_fini(&r);
}

static void test_bench_search_faces__refuses_a_folder_without_faces(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX";
    struct facet_report r;
    assert_non_null(mkdtemp(dir));
    facet_report_init(&r, "search", 1);
    assert_true(facet_bench_search_faces(&r, &(struct facet_bench_search_opts){ .pictures = dir, .threads = 1 }) < 0);
    facet_report_fini(&r);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_search__finds_what_its_queries_were_made_from),
        cmocka_unit_test(test_bench_search__goes_through_a_file),
        cmocka_unit_test(test_bench_search__refuses_sizes_beyond_its_own),
        cmocka_unit_test(test_bench_search__ends_when_cancelled),
        cmocka_unit_test(test_bench_search_faces__refuses_a_folder_without_faces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
