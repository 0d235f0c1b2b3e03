#ifndef FACET_NET_MQTT_CLIENT_PRIV_H
#define FACET_NET_MQTT_CLIENT_PRIV_H

#include "base/lock.h"
#include "base/rng.h"
#include "base/thread.h"
#include "net/mqtt/flight.h"
#include "net/mqtt/mqtt_module.h"

#include <stdatomic.h>

#define FACET_MQTT_FILTERS 64

struct mosquitto;

struct facet_mqtt_client {
    struct facet_mqtt_opts o;      /* texts are ours */
    struct mosquitto *mosq;
    struct facet_thread thread;
    bool has_thread;
    int wake;                      /* eventfd; -1: none */

    struct facet_lock lock;        /* around what follows */
    bool has_lock;
    struct facet_mqtt_stats stats;
    struct facet__flight flight;
    struct { char *filter; int qos; } filters[FACET_MQTT_FILTERS];
    int n_filters;
    uint64_t close_by_ns;          /* 0: not closing */

    /* The thread's own. */
    struct facet_rng rng;
    bool is_answered;              /* the broker said yes to this connection */
    bool is_refused;               /* it said no */
    bool is_rejecting;             /* a message could not be taken: the connection ends before it is acknowledged */
    unsigned failures;             /* tries that nobody answered */
    bool has_asked;                /* where to connect is known to libmosquitto */
    char why[256];                 /* what is known about the end of this connection */
    char told[256];                /* with the state that was told last */
};

/* session.c: the thread. */
void facet__mqtt_thread(void *client);
void facet__mqtt_wake(struct facet_mqtt_client *c);

#endif
