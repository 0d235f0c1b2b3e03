/* One SQLite connection to a gallery file. Not thread-safe: the gallery's lock is around every call.
 *
 * db.c opens and speaks SQL; schema.c knows whose file it is and brings it up to date; people.c,
 * templates.c and blobs.c are the rows; check.c doubts everything. */
#ifndef FACET_STORE_SQLITE_DB_H
#define FACET_STORE_SQLITE_DB_H

#include "store/gallery.h"

#include <sqlite3.h>

struct facet__db {
    sqlite3 *sql;
    sqlite3_stmt *rollback;        /* prepared: going back must not need memory */
    char path[4096];
    bool read_only, in_memory;
    char contract[65];
    char model[FACET_MAX_NAME];
    int dim, schema;
};

int facet__db_open(struct facet__db *db, const struct facet_gallery_opts *o);
void facet__db_close(struct facet__db *db);

/* The error of SQLite's result `rc` while doing `what` ("add a template to"). */
int facet__db_fail(struct facet__db *db, int rc, const char *what);
int facet__db_exec(struct facet__db *db, const char *sql, const char *what);

/* A statement of one use. Text and blobs are borrowed until its end. The first failure is kept and
 * makes the rest do nothing; _end returns it. */
struct facet__query { struct facet__db *db; sqlite3_stmt *s; const char *what; int arg, err; };
void facet__query_begin(struct facet__query *q, struct facet__db *db, const char *what, const char *sql);
void facet__query_int(struct facet__query *q, int64_t v);
void facet__query_num(struct facet__query *q, double v);
void facet__query_text(struct facet__query *q, const char *v);
void facet__query_blob(struct facet__query *q, const void *v, size_t len);
bool facet__query_row(struct facet__query *q);             /* steps; false at the end or on failure */
int64_t facet__query_get_int(struct facet__query *q, int column);
/* Copies a text column; cut off where it does not fit (the schema's checks keep it from happening). */
void facet__query_get_text(struct facet__query *q, int column, char *out, size_t cap);
int facet__query_end(struct facet__query *q);
int facet__query_run(struct facet__query *q);              /* steps to the end, then _end */

/* Writes are one transaction each: begin waits for other writers (5 s). */
int facet__db_begin(struct facet__db *db, const char *what);
int facet__db_begin_read(struct facet__db *db, const char *what);      /* one state for several statements */
int facet__db_commit(struct facet__db *db, const char *what);
void facet__db_rollback(struct facet__db *db);             /* keeps the error text */

/* schema.c */
int facet__schema_identify(struct facet__db *db, bool *is_new);
int facet__schema_migrate(struct facet__db *db, const struct facet_gallery_opts *o);
int facet__schema_load(struct facet__db *db, const struct facet_gallery_opts *o);
int facet__db_version(struct facet__db *db, uint64_t *version);
int facet__db_bump(struct facet__db *db);                  /* version + 1, inside a transaction */

/* people.c */
int facet__people_find(struct facet__db *db, const char *name, struct facet_person *out);
int facet__people_find_id(struct facet__db *db, int64_t id, struct facet_person *out);
int facet__people_after(struct facet__db *db, const char *name, struct facet_person *out);   /* next by name; FACET_E_END */
int facet__people_add(struct facet__db *db, const char *name, const char *note, int64_t created_ms, int64_t *id);
int facet__people_rename(struct facet__db *db, int64_t id, const char *to);
int facet__people_delete(struct facet__db *db, int64_t id);
int facet__people_count(struct facet__db *db, int64_t *people, int64_t *templates);

/* templates.c. A row: its facts, and `dim` numbers in `embedding`. */
int facet__templates_add(struct facet__db *db, int64_t person, const float *embedding,
                         const struct facet_template *about, int64_t *id);
/* Is this picture, or without a hash this very embedding, there already? */
int facet__templates_has(struct facet__db *db, int64_t person, const float *embedding, const char *sha256, bool *has);
int facet__templates_after(struct facet__db *db, int64_t person, int64_t id, struct facet_template *out, float *embedding);
int facet__templates_move(struct facet__db *db, int64_t from, int64_t into);
int facet__templates_delete(struct facet__db *db, int64_t id);
/* Every template behind id `after`, by id, in one statement. */
typedef int facet__row_fn(void *ctx, const struct facet_template *t, const float *embedding);
int facet__templates_each(struct facet__db *db, int64_t after, facet__row_fn *fn, void *ctx);

/* blobs.c */
int facet__blob_put(struct facet__db *db, const char *key, const void *data, size_t len);
int facet__blob_get(struct facet__db *db, const char *key, void **data, size_t *len, uint64_t *version);
int facet__blob_delete_all(struct facet__db *db);

/* kept.c. The index file that is this gallery's own: its tag, and whether all that changed since are
 * additions. begins, follows and ends stand inside a transaction. */
int facet__db_index_tag(struct facet__db *db, char tag[33], bool *is_current);
int facet__db_index_begins(struct facet__db *db, const char *tag);
int facet__db_index_follows(struct facet__db *db);         /* an addition was made */
int facet__db_index_ends(struct facet__db *db);            /* something else was changed */

/* check.c */
int facet__db_check(struct facet__db *db);
/* Empties the write-ahead log into the file, so that what was overwritten is overwritten on disk. */
int facet__db_flush(struct facet__db *db, const char *what);

#endif
