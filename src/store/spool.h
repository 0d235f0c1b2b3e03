/* A queue on disk that survives kills (SQLite, WAL): the device's outbox, the server's inbox.
 *
 * What put returned FACET_OK for is on disk. Items leave by ack, or are dropped by the ceilings and counted:
 * first those that are over their time, then the oldest of the least class. The same id is kept once. Thread-safe. */
#ifndef FACET_STORE_SPOOL_H
#define FACET_STORE_SPOOL_H

#include "base/clock.h"
#include "wire/event.h"

struct facet_spool;
struct facet_vault;

/* Least first: chips can be made again, events cannot. */
enum facet_spool_class { FACET_SPOOL_STATE, FACET_SPOOL_CHIP, FACET_SPOOL_EVENT, FACET_SPOOL_CLASSES };

struct facet_spool_opts {
    const char *path;
    int64_t max_bytes;             /* 0: 256 MiB */
    int64_t max_age_ms;            /* 0: 7 days; the time during which the clock was set does not count */
    const struct facet_clock *clock;       /* NULL: the system's */
    struct facet_vault *vault;     /* borrowed: payloads and names are sealed on disk; NULL: they are readable there */
};

struct facet_spool_item {
    int64_t seq;                   /* order of arrival */
    char id[FACET_EVENT_ID];
    enum facet_spool_class class;
    char topic[256];
    void *payload; size_t len;     /* the caller frees */
    int64_t created_ms, expires_ms;    /* expires 0, and events: by max_age alone */
    char person[FACET_MAX_NAME];   /* whom it tells of, for erasure; "", and in what was read from a sealed spool */
};

struct facet_spool_stats {
    int64_t items, bytes, oldest_ms;
    int64_t put, acked, doubles;
    int64_t dropped_expired, dropped_age, dropped_space;     /* counted on disk, over restarts */
};

/* With a vault, what was put without one is sealed now. FACET_E_PERMISSION: what waits was sealed with a key that is not
 * given, or with another. */
int facet_spool_open(struct facet_spool **out, const struct facet_spool_opts *o);
void facet_spool_close(struct facet_spool **s);
/* FACET_E_EXISTS: the id is there, or was acknowledged within the last day. FACET_E_LIMIT: there is only room for what
 * matters more. `item->seq` is ignored; created_ms 0: now. */
int facet_spool_put(struct facet_spool *s, const struct facet_spool_item *item);
/* What waits by this id behind `behind` gets the payload, person and end of `item`, and stays where it is. FACET_E_NOT_FOUND:
 * there is no such thing (any more). */
int facet_spool_replace(struct facet_spool *s, const struct facet_spool_item *item, int64_t behind);
/* Does something with this id wait behind `behind`? */
bool facet_spool_waits(struct facet_spool *s, const char *id, int64_t behind);
/* The oldest item behind `after`; FACET_E_END when there is none. Expired ones are dropped on the way. FACET_E_FORMAT: it is
 * damaged; seq and id say which, so that it can be let go. */
int facet_spool_next(struct facet_spool *s, int64_t after, struct facet_spool_item *out);
int facet_spool_ack(struct facet_spool *s, int64_t seq);
int facet_spool_ack_id(struct facet_spool *s, const char *id);
/* One number that its user may keep on disk with it; 0 at first. */
int facet_spool_keep(struct facet_spool *s, int64_t number);
int64_t facet_spool_kept(struct facet_spool *s);
/* Waits until something may be there behind `after`, or `timeout_ms` passed, or facet_spool_wake. */
void facet_spool_wait(struct facet_spool *s, int64_t after, unsigned timeout_ms);
void facet_spool_wake(struct facet_spool *s);
void facet_spool_stats(struct facet_spool *s, struct facet_spool_stats *out);
/* Overwrites and removes all that tells of this person. */
int facet_spool_erase(struct facet_spool *s, const char *person, int64_t *removed);

#endif
