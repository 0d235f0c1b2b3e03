/* Rows of templates. An embedding is stored as float32, little endian, sealed where the gallery is. The checksum
 * covers what stands in the row: the stored bytes, quality, source hash and time, so that damage is seen without a key. */
#include "store/sqlite/db.h"

#include "base/errors.h"
#include "store/rules.h"

#include <stdio.h>
#include <string.h>

static void swap_if_big_endian(unsigned char *out, const unsigned char *in, size_t floats)
{
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one == 1;
    for (size_t i = 0; i < floats * 4; i++)
        out[i] = in[little ? i : (i ^ 3)];
}

static uint64_t row_checksum(const unsigned char *blob, size_t len, const struct facet_template *t)
{
    int64_t facts[2] = { t->created_ms, 0 };
    memcpy(&facts[1], &t->quality, sizeof(t->quality));
    uint64_t h = facet__checksum(1, blob, len);
    h = facet__checksum(h, t->source_sha256, strlen(t->source_sha256));
    for (int i = 0; i < 2; i++) {
        unsigned char bytes[8];
        for (int j = 0; j < 8; j++)
            bytes[j] = (unsigned char)((uint64_t)facts[i] >> 8 * j);
        h = facet__checksum(h, bytes, sizeof(bytes));
    }
    return h;
}

/* An embedding as it is kept: as it is, or sealed with the person's key and bound to the row. */
struct kept { unsigned char bytes[FACET_MAX_EMBEDDING * 4 + FACET_VAULT_EXTRA]; size_t len; };

static void what_it_is(char out[128], const struct facet_template *t)
{
    snprintf(out, 128, "template:%lld:%s", (long long)t->created_ms, t->source_sha256);
}

static int close_up(struct facet__db *db, const struct facet_template *t, const float *embedding, struct kept *k)
{
    unsigned char plain[FACET_MAX_EMBEDDING * 4], wrapped[FACET_VAULT_WRAPPED];
    char what[128];
    k->len = (size_t)db->dim * 4;
    swap_if_big_endian(db->vault ? plain : k->bytes, (const unsigned char *)embedding, (size_t)db->dim);
    if (!db->vault)
        return FACET_OK;
    what_it_is(what, t);
    int err = facet__keys_ensure(db, db->vault, t->person, wrapped);
    if (!err)
        err = facet_vault_seal_with(db->vault, t->person, wrapped, what, plain, k->len, k->bytes);
    k->len += FACET_VAULT_EXTRA;
    explicit_bzero(plain, sizeof(plain));
    return err;
}

/* Under t->id, or the next one when that is 0. */
static int insert(struct facet__db *db, const struct facet_template *t, const float *embedding, int64_t *id)
{
    struct kept k;
    struct facet__query q;
    *id = 0;
    int err = close_up(db, t, embedding, &k);
    if (err)
        return err;
    facet__query_begin(&q, db, "add a template to",
                       t->id ? "INSERT INTO templates(person, embedding, quality, source, source_sha256, created_ms, checksum, id)"
                               " VALUES(?, ?, ?, ?, ?, ?, ?, ?) RETURNING id"
                             : "INSERT INTO templates(person, embedding, quality, source, source_sha256, created_ms, checksum)"
                               " VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id");
    facet__query_int(&q, t->person);
    facet__query_blob(&q, k.bytes, k.len);
    facet__query_num(&q, (double)t->quality);
    facet__query_text(&q, t->source);
    facet__query_text(&q, t->source_sha256);
    facet__query_int(&q, t->created_ms);
    facet__query_int(&q, (int64_t)row_checksum(k.bytes, k.len, t));
    if (t->id)
        facet__query_int(&q, t->id);
    *id = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    err = facet__query_run(&q);
    explicit_bzero(&k, sizeof(k));
    return err;
}

int facet__templates_add(struct facet__db *db, int64_t person, const float *embedding,
                         const struct facet_template *about, int64_t *id)
{
    struct facet_template t = *about;
    t.person = person;
    t.id = 0;
    return insert(db, &t, embedding, id);
}

int facet__templates_put(struct facet__db *db, const struct facet_template *t, const float *embedding)
{
    int64_t id;
    return insert(db, t, embedding, &id);
}

int facet__templates_rewrite(struct facet__db *db, const struct facet_template *t, const float *embedding)
{
    struct kept k;
    int err = close_up(db, t, embedding, &k);
    if (err)
        return err;
    struct facet__query q;
    facet__query_begin(&q, db, "write to", "UPDATE templates SET person = ?2, embedding = ?3, checksum = ?4 WHERE id = ?1");
    facet__query_int(&q, t->id);
    facet__query_int(&q, t->person);
    facet__query_blob(&q, k.bytes, k.len);
    facet__query_int(&q, (int64_t)row_checksum(k.bytes, k.len, t));
    err = facet__query_run(&q);
    explicit_bzero(&k, sizeof(k));
    return err;
}

#define COLUMNS "SELECT t.id, t.person, t.embedding, t.quality, t.source, t.source_sha256, t.created_ms, t.checksum, k.wrapped" \
                " FROM templates t LEFT JOIN keys k ON k.person = t.person "

static int damaged(const struct facet__query *q, int64_t id, const char *what)
{
    return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: %s template %lld", q->db->path, what, (long long)id);
}

/* The blob of a sealed row into the bytes of an embedding. */
static int open_up(struct facet__query *q, const struct facet_template *t, const unsigned char *blob, size_t len, unsigned char *plain)
{
    char what[128];
    size_t key_len;
    what_it_is(what, t);
    const void *key = facet__query_get_blob(q, 8, &key_len);
    if (q->err)
        return q->err;
    if (!key || key_len != FACET_VAULT_WRAPPED)
        return damaged(q, t->id, "there is no key to");
    int err = facet_vault_unseal_with(q->db->vault, t->person, key, what, blob, len, plain);
    return err ? facet_fail_prefix(FACET_E_STORE, "gallery '%s' is damaged in template %lld", q->db->path, (long long)t->id) : FACET_OK;
}

/* One row that was stepped to, doubted. */
static int read_row(struct facet__query *q, struct facet_template *t, float *embedding)
{
    size_t len, want = (size_t)q->db->dim * 4, extra = q->db->vault ? FACET_VAULT_EXTRA : 0;
    unsigned char plain[FACET_MAX_EMBEDDING * 4];
    memset(t, 0, sizeof(*t));
    t->id = facet__query_get_int(q, 0);
    t->person = facet__query_get_int(q, 1);
    t->quality = (float)facet__query_get_num(q, 3);
    facet__query_get_text(q, 4, t->source, sizeof(t->source));
    facet__query_get_text(q, 5, t->source_sha256, sizeof(t->source_sha256));
    t->created_ms = facet__query_get_int(q, 6);
    const unsigned char *blob = facet__query_get_blob(q, 2, &len);
    if (q->err)
        return q->err;
    if (!blob || len != want + extra)
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: template %lld has %zu bytes instead of %zu",
                          q->db->path, (long long)t->id, len, want + extra);
    if (row_checksum(blob, len, t) != (uint64_t)facet__query_get_int(q, 7))
        return damaged(q, t->id, "the checksum differs of");
    int err = extra ? open_up(q, t, blob, len, plain) : FACET_OK;
    if (err)
        return err;
    swap_if_big_endian((unsigned char *)embedding, extra ? plain : blob, (size_t)q->db->dim);
    explicit_bzero(plain, extra ? sizeof(plain) : 0);
    if (facet__check_embedding(embedding, q->db->dim))
        return facet_fail_prefix(FACET_E_STORE, "gallery '%s' is damaged in template %lld", q->db->path, (long long)t->id);
    return FACET_OK;
}

int facet__templates_after(struct facet__db *db, int64_t person, int64_t id, struct facet_template *out, float *embedding)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into",
                       person ? COLUMNS "WHERE t.id > ?1 AND t.person = ?2 ORDER BY t.id LIMIT 1"
                              : COLUMNS "WHERE t.id > ?1 ORDER BY t.id LIMIT 1");
    facet__query_int(&q, id);
    if (person)
        facet__query_int(&q, person);
    bool there = facet__query_row(&q);
    if (there)
        q.err = read_row(&q, out, embedding);
    int err = facet__query_end(&q);
    return err ? err : there ? FACET_OK : FACET_E_END;
}

int facet__templates_has(struct facet__db *db, int64_t person, const float *embedding, const char *sha256, bool *has)
{
    float there[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = 0 };
    struct facet__query q;
    int err = FACET_OK;
    *has = false;
    if (*sha256) {
        facet__query_begin(&q, db, "look into", "SELECT 1 FROM templates WHERE person = ? AND source_sha256 = ? AND source_sha256 <> ''");
        facet__query_int(&q, person);
        facet__query_text(&q, sha256);
        *has = facet__query_row(&q);
        return facet__query_end(&q);
    }
    while (!*has && !err) {
        err = facet__templates_after(db, person, t.id, &t, there);
        *has = !err && !memcmp(there, embedding, (size_t)db->dim * sizeof(*there));
    }
    explicit_bzero(there, sizeof(there));
    return err == FACET_E_END ? FACET_OK : err;
}

#define PAGE "4096"                    /* rows that a server hands over at a time */

/* In pages, so that the callback may ask the same connection, and a server's answer does not fill the memory. */
int facet__templates_each(struct facet__db *db, int64_t after, facet__row_fn *fn, void *ctx)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = after };
    bool is_more = true;
    int err = FACET_OK;
    while (!err && is_more) {
        struct facet__query q;
        is_more = false;
        facet__query_begin(&q, db, "read", COLUMNS "WHERE t.id > ? ORDER BY t.id LIMIT " PAGE);
        facet__query_int(&q, t.id);
        while (facet__query_row(&q)) {
            is_more = true;
            q.err = read_row(&q, &t, embedding);
            if (!q.err)
                q.err = fn(ctx, &t, embedding);
        }
        err = facet__query_end(&q);
    }
    explicit_bzero(embedding, sizeof(embedding));
    return err;
}

/* What `into` has already is dropped; the others are sealed with its key. */
int facet__templates_move(struct facet__db *db, int64_t from, int64_t into)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = 0 };
    struct facet__query q;
    facet__query_begin(&q, db, "merge people in",
                       "DELETE FROM templates WHERE person = ?1 AND source_sha256 <> '' AND source_sha256 IN"
                       " (SELECT source_sha256 FROM templates WHERE person = ?2)");
    facet__query_int(&q, from);
    facet__query_int(&q, into);
    int err = facet__query_run(&q);
    while (!err) {
        err = facet__templates_after(db, from, t.id, &t, embedding);
        t.person = into;
        if (!err)
            err = facet__templates_rewrite(db, &t, embedding);
    }
    explicit_bzero(embedding, sizeof(embedding));
    return err == FACET_E_END ? facet__keys_move(db, from, into) : err;
}

int facet__templates_delete(struct facet__db *db, int64_t id)
{
    struct facet__query q;
    facet__query_begin(&q, db, "delete a template from", "DELETE FROM templates WHERE id = ?");
    facet__query_int(&q, id);
    int err = facet__query_run(&q);
    if (!err && !q.changed)
        return facet_fail(FACET_E_NOT_FOUND, "there is no template %lld in gallery '%s'", (long long)id, db->path);
    return err;
}
