/* Between the files of the module facet-http.so. */
#ifndef FACET_NET_HTTP_SERVER_MODULE_PRIV_H
#define FACET_NET_HTTP_SERVER_MODULE_PRIV_H

#include "net/http/server_module.h"

int facet__tls_open(struct facet_tls **out, const struct facet_tls_files *f, char *why, size_t cap);
void facet__tls_close(struct facet_tls **t);
int facet__tls_accept(struct facet_tls_conn **out, struct facet_tls *t, int fd);
void facet__tls_end(struct facet_tls_conn **c);
ssize_t facet__tls_read(struct facet_tls_conn *c, void *out, size_t cap);
ssize_t facet__tls_write(struct facet_tls_conn *c, const void *data, size_t len);
bool facet__tls_is_h2(const struct facet_tls_conn *c);

#endif
