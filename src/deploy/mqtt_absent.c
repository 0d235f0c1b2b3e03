/* The broker client of a build without one: says so. */
#include "net/mqtt/mqtt.h"

#include "base/errors.h"

#include <string.h>

int facet_mqtt_open(struct facet_mqtt **out, const struct facet_mqtt_opts *o)
{
    *out = NULL;
    return facet_fail(FACET_E_UNSUPPORTED, "cannot reach broker '%s': this build has no broker client", o->host);
}

void facet_mqtt_close(struct facet_mqtt **m, unsigned wait_ms)
{
    (void)wait_ms;
    *m = NULL;
}

int facet_mqtt_publish(struct facet_mqtt *m, const struct facet_mqtt_message *msg, int64_t token)
{
    (void)m, (void)msg, (void)token;
    return FACET_E_AGAIN;
}

int facet_mqtt_subscribe(struct facet_mqtt *m, const char *filter, int qos)
{
    (void)m, (void)filter, (void)qos;
    return FACET_E_UNSUPPORTED;
}

void facet_mqtt_stats(struct facet_mqtt *m, struct facet_mqtt_stats *out)
{
    (void)m;
    memset(out, 0, sizeof(*out));
}
