#include "test.h"

#include "base/base64.h"
#include "base/errors.h"

#include <string.h>

static void check_pair(const char *plain, const char *coded)
{
    char text[64], back[64];
    size_t len;
    facet_base64_encode(text, plain, strlen(plain));
    assert_string_equal(text, coded);
    assert_int_equal(facet_base64_decode(back, sizeof(back), &len, coded), FACET_OK);
    assert_int_equal(len, strlen(plain));
    assert_memory_equal(back, plain, len);
}

static void test_base64__agrees_with_rfc_4648(void **state)
{
    check_pair("", "");
    check_pair("f", "Zg==");
    check_pair("fo", "Zm8=");
    check_pair("foo", "Zm9v");
    check_pair("foob", "Zm9vYg==");
    check_pair("fooba", "Zm9vYmE=");
    check_pair("foobar", "Zm9vYmFy");
}

static void test_base64__every_byte_comes_back(void **state)
{
    unsigned char in[256], out[256];
    char text[FACET_BASE64_SIZE(256)];
    size_t len;
    for (int i = 0; i < 256; i++)
        in[i] = (unsigned char)(i * 167);
    facet_base64_encode(text, in, sizeof(in));
    assert_int_equal(strlen(text), sizeof(text) - 1);
    assert_int_equal(facet_base64_decode(out, sizeof(out), &len, text), FACET_OK);
    assert_memory_equal(in, out, 256);
}

static int decode(const char *text, size_t cap)
{
    char out[64];
    size_t len;
    return facet_base64_decode(out, cap, &len, text);
}

static void test_base64__strange_characters_are_refused(void **state)
{
    assert_int_equal(decode("Zm9-", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Zm 9", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Zm\xff" "9", 64), FACET_E_FORMAT);
}

static void test_base64__padding_must_be_right(void **state)
{
    assert_int_equal(decode("Zg=", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Zg", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Z===", 64), FACET_E_FORMAT);
    assert_int_equal(decode("====", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Zg==Zg==", 64), FACET_E_FORMAT);
}

static void test_base64__stray_bits_are_refused(void **state)
{
    assert_int_equal(decode("Zh==", 64), FACET_E_FORMAT);
    assert_int_equal(decode("Zm9=", 64), FACET_E_FORMAT);
}

static void test_base64__more_than_fits_is_refused(void **state)
{
    assert_int_equal(decode("Zm9v", 3), FACET_OK);
    assert_int_equal(decode("Zm9v", 2), FACET_E_LIMIT);
    assert_int_equal(decode("Zg==", 0), FACET_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base64__agrees_with_rfc_4648),
        cmocka_unit_test(test_base64__every_byte_comes_back),
        cmocka_unit_test(test_base64__strange_characters_are_refused),
        cmocka_unit_test(test_base64__padding_must_be_right),
        cmocka_unit_test(test_base64__stray_bits_are_refused),
        cmocka_unit_test(test_base64__more_than_fits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
