#include "base/notify.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int facet_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    size_t n = path ? strlen(path) : 0;
    if (!n)
        return FACET_OK;
    if ((path[0] != '/' && path[0] != '@') || n >= sizeof(a.sun_path))
        return facet_fail(FACET_E_INVALID, "NOTIFY_SOCKET is no socket's path");
    memcpy(a.sun_path, path, n);
    if (path[0] == '@')
        a.sun_path[0] = '\0'; /* an abstract one */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    bool is_sent = fd >= 0 && sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a, len) == (ssize_t)strlen(state);
    int why = errno;
    if (fd >= 0)
        close(fd);
    return is_sent ? FACET_OK : facet_fail(FACET_E_NET, "cannot tell the service manager: %s", strerror(why));
}

int facet_notify_reloading(void)
{
    char text[64];
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)(facet_now_ns() / 1000));
    return facet_notify(text);
}

uint64_t facet_notify_watchdog_ms(void)
{
    int64_t usec = 0, pid = 0;
    const char *text = getenv("WATCHDOG_USEC"), *who = getenv("WATCHDOG_PID");
    if (!getenv("NOTIFY_SOCKET") || !text || facet_parse_int(text, &usec) || usec < 2000)
        return 0;
    if (who && (facet_parse_int(who, &pid) || pid != (int64_t)getpid()))
        return 0; /* another process of the service */
    return (uint64_t)usec / 2000;
}
