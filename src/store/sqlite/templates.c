/* Rows of templates. An embedding is stored as float32, little endian. The checksum covers what
 * never changes in a row: embedding, quality, source hash and time. */
#include "store/sqlite/db.h"

#include "base/errors.h"
#include "store/rules.h"

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

int facet__templates_add(struct facet__db *db, int64_t person, const float *embedding,
                         const struct facet_template *about, int64_t *id)
{
    unsigned char blob[FACET_MAX_EMBEDDING * 4];
    size_t len = (size_t)db->dim * 4;
    swap_if_big_endian(blob, (const unsigned char *)embedding, (size_t)db->dim);
    struct facet__query q;
    facet__query_begin(&q, db, "add a template to",
                       "INSERT INTO templates(person, embedding, quality, source, source_sha256, created_ms, checksum)"
                       " VALUES(?, ?, ?, ?, ?, ?, ?) RETURNING id");
    facet__query_int(&q, person);
    facet__query_blob(&q, blob, len);
    facet__query_num(&q, (double)about->quality);
    facet__query_text(&q, about->source);
    facet__query_text(&q, about->source_sha256);
    facet__query_int(&q, about->created_ms);
    facet__query_int(&q, (int64_t)row_checksum(blob, len, about));
    *id = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    int err = facet__query_run(&q);
    explicit_bzero(blob, sizeof(blob));
    return err;
}

int facet__templates_has(struct facet__db *db, int64_t person, const float *embedding, const char *sha256, bool *has)
{
    unsigned char blob[FACET_MAX_EMBEDDING * 4];
    swap_if_big_endian(blob, (const unsigned char *)embedding, (size_t)db->dim);
    struct facet__query q;
    facet__query_begin(&q, db, "look into",
                       *sha256 ? "SELECT 1 FROM templates WHERE person = ? AND source_sha256 = ? AND source_sha256 <> ''"
                               : "SELECT 1 FROM templates WHERE person = ? AND embedding = ?");
    facet__query_int(&q, person);
    if (*sha256)
        facet__query_text(&q, sha256);
    else
        facet__query_blob(&q, blob, (size_t)db->dim * 4);
    *has = facet__query_row(&q);
    explicit_bzero(blob, sizeof(blob));
    return facet__query_end(&q);
}

#define COLUMNS "SELECT id, person, embedding, quality, source, source_sha256, created_ms, checksum FROM templates "

/* One row that was stepped to, doubted. */
static int read_row(struct facet__query *q, struct facet_template *t, float *embedding)
{
    memset(t, 0, sizeof(*t));
    t->id = facet__query_get_int(q, 0);
    t->person = facet__query_get_int(q, 1);
    t->quality = (float)facet__query_get_num(q, 3);
    facet__query_get_text(q, 4, t->source, sizeof(t->source));
    facet__query_get_text(q, 5, t->source_sha256, sizeof(t->source_sha256));
    t->created_ms = facet__query_get_int(q, 6);
    size_t len;
    const unsigned char *blob = facet__query_get_blob(q, 2, &len);
    long long id = t->id;
    if (q->err)
        return q->err;
    if (!blob || len != (size_t)q->db->dim * 4)
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: template %lld has %zu bytes instead of %zu",
                          q->db->path, id, len, (size_t)q->db->dim * 4);
    if (row_checksum(blob, len, t) != (uint64_t)facet__query_get_int(q, 7))
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: the checksum of template %lld differs", q->db->path, id);
    swap_if_big_endian((unsigned char *)embedding, blob, (size_t)q->db->dim);
    if (facet__check_embedding(embedding, q->db->dim))
        return facet_fail_prefix(FACET_E_STORE, "gallery '%s' is damaged in template %lld", q->db->path, id);
    return FACET_OK;
}

int facet__templates_after(struct facet__db *db, int64_t person, int64_t id, struct facet_template *out, float *embedding)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into",
                       person ? COLUMNS "WHERE id > ?1 AND person = ?2 ORDER BY id LIMIT 1"
                              : COLUMNS "WHERE id > ?1 ORDER BY id LIMIT 1");
    facet__query_int(&q, id);
    if (person)
        facet__query_int(&q, person);
    bool there = facet__query_row(&q);
    if (there)
        q.err = read_row(&q, out, embedding);
    int err = facet__query_end(&q);
    return err ? err : there ? FACET_OK : FACET_E_END;
}

int facet__templates_each(struct facet__db *db, int64_t after, facet__row_fn *fn, void *ctx)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t;
    struct facet__query q;
    facet__query_begin(&q, db, "read", COLUMNS "WHERE id > ? ORDER BY id");
    facet__query_int(&q, after);
    while (facet__query_row(&q)) {
        q.err = read_row(&q, &t, embedding);
        if (!q.err)
            q.err = fn(ctx, &t, embedding);
    }
    explicit_bzero(embedding, sizeof(embedding));
    return facet__query_end(&q);
}

/* What `into` has already is dropped. */
int facet__templates_move(struct facet__db *db, int64_t from, int64_t into)
{
    static const char *const sql[] = {
        "DELETE FROM templates WHERE person = ?1 AND source_sha256 <> '' AND source_sha256 IN"
        " (SELECT source_sha256 FROM templates WHERE person = ?2)",
        "UPDATE templates SET person = ?2 WHERE person = ?1",
    };
    int err = FACET_OK;
    for (int i = 0; !err && i < 2; i++) {
        struct facet__query q;
        facet__query_begin(&q, db, "merge people in", sql[i]);
        facet__query_int(&q, from);
        facet__query_int(&q, into);
        err = facet__query_run(&q);
    }
    return err;
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
