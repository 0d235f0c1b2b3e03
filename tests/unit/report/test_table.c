#include "test.h"

#include "base/errors.h"
#include "report/table.h"

#include <math.h>
#include <string.h>

static int parse(struct facet_table *t, const char *text)
{
    return facet_table_parse(t, text, strlen(text), "x.csv");
}

static void test_table__quotes_comments_and_line_ends(void **state)
{
    struct facet_table t;
    assert_int_equal(parse(&t, "# facet-csv 1\nname,n,empty\r\n\"a, \"\"b\"\"\",2.5,\nc,-1,x"), FACET_OK);
    assert_int_equal(t.n_columns, 3);
    assert_int_equal(t.n_rows, 2);
    assert_string_equal(facet_table_text(&t, 0, 0), "a, \"b\"");
    assert_true(facet_table_number(&t, 0, facet_table_column(&t, "n")) == 2.5);
    assert_true(isnan(facet_table_number(&t, 0, 2)));
    assert_string_equal(facet_table_text(&t, 1, 2), "x");
    facet_table_fini(&t);
}

static void test_table__what_is_not_there_is_empty(void **state)
{
    struct facet_table t;
    assert_int_equal(parse(&t, "a\n"), FACET_OK);
    assert_int_equal(facet_table_column(&t, "b"), -1);
    assert_string_equal(facet_table_text(&t, 0, 0), "");
    assert_string_equal(facet_table_text(&t, 5, -1), "");
    facet_table_fini(&t);
}

static void refuses(const char *text, const char *why)
{
    struct facet_table t;
    assert_int_equal(parse(&t, text), FACET_E_FORMAT);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
    assert_null(t.text);
}

static void test_table__refuses_what_is_no_table(void **state)
{
    refuses("", "no head");
    refuses("# only a comment\n", "no head");
    refuses("a,b\n1\n", "line 2: fewer fields");
    refuses("a,b\n1,2\n1,2,3\n", "line 3: more fields");
    refuses("a\n\"x\n", "never ends");
    refuses("a\n\"x\"y\n", "behind a quoted");
}

static void test_table__refuses_zero_bytes_and_too_many_columns(void **state)
{
    struct facet_table t;
    char wide[4 * FACET_TABLE_COLUMNS] = "";
    assert_int_equal(facet_table_parse(&t, "a\n\0b", 4, "x.csv"), FACET_E_FORMAT);
    for (int i = 0; i <= FACET_TABLE_COLUMNS; i++)
        strncat(wide, "a,", sizeof(wide) - strlen(wide) - 1);
    refuses(wide, "too many columns");
    assert_int_equal(facet_table_load(&t, "/no/such.csv"), FACET_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table__quotes_comments_and_line_ends),
        cmocka_unit_test(test_table__what_is_not_there_is_empty),
        cmocka_unit_test(test_table__refuses_what_is_no_table),
        cmocka_unit_test(test_table__refuses_zero_bytes_and_too_many_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
