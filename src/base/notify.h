/* What a service tells systemd (sd_notify's protocol, by the socket in $NOTIFY_SOCKET). Without it everything here does nothing. */
#ifndef FACET_BASE_NOTIFY_H
#define FACET_BASE_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1", "STATUS=...", several lines at once. FACET_E_NET when it could not be told. */
int facet_notify(const char *state);
/* RELOADING=1 with the time that systemd wants beside it. */
int facet_notify_reloading(void);
/* How often the watchdog wants to hear of us, halved: 0: it does not. */
uint64_t facet_notify_watchdog_ms(void);

#endif
