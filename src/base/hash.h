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

/* Fast non-cryptographic 64-bit hash for checksums of our own cache files. */
uint64_t facet_hash64(const void *data, size_t len, uint64_t seed);

#endif
