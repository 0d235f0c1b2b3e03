/* An MQTT 5 client with a thread of its own (libmosquitto, in the module facet-mqtt.so, opened on first use).
 *
 * Connects in the background, and again after every loss, with backoff and jitter; subscriptions are renewed.
 * Publishing is QoS 0 or 1 (2 is not offered: ids make doubles harmless). Thread-safe. Callbacks come on the client's
 * thread, without a lock held, and may publish; they must not close the client. A message is acknowledged to the broker after
 * on_message returned FACET_OK; after an error it is not taken as received and comes again with the next connection. */
#ifndef FACET_NET_MQTT_H
#define FACET_NET_MQTT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_mqtt;

struct facet_mqtt_message {
    const char *topic;
    const void *payload; size_t len;
    int qos;
    bool retain;
    unsigned expiry_s;             /* MQTT 5 message expiry; 0: none */
    const char *content_type;      /* NULL: none */
    bool is_retained_copy;         /* received: it came because it was retained, not now */
};

enum facet_mqtt_state { FACET_MQTT_CONNECTING, FACET_MQTT_ONLINE, FACET_MQTT_OFFLINE, FACET_MQTT_REFUSED, FACET_MQTT_STATES };
extern const char *const facet_mqtt_state_words[FACET_MQTT_STATES];     /* "connecting" ... */

#define FACET_MQTT_MAX_CLIENT_ID 256

struct facet_mqtt_tls { const char *ca, *cert, *key; bool insecure; };    /* files; all NULL with enabled: the system's CAs */

struct facet_mqtt_opts {
    const char *host; int port;    /* 0: 1883, with TLS 8883 */
    const char *client_id;         /* required: the session's name at the broker */
    const char *username, *password;
    bool use_tls; struct facet_mqtt_tls tls;
    int keepalive_s;               /* 0: 15 */
    bool clean_start;
    unsigned session_expiry_s;     /* 0: 86400; the broker keeps what was subscribed to so long */
    const struct facet_mqtt_message *will;     /* copied; NULL: none */
    unsigned backoff_ms, backoff_max_ms;       /* 0: 250, 5000 */
    size_t max_message;            /* bytes of a message that is taken; 0: FACET_MAX_WIRE_MESSAGE */
    void (*on_state)(void *ctx, enum facet_mqtt_state state, const char *why);    /* why: "" or a reason for people */
    int (*on_message)(void *ctx, const struct facet_mqtt_message *m);             /* borrowed until it returns */
    void (*on_published)(void *ctx, int64_t token);                               /* the broker has it (QoS 1) */
    void (*on_refused)(void *ctx, int64_t token, const char *why);                /* it will not take it (rights, quota); may be NULL */
    void *ctx;
};
#define FACET_MQTT_OPTS_INIT { 0 }

struct facet_mqtt_stats {
    enum facet_mqtt_state state;
    int64_t connects, sent, received, bytes_sent, bytes_received;    /* payload bytes */
    int64_t in_flight;             /* QoS 1 messages the broker has not acknowledged */
    int64_t refused, rejected;     /* not taken by the broker; received, but larger than max_message */
};

/* Starts the thread; an unreachable broker is no error here. */
int facet_mqtt_open(struct facet_mqtt **out, const struct facet_mqtt_opts *o);
/* Sends what is in flight for at most `wait_ms`, says goodbye (no will is sent) and frees. */
void facet_mqtt_close(struct facet_mqtt **m, unsigned wait_ms);
/* Copies. FACET_E_AGAIN while offline, or when too much is in flight. `token` comes back by on_published; not for QoS 0. */
int facet_mqtt_publish(struct facet_mqtt *m, const struct facet_mqtt_message *msg, int64_t token);
int facet_mqtt_subscribe(struct facet_mqtt *m, const char *filter, int qos);
int facet_mqtt_unsubscribe(struct facet_mqtt *m, const char *filter);
void facet_mqtt_stats(struct facet_mqtt *m, struct facet_mqtt_stats *out);

#endif
