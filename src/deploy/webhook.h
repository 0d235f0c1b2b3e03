/* Events to a web address, signed, from an outbox of their own on disk (docs/webhook.md). One thread sends them in order;
 * what is not taken is tried again with growing pauses, and survives restarts. */
#ifndef FACET_DEPLOY_WEBHOOK_H
#define FACET_DEPLOY_WEBHOOK_H

#include "wire/event.h"

struct facet_webhook;
struct facet_vault;

struct facet_webhook_opts {
    const char *url, *secret;      /* both needed */
    const char *path;              /* of the outbox */
    int64_t max_bytes, max_age_ms; /* of the outbox; 0: its own defaults */
    unsigned backoff_ms, backoff_max_ms;       /* 0: 1000, 300000 */
    unsigned timeout_s;            /* of one try; 0: 30 */
    const char *ca;                /* PEM file; NULL: the system's */
    struct facet_vault *vault;     /* borrowed until close; seals what waits; NULL: nothing */
};
#define FACET_WEBHOOK_OPTS_INIT { 0 }

struct facet_webhook_stats {
    int64_t waiting, delivered, tries, refused;        /* refused: by an answer that will not change; dropped */
    int64_t expired;               /* over their time before they were taken; dropped */
    int last_status;               /* of the last answer; 0: there was none */
    char last_error[256];          /* ""; no secret and no address beyond the host is in it */
};

#define FACET_WEBHOOK_SIGNATURE 72 /* "sha256=", 64 digits, NUL */

/* Borrows nothing beyond the call. FACET_E_UNSUPPORTED without the module facet-curl. */
int facet_webhook_open(struct facet_webhook **out, const struct facet_webhook_opts *o);
/* Breaks off what is under way; what was not taken stays on disk for the next time. */
void facet_webhook_close(struct facet_webhook **w);
/* Once it returns FACET_OK the event is on disk. An event that is there already is fine. Thread-safe. */
int facet_webhook_put(struct facet_webhook *w, const struct facet_event *e);
void facet_webhook_stats(struct facet_webhook *w, struct facet_webhook_stats *out);
/* Removes all that tells of this person. */
int facet_webhook_erase(struct facet_webhook *w, const char *person, int64_t *removed);

/* "sha256=" and the HMAC-SHA256 of "<timestamp>.<body>" in hex, as receivers compute it. */
void facet_webhook_sign(char out[FACET_WEBHOOK_SIGNATURE], const char *secret, int64_t timestamp_s, const void *body, size_t len);

#endif
