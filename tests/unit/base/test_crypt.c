#include "test.h"

#include "base/crypt.h"
#include "base/errors.h"

#include <stdio.h>
#include <string.h>

/* The vector of draft-irtf-cfrg-xchacha, appendix A.3.1. */
static const char plain[] = "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
static const unsigned char vector_about[] = { 0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7 };
static const char vector_hex[] =
    "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b4522f"
    "8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49";

static void fill_from(unsigned char *out, size_t len, int first)
{
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)(first + (int)i);
}

static size_t read_hex(unsigned char *out, const char *hex)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v = 0;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (unsigned char)v;
    }
    return n;
}

static void assert_hex(const unsigned char *got, const char *hex)
{
    unsigned char want[64];
    size_t n = read_hex(want, hex);
    assert_memory_equal(got, want, n);
}

static void test_unseal__opens_the_published_vector(void **state)
{
    unsigned char key[32], sealed[256] = { 1 }, out[256];
    fill_from(key, 32, 0x80);
    fill_from(sealed + 1, 24, 0x40);
    size_t n = 25 + read_hex(sealed + 25, vector_hex);
    assert_int_equal(n, strlen(plain) + FACET_SEAL_EXTRA);
    assert_int_equal(facet_unseal(key, vector_about, sizeof(vector_about), sealed, n, out), FACET_OK);
    assert_memory_equal(out, plain, strlen(plain));
}

static void test_seal__opens_again_and_is_new_each_time(void **state)
{
    unsigned char key[32], a[100 + FACET_SEAL_EXTRA], b[100 + FACET_SEAL_EXTRA], in[100], out[100];
    facet_random(key, sizeof(key));
    fill_from(in, sizeof(in), 3);
    facet_seal(key, "x:1", 3, in, sizeof(in), a);
    facet_seal(key, "x:1", 3, in, sizeof(in), b);
    assert_memory_not_equal(a, b, sizeof(a));
    assert_int_equal(facet_unseal(key, "x:1", 3, a, sizeof(a), out), FACET_OK);
    assert_memory_equal(out, in, sizeof(in));
    facet_seal(key, "x:1", 3, NULL, 0, a);
    assert_int_equal(facet_unseal(key, "x:1", 3, a, FACET_SEAL_EXTRA, out), FACET_OK);
}

static void test_unseal__refuses_every_changed_byte(void **state)
{
    unsigned char key[32], sealed[20 + FACET_SEAL_EXTRA], out[20], in[20] = "nineteen bytes here";
    facet_random(key, sizeof(key));
    facet_seal(key, "x:1", 3, in, sizeof(in), sealed);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_int_equal(facet_unseal(key, "x:1", 3, sealed, sizeof(sealed), out), i ? FACET_E_FORMAT : FACET_E_UNSUPPORTED);
        sealed[i] ^= 1;
    }
    for (size_t n = 0; n < sizeof(sealed); n++)
        assert_int_equal(facet_unseal(key, "x:1", 3, sealed, n, out), FACET_E_FORMAT);
}

static void test_unseal__refuses_another_key_and_another_thing(void **state)
{
    unsigned char key[32], sealed[20 + FACET_SEAL_EXTRA], out[20] = "", nothing[20] = "", in[20] = "nineteen bytes here";
    facet_random(key, sizeof(key));
    facet_seal(key, "x:1", 3, in, sizeof(in), sealed);
    assert_int_equal(facet_unseal(key, "x:2", 3, sealed, sizeof(sealed), out), FACET_E_FORMAT);
    assert_int_equal(facet_unseal(key, "x:", 2, sealed, sizeof(sealed), out), FACET_E_FORMAT);
    key[31] ^= 0x80;
    assert_int_equal(facet_unseal(key, "x:1", 3, sealed, sizeof(sealed), out), FACET_E_FORMAT);
    assert_memory_equal(out, nothing, sizeof(out));
}

/* Made by Python's hashlib: the key is 00..1f, the text 00..3f, or nothing. */
static void test_keyed_hash__is_blake2b(void **state)
{
    unsigned char key[32], in[64], out[32];
    fill_from(key, 32, 0);
    fill_from(in, 64, 0);
    facet_keyed_hash(key, in, 64, out);
    assert_hex(out, "7f46f043d63dfb3c9b1102c8824b632cae1fce453e3c0e9dc9e7113f3c1acc36");
    facet_keyed_hash(key, NULL, 0, out);
    assert_hex(out, "4e51e7a913fc80137da52880fecca175bf81e117d5c68126dc2774033517ea0d");
}

static void test_key__derived_for_another_purpose_is_another(void **state)
{
    unsigned char key[32] = { 7 }, a[32], b[32], again[32];
    facet_key_derive(key, "names", a);
    facet_key_derive(key, "pictures", b);
    facet_key_derive(key, "names", again);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a, key, 32);
    assert_memory_equal(a, again, 32);
}

static void test_token__is_url_safe_and_new_each_time(void **state)
{
    char a[FACET_TOKEN_TEXT(32)], b[FACET_TOKEN_TEXT(32)];
    facet_random_token(a, 32);
    facet_random_token(b, 32);
    assert_int_equal(strlen(a), 43);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
}

static void test_password__is_argon2id_and_matches_itself_alone(void **state)
{
    char hash[FACET_PASSWORD_HASH], other[FACET_PASSWORD_HASH];
    assert_int_equal(facet_password_hash(hash, "correct horse"), FACET_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31), 0);
    assert_int_equal(facet_password_check(hash, "correct horse"), FACET_OK);
    assert_int_equal(facet_password_check(hash, "correct horsf"), FACET_E_PERMISSION);
    assert_int_equal(facet_password_check(hash, ""), FACET_E_PERMISSION);
    assert_int_equal(facet_password_hash(other, "correct horse"), FACET_OK);
    assert_string_not_equal(hash, other);
}

/* Made by the program argon2 of the authors of Argon2. */
static void test_password__made_elsewhere_is_known(void **state)
{
    static const char hash[] = "$argon2id$v=19$m=65536,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$dBmm2DtHTs8MiKJsEarq4QbPnUctCxyh9pxFI2ZLnAg";
    assert_int_equal(facet_password_check(hash, "a password"), FACET_OK);
    assert_int_equal(facet_password_check(hash, "b password"), FACET_E_PERMISSION);
}

static void test_password__refuses_lengths_and_other_hashes(void **state)
{
    char hash[FACET_PASSWORD_HASH], huge[FACET_PASSWORD_MAX + 2];
    memset(huge, 'x', sizeof(huge));
    huge[sizeof(huge) - 1] = '\0';
    assert_int_equal(facet_password_hash(hash, "seven77"), FACET_E_INVALID);
    assert_int_equal(facet_password_hash(hash, huge), FACET_E_INVALID);
    assert_string_equal(hash, "");
    assert_int_equal(facet_password_check("", "whatever"), FACET_E_FORMAT);
    assert_int_equal(facet_password_check("correct horse", "correct horse"), FACET_E_FORMAT);
    assert_int_equal(facet_password_check("$argon2id$v=19$m=4194304,t=900,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAA", "x"), FACET_E_FORMAT);
    assert_int_equal(facet_password_check("$6$salt$hash", "x"), FACET_E_FORMAT);
}

static void test_equal__tells_equal_from_different(void **state)
{
    assert_true(facet_equal("abc", "abc", 3));
    assert_true(facet_equal("abc", "abd", 2));
    assert_false(facet_equal("abc", "abd", 3));
}

static void test_secret__can_be_used_and_freed_twice(void **state)
{
    void *p = NULL;
    bool is_locked = false;
    assert_int_equal(facet_secret_alloc(&p, 5000, &is_locked), FACET_OK);
    memset(p, 1, 5000);
    facet_secret_free(&p);
    assert_null(p);
    facet_secret_free(&p);
    assert_int_equal(facet_secret_alloc(&p, SIZE_MAX / 2, NULL), FACET_E_NOMEM);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unseal__opens_the_published_vector),
        cmocka_unit_test(test_seal__opens_again_and_is_new_each_time),
        cmocka_unit_test(test_unseal__refuses_every_changed_byte),
        cmocka_unit_test(test_unseal__refuses_another_key_and_another_thing),
        cmocka_unit_test(test_keyed_hash__is_blake2b),
        cmocka_unit_test(test_key__derived_for_another_purpose_is_another),
        cmocka_unit_test(test_token__is_url_safe_and_new_each_time),
        cmocka_unit_test(test_password__is_argon2id_and_matches_itself_alone),
        cmocka_unit_test(test_password__made_elsewhere_is_known),
        cmocka_unit_test(test_password__refuses_lengths_and_other_hashes),
        cmocka_unit_test(test_equal__tells_equal_from_different),
        cmocka_unit_test(test_secret__can_be_used_and_freed_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
