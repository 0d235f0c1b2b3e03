/* Base64 (RFC 4648, section 4, with padding). */
#ifndef FACET_BASE_BASE64_H
#define FACET_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#define FACET_BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)     /* with NUL */

/* Writes FACET_BASE64_SIZE(len) bytes. */
void facet_base64_encode(char *out, const void *data, size_t len);

/* Decodes exactly: FACET_E_FORMAT for other characters, missing padding or set bits in the last
 * character's unused part, FACET_E_LIMIT for more than `cap` bytes. */
int facet_base64_decode(void *out, size_t cap, size_t *len, const char *text);

#endif
