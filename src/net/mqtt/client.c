/* The module facet-mqtt.so: libmosquitto behind struct facet_mqtt_module.
 *
 * libmosquitto is told that threads are ours, so that it only queues what it wants to send; a thread of the client
 * (session.c) polls the socket, reads and writes. That is also how a message is acknowledged only after it was taken:
 * its PUBACK waits in the queue while on_message works, and when on_message fails the connection is ended with the queue
 * unwritten, so that the broker sends the message again. */
#include "net/mqtt/client_priv.h"

#include "base/clock.h"
#include "base/errors.h"

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <threads.h>
#include <unistd.h>

#define SYSTEM_CAS "/etc/ssl/certs"

static int fail_mosq(int rc, const char *what)
{
    switch (rc) {
    case MOSQ_ERR_SUCCESS: return FACET_OK;
    case MOSQ_ERR_NOMEM: return facet_fail_nomem();
    case MOSQ_ERR_NO_CONN: return facet_fail(FACET_E_AGAIN, "cannot %s: the broker is not connected", what);
    case MOSQ_ERR_OVERSIZE_PACKET:
    case MOSQ_ERR_PAYLOAD_SIZE: return facet_fail(FACET_E_LIMIT, "cannot %s: the message is larger than the broker takes", what);
    default: return facet_fail(FACET_E_INVALID, "cannot %s: %s", what, mosquitto_strerror(rc));
    }
}

/* ---- what travels with a message ---- */

static int add_properties(mosquitto_property **list, const struct facet_mqtt_message *m)
{
    int rc = MOSQ_ERR_SUCCESS;
    if (m->expiry_s)
        rc = mosquitto_property_add_int32(list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, m->expiry_s);
    if (!rc && m->content_type)
        rc = mosquitto_property_add_string(list, MQTT_PROP_CONTENT_TYPE, m->content_type);
    return rc;
}

/* ---- calls from any thread ---- */

static int client_publish(struct facet_mqtt_client *c, const struct facet_mqtt_message *m, int64_t token)
{
    mosquitto_property *list = NULL;
    int mid = 0;
    if (m->qos < 0 || m->qos > 1)
        return facet_fail(FACET_E_INVALID, "cannot publish with quality of service %d: 0 and 1 are offered", m->qos);
    if (!m->topic || mosquitto_pub_topic_check(m->topic) || !m->topic[0])
        return facet_fail(FACET_E_INVALID, "cannot publish to '%.80s': that is no topic", m->topic ? m->topic : "");
    if (m->len > c->o.max_message)
        return facet_fail(FACET_E_LIMIT, "cannot publish %zu bytes: at most %zu are allowed", m->len, c->o.max_message);
    int rc = add_properties(&list, m), err = FACET_OK;
    facet_lock_take(&c->lock);
    if (c->stats.state != FACET_MQTT_ONLINE || c->close_by_ns)
        err = facet_fail(FACET_E_AGAIN, "cannot publish: the broker is not connected");
    else if (!facet__flight_has_room(&c->flight, m->len))
        err = facet_fail(FACET_E_AGAIN, "cannot publish: the broker has too much to acknowledge");
    else if (!rc)
        rc = mosquitto_publish_v5(c->mosq, &mid, m->topic, (int)m->len, m->payload, m->qos, m->retain, list);
    if (!err && !rc) {
        facet__flight_add(&c->flight, mid, m->qos, m->len, token);
        c->stats.sent++;
        c->stats.bytes_sent += (int64_t)m->len;
        c->stats.in_flight = c->flight.acknowledged;
    }
    facet_lock_give(&c->lock);
    mosquitto_property_free_all(&list);
    facet__mqtt_wake(c);
    return err ? err : fail_mosq(rc, "publish");
}

static int find_filter(const struct facet_mqtt_client *c, const char *filter)
{
    int i = 0;
    while (i < c->n_filters && strcmp(c->filters[i].filter, filter))
        i++;
    return i;
}

/* With the lock. */
static int keep_filter(struct facet_mqtt_client *c, const char *filter, int qos)
{
    int i = find_filter(c, filter);
    if (i == FACET_MQTT_FILTERS)
        return facet_fail(FACET_E_LIMIT, "cannot subscribe to more than %d filters", FACET_MQTT_FILTERS);
    if (i == c->n_filters) {
        c->filters[i].filter = strdup(filter);
        if (!c->filters[i].filter)
            return facet_fail_nomem();
        c->n_filters++;
    }
    c->filters[i].qos = qos;
    return FACET_OK;
}

/* Kept, and asked for now where there is a connection; otherwise with the next. */
static int client_subscribe(struct facet_mqtt_client *c, const char *filter, int qos)
{
    if (qos < 0 || qos > 1)
        return facet_fail(FACET_E_INVALID, "cannot subscribe with quality of service %d: 0 and 1 are offered", qos);
    if (!filter || !filter[0] || mosquitto_sub_topic_check(filter))
        return facet_fail(FACET_E_INVALID, "cannot subscribe to '%.80s': that is no filter", filter ? filter : "");
    facet_lock_take(&c->lock);
    int rc = MOSQ_ERR_SUCCESS, err = keep_filter(c, filter, qos);
    if (!err && c->stats.state == FACET_MQTT_ONLINE)
        rc = mosquitto_subscribe(c->mosq, NULL, filter, qos);
    facet_lock_give(&c->lock);
    facet__mqtt_wake(c);
    return err ? err : rc == MOSQ_ERR_NO_CONN ? FACET_OK : fail_mosq(rc, "subscribe");
}

static int client_unsubscribe(struct facet_mqtt_client *c, const char *filter)
{
    int rc = MOSQ_ERR_SUCCESS;
    facet_lock_take(&c->lock);
    int i = filter ? find_filter(c, filter) : c->n_filters;
    bool is_there = i < c->n_filters;
    if (is_there) {
        free(c->filters[i].filter);
        c->filters[i] = c->filters[--c->n_filters];
        if (c->stats.state == FACET_MQTT_ONLINE)
            rc = mosquitto_unsubscribe(c->mosq, NULL, filter);
    }
    facet_lock_give(&c->lock);
    facet__mqtt_wake(c);
    if (!is_there)
        return facet_fail(FACET_E_NOT_FOUND, "cannot unsubscribe from '%.80s': it was not subscribed to", filter ? filter : "");
    return rc == MOSQ_ERR_NO_CONN ? FACET_OK : fail_mosq(rc, "unsubscribe");
}

static void client_stats(struct facet_mqtt_client *c, struct facet_mqtt_stats *out)
{
    facet_lock_take(&c->lock);
    *out = c->stats;
    facet_lock_give(&c->lock);
}

/* ---- opening ---- */

static int copy_text(const char **at)
{
    if (*at && !(*at = strdup(*at)))
        return facet_fail_nomem();
    return FACET_OK;
}

/* All texts are ours or NULL after this, on failure too. */
static int copy_opts(struct facet_mqtt_client *c, const struct facet_mqtt_opts *o)
{
    struct facet_mqtt_opts *to = &c->o;
    const char **texts[] = {&to->host, &to->client_id, &to->username, &to->password, &to->tls.ca, &to->tls.cert, &to->tls.key};
    int err = FACET_OK;
    *to = *o;
    to->will = NULL; /* libmosquitto has its own copy */
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (err)
            *texts[i] = NULL;
        else
            err = copy_text(texts[i]);
    }
    return err;
}

static int set_tls(struct facet_mqtt_client *c)
{
    const struct facet_mqtt_tls *t = &c->o.tls;
    int rc = mosquitto_tls_set(c->mosq, t->ca, t->ca ? NULL : SYSTEM_CAS, t->cert, t->key, NULL);
    if (!rc && t->insecure)
        rc = mosquitto_tls_opts_set(c->mosq, 0, NULL, NULL);
    if (!rc && t->insecure)
        rc = mosquitto_tls_insecure_set(c->mosq, true);
    return fail_mosq(rc, "set up TLS for the broker");
}

static int set_will(struct facet_mqtt_client *c, const struct facet_mqtt_message *w)
{
    mosquitto_property *list = NULL;
    int rc = add_properties(&list, w);
    if (!rc)
        rc = mosquitto_will_set_v5(c->mosq, w->topic, (int)w->len, w->payload, w->qos, w->retain, list);
    if (rc) /* otherwise the list is libmosquitto's */
        mosquitto_property_free_all(&list);
    return fail_mosq(rc, "set the last will");
}

/* The only call that keeps properties of a connection also connects, and waits for it: it is given a place that does not
 * exist, and session.c then connects for real, without waiting. */
static int set_connect_properties(struct facet_mqtt_client *c)
{
    mosquitto_property *list = NULL;
    int rc = mosquitto_property_add_int32(&list, MQTT_PROP_SESSION_EXPIRY_INTERVAL, c->o.session_expiry_s);
    if (!rc)
        rc = mosquitto_property_add_int32(&list, MQTT_PROP_MAXIMUM_PACKET_SIZE, (uint32_t)c->o.max_message + 65536);
    if (!rc)
        mosquitto_connect_bind_v5(c->mosq, "", 0, c->o.keepalive_s, NULL, list);
    mosquitto_property_free_all(&list);
    return fail_mosq(rc, "describe the session");
}

static void init_library(void)
{
    mosquitto_lib_init();
}

static int make_mosq(struct facet_mqtt_client *c, const struct facet_mqtt_opts *o)
{
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, init_library);
    c->mosq = mosquitto_new(c->o.client_id, c->o.clean_start, c);
    if (!c->mosq)
        return facet_fail_nomem();
    mosquitto_threaded_set(c->mosq, true);
    int err = fail_mosq(mosquitto_int_option(c->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5), "speak MQTT 5");
    if (!err)
        err = fail_mosq(mosquitto_int_option(c->mosq, MOSQ_OPT_TCP_NODELAY, 1), "speak MQTT 5");
    if (!err && c->o.username)
        err = fail_mosq(mosquitto_username_pw_set(c->mosq, c->o.username, c->o.password), "set the broker's user");
    if (!err && c->o.use_tls)
        err = set_tls(c);
    if (!err && o->will)
        err = set_will(c, o->will);
    return err ? err : set_connect_properties(c);
}

static void client_close(struct facet_mqtt_client **client, unsigned wait_ms)
{
    struct facet_mqtt_client *c = *client;
    if (!c)
        return;
    if (c->has_thread) {
        facet_lock_take(&c->lock);
        c->close_by_ns = facet_now_ns() + (uint64_t)wait_ms * 1000000;
        facet_lock_give(&c->lock);
        facet__mqtt_wake(c);
        facet_thread_join(&c->thread); /* it has given the connection back */
    } else if (c->mosq) {
        mosquitto_destroy(c->mosq);
    }
    for (int i = 0; i < c->n_filters; i++)
        free(c->filters[i].filter);
    if (c->wake >= 0)
        close(c->wake);
    if (c->has_lock)
        facet_lock_fini(&c->lock);
    const char *texts[] = {c->o.host, c->o.client_id, c->o.username, c->o.tls.ca, c->o.tls.cert, c->o.tls.key};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((char *)(uintptr_t)texts[i]);
    if (c->o.password)
        explicit_bzero((char *)(uintptr_t)c->o.password, strlen(c->o.password));
    free((char *)(uintptr_t)c->o.password);
    free(c);
    *client = NULL;
}

static int client_open(struct facet_mqtt_client **out, const struct facet_mqtt_opts *o)
{
    struct facet_mqtt_client *c = calloc(1, sizeof(*c));
    *out = NULL;
    if (!c)
        return facet_fail_nomem();
    c->wake = -1;
    c->stats.state = FACET_MQTT_CONNECTING;
    facet_rng_seed(&c->rng, facet_now_ns() ^ ((uint64_t)getpid() << 40));
    int err = copy_opts(c, o);
    if (!err)
        err = facet_lock_init(&c->lock);
    c->has_lock = !err;
    if (!err && (c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
        err = facet_fail(FACET_E_LIMIT, "cannot make a broker's client: too many open files");
    if (!err)
        err = make_mosq(c, o);
    if (!err)
        err = facet_thread_start(&c->thread, "facet-mqtt", facet__mqtt_thread, c);
    c->has_thread = !err;
    if (err)
        client_close(&c, 0);
    *out = c;
    return err;
}

static const char *client_error_text(void)
{
    return facet_error_text();
}

extern const struct facet_mqtt_module facet_mqtt_module;
__attribute__((visibility("default"))) const struct facet_mqtt_module facet_mqtt_module = {
    .version = FACET_MQTT_MODULE_VERSION,
    .open = client_open,
    .close = client_close,
    .publish = client_publish,
    .subscribe = client_subscribe,
    .unsubscribe = client_unsubscribe,
    .stats = client_stats,
    .error_text = client_error_text,
};
