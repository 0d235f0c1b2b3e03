#include "test.h"

#include "base/errors.h"
#include "engine/format/caffe_priv.h"

#include <stdlib.h>
#include <string.h>

static int parse(struct facet__field **out, const char *text)
{
    return facet__prototxt_parse(out, text, strlen(text), "x.prototxt");
}

static void refused(const char *text, int err, const char *why)
{
    struct facet__field *root;
    assert_int_equal(parse(&root, text), err);
    assert_null(root);
    assert_non_null(strstr(facet_error_text(), "x.prototxt"));
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' lacks '%s'", facet_error_text(), why);
}

static void test_prototxt__nested_messages_keep_their_order(void **state)
{
    struct facet__field *root;
    int64_t v;
    assert_int_equal(parse(&root, "name: \"a\" # note\nlayer { type: 'X' p { n: 3 } }\nlayer < type: \"Y\" >;"), 0);
    assert_string_equal(facet__field_text(root, "name", ""), "a");
    const struct facet__field *first = facet__field_at(root, "layer", 0), *second = facet__field_at(root, "layer", 1);
    assert_string_equal(facet__field_text(first, "type", ""), "X");
    assert_string_equal(facet__field_text(second, "type", ""), "Y");
    assert_int_equal(second->line, 3);
    assert_int_equal(facet__field_int(facet__field_at(first, "p", 0), "n", 0, 0, 9, -1, &v, "x"), 0);
    assert_int_equal(v, 3);
    assert_null(facet__field_at(root, "layer", 2));
    facet__prototxt_free(&root);
    assert_null(root);
}

static void test_prototxt__lists_strings_and_words(void **state)
{
    struct facet__field *root;
    int64_t v;
    double d;
    bool b;
    assert_int_equal(parse(&root, "d: [1, 2, 3] e: [] s: 'one' \" two\\n\" f: -1.5e-3, b: true pool: MAX"), 0);
    assert_int_equal(facet__field_int(root, "d", 2, 0, 9, 0, &v, "x"), 0);
    assert_int_equal(v, 3);
    assert_string_equal(facet__field_text(root, "s", ""), "one two\n");
    assert_int_equal(facet__field_num(root, "f", 0, &d, "x"), 0);
    assert_true(d == -1.5e-3);
    assert_int_equal(facet__field_bool(root, "b", false, &b, "x"), 0);
    assert_true(b);
    assert_string_equal(facet__field_text(root, "pool", ""), "MAX");
    facet__prototxt_free(&root);
}

static void test_prototxt__absent_fields_give_the_default(void **state)
{
    int64_t v;
    assert_int_equal(facet__field_int(NULL, "n", 0, 1, 2, 7, &v, "x"), 0);
    assert_int_equal(v, 7);
    assert_string_equal(facet__field_text(NULL, "n", "none"), "none");
}

static void test_prototxt__damaged_text_is_refused_with_its_line(void **state)
{
    refused("a {\n b: 1\n", FACET_E_FORMAT, "line 1 is never closed");
    refused("a 3", FACET_E_FORMAT, "':' or '{' is missing after 'a'");
    refused("a:\nb:", FACET_E_FORMAT, "line 2");
    refused("a: \"x\n\"", FACET_E_FORMAT, "string does not end");
    refused("a: \"x", FACET_E_FORMAT, "string does not end");
    refused("a: \"\\q\"", FACET_E_FORMAT, "escape");
    refused("a: [1, 2", FACET_E_FORMAT, "']'");
    refused("}", FACET_E_FORMAT, "missing");
    refused("a: 1 }", FACET_E_FORMAT, "missing");
}

static void test_prototxt__depth_and_words_are_bounded(void **state)
{
    char deep[161];
    for (int i = 0; i < 40; i++)
        memcpy(deep + 4 * i, "a { ", 5);
    refused(deep, FACET_E_LIMIT, "nested deeper");
    char *wide = malloc(2001);
    assert_non_null(wide);
    memset(wide, 'a', 2000);
    wide[2000] = '\0';
    refused(wide, FACET_E_FORMAT, "too long");
    free(wide);
}

static void test_prototxt__numbers_out_of_bounds_are_refused(void **state)
{
    struct facet__field *root;
    int64_t v;
    double d;
    bool b;
    assert_int_equal(parse(&root, "n: 70000\nm: 3x\nf: nan\nb: maybe\ng { }"), 0);
    assert_int_equal(facet__field_int(root, "n", 0, 1, 65536, 0, &v, "x"), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "from 1 to 65536"));
    assert_int_equal(facet__field_int(root, "m", 0, 1, 65536, 0, &v, "x"), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "line 2"));
    assert_int_equal(facet__field_int(root, "g", 0, 1, 65536, 0, &v, "x"), FACET_E_FORMAT);
    assert_int_equal(facet__field_num(root, "f", 0, &d, "x"), FACET_E_FORMAT);
    assert_int_equal(facet__field_bool(root, "b", false, &b, "x"), FACET_E_FORMAT);
    facet__prototxt_free(&root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prototxt__nested_messages_keep_their_order),
        cmocka_unit_test(test_prototxt__lists_strings_and_words),
        cmocka_unit_test(test_prototxt__absent_fields_give_the_default),
        cmocka_unit_test(test_prototxt__damaged_text_is_refused_with_its_line),
        cmocka_unit_test(test_prototxt__depth_and_words_are_bounded),
        cmocka_unit_test(test_prototxt__numbers_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
