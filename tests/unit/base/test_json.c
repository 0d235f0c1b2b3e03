#include "test.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct facet_json *parsed(const char *text)
{
    struct facet_json *j;
    assert_int_equal(facet_json_parse(&j, text, strlen(text), "t.json"), FACET_OK);
    return j;
}

static void refused(const char *text, int code, const char *said)
{
    struct facet_json *j = (void *)1;
    assert_int_equal(facet_json_parse(&j, text, strlen(text), "t.json"), code);
    assert_null(j);
    if (!strstr(facet_error_text(), said) || !strstr(facet_error_text(), "'t.json'"))
        fail_msg("said: %s", facet_error_text());
}

static void test_json__reads_each_type(void **state)
{
    struct facet_json *j =
        parsed("{\"a\": [1, -2.5, true], \"s\": \"\\u00e9\", \"o\": {}, \"n\": null}");
    const struct facet_json *a = facet_json_get(j, "a");
    assert_true(facet_json_is_object(j) && facet_json_is_array(a));
    assert_int_equal(facet_json_size(j), 4);
    assert_int_equal(facet_json_size(a), 3);
    assert_int_equal(facet_json_int(facet_json_at(a, 0), 9), 1);
    assert_true(facet_json_num(facet_json_at(a, 0), 9) == 1);
    assert_true(facet_json_num(facet_json_at(a, 1), 9) == -2.5);
    assert_true(facet_json_bool(facet_json_at(a, 2), false));
    assert_string_equal(facet_json_str(facet_json_get(j, "s"), ""), "\xc3\xa9");
    assert_int_equal(facet_json_size(facet_json_get(j, "o")), 0);
    facet_json_unref(&j);
    assert_null(j);
    facet_json_unref(&j);
}

static void test_json__absent_or_of_another_type_is_the_fallback(void **state)
{
    struct facet_json *j = parsed("{\"a\": \"text\", \"f\": 1.5}");
    assert_null(facet_json_get(j, "b"));
    assert_null(facet_json_get(NULL, "b"));
    assert_null(facet_json_at(j, 0));
    assert_int_equal(facet_json_size(NULL), 0);
    assert_int_equal(facet_json_int(facet_json_get(j, "a"), 7), 7);
    assert_int_equal(facet_json_int(facet_json_get(j, "f"), 7), 7);
    assert_true(facet_json_num(NULL, 0.5) == 0.5);
    assert_true(facet_json_bool(facet_json_get(j, "a"), true));
    assert_null(facet_json_str(facet_json_get(j, "f"), NULL));
    assert_false(facet_json_is_array(NULL) || facet_json_is_object(NULL));
    facet_json_unref(&j);
}

static int join_keys(void *ctx, const char *key, const struct facet_json *value)
{
    facet_str_printf(ctx, "%s%d", key, (int)facet_json_int(value, -1));
    return key[0] == 'm' ? 5 : 0;
}

static void test_json__members_come_in_order_until_stopped(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_json *j = parsed("{\"z\": 1, \"a\": 2, \"m\": 3, \"b\": 4}");
    assert_int_equal(facet_json_each(j, join_keys, &s), 5);
    assert_string_equal(facet_str_text(&s), "z1a2m3");
    assert_int_equal(facet_json_each(NULL, join_keys, &s), 0);
    facet_json_unref(&j);
    facet_str_fini(&s);
}

static void test_json__faults_are_refused_with_their_place(void **state)
{
    refused("", FACET_E_FORMAT, "line 1");
    refused("{\"a\": 1,\n \"a\": 2}", FACET_E_FORMAT, "line 2");
    refused("{} x", FACET_E_FORMAT, "line 1");
    refused("[1,]", FACET_E_FORMAT, "column 4");
    refused("\"open", FACET_E_FORMAT, "line 1");
    refused("{\"a\": 99999999999999999999}", FACET_E_FORMAT, "line 1");
    refused("[\"\xff\"]", FACET_E_FORMAT, "line 1");
    refused("[\"\\u0000\"]", FACET_E_FORMAT, "line 1");
    refused("nul", FACET_E_FORMAT, "line 1");
}

static void test_json__too_deep_is_refused_and_brackets_in_texts_do_not_count(void **state)
{
    char text[201];
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = '\0';
    refused(text, FACET_E_LIMIT, "column 65");
    memset(text, '[', 200);
    text[0] = '"';
    text[100] = '\\';
    text[101] = '"';
    text[199] = '"';
    text[200] = '\0';
    struct facet_json *j = parsed(text); /* an escaped quote does not end it */
    assert_int_equal(strlen(facet_json_str(j, "")), 197);
    facet_json_unref(&j);
}

static void write_all(struct facet_jsonw *w)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "s", "a\"b\\c\n\x01\xc3\xa9");
    facet_jsonw_kstr(w, "none", NULL);
    facet_jsonw_kint(w, "i", INT64_MIN);
    facet_jsonw_knum(w, "n", 1.005, 2);
    facet_jsonw_knum(w, "nan", NAN, 2);
    facet_jsonw_kbool(w, "b", true);
    facet_jsonw_key(w, "list");
    facet_jsonw_array(w);
    facet_jsonw_num(w, 0.1, -1);
    facet_jsonw_bool(w, false);
    facet_jsonw_null(w);
    facet_jsonw_array(w);
    facet_jsonw_end_array(w);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static void test_jsonw__writes_compactly(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    write_all(&w);
    assert_string_equal(
        facet_str_text(&s),
        "{\"s\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\",\"none\":null,\"i\":-9223372036854775808,"
        "\"n\":1.00,\"nan\":null,\"b\":true,\"list\":[0.10000000000000001,false,null,[]]}");
    struct facet_json *j = parsed(facet_str_text(&s));
    assert_string_equal(facet_json_str(facet_json_get(j, "s"), ""), "a\"b\\c\n\x01\xc3\xa9");
    facet_json_unref(&j);
    facet_str_fini(&s);
}

static void test_jsonw__indents(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, true);
    facet_jsonw_object(&w);
    facet_jsonw_key(&w, "a");
    facet_jsonw_array(&w);
    facet_jsonw_int(&w, 1);
    facet_jsonw_int(&w, 2);
    facet_jsonw_end_array(&w);
    facet_jsonw_key(&w, "b");
    facet_jsonw_object(&w);
    facet_jsonw_end_object(&w);
    facet_jsonw_end_object(&w);
    assert_string_equal(facet_str_text(&s), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
    facet_str_fini(&s);
}

static void test_jsonw__bad_utf8_is_replaced(void **state)
{
    static const char *const bad[] = {"\xff",     "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xe2\x82", "\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct facet_str s = FACET_STR_INIT;
        struct facet_jsonw w;
        facet_jsonw_init(&w, &s, false);
        facet_jsonw_str(&w, bad[i]);
        assert_non_null(strstr(facet_str_text(&s), "\xef\xbf\xbd"));
        struct facet_json *j = parsed(facet_str_text(&s));
        facet_json_unref(&j);
        facet_str_fini(&s);
    }
}

static void test_jsonw__too_deep_is_remembered(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    for (int i = 0; i < 70; i++)
        facet_jsonw_array(&w);
    for (int i = 0; i < 80; i++)
        facet_jsonw_end_array(&w);
    assert_int_equal(s.err, FACET_E_LIMIT);
    facet_str_fini(&s);
}

static void test_jsonw__ceiling_of_the_text_is_remembered(void **state)
{
    struct facet_str s = {.max = 20};
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    write_all(&w);
    assert_int_equal(s.err, FACET_E_LIMIT);
    assert_true(s.len <= 20);
    facet_str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__reads_each_type),
        cmocka_unit_test(test_json__absent_or_of_another_type_is_the_fallback),
        cmocka_unit_test(test_json__members_come_in_order_until_stopped),
        cmocka_unit_test(test_json__faults_are_refused_with_their_place),
        cmocka_unit_test(test_json__too_deep_is_refused_and_brackets_in_texts_do_not_count),
        cmocka_unit_test(test_jsonw__writes_compactly),
        cmocka_unit_test(test_jsonw__indents),
        cmocka_unit_test(test_jsonw__bad_utf8_is_replaced),
        cmocka_unit_test(test_jsonw__too_deep_is_remembered),
        cmocka_unit_test(test_jsonw__ceiling_of_the_text_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
