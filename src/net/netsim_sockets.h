/* The few things netsim does with addresses and sockets. */
#ifndef FACET_NET_NETSIM_SOCKETS_H
#define FACET_NET_NETSIM_SOCKETS_H

#include <stdbool.h>
#include <sys/socket.h>

int facet__netsim_resolve(struct sockaddr_storage *out, socklen_t *len, const char *host, int port, bool udp);
/* Port 0 in `at` becomes the one that was given. */
int facet__netsim_listen(int *fd, struct sockaddr_storage *at, socklen_t len, bool udp);
/* -1 when it fails at once; *waits: the answer is still to come. */
int facet__netsim_connect(const struct sockaddr_storage *to, socklen_t len, bool udp, bool *waits);
int facet__netsim_connect_error(int fd);               /* an errno; 0: it stands */
int facet__netsim_port_of(const struct sockaddr_storage *at);
void facet__netsim_no_delay(int fd);
void facet__netsim_linger_none(int fd);                /* closing resets; -1 is fine */

#endif
