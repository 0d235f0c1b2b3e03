/* facet store: gallery and events as files: copies, what is too old, is all of it whole, is it sealed. */
#include "base/errors.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/kept.h"
#include "store/backup.h"
#include "store/vault.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DAY_MS (24.0 * 3600 * 1000)

struct store_options { const char *gallery, *events, *site, *key; double keep_events, keep_snapshots, keep_unknown; };

static const struct facet_opt options[] = {
    FACET_OPT(struct store_options, gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "the gallery; without it the default one"),
    FACET_OPT(struct store_options, events, "events", 0, FACET_OPT_PATH, "FILE", "the event store; without it the default one"),
    FACET_OPT(struct store_options, site, "site", 0, FACET_OPT_PATH, "FILE", "a site's file that says where both are, and how long what is kept"),
    FACET_OPT(struct store_options, key, "key", 0, FACET_OPT_STR, "WHERE", "the site key: a file, env:NAME or credential:NAME; without it "
              "FACET_SITE_KEY, else site.key in the configuration folder"),
    FACET_OPT_RANGE(struct store_options, keep_events, "keep-events", 0, FACET_OPT_NUM, "DAYS", 0, 36500,
                    "retain: days that events stay; 0: by the site's file"),
    FACET_OPT_RANGE(struct store_options, keep_snapshots, "keep-snapshots", 0, FACET_OPT_NUM, "DAYS", 0, 36500,
                    "retain: ... pictures of people who are known"),
    FACET_OPT_RANGE(struct store_options, keep_unknown, "keep-unknown", 0, FACET_OPT_NUM, "DAYS", 0, 36500,
                    "retain: ... pictures of people who are not"),
    { .name = NULL },
};

static struct facet_kept_opts kept_options(const struct store_options *o)
{
    return (struct facet_kept_opts){ .gallery = o->gallery, .events = o->events, .site = o->site, .key = o->key };
}

static const char *path_or_null(const char *path)
{
    return *path ? path : NULL;
}

static int answer(struct facet_cli *cli, const char *key, const char *value)
{
    struct facet_answer a;
    if (!cli->json)
        return FACET_EXIT_OK;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, key, value);
    return facet_answer_end(&a);
}

/* --- copies --- */

struct copies { char gallery[4096], events[4096]; };

static int name_copies(struct copies *c, const char *folder)
{
    int err = facet_path_join(c->gallery, sizeof(c->gallery), folder, "gallery.db");
    return err ? err : facet_path_join(c->events, sizeof(c->events), folder, "events.db");
}

/* Events first: the gallery that is copied after them has the keys of everybody they name. */
static int back_up(const struct facet_kept *k, const struct copies *c, bool *has_events)
{
    int err = facet_events_backup(path_or_null(k->events_path), c->events);
    *has_events = !err;
    if (err == FACET_E_NOT_FOUND)
        err = FACET_OK;
    return err ? err : facet_gallery_backup(path_or_null(k->gallery_path), c->gallery);
}

/* The vault's key goes to those who open by themselves. */
static int store_backup(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(opts);
    struct copies c;
    bool has_events = false;
    if (o.key)
        setenv("FACET_SITE_KEY", o.key, 1);
    int err = facet_kept_find(&k, &o);
    if (err)
        return err;
    if (mkdir(argv[0], 0700) && errno != EEXIST)
        err = facet_fail_errno("make folder", argv[0]);
    if (!err)
        err = name_copies(&c, argv[0]);
    if (!err)
        err = back_up(&k, &c, &has_events);
    facet_kept_close(&k);
    if (err)
        return err;
    facet_say(cli, "written to %s: gallery.db%s; keep the site key elsewhere, they open with it alone\n", argv[0],
              has_events ? " and events.db" : "");
    return answer(cli, "folder", argv[0]);
}

static int restore(struct facet_kept *k, const struct copies *c, struct facet_restore_report *r)
{
    const char *gallery = path_or_null(k->gallery_path);
    int err = facet_gallery_restore(c->gallery, gallery, k->vault, r);
    if (err || !facet_path_exists(c->events))
        return err;
    err = facet_kept_open_gallery(k, false);
    return err ? err : facet_events_restore(c->events, path_or_null(k->events_path), k->vault, k->gallery, r);
}

static int store_restore(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(opts);
    struct copies c;
    struct facet_restore_report r = { 0 };
    int err = facet_kept_find(&k, &o);
    if (err)
        return err;
    err = name_copies(&c, argv[0]);
    if (!err)
        err = restore(&k, &c, &r);
    facet_kept_close(&k);
    if (err)
        return err;
    facet_say(cli, "restored: %lld people, %lld templates, %lld events\n", (long long)r.people, (long long)r.templates, (long long)r.events);
    if (r.erased_again)
        facet_say(cli, "%lld people who were erased since the copy was made were erased again\n", (long long)r.erased_again);
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kint(&a.w, "people", r.people);
    facet_jsonw_kint(&a.w, "templates", r.templates);
    facet_jsonw_kint(&a.w, "events", r.events);
    facet_jsonw_kint(&a.w, "erased_again", r.erased_again);
    return facet_answer_end(&a);
}

/* --- age --- */

static int64_t days(double given, int64_t fallback)
{
    return given > 0 ? (int64_t)(given * DAY_MS) : fallback;
}

static int tell_retention(struct facet_cli *cli, const struct facet_retention_report *r)
{
    facet_say(cli, "removed: %lld events, %lld pictures of known and %lld of unknown people (%lld bytes)\n", (long long)r->events,
              (long long)r->snapshots, (long long)r->unknown, (long long)r->bytes);
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kint(&a.w, "events", r->events);
    facet_jsonw_kint(&a.w, "snapshots", r->snapshots);
    facet_jsonw_kint(&a.w, "unknown", r->unknown);
    facet_jsonw_kint(&a.w, "bytes", r->bytes);
    return facet_answer_end(&a);
}

static int store_retain(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct store_options *so = opts;
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(so);
    struct facet_retention_report report = { 0 };
    int err = facet_kept_find(&k, &o);
    if (err)
        return err;
    struct facet_retention r = { days(so->keep_events, k.retention.events_ms), days(so->keep_snapshots, k.retention.snapshots_ms),
                                 days(so->keep_unknown, k.retention.unknown_ms) };
    if (!r.events_ms && !r.snapshots_ms && !r.unknown_ms) {
        facet_kept_close(&k);
        return facet_usage(cli, "say how long what is kept: --site FILE, or --keep-events, --keep-snapshots, --keep-unknown");
    }
    err = facet_kept_open_events(&k, false);
    if (!err && k.events)
        err = facet_events_retain(k.events, &r, &report);
    facet_kept_close(&k);
    return err ? err : tell_retention(cli, &report);
}

/* --- check, seal --- */

static int store_check(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(opts);
    int err = facet_kept_find(&k, &o);
    if (err)
        return err;
    err = facet_kept_open_gallery(&k, true);
    if (!err)
        err = facet_gallery_check(k.gallery);
    if (!err)
        err = facet_kept_open_events(&k, true);
    if (!err && k.events)
        err = facet_events_check(k.events);
    if (!err)
        facet_say(cli, "%s is whole%s%s%s\n", facet_gallery_path(k.gallery), k.events ? ", and so is " : "",
                  k.events ? facet_events_where(k.events) : "", k.vault ? "; all of it opens with the site key" : "");
    facet_kept_close(&k);
    return err ? err : answer(cli, "state", "whole");
}

/* A key is made where there is none; then opening for writing seals what was plain. */
static int store_seal(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(opts);
    struct facet_vault *v;
    int err = facet_vault_open(&v, &(struct facet_vault_opts){ .key = o.key, .create = true });
    if (err)
        return err;
    facet_say(cli, "the site key is in %s: keep a copy of it apart from copies of the data\n", facet_vault_origin(v));
    facet_vault_close(&v);
    err = facet_kept_open(&k, &o, false);
    if (err)
        return err;
    facet_say(cli, "%s is sealed%s%s\n", facet_gallery_path(k.gallery), k.events ? ", and so is " : "", k.events ? facet_events_where(k.events) : "");
    facet_kept_close(&k);
    return answer(cli, "state", "sealed");
}

static const struct facet_sub subs[] = {
    { "backup", "FOLDER", "copies of gallery and events while they are in use", 1, 1, store_backup },
    { "restore", "FOLDER", "such copies in place of what is there; who was erased since stays erased", 1, 1, store_restore },
    { "retain", "", "removes what is older than it may be, and says how much", 0, 0, store_retain },
    { "check", "", "is everything whole, and does it open with the site key", 0, 0, store_check },
    { "seal", "", "makes a site key where there is none, and seals what is not sealed", 0, 0, store_seal },
    { NULL },
};

const struct facet_cmd facet_cmd_store = {
    .name = "store",
    .group = "People",
    .summary = "backup, restore, retention, check and sealing of gallery and events",
    .usage = "backup|restore|retain|check|seal ...",
    .details = "Copies hold what the files hold, sealed as it is there: without the site key they open nowhere, and with it "
               "everywhere. Keep both, and keep them apart. In PostgreSQL use pg_dump and pg_restore.",
    .options = options,
    .options_size = sizeof(struct store_options),
    .max_args = -1,
    .subs = subs,
    .examples = "  facet store seal\n"
                "  facet store backup /backup/facet\n"
                "  facet store retain --keep-events 30 --keep-unknown 0.5\n",
};
