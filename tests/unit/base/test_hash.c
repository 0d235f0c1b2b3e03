#include "test.h"

#include "base/errors.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

/* The examples of FIPS 180-4's validation: empty, "abc", and two blocks. */
static void test_sha256__published_examples(void **state)
{
    char hex[FACET_SHA256_HEX];
    facet_sha256_of("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    facet_sha256_of("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    facet_sha256_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
    assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_sha256__parts_equal_the_whole(void **state)
{
    char a[FACET_SHA256_HEX], b[FACET_SHA256_HEX];
    unsigned char data[1000];
    struct facet_sha256 h;
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 7);
    facet_sha256_of(data, sizeof(data), a);
    facet_sha256_init(&h);
    for (size_t at = 0; at < sizeof(data); at += 125)
        facet_sha256_update(&h, data + at, 125);
    facet_sha256_update(&h, NULL, 0);
    facet_sha256_hex(&h, b);
    assert_string_equal(a, b);
}

static void test_sha256__missing_file_is_refused(void **state)
{
    char hex[FACET_SHA256_HEX];
    assert_int_equal(facet_sha256_file("/nowhere/at/all", hex), FACET_E_NOT_FOUND);
    assert_string_equal(hex, "");
    assert_int_not_equal(facet_sha256_file("/", hex), FACET_OK);
}

static void test_hash64__any_changed_bit_changes_it(void **state)
{
    unsigned char data[100];
    memset(data, 0x5a, sizeof(data));
    uint64_t want = facet_hash64(data, sizeof(data), 1);
    for (size_t bit = 0; bit < sizeof(data) * 8; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_int_not_equal(facet_hash64(data, sizeof(data), 1), want);
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_int_equal(facet_hash64(data, sizeof(data), 1), want);
    assert_int_not_equal(facet_hash64(data, sizeof(data), 2), want);
    assert_int_not_equal(facet_hash64(data, sizeof(data) - 1, 1), want);
}

static void test_hash64__zeros_of_each_length_differ(void **state)
{
    static const unsigned char zeros[80];
    uint64_t seen[80];
    for (size_t n = 0; n < 80; n++) {
        seen[n] = facet_hash64(zeros, n, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_not_equal(seen[i], seen[n]);
    }
}

/* Cache files hold it: the value must stay the same from build to build. */
static void test_hash64__is_the_same_everywhere(void **state)
{
    const char *text = "the same number on every machine, for as long as caches live";
    assert_true(facet_hash64(text, strlen(text), 42) == 0xea87a1259b71ac90u);
}

/* RFC 4231, cases 2 and 6 (a key longer than a block). */
static void test_hmac__published_examples(void **state)
{
    struct facet_hmac h;
    char hex[FACET_SHA256_HEX];
    unsigned char key[131];
    facet_hmac_init(&h, "Jefe", 4);
    facet_hmac_update(&h, "what do ya want ", 16);
    facet_hmac_update(&h, "for nothing?", 12);
    facet_hmac_hex(&h, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    facet_hmac_init(&h, key, sizeof(key));
    facet_hmac_update(&h, "Test Using Larger Than Block-Size Key - Hash Key First", 54);
    facet_hmac_hex(&h, hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_fingerprint__is_read_with_and_without_colons(void **state)
{
    static const char plain[] = "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff";
    char colons[3 * FACET_FINGERPRINT] = "";
    uint8_t a[FACET_FINGERPRINT], b[FACET_FINGERPRINT];
    for (size_t i = 0; i < FACET_FINGERPRINT; i++)
        snprintf(colons + 3 * i, sizeof(colons) - 3 * i, "%.2s%s", plain + 2 * i, i + 1 < FACET_FINGERPRINT ? ":" : "");
    assert_int_equal(facet_fingerprint_parse(a, plain), FACET_OK);
    assert_int_equal(facet_fingerprint_parse(b, colons), FACET_OK);
    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(a[1], 0x11);
    assert_int_equal(a[31], 0xff);
}

static void test_fingerprint__of_another_form_is_refused(void **state)
{
#define HEX62 "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddee"
    static const char *const wrong[] = {"", "00", HEX62, HEX62 "f", HEX62 "zz", HEX62 "ff00", "sha256:" HEX62 "ff"};
    uint8_t a[FACET_FINGERPRINT];
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(facet_fingerprint_parse(a, wrong[i]), FACET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256__published_examples),
        cmocka_unit_test(test_sha256__parts_equal_the_whole),
        cmocka_unit_test(test_sha256__missing_file_is_refused),
        cmocka_unit_test(test_hmac__published_examples),
        cmocka_unit_test(test_fingerprint__is_read_with_and_without_colons),
        cmocka_unit_test(test_fingerprint__of_another_form_is_refused),
        cmocka_unit_test(test_hash64__any_changed_bit_changes_it),
        cmocka_unit_test(test_hash64__zeros_of_each_length_differ),
        cmocka_unit_test(test_hash64__is_the_same_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
