/* What was seen: events, tracks and optional snapshots, in SQLite (a file of its own beside the gallery) or PostgreSQL
 * (URL "postgresql://..."), behind one interface. docs/storage.md.
 *
 * Each event id is kept once. Names and pictures are sealed with their person's key (store/vault.h). Thread-safe. */
#ifndef FACET_STORE_EVENTS_H
#define FACET_STORE_EVENTS_H

#include "wire/event.h"

struct facet_events;
struct facet_vault;

struct facet_events_opts {
    const char *where;             /* path or URL; NULL: <data>/events.db; ":memory:" */
    struct facet_vault *vault;     /* borrowed; NULL: nothing is sealed (tests, tools) */
    bool read_only;
};

struct facet_events_filter {
    const char *camera, *device, *name;        /* NULL: any */
    int type;                      /* enum facet_event_type, -1: any */
    int decision;                  /* enum facet_decision, -1: any */
    int64_t from_ms, to_ms;        /* captured; 0: open */
    int64_t before_seq;            /* cursor: only older ones; 0: from the newest */
    int64_t after_seq;             /* cursor the other way (streams): only newer ones, oldest first; 0: not used */
    int limit;                     /* 0: 100 */
};
#define FACET_EVENTS_FILTER_INIT { .type = -1, .decision = -1 }

int facet_events_open(struct facet_events **out, const struct facet_events_opts *o);
void facet_events_close(struct facet_events **e);
/* On disk when it returns. *is_new false: the id was there already. */
int facet_events_put(struct facet_events *e, const struct facet_event *ev, bool *is_new);
typedef int facet_event_fn(void *ctx, int64_t seq, const struct facet_event *ev);
int facet_events_query(struct facet_events *e, const struct facet_events_filter *f, facet_event_fn *fn, void *ctx);
int facet_events_get(struct facet_events *e, const char *id, struct facet_event *out);      /* FACET_E_NOT_FOUND */
/* The newest one's seq, 0 when there is none: where a stream that begins now goes on from. */
int facet_events_last(struct facet_events *e, int64_t *seq);
int facet_events_count(struct facet_events *e, const struct facet_events_filter *f, int64_t *count);

/* Not this person: takes the name from a known event and the others of its track; they stay, as of somebody unknown, and so do their
 * pictures. FACET_E_NOT_FOUND; FACET_E_INVALID: it names nobody. */
int facet_events_correct(struct facet_events *e, const char *id, int *corrected);

/* Snapshots: JPEG or PNG bytes under an id. `person` 0: of nobody known ("unknown faces" class). */
int facet_events_snapshot_put(struct facet_events *e, const char *id, int64_t person, const void *data, size_t len, int64_t captured_ms);
int facet_events_snapshot_get(struct facet_events *e, const char *id, void **data, size_t *len);    /* the caller frees */
/* Those of one person, oldest first. */
typedef int facet_snapshot_fn(void *ctx, const char *id, int64_t captured_ms, const void *data, size_t len);
int facet_events_snapshots(struct facet_events *e, int64_t person, facet_snapshot_fn *fn, void *ctx);

/* Small things that must survive a kill, by key: what hybrid knows of living tracks. */
int facet_events_state_put(struct facet_events *e, const char *key, const void *data, size_t len);   /* on disk when it returns */
int facet_events_state_get(struct facet_events *e, const char *key, void **data, size_t *len);      /* FACET_E_NOT_FOUND */
int facet_events_state_delete(struct facet_events *e, const char *key);        /* not there: fine */
typedef int facet_state_fn(void *ctx, const char *key, const void *data, size_t len);
int facet_events_states(struct facet_events *e, const char *prefix, facet_state_fn *fn, void *ctx);     /* by key */

/* Retention: what was captured longer ago than this goes, and is overwritten. 0: kept. `unknown_ms` is for snapshots of
 * nobody known, `snapshots_ms` for the others. `bytes` are those of the snapshots that went. */
struct facet_retention { int64_t events_ms, snapshots_ms, unknown_ms; };
struct facet_retention_report { int64_t events, snapshots, unknown, bytes, ran_ms; };
int facet_events_retain(struct facet_events *e, const struct facet_retention *r, struct facet_retention_report *out);

/* Pages, rows, and whether each opens with the key. FACET_E_STORE names the first fault. */
int facet_events_check(struct facet_events *e);
/* Everything that names this person goes, by id (0: by name alone) and by name (NULL: by id alone); the rest of each event stays, anonymous. The
 * file is compacted and its log emptied. */
int facet_events_erase(struct facet_events *e, int64_t person, const char *name, int64_t *events, int64_t *snapshots);
const char *facet_events_where(const struct facet_events *e);      /* without password */

/* Calls `fn` on a thread of its own after each event that anybody put into the database, ourselves or another server, and after
 * each connection to it (PostgreSQL; nothing for a file, whose writers are told otherwise). One at a time; until unwatch. */
typedef int facet_events_watch_fn(void *ctx);          /* not FACET_OK: it is called again soon */
int facet_events_watch(struct facet_events *e, facet_events_watch_fn *fn, void *ctx);
void facet_events_unwatch(struct facet_events *e);

#endif
