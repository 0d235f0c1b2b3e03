/* From the disk to the broker: what was put into the spool is published, again and again until it is known to be safe.
 *
 * Items are safe when the broker acknowledged them, or, for those who ask for it, when the server says that it has them on
 * its disk: a broker that is killed may forget what it acknowledged. At most FACET_OUTBOX_WINDOW are under way; what is not
 * confirmed within `resend_ms`, or when the connection is new, goes again. Receivers know doubles by their id. Thread-safe. */
#ifndef FACET_DEPLOY_OUTBOX_H
#define FACET_DEPLOY_OUTBOX_H

#include "store/spool.h"

struct facet_mqtt_message;
struct facet_outbox;
struct facet_vault;

#define FACET_OUTBOX_WINDOW 128

struct facet_outbox_opts {
    const char *path; int64_t max_bytes, max_age_ms;           /* of the spool */
    /* Publishes with QoS 1; `token` comes back by facet_outbox_published. FACET_E_AGAIN: not now. */
    int (*publish)(void *ctx, const struct facet_mqtt_message *m, int64_t token);
    void *ctx;
    struct facet_vault *vault;     /* borrowed; what waits is sealed with it; NULL: not */
    bool server_confirms;          /* events, too, wait for the server's word; chips always do */
    unsigned resend_ms;            /* 0: 20000 */
};

int facet_outbox_open(struct facet_outbox **out, const struct facet_outbox_opts *o);
/* Stops sending; what is left stays on disk. */
void facet_outbox_stop(struct facet_outbox *b);
void facet_outbox_close(struct facet_outbox **b);
/* As facet_spool_put: on disk when it returns FACET_OK; FACET_E_EXISTS is FACET_OK here. */
int facet_outbox_put(struct facet_outbox *b, const struct facet_spool_item *item);
/* The broker has it. */
void facet_outbox_published(struct facet_outbox *b, int64_t token);
/* The server has it. */
void facet_outbox_stored(struct facet_outbox *b, const char *id);
/* The connection is new: what is not confirmed goes again, oldest first. */
void facet_outbox_online(struct facet_outbox *b);
/* Waits until nothing is left, at most `wait_ms`; whether nothing is. */
bool facet_outbox_drain(struct facet_outbox *b, unsigned wait_ms);
void facet_outbox_stats(struct facet_outbox *b, struct facet_spool_stats *out);
struct facet_spool *facet_outbox_spool(struct facet_outbox *b);

#endif
