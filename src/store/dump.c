/* A gallery as bytes, numbers little endian:
 *
 *     "FCTD" 1  version  dim  people  templates  contract[64]  model
 *     each person:    id  created_ms  name  note
 *     each template:  id  person  created_ms  quality  source  source_sha256  embedding[dim]
 *
 * Text has two bytes of length in front. Sealed, all of it is one sealed text with "FCTS" in front, so that the two are never
 * taken for each other. */
#include "store/gallery_priv.h"

#include "base/errors.h"
#include "base/str.h"
#include "store/rules.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define LARGEST ((size_t)2 << 30)
#define WHAT "gallery dump"

/* --- out --- */

static void put_int(struct facet_str *s, uint64_t v, int bytes)
{
    unsigned char b[8];
    for (int i = 0; i < bytes; i++)
        b[i] = (unsigned char)(v >> 8 * i);
    facet_str_append(s, b, (size_t)bytes);
}

static void put_float(struct facet_str *s, float f)
{
    uint32_t v;
    memcpy(&v, &f, 4);
    put_int(s, v, 4);
}

static void put_text(struct facet_str *s, const char *text)
{
    put_int(s, strlen(text), 2);
    facet_str_append(s, text, strlen(text));
}

struct dumper { struct facet__db *db; struct facet_str text; };

static int put_people(struct dumper *d)
{
    struct facet_person p = { .name = "" };
    for (;;) {
        int err = facet__people_after(d->db, p.name, &p);
        if (err)
            return err == FACET_E_END ? d->text.err : err;
        put_int(&d->text, (uint64_t)p.id, 8);
        put_int(&d->text, (uint64_t)p.created_ms, 8);
        put_text(&d->text, p.name);
        put_text(&d->text, p.note);
    }
}

static int put_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct dumper *d = ctx;
    put_int(&d->text, (uint64_t)t->id, 8);
    put_int(&d->text, (uint64_t)t->person, 8);
    put_int(&d->text, (uint64_t)t->created_ms, 8);
    put_float(&d->text, t->quality);
    put_text(&d->text, t->source);
    put_text(&d->text, t->source_sha256);
    for (int i = 0; i < d->db->dim; i++)
        put_float(&d->text, embedding[i]);
    return d->text.err ? facet_fail(d->text.err, "cannot dump gallery '%s': it is too large", d->db->path) : FACET_OK;
}

static int put_all(struct dumper *d, uint64_t *version)
{
    int64_t people = 0, templates = 0;
    int err = facet__db_version(d->db, version);
    if (!err)
        err = facet__people_count(d->db, &people, &templates);
    if (err)
        return err;
    facet_str_append(&d->text, "FCTD", 4);
    put_int(&d->text, FORMAT, 4);
    put_int(&d->text, *version, 8);
    put_int(&d->text, (uint64_t)d->db->dim, 4);
    put_int(&d->text, (uint64_t)people, 8);
    put_int(&d->text, (uint64_t)templates, 8);
    facet_str_append(&d->text, d->db->contract, 64);
    put_text(&d->text, d->db->model);
    err = put_people(d);
    return err ? err : facet__templates_each(d->db, 0, put_template, d);
}

static int seal_dump(struct facet_vault *v, const struct facet_str *text, void **out, size_t *len)
{
    void *sealed = NULL;
    size_t n = 0;
    int err = facet_vault_seal(v, FACET_VAULT_ANYONE, WHAT, text->data, text->len, &sealed, &n);
    char *all = err ? NULL : malloc(n + 4);
    if (!err && !all)
        err = facet_fail_nomem();
    if (!err) {
        memcpy(all, "FCTS", 4);
        memcpy(all + 4, sealed, n);
        *out = all;
        *len = n + 4;
    }
    free(sealed);
    return err;
}

int facet_gallery_dump(struct facet_gallery *g, struct facet_vault *v, void **out, size_t *len, uint64_t *version)
{
    struct dumper d = { .db = &g->db, .text = { .max = LARGEST } };
    uint64_t at = 0;
    *out = NULL;
    *len = 0;
    facet_lock_take(&g->writing);
    int err = facet__db_begin_read(&g->db, "dump");
    if (!err)
        err = put_all(&d, &at);
    facet__db_rollback(&g->db);
    facet_lock_give(&g->writing);
    if (!err && v)
        err = seal_dump(v, &d.text, out, len);
    if (!err && !v) {
        *len = d.text.len;
        *out = facet_str_take(&d.text);
    }
    if (d.text.data)
        explicit_bzero(d.text.data, d.text.cap);
    facet_str_fini(&d.text);
    if (version)
        *version = err ? 0 : at;
    return err;
}

/* --- in --- */

struct loader { struct facet_gallery *g; const unsigned char *at, *end; bool is_short; };

static uint64_t get_int(struct loader *l, int bytes)
{
    uint64_t v = 0;
    if (l->end - l->at < bytes) {
        l->is_short = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        v |= (uint64_t)*l->at++ << 8 * i;
    return v;
}

static float get_float(struct loader *l)
{
    uint32_t v = (uint32_t)get_int(l, 4);
    float f;
    memcpy(&f, &v, 4);
    return f;
}

static void get_bytes(struct loader *l, char *out, size_t len, size_t cap)
{
    *out = '\0';
    if ((size_t)(l->end - l->at) < len || len >= cap) {
        l->is_short = true;
        return;
    }
    memcpy(out, l->at, len);
    out[len] = '\0';
    l->at += len;
}

static void get_text(struct loader *l, char *out, size_t cap)
{
    get_bytes(l, out, (size_t)get_int(l, 2), cap);
}

static int refuse(const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot load the gallery that came: %s", what);
}

struct head { uint64_t version, people, templates; };

static int get_head(struct loader *l, struct head *h)
{
    char magic[5], contract[65], model[FACET_MAX_NAME];
    const struct facet__db *db = &l->g->db;
    get_bytes(l, magic, 4, sizeof(magic));
    if (strcmp(magic, "FCTD") != 0)
        return refuse("it is none");
    if (get_int(l, 4) != FORMAT)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot load the gallery that came: another version of facet wrote it");
    h->version = get_int(l, 8);
    uint64_t dim = get_int(l, 4);
    h->people = get_int(l, 8);
    h->templates = get_int(l, 8);
    get_bytes(l, contract, 64, sizeof(contract));
    get_text(l, model, sizeof(model));
    if (l->is_short)
        return refuse("it is cut off");
    if (strcmp(contract, db->contract) != 0 || dim != (uint64_t)db->dim)
        return facet_fail(FACET_E_CONTRACT, "cannot load the gallery that came: it holds embeddings of '%s', this one those of '%s'",
                          model, db->model);
    return FACET_OK;
}

static int get_person(struct loader *l)
{
    struct facet_person p = { .id = (int64_t)get_int(l, 8) };
    p.created_ms = (int64_t)get_int(l, 8);
    get_text(l, p.name, sizeof(p.name));
    get_text(l, p.note, sizeof(p.note));
    if (l->is_short || p.id <= 0)
        return refuse("it is cut off, or a person has no number");
    int err = facet__check_name(p.name);
    return err ? err : facet__people_put(&l->g->db, &p);
}

static int get_template(struct loader *l)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = (int64_t)get_int(l, 8) };
    t.person = (int64_t)get_int(l, 8);
    t.created_ms = (int64_t)get_int(l, 8);
    t.quality = get_float(l);
    get_text(l, t.source, sizeof(t.source));
    get_text(l, t.source_sha256, sizeof(t.source_sha256));
    for (int i = 0; i < l->g->db.dim; i++)
        embedding[i] = get_float(l);
    if (l->is_short || t.id <= 0 || t.person <= 0 || !(t.quality >= 0 && t.quality <= 1) ||
        (*t.source_sha256 && !facet__is_sha256(t.source_sha256)))
        return refuse("it is cut off, or a template makes no sense");
    int err = facet__check_embedding(embedding, l->g->db.dim);
    if (!err)
        err = facet__templates_put(&l->g->db, &t, embedding);
    explicit_bzero(embedding, sizeof(embedding));
    return err;
}

/* Keys stay with those who stay: what was sealed for them still opens. */
static int destroy_unused_keys(struct facet__db *db)
{
    for (;;) {
        struct facet__query q;
        facet__query_begin(&q, db, "delete a key from",
                           "SELECT owner FROM keys WHERE owner NOT IN (SELECT id FROM people) ORDER BY owner LIMIT 1");
        bool there = facet__query_row(&q);
        int64_t owner = there ? facet__query_get_int(&q, 0) : 0;
        int err = facet__query_end(&q);
        if (!err && there)
            err = facet__keys_destroy(db, owner);
        if (err || !there)
            return err;
    }
}

static int load_all(struct loader *l, uint64_t *version)
{
    struct facet__db *db = &l->g->db;
    struct head h = { .version = 0 };
    char text[24];
    int err = get_head(l, &h);
    if (!err)
        err = facet__db_exec(db, "DELETE FROM templates; DELETE FROM people", "load into");
    if (!err)
        err = facet__blob_delete_all(db);
    for (uint64_t i = 0; !err && i < h.people; i++)
        err = get_person(l);
    for (uint64_t i = 0; !err && i < h.templates; i++)
        err = get_template(l);
    if (!err && l->at != l->end)
        err = refuse("it has more than it says");
    if (!err)
        err = destroy_unused_keys(db);
    if (err)
        return err;
    *version = h.version;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)h.version);
    return facet__meta_put(db, "dump_version", text);
}

static int load_plain(struct facet_gallery *g, const void *data, size_t len, uint64_t *version)
{
    struct loader l = { .g = g, .at = data, .end = (const unsigned char *)data + len };
    struct facet__change c;
    uint64_t at = 0;
    int err = facet__change_begin(&c, g, "load into");
    if (!err)
        err = load_all(&l, &at);
    err = facet__change_end(&c, err, NULL);
    if (err)
        return err;
    if (version)
        *version = at;
    facet_lock_take(&g->writing);
    int flushed = facet__db_flush(&g->db, "load into");
    facet_lock_give(&g->writing);
    return flushed == FACET_E_STORE ? FACET_OK : flushed; /* somebody reads: the log is emptied the next time */
}

int facet_gallery_load_dump(struct facet_gallery *g, struct facet_vault *v, const void *data, size_t len, uint64_t *version)
{
    void *plain = NULL;
    size_t n = 0;
    bool is_sealed = len >= 4 && !memcmp(data, "FCTS", 4);
    if (is_sealed != (v != NULL))
        return facet_fail(FACET_E_PERMISSION, is_sealed ? "cannot load the gallery that came: it is sealed, and there is no site key here"
                                                        : "cannot load the gallery that came: it is not sealed with the site key");
    if (!v)
        return load_plain(g, data, len, version);
    int err = facet_vault_open_sealed(v, FACET_VAULT_ANYONE, WHAT, (const char *)data + 4, len - 4, &plain, &n);
    if (err == FACET_E_FORMAT)
        return facet_fail(FACET_E_PERMISSION, "cannot load the gallery that came: it is sealed with another site key than the one from %s, "
                          "or was changed", facet_vault_origin(v));
    if (!err)
        err = load_plain(g, plain, n, version);
    if (plain)
        explicit_bzero(plain, n);
    free(plain);
    return err;
}

int facet_gallery_dump_version(struct facet_gallery *g, uint64_t *version)
{
    char text[24];
    bool is_there = false;
    facet_lock_take(&g->writing);
    int err = facet__meta_get(&g->db, "dump_version", text, sizeof(text), &is_there);
    facet_lock_give(&g->writing);
    *version = !err && is_there ? strtoull(text, NULL, 10) : 0;
    return err;
}
