/* UTF-8 (RFC 3629) from outside. */
#ifndef FACET_BASE_UTF8_H
#define FACET_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the sequence at `s`, which a NUL ends, and its code point; 0 for what is none. */
int facet_utf8_next(const unsigned char *s, uint32_t *point);
/* Controls, and the marks that turn or hide text so that one text looks like another. */
bool facet_utf8_is_hidden(uint32_t point);
/* Valid throughout; `len` bytes without NUL. */
bool facet_utf8_is_valid(const char *text, size_t len);
/* NUL-ended, valid and nothing hidden in it: fit to be a name, shown and logged. */
bool facet_utf8_is_plain(const char *text);

#endif
