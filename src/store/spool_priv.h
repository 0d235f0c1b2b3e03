/* Between spool.c, which puts and takes, spool_file.c, which opens the file and speaks SQL, and spool_seal.c, which hides what
 * tells of people. */
#ifndef FACET_STORE_SPOOL_PRIV_H
#define FACET_STORE_SPOOL_PRIV_H

#include "base/lock.h"
#include "store/spool.h"

#include <limits.h>
#include <sqlite3.h>

#define FACET__SPOOL_DONE_MS ((int64_t)24 * 3600 * 1000)   /* ids are remembered so long after their end */

enum facet__spool_statement {
    BEGIN, COMMIT, ROLLBACK, HAS, INSERT, DOUBLE, ADD, TAKE, NEXT, FIND, DELETE, MARK_DONE, ACKED, FORGET_OLD, FORGET_MANY, EXPIRED,
    AGED, LEAST, DROP_EXPIRED, DROP_AGED, SQUEEZED, STATE, OLDEST, LAST, SHIFT_ITEMS, SHIFT_DONE, ERASE_SUM, ERASE, FIND_ID,
    EXCHANGE, ANY_SEALED, OPEN_ONE, HIDE, KEEP, KEPT, STATEMENTS
};

struct facet_spool {
    struct facet_lock lock;
    struct facet_cond more;
    bool has_lock, has_more;
    struct facet_clock clock;
    char path[PATH_MAX];
    int64_t max_bytes, max_age_ms;
    struct facet_vault *vault;
    sqlite3 *sql;
    sqlite3_stmt *s[STATEMENTS];
    int64_t offset_ms;     /* wall clock minus the clock that never goes back */
    int64_t last;          /* highest number that is there */
    bool is_woken;
};

/* The error of the last call to SQLite while doing `what` ("put into"). */
int facet__spool_fail(struct facet_spool *s, const char *what);
/* A statement, fresh; with its first argument. */
sqlite3_stmt *facet__spool_use(struct facet_spool *s, enum facet__spool_statement which);
sqlite3_stmt *facet__spool_use_int(struct facet_spool *s, enum facet__spool_statement which, int64_t a);
int facet__spool_run(struct facet_spool *s, sqlite3_stmt *q, const char *what);
/* Up to `n` numbers of the first row; all 0 when there is none. */
int facet__spool_numbers(struct facet_spool *s, sqlite3_stmt *q, const char *what, int64_t *out, int n);
int64_t facet__spool_clock_offset(const struct facet_spool *s);

/* What a person is called in the file: with a vault, by what nobody can read without the site's key. */
void facet__spool_hide(const struct facet_spool *s, const char *person, char out[FACET_MAX_NAME]);
/* With a vault, the item's payload becomes *bytes, which the caller frees. */
int facet__spool_seal(struct facet_spool *s, struct facet_spool_item *item, void **bytes);
/* As facet_spool_next says of what cannot be opened. */
int facet__spool_unseal(struct facet_spool *s, struct facet_spool_item *item);
/* When a spool is opened: refuses a key that does not fit, and seals what was put when there was none. */
int facet__spool_settle(struct facet_spool *s);

#endif
