/* Secrets: random bytes, sealing, keyed hashes, passwords, memory for keys. By libsodium. Thread-safe.
 *
 * A sealed text is: one byte that names the method (1: XChaCha20-Poly1305), 24 random bytes, the text under the
 * key, 16 bytes of authentication. It opens with the same key and the same `about` alone: `about` says what it is
 * ("template:17"), so that one sealed text cannot stand in another's place. */
#ifndef FACET_BASE_CRYPT_H
#define FACET_BASE_CRYPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_KEY_BYTES 32
#define FACET_SEAL_EXTRA 41            /* bytes that sealing adds */
#define FACET_KEYED_HASH_BYTES 32
#define FACET_PASSWORD_HASH 128        /* bytes of a password's hash as text, with NUL */
#define FACET_PASSWORD_MIN 8           /* bytes */
#define FACET_PASSWORD_MAX 1024
#define FACET_TOKEN_TEXT(bytes) (((bytes) * 4 + 2) / 3 + 1)      /* base64url without padding, with NUL */

/* From the system; ends the process where the system has none to give. */
void facet_random(void *out, size_t len);
/* `bytes` random bytes as base64url without padding: FACET_TOKEN_TEXT(bytes) bytes of text, NUL among them. At most 64. */
void facet_random_token(char *out, size_t bytes);
void facet_wipe(void *p, size_t len);
/* Takes as long whatever is in them. */
bool facet_equal(const void *a, const void *b, size_t len);

/* Writes len + FACET_SEAL_EXTRA bytes; `out` and `data` may not overlap. */
void facet_seal(const unsigned char key[FACET_KEY_BYTES], const void *about, size_t about_len,
                const void *data, size_t len, void *out);
/* Writes len - FACET_SEAL_EXTRA bytes. FACET_E_FORMAT, and nothing written, when it was changed, is of another key, or is
 * something else than `about` says: which of them cannot be told. FACET_E_UNSUPPORTED: a method that is not known here. */
int facet_unseal(const unsigned char key[FACET_KEY_BYTES], const void *about, size_t about_len,
                 const void *sealed, size_t len, void *out);

/* BLAKE2b with a key: the same for the same data, and tells nothing without the key. */
void facet_keyed_hash(const unsigned char key[FACET_KEY_BYTES], const void *data, size_t len,
                      unsigned char out[FACET_KEYED_HASH_BYTES]);
/* Another key out of this one, by what it is for ("events: names"). */
void facet_key_derive(const unsigned char key[FACET_KEY_BYTES], const char *purpose, unsigned char out[FACET_KEY_BYTES]);

/* Argon2id with salt, as text that names its cost. 64 MiB and two rounds (the library's "interactive"): 0.1 s or so.
 * FACET_E_INVALID: shorter than FACET_PASSWORD_MIN bytes, or longer than FACET_PASSWORD_MAX. FACET_E_NOMEM. */
int facet_password_hash(char out[FACET_PASSWORD_HASH], const char *password);
/* FACET_E_PERMISSION: another password; FACET_E_FORMAT: `hash` is none. */
int facet_password_check(const char *hash, const char *password);

/* Memory for keys and templates: kept out of swap and core files where the system allows it (*is_locked, may be NULL,
 * tells), with unreadable pages around it, wiped when it is freed. For few and large pieces: each costs pages. */
int facet_secret_alloc(void **out, size_t len, bool *is_locked);
void facet_secret_free(void **p);      /* *p NULL is fine, becomes NULL */

#endif
