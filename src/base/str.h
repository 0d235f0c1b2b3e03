/* Growing text and bytes with a ceiling. Zero-initialise or use FACET_STR_INIT.
 * The first failed append is remembered (`err`), later ones do nothing: check once at the end. */
#ifndef FACET_BASE_STR_H
#define FACET_BASE_STR_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct facet_str {
    char *data;      /* NUL-terminated when len > 0; NULL when nothing was ever appended */
    size_t len;
    size_t cap;
    size_t max;      /* ceiling in bytes; 0 means 64 MiB */
    int err;         /* FACET_OK, FACET_E_NOMEM or FACET_E_LIMIT */
};

#define FACET_STR_INIT { 0 }

void facet_str_fini(struct facet_str *s);
void facet_str_clear(struct facet_str *s);                 /* keeps the memory */
int facet_str_append(struct facet_str *s, const void *data, size_t len);
int facet_str_puts(struct facet_str *s, const char *text);
int facet_str_printf(struct facet_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
const char *facet_str_text(const struct facet_str *s);     /* "" when empty, never NULL */
char *facet_str_take(struct facet_str *s);                 /* caller frees; s is empty after */

/* strdup-like with an upper bound: copies `src` into `dst`; FACET_E_LIMIT when it does not fit. */
int facet_copy_text(char *dst, size_t cap, const char *src);

/* The whole text as one finite number, "." before the decimals in every locale; FACET_E_FORMAT with a
 * text that quotes it otherwise. *out is untouched on failure. */
int facet_parse_num(const char *text, double *out);
int facet_parse_int(const char *text, int64_t *out);

#endif
