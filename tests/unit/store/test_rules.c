#include "test.h"

#include "base/errors.h"
#include "store/rules.h"

#include <math.h>
#include <string.h>

static void test_name__people_of_the_world_are_welcome(void **state)
{
    static const char *const names[] = { "Ada", "Lin-Manuel Miranda", "Zoë", "李小龍", "Ólafur Ö.", "a", "😀", "O'Neil; DROP TABLE" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(facet__check_name(names[i]), FACET_OK);
}

static void test_name__127_bytes_is_the_most(void **state)
{
    char name[129];
    memset(name, 'x', 128);
    name[127] = '\0';
    assert_int_equal(facet__check_name(name), FACET_OK);
    name[127] = 'x', name[128] = '\0';
    assert_int_equal(facet__check_name(name), FACET_E_INVALID);
}

static void test_name__empty_and_spaced_are_refused(void **state)
{
    assert_int_equal(facet__check_name(NULL), FACET_E_INVALID);
    assert_int_equal(facet__check_name(""), FACET_E_INVALID);
    assert_int_equal(facet__check_name(" Ada"), FACET_E_INVALID);
    assert_int_equal(facet__check_name("Ada "), FACET_E_INVALID);
}

static void test_name__unknown_is_refused(void **state)
{
    assert_int_equal(facet__check_name("unknown"), FACET_E_INVALID);
    assert_int_equal(facet__check_name("Unknown Pleasures"), FACET_OK);
}

static void test_name__controls_and_direction_marks_are_refused(void **state)
{
    static const char *const names[] = { "a\nb", "a\tb", "a\x7f", "\x1b[31m", "a\xc2\x85" "b", "a\xe2\x80\xae" "b",
                                         "a\xe2\x80\x8b" "b", "\xef\xbb\xbf" "a", "a\xe2\x81\xa6" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(facet__check_name(names[i]), FACET_E_INVALID);
}

static void test_name__broken_utf8_is_refused(void **state)
{
    static const char *const names[] = { "\xff", "a\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80", "\xf0\x80\x80\xaf", "\x80", "\xe6\x9d" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(facet__check_name(names[i]), FACET_E_INVALID);
}

static void test_embedding__length_one_is_needed(void **state)
{
    float e[4] = { 0.5f, 0.5f, 0.5f, 0.5f };
    assert_int_equal(facet__check_embedding(e, 4), FACET_OK);
    e[0] = 0.51f;
    assert_int_equal(facet__check_embedding(e, 4), FACET_OK);
    e[0] = 0.6f;
    assert_int_equal(facet__check_embedding(e, 4), FACET_E_INVALID);
    memset(e, 0, sizeof(e));
    assert_int_equal(facet__check_embedding(e, 4), FACET_E_INVALID);
}

static void test_embedding__numbers_must_be_finite(void **state)
{
    float e[4] = { 0.5f, 0.5f, 0.5f, NAN };
    assert_int_equal(facet__check_embedding(e, 4), FACET_E_INVALID);
    e[3] = INFINITY;
    assert_int_equal(facet__check_embedding(e, 4), FACET_E_INVALID);
    e[3] = 3e38f;
    assert_int_equal(facet__check_embedding(e, 4), FACET_E_INVALID);
}

static void test_sha256__only_lower_case_digits(void **state)
{
    char text[66];
    memset(text, 'a', 65);
    text[64] = text[65] = '\0';
    assert_true(facet__is_sha256(text));
    text[3] = 'A';
    assert_false(facet__is_sha256(text));
    text[3] = 'g';
    assert_false(facet__is_sha256(text));
    text[3] = 'a', text[64] = 'a';
    assert_false(facet__is_sha256(text));
    assert_false(facet__is_sha256(""));
    assert_false(facet__is_sha256(NULL));
}

static void test_checksum__is_part_of_the_file_format(void **state)
{
    assert_true(facet__checksum(1, "facet", 5) == 0x4aad8b6b28212720u);
}

static void test_checksum__every_flipped_bit_is_seen(void **state)
{
    unsigned char data[40] = "some bytes that must not change, ever";
    uint64_t was = facet__checksum(1, data, sizeof(data));
    for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_true(facet__checksum(1, data, sizeof(data)) != was);
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(facet__checksum(1, data, 39) != was);
    assert_true(facet__checksum(2, data, 40) != was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name__people_of_the_world_are_welcome),
        cmocka_unit_test(test_name__127_bytes_is_the_most),
        cmocka_unit_test(test_name__empty_and_spaced_are_refused),
        cmocka_unit_test(test_name__unknown_is_refused),
        cmocka_unit_test(test_name__controls_and_direction_marks_are_refused),
        cmocka_unit_test(test_name__broken_utf8_is_refused),
        cmocka_unit_test(test_embedding__length_one_is_needed),
        cmocka_unit_test(test_embedding__numbers_must_be_finite),
        cmocka_unit_test(test_sha256__only_lower_case_digits),
        cmocka_unit_test(test_checksum__is_part_of_the_file_format),
        cmocka_unit_test(test_checksum__every_flipped_bit_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
