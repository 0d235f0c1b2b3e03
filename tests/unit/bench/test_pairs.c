#include "test.h"

#include "base/errors.h"
#include "bench/pairs.h"

#include <stdio.h>
#include <string.h>

static int parse(struct facet_pairs *p, const char *text)
{
    return facet_pairs_parse(p, text, strlen(text), "pairs.txt");
}

#define TWO_FOLDS "2\t1\nAda\t1\t2\nAda\t1\tBob\t3\nCy_D'Ar.c-k\t4\t1\nBob\t3\tAda\t2\n"

static void test_pairs__are_read_with_each_picture_once(void **state)
{
    struct facet_pairs p;
    assert_int_equal(parse(&p, TWO_FOLDS), FACET_OK);
    assert_int_equal(p.folds, 2);
    assert_int_equal(p.n, 4);
    assert_int_equal(p.n_pictures, 5);
    assert_string_equal(p.pictures[0], "Ada_0001");
    assert_string_equal(p.pictures[3], "Cy_D'Ar.c-k_0004");
    assert_true(p.pairs[0].is_same && !p.pairs[1].is_same && p.pairs[2].is_same && !p.pairs[3].is_same);
    assert_int_equal(p.pairs[3].a, p.pairs[1].b);
    assert_int_equal(p.pairs[3].b, p.pairs[0].b);
    assert_int_equal(p.pairs[2].fold, 1);
    facet_pairs_fini(&p);
}

static void test_pairs__one_fold_needs_no_count_and_ends_of_lines_may_be_either(void **state)
{
    struct facet_pairs p;
    assert_int_equal(parse(&p, "1\r\nAda\t1\t2\r\nAda\t1\tBob\t3\r\n\r\n"), FACET_OK);
    assert_int_equal(p.folds, 1);
    assert_string_equal(p.pictures[1], "Ada_0002");
    facet_pairs_fini(&p);
    assert_int_equal(parse(&p, "1\nAda\t1\t2\nAda\t1\tBob\t3"), FACET_OK);
    facet_pairs_fini(&p);
}

static void test_pairs__folds_can_be_chosen(void **state)
{
    struct facet_pairs p;
    assert_int_equal(parse(&p, TWO_FOLDS), FACET_OK);
    assert_int_equal(facet_pairs_keep(&p, 1, 1), FACET_OK);
    assert_int_equal(p.n, 2);
    assert_int_equal(p.folds, 1);
    assert_int_equal(p.pairs[0].fold, 0);
    assert_int_equal(p.n_pictures, 4);
    assert_string_equal(p.pictures[p.pairs[1].a], "Bob_0003");
    assert_string_equal(p.pictures[p.pairs[1].b], "Ada_0002");
    facet_pairs_fini(&p);
}

static void test_pairs__folds_that_are_not_there_are_refused(void **state)
{
    struct facet_pairs p;
    assert_int_equal(parse(&p, TWO_FOLDS), FACET_OK);
    assert_int_equal(facet_pairs_keep(&p, 0, 2), FACET_E_INVALID);
    assert_int_equal(facet_pairs_keep(&p, -1, 0), FACET_E_INVALID);
    assert_int_equal(facet_pairs_keep(&p, 1, 0), FACET_E_INVALID);
    assert_int_equal(p.n, 4);
    facet_pairs_fini(&p);
}

static void refuse(const char *text, const char *line)
{
    struct facet_pairs p;
    assert_int_equal(parse(&p, text), FACET_E_FORMAT);
    assert_null(p.pairs);
    if (!strstr(facet_error_text(), line))
        fail_msg("'%s' does not say '%s'", facet_error_text(), line);
}

static void test_pairs__a_wrong_head_is_refused(void **state)
{
    const char *const heads[] = {"", "\n", "x\n", "0\n", "-1\n", "10\t\n", "\t300\n", "101\t1\n", "2\t1\t1\n", "1000000\n",
                                 "99999999999999999999\n", "1.5\n", " 1\n"};
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        refuse(heads[i], "line 1");
}

static void test_pairs__a_head_that_says_too_much_asks_for_no_memory(void **state)
{
    refuse("100\t5000\nAda\t1\t2\n", "too short");
}

static void test_pairs__too_few_and_too_many_are_refused(void **state)
{
    refuse("1\nAda\t1\t2\n", "line 3: the file ends too early");
    refuse("1\nAda\t1\t2\nAda\t1\tBob\t3\nAda\t1\tBob\t4\n", "line 4: there are more");
}

static void test_pairs__lines_of_the_other_kind_are_refused(void **state)
{
    refuse("1\nAda\t1\tBob\t2\nAda\t1\tBob\t3\n", "line 2");
    refuse("1\nAda\t1\t2\nAda\t1\t2\n", "line 3");
    refuse("1\nAda 1 2\nAda\t1\tBob\t3\n", "line 2");
    refuse("1\nAda\t1\t2\t\nAda\t1\tBob\t3\n", "line 2");
    refuse("1\nAda\t1\t2\nAda\t1\tBob\t3\t4\t5\n", "line 3");
}

static void test_pairs__names_that_are_paths_are_refused(void **state)
{
    const char *const lines[] = {"../etc\t1\t2", ".a\t1\t2", "a/b\t1\t2", "a\\b\t1\t2", "\t1\t2", "a\x01\t1\t2", "a b\t1\t2"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "1\n%s\nAda\t1\tBob\t3\n", lines[i]);
        refuse(text, "line 2: a name");
    }
}

static void test_pairs__numbers_that_are_none_are_refused(void **state)
{
    const char *const lines[] = {"a\t0\t2", "a\t1\t", "a\t1\t10000", "a\t1\t2x", "a\t-1\t2", "a\t1\t99999999999999999999"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[128];
        snprintf(text, sizeof(text), "1\n%s\nAda\t1\tBob\t3\n", lines[i]);
        refuse(text, "line 2: a picture's number");
    }
}

static void test_pairs__a_pair_must_be_two_pictures_of_its_kind(void **state)
{
    refuse("1\nAda\t1\t1\nAda\t1\tBob\t3\n", "paired with itself");
    refuse("1\nAda\t1\t2\nAda\t1\tAda\t3\n", "names one");
}

static void test_pairs__a_long_name_is_refused(void **state)
{
    char name[200], text[512];
    memset(name, 'a', sizeof(name));
    name[150] = 0;
    snprintf(text, sizeof(text), "1\n%s\t1\t2\nAda\t1\tBob\t3\n", name);
    refuse(text, "line 2: a name");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs__are_read_with_each_picture_once),
        cmocka_unit_test(test_pairs__one_fold_needs_no_count_and_ends_of_lines_may_be_either),
        cmocka_unit_test(test_pairs__folds_can_be_chosen),
        cmocka_unit_test(test_pairs__folds_that_are_not_there_are_refused),
        cmocka_unit_test(test_pairs__a_wrong_head_is_refused),
        cmocka_unit_test(test_pairs__a_head_that_says_too_much_asks_for_no_memory),
        cmocka_unit_test(test_pairs__too_few_and_too_many_are_refused),
        cmocka_unit_test(test_pairs__lines_of_the_other_kind_are_refused),
        cmocka_unit_test(test_pairs__names_that_are_paths_are_refused),
        cmocka_unit_test(test_pairs__numbers_that_are_none_are_refused),
        cmocka_unit_test(test_pairs__a_pair_must_be_two_pictures_of_its_kind),
        cmocka_unit_test(test_pairs__a_long_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
