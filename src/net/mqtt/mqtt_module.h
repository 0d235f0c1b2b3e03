/* What facet-mqtt.so exports: the client itself. mqtt.c opens the module and hands on, errors and all. */
#ifndef FACET_NET_MQTT_MODULE_H
#define FACET_NET_MQTT_MODULE_H

#include "net/mqtt/mqtt.h"

#define FACET_MQTT_MODULE_VERSION 1
#define FACET_MQTT_MODULE_SYMBOL "facet_mqtt_module"

struct facet_mqtt_client;

struct facet_mqtt_module {
    int version;
    int (*open)(struct facet_mqtt_client **out, const struct facet_mqtt_opts *o);
    void (*close)(struct facet_mqtt_client **c, unsigned wait_ms);
    int (*publish)(struct facet_mqtt_client *c, const struct facet_mqtt_message *m, int64_t token);
    int (*subscribe)(struct facet_mqtt_client *c, const char *filter, int qos);
    int (*unsubscribe)(struct facet_mqtt_client *c, const char *filter);
    void (*stats)(struct facet_mqtt_client *c, struct facet_mqtt_stats *out);
    const char *(*error_text)(void);       /* of the calling thread: the module's base is its own */
};

#endif
