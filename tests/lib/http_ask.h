/* A small HTTP/1.1 client for tests of our server: one request a connection, whole answers, or streams that go on. */
#ifndef FACET_TESTS_HTTP_ASK_H
#define FACET_TESTS_HTTP_ASK_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct http_ask {
    int port;
    const char *method, *path;     /* NULL: GET */
    const char *key;               /* x-api-key; NULL: none */
    const char *type;              /* content-type of the body; NULL: none */
    const char *headers;           /* further lines, each ended by CR LF; NULL: none */
    const void *body; size_t len;
};
struct http_answer { int status; char *head, *body; size_t len; };     /* body is NUL-ended behind len */

/* Fails the test when there is no whole answer. */
void http_ask(struct http_answer *out, const struct http_ask *a);
void http_answer_fini(struct http_answer *a);
/* The value of a header, in a static buffer; NULL: absent. */
const char *http_header(const struct http_answer *a, const char *name);

#define HTTP_BOUNDARY "facet-test-boundary"
#define HTTP_MULTIPART "multipart/form-data; boundary=" HTTP_BOUNDARY
/* Appends a part; after the last one http_part_end. */
void http_part(struct facet_str *body, const char *name, const char *filename, const char *type, const void *data, size_t len);
void http_part_end(struct facet_str *body);

/* An answer that goes on. */
struct http_watch { int fd, status; struct facet_str text; };      /* all that came, head and chunks as they were sent */
void http_watch_open(struct http_watch *w, const struct http_ask *a);
/* Reads on until `part` has come, or fails the test. */
void http_watch_for(struct http_watch *w, const char *part, unsigned timeout_ms);
/* True once the server has ended it. */
bool http_watch_ended(struct http_watch *w, unsigned timeout_ms);
void http_watch_close(struct http_watch *w);

#endif
