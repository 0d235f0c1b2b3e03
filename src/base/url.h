/* Addresses that may hold a user and a password. */
#ifndef FACET_BASE_URL_H
#define FACET_BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

struct facet_str;

/* "rtsp" of "rtsp://host/x": letters, digits, '+', '-', '.' before "://". False for paths of files. */
bool facet_url_scheme(const char *url, char *out, size_t cap);
/* An address without what may be secret: user and password go, and what follows '?' becomes "***". When it is
 * doubtful where a password ends, more is left out rather than less. A path of a file stays as it is, and so does its
 * length: what does not fit into `cap` is cut off. */
void facet_url_redact(char *out, size_t cap, const char *url);
/* `url` with user and password (percent-encoded) before its host, instead of those that it has; appended. An empty user
 * leaves it as it is. FACET_E_INVALID when it is a path. */
int facet_url_login(struct facet_str *out, const char *url, const char *user, const char *password);

#endif
