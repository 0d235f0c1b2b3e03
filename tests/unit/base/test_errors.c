#include "test.h"

#include "base/errors.h"

#include <errno.h>
#include <string.h>

static void test_errors__name_of_each_code(void **state)
{
    assert_string_equal(facet_error_name(FACET_OK), "FACET_OK");
    assert_string_equal(facet_error_name(FACET_E_IO), "FACET_E_IO");
    assert_string_equal(facet_error_name(-9999), "FACET_E_UNKNOWN");
}

static void test_errors__fail_keeps_the_text(void **state)
{
    assert_int_equal(facet_fail(FACET_E_STORE, "cannot open gallery '%s'", "x.db"), FACET_E_STORE);
    assert_string_equal(facet_error_text(), "cannot open gallery 'x.db'");
}

static void test_errors__prefix_goes_before(void **state)
{
    facet_fail(FACET_E_IO, "no space");
    assert_int_equal(facet_fail_prefix(FACET_E_IO, "cannot write '%s'", "a"), FACET_E_IO);
    assert_string_equal(facet_error_text(), "cannot write 'a': no space");
}

static void test_errors__text_may_hold_itself(void **state)
{
    facet_fail(FACET_E_IO, "inner");
    facet_fail(FACET_E_IO, "outer: %s", facet_error_text());
    assert_string_equal(facet_error_text(), "outer: inner");
}

static void test_errors__errno_becomes_a_code(void **state)
{
    errno = ENOENT;
    assert_int_equal(facet_fail_errno("open", "a"), FACET_E_NOT_FOUND);
    errno = EACCES;
    assert_int_equal(facet_fail_errno("open", "a"), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "cannot open 'a'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors__name_of_each_code),
        cmocka_unit_test(test_errors__fail_keeps_the_text),
        cmocka_unit_test(test_errors__prefix_goes_before),
        cmocka_unit_test(test_errors__text_may_hold_itself),
        cmocka_unit_test(test_errors__errno_becomes_a_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
