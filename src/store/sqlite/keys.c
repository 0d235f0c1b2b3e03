/* Wrapped keys of people. `owner` is who the key's person is now: after a merge what was sealed for the one that is gone
 * still opens, and goes with the one that is left. */
#include "store/sqlite/db.h"

#include "base/clock.h"
#include "base/errors.h"

#include <string.h>

int facet__keys_get(struct facet__db *db, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    struct facet__query q;
    size_t len = 0;
    facet__query_begin(&q, db, "read", "SELECT wrapped FROM keys WHERE person = ?");
    facet__query_int(&q, person);
    const void *key = facet__query_row(&q) ? facet__query_get_blob(&q, 0, &len) : NULL;
    if (key && len == FACET_VAULT_WRAPPED)
        memcpy(wrapped, key, len);
    int err = facet__query_end(&q);
    if (err)
        return err;
    if (!key || !len) /* none: only told whose it is now */
        return facet_fail(FACET_E_NOT_FOUND, "there is no key of person %lld in gallery '%s'", (long long)person, db->path);
    return len == FACET_VAULT_WRAPPED ? FACET_OK
                                      : facet_fail(FACET_E_STORE, "gallery '%s' is damaged: the key of person %lld has %zu bytes",
                                                   db->path, (long long)person, len);
}

static int put_key(struct facet__db *db, int64_t person, int64_t owner, const unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    struct facet__query q;
    facet__query_begin(&q, db, "add a key to", "INSERT INTO keys(person, owner, wrapped) VALUES(?, ?, ?)"
                                                   " ON CONFLICT(person) DO UPDATE SET wrapped = excluded.wrapped");
    facet__query_int(&q, person);
    facet__query_int(&q, owner);
    facet__query_blob(&q, wrapped, FACET_VAULT_WRAPPED);
    return facet__query_run(&q);
}

int facet__keys_ensure(struct facet__db *db, struct facet_vault *v, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    int err = facet__keys_get(db, person, wrapped);
    if (err != FACET_E_NOT_FOUND)
        return err;
    facet_vault_new_key(v, person, wrapped);
    return put_key(db, person, person, wrapped);
}

/* Where nothing is sealed, too: events tell of the one that is gone. */
static int put_owner(struct facet__db *db, int64_t person, int64_t owner)
{
    struct facet__query q;
    facet__query_begin(&q, db, "merge people in", "INSERT INTO keys(person, owner, wrapped) VALUES(?, ?, ?) ON CONFLICT(person) DO NOTHING");
    facet__query_int(&q, person);
    facet__query_int(&q, owner);
    facet__query_blob(&q, "", 0);
    return facet__query_run(&q);
}

int facet__keys_move(struct facet__db *db, int64_t from, int64_t into)
{
    struct facet__query q;
    facet__query_begin(&q, db, "merge people in", "UPDATE keys SET owner = ?2 WHERE owner = ?1");
    facet__query_int(&q, from);
    facet__query_int(&q, into);
    int err = facet__query_run(&q);
    return err ? err : put_owner(db, from, into);
}

int facet__keys_destroy(struct facet__db *db, int64_t owner)
{
    struct facet__query q;
    facet__query_begin(&q, db, "delete a key from",
                       "INSERT INTO erased(person, erased_ms) SELECT person, ?2 FROM keys WHERE owner = ?1"
                       " UNION SELECT CAST(?1 AS BIGINT), CAST(?2 AS BIGINT) ON CONFLICT(person) DO NOTHING");
    facet__query_int(&q, owner);
    facet__query_int(&q, facet_clock_system.wall_ms(facet_clock_system.ctx));
    int err = facet__query_run(&q);
    if (err)
        return err;
    facet__query_begin(&q, db, "delete a key from", "DELETE FROM keys WHERE owner = ?");
    facet__query_int(&q, owner);
    return facet__query_run(&q);
}

int facet__keys_of(struct facet__db *db, int64_t owner, int64_t *people, int cap, int *n)
{
    struct facet__query q;
    *n = 0;
    facet__query_begin(&q, db, "read", "SELECT person FROM keys WHERE owner = ? AND person <> owner ORDER BY person");
    facet__query_int(&q, owner);
    while (*n < cap && facet__query_row(&q))
        people[(*n)++] = facet__query_get_int(&q, 0);
    return facet__query_end(&q);
}

int facet__erased_after(struct facet__db *db, int64_t person, int64_t *next, int64_t *erased_ms)
{
    struct facet__query q;
    facet__query_begin(&q, db, "read", "SELECT person, erased_ms FROM erased WHERE person > ? ORDER BY person LIMIT 1");
    facet__query_int(&q, person);
    bool there = facet__query_row(&q);
    *next = there ? facet__query_get_int(&q, 0) : 0;
    *erased_ms = there ? facet__query_get_int(&q, 1) : 0;
    int err = facet__query_end(&q);
    return err ? err : there ? FACET_OK : FACET_E_END;
}
