/* What was seen, as rows: each event once, its body as JSON, sealed where there is a vault.
 *
 * What is searched for stands in columns of its own: type, decision, camera, device, time, person, and instead of the
 * name a keyed hash of it. Everything else is in the body, so that newer members survive. */
#include "store/events_priv.h"

#include "base/errors.h"
#include "base/str.h"
#include "store/postgres/watch.h"
#include "store/sealing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL "facet_events"         /* of notices, on a server */
#define PAGE 64                        /* events read under one taking of the lock */

static const char *const sqlite_migrations[] = {
    /* 1 */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE events("
    "  seq INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  id TEXT NOT NULL UNIQUE,"
    "  type INTEGER NOT NULL,"
    "  decision INTEGER NOT NULL,"
    "  camera TEXT NOT NULL,"
    "  device TEXT NOT NULL,"
    "  captured_ms INTEGER NOT NULL,"
    "  person INTEGER NOT NULL,"
    "  name_key BLOB,"
    "  sealed_by INTEGER NOT NULL,"
    "  body BLOB NOT NULL,"
    "  snapshot TEXT NOT NULL);"
    "CREATE INDEX events_camera ON events(camera, seq);"
    "CREATE INDEX events_device ON events(device, seq);"
    "CREATE INDEX events_name ON events(name_key, seq) WHERE name_key IS NOT NULL;"
    "CREATE INDEX events_person ON events(person) WHERE person <> 0;"
    "CREATE INDEX events_type ON events(type, seq);"
    "CREATE INDEX events_decision ON events(decision, seq);"
    "CREATE INDEX events_captured ON events(captured_ms);"
    "CREATE TABLE snapshots("
    "  id TEXT PRIMARY KEY,"
    "  person INTEGER NOT NULL,"
    "  captured_ms INTEGER NOT NULL,"
    "  sealed_by INTEGER NOT NULL,"
    "  data BLOB NOT NULL);"
    "CREATE INDEX snapshots_captured ON snapshots(captured_ms);"
    "CREATE INDEX snapshots_person ON snapshots(person, captured_ms);"
    "CREATE TABLE states("
    "  key TEXT PRIMARY KEY,"
    "  sealed_by INTEGER NOT NULL,"
    "  data BLOB NOT NULL) WITHOUT ROWID;",
};
static const char *const postgres_migrations[] = {
    "CREATE TABLE events("
    "  seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"
    "  type BIGINT NOT NULL,"
    "  decision BIGINT NOT NULL,"
    "  camera TEXT NOT NULL,"
    "  device TEXT NOT NULL,"
    "  captured_ms BIGINT NOT NULL,"
    "  person BIGINT NOT NULL,"
    "  name_key BYTEA,"
    "  sealed_by BIGINT NOT NULL,"
    "  body BYTEA NOT NULL,"
    "  snapshot TEXT NOT NULL);"
    "CREATE INDEX events_camera ON events(camera, seq);"
    "CREATE INDEX events_device ON events(device, seq);"
    "CREATE INDEX events_name ON events(name_key, seq) WHERE name_key IS NOT NULL;"
    "CREATE INDEX events_person ON events(person) WHERE person <> 0;"
    "CREATE INDEX events_type ON events(type, seq);"
    "CREATE INDEX events_decision ON events(decision, seq);"
    "CREATE INDEX events_captured ON events(captured_ms);"
    "CREATE TABLE snapshots("
    "  id TEXT PRIMARY KEY,"
    "  person BIGINT NOT NULL,"
    "  captured_ms BIGINT NOT NULL,"
    "  sealed_by BIGINT NOT NULL,"
    "  data BYTEA NOT NULL);"
    "CREATE INDEX snapshots_captured ON snapshots(captured_ms);"
    "CREATE INDEX snapshots_person ON snapshots(person, captured_ms);"
    "CREATE TABLE states("
    "  key TEXT PRIMARY KEY,"
    "  sealed_by BIGINT NOT NULL,"
    "  data BYTEA NOT NULL);",
};
_Static_assert(sizeof(postgres_migrations) == sizeof(sqlite_migrations), "each migration has both forms");

static const struct facet__db_kind events_kind = {
    .word = "event store",
    .file = "events.db",
    .make = "", .fill = "",
    .application_id = 0x46434556, /* "FCEV" */
    .sqlite = sqlite_migrations,
    .schema = "facet_events",
    .postgres = postgres_migrations,
    .newest = (int)(sizeof(sqlite_migrations) / sizeof(sqlite_migrations[0])),
};

/* --- sealing --- */

int facet__events_close_up(struct facet_events *e, int64_t *by, const char *what, const char *id, const void *data, size_t len,
                           void **out, size_t *out_len)
{
    char about[256];
    snprintf(about, sizeof(about), "%s:%s", what, id);
    if (!e->vault) {
        *by = FACET__PLAIN;
        *out = malloc(len + 1);
        *out_len = len;
        if (!*out)
            return facet_fail_nomem();
        memcpy(*out, data, len);
        return FACET_OK;
    }
    int err = facet_vault_seal(e->vault, *by, about, data, len, out, out_len);
    if (err == FACET_E_NOT_FOUND && *by != FACET_VAULT_ANYONE) { /* somebody of another gallery */
        *by = FACET_VAULT_ANYONE;
        err = facet_vault_seal(e->vault, *by, about, data, len, out, out_len);
    }
    return err;
}

int facet__events_open_up(struct facet_events *e, int64_t by, const char *what, const char *id, const void *data, size_t len,
                          void **out, size_t *out_len)
{
    char about[256];
    snprintf(about, sizeof(about), "%s:%s", what, id);
    if (by != FACET__PLAIN)
        return e->vault ? facet_vault_open_sealed(e->vault, by, about, data, len, out, out_len)
                        : facet_fail(FACET_E_PERMISSION, "event store '%s' is sealed: it needs its site key", e->db.path);
    *out = malloc(len + 1);
    *out_len = len;
    if (!*out)
        return facet_fail_nomem();
    memcpy(*out, data, len);
    return FACET_OK;
}

size_t facet__events_name_key(const struct facet_events *e, const char *name, unsigned char out[FACET_MAX_NAME])
{
    size_t len = strnlen(name, FACET_MAX_NAME - 1);
    if (!e->vault || !len) {
        memcpy(out, name, len);
        return len;
    }
    facet_vault_hash(e->vault, "events: name", name, out);
    return FACET_VAULT_HASH / 2;
}

/* --- life --- */

int facet_events_open(struct facet_events **out, const struct facet_events_opts *o)
{
    struct facet__db_opts d = { .kind = &events_kind, .path = o->where, .create = !o->read_only, .read_only = o->read_only };
    struct facet_events *e = calloc(1, sizeof(*e));
    bool is_new = false, was_plain = false;
    int err = e ? facet_lock_init(&e->lock) : facet_fail_nomem();
    if (!err) {
        e->has_lock = true;
        e->vault = o->vault;
        err = facet__db_open(&e->db, &d, &is_new);
    }
    if (!err)
        err = facet__db_migrate(&e->db, NULL, NULL);
    if (!err)
        err = facet__sealing_begin(&e->db, o->vault, &was_plain);
    if (!err && was_plain)
        err = facet__events_seal_all(e);
    if (err)
        facet_events_close(&e);
    *out = e;
    return err;
}

void facet_events_close(struct facet_events **pe)
{
    struct facet_events *e = *pe;
    *pe = NULL;
    if (!e)
        return;
    facet_events_unwatch(e);
    facet__db_close(&e->db);
    if (e->has_lock)
        facet_lock_fini(&e->lock);
    free(e);
}

int facet_events_watch(struct facet_events *e, facet_events_watch_fn *fn, void *ctx)
{
    facet_events_unwatch(e);
    return facet__watch_open(&e->watch, &e->db, CHANNEL, fn, ctx);
}

void facet_events_unwatch(struct facet_events *e)
{
    if (e->watch)
        facet__watch_close(&e->watch);
}

const char *facet_events_where(const struct facet_events *e)
{
    return e->db.path;
}

/* --- in --- */

static int check_event(const struct facet_event *ev)
{
    if (!*ev->id || strnlen(ev->id, sizeof(ev->id)) == sizeof(ev->id))
        return facet_fail(FACET_E_INVALID, "cannot keep an event without id");
    if (ev->type < 0 || ev->type >= FACET_EVENT_TYPES || ev->identity.decision < 0 || ev->identity.decision > FACET_KNOWN)
        return facet_fail(FACET_E_INVALID, "cannot keep event '%s': its type or decision is none", ev->id);
    return FACET_OK;
}

static int64_t person_of(const struct facet_event *ev)
{
    return ev->identity.decision == FACET_KNOWN && ev->identity.person > 0 ? ev->identity.person : 0;
}

/* What both INSERT and UPDATE bind, in this order. */
struct row_text { struct facet_str json; void *body; size_t len; int64_t by; unsigned char name[FACET_MAX_NAME]; size_t name_len; };

static int make_row(struct facet_events *e, const struct facet_event *ev, struct row_text *r)
{
    *r = (struct row_text){ .by = person_of(ev) };
    int err = facet_event_to_json(ev, &r->json);
    if (!err)
        err = facet__events_close_up(e, &r->by, "event", ev->id, r->json.data, r->json.len, &r->body, &r->len);
    r->name_len = ev->identity.decision == FACET_KNOWN ? facet__events_name_key(e, ev->identity.name, r->name) : 0;
    return err;
}

static void drop_row(struct row_text *r)
{
    if (r->json.data)
        explicit_bzero(r->json.data, r->json.cap);
    facet_str_fini(&r->json);
    free(r->body);
}

static void bind_row(struct facet__query *q, const struct facet_event *ev, const struct row_text *r)
{
    facet__query_text(q, ev->id);
    facet__query_int(q, ev->type);
    facet__query_int(q, ev->identity.decision);
    facet__query_text(q, ev->camera);
    facet__query_text(q, ev->device);
    facet__query_int(q, ev->captured_ms);
    facet__query_int(q, person_of(ev));
    facet__query_blob(q, r->name_len ? r->name : NULL, r->name_len);
    facet__query_int(q, r->by);
    facet__query_blob(q, r->body, r->len);
    facet__query_text(q, ev->snapshot);
}

static int insert(struct facet_events *e, const struct facet_event *ev, const struct row_text *r, bool *is_new)
{
    struct facet__query q;
    int err = facet__db_begin(&e->db, "write to");
    if (err)
        return err;
    facet__query_begin(&q, &e->db, "write to",
                       "INSERT INTO events(id, type, decision, camera, device, captured_ms, person, name_key, sealed_by, body, snapshot)"
                       " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO NOTHING");
    bind_row(&q, ev, r);
    err = facet__query_run(&q);
    *is_new = !err && q.changed == 1;
    if (!err && *is_new)
        err = facet__db_notify(&e->db, CHANNEL);
    if (!err)
        err = facet__db_commit(&e->db, "write to");
    if (err)
        facet__db_rollback(&e->db);
    return err;
}

int facet_events_put(struct facet_events *e, const struct facet_event *ev, bool *is_new)
{
    struct row_text r;
    bool was_new = false;
    int err = check_event(ev);
    if (is_new)
        *is_new = false;
    if (err)
        return err;
    err = make_row(e, ev, &r);
    if (!err) {
        facet_lock_take(&e->lock);
        err = insert(e, ev, &r, &was_new);
        facet_lock_give(&e->lock);
    }
    drop_row(&r);
    if (is_new)
        *is_new = !err && was_new;
    return err;
}

int facet__events_replace(struct facet_events *e, const struct facet_event *ev)
{
    struct row_text r;
    struct facet__query q;
    int err = make_row(e, ev, &r);
    if (!err) {
        facet__query_begin(&q, &e->db, "change",
                           "UPDATE events SET type = ?2, decision = ?3, camera = ?4, device = ?5, captured_ms = ?6, person = ?7,"
                           " name_key = ?8, sealed_by = ?9, body = ?10, snapshot = ?11 WHERE id = ?1");
        bind_row(&q, ev, &r);
        err = facet__query_run(&q);
    }
    drop_row(&r);
    return err;
}

/* --- out --- */

static int read_body(struct facet_events *e, struct facet__query *q, struct facet_event *ev)
{
    void *json = NULL;
    size_t len = 0, n = 0;
    int64_t by = facet__query_get_int(q, 7);
    const void *body = facet__query_get_blob(q, 8, &n);
    char id[FACET_EVENT_ID];
    memcpy(id, ev->id, sizeof(id));
    if (q->err)
        return q->err;
    int err = facet__events_open_up(e, by, "event", id, body, n, &json, &len);
    if (err == FACET_E_NOT_FOUND)
        return FACET_OK; /* the person's key was destroyed: what stands in the columns is left */
    if (!err)
        err = facet_event_from_json(ev, json, len);
    if (json)
        explicit_bzero(json, len);
    free(json);
    return err ? facet_fail_prefix(err, "event store '%s': event '%s'", e->db.path, id) : FACET_OK;
}

int facet__events_take(struct facet_events *e, struct facet__query *q, struct facet__row *out)
{
    struct facet_event *ev = &out->ev;
    memset(out, 0, sizeof(*out));
    out->seq = facet__query_get_int(q, 0);
    facet__query_get_text(q, 1, ev->id, sizeof(ev->id));
    ev->type = (enum facet_event_type)facet__query_get_int(q, 2);
    ev->identity.decision = (enum facet_decision)facet__query_get_int(q, 3);
    if (ev->identity.decision == FACET_KNOWN)
        ev->identity.decision = FACET_UNKNOWN; /* until the body says who */
    facet__query_get_text(q, 4, ev->camera, sizeof(ev->camera));
    facet__query_get_text(q, 5, ev->device, sizeof(ev->device));
    ev->captured_ms = facet__query_get_int(q, 6);
    facet__query_get_text(q, 9, ev->snapshot, sizeof(ev->snapshot));
    return q->err ? q->err : read_body(e, q, ev);
}

struct where { char sql[512]; unsigned char name[FACET_MAX_NAME]; size_t name_len; };

static void add_condition(struct where *w, const char *text)
{
    size_t n = strlen(w->sql);
    snprintf(w->sql + n, sizeof(w->sql) - n, "%s%s", n ? " AND " : " WHERE ", text);
}

static void make_where(struct facet_events *e, const struct facet_events_filter *f, struct where *w)
{
    w->sql[0] = '\0';
    w->name_len = f->name ? facet__events_name_key(e, f->name, w->name) : 0;
    if (f->camera)
        add_condition(w, "camera = ?");
    if (f->device)
        add_condition(w, "device = ?");
    if (f->name)
        add_condition(w, w->name_len ? "name_key = ?" : "name_key IS NULL");
    if (f->type >= 0)
        add_condition(w, "type = ?");
    if (f->decision >= 0)
        add_condition(w, "decision = ?");
    if (f->from_ms)
        add_condition(w, "captured_ms >= ?");
    if (f->to_ms)
        add_condition(w, "captured_ms < ?");
    if (f->before_seq)
        add_condition(w, "seq < ?");
    if (f->after_seq)
        add_condition(w, "seq > ?");
}

static void bind_where(struct facet__query *q, const struct facet_events_filter *f, const struct where *w)
{
    if (f->camera)
        facet__query_text(q, f->camera);
    if (f->device)
        facet__query_text(q, f->device);
    if (f->name && w->name_len)
        facet__query_blob(q, w->name, w->name_len);
    if (f->type >= 0)
        facet__query_int(q, f->type);
    if (f->decision >= 0)
        facet__query_int(q, f->decision);
    if (f->from_ms)
        facet__query_int(q, f->from_ms);
    if (f->to_ms)
        facet__query_int(q, f->to_ms);
    if (f->before_seq)
        facet__query_int(q, f->before_seq);
    if (f->after_seq)
        facet__query_int(q, f->after_seq);
}

/* Up to `max` rows from where the filter's cursors stand. The lock is held. */
static int read_page(struct facet_events *e, const struct facet_events_filter *f, int max, struct facet__row *rows, int *n)
{
    struct where w;
    char sql[768];
    struct facet__query q;
    make_where(e, f, &w);
    snprintf(sql, sizeof(sql), "SELECT " FACET__EVENT_COLUMNS " FROM events%s ORDER BY seq %s LIMIT %d", w.sql,
             f->after_seq ? "ASC" : "DESC", max);
    *n = 0;
    facet__query_begin(&q, &e->db, "read", sql);
    bind_where(&q, f, &w);
    while (*n < max && facet__query_row(&q)) {
        q.err = facet__events_take(e, &q, &rows[*n]);
        *n += !q.err;
    }
    return facet__query_end(&q);
}

static int tell_page(const struct facet__row *rows, int n, facet_event_fn *fn, void *ctx)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < n; i++)
        err = fn(ctx, rows[i].seq, &rows[i].ev);
    return err;
}

int facet_events_query(struct facet_events *e, const struct facet_events_filter *filter, facet_event_fn *fn, void *ctx)
{
    struct facet_events_filter f = *filter;
    int left = f.limit > 0 ? f.limit : 100, n = PAGE, err = FACET_OK;
    struct facet__row *rows = calloc(PAGE, sizeof(*rows));
    if (!rows)
        return facet_fail_nomem();
    while (!err && left > 0 && n == PAGE) {
        facet_lock_take(&e->lock);
        err = read_page(e, &f, left < PAGE ? left : PAGE, rows, &n);
        facet_lock_give(&e->lock);
        if (!err && n)
            *(f.after_seq ? &f.after_seq : &f.before_seq) = rows[n - 1].seq;
        if (!err)
            err = tell_page(rows, n, fn, ctx);
        left -= n;
    }
    explicit_bzero(rows, PAGE * sizeof(*rows));
    free(rows);
    return err;
}

int facet_events_get(struct facet_events *e, const char *id, struct facet_event *out)
{
    struct facet__row row = { .seq = 0 };
    struct facet__query q;
    facet_lock_take(&e->lock);
    facet__query_begin(&q, &e->db, "read", "SELECT " FACET__EVENT_COLUMNS " FROM events WHERE id = ?");
    facet__query_text(&q, id);
    bool there = facet__query_row(&q);
    if (there)
        q.err = facet__events_take(e, &q, &row);
    int err = facet__query_end(&q);
    facet_lock_give(&e->lock);
    if (!err && !there)
        err = facet_fail(FACET_E_NOT_FOUND, "there is no event '%.64s'", id);
    *out = row.ev;
    return err;
}

int facet_events_count(struct facet_events *e, const struct facet_events_filter *f, int64_t *count)
{
    struct where w;
    char sql[640];
    struct facet__query q;
    make_where(e, f, &w);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM events%s", w.sql);
    facet_lock_take(&e->lock);
    facet__query_begin(&q, &e->db, "read", sql);
    bind_where(&q, f, &w);
    *count = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    int err = facet__query_end(&q);
    facet_lock_give(&e->lock);
    return err;
}

int facet_events_last(struct facet_events *e, int64_t *seq)
{
    struct facet__query q;
    facet_lock_take(&e->lock);
    facet__query_begin(&q, &e->db, "read", "SELECT seq FROM events ORDER BY seq DESC LIMIT 1");
    *seq = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    int err = facet__query_end(&q);
    facet_lock_give(&e->lock);
    return err;
}
