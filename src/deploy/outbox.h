/* From the disk to the broker: what was put into the spool is published, again and again until it is known to be safe.
 *
 * Items are safe when the broker acknowledged them, or, for those who wait for it, when the server says that it has them on
 * its disk: a broker that is killed may forget what it acknowledged. At most FACET_OUTBOX_WINDOW are under way. What the broker
 * did not take in time, or took on an earlier connection, goes again; what only the server did not confirm goes again when the
 * server is heard. While it is silent the oldest of those leave the window for the disk, so that nobody else who listens to
 * the broker waits for a server that is away. Receivers know doubles by their id. Thread-safe. */
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
    bool server_confirms;          /* events, too, wait for the server's word, until facet_outbox_expect; chips always do */
    unsigned resend_ms;            /* 0: 20000 */
    unsigned hold_ms;              /* so long a silent server keeps its place in the window; 0: 2000 */
};

int facet_outbox_open(struct facet_outbox **out, const struct facet_outbox_opts *o);
/* Stops sending; what is left stays on disk. */
void facet_outbox_stop(struct facet_outbox *b);
void facet_outbox_close(struct facet_outbox **b);
/* As facet_spool_put: on disk when it returns FACET_OK; FACET_E_EXISTS is FACET_OK here. */
int facet_outbox_put(struct facet_outbox *b, const struct facet_spool_item *item);
/* As facet_spool_replace, of what was never sent: FACET_E_NOT_FOUND when it was. */
int facet_outbox_replace(struct facet_outbox *b, const struct facet_spool_item *item);
/* Is it still here, and was it never sent? */
bool facet_outbox_waits(struct facet_outbox *b, const char *id);
/* The broker has it. */
void facet_outbox_published(struct facet_outbox *b, int64_t token);
/* The server has it. */
void facet_outbox_stored(struct facet_outbox *b, const char *id);
/* The connection is new: what the broker has not acknowledged goes again, oldest first, and what the server has not
 * confirmed as soon as that is heard. */
void facet_outbox_online(struct facet_outbox *b);
/* The server was heard: it is there. */
void facet_outbox_heard(struct facet_outbox *b);
/* Whether events that are sent from now on wait for the server's word. */
void facet_outbox_expect(struct facet_outbox *b, bool server_confirms);
/* Waits until nothing is left, at most `wait_ms`; whether nothing is. */
bool facet_outbox_drain(struct facet_outbox *b, unsigned wait_ms);
void facet_outbox_stats(struct facet_outbox *b, struct facet_spool_stats *out);
struct facet_spool *facet_outbox_spool(struct facet_outbox *b);

#endif
