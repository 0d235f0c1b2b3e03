/* The gallery's face: locks, transactions, people and templates.
 *
 * One SQLite connection under one lock for what is written and listed. The index that follows it is
 * gallery_index.c's, searching gallery_search.c's. */
#include "store/gallery_priv.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/log.h"
#include "base/str.h"
#include "store/rules.h"
#include "store/sealing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_ROWS 20000               /* templates from which on reading them takes longer than mapping */

/* --- changes --- */

int facet__change_begin(struct facet__change *c, struct facet_gallery *g, const char *what)
{
    *c = (struct facet__change){ .g = g, .what = what };
    facet_lock_take(&g->writing);
    uint64_t version = 0;
    int err = facet__db_begin(&g->db, what);
    if (!err)
        err = facet__db_version(&g->db, &version);
    c->is_followed = !err && version == atomic_load(&g->version) && !atomic_load(&g->is_stale);
    return err;
}

int facet__change_end(struct facet__change *c, int err, struct facet_index **next)
{
    struct facet_gallery *g = c->g;
    if (!err)
        err = facet__db_bump(&g->db);
    if (!err)
        err = c->only_adds ? facet__db_index_follows(&g->db) : facet__db_index_ends(&g->db);
    if (!err)
        err = facet__db_notify(&g->db, "facet_gallery");
    if (!err)
        err = facet__db_commit(&g->db, c->what);
    if (!err && !c->only_adds)
        err = facet__gallery_erase_index(g);
    if (err)
        facet__db_rollback(&g->db);
    else if (next && *next && c->is_followed)
        facet__gallery_swap_index(g, next, atomic_load(&g->version) + 1);
    else
        (void)facet__gallery_reload(g); /* the change stands; a failure here is met again by the next search */
    if (next)
        facet_index_unref(next);
    facet_lock_give(&g->writing);
    return err;
}

/* --- opening --- */

static int open_locks(struct facet_gallery *g)
{
    int err = facet_lock_init(&g->writing);
    g->has_writing = !err;
    if (!err)
        err = facet_lock_init(&g->swapping);
    g->has_swapping = !err;
    return err;
}

/* --- sealing --- */

static int find_vault(struct facet_gallery *g, const struct facet_gallery_opts *o)
{
    g->vault = o->vault;
    if (g->vault || !facet_vault_is_configured(NULL))
        return FACET_OK;
    int err = facet_vault_open(&g->own_vault, &(struct facet_vault_opts){ .key = NULL });
    g->vault = g->own_vault;
    return err;
}

static int seal_all(struct facet_gallery *g)
{
    int err = facet__db_begin(&g->db, "seal");
    if (!err)
        err = facet__db_seal(&g->db, g->vault);
    if (!err)
        err = facet__db_commit(&g->db, "seal");
    if (err) {
        facet__db_rollback(&g->db);
        g->db.vault = NULL;
        return err;
    }
    err = facet__gallery_erase_index(g);
    return err ? err : facet__db_compact(&g->db, "seal");
}

/* Keys that the vault asks for. */
static int keep_key(void *ctx, int64_t person, bool make, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    struct facet_gallery *g = ctx;
    struct facet_person p;
    facet_lock_take(&g->writing);
    int err = facet__keys_get(&g->db, person, wrapped);
    if (err == FACET_E_NOT_FOUND && make && !g->db.read_only && g->db.vault) {
        err = facet__db_begin(&g->db, "add a key to");
        if (!err)
            err = facet__people_find_id(&g->db, person, &p);
        if (!err)
            err = facet__keys_ensure(&g->db, g->vault, person, wrapped);
        if (!err)
            err = facet__db_commit(&g->db, "add a key to");
        if (err)
            facet__db_rollback(&g->db);
    }
    facet_lock_give(&g->writing);
    return err;
}

static int open_sealing(struct facet_gallery *g)
{
    bool was_plain = false;
    int err = facet__sealing_begin(&g->db, g->vault, &was_plain);
    if (!err && was_plain)
        err = seal_all(g);
    if (!err && g->db.vault)
        err = facet_vault_keep(g->vault, &(struct facet_vault_keeper){ keep_key, g });
    return err;
}

static int refresh(void *ctx)
{
    int err = facet_gallery_refresh(ctx);
    if (err)
        facet_log(FACET_LOG_WARN, "store", "what another server changed could not be read: %s", facet_error_text());
    return err;
}

int facet_gallery_open(struct facet_gallery **out, const struct facet_gallery_opts *o)
{
    struct facet_gallery *g = calloc(1, sizeof(*g));
    int err = g ? FACET_OK : facet_fail_nomem();
    if (!err) {
        g->int8 = o->int8;
        g->index_rows = o->index_rows < 0 ? SIZE_MAX : o->index_rows ? (size_t)o->index_rows : INDEX_ROWS;
        g->cpu_flags = facet_cpu_flags(NULL);
        err = open_locks(g);
    }
    if (!err)
        err = find_vault(g, o);
    if (!err)
        err = facet__schema_open(&g->db, o);
    if (!err)
        err = open_sealing(g);
    if (!err)
        err = facet__gallery_reload(g);
    if (!err)
        facet__gallery_keep_index(g);
    if (!err)
        err = facet__watch_open(&g->watch, &g->db, "facet_gallery", refresh, g);
    if (err)
        facet_gallery_close(&g);
    *out = g;
    return err;
}

void facet_gallery_close(struct facet_gallery **pg)
{
    struct facet_gallery *g = *pg;
    *pg = NULL;
    if (!g)
        return;
    facet__watch_close(&g->watch);
    if (g->vault)
        facet_vault_unkeep(g->vault, g);
    facet__db_close(&g->db);
    facet_vault_close(&g->own_vault);
    facet_index_unref(&g->index);
    if (g->has_swapping)
        facet_lock_fini(&g->swapping);
    if (g->has_writing)
        facet_lock_fini(&g->writing);
    free(g);
}

const char *facet_gallery_path(const struct facet_gallery *g)
{
    return g->db.path;
}

const char *facet_gallery_contract(const struct facet_gallery *g)
{
    return g->db.contract;
}

int facet_gallery_dim(const struct facet_gallery *g)
{
    return g->db.dim;
}

uint64_t facet_gallery_version(const struct facet_gallery *g)
{
    return atomic_load(&g->version);
}

int facet_gallery_info(struct facet_gallery *g, struct facet_gallery_info *out)
{
    memset(out, 0, sizeof(*out));
    memcpy(out->contract, g->db.contract, sizeof(out->contract));
    memcpy(out->model, g->db.model, sizeof(out->model));
    out->dim = g->db.dim;
    out->schema = g->db.schema;
    out->is_sealed = g->db.is_sealed;
    struct stat st;
    if (g->db.is_file && !stat(g->db.path, &st))
        out->file_bytes = st.st_size;
    facet_lock_take(&g->writing);
    int err = facet__people_count(&g->db, &out->people, &out->templates);
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_check(struct facet_gallery *g)
{
    facet_lock_take(&g->writing);
    int err = facet__db_check(&g->db);
    if (!err && !g->db.read_only)
        err = facet__db_flush(&g->db, "check");
    facet_lock_give(&g->writing);
    return err;
}

/* --- people --- */

int facet_gallery_person(struct facet_gallery *g, const char *name, struct facet_person *out)
{
    facet_lock_take(&g->writing);
    int err = facet__people_find(&g->db, name, out);
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_person_by_id(struct facet_gallery *g, int64_t id, struct facet_person *out)
{
    facet_lock_take(&g->writing);
    int err = facet__people_find_id(&g->db, id, out);
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_people(struct facet_gallery *g, facet_person_fn *fn, void *ctx)
{
    struct facet_person p = { .name = "" };
    for (;;) {
        facet_lock_take(&g->writing);
        int err = facet__people_after(&g->db, p.name, &p);
        facet_lock_give(&g->writing);
        if (!err)
            err = fn(ctx, &p);
        if (err)
            return err == FACET_E_END ? FACET_OK : err;
    }
}

static int refuse_taken(struct facet__db *db, const char *name)
{
    struct facet_person there;
    int err = facet__people_find(db, name, &there);
    if (err == FACET_E_NOT_FOUND)
        return FACET_OK;
    return err ? err : facet_fail(FACET_E_EXISTS, "there is somebody named '%s' already: merge them, or choose another name", name);
}

int facet_gallery_rename(struct facet_gallery *g, const char *from, const char *to)
{
    int err = facet__check_name(to);
    if (err)
        return err;
    struct facet__change c;
    struct facet_person p;
    err = facet__change_begin(&c, g, "rename a person in");
    if (!err)
        err = facet__people_find(&g->db, from, &p);
    if (!err)
        err = refuse_taken(&g->db, to);
    if (!err)
        err = facet__people_rename(&g->db, p.id, to);
    return facet__change_end(&c, err, NULL);
}

int facet_gallery_merge(struct facet_gallery *g, const char *into, const char *from)
{
    struct facet__change c;
    struct facet_person a, b;
    if (!strcmp(into, from))
        return facet_fail(FACET_E_INVALID, "cannot merge '%s' with itself", into);
    int err = facet__change_begin(&c, g, "merge people in");
    if (!err)
        err = facet__people_find(&g->db, into, &a);
    if (!err)
        err = facet__people_find(&g->db, from, &b);
    if (!err)
        err = facet__templates_move(&g->db, b.id, a.id);
    if (!err)
        err = facet__people_delete(&g->db, b.id);
    return facet__change_end(&c, err, NULL);
}

/* After a deletion: the log still holds old pages. */
static int flush_log(struct facet_gallery *g, int err)
{
    if (err)
        return err;
    facet_lock_take(&g->writing);
    err = facet__db_flush(&g->db, "delete from");
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_delete(struct facet_gallery *g, const char *name)
{
    struct facet__change c;
    struct facet_person p;
    int err = facet__change_begin(&c, g, "delete a person from");
    if (!err)
        err = facet__people_find(&g->db, name, &p);
    if (!err)
        err = facet__people_delete(&g->db, p.id);
    if (!err)
        err = facet__blob_delete_all(&g->db);
    return flush_log(g, facet__change_end(&c, err, NULL));
}

int facet_gallery_former_ids(struct facet_gallery *g, int64_t person, int64_t *ids, int cap, int *n)
{
    facet_lock_take(&g->writing);
    int err = facet__keys_of(&g->db, person, ids, cap, n);
    facet_lock_give(&g->writing);
    return err;
}

/* --- templates --- */

static int check_about(const struct facet_template *t)
{
    if (!isfinite(t->quality) || t->quality < 0 || t->quality > 1)
        return facet_fail(FACET_E_INVALID, "a template's quality is not within 0 and 1");
    if (*t->source_sha256 && !facet__is_sha256(t->source_sha256))
        return facet_fail(FACET_E_INVALID, "a template's source hash is not 64 hexadecimal digits");
    return FACET_OK;
}

int facet__gallery_check_dim(const struct facet_gallery *g, int dim)
{
    if (dim != g->db.dim)
        return facet_fail(FACET_E_CONTRACT, "gallery '%s' holds embeddings of %d numbers, not of %d", g->db.path,
                          g->db.dim, dim);
    return FACET_OK;
}

static int find_or_add(struct facet__db *db, const char *name, int64_t now_ms, int64_t *id, bool *is_new)
{
    struct facet_person p = { .id = 0 };
    int err = facet__people_find(db, name, &p);
    *is_new = err == FACET_E_NOT_FOUND;
    *id = p.id;
    return *is_new ? facet__people_add(db, name, "", now_ms, id) : err;
}

static int add_row(struct facet__db *db, int64_t person, const char *name, const float *embedding,
                   const struct facet_template *about, int64_t *id)
{
    bool has = false;
    int err = *about->source_sha256 ? facet__templates_has(db, person, embedding, about->source_sha256, &has) : FACET_OK;
    if (!err && has)
        err = facet_fail(FACET_E_EXISTS, "'%s' is enrolled with this very picture already", name);
    return err ? err : facet__templates_add(db, person, embedding, about, id);
}

static int follow(struct facet_gallery *g, struct facet_index **next, const char *name, bool is_new,
                  const struct facet_template *t, const float *embedding)
{
    int err = facet_index_fork(next, g->index); /* only writers change the pointer, and we are the writer */
    if (!err && is_new)
        err = facet_index_add_person(*next, t->person, name);
    return err ? err : facet_index_add_row(*next, t->person, t->id, t->quality, embedding);
}

int facet_gallery_add(struct facet_gallery *g, const char *name, const float *embedding, int dim,
                      const struct facet_template *about, int64_t *template_id)
{
    struct facet_template t = about ? *about : (struct facet_template){ .quality = 0 };
    t.source[sizeof(t.source) - 1] = t.source_sha256[sizeof(t.source_sha256) - 1] = '\0';
    t.created_ms = t.created_ms ? t.created_ms : facet_clock_system.wall_ms(facet_clock_system.ctx);
    int err = facet__check_name(name);
    if (!err)
        err = facet__gallery_check_dim(g, dim);
    if (!err)
        err = facet__check_embedding(embedding, dim);
    if (!err)
        err = check_about(&t);
    if (err)
        return err;
    struct facet__change c;
    struct facet_index *next = NULL;
    bool is_new = false;
    err = facet__change_begin(&c, g, "add a template to");
    c.only_adds = true;
    if (!err)
        err = find_or_add(&g->db, name, t.created_ms, &t.person, &is_new);
    if (!err)
        err = add_row(&g->db, t.person, name, embedding, &t, &t.id);
    if (!err && c.is_followed)
        err = follow(g, &next, name, is_new, &t, embedding);
    err = facet__change_end(&c, err, &next);
    if (!err && template_id)
        *template_id = t.id;
    return err;
}

int facet_gallery_has_source(struct facet_gallery *g, const char *name, const char *source_sha256, bool *has)
{
    float unused[FACET_MAX_EMBEDDING] = { 0 };
    struct facet_person p;
    *has = false;
    if (!facet__is_sha256(source_sha256))
        return facet_fail(FACET_E_INVALID, "a source hash is 64 hexadecimal digits");
    facet_lock_take(&g->writing);
    int err = facet__people_find(&g->db, name, &p);
    if (!err)
        err = facet__templates_has(&g->db, p.id, unused, source_sha256, has);
    facet_lock_give(&g->writing);
    return err == FACET_E_NOT_FOUND ? FACET_OK : err;
}

int facet_gallery_templates(struct facet_gallery *g, const char *name, facet_template_fn *fn, void *ctx)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_person p = { .id = 0 };
    struct facet_template t = { .id = 0 };
    int err = name ? facet_gallery_person(g, name, &p) : FACET_OK;
    while (!err) {
        facet_lock_take(&g->writing);
        err = facet__templates_after(&g->db, p.id, t.id, &t, embedding);
        facet_lock_give(&g->writing);
        if (!err)
            err = fn(ctx, &t, embedding);
    }
    explicit_bzero(embedding, sizeof(embedding));
    return err == FACET_E_END ? FACET_OK : err;
}

int facet_gallery_delete_template(struct facet_gallery *g, int64_t id)
{
    struct facet__change c;
    int err = facet__change_begin(&c, g, "delete a template from");
    if (!err)
        err = facet__templates_delete(&g->db, id);
    if (!err)
        err = facet__blob_delete_all(&g->db);
    return flush_log(g, facet__change_end(&c, err, NULL));
}

/* --- blobs --- */

int facet_gallery_blob_put(struct facet_gallery *g, const char *key, const void *data, size_t len)
{
    facet_lock_take(&g->writing);
    int err = facet__db_begin(&g->db, "write to");
    if (!err)
        err = facet__blob_put(&g->db, key, data, len);
    if (!err)
        err = facet__db_commit(&g->db, "write to");
    if (err)
        facet__db_rollback(&g->db);
    facet_lock_give(&g->writing);
    return err;
}

int facet_gallery_blob_get(struct facet_gallery *g, const char *key, void **data, size_t *len, uint64_t *people_version)
{
    facet_lock_take(&g->writing);
    int err = facet__blob_get(&g->db, key, data, len, people_version);
    facet_lock_give(&g->writing);
    return err;
}
