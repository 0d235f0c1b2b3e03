/* What of a spool is hidden from who reads its file: payloads are sealed, and people are called by a keyed hash of their names. */
#include "store/spool_priv.h"

#include "base/errors.h"
#include "base/log.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAYLOAD_ONLY = 2 }; /* of version 1: the payload is sealed, the name is to be read */

void facet__spool_hide(const struct facet_spool *s, const char *person, char out[FACET_MAX_NAME])
{
    unsigned char hash[FACET_VAULT_HASH];
    snprintf(out, FACET_MAX_NAME, "%s", person);
    if (!s->vault || !person[0])
        return;
    facet_vault_hash(s->vault, "spool person", person, hash);
    for (int i = 0; i < FACET_VAULT_HASH; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void name_seal(char out[FACET_EVENT_ID + 8], const char *id)
{
    snprintf(out, FACET_EVENT_ID + 8, "spool:%s", id);
}

int facet__spool_seal(struct facet_spool *s, struct facet_spool_item *item, void **bytes)
{
    char what[FACET_EVENT_ID + 8];
    if (!s->vault)
        return FACET_OK;
    name_seal(what, item->id);
    int err = facet_vault_seal(s->vault, FACET_VAULT_ANYONE, what, item->payload, item->len, bytes, &item->len);
    item->payload = *bytes;
    return err;
}

int facet__spool_unseal(struct facet_spool *s, struct facet_spool_item *item)
{
    char what[FACET_EVENT_ID + 8];
    void *open = NULL, *sealed = item->payload;
    size_t len = 0;
    name_seal(what, item->id);
    int err = s->vault ? facet_vault_open_sealed(s->vault, FACET_VAULT_ANYONE, what, sealed, item->len, &open, &len)
                       : facet_fail(FACET_E_PERMISSION, "there is no site key");
    item->payload = open;
    item->len = len;
    item->person[0] = '\0';
    free(sealed);
    return err ? facet_fail_prefix(err, "cannot read '%s' of spool '%s'", item->id, s->path) : FACET_OK;
}

/* ---- when it is opened ---- */

static int copy_row(sqlite3_stmt *q, struct facet_spool_item *out)
{
    const void *data = sqlite3_column_blob(q, 2);
    const unsigned char *id = sqlite3_column_text(q, 1);
    *out = (struct facet_spool_item){ .seq = sqlite3_column_int64(q, 0), .len = (size_t)sqlite3_column_bytes(q, 2) };
    snprintf(out->id, sizeof(out->id), "%s", id ? (const char *)id : "");
    out->payload = malloc(out->len + 1);
    if (!id || (out->len && !data) || !out->payload) {
        free(out->payload);
        return facet_fail_nomem();
    }
    if (out->len)
        memcpy(out->payload, data, out->len);
    return FACET_OK;
}

/* The newest says for all: a spool is sealed with one key. */
static int check_key(struct facet_spool *s)
{
    struct facet_spool_item item;
    sqlite3_stmt *q = facet__spool_use(s, ANY_SEALED);
    int rc = sqlite3_step(q);
    int err = rc == SQLITE_ROW ? copy_row(q, &item) : rc == SQLITE_DONE ? FACET_OK : facet__spool_fail(s, "open");
    sqlite3_reset(q);
    if (err || rc == SQLITE_DONE)
        return err;
    err = facet__spool_unseal(s, &item);
    free(item.payload);
    if (!err || err == FACET_E_NOMEM)
        return err;
    return facet_fail(FACET_E_PERMISSION, "cannot open spool '%s': what waits there is sealed with %s; give that key (store.key), or "
                      "remove the file and what waits", s->path, s->vault ? "another site key" : "a site key, and none is given");
}

static int hide_row(struct facet_spool *s, struct facet_spool_item *item, const char *person, bool is_plain)
{
    char hidden[FACET_MAX_NAME];
    void *bytes = NULL, *plain = item->payload;
    int err = is_plain ? facet__spool_seal(s, item, &bytes) : FACET_OK;
    facet__spool_hide(s, person, hidden);
    sqlite3_stmt *q = facet__spool_use_int(s, HIDE, item->seq);
    if (!err && (sqlite3_bind_text(q, 2, hidden, -1, SQLITE_STATIC) ||
                 sqlite3_bind_blob64(q, 3, item->len ? item->payload : "", item->len, SQLITE_STATIC)))
        err = facet__spool_fail(s, "seal");
    if (!err)
        err = facet__spool_run(s, q, "seal");
    free(bytes);
    item->payload = plain;
    return err;
}

/* The next row that is not hidden as a whole; *seq 0: there is none. */
static int hide_next(struct facet_spool *s, int64_t *seq)
{
    struct facet_spool_item item;
    char person[FACET_MAX_NAME];
    sqlite3_stmt *q = facet__spool_use_int(s, OPEN_ONE, *seq);
    int rc = sqlite3_step(q);
    int err = rc == SQLITE_ROW ? copy_row(q, &item) : rc == SQLITE_DONE ? FACET_OK : facet__spool_fail(s, "open");
    const unsigned char *name = !err && rc == SQLITE_ROW ? sqlite3_column_text(q, 3) : NULL;
    bool is_plain = rc == SQLITE_ROW && sqlite3_column_int(q, 4) != PAYLOAD_ONLY;
    snprintf(person, sizeof(person), "%s", name ? (const char *)name : "");
    sqlite3_reset(q);
    *seq = 0;
    if (err || rc == SQLITE_DONE)
        return err;
    *seq = item.seq;
    err = hide_row(s, &item, person, is_plain);
    free(item.payload);
    return err;
}

int facet__spool_settle(struct facet_spool *s)
{
    int64_t seq = 0, hidden = 0;
    int err = check_key(s);
    if (err || !s->vault)
        return err;
    err = facet__spool_run(s, facet__spool_use(s, BEGIN), "seal");
    do {
        err = err ? err : hide_next(s, &seq);
        hidden += !err && seq;
    } while (!err && seq);
    if (!err)
        err = facet__spool_run(s, facet__spool_use(s, COMMIT), "seal");
    if (err)
        return err; /* closing it takes the transaction back */
    if (hidden && sqlite3_wal_checkpoint_v2(s->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
        facet_log(FACET_LOG_WARN, "store", "the log of spool '%s' still has what was put without a key: another program reads it", s->path);
    return FACET_OK;
}
