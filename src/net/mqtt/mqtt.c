/* The half of the client that does not need libmosquitto: what is asked for is checked, the module opened. */
#include "net/mqtt/mqtt.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/module.h"
#include "net/mqtt/mqtt_module.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const facet_mqtt_state_words[FACET_MQTT_STATES] = {"connecting", "online", "offline", "refused"};

struct facet_mqtt {
    const struct facet_mqtt_module *module;
    struct facet_mqtt_client *client;
};

static int told(const struct facet_mqtt *m, int err)
{
    return err ? facet_fail(err, "%s", m->module->error_text()) : FACET_OK;
}

static int check_file(const char *path)
{
    return path && access(path, R_OK) ? facet_fail_errno("read", path) : FACET_OK;
}

static int check(const struct facet_mqtt_opts *o)
{
    if (!o->host || !o->host[0] || o->port < 0 || o->port > 65535)
        return facet_fail(FACET_E_INVALID, "a broker needs a host and a port from 1 to 65535");
    if (!o->client_id || !o->client_id[0] || strlen(o->client_id) > FACET_MQTT_MAX_CLIENT_ID)
        return facet_fail(FACET_E_INVALID, "a client of a broker needs a name of at most %d bytes", FACET_MQTT_MAX_CLIENT_ID);
    if (o->password && !o->username)
        return facet_fail(FACET_E_INVALID, "a password for the broker needs a user name");
    if (!o->use_tls)
        return FACET_OK;
    if (!o->tls.cert != !o->tls.key)
        return facet_fail(FACET_E_INVALID, "a certificate for the broker needs its key, and the other way round");
    int err = check_file(o->tls.ca);
    if (!err)
        err = check_file(o->tls.cert);
    return err ? err : check_file(o->tls.key);
}

static void fill_defaults(struct facet_mqtt_opts *o)
{
    o->port = o->port ? o->port : o->use_tls ? 8883 : 1883;
    o->keepalive_s = o->keepalive_s ? o->keepalive_s : 15;
    o->session_expiry_s = o->session_expiry_s ? o->session_expiry_s : 86400;
    o->backoff_ms = o->backoff_ms ? o->backoff_ms : 250;
    o->backoff_max_ms = o->backoff_max_ms ? o->backoff_max_ms : 5000;
    o->max_message = o->max_message ? o->max_message : FACET_MAX_WIRE_MESSAGE;
}

int facet_mqtt_open(struct facet_mqtt **out, const struct facet_mqtt_opts *opts)
{
    const void *table = NULL;
    struct facet_mqtt_opts o = *opts;
    *out = NULL;
    fill_defaults(&o);
    int err = check(&o);
    if (!err)
        err = facet_module_open(&table, "facet-mqtt", FACET_MQTT_MODULE_SYMBOL, "libmosquitto1");
    if (err)
        return err;
    struct facet_mqtt *m = calloc(1, sizeof(*m));
    if (!m)
        return facet_fail_nomem();
    m->module = table;
    if (m->module->version != FACET_MQTT_MODULE_VERSION)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot use module 'facet-mqtt': it belongs to another version");
    else
        err = told(m, m->module->open(&m->client, &o));
    if (err)
        facet_mqtt_close(&m, 0);
    *out = m;
    return err;
}

void facet_mqtt_close(struct facet_mqtt **m, unsigned wait_ms)
{
    if (!*m)
        return;
    if ((*m)->client)
        (*m)->module->close(&(*m)->client, wait_ms);
    free(*m);
    *m = NULL;
}

int facet_mqtt_publish(struct facet_mqtt *m, const struct facet_mqtt_message *msg, int64_t token)
{
    return told(m, m->module->publish(m->client, msg, token));
}

int facet_mqtt_subscribe(struct facet_mqtt *m, const char *filter, int qos)
{
    return told(m, m->module->subscribe(m->client, filter, qos));
}

int facet_mqtt_unsubscribe(struct facet_mqtt *m, const char *filter)
{
    return told(m, m->module->unsubscribe(m->client, filter));
}

void facet_mqtt_stats(struct facet_mqtt *m, struct facet_mqtt_stats *out)
{
    m->module->stats(m->client, out);
}
