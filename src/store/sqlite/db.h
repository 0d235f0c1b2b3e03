/* The rows of a gallery. Not thread-safe: the gallery's lock is around every call.
 *
 * sql.h speaks to the database; schema.c knows whose it is and brings it up to date; people.c,
 * templates.c and blobs.c are the rows; check.c doubts everything. */
#ifndef FACET_STORE_SQLITE_DB_H
#define FACET_STORE_SQLITE_DB_H

#include "store/gallery.h"
#include "store/sql.h"
#include "store/vault.h"

/* schema.c */
int facet__schema_open(struct facet__db *db, const struct facet_gallery_opts *o);
int facet__db_version(struct facet__db *db, uint64_t *version);
int facet__db_bump(struct facet__db *db);                  /* version + 1, inside a transaction */

/* people.c */
int facet__people_find(struct facet__db *db, const char *name, struct facet_person *out);
int facet__people_find_id(struct facet__db *db, int64_t id, struct facet_person *out);
int facet__people_after(struct facet__db *db, const char *name, struct facet_person *out);   /* next by name; FACET_E_END */
int facet__people_add(struct facet__db *db, const char *name, const char *note, int64_t created_ms, int64_t *id);
int facet__people_put(struct facet__db *db, const struct facet_person *p);     /* under the id that stands in it */
int facet__people_rename(struct facet__db *db, int64_t id, const char *to);
int facet__people_delete(struct facet__db *db, int64_t id);
int facet__people_count(struct facet__db *db, int64_t *people, int64_t *templates);

/* templates.c. A row: its facts, and `dim` numbers in `embedding`. */
int facet__templates_add(struct facet__db *db, int64_t person, const float *embedding,
                         const struct facet_template *about, int64_t *id);
/* The same under the ids that stand in `t`. */
int facet__templates_put(struct facet__db *db, const struct facet_template *t, const float *embedding);
/* Is this picture, or without a hash this very embedding, there already? */
int facet__templates_has(struct facet__db *db, int64_t person, const float *embedding, const char *sha256, bool *has);
int facet__templates_after(struct facet__db *db, int64_t person, int64_t id, struct facet_template *out, float *embedding);
/* Writes a row's embedding anew, sealed when the gallery is. */
int facet__templates_rewrite(struct facet__db *db, const struct facet_template *t, const float *embedding);
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

/* keys.c. ensure makes a key where a person has none. */
int facet__keys_get(struct facet__db *db, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED]);     /* NOT_FOUND */
int facet__keys_ensure(struct facet__db *db, struct facet_vault *v, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED]);
int facet__keys_move(struct facet__db *db, int64_t from, int64_t into);
/* The keys that are this person's now; the ids stand among the erased. */
int facet__keys_destroy(struct facet__db *db, int64_t owner);
/* Other ids whose keys are this person's now: of those that were merged into it. */
int facet__keys_of(struct facet__db *db, int64_t owner, int64_t *people, int cap, int *n);
int facet__erased_after(struct facet__db *db, int64_t person, int64_t *next, int64_t *erased_ms);      /* FACET_E_END */

/* seal.c: seals every template and blob, inside one transaction. */
int facet__db_seal(struct facet__db *db, struct facet_vault *v);

/* check.c */
int facet__db_check(struct facet__db *db);

#endif
