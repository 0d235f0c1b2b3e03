/* What may enter a gallery: names, embeddings, contracts; and the checksum of a row. */
#ifndef FACET_STORE_RULES_H
#define FACET_STORE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_NORM_TOLERANCE 0.01f      /* of an embedding's length, around 1 */

/* 1..127 bytes of valid UTF-8, no control or direction characters, no space at either end, and not
 * "unknown", which is the answer for strangers. FACET_E_INVALID says which. */
int facet__check_name(const char *name);

/* Finite numbers whose length is 1 within the tolerance. Embeddings are refused, not normalised:
 * one of another length did not come from an embedder, and mending it would hide that. */
int facet__check_embedding(const float *embedding, int dim);

/* 64 lower-case hexadecimal digits. */
bool facet__is_sha256(const char *text);

/* Checksum of a row. Its value is part of the file format and never changes. Each 8-byte step is a
 * bijection of the state, so that no change within one 8-byte word goes unseen. */
uint64_t facet__checksum(uint64_t seed, const void *data, size_t len);

#endif
