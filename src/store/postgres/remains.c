/* The proof over a server's tables. Files are out of reach, so every value that is text or bytes is asked for, in pages, and
 * searched like a file; what the server samples of them to plan by (pg_stats), too. The write-ahead log is read through the
 * server where this user may; where not, the report says what was not searched, and what that needs. */
#include "store/remains.h"

#include "base/errors.h"
#include "store/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS "256"
#define STATEMENT 700

/* --- tables --- */

/* One column of one table: how it is read, and how a finding in it is called. */
struct column { char sql[STATEMENT], path[512]; };
struct columns { struct column *at; int n, cap; };

static int add_column(struct columns *c, const char *sql, const char *path)
{
    if (c->n == c->cap) {
        int cap = c->cap ? 2 * c->cap : 32;
        struct column *more = realloc(c->at, (size_t)cap * sizeof(*more));
        if (!more)
            return facet_fail_nomem();
        c->at = more;
        c->cap = cap;
    }
    snprintf(c->at[c->n].sql, STATEMENT, "%s", sql);
    snprintf(c->at[c->n].path, sizeof(c->at[0].path), "%s", path);
    c->n++;
    return FACET_OK;
}

/* Numbers hold no name and no template. */
static const char columns_sql[] =
    "SELECT 'SELECT ' || CASE WHEN t.typname = 'bytea' THEN quote_ident(a.attname)"
    " ELSE 'convert_to(' || quote_ident(a.attname) || '::text, ''UTF8'')' END"
    " || ' FROM ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname),"
    " n.nspname || '.' || c.relname || '.' || a.attname"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid"
    " WHERE n.nspname = ?1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped"
    " AND t.typname NOT IN ('int2', 'int4', 'int8', 'float4', 'float8', 'bool')"
    " UNION ALL SELECT 'SELECT convert_to(concat(most_common_vals::text, '' '', histogram_bounds::text), ''UTF8'')"
    " FROM pg_catalog.pg_stats WHERE schemaname = ' || quote_literal(?1), 'samples of ' || ?1 || ' (pg_stats)'";

static int list_columns(struct facet__db *db, struct columns *out)
{
    struct facet__query q;
    char sql[STATEMENT], path[512];
    facet__query_begin(&q, db, "look through", columns_sql);
    facet__query_text(&q, db->kind->schema);
    while (facet__query_row(&q)) {
        facet__query_get_text(&q, 0, sql, sizeof(sql));
        facet__query_get_text(&q, 1, path, sizeof(path));
        if (!q.err)
            q.err = add_column(out, sql, path);
    }
    return facet__query_end(&q);
}

static int fetch(struct facet__remains *r, struct facet__db *db, const char *path, int *n)
{
    struct facet__query q;
    *n = 0;
    facet__query_begin(&q, db, "look through", "FETCH " ROWS " FROM facet_look");
    while (facet__query_row(&q)) {
        size_t len;
        const void *data = facet__query_get_blob(&q, 0, &len);
        if (data)
            facet__remains_in_value(r, path, data, len);
        ++*n;
    }
    return facet__query_end(&q);
}

static int look_through(struct facet__remains *r, struct facet__db *db, const struct column *c)
{
    char sql[STATEMENT + 64], path[1024];
    snprintf(sql, sizeof(sql), "DECLARE facet_look NO SCROLL CURSOR FOR %s", c->sql);
    snprintf(path, sizeof(path), "%.400s: %s", db->path, c->path);
    int n = 1, err = facet__db_exec(db, sql, "look through");
    while (!err && n)
        err = fetch(r, db, path, &n);
    r->report->files++;
    return err ? err : facet__db_exec(db, "CLOSE facet_look", "look through");
}

int facet__remains_in_tables(struct facet__remains *r, struct facet__db *db)
{
    struct columns c = { .n = 0 };
    int err = facet__db_begin_read(db, "look through");
    if (!err)
        err = list_columns(db, &c);
    for (int i = 0; !err && i < c.n; i++)
        err = look_through(r, db, &c.at[i]);
    if (!err)
        err = facet__db_commit(db, "look through");
    if (err)
        facet__db_rollback(db);
    free(c.at);
    return err;
}

/* --- the write-ahead log --- */

struct segment { struct facet__db *db; char path[96]; int64_t at; };

/* One that went meanwhile has no bytes. */
static int read_segment(void *ctx, unsigned char *buf, size_t cap, size_t *len)
{
    struct segment *s = ctx;
    struct facet__query q;
    *len = 0;
    facet__query_begin(&q, s->db, "look through", "SELECT pg_read_binary_file(?, ?, ?, true)");
    facet__query_text(&q, s->path);
    facet__query_int(&q, s->at);
    facet__query_int(&q, (int64_t)cap);
    const void *data = facet__query_row(&q) ? facet__query_get_blob(&q, 0, len) : NULL;
    if (data)
        memcpy(buf, data, *len);
    s->at += (int64_t)*len;
    return facet__query_end(&q);
}

static int look_through_segment(struct facet__remains *r, struct facet__db *db, const char *name)
{
    struct segment s = { .db = db };
    char path[600];
    snprintf(s.path, sizeof(s.path), "pg_wal/%s", name);
    snprintf(path, sizeof(path), "%.400s: %s", db->path, s.path);
    return facet__remains_in_stream(r, path, read_segment, &s);
}

/* The one behind `name`, in its place; "": there is none. */
static int next_segment(struct facet__db *db, char name[64])
{
    struct facet__query q;
    facet__query_begin(&q, db, "look through",
                       "SELECT name FROM pg_ls_waldir() WHERE name COLLATE \"C\" > ? ORDER BY name COLLATE \"C\" LIMIT 1");
    facet__query_text(&q, name);
    bool there = facet__query_row(&q);
    name[0] = '\0';
    if (there)
        facet__query_get_text(&q, 0, name, 64);
    return facet__query_end(&q);
}

static int look_through_log(struct facet__remains *r, struct facet__db *db)
{
    char name[64] = "";
    int err = next_segment(db, name);
    while (!err && *name) {
        err = look_through_segment(r, db, name);
        if (!err)
            err = next_segment(db, name);
    }
    return err;
}

static int may_read_log(struct facet__db *db, bool *may)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look through",
                       "SELECT has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE') AND"
                       " has_function_privilege('pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean)', 'EXECUTE')");
    *may = facet__query_row(&q) && facet__query_get_int(&q, 0);
    return facet__query_end(&q);
}

int facet__remains_in_log(struct facet__remains *r, struct facet__db *db)
{
    bool may = false;
    int err = may_read_log(db, &may);
    if (!err && may)
        return look_through_log(r, db);
    if (!err)
        snprintf(r->report->unsearched, sizeof(r->report->unsearched),
                 "the write-ahead log of '%.300s': needs a superuser, or EXECUTE of pg_ls_waldir and pg_read_binary_file", db->path);
    return err;
}

void facet__server_log_end(struct facet__db *db)
{
    (void)facet__db_exec(db, "SELECT pg_switch_wal()", "empty the log of");
    (void)facet__db_exec(db, "CHECKPOINT", "empty the log of");
}
