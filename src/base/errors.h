/* Setting the thread's error text. Codes and reading are in <facet/error.h>. */
#ifndef FACET_BASE_ERRORS_H
#define FACET_BASE_ERRORS_H

#include <facet/error.h>

/* Sets the calling thread's error text and returns `err`, so that a refusal is one line:
 *     return facet_fail(FACET_E_STORE, "cannot open gallery '%s': %s", path, why);
 * Say what could not be done, name it in quotes, no full stop. */
int facet_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the text that is there; returns `err`. */
int facet_fail_prefix(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* FACET_E_NOMEM with a text. */
int facet_fail_nomem(void);

/* FACET_E_NOT_FOUND, _PERMISSION or _IO by errno, with "cannot <doing> '<path>': <strerror>". */
int facet_fail_errno(const char *doing, const char *path);

#endif
