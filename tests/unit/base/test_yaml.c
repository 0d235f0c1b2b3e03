#include "test.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct facet_yaml *parsed(const char *text)
{
    struct facet_yaml *y;
    if (facet_yaml_parse(&y, text, strlen(text), "t.yaml") != FACET_OK)
        fail_msg("%s", facet_error_text());
    return y;
}

static void refused_bytes(const char *text, size_t len, int code, const char *said)
{
    struct facet_yaml *y = (void *)1;
    assert_int_equal(facet_yaml_parse(&y, text, len, "t.yaml"), code);
    assert_null(y);
    if (!strstr(facet_error_text(), said) || !strstr(facet_error_text(), "'t.yaml'"))
        fail_msg("said: %s", facet_error_text());
}

static void refused(const char *text, int code, const char *said)
{
    refused_bytes(text, strlen(text), code, said);
}

static void test_yaml__reads_a_tree_with_lines(void **state)
{
    struct facet_yaml *y = parsed("a: 1\nlist:\n  - x\n  - {k: v}\n'q': \"two\\nlines\"\n");
    assert_int_equal(y->kind, FACET_YAML_MAP);
    assert_int_equal(y->count, 3);
    const struct facet_yaml *list = facet_yaml_get(y, "list");
    assert_int_equal(list->kind, FACET_YAML_LIST);
    assert_int_equal(list->key_line, 2);
    assert_int_equal(list->line, 3);
    assert_int_equal(list->count, 2);
    assert_string_equal(list->children[0].text, "x");
    assert_int_equal(list->children[0].column, 5);
    assert_null(list->children[0].key);
    assert_string_equal(facet_yaml_str(&list->children[1], "k", ""), "v");
    assert_string_equal(facet_yaml_str(y, "q", ""), "two\nlines");
    facet_yaml_free(&y);
    assert_null(y);
    facet_yaml_free(&y);
}

static void test_yaml__empty_is_an_empty_map(void **state)
{
    static const char *const empty[] = {"", "# only a remark\n", "\xef\xbb\xbf"};
    for (int i = 0; i < 3; i++) {
        struct facet_yaml *y = parsed(empty[i]);
        assert_int_equal(y->kind, FACET_YAML_MAP);
        assert_int_equal(y->count, 0);
        assert_null(facet_yaml_get(y, "a"));
        facet_yaml_free(&y);
    }
}

static void test_yaml__what_we_do_not_take_is_refused(void **state)
{
    refused("a: &x 1\n", FACET_E_FORMAT, "line 1: anchors");
    refused("a: 1\nb: *a\n", FACET_E_FORMAT, "line 2: aliases");
    refused("*a : 1\n", FACET_E_FORMAT, "aliases");
    refused("a: !!str 1\n", FACET_E_FORMAT, "tags");
    refused("!mine {}\n", FACET_E_FORMAT, "tags");
    refused("%TAG ! tag:x,2000:\n---\na: 1\n", FACET_E_FORMAT, "tags");
    refused("a: 1\n---\nb: 2\n", FACET_E_FORMAT, "line 2: a second document");
    refused("? [a, b]\n: 1\n", FACET_E_FORMAT, "key");
    refused("a: 1\nb: 2\na: 3\n", FACET_E_FORMAT, "line 3: key 'a' is there already, in line 1");
    refused("a: \"x\\0y\"\n", FACET_E_FORMAT, "NUL");
}

static void test_yaml__broken_text_is_refused(void **state)
{
    refused("a: [1, 2\n", FACET_E_FORMAT, "line");
    refused("a: 1\n b: 2\n", FACET_E_FORMAT, "line 2");
    refused("\tx: 1\n", FACET_E_FORMAT, "line 1");
    refused("a: \"\xff\"\n", FACET_E_FORMAT, "at byte");
    refused_bytes("a: \0\n", 5, FACET_E_FORMAT, "t.yaml");
    refused("a: 'open\n", FACET_E_FORMAT, "line");
}

static void test_yaml__too_deep_or_too_many_is_refused(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    refused("[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", FACET_E_LIMIT, "deep");
    struct facet_yaml *y = parsed("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
    facet_yaml_free(&y);
    facet_str_puts(&s, "[");
    for (unsigned i = 0; i <= FACET_MAX_YAML_NODES; i++)
        facet_str_puts(&s, "1,");
    facet_str_puts(&s, "]");
    refused_bytes(s.data, s.len, FACET_E_LIMIT, "too many");
    facet_str_fini(&s);
    refused_bytes("", (size_t)FACET_MAX_TEXT_FILE + 1, FACET_E_LIMIT, "bytes");
}

static void test_yaml__numbers_and_truths(void **state)
{
    struct facet_yaml *y = parsed("n: -1.5e2\nl: [1, 2.5]\none: 4\nt: Yes\nf: off\n");
    double n, l[2];
    size_t count;
    bool b;
    assert_int_equal(facet_yaml_num(y, "n", 0, &n), FACET_OK);
    assert_true(n == -150);
    assert_int_equal(facet_yaml_num(y, "absent", 7, &n), FACET_OK);
    assert_true(n == 7);
    assert_int_equal(facet_yaml_nums(y, "l", 2, l, &count), FACET_OK);
    assert_true(count == 2 && l[0] == 1 && l[1] == 2.5);
    assert_int_equal(facet_yaml_nums(y, "one", 2, l, &count), FACET_OK);
    assert_true(count == 1 && l[0] == 4);
    assert_int_equal(facet_yaml_nums(y, "absent", 2, l, &count), FACET_OK);
    assert_int_equal(count, 0);
    assert_int_equal(facet_yaml_bool(y, "t", false, &b), FACET_OK);
    assert_true(b);
    assert_int_equal(facet_yaml_bool(y, "f", true, &b), FACET_OK);
    assert_false(b);
    assert_int_equal(facet_yaml_bool(y, "absent", true, &b), FACET_OK);
    assert_true(b);
    facet_yaml_free(&y);
}

static void said(const char *text)
{
    if (!strstr(facet_error_text(), text))
        fail_msg("said: %s", facet_error_text());
}

static void test_yaml__what_is_no_number_is_refused_with_its_line(void **state)
{
    struct facet_yaml *y = parsed("a: 1\nn: 1x\nm: {}\nl: [1, b]\nw: inf\ne: ''\nb: maybe\n");
    double n[2];
    size_t count;
    bool b;
    assert_int_equal(facet_yaml_num(y, "n", 0, n), FACET_E_FORMAT);
    said("'t.yaml' line 2: 'n' is a number, not '1x'");
    assert_int_equal(facet_yaml_num(y, "m", 0, n), FACET_E_FORMAT);
    said("line 3");
    assert_int_equal(facet_yaml_num(y, "w", 0, n), FACET_E_FORMAT);
    assert_int_equal(facet_yaml_num(y, "e", 0, n), FACET_E_FORMAT);
    assert_int_equal(facet_yaml_nums(y, "l", 2, n, &count), FACET_E_FORMAT);
    said("line 4");
    assert_int_equal(facet_yaml_nums(y, "l", 1, n, &count), FACET_E_LIMIT);
    assert_int_equal(facet_yaml_nums(y, "m", 1, n, &count), FACET_E_FORMAT);
    assert_int_equal(facet_yaml_bool(y, "b", false, &b), FACET_E_FORMAT);
    said("line 7");
    assert_int_equal(facet_yaml_bool(y, "m", false, &b), FACET_E_FORMAT);
    assert_null(facet_yaml_str(y, "m", NULL));
    facet_yaml_free(&y);
}

static void test_yaml__unknown_key_names_the_nearest(void **state)
{
    static const char *const known[] = {"model", "threads", NULL};
    struct facet_yaml *y = parsed("threads: 1\nmodle: x\n");
    assert_int_equal(facet_yaml_only(y, known, "t.yaml"), FACET_E_FORMAT);
    said("line 2: unknown key 'modle', did you mean 'model'?");
    facet_yaml_free(&y);
    y = parsed("quite_different: 1\n");
    assert_int_equal(facet_yaml_only(y, known, "t.yaml"), FACET_E_FORMAT);
    assert_null(strstr(facet_error_text(), "did you mean"));
    facet_yaml_free(&y);
    y = parsed("model: a\n");
    assert_int_equal(facet_yaml_only(y, known, "t.yaml"), FACET_OK);
    facet_yaml_free(&y);
}

static void test_yaml__load_names_the_file(void **state)
{
    struct facet_yaml *y = (void *)1;
    assert_int_equal(facet_yaml_load(&y, "/nowhere/x.yaml"), FACET_E_NOT_FOUND);
    assert_null(y);
    said("/nowhere/x.yaml");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml__reads_a_tree_with_lines),
        cmocka_unit_test(test_yaml__empty_is_an_empty_map),
        cmocka_unit_test(test_yaml__what_we_do_not_take_is_refused),
        cmocka_unit_test(test_yaml__broken_text_is_refused),
        cmocka_unit_test(test_yaml__too_deep_or_too_many_is_refused),
        cmocka_unit_test(test_yaml__numbers_and_truths),
        cmocka_unit_test(test_yaml__what_is_no_number_is_refused_with_its_line),
        cmocka_unit_test(test_yaml__unknown_key_names_the_nearest),
        cmocka_unit_test(test_yaml__load_names_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
