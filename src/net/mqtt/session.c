/* The client's thread: connects, serves the connection until it is lost, waits with growing pauses, and again. */
#include "net/mqtt/client_priv.h"

#include "base/clock.h"

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_NS 10000000000u /* until a connection must be answered */
#define STEADY_NS 2000000000u   /* a connection that lasted so long forgives earlier failures */
#define GOODBYE_MS 300

void facet__mqtt_wake(struct facet_mqtt_client *c)
{
    uint64_t one = 1;
    if (write(c->wake, &one, sizeof(one)) < 0)
        return; /* it is awake already */
}

/* Told when it is another state, or for another reason: not each try in vain. */
static void set_state(struct facet_mqtt_client *c, enum facet_mqtt_state state, const char *why)
{
    facet_lock_take(&c->lock);
    bool is_new = c->stats.state != state || strcmp(c->told, why) != 0;
    c->stats.connects += c->stats.state != state && state == FACET_MQTT_ONLINE;
    c->stats.state = state;
    facet_lock_give(&c->lock);
    snprintf(c->told, sizeof(c->told), "%s", why);
    if (c->o.on_state && is_new)
        c->o.on_state(c->o.ctx, state, why);
}

static uint64_t closing(struct facet_mqtt_client *c)
{
    facet_lock_take(&c->lock);
    uint64_t by = c->close_by_ns;
    facet_lock_give(&c->lock);
    return by;
}

static void note(struct facet_mqtt_client *c, const char *why)
{
    if (!c->why[0])
        snprintf(c->why, sizeof(c->why), "%s", why);
}

/* ---- what libmosquitto tells ---- */

static void subscribe_all(struct facet_mqtt_client *c)
{
    facet_lock_take(&c->lock);
    for (int i = 0; i < c->n_filters; i++)
        mosquitto_subscribe(c->mosq, NULL, c->filters[i].filter, c->filters[i].qos);
    facet_lock_give(&c->lock);
}

static void on_connect(struct mosquitto *mosq, void *ctx, int reason, int flags, const mosquitto_property *list)
{
    struct facet_mqtt_client *c = ctx;
    if (reason) {
        c->is_refused = true;
        note(c, mosquitto_reason_string(reason));
        return;
    }
    c->is_answered = true;
}

static void on_disconnect(struct mosquitto *mosq, void *ctx, int reason, const mosquitto_property *list)
{
    struct facet_mqtt_client *c = ctx;
    if (reason >= 0x80) /* the broker's words; below, libmosquitto's errors are told by what failed */
        note(c, mosquitto_reason_string(reason));
}

static void on_log(struct mosquitto *mosq, void *ctx, int level, const char *text)
{
    if (level == MOSQ_LOG_ERR)
        note(ctx, text);
}

static bool count_received(struct facet_mqtt_client *c, const struct mosquitto_message *m)
{
    bool is_fit = m->payloadlen >= 0 && (size_t)m->payloadlen <= c->o.max_message;
    facet_lock_take(&c->lock);
    c->stats.received++;
    c->stats.bytes_received += m->payloadlen;
    c->stats.rejected += !is_fit;
    facet_lock_give(&c->lock);
    return is_fit;
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *m, const mosquitto_property *list)
{
    struct facet_mqtt_client *c = ctx;
    char *content_type = NULL;
    uint32_t expiry = 0;
    if (c->is_rejecting || !c->o.on_message || !count_received(c, m))
        return;
    mosquitto_property_read_int32(list, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &expiry, false);
    mosquitto_property_read_string(list, MQTT_PROP_CONTENT_TYPE, &content_type, false);
    struct facet_mqtt_message out = {.topic = m->topic, .payload = m->payload, .len = (size_t)m->payloadlen, .qos = m->qos,
                                     .retain = m->retain, .expiry_s = expiry, .content_type = content_type,
                                     .is_retained_copy = m->retain};
    int err = c->o.on_message(c->o.ctx, &out);
    if (err && m->qos > 0) {
        c->is_rejecting = true;
        note(c, "a message could not be taken");
    }
    free(content_type);
}

static void on_publish(struct mosquitto *mosq, void *ctx, int mid, int reason, const mosquitto_property *list)
{
    struct facet_mqtt_client *c = ctx;
    int64_t token = 0;
    int qos = 0;
    facet_lock_take(&c->lock);
    bool is_ours = facet__flight_remove(&c->flight, mid, &qos, &token);
    c->stats.in_flight = c->flight.acknowledged;
    c->stats.refused += is_ours && reason >= 0x80;
    facet_lock_give(&c->lock);
    if (!is_ours || qos == 0)
        return;
    if (reason >= 0x80) {
        if (c->o.on_refused)
            c->o.on_refused(c->o.ctx, token, mosquitto_reason_string(reason));
    } else if (c->o.on_published) {
        c->o.on_published(c->o.ctx, token);
    }
}

/* ---- one connection ---- */

static const char *error_words(int rc)
{
    return rc == MOSQ_ERR_ERRNO ? strerror(errno) : mosquitto_strerror(rc);
}

/* Connecting without waiting takes the first address that a name has. One that nobody answers at must not hide the others:
 * after a try in vain the next is asked for another kind of address, by where the socket is bound to. (libmosquitto cannot
 * be told to forget that again: NULL leaves it with a pointer that it freed.) */
static int ask(struct facet_mqtt_client *c)
{
    if (c->failures)
        mosquitto_string_option(c->mosq, MOSQ_OPT_BIND_ADDRESS, c->failures % 2 ? "0.0.0.0" : "::");
    if (c->has_asked)
        return mosquitto_reconnect_async(c->mosq);
    c->has_asked = true;
    return mosquitto_connect_async(c->mosq, c->o.host, c->o.port, c->o.keepalive_s);
}

/* A cable that is cut says nothing: what was sent and not answered by the other machine for so long ends the connection. */
static void limit_silence(struct facet_mqtt_client *c)
{
    unsigned ms = (unsigned)c->o.keepalive_s * 1000;
    int fd = mosquitto_socket(c->mosq);
    if (fd >= 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

static int begin(struct facet_mqtt_client *c)
{
    c->is_answered = c->is_refused = c->is_rejecting = false;
    c->why[0] = '\0';
    facet_lock_take(&c->lock);
    facet__flight_lose(&c->flight);
    facet_lock_give(&c->lock);
    int rc = ask(c);
    if (rc && c->failures++) /* a name without such an address fails at once: the other kind need not wait */
        rc = ask(c);
    if (!rc)
        limit_silence(c);
    return rc;
}

/* What comes after this connection's end must not be written to it. */
static void abandon(struct facet_mqtt_client *c)
{
    int fd = mosquitto_socket(c->mosq);
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
    for (int i = 0; i < 1000 && mosquitto_socket(c->mosq) >= 0; i++)
        if (mosquitto_loop_read(c->mosq, 1))
            break;
}

static void poll_once(struct facet_mqtt_client *c, int fd, int timeout_ms, short *events)
{
    uint64_t count;
    struct pollfd p[2] = {{fd, (short)(POLLIN | (mosquitto_want_write(c->mosq) ? POLLOUT : 0)), 0}, {c->wake, POLLIN, 0}};
    poll(p, 2, timeout_ms);
    if ((p[1].revents & POLLIN) && read(c->wake, &count, sizeof(count)) < 0)
        count = 0;
    *events = p[0].revents;
}

/* The other end is gone. What it said before is read; libmosquitto itself would try its handshake for ever. */
static int hung_up(struct facet_mqtt_client *c, int fd)
{
    int why = 0, rc = MOSQ_ERR_SUCCESS;
    socklen_t size = sizeof(why);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size);
    for (int i = 0; i < 16 && !rc && !c->is_rejecting && mosquitto_socket(c->mosq) >= 0; i++)
        rc = mosquitto_loop_read(c->mosq, 1);
    if (why)
        note(c, strerror(why));
    return rc ? rc : MOSQ_ERR_CONN_LOST;
}

/* One round; not MOSQ_ERR_SUCCESS when the connection is over. */
static int turn(struct facet_mqtt_client *c, int timeout_ms)
{
    short events = 0;
    int rc = MOSQ_ERR_SUCCESS, fd = mosquitto_socket(c->mosq);
    if (fd < 0)
        return MOSQ_ERR_CONN_LOST;
    poll_once(c, fd, timeout_ms, &events);
    if (events & (POLLHUP | POLLERR))
        return hung_up(c, fd);
    if (events & POLLIN)
        rc = mosquitto_loop_read(c->mosq, 1);
    if (rc || c->is_rejecting)
        return rc ? rc : MOSQ_ERR_CONN_LOST;
    if (mosquitto_want_write(c->mosq) || (events & POLLOUT))
        rc = mosquitto_loop_write(c->mosq, 1);
    return rc ? rc : mosquitto_loop_misc(c->mosq);
}

static bool is_drained(struct facet_mqtt_client *c)
{
    facet_lock_take(&c->lock);
    bool yes = c->flight.n == 0;
    facet_lock_give(&c->lock);
    return yes && !mosquitto_want_write(c->mosq);
}

/* Without a will: the broker is told that this is meant. */
static void say_goodbye(struct facet_mqtt_client *c)
{
    uint64_t until = facet_now_ns() + (uint64_t)GOODBYE_MS * 1000000;
    mosquitto_disconnect_v5(c->mosq, 0, NULL);
    while (mosquitto_socket(c->mosq) >= 0 && facet_now_ns() < until)
        if (turn(c, 20))
            break;
}

/* Until the connection ends or the client closes; true: it is closing. */
static bool serve(struct facet_mqtt_client *c)
{
    uint64_t begun = facet_now_ns();
    bool is_online = false;
    for (;;) {
        uint64_t by = closing(c);
        if (by && (facet_now_ns() >= by || is_drained(c) || !is_online)) {
            if (is_online)
                say_goodbye(c);
            return true;
        }
        int rc = turn(c, by ? 10 : 500);
        if (rc) {
            note(c, error_words(rc));
            return false;
        }
        if (c->is_answered && !is_online) {
            is_online = true;
            subscribe_all(c);
            set_state(c, FACET_MQTT_ONLINE, "");
        }
        if (!is_online && facet_now_ns() - begun > CONNECT_NS) {
            note(c, "the broker does not answer");
            return false;
        }
    }
}

/* ---- pauses ---- */

/* Between half and the whole of `ms`: devices that lost the same broker do not come back all at once. */
static void pause_for(struct facet_mqtt_client *c, unsigned ms)
{
    uint64_t until = facet_now_ns() + (ms / 2 + facet_rng_below(&c->rng, ms / 2 + 1)) * (uint64_t)1000000, now, count;
    while (!closing(c) && (now = facet_now_ns()) < until) {
        struct pollfd p = {c->wake, POLLIN, 0};
        poll(&p, 1, (int)((until - now) / 1000000 + 1));
        if ((p.revents & POLLIN) && read(c->wake, &count, sizeof(count)) < 0)
            count = 0;
    }
}

static unsigned longer(const struct facet_mqtt_client *c, unsigned ms)
{
    return ms * 2 > c->o.backoff_max_ms ? c->o.backoff_max_ms : ms * 2;
}

static void set_callbacks(struct facet_mqtt_client *c)
{
    mosquitto_connect_v5_callback_set(c->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(c->mosq, on_disconnect);
    mosquitto_message_v5_callback_set(c->mosq, on_message);
    mosquitto_publish_v5_callback_set(c->mosq, on_publish);
    mosquitto_log_callback_set(c->mosq, on_log);
}

void facet__mqtt_thread(void *client)
{
    struct facet_mqtt_client *c = client;
    unsigned pause_ms = c->o.backoff_ms;
    sigset_t broken;
    sigemptyset(&broken);
    sigaddset(&broken, SIGPIPE); /* what a lost connection makes of a write */
    pthread_sigmask(SIG_BLOCK, &broken, NULL);
    set_callbacks(c);
    while (!closing(c)) {
        uint64_t begun = facet_now_ns();
        int rc = begin(c);
        if (rc)
            note(c, error_words(rc));
        if (!rc && serve(c))
            break;
        abandon(c);
        c->failures += !c->is_answered && !c->is_refused;
        if (c->is_answered && facet_now_ns() - begun > STEADY_NS)
            pause_ms = c->o.backoff_ms;
        set_state(c, c->is_refused ? FACET_MQTT_REFUSED : FACET_MQTT_OFFLINE, c->why);
        pause_for(c, pause_ms);
        pause_ms = longer(c, pause_ms);
    }
    abandon(c);
    mosquitto_destroy(c->mosq);
    c->mosq = NULL;
}
