/* A device's cameras, watched through the server: pictures come from the device itself, while somebody watches, with a key that
 * an admin put here for it. */
#ifndef FACET_SERVE_DEVICE_VIEW_H
#define FACET_SERVE_DEVICE_VIEW_H

#include "serve/routes.h"

#define FACET__VIEW_URL 512

/* Where the device is asked; "" where nobody said. */
void facet__device_view_url(struct facet_serve *s, const char *device, char out[FACET__VIEW_URL]);
/* Adds those that can be watched but have not been heard of (no broker) to `list` of n, up to `max`; returns how many there are. */
int facet__device_view_add(struct facet_serve *s, struct facet_device *list, int n, int max);
/* Bytes of live views handed on. */
int64_t facet__device_view_bytes(struct facet_serve *s);

#endif
