/* One connection to a database, SQLite's (a file) or PostgreSQL's, and the statements that go over it. Not
 * thread-safe: its owner has a lock around every call.
 *
 * sql.c is what both have in common; sqlite/db.c and postgres/db.c are the two (struct facet__sql_ops). The SQL is
 * the part that both speak; where they differ, facet__db_says chooses. Parameters are "?" or "?1". */
#ifndef FACET_STORE_SQL_H
#define FACET_STORE_SQL_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet__db;
struct facet__sqlite;
struct facet__pg;

/* What is kept in a database, so that nobody takes one for another. */
struct facet__db_kind {
    const char *word;              /* "gallery" */
    const char *file;              /* its name in the data folder */
    const char *make, *fill;       /* what to do when there is none, or an empty one; "": nothing is said */
    int application_id;            /* SQLite's */
    const char *const *sqlite;     /* migrations: once released, one never changes; a new one is a new line */
    const char *schema;            /* PostgreSQL's name for the set of tables */
    const char *const *postgres;
    int newest;                    /* how many migrations there are */
};

/* A statement of one use. Text and blobs are borrowed until its end. The first failure is kept and
 * makes the rest do nothing; _end returns it. */
struct facet__query { struct facet__db *db; void *s; const char *what; int arg, err; int64_t changed; };

struct facet__sql_value { enum { FACET__INT, FACET__NUM, FACET__TEXT, FACET__BLOB } type; int64_t i; double n; const void *p; size_t len; };

struct facet__sql_ops {
    int (*exec)(struct facet__db *db, const char *sql, const char *what);      /* one or more statements */
    int (*begin)(struct facet__db *db, const char *what, bool writes);
    void (*rollback)(struct facet__db *db);                /* keeps the error text; fine without a transaction */
    int (*prepare)(struct facet__query *q, const char *sql);
    int (*bind)(struct facet__query *q, const struct facet__sql_value *v);     /* at q->arg, from 1 */
    int (*step)(struct facet__query *q, bool *has_row);    /* at the end q->changed is set */
    int64_t (*get_int)(struct facet__query *q, int column);
    double (*get_num)(struct facet__query *q, int column);
    /* NULL: the column is NULL or empty. FACET_E_NOMEM. */
    int (*get_bytes)(struct facet__query *q, int column, bool is_text, const void **data, size_t *len);
    void (*finish)(struct facet__query *q);
    void (*close)(struct facet__db *db);
};

struct facet__db {
    const struct facet__sql_ops *ops;
    const struct facet__db_kind *kind;
    struct facet__sqlite *sqlite;
    struct facet__pg *pg;
    char path[4096];               /* PostgreSQL: the URL, without password */
    bool read_only;
    bool is_file;                  /* neither in memory nor on a server */
    int schema;
    char contract[65];             /* galleries: what their head says */
    char model[FACET_MAX_NAME];
    int dim;
    struct facet_vault *vault;     /* borrowed from the owner; NULL: what is read and written is not sealed */
    bool is_sealed;
};

struct facet__db_opts {
    const struct facet__db_kind *kind;
    const char *path;              /* NULL: in the data folder; ":memory:"; "postgresql://..." */
    bool create, read_only;
};
/* Connects and looks whose it is. *is_new: there is nothing in it yet. On failure nothing is left open. */
int facet__db_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new);
void facet__db_close(struct facet__db *db);                /* closed already: fine */
bool facet__is_postgres(const char *path);
static inline const char *facet__db_says(const struct facet__db *db, const char *sqlite, const char *postgres)
{
    return db->pg ? postgres : sqlite;
}

/* Applies what is missing, in one transaction; `fill` (may be NULL) writes what a new one begins with. */
typedef int facet__db_fill_fn(struct facet__db *db, const void *ctx);
int facet__db_migrate(struct facet__db *db, facet__db_fill_fn *fill, const void *ctx);

int facet__db_exec(struct facet__db *db, const char *sql, const char *what);
void facet__query_begin(struct facet__query *q, struct facet__db *db, const char *what, const char *sql);
void facet__query_int(struct facet__query *q, int64_t v);
void facet__query_num(struct facet__query *q, double v);
void facet__query_text(struct facet__query *q, const char *v);         /* NULL: SQL's NULL */
void facet__query_blob(struct facet__query *q, const void *v, size_t len);     /* NULL: SQL's NULL */
bool facet__query_row(struct facet__query *q);             /* steps; false at the end or on failure */
int64_t facet__query_get_int(struct facet__query *q, int column);
double facet__query_get_num(struct facet__query *q, int column);
/* Copies a text column; cut off where it does not fit (the schema's checks keep it from happening). */
void facet__query_get_text(struct facet__query *q, int column, char *out, size_t cap);
/* Borrowed until the next step; NULL and 0 when there is nothing, and after a failure. */
const void *facet__query_get_blob(struct facet__query *q, int column, size_t *len);
int facet__query_end(struct facet__query *q);
int facet__query_run(struct facet__query *q);              /* steps to the end, then _end */

/* Writes are one transaction each: begin waits for other writers (5 s). */
int facet__db_begin(struct facet__db *db, const char *what);
int facet__db_begin_read(struct facet__db *db, const char *what);      /* one state for several statements */
int facet__db_commit(struct facet__db *db, const char *what);
void facet__db_rollback(struct facet__db *db);             /* keeps the error text */

/* The table meta(key, value): numbers are text, too, as PostgreSQL wants it. */
#define FACET__META_ADD_ONE "UPDATE meta SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE key = "
int facet__meta_get(struct facet__db *db, const char *key, char *text, size_t cap, bool *is_there);
int facet__meta_put(struct facet__db *db, const char *key, const char *text);

/* Tells the other servers on this database, once the transaction is committed. SQLite: nothing. */
int facet__db_notify(struct facet__db *db, const char *channel);

/* Empties the write-ahead log into the file, so that what was overwritten is overwritten on disk. */
int facet__db_flush(struct facet__db *db, const char *what);
/* Writes the whole file anew without what was deleted, and flushes. */
int facet__db_compact(struct facet__db *db, const char *what);
int facet__db_check_pages(struct facet__db *db);

/* The two kinds: each connects and sets db->ops. *is_new, db->schema. */
int facet__sqlite_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new);
int facet__pg_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new);

#endif
