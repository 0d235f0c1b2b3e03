#include "cli/kept.h"

#include "base/errors.h"
#include "base/file.h"
#include "deploy/site.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_spool(struct facet_kept *k, const char *path)
{
    for (int i = 0; i < k->n_spools; i++)
        if (!strcmp(k->spool_paths[i], path))
            return FACET_OK;
    if (k->n_spools == FACET_KEPT_SPOOLS || !facet_path_exists(path))
        return FACET_OK;
    return facet_copy_text(k->spool_paths[k->n_spools++], sizeof(k->spool_paths[0]), path);
}

/* Where devices and servers put them when nothing else was said. */
static int add_default_spools(struct facet_kept *k)
{
    static const char *const names[] = { "outbox.db", "server-outbox.db", "inbox.db", "webhook.db" };
    char dir[3800], path[4096];
    int err = facet_data_dir(dir, sizeof(dir));
    for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
        err = facet_path_join(path, sizeof(path), dir, names[i]);
        if (!err)
            err = add_spool(k, path);
    }
    return err;
}

/* An outbox, and what waits for a web address beside it (deploy/part_webhook.c). */
static int add_outbox(struct facet_kept *k, const char *path)
{
    char beside[1100];
    snprintf(beside, sizeof(beside), "%s.webhook", path);
    int err = add_spool(k, path);
    return err ? err : add_spool(k, beside);
}

static int take_site(struct facet_kept *k, const char *path, char *key, size_t cap)
{
    struct facet_site *s = calloc(1, sizeof(*s));
    int err = s ? facet_site_load(s, path) : facet_fail_nomem();
    if (err) {
        free(s);
        return err;
    }
    k->retention = s->store.retention;
    err = facet_copy_text(k->gallery_path, sizeof(k->gallery_path), s->gallery.path);
    if (!err)
        err = facet_copy_text(k->events_path, sizeof(k->events_path), s->store.events);
    if (!err)
        err = facet_copy_text(key, cap, s->store.key);
    if (!err && *s->outbox.path)
        err = add_outbox(k, s->outbox.path);
    if (!err && *s->hybrid.inbox)
        err = add_spool(k, s->hybrid.inbox);
    facet_site_fini(s);
    free(s);
    return err;
}

static const char *path_or_null(const char *path)
{
    return *path ? path : NULL;
}

int facet_kept_find(struct facet_kept *k, const struct facet_kept_opts *o)
{
    char key[1024] = "";
    *k = (struct facet_kept){ .vault = NULL };
    int err = o->site ? take_site(k, o->site, key, sizeof(key)) : FACET_OK;
    if (!err && o->gallery)
        err = facet_copy_text(k->gallery_path, sizeof(k->gallery_path), o->gallery);
    if (!err && o->events)
        err = facet_copy_text(k->events_path, sizeof(k->events_path), o->events);
    if (!err && o->key)
        err = facet_copy_text(key, sizeof(key), o->key);
    if (!err)
        err = add_default_spools(k);
    if (!err)
        err = facet_cache_dir(k->cache, sizeof(k->cache));
    if (!err && facet_vault_is_configured(path_or_null(key)))
        err = facet_vault_open(&k->vault, &(struct facet_vault_opts){ .key = path_or_null(key) });
    if (err)
        facet_kept_close(k);
    return err;
}

int facet_kept_open_gallery(struct facet_kept *k, bool read_only)
{
    struct facet_gallery_opts o = { .path = path_or_null(k->gallery_path), .read_only = read_only, .vault = k->vault };
    return facet_gallery_open(&k->gallery, &o);
}

int facet_kept_open_events(struct facet_kept *k, bool read_only)
{
    struct facet_events_opts o = { .where = path_or_null(k->events_path), .vault = k->vault, .read_only = true };
    int err = facet_events_open(&k->events, &o); /* for reading first: none is made here */
    if (err == FACET_E_NOT_FOUND)
        return FACET_OK;
    if ((err && err != FACET_E_PERMISSION) || read_only)
        return err;
    facet_events_close(&k->events);
    o.read_only = false;
    return facet_events_open(&k->events, &o);
}

int facet_kept_open(struct facet_kept *k, const struct facet_kept_opts *o, bool read_only)
{
    int err = facet_kept_find(k, o);
    if (!err)
        err = facet_kept_open_gallery(k, read_only);
    if (!err)
        err = facet_kept_open_events(k, read_only);
    for (int i = 0; !err && !read_only && i < k->n_spools; i++)
        err = facet_spool_open(&k->spools[i], &(struct facet_spool_opts){ .path = k->spool_paths[i], .vault = k->vault });
    if (err)
        facet_kept_close(k);
    return err;
}

void facet_kept_close(struct facet_kept *k)
{
    for (int i = 0; i < k->n_spools; i++)
        facet_spool_close(&k->spools[i]);
    facet_events_close(&k->events);
    facet_gallery_close(&k->gallery);
    facet_vault_close(&k->vault);
}
