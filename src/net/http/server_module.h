/* What facet-http.so exports: TLS over a socket, and HTTP/2 between bytes and requests. Reasons go back as text, since a module
 * carries its own copy of base. */
#ifndef FACET_NET_HTTP_SERVER_MODULE_H
#define FACET_NET_HTTP_SERVER_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FACET_HTTP_MODULE_VERSION 1
#define FACET_HTTP_MODULE_SYMBOL "facet_http_module"

struct facet_tls;                  /* certificate and rules */
struct facet_tls_conn;
struct facet_h2;                   /* one connection's HTTP/2 */

struct facet_tls_files { const char *cert, *key, *client_ca; };
enum { FACET_TLS_READ = -1, FACET_TLS_WRITE = -2, FACET_TLS_DEAD = -3 };       /* waits for; broken */

struct facet_h2_field { const char *name, *value; };

/* From HTTP/2 to the server; `request` is what `begin` gave. */
struct facet_h2_calls {
    void *(*begin)(void *conn, int32_t stream);        /* NULL: refused */
    bool (*field)(void *request, const char *name, size_t name_len, const char *value, size_t value_len);
    void (*head)(void *request, bool has_body);
    void (*data)(void *request, const uint8_t *data, size_t len);      /* h2_took is called when it has room again */
    void (*data_end)(void *request);
    /* Fills with what there is to answer: bytes; 0 and not *end: nothing yet (h2_more says when). */
    size_t (*answer)(void *request, uint8_t *out, size_t cap, bool *end);
    void (*closed)(void *request);
};

struct facet_http_module {
    int version;
    int (*tls_open)(struct facet_tls **out, const struct facet_tls_files *f, char *why, size_t cap);
    void (*tls_close)(struct facet_tls **t);
    int (*tls_accept)(struct facet_tls_conn **out, struct facet_tls *t, int fd);
    void (*tls_end)(struct facet_tls_conn **c);
    ssize_t (*tls_read)(struct facet_tls_conn *c, void *out, size_t cap);          /* 0: the end; or one of FACET_TLS_ */
    ssize_t (*tls_write)(struct facet_tls_conn *c, const void *data, size_t len);
    bool (*tls_is_h2)(const struct facet_tls_conn *c);

    int (*h2_open)(struct facet_h2 **out, const struct facet_h2_calls *calls, void *conn, unsigned max_streams, size_t max_head);
    void (*h2_close)(struct facet_h2 **h);
    int (*h2_feed)(struct facet_h2 *h, const void *data, size_t len);              /* non-zero: the connection is over */
    ssize_t (*h2_pull)(struct facet_h2 *h, const uint8_t **data);                  /* bytes for the wire; 0: none; -1: over */
    int (*h2_answer)(struct facet_h2 *h, int32_t stream, int status, const struct facet_h2_field *fields, size_t n, bool has_body);
    void (*h2_more)(struct facet_h2 *h, int32_t stream);
    void (*h2_took)(struct facet_h2 *h, int32_t stream, size_t len);
    void (*h2_reset)(struct facet_h2 *h, int32_t stream, bool refused);
    void (*h2_bye)(struct facet_h2 *h);
    bool (*h2_is_over)(struct facet_h2 *h);
};

#endif
