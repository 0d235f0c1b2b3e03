#include "store/sqlite/db.h"

#include "base/errors.h"
#include "store/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int put(struct facet__db *db, const char *key, const void *data, size_t len)
{
    struct facet__query q;
    facet__query_begin(&q, db, "write to",
                       "INSERT INTO blobs(key, data, checksum, people_version)"
                       " SELECT CAST(? AS TEXT), ?, ?, CAST(value AS BIGINT) FROM meta WHERE key = 'people_version'"
                       " ON CONFLICT(key) DO UPDATE SET data = excluded.data, checksum = excluded.checksum,"
                       " people_version = excluded.people_version");
    facet__query_text(&q, key);
    facet__query_blob(&q, data, len);
    facet__query_int(&q, (int64_t)facet__checksum(2, data, len));
    return facet__query_run(&q);
}

/* What was trained on several people is nobody's alone: it is sealed with the site's own key, and goes with any of them. */
int facet__blob_put(struct facet__db *db, const char *key, const void *data, size_t len)
{
    char what[FACET_MAX_NAME + 8];
    void *sealed = NULL;
    size_t sealed_len;
    if (!db->vault)
        return put(db, key, data, len);
    snprintf(what, sizeof(what), "blob:%s", key);
    int err = facet_vault_seal(db->vault, FACET_VAULT_ANYONE, what, data, len, &sealed, &sealed_len);
    if (!err)
        err = put(db, key, sealed, sealed_len);
    free(sealed);
    return err;
}

static int open_blob(struct facet__db *db, const char *key, const void *blob, size_t n, void **data, size_t *len)
{
    char what[FACET_MAX_NAME + 8];
    snprintf(what, sizeof(what), "blob:%s", key);
    int err = facet_vault_open_sealed(db->vault, FACET_VAULT_ANYONE, what, blob, n, data, len);
    return err == FACET_E_FORMAT ? facet_fail_prefix(FACET_E_STORE, "gallery '%s' is damaged in '%s'", db->path, key) : err;
}

static int copy_blob(struct facet__query *q, const char *key, void **data, size_t *len)
{
    size_t n;
    const void *blob = facet__query_get_blob(q, 0, &n);
    if (q->err)
        return q->err;
    if (facet__checksum(2, blob, n) != (uint64_t)facet__query_get_int(q, 1))
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: the checksum of '%s' differs", q->db->path, key);
    if (q->db->vault)
        return open_blob(q->db, key, blob, n, data, len);
    *data = malloc(n ? n : 1);
    if (!*data)
        return facet_fail_nomem();
    if (n)
        memcpy(*data, blob, n);
    *len = n;
    return FACET_OK;
}

int facet__blob_get(struct facet__db *db, const char *key, void **data, size_t *len, uint64_t *version)
{
    *data = NULL;
    *len = 0;
    struct facet__query q;
    facet__query_begin(&q, db, "read", "SELECT data, checksum, people_version FROM blobs WHERE key = ?");
    facet__query_text(&q, key);
    bool there = facet__query_row(&q);
    if (there) {
        q.err = copy_blob(&q, key, data, len);
        if (version)
            *version = (uint64_t)facet__query_get_int(&q, 2);
    }
    int err = facet__query_end(&q);
    if (!err && !there)
        return facet_fail(FACET_E_NOT_FOUND, "gallery '%s' holds no '%s'", db->path, key);
    return err;
}

int facet__blob_delete_all(struct facet__db *db)
{
    return facet__db_exec(db, "DELETE FROM blobs", "delete from");
}
