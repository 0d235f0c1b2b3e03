/* Messages that were given to libmosquitto and are not done with: of quality 1 until the broker has them, of quality 0 until
 * they are written. Not thread-safe: the client's lock is around every call. */
#ifndef FACET_NET_MQTT_FLIGHT_H
#define FACET_NET_MQTT_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_FLIGHT_MESSAGES 512
#define FACET_FLIGHT_BYTES ((size_t)32 << 20)

struct facet__flight {
    int n;
    int acknowledged;              /* of them, those of quality 1 */
    size_t bytes;
    struct { int mid, qos; size_t bytes; int64_t token; } all[FACET_FLIGHT_MESSAGES];
};

/* One message is always let through, however large. */
bool facet__flight_has_room(const struct facet__flight *f, size_t bytes);
void facet__flight_add(struct facet__flight *f, int mid, int qos, size_t bytes, int64_t token);
/* False: there is none such. */
bool facet__flight_remove(struct facet__flight *f, int mid, int *qos, int64_t *token);
/* A lost connection takes what was not written of quality 0 along. */
void facet__flight_lose(struct facet__flight *f);

#endif
