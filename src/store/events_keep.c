/* What is kept beside the events - pictures, small states - and what goes: by age, and by a person's wish. */
#include "store/events_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "store/sealing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT_ONCE 500                    /* rows deleted in one transaction, so that writers do not wait long */

static int check_id(const char *id, const char *what)
{
    size_t len = strnlen(id, 192);
    return len && len < 192 ? FACET_OK : facet_fail(FACET_E_INVALID, "cannot keep a %s without id, or with one that is too long", what);
}

/* Runs a statement in a transaction of its own. */
static int run_alone(struct facet_events *e, struct facet__query *q, const char *sql, const char *what)
{
    int err = facet__db_begin(&e->db, what);
    *q = (struct facet__query){ .db = &e->db, .err = err };
    if (!err)
        facet__query_begin(q, &e->db, what, sql);
    return err;
}

static int end_alone(struct facet_events *e, struct facet__query *q, int began)
{
    if (began)
        return began;
    int err = facet__query_run(q);
    if (!err)
        err = facet__db_commit(&e->db, "write to");
    if (err)
        facet__db_rollback(&e->db);
    return err;
}

/* --- snapshots --- */

int facet_events_snapshot_put(struct facet_events *e, const char *id, int64_t person, const void *data, size_t len, int64_t captured_ms)
{
    void *kept = NULL;
    size_t kept_len;
    int64_t by = person > 0 ? person : 0;
    int err = check_id(id, "snapshot");
    if (!err && len > FACET_MAX_SNAPSHOT)
        err = facet_fail(FACET_E_LIMIT, "cannot keep snapshot '%s': %zu bytes are more than %u", id, len, FACET_MAX_SNAPSHOT);
    if (!err)
        err = facet__events_close_up(e, &by, "snapshot", id, data, len, &kept, &kept_len);
    if (err)
        return err;
    struct facet__query q;
    facet_lock_take(&e->lock);
    int began = run_alone(e, &q,
                          "INSERT INTO snapshots(id, person, captured_ms, sealed_by, data) VALUES(?, ?, ?, ?, ?)"
                          " ON CONFLICT(id) DO UPDATE SET person = excluded.person, captured_ms = excluded.captured_ms,"
                          " sealed_by = excluded.sealed_by, data = excluded.data", "write to");
    if (!began) {
        facet__query_text(&q, id);
        facet__query_int(&q, person > 0 ? person : 0);
        facet__query_int(&q, captured_ms);
        facet__query_int(&q, by);
        facet__query_blob(&q, kept, kept_len);
    }
    err = end_alone(e, &q, began);
    facet_lock_give(&e->lock);
    free(kept);
    return err;
}

/* The columns sealed_by and data of a row that was stepped to. */
static int take_data(struct facet_events *e, struct facet__query *q, int column, const char *what, const char *id, void **data, size_t *len)
{
    size_t n = 0;
    int64_t by = facet__query_get_int(q, column);
    const void *kept = facet__query_get_blob(q, column + 1, &n);
    return q->err ? q->err : facet__events_open_up(e, by, what, id, kept, n, data, len);
}

static int get_data(struct facet_events *e, const char *sql, const char *what, const char *id, void **data, size_t *len)
{
    struct facet__query q;
    *data = NULL;
    *len = 0;
    facet_lock_take(&e->lock);
    facet__query_begin(&q, &e->db, "read", sql);
    facet__query_text(&q, id);
    bool there = facet__query_row(&q);
    if (there)
        q.err = take_data(e, &q, 0, what, id, data, len);
    int err = facet__query_end(&q);
    facet_lock_give(&e->lock);
    return err || there ? err : facet_fail(FACET_E_NOT_FOUND, "there is no %s '%.64s'", what, id);
}

int facet_events_snapshot_get(struct facet_events *e, const char *id, void **data, size_t *len)
{
    return get_data(e, "SELECT sealed_by, data FROM snapshots WHERE id = ?", "snapshot", id, data, len);
}

int facet_events_snapshots(struct facet_events *e, int64_t person, facet_snapshot_fn *fn, void *ctx)
{
    char id[192] = "";
    int err = FACET_OK;
    int64_t at = INT64_MIN;
    for (bool there = true; !err && there;) {
        struct facet__query q;
        void *data = NULL;
        size_t len = 0;
        facet_lock_take(&e->lock);
        facet__query_begin(&q, &e->db, "read",
                           "SELECT id, captured_ms, sealed_by, data FROM snapshots WHERE person = ?1 AND"
                           " (captured_ms > ?2 OR (captured_ms = ?2 AND id > ?3)) ORDER BY captured_ms, id LIMIT 1");
        facet__query_int(&q, person);
        facet__query_int(&q, at);
        facet__query_text(&q, id);
        there = facet__query_row(&q);
        char next[192];
        if (there) {
            facet__query_get_text(&q, 0, next, sizeof(next));
            at = facet__query_get_int(&q, 1);
            q.err = take_data(e, &q, 2, "snapshot", next, &data, &len);
        }
        err = facet__query_end(&q);
        facet_lock_give(&e->lock);
        if (!err && there) {
            memcpy(id, next, sizeof(id));
            err = fn(ctx, id, at, data, len);
        }
        free(data);
    }
    return err;
}

/* --- states --- */

int facet_events_state_put(struct facet_events *e, const char *key, const void *data, size_t len)
{
    void *kept = NULL;
    size_t kept_len;
    int64_t by = FACET_VAULT_ANYONE;
    int err = check_id(key, "state");
    if (!err)
        err = facet__events_close_up(e, &by, "state", key, data, len, &kept, &kept_len);
    if (err)
        return err;
    struct facet__query q;
    facet_lock_take(&e->lock);
    int began = run_alone(e, &q,
                          "INSERT INTO states(key, sealed_by, data) VALUES(?, ?, ?)"
                          " ON CONFLICT(key) DO UPDATE SET sealed_by = excluded.sealed_by, data = excluded.data", "write to");
    if (!began) {
        facet__query_text(&q, key);
        facet__query_int(&q, by);
        facet__query_blob(&q, kept, kept_len);
    }
    err = end_alone(e, &q, began);
    facet_lock_give(&e->lock);
    free(kept);
    return err;
}

int facet_events_state_get(struct facet_events *e, const char *key, void **data, size_t *len)
{
    return get_data(e, "SELECT sealed_by, data FROM states WHERE key = ?", "state", key, data, len);
}

int facet_events_state_delete(struct facet_events *e, const char *key)
{
    struct facet__query q;
    facet_lock_take(&e->lock);
    int began = run_alone(e, &q, "DELETE FROM states WHERE key = ?", "delete from");
    if (!began)
        facet__query_text(&q, key);
    int err = end_alone(e, &q, began);
    facet_lock_give(&e->lock);
    return err;
}

/* By bytes, so that keys of one prefix stand together: PostgreSQL would go by the language's rules. */
static const char *next_state(const struct facet_events *e, bool is_first)
{
    return is_first ? facet__db_says(&e->db, "SELECT key, sealed_by, data FROM states WHERE key >= ? ORDER BY key LIMIT 1",
                                     "SELECT key, sealed_by, data FROM states WHERE key COLLATE \"C\" >= ? ORDER BY key COLLATE \"C\" LIMIT 1")
                    : facet__db_says(&e->db, "SELECT key, sealed_by, data FROM states WHERE key > ? ORDER BY key LIMIT 1",
                                     "SELECT key, sealed_by, data FROM states WHERE key COLLATE \"C\" > ? ORDER BY key COLLATE \"C\" LIMIT 1");
}

int facet_events_states(struct facet_events *e, const char *prefix, facet_state_fn *fn, void *ctx)
{
    char key[192] = "";
    size_t n = strlen(prefix);
    int err = n < sizeof(key) ? FACET_OK : facet_fail(FACET_E_LIMIT, "the prefix is too long");
    bool is_first = true;
    snprintf(key, sizeof(key), "%s", prefix);
    while (!err) {
        struct facet__query q;
        char next[192] = "";
        void *data = NULL;
        size_t len = 0;
        facet_lock_take(&e->lock);
        facet__query_begin(&q, &e->db, "read", next_state(e, is_first));
        facet__query_text(&q, key);
        bool there = facet__query_row(&q);
        if (there) {
            facet__query_get_text(&q, 0, next, sizeof(next));
            there = !strncmp(next, prefix, n);
        }
        if (there)
            q.err = take_data(e, &q, 1, "state", next, &data, &len);
        err = facet__query_end(&q);
        facet_lock_give(&e->lock);
        memcpy(key, next, sizeof(key));
        is_first = false;
        if (!err && there)
            err = fn(ctx, key, data, len);
        free(data);
        if (!there)
            break;
    }
    return err;
}

/* --- retention --- */

/* Deletes what a condition on captured_ms < ? holds for, in pieces. `bytes` may be NULL. */
static int delete_older(struct facet_events *e, const char *table, const char *key, const char *also, int64_t before_ms, int64_t *n,
                        int64_t *bytes)
{
    char sql[256], sum[224];
    snprintf(sum, sizeof(sum), "SELECT coalesce(sum(length(data)), 0) FROM %s WHERE captured_ms < ?%s", table, also);
    snprintf(sql, sizeof(sql), "DELETE FROM %s WHERE %s IN (SELECT %s FROM %s WHERE captured_ms < ?%s LIMIT %d)", table, key, key, table,
             also, AT_ONCE);
    struct facet__query q;
    int err = FACET_OK;
    if (bytes) {
        facet_lock_take(&e->lock);
        facet__query_begin(&q, &e->db, "read", sum);
        facet__query_int(&q, before_ms);
        *bytes += facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
        err = facet__query_end(&q);
        facet_lock_give(&e->lock);
    }
    for (int64_t gone = AT_ONCE; !err && gone >= AT_ONCE; *n += gone) {
        facet_lock_take(&e->lock);
        int began = run_alone(e, &q, sql, "delete from");
        if (!began)
            facet__query_int(&q, before_ms);
        err = end_alone(e, &q, began);
        facet_lock_give(&e->lock);
        gone = err ? 0 : q.changed;
    }
    return err;
}

int facet_events_retain(struct facet_events *e, const struct facet_retention *r, struct facet_retention_report *out)
{
    int64_t now = facet_clock_system.wall_ms(facet_clock_system.ctx);
    *out = (struct facet_retention_report){ .ran_ms = now };
    int err = FACET_OK;
    if (r->events_ms < 0 || r->snapshots_ms < 0 || r->unknown_ms < 0)
        return facet_fail(FACET_E_INVALID, "what is kept for less than no time cannot be kept");
    if (r->unknown_ms)
        err = delete_older(e, "snapshots", "id", " AND person = 0", now - r->unknown_ms, &out->unknown, &out->bytes);
    if (!err && r->snapshots_ms)
        err = delete_older(e, "snapshots", "id", " AND person <> 0", now - r->snapshots_ms, &out->snapshots, &out->bytes);
    if (!err && r->events_ms)
        err = delete_older(e, "events", "seq", "", now - r->events_ms, &out->events, NULL);
    if (!err && (out->events || out->snapshots || out->unknown)) {
        facet_lock_take(&e->lock);
        int flushed = facet__db_flush(&e->db, "delete from");
        facet_lock_give(&e->lock);
        err = flushed == FACET_E_STORE ? FACET_OK : flushed; /* somebody reads: the log is emptied the next time */
    }
    return err;
}

/* --- erasure --- */

static int next_of(struct facet_events *e, int64_t person, const char *name, struct facet__row *row, bool *there)
{
    unsigned char key[FACET_MAX_NAME];
    size_t len = name ? facet__events_name_key(e, name, key) : 0;
    struct facet__query q;
    facet__query_begin(&q, &e->db, "read",
                       "SELECT " FACET__EVENT_COLUMNS " FROM events WHERE (person = ?1 AND person <> 0) OR name_key = ?2"
                       " ORDER BY seq LIMIT 1");
    facet__query_int(&q, person);
    facet__query_blob(&q, len ? key : NULL, len);
    *there = facet__query_row(&q);
    if (*there)
        q.err = facet__events_take(e, &q, row);
    return facet__query_end(&q);
}

static int delete_snapshot(struct facet_events *e, const char *id, int64_t *n)
{
    struct facet__query q;
    facet__query_begin(&q, &e->db, "delete from", "DELETE FROM snapshots WHERE id = ?");
    facet__query_text(&q, id);
    int err = facet__query_run(&q);
    *n += err ? 0 : q.changed;
    return err;
}

static int erase_rows(struct facet_events *e, int64_t person, const char *name, int64_t *events, int64_t *snapshots)
{
    struct facet__query q;
    int err = FACET_OK;
    for (;;) {
        struct facet__row row;
        bool there = false;
        err = next_of(e, person, name, &row, &there);
        if (err || !there)
            break;
        if (*row.ev.snapshot)
            err = delete_snapshot(e, row.ev.snapshot, snapshots);
        row.ev.identity = (struct facet_identity){ .decision = FACET_UNKNOWN, .cosine = -1 };
        row.ev.snapshot[0] = '\0';
        if (!err)
            err = facet__events_replace(e, &row.ev);
        if (err)
            return err;
        ++*events;
    }
    if (err || person <= 0)
        return err;
    facet__query_begin(&q, &e->db, "delete from", "DELETE FROM snapshots WHERE person = ?");
    facet__query_int(&q, person);
    err = facet__query_run(&q);
    *snapshots += err ? 0 : q.changed;
    return err;
}

int facet_events_erase(struct facet_events *e, int64_t person, const char *name, int64_t *events, int64_t *snapshots)
{
    int64_t n_events = 0, n_snapshots = 0;
    facet_lock_take(&e->lock);
    int err = facet__db_begin(&e->db, "delete from");
    if (!err)
        err = erase_rows(e, person, name && *name ? name : NULL, &n_events, &n_snapshots);
    if (!err)
        err = facet__db_commit(&e->db, "delete from");
    if (err)
        facet__db_rollback(&e->db);
    if (!err)
        err = facet__db_compact(&e->db, "delete from");
    facet_lock_give(&e->lock);
    if (events)
        *events = n_events;
    if (snapshots)
        *snapshots = n_snapshots;
    return err;
}

/* --- sealing what was plain --- */

static int seal_events(struct facet_events *e)
{
    struct facet__row row = { .seq = 0 };
    int err = FACET_OK;
    for (bool there = true; !err && there;) {
        struct facet__query q;
        facet__query_begin(&q, &e->db, "seal", "SELECT " FACET__EVENT_COLUMNS " FROM events WHERE seq > ? AND sealed_by = -1"
                                               " ORDER BY seq LIMIT 1");
        facet__query_int(&q, row.seq);
        there = facet__query_row(&q);
        if (there)
            q.err = facet__events_take(e, &q, &row);
        err = facet__query_end(&q);
        if (!err && there)
            err = facet__events_replace(e, &row.ev);
    }
    return err;
}

/* One row of snapshots or states behind `id`, which moves on; *there false when none is plain any more. */
static int seal_one(struct facet_events *e, const char *find, const char *change, const char *what, char id[192], bool *there)
{
    struct facet__query q;
    void *plain = NULL, *sealed = NULL;
    size_t len = 0, sealed_len = 0;
    facet__query_begin(&q, &e->db, "seal", find);
    facet__query_text(&q, id);
    *there = facet__query_row(&q);
    int64_t by = *there ? facet__query_get_int(&q, 1) : 0;
    if (*there) {
        facet__query_get_text(&q, 0, id, 192);
        q.err = take_data(e, &q, 2, what, id, &plain, &len);
    }
    int err = facet__query_end(&q);
    if (!err && *there)
        err = facet__events_close_up(e, &by, what, id, plain, len, &sealed, &sealed_len);
    if (!err && *there) {
        facet__query_begin(&q, &e->db, "seal", change);
        facet__query_int(&q, by);
        facet__query_blob(&q, sealed, sealed_len);
        facet__query_text(&q, id);
        err = facet__query_run(&q);
    }
    free(plain);
    free(sealed);
    return err;
}

static int seal_rows(struct facet_events *e)
{
    char snapshot[192] = "", state[192] = "";
    int err = seal_events(e);
    for (bool there = true; !err && there;)
        err = seal_one(e, "SELECT id, person, sealed_by, data FROM snapshots WHERE id > ? AND sealed_by = -1 ORDER BY id LIMIT 1",
                       "UPDATE snapshots SET sealed_by = ?, data = ? WHERE id = ?", "snapshot", snapshot, &there);
    for (bool there = true; !err && there;)
        err = seal_one(e, "SELECT key, 0, sealed_by, data FROM states WHERE key > ? AND sealed_by = -1 ORDER BY key LIMIT 1",
                       "UPDATE states SET sealed_by = ?, data = ? WHERE key = ?", "state", state, &there);
    return err ? err : facet__sealing_done(&e->db, e->vault);
}

int facet__events_seal_all(struct facet_events *e)
{
    int err = facet__db_begin(&e->db, "seal");
    if (!err)
        err = seal_rows(e);
    if (!err)
        err = facet__db_commit(&e->db, "seal");
    if (err)
        facet__db_rollback(&e->db);
    if (!err) {
        e->db.is_sealed = true;
        err = facet__db_flush(&e->db, "seal");
    }
    return err == FACET_E_STORE && e->db.is_sealed ? FACET_OK : err;
}

/* --- check --- */

static int ignore_event(void *ctx, int64_t seq, const struct facet_event *ev)
{
    return FACET_OK; /* reading it was the check */
}

static int check_data(struct facet_events *e, const char *sql, const char *what)
{
    struct facet__query q;
    facet__query_begin(&q, &e->db, "check", sql);
    while (facet__query_row(&q)) {
        char id[192];
        void *data = NULL;
        size_t len;
        facet__query_get_text(&q, 0, id, sizeof(id));
        q.err = take_data(e, &q, 1, what, id, &data, &len);
        if (q.err == FACET_E_FORMAT || q.err == FACET_E_NOT_FOUND)
            q.err = facet_fail_prefix(FACET_E_STORE, "event store '%s' is damaged: %s '%s'", e->db.path, what, id);
        free(data);
    }
    return facet__query_end(&q);
}

int facet_events_check(struct facet_events *e)
{
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    all.limit = INT32_MAX;
    facet_lock_take(&e->lock);
    int err = facet__db_check_pages(&e->db);
    if (!err)
        err = check_data(e, "SELECT id, sealed_by, data FROM snapshots ORDER BY id", "snapshot");
    if (!err)
        err = check_data(e, "SELECT key, sealed_by, data FROM states ORDER BY key", "state");
    facet_lock_give(&e->lock);
    if (!err)
        err = facet_events_query(e, &all, ignore_event, NULL);
    return err == FACET_E_FORMAT ? facet_fail_prefix(FACET_E_STORE, "event store '%s' is damaged", e->db.path) : err;
}
