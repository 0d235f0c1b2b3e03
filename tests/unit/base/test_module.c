#include "test.h"

#include "base/errors.h"
#include "base/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void use_folder(const char *name)
{
    char dir[4096];
    snprintf(dir, sizeof(dir), "%s/%s", getenv("FACET_TEST_BUILD"), name);
    setenv("FACET_MODULES", dir, 1);
}

static void test_module__table_is_found_by_variable(void **state)
{
    const void *table;
    use_folder("tests/unit/base");
    assert_int_equal(facet_module_open(&table, "facet-fake", "facet_module_fake", "nothing"), 0);
    assert_int_equal(*(const int *)table, 42);
}

static void test_module__table_is_found_beside_the_program(void **state)
{
    const void *table;
    unsetenv("FACET_MODULES");
    assert_int_equal(facet_module_open(&table, "facet-fake", "facet_module_fake", "nothing"), 0);
    assert_int_equal(*(const int *)table, 42);
}

static void test_module__second_opening_gives_the_same(void **state)
{
    const void *a, *b;
    unsetenv("FACET_MODULES");
    assert_int_equal(facet_module_open(&a, "facet-fake", "facet_module_fake", "nothing"), 0);
    assert_int_equal(facet_module_open(&b, "facet-fake", "facet_module_fake", "nothing"), 0);
    assert_ptr_equal(a, b);
}

static void test_module__absent_one_names_the_package(void **state)
{
    const void *table;
    unsetenv("FACET_MODULES");
    assert_int_equal(facet_module_open(&table, "facet-none", "x", "libnone1"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "'facet-none'"));
    assert_non_null(strstr(facet_error_text(), "libnone1"));
    assert_null(table);
}

static void test_module__variable_hides_other_folders(void **state)
{
    const void *table;
    use_folder("no-such-folder");
    assert_int_equal(facet_module_open(&table, "facet-fake", "facet_module_fake", "x"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "FACET_MODULES"));
}

static void test_module__lacking_symbol_is_refused(void **state)
{
    const void *table;
    unsetenv("FACET_MODULES");
    assert_int_equal(facet_module_open(&table, "facet-fake", "facet_other", "x"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "facet_other"));
    assert_null(table);
}

static void test_module__file_that_is_none_is_refused(void **state)
{
    char dir[] = "/tmp/facet-module-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/facet-bad.so", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("no object file", f);
    fclose(f);
    setenv("FACET_MODULES", dir, 1);
    const void *table;
    assert_int_equal(facet_module_open(&table, "facet-bad", "x", "libbad2"), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "libbad2"));
    unlink(path);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_module__table_is_found_by_variable),
        cmocka_unit_test(test_module__table_is_found_beside_the_program),
        cmocka_unit_test(test_module__second_opening_gives_the_same),
        cmocka_unit_test(test_module__absent_one_names_the_package),
        cmocka_unit_test(test_module__variable_hides_other_folders),
        cmocka_unit_test(test_module__lacking_symbol_is_refused),
        cmocka_unit_test(test_module__file_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
