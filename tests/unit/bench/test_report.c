#include "test.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/race.h"
#include "bench/report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void assert_close(double got, double want)
{
    if (!(fabs(got - want) <= 1e-9 * fmax(1, fabs(want))))
        fail_msg("%.12g, not %.12g", got, want);
}

/* ---- statistics ---- */

static void test_stat__has_median_and_spread(void **state)
{
    const double odd[] = { 5, 1, 3 }, even[] = { 4, 1, 3, 2 };
    struct facet_stat s;
    assert_int_equal(facet_stat_of(&s, odd, 3), FACET_OK);
    assert_close(s.median, 3);
    assert_close(s.best, 1);
    assert_close(s.low, 1.4);
    assert_close(s.high, 4.6);
    assert_int_equal(facet_stat_of(&s, even, 4), FACET_OK);
    assert_close(s.median, 2.5);
    assert_close(even[0], 4); /* left in order */
}

static void test_stat__of_nothing_is_empty(void **state)
{
    struct facet_stat s = { .median = 7 };
    assert_int_equal(facet_stat_of(&s, NULL, 0), FACET_OK);
    assert_int_equal(s.n, 0);
    assert_close(s.median, 0);
    assert_int_equal(facet_stat_ratio(&s, NULL, NULL, 0), FACET_OK);
    assert_int_equal(s.n, 0);
}

static void test_stat__of_one_number_has_no_spread(void **state)
{
    struct facet_stat s;
    assert_int_equal(facet_stat_of(&s, &(double){ 2.5 }, 1), FACET_OK);
    assert_close(s.low, 2.5);
    assert_close(s.high, 2.5);
}

static void test_ratio__of_rounds_that_rise_together_is_exact(void **state)
{
    double a[40], b[40];
    struct facet_stat s;
    for (int i = 0; i < 40; i++) {
        b[i] = 1 + i * 0.1;
        a[i] = 3 * b[i];
    }
    assert_int_equal(facet_stat_ratio(&s, a, b, 40), FACET_OK);
    assert_close(s.median, 3);
    assert_close(s.best, 3);
    assert_close(s.low, 3);
    assert_close(s.high, 3);
}

static void test_ratio__of_noise_has_bounds_around_it(void **state)
{
    double a[60], b[60];
    struct facet_stat s, again;
    for (int i = 0; i < 60; i++) {
        a[i] = 2 + (i * 37 % 60) * 0.01;
        b[i] = 1 + (i * 23 % 60) * 0.01;
    }
    assert_int_equal(facet_stat_ratio(&s, a, b, 60), FACET_OK);
    assert_true(s.low < s.median && s.median < s.high);
    assert_true(s.low > 1.5 && s.high < 2.2);
    assert_int_equal(facet_stat_ratio(&again, a, b, 60), FACET_OK);
    assert_close(again.low, s.low); /* the same numbers say the same */
}

static void test_ratio__to_no_time_at_all_is_none(void **state)
{
    const double a[] = { 1, 2, 3 }, none[] = { 0, 0, 0 };
    struct facet_stat s;
    assert_int_equal(facet_stat_ratio(&s, a, none, 3), FACET_OK);
    assert_close(s.median, 0);
}

/* ---- races ---- */

static char order[64];

static int note(void *ctx)
{
    order[strlen(order)] = *(const char *)ctx;
    return FACET_OK;
}

static int stumble(void *ctx)
{
    return facet_fail(FACET_E_IO, "fell over");
}

static void test_race__begins_each_round_with_another(void **state)
{
    struct facet_race r = { .rounds = 2, .warmup = 1 };
    struct facet_stat s;
    memset(order, 0, sizeof(order));
    assert_int_equal(facet_race_add(&r, "a", note, "a"), 0);
    assert_int_equal(facet_race_add(&r, "b", note, "b"), 1);
    assert_int_equal(facet_race_add(&r, "c", note, "c"), 2);
    assert_int_equal(facet_race_run(&r), FACET_OK);
    assert_string_equal(order, "abcbcacab");
    assert_int_equal(facet_race_stat(&r, 1, &s), FACET_OK);
    assert_int_equal(s.n, 2);
    facet_race_fini(&r);
}

static void test_race__names_who_failed(void **state)
{
    struct facet_race r = { .rounds = 2 };
    facet_race_add(&r, "a", note, "a");
    facet_race_add(&r, "lame", stumble, NULL);
    assert_int_equal(facet_race_run(&r), FACET_E_IO);
    assert_string_equal(facet_error_text(), "lame: fell over");
    facet_race_fini(&r);
}

static void test_race__stops_when_cancelled(void **state)
{
    atomic_int cancel = 1;
    struct facet_race r = { .rounds = 2, .cancel = &cancel };
    facet_race_add(&r, "a", note, "a");
    assert_int_equal(facet_race_run(&r), FACET_E_CANCELLED);
    facet_race_fini(&r);
}

static void test_race__has_room_for_so_many(void **state)
{
    struct facet_race r = { .rounds = 2 };
    for (int i = 0; i < FACET_RACE_MAX; i++)
        assert_int_equal(facet_race_add(&r, "a", note, "a"), i);
    assert_int_equal(facet_race_add(&r, "b", note, "b"), FACET_E_LIMIT);
    facet_race_fini(&r);
}

static void test_race__refuses_rounds_without_end(void **state)
{
    struct facet_race r = { .rounds = FACET_RACE_MAX_ROUNDS + 1 };
    facet_race_add(&r, "a", note, "a");
    assert_int_equal(facet_race_run(&r), FACET_E_LIMIT);
    facet_race_fini(&r);
}

/* ---- reports ---- */

static void fill(struct facet_report *r)
{
    facet_report_init(r, "engine", 2);
    facet_report_fact(r, "rounds", "%d", 21);
    facet_report_table(r, "networks", "The networks");
    facet_report_row(r);
    facet_report_text(r, "network", "%s", "pnet");
    facet_report_stat(r, "facet ms", &(struct facet_stat){ .median = 5, .low = 4.5, .high = 6, .best = 4, .n = 21 }, 2);
    facet_report_num(r, "ratio", 1.5, 1);
    facet_report_row(r);
    facet_report_text(r, "network", "rnet");
    facet_report_int(r, "bytes", 77);
    facet_report_note(r, "%s", "seeded");
}

static void test_report__is_a_markdown_table(void **state)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    fill(&r);
    assert_int_equal(r.err, FACET_OK);
    facet_report_write_markdown(&r, &s);
    assert_non_null(strstr(s.data, "threads: 2 of "));
    assert_non_null(strstr(s.data, "### The networks\n\n| network | facet ms | ratio | bytes |\n|---|---:|---:|---:|\n"
                                   "| pnet | 5.00 (4.50-6.00) | 1.5 | - |\n| rnet | - | - | 77 |\n\nseeded\n"));
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_report__is_json(void **state)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    struct facet_json *j = NULL;
    fill(&r);
    facet_jsonw_init(&w, &s, false);
    facet_jsonw_object(&w);
    facet_report_write_json(&r, &w);
    facet_jsonw_end_object(&w);
    assert_int_equal(facet_json_parse(&j, s.data, s.len, "report"), FACET_OK);
    const struct facet_json *rows = facet_json_get(j, "networks");
    assert_int_equal(facet_json_size(rows), 2);
    assert_close(facet_json_num(facet_json_get(facet_json_get(facet_json_at(rows, 0), "facet ms"), "best"), 0), 4);
    assert_null(facet_json_get(facet_json_at(rows, 1), "facet ms"));
    assert_string_equal(facet_json_str(facet_json_get(facet_json_get(j, "environment"), "rounds"), ""), "21");
    facet_json_unref(&j);
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_report__is_text_in_columns(void **state)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    fill(&r);
    facet_report_write_text(&r, &s);
    assert_non_null(strstr(s.data, "network          facet ms  ratio  bytes\npnet     5.00 (4.50-6.00)    1.5      -\n"));
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_report__goes_on_with_a_table_that_is_there(void **state)
{
    struct facet_report r;
    fill(&r);
    facet_report_table(&r, "layers", "Layers");
    facet_report_row(&r);
    facet_report_int(&r, "ms", 1);
    facet_report_table(&r, "networks", "again");
    facet_report_row(&r);
    facet_report_text(&r, "network", "onet");
    struct facet_str s = FACET_STR_INIT;
    facet_report_write_markdown(&r, &s);
    assert_int_equal(r.n_tables, 2);
    assert_non_null(strstr(s.data, "| rnet | - | - | 77 |\n| onet | - | - | - |\n"));
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_report__remembers_that_columns_ran_out(void **state)
{
    struct facet_report r;
    char name[16];
    facet_report_init(&r, "engine", 1);
    facet_report_table(&r, "t", "T");
    facet_report_row(&r);
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "c%d", i);
        facet_report_int(&r, name, i);
    }
    assert_int_equal(r.err, FACET_E_LIMIT);
    facet_report_fini(&r);
}

static void test_report__without_a_table_takes_no_cell(void **state)
{
    struct facet_report r;
    facet_report_init(&r, "engine", 1);
    facet_report_row(&r);
    facet_report_int(&r, "c", 1);
    facet_report_note(&r, "nothing");
    assert_int_equal(r.n_tables, 0);
    facet_report_fini(&r);
}

static void test_report__is_not_saved_where_no_folder_is(void **state)
{
    struct facet_report r;
    fill(&r);
    assert_int_not_equal(facet_report_save_markdown(&r, "/nonexistent/x.md"), FACET_OK);
    facet_report_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stat__has_median_and_spread),
        cmocka_unit_test(test_stat__of_nothing_is_empty),
        cmocka_unit_test(test_stat__of_one_number_has_no_spread),
        cmocka_unit_test(test_ratio__of_rounds_that_rise_together_is_exact),
        cmocka_unit_test(test_ratio__of_noise_has_bounds_around_it),
        cmocka_unit_test(test_ratio__to_no_time_at_all_is_none),
        cmocka_unit_test(test_race__begins_each_round_with_another),
        cmocka_unit_test(test_race__names_who_failed),
        cmocka_unit_test(test_race__stops_when_cancelled),
        cmocka_unit_test(test_race__has_room_for_so_many),
        cmocka_unit_test(test_race__refuses_rounds_without_end),
        cmocka_unit_test(test_report__is_a_markdown_table),
        cmocka_unit_test(test_report__is_json),
        cmocka_unit_test(test_report__is_text_in_columns),
        cmocka_unit_test(test_report__goes_on_with_a_table_that_is_there),
        cmocka_unit_test(test_report__remembers_that_columns_ran_out),
        cmocka_unit_test(test_report__without_a_table_takes_no_cell),
        cmocka_unit_test(test_report__is_not_saved_where_no_folder_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
