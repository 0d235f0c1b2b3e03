#include "store/erase.h"

#include "base/errors.h"
#include "base/file.h"
#include "store/events_priv.h"
#include "store/gallery_priv.h"
#include "store/remains.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART 48                        /* bytes of a template that are looked for, from two places */
#define FORMER 64                      /* ids that were merged into one person */
#define DEVICE "device:"

/* --- what the person is known by --- */

struct known { struct facet__remains *r; const struct facet_gallery *g; };

static int add_template(struct facet__remains *r, const struct facet_template *t, const float *embedding, int dim)
{
    size_t len = (size_t)dim * sizeof(*embedding), part = len < PART ? len : PART;
    const unsigned char *bytes = (const unsigned char *)embedding;
    int err = facet__remains_add(r, "template", bytes, part);
    if (!err)
        err = facet__remains_add(r, "template", bytes + len - part, part);
    return err || !*t->source_sha256 ? err : facet__remains_add(r, "hash of a picture", t->source_sha256, strlen(t->source_sha256));
}

static int add_template_row(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct known *k = ctx;
    return add_template(k->r, t, embedding, k->g->db.dim);
}

/* Sealed templates as they are kept: without the key they tell nothing, but they are to be gone, too. */
static int add_kept_templates(struct facet__remains *r, struct facet_gallery *g, int64_t person)
{
    struct facet__query q;
    facet_lock_take(&g->writing);
    facet__query_begin(&q, &g->db, "read", "SELECT embedding FROM templates WHERE person = ?");
    facet__query_int(&q, person);
    while (facet__query_row(&q)) {
        size_t len;
        const unsigned char *bytes = facet__query_get_blob(&q, 0, &len);
        if (!q.err && len >= 2 * PART)
            q.err = facet__remains_add(r, "template as kept", bytes + len / 2, PART);
    }
    int err = facet__query_end(&q);
    facet_lock_give(&g->writing);
    return err;
}

static int add_key(struct facet__remains *r, struct facet_gallery *g, int64_t person)
{
    unsigned char wrapped[FACET_VAULT_WRAPPED], key[32];
    facet_lock_take(&g->writing);
    int err = facet__keys_get(&g->db, person, wrapped);
    facet_lock_give(&g->writing);
    if (err)
        return err == FACET_E_NOT_FOUND ? FACET_OK : err;
    err = facet__remains_add(r, "wrapped key", wrapped, sizeof(wrapped));
    if (!err && g->vault && !facet_vault_unwrap(g->vault, person, wrapped, key))
        err = facet__remains_add(r, "key", key, sizeof(key));
    explicit_bzero(key, sizeof(key));
    return err;
}

static int add_person(struct facet__remains *r, struct facet_gallery *g, const char *name, const int64_t *ids, int n)
{
    int err = add_kept_templates(r, g, ids[0]);
    struct known k = { r, g };
    if (!err)
        err = facet_gallery_templates(g, name, add_template_row, &k);
    for (int i = 0; !err && i < n; i++)
        err = add_key(r, g, ids[i]);
    return err;
}

static int add_other(void *ctx, const struct facet_person *p)
{
    struct facet__remains *r = ctx;
    return strcmp(p->name, r->name) != 0 && strstr(p->name, r->name) ? facet__remains_except(r, p->name) : FACET_OK;
}

static int add_name(struct facet__remains *r, const struct facet_erasing *w, const char *name)
{
    unsigned char hash[FACET_VAULT_HASH];
    struct facet_vault *v = w->vault ? w->vault : w->gallery->vault;
    int err = facet__remains_add(r, "name", name, strlen(name));
    if (!err && v) {
        facet_vault_hash(v, "events: name", name, hash);
        err = facet__remains_add(r, "hash of the name", hash, sizeof(hash) / 2);
    }
    return err ? err : facet_gallery_people(w->gallery, add_other, r);
}

/* --- forgetting --- */

static int drop_trained(struct facet_gallery *g, bool *had)
{
    struct facet__query q;
    facet_lock_take(&g->writing);
    facet__query_begin(&q, &g->db, "read", "SELECT count(*) FROM blobs");
    *had = facet__query_row(&q) && facet__query_get_int(&q, 0) > 0;
    int err = facet__query_end(&q);
    facet_lock_give(&g->writing);
    return err;
}

static int compact(struct facet_gallery *g)
{
    facet_lock_take(&g->writing);
    int err = facet__db_compact(&g->db, "delete from");
    if (!err && g->db.pg)
        facet__server_log_end(&g->db);
    facet_lock_give(&g->writing);
    return err;
}

/* The events are on a server whose log is not the gallery's, too. */
static bool has_log_apart(const struct facet_erasing *w)
{
    return w->events && w->events->db.pg && strcmp(w->events->db.path, w->gallery->db.path) != 0;
}

static void end_log_of_events(const struct facet_erasing *w)
{
    struct facet_events *e = w->events;
    if (!has_log_apart(w))
        return;
    facet_lock_take(&e->lock);
    facet__server_log_end(&e->db);
    facet_lock_give(&e->lock);
}

/* Events first, while the person's key still opens them: what is left of each is kept. */
static int forget(const struct facet_erasing *w, const char *name, const int64_t *ids, int n, struct facet_erase_report *o)
{
    int err = FACET_OK;
    for (int i = 0; !err && w->events && i < n; i++) {
        int64_t events = 0, snapshots = 0;
        err = facet_events_erase(w->events, ids[i], i ? NULL : name, &events, &snapshots);
        o->events += events;
        o->snapshots += snapshots;
    }
    for (int i = 0; !err && i < w->n_spools; i++) {
        int64_t removed = 0;
        err = facet_spool_erase(w->spools[i], name, &removed);
        o->spooled += removed;
    }
    if (!err && o->was_known)
        err = drop_trained(w->gallery, &o->had_trained);
    if (!err && o->was_known)
        err = facet_gallery_delete(w->gallery, name);
    if (!err && !w->gallery->db.read_only)
        err = compact(w->gallery);
    if (!err)
        end_log_of_events(w);
    return err;
}

/* --- the proof --- */

typedef int look_fn(struct facet__remains *r, struct facet__db *db);

static int look_locked(struct facet__remains *r, struct facet_lock *lock, struct facet__db *db, look_fn *look)
{
    facet_lock_take(lock);
    int err = look(r, db);
    facet_lock_give(lock);
    return err;
}

/* A server's log is looked at once, though both stores are in one database. */
static int look_at_logs(struct facet__remains *r, const struct facet_erasing *w)
{
    struct facet_gallery *g = w->gallery;
    struct facet_events *e = w->events;
    int err = g->db.pg ? look_locked(r, &g->writing, &g->db, facet__remains_in_log) : FACET_OK;
    return err || !has_log_apart(w) ? err : look_locked(r, &e->lock, &e->db, facet__remains_in_log);
}

static int look_at_stores(struct facet__remains *r, const struct facet_erasing *w)
{
    struct facet_gallery *g = w->gallery;
    struct facet_events *e = w->events;
    int err = FACET_OK;
    if (g->db.is_file)
        err = facet__remains_in_store(r, g->db.path);
    else if (g->db.pg)
        err = look_locked(r, &g->writing, &g->db, facet__remains_in_tables);
    if (err || !e)
        return err;
    return e->db.pg ? look_locked(r, &e->lock, &e->db, facet__remains_in_tables) : facet__remains_in_store(r, e->db.path);
}

static int look_everywhere(struct facet__remains *r, const struct facet_erasing *w)
{
    int err = look_at_stores(r, w);
    for (int i = 0; !err && i < w->n_spools; i++)
        err = facet__remains_in_store(r, w->spool_paths[i]);
    for (int i = 0; !err && i < w->n_places; i++)
        err = facet__remains_in_place(r, w->places[i]);
    return err ? err : look_at_logs(r, w);
}

static int add_device(void *ctx, const char *device, uint64_t version)
{
    struct facet_erase_report *o = ctx;
    if (version < (uint64_t)o->version && o->n_devices < FACET_ERASE_DEVICES)
        snprintf(o->devices[o->n_devices++], sizeof(o->devices[0]), "%s", device);
    return FACET_OK;
}

static int prove(struct facet__remains *r, const struct facet_erasing *w)
{
    struct facet_erase_report *o = r->report;
    o->searched_for = r->n;
    int err = look_everywhere(r, w);
    if (!err && w->events)
        err = facet_devices_each(w->events, add_device, o);
    o->is_verified = !err && !o->n_found;
    return err;
}

int facet_erase_person(const struct facet_erasing *w, const char *name, struct facet_erase_report *out)
{
    struct facet__remains r = { .name = name, .report = out };
    struct facet_person p = { .id = 0 };
    int64_t ids[FORMER + 1] = { 0 };
    int former = 0;
    memset(out, 0, sizeof(*out));
    if (!*name || strlen(name) >= FACET_MAX_NAME)
        return facet_fail(FACET_E_INVALID, "a name has 1 to %d bytes", FACET_MAX_NAME - 1);
    int err = facet_gallery_person(w->gallery, name, &p);
    out->was_known = !err;
    out->person = ids[0] = p.id;
    out->templates = p.templates;
    if (err == FACET_E_NOT_FOUND)
        err = FACET_OK;
    if (!err && p.id)
        err = facet_gallery_former_ids(w->gallery, p.id, ids + 1, FORMER, &former);
    if (!err && w->verify && p.id)
        err = add_person(&r, w->gallery, name, ids, former + 1);
    if (!err)
        err = forget(w, name, ids, former + 1, out);
    out->version = (int64_t)facet_gallery_version(w->gallery);
    if (!err && w->verify)
        err = add_name(&r, w, name);
    if (!err && w->verify)
        err = prove(&r, w);
    facet__remains_fini(&r);
    return err;
}

/* --- devices --- */

static void device_key(char out[96], const char *device)
{
    snprintf(out, 96, DEVICE "%.63s", device);
}

int facet_device_holds(struct facet_events *e, const char *device, uint64_t gallery_version)
{
    char key[96], text[24];
    device_key(key, device);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)gallery_version);
    return facet_events_state_put(e, key, text, strlen(text));
}

int facet_device_forget(struct facet_events *e, const char *device)
{
    char key[96];
    device_key(key, device);
    return facet_events_state_delete(e, key);
}

struct each_device { facet_device_fn *fn; void *ctx; };

static int tell_device(void *ctx, const char *key, const void *data, size_t len)
{
    const struct each_device *d = ctx;
    char text[24];
    snprintf(text, sizeof(text), "%.*s", (int)(len < 23 ? len : 23), (const char *)data);
    return d->fn(d->ctx, key + strlen(DEVICE), strtoull(text, NULL, 10));
}

int facet_devices_each(struct facet_events *e, facet_device_fn *fn, void *ctx)
{
    struct each_device d = { fn, ctx };
    return facet_events_states(e, DEVICE, tell_device, &d);
}
