/* multipart/form-data (RFC 7578): parts of a body that is whole in memory. Parts are views into the body. */
#ifndef FACET_NET_HTTP_MULTIPART_H
#define FACET_NET_HTTP_MULTIPART_H

#include "base/limits.h"

#include <stddef.h>
#include <stdint.h>

struct facet_http_part { char name[128], filename[256], type[128]; const uint8_t *data; size_t len; };
struct facet_http_multipart { struct facet_http_part *part; int n; };

/* FACET_E_FORMAT with what is wrong; FACET_E_LIMIT for more than FACET_MAX_HTTP_PARTS. */
int facet_http_multipart_parse(struct facet_http_multipart *out, const char *content_type, const void *body, size_t len);
void facet_http_multipart_fini(struct facet_http_multipart *m);

#endif
