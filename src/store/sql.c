#include "store/sql.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool facet__is_postgres(const char *path)
{
    return path && (!strncmp(path, "postgresql://", 13) || !strncmp(path, "postgres://", 11));
}

int facet__db_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new)
{
    *db = (struct facet__db){ .kind = o->kind, .read_only = o->read_only };
    *is_new = false;
    int err = facet__is_postgres(o->path) ? facet__pg_open(db, o, is_new) : facet__sqlite_open(db, o, is_new);
    if (!err && *is_new && !o->create)
        err = facet_fail(FACET_E_NOT_FOUND, "the %s '%s' is empty%s", o->kind->word, db->path, o->kind->fill);
    if (!err && db->schema > o->kind->newest)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot open %s '%s': a newer facet wrote it (schema %d, this one knows %d)",
                         o->kind->word, db->path, db->schema, o->kind->newest);
    if (err)
        facet__db_close(db);
    return err;
}

void facet__db_close(struct facet__db *db)
{
    if (db->ops)
        db->ops->close(db);
    db->ops = NULL;
}

/* --- statements --- */

int facet__db_exec(struct facet__db *db, const char *sql, const char *what)
{
    return db->ops->exec(db, sql, what);
}

void facet__query_begin(struct facet__query *q, struct facet__db *db, const char *what, const char *sql)
{
    *q = (struct facet__query){ .db = db, .what = what };
    q->err = db->ops->prepare(q, sql);
}

static void bind(struct facet__query *q, const struct facet__sql_value *v)
{
    q->arg++;
    if (!q->err)
        q->err = q->db->ops->bind(q, v);
}

void facet__query_int(struct facet__query *q, int64_t v)
{
    bind(q, &(struct facet__sql_value){ .type = FACET__INT, .i = v });
}

void facet__query_num(struct facet__query *q, double v)
{
    bind(q, &(struct facet__sql_value){ .type = FACET__NUM, .n = v });
}

void facet__query_text(struct facet__query *q, const char *v)
{
    bind(q, &(struct facet__sql_value){ .type = FACET__TEXT, .p = v, .len = v ? strlen(v) : 0 });
}

void facet__query_blob(struct facet__query *q, const void *v, size_t len)
{
    bind(q, &(struct facet__sql_value){ .type = FACET__BLOB, .p = v, .len = len });
}

bool facet__query_row(struct facet__query *q)
{
    bool has_row = false;
    if (!q->err)
        q->err = q->db->ops->step(q, &has_row);
    return !q->err && has_row;
}

int64_t facet__query_get_int(struct facet__query *q, int column)
{
    return q->db->ops->get_int(q, column);
}

double facet__query_get_num(struct facet__query *q, int column)
{
    return q->db->ops->get_num(q, column);
}

static const void *get_bytes(struct facet__query *q, int column, bool is_text, size_t *len)
{
    const void *data = NULL;
    *len = 0;
    if (!q->err)
        q->err = q->db->ops->get_bytes(q, column, is_text, &data, len);
    return q->err ? NULL : data;
}

void facet__query_get_text(struct facet__query *q, int column, char *out, size_t cap)
{
    size_t len;
    const char *text = get_bytes(q, column, true, &len);
    snprintf(out, cap, "%s", text ? text : "");
}

const void *facet__query_get_blob(struct facet__query *q, int column, size_t *len)
{
    return get_bytes(q, column, false, len);
}

int facet__query_end(struct facet__query *q)
{
    q->db->ops->finish(q);
    q->s = NULL;
    return q->err;
}

int facet__query_run(struct facet__query *q)
{
    while (facet__query_row(q))
        ;
    return facet__query_end(q);
}

/* --- transactions --- */

int facet__db_begin_read(struct facet__db *db, const char *what)
{
    facet__db_rollback(db);
    return db->ops->begin(db, what, false);
}

int facet__db_begin(struct facet__db *db, const char *what)
{
    if (db->read_only)
        return facet_fail(FACET_E_PERMISSION, "cannot %s %s '%s': it was opened for reading only", what, db->kind->word, db->path);
    facet__db_rollback(db); /* where an earlier one could not be taken back */
    return db->ops->begin(db, what, true);
}

int facet__db_commit(struct facet__db *db, const char *what)
{
    return facet__db_exec(db, "COMMIT", what);
}

void facet__db_rollback(struct facet__db *db)
{
    db->ops->rollback(db);
}

int facet__db_notify(struct facet__db *db, const char *channel)
{
    char sql[64];
    snprintf(sql, sizeof(sql), "NOTIFY %s", channel);
    return db->pg ? facet__db_exec(db, sql, "change") : FACET_OK;
}

/* --- the head --- */

int facet__meta_get(struct facet__db *db, const char *key, char *text, size_t cap, bool *is_there)
{
    struct facet__query q;
    *text = '\0';
    facet__query_begin(&q, db, "open", "SELECT value FROM meta WHERE key = ?");
    facet__query_text(&q, key);
    *is_there = facet__query_row(&q);
    if (*is_there)
        facet__query_get_text(&q, 0, text, cap);
    return facet__query_end(&q);
}

int facet__meta_put(struct facet__db *db, const char *key, const char *text)
{
    struct facet__query q;
    facet__query_begin(&q, db, "write to",
                       "INSERT INTO meta(key, value) VALUES(?, ?) ON CONFLICT(key) DO UPDATE SET value = excluded.value");
    facet__query_text(&q, key);
    facet__query_text(&q, text);
    return facet__query_run(&q);
}

static int read_schema(struct facet__db *db)
{
    char text[24] = "0";
    bool is_there = false;
    if (db->pg) {
        int err = facet__meta_get(db, "schema", text, sizeof(text), &is_there);
        db->schema = (int)strtol(text, NULL, 10);
        return err;
    }
    struct facet__query q;
    facet__query_begin(&q, db, "open", "PRAGMA user_version");
    db->schema = facet__query_row(&q) ? (int)facet__query_get_int(&q, 0) : 0;
    return facet__query_end(&q);
}

static int write_schema(struct facet__db *db)
{
    char text[96];
    snprintf(text, sizeof(text), "%d", db->kind->newest);
    if (db->pg)
        return facet__meta_put(db, "schema", text);
    snprintf(text, sizeof(text), "PRAGMA application_id = %d; PRAGMA user_version = %d", db->kind->application_id, db->kind->newest);
    return facet__db_exec(db, text, "migrate");
}

/* Inside one transaction: a process killed here leaves the schema it found. */
static int apply(struct facet__db *db, facet__db_fill_fn *fill, const void *ctx)
{
    const char *const *migrations = db->pg ? db->kind->postgres : db->kind->sqlite;
    int err = read_schema(db), before = db->schema; /* again: another process may have been first */
    for (int i = before; !err && i < db->kind->newest; i++) {
        err = facet__db_exec(db, migrations[i], "migrate");
        if (!err && i == 0 && fill)
            err = fill(db, ctx);
    }
    return err || before >= db->kind->newest ? err : write_schema(db);
}

int facet__db_migrate(struct facet__db *db, facet__db_fill_fn *fill, const void *ctx)
{
    int found = db->schema, newest = db->kind->newest;
    if (found == newest)
        return FACET_OK;
    if (db->read_only)
        return facet_fail(FACET_E_PERMISSION, "cannot read %s '%s': an older facet wrote it (schema %d of %d), "
                          "open it once for writing", db->kind->word, db->path, found, newest);
    int err = facet__db_begin(db, "migrate");
    if (!err)
        err = apply(db, fill, ctx);
    if (!err)
        err = facet__db_commit(db, "migrate");
    if (err)
        facet__db_rollback(db);
    db->schema = err ? found : newest;
    return err;
}
