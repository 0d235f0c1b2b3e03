#include "net/netsim_sockets.h"

#include "base/errors.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int facet__netsim_resolve(struct sockaddr_storage *out, socklen_t *len, const char *host, int port, bool udp)
{
    const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = udp ? SOCK_DGRAM : SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    char service[16];
    snprintf(service, sizeof(service), "%d", port);
    int bad = getaddrinfo(host, service, &hints, &found);
    if (bad)
        return facet_fail(FACET_E_NOT_FOUND, "cannot find host '%s': %s", host, gai_strerror(bad));
    memset(out, 0, sizeof(*out));
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return FACET_OK;
}

int facet__netsim_port_of(const struct sockaddr_storage *at)
{
    return ntohs(at->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)at)->sin6_port : ((const struct sockaddr_in *)at)->sin_port);
}

int facet__netsim_listen(int *out, struct sockaddr_storage *at, socklen_t len, bool udp)
{
    const int one = 1;
    int fd = socket(at->ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !udp)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)at, len) || (!udp && listen(fd, 64)) || getsockname(fd, (struct sockaddr *)at, &len)) {
        const int why = errno;
        if (fd >= 0)
            close(fd);
        return facet_fail(why == EACCES ? FACET_E_PERMISSION : FACET_E_IO, "cannot listen on port %d: %s", facet__netsim_port_of(at),
                          strerror(why));
    }
    *out = fd;
    return FACET_OK;
}

int facet__netsim_connect(const struct sockaddr_storage *to, socklen_t len, bool udp, bool *waits)
{
    int fd = socket(to->ss_family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *waits = false;
    if (fd < 0)
        return -1;
    if (!udp)
        facet__netsim_no_delay(fd);
    if (connect(fd, (const struct sockaddr *)to, len) == 0)
        return fd;
    *waits = errno == EINPROGRESS;
    if (*waits)
        return fd;
    close(fd);
    return -1;
}

int facet__netsim_connect_error(int fd)
{
    int why = 0;
    socklen_t len = sizeof(why);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) ? errno : why;
}

void facet__netsim_no_delay(int fd)
{
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void facet__netsim_linger_none(int fd)
{
    const struct linger now = { .l_onoff = 1, .l_linger = 0 };
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}
