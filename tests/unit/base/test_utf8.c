#include "test.h"

#include "base/utf8.h"

#include <string.h>

static void test_utf8__plain_text_is_accepted(void **state)
{
    static const char *const good[] = {"", "ada", "Zo\xc3\xab", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "a b-c_d"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(facet_utf8_is_valid(good[i], strlen(good[i])));
        assert_true(facet_utf8_is_plain(good[i]));
    }
}

static void test_utf8__broken_sequences_are_refused(void **state)
{
    static const char *const bad[] = {"\x80", "\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80", "a\xe2\x82", "\xff", "ok\xc3("};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(facet_utf8_is_valid(bad[i], strlen(bad[i])));
        assert_false(facet_utf8_is_plain(bad[i]));
    }
}

static void test_utf8__nothing_is_read_behind_the_length(void **state)
{
    const char text[4] = {'\xe2', '\x82', '\xac', 'x'};
    assert_true(facet_utf8_is_valid(text, 3));
    assert_false(facet_utf8_is_valid(text, 2));
    assert_false(facet_utf8_is_valid("a\0b", 3));
}

static void test_utf8__hidden_marks_are_no_plain_text(void **state)
{
    static const char *const bad[] = {"a\nb", "\x1b[2J", "\x7f", "a\xe2\x80\xae" "b", "\xef\xbb\xbf", "\xc2\x85"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(facet_utf8_is_plain(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8__plain_text_is_accepted),
        cmocka_unit_test(test_utf8__broken_sequences_are_refused),
        cmocka_unit_test(test_utf8__nothing_is_read_behind_the_length),
        cmocka_unit_test(test_utf8__hidden_marks_are_no_plain_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
