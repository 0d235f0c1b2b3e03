/* Shared by the files of the event store. */
#ifndef FACET_STORE_EVENTS_PRIV_H
#define FACET_STORE_EVENTS_PRIV_H

#include "base/lock.h"
#include "store/events.h"
#include "store/sql.h"
#include "store/vault.h"

#define FACET__PLAIN (-1)          /* `sealed_by` of what is not sealed */

struct facet_events {
    struct facet_lock lock;        /* around every use of db */
    bool has_lock;
    struct facet__db db;
    struct facet_vault *vault;
    struct facet__watch *watch;    /* NULL: nobody wants to know */
};

/* Bytes as they are kept: sealed by `*by`, or as they are when there is no vault. The caller frees. `by` comes in as the
 * person and goes out as whose key it was: nobody's when the person has none. */
int facet__events_close_up(struct facet_events *e, int64_t *by, const char *what, const char *id, const void *data, size_t len,
                           void **out, size_t *out_len);
int facet__events_open_up(struct facet_events *e, int64_t by, const char *what, const char *id, const void *data, size_t len,
                          void **out, size_t *out_len);
/* What stands in the column name_key. Returns its length; 0 for no name. */
size_t facet__events_name_key(const struct facet_events *e, const char *name, unsigned char out[FACET_MAX_NAME]);

/* One event that was read, or as much of it as is left. */
struct facet__row { int64_t seq; struct facet_event ev; };
#define FACET__EVENT_COLUMNS "seq, id, type, decision, camera, device, captured_ms, sealed_by, body, snapshot"
int facet__events_take(struct facet_events *e, struct facet__query *q, struct facet__row *out);
/* Seals what was kept before there was a key. */
int facet__events_seal_all(struct facet_events *e);
/* Puts the event's body and columns in place of those of the same id. */
int facet__events_replace(struct facet_events *e, const struct facet_event *ev);

#endif
