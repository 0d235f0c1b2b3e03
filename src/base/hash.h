/* SHA-256 (FIPS 180-4), by libsodium. */
#ifndef FACET_BASE_HASH_H
#define FACET_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define FACET_SHA256_HEX 65     /* with NUL */

struct facet_sha256 { _Alignas(16) unsigned char state[128]; };
void facet_sha256_init(struct facet_sha256 *h);
void facet_sha256_update(struct facet_sha256 *h, const void *data, size_t len);
void facet_sha256_hex(struct facet_sha256 *h, char out[FACET_SHA256_HEX]);   /* finishes h */

void facet_sha256_of(const void *data, size_t len, char out[FACET_SHA256_HEX]);
int facet_sha256_file(const char *path, char out[FACET_SHA256_HEX]);

/* 32 bytes from the text of a certificate's SHA-256: 64 hex digits of either case, ':' between pairs or not. FACET_E_INVALID. */
#define FACET_FINGERPRINT 32
int facet_fingerprint_parse(uint8_t out[FACET_FINGERPRINT], const char *text);

/* HMAC (RFC 2104) of it: who knows the key made this. Keys of any length. */
struct facet_hmac { _Alignas(16) unsigned char state[256]; };
void facet_hmac_init(struct facet_hmac *h, const void *key, size_t key_len);
void facet_hmac_update(struct facet_hmac *h, const void *data, size_t len);
void facet_hmac_hex(struct facet_hmac *h, char out[FACET_SHA256_HEX]);       /* finishes h */

/* Fast non-cryptographic 64-bit hash for checksums of our own cache files. */
uint64_t facet_hash64(const void *data, size_t len, uint64_t seed);

#endif
