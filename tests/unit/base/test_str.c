#include "test.h"

#include "base/errors.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

static void test_str__empty_reads_as_empty_text(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    assert_string_equal(facet_str_text(&s), "");
    assert_int_equal(facet_str_append(&s, "", 0), FACET_OK);
    assert_string_equal(facet_str_text(&s), "");
    facet_str_fini(&s);
}

static void test_str__grows_by_every_way_of_appending(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    for (int i = 0; i < 100; i++) {
        facet_str_puts(&s, "ab");
        facet_str_append(&s, "c", 1);
        facet_str_printf(&s, "%03d", i);
    }
    assert_int_equal(s.err, FACET_OK);
    assert_int_equal(s.len, 600);
    assert_int_equal(strlen(facet_str_text(&s)), 600);
    assert_string_equal(facet_str_text(&s) + 594, "abc099");
    facet_str_fini(&s);
}

static void test_str__printf_longer_than_what_is_free(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    assert_int_equal(facet_str_printf(&s, "%0*d", 5000, 7), FACET_OK);
    assert_int_equal(s.len, 5000);
    assert_int_equal(s.data[4999], '7');
    facet_str_fini(&s);
}

static void test_str__ceiling_is_refused_and_remembered(void **state)
{
    struct facet_str s = {.max = 10};
    assert_int_equal(facet_str_puts(&s, "0123456789"), FACET_OK);
    assert_int_equal(facet_str_puts(&s, "x"), FACET_E_LIMIT);
    assert_non_null(strstr(facet_error_text(), "10 bytes"));
    assert_int_equal(facet_str_append(&s, "", 0), FACET_E_LIMIT);
    assert_int_equal(facet_str_printf(&s, "y"), FACET_E_LIMIT);
    assert_string_equal(facet_str_text(&s), "0123456789");
    facet_str_clear(&s);
    assert_int_equal(facet_str_puts(&s, "again"), FACET_OK);
    facet_str_fini(&s);
}

static void test_str__printf_over_the_ceiling_leaves_what_was_there(void **state)
{
    struct facet_str s = {.max = 5};
    facet_str_puts(&s, "abc");
    assert_int_equal(facet_str_printf(&s, "%s", "too long"), FACET_E_LIMIT);
    assert_string_equal(facet_str_text(&s), "abc");
    facet_str_fini(&s);
}

static void test_str__length_that_overflows_is_refused(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_puts(&s, "a");
    assert_int_equal(facet_str_append(&s, "b", SIZE_MAX - 1), FACET_E_LIMIT);
    facet_str_fini(&s);
}

static void test_str__take_gives_the_memory_away(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_puts(&s, "mine");
    char *text = facet_str_take(&s);
    assert_string_equal(text, "mine");
    assert_null(s.data);
    free(text);
    text = facet_str_take(&s);
    assert_string_equal(text, "");
    free(text);
}

static void test_copy_text__refuses_what_does_not_fit(void **state)
{
    char out[5];
    assert_int_equal(facet_copy_text(out, sizeof(out), "four"), FACET_OK);
    assert_string_equal(out, "four");
    assert_int_equal(facet_copy_text(out, sizeof(out), "fives"), FACET_E_LIMIT);
    assert_string_equal(out, "");
    assert_int_equal(facet_copy_text(out, 0, ""), FACET_E_LIMIT);
}

static void test_parse__numbers_are_the_whole_text(void **state)
{
    double d = 5;
    int64_t i = 5;
    assert_int_equal(facet_parse_num("-2.5e1", &d), FACET_OK);
    assert_true(d == -25);
    assert_int_equal(facet_parse_int("-42", &i), FACET_OK);
    assert_int_equal(i, -42);
}

static void test_parse__what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"", " 1", "1 ", "1x", "x", "inf", "nan", "1e999", "1,5"};
    double d = 5;
    int64_t i = 5;
    for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
        assert_int_equal(facet_parse_num(bad[k], &d), FACET_E_FORMAT);
        assert_int_equal(facet_parse_int(bad[k], &i), FACET_E_FORMAT);
    }
    assert_int_equal(facet_parse_int("99999999999999999999", &i), FACET_E_FORMAT);
    assert_int_equal(facet_parse_int("1.5", &i), FACET_E_FORMAT);
    assert_true(d == 5 && i == 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_str__empty_reads_as_empty_text),
        cmocka_unit_test(test_str__grows_by_every_way_of_appending),
        cmocka_unit_test(test_str__printf_longer_than_what_is_free),
        cmocka_unit_test(test_str__ceiling_is_refused_and_remembered),
        cmocka_unit_test(test_str__printf_over_the_ceiling_leaves_what_was_there),
        cmocka_unit_test(test_str__length_that_overflows_is_refused),
        cmocka_unit_test(test_str__take_gives_the_memory_away),
        cmocka_unit_test(test_copy_text__refuses_what_does_not_fit),
        cmocka_unit_test(test_parse__numbers_are_the_whole_text),
        cmocka_unit_test(test_parse__what_is_no_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
