#include "base/crypt.h"

#include "base/errors.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define METHOD 1
#define NONCE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG crypto_aead_xchacha20poly1305_ietf_ABYTES

_Static_assert(FACET_SEAL_EXTRA == 1 + NONCE + TAG, "what sealing adds");
_Static_assert(FACET_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "length of a key");
_Static_assert(FACET_PASSWORD_HASH >= crypto_pwhash_STRBYTES, "length of a password's hash");

/* Cheap after the first time. Fails only where the system has no random numbers: nothing can be kept secret then. */
static void begin(void)
{
    if (sodium_init() < 0)
        abort();
}

void facet_random(void *out, size_t len)
{
    begin();
    randombytes_buf(out, len);
}

void facet_random_token(char *out, size_t bytes)
{
    unsigned char raw[64];
    bytes = bytes < sizeof(raw) ? bytes : sizeof(raw);
    facet_random(raw, bytes);
    sodium_bin2base64(out, FACET_TOKEN_TEXT(bytes), raw, bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    facet_wipe(raw, sizeof(raw));
}

void facet_wipe(void *p, size_t len)
{
    sodium_memzero(p, len);
}

bool facet_equal(const void *a, const void *b, size_t len)
{
    return sodium_memcmp(a, b, len) == 0;
}

void facet_seal(const unsigned char key[FACET_KEY_BYTES], const void *about, size_t about_len,
                const void *data, size_t len, void *out)
{
    unsigned char *o = out;
    o[0] = METHOD;
    facet_random(o + 1, NONCE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(o + 1 + NONCE, NULL, data, len, about, about_len, NULL, o + 1, key);
}

int facet_unseal(const unsigned char key[FACET_KEY_BYTES], const void *about, size_t about_len,
                 const void *sealed, size_t len, void *out)
{
    const unsigned char *s = sealed;
    if (len < FACET_SEAL_EXTRA)
        return facet_fail(FACET_E_FORMAT, "cannot open what is sealed: it has %zu bytes, fewer than any has", len);
    if (s[0] != METHOD)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot open what is sealed: method %d is not known here", s[0]);
    begin();
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, s + 1 + NONCE, len - 1 - NONCE, about, about_len, s + 1, key))
        return facet_fail(FACET_E_FORMAT, "cannot open what is sealed: the key is another one, or it was changed");
    return FACET_OK;
}

void facet_keyed_hash(const unsigned char key[FACET_KEY_BYTES], const void *data, size_t len,
                      unsigned char out[FACET_KEYED_HASH_BYTES])
{
    begin();
    crypto_generichash(out, FACET_KEYED_HASH_BYTES, data, len, key, FACET_KEY_BYTES);
}

void facet_key_derive(const unsigned char key[FACET_KEY_BYTES], const char *purpose, unsigned char out[FACET_KEY_BYTES])
{
    facet_keyed_hash(key, purpose, strlen(purpose), out);
}

int facet_password_hash(char out[FACET_PASSWORD_HASH], const char *password)
{
    size_t len = strlen(password);
    memset(out, 0, FACET_PASSWORD_HASH);
    if (len < FACET_PASSWORD_MIN || len > FACET_PASSWORD_MAX)
        return facet_fail(FACET_E_INVALID, "a password has %d to %d bytes, this one has %zu", FACET_PASSWORD_MIN,
                          FACET_PASSWORD_MAX, len);
    begin();
    if (crypto_pwhash_str_alg(out, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                              crypto_pwhash_ALG_ARGON2ID13))
        return facet_fail_nomem();
    return FACET_OK;
}

/* The text comes from our own store, but a changed one must not cost gigabytes. */
int facet_password_check(const char *hash, const char *password)
{
    size_t n = strnlen(hash, FACET_PASSWORD_HASH), len = strnlen(password, FACET_PASSWORD_MAX + 1);
    begin();
    if (n >= FACET_PASSWORD_HASH || strncmp(hash, crypto_pwhash_STRPREFIX, strlen(crypto_pwhash_STRPREFIX)) != 0 ||
        crypto_pwhash_str_needs_rehash(hash, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return facet_fail(FACET_E_FORMAT, "cannot check the password: what is kept of it is no hash of this program");
    if (len > FACET_PASSWORD_MAX || crypto_pwhash_str_verify(hash, password, len))
        return facet_fail(FACET_E_PERMISSION, "the password is another one");
    return FACET_OK;
}

/* sodium_malloc wipes, guards, and tries to lock; whether it could is asked by locking again. */
int facet_secret_alloc(void **out, size_t len, bool *is_locked)
{
    begin();
    *out = sodium_malloc(len ? len : 1);
    if (is_locked)
        *is_locked = *out && len && mlock(*out, len) == 0;
    return *out ? FACET_OK : facet_fail_nomem();
}

void facet_secret_free(void **p)
{
    sodium_free(*p);
    *p = NULL;
}
