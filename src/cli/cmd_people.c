/* facet people: who is in a gallery, and changes to that. */
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/kept.h"
#include "cli/people.h"
#include "stages/identify/classifier.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct people_options { const char *gallery, *events, *site; bool verify; };

static const struct facet_opt options[] = {
    FACET_OPT(struct people_options, gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "the gallery; without it the default one"),
    FACET_OPT(struct people_options, events, "events", 0, FACET_OPT_PATH, "FILE", "the event store, for erase and export; without it the default one"),
    FACET_OPT(struct people_options, site, "site", 0, FACET_OPT_PATH, "FILE", "a site's file that says where gallery, events and spools are"),
    FACET_OPT(struct people_options, verify, "verify", 0, FACET_OPT_FLAG, NULL, "erase: look at every byte of every file afterwards"),
    { .name = NULL },
};

struct people { struct facet_cli *cli; struct facet_gallery *g; struct facet_answer answer; int n; };

static int open_people(struct people *p, struct facet_cli *cli, const void *opts, bool read_only)
{
    const struct people_options *o = opts;
    *p = (struct people){ .cli = cli };
    return facet_known_gallery(&p->g, o->gallery, read_only);
}

/* Says what was done, where all went well. */
static int close_people(struct people *p, int err, const char *done, const char *a, const char *b)
{
    facet_gallery_close(&p->g);
    if (err)
        return err;
    facet_say(p->cli, done, a, b);
    if (!p->cli->json)
        return FACET_EXIT_OK;
    facet_answer_begin(&p->answer);
    facet_jsonw_kbool(&p->answer.w, "done", true);
    return facet_answer_end(&p->answer);
}

static void write_person(struct facet_jsonw *w, const struct facet_person *p)
{
    facet_jsonw_kint(w, "id", p->id);
    facet_jsonw_kstr(w, "name", p->name);
    facet_jsonw_kint(w, "templates", p->templates);
    facet_jsonw_kint(w, "created_ms", p->created_ms);
    facet_jsonw_kstr(w, "note", p->note);
}

static int list_person(void *ctx, const struct facet_person *person)
{
    struct people *p = ctx;
    char time[25];
    p->n++;
    facet_say_time(time, person->created_ms);
    facet_say(p->cli, "%-32s %4d template%s  since %s\n", person->name, person->templates,
              person->templates == 1 ? " " : "s", time);
    if (p->cli->json) {
        facet_jsonw_object(&p->answer.w);
        write_person(&p->answer.w, person);
        facet_jsonw_end_object(&p->answer.w);
    }
    return FACET_OK;
}

static int people_list(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int err = open_people(&p, cli, opts, true);
    if (err)
        return err;
    facet_answer_begin(&p.answer);
    facet_jsonw_key(&p.answer.w, "people");
    facet_jsonw_array(&p.answer.w);
    err = facet_gallery_people(p.g, list_person, &p);
    facet_jsonw_end_array(&p.answer.w);
    facet_gallery_close(&p.g);
    if (!err && cli->json)
        return facet_answer_end(&p.answer);
    facet_str_fini(&p.answer.text);
    if (!err && !p.n)
        facet_say(cli, "nobody yet\n");
    return err;
}

static int show_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct people *p = ctx;
    char time[25];
    facet_say_time(time, t->created_ms);
    facet_say(p->cli, "  template %-6lld quality %.2f  %s  %s\n", (long long)t->id, (double)t->quality, time, t->source);
    if (!p->cli->json)
        return FACET_OK;
    facet_jsonw_object(&p->answer.w);
    facet_jsonw_kint(&p->answer.w, "id", t->id);
    facet_jsonw_knum(&p->answer.w, "quality", (double)t->quality, 4);
    facet_jsonw_kstr(&p->answer.w, "source", t->source);
    facet_jsonw_kstr(&p->answer.w, "source_sha256", t->source_sha256);
    facet_jsonw_kint(&p->answer.w, "created_ms", t->created_ms);
    facet_jsonw_end_object(&p->answer.w);
    return FACET_OK;
}

static int show_person(struct people *p, const char *name)
{
    struct facet_person person;
    int err = facet_gallery_person(p->g, name, &person);
    if (err)
        return err;
    facet_say(p->cli, "%s (%d template%s)\n", person.name, person.templates, person.templates == 1 ? "" : "s");
    write_person(&p->answer.w, &person);
    facet_jsonw_key(&p->answer.w, "list");
    facet_jsonw_array(&p->answer.w);
    err = facet_gallery_templates(p->g, name, show_template, p);
    facet_jsonw_end_array(&p->answer.w);
    return err;
}

static int people_show(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int err = open_people(&p, cli, opts, true);
    if (err)
        return err;
    facet_answer_begin(&p.answer);
    err = show_person(&p, argv[0]);
    facet_gallery_close(&p.g);
    if (!err && cli->json)
        return facet_answer_end(&p.answer);
    facet_str_fini(&p.answer.text);
    return err;
}

static int people_rename(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int err = open_people(&p, cli, opts, false);
    if (!err)
        err = facet_gallery_rename(p.g, argv[0], argv[1]);
    return close_people(&p, err, "%s is now %s\n", argv[0], argv[1]);
}

static int people_merge(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int err = open_people(&p, cli, opts, false);
    for (int i = 1; !err && i < argc; i++)
        err = facet_gallery_merge(p.g, argv[0], argv[i]);
    return close_people(&p, err, argc == 2 ? "%s has the templates of %s now\n" : "%s has the templates of the others now%.0s\n",
                        argv[0], argv[1]);
}

static int people_delete(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int err = open_people(&p, cli, opts, false);
    for (int i = 0; !err && i < argc; i++)
        err = facet_gallery_delete(p.g, argv[i]);
    return close_people(&p, err, argc == 1 ? "%s is deleted, and the bytes overwritten%s\n"
                                           : "they are deleted, and the bytes overwritten%.0s%s\n", argv[0], "");
}

/* --- everything on one person --- */

static struct facet_kept_opts kept_options(const struct people_options *o)
{
    return (struct facet_kept_opts){ .gallery = o->gallery, .events = o->events, .site = o->site };
}

static int export_person(struct facet_cli *cli, const void *opts, const char *name, const char *folder)
{
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(opts);
    int events = 0, pictures = 0, err = facet_kept_open(&k, &o, true);
    if (err)
        return err;
    err = facet_kept_export(&k, name, folder, &events, &pictures);
    facet_kept_close(&k);
    if (err)
        return err;
    facet_say(cli, "written to %s: person.json with %d event%s, and %d picture%s\n", folder, events, events == 1 ? "" : "s", pictures,
              pictures == 1 ? "" : "s");
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "folder", folder);
    facet_jsonw_kint(&a.w, "events", events);
    facet_jsonw_kint(&a.w, "pictures", pictures);
    return facet_answer_end(&a);
}

static void tell_proof(const struct facet_cli *cli, const struct facet_erase_report *r)
{
    if (r->is_verified)
        facet_say(cli, "looked for %d things in %d files, %lld bytes: nothing of it is left\n", r->searched_for, r->files, (long long)r->bytes);
    if (*r->unsearched)
        facet_say(cli, "not searched: %s\n", r->unsearched);
    for (int i = 0; i < r->n_found && i < FACET_ERASE_FOUND; i++)
        facet_say(cli, "left: %s in %s at byte %lld\n", r->found[i].what, r->found[i].path, (long long)r->found[i].offset);
    if (r->n_found > FACET_ERASE_FOUND)
        facet_say(cli, "left: %d more\n", r->n_found - FACET_ERASE_FOUND);
    for (int i = 0; i < r->n_devices; i++)
        facet_say(cli, "not confirmed yet by device %s\n", r->devices[i]);
}

static void write_proof(struct facet_jsonw *w, const struct facet_erase_report *r)
{
    facet_jsonw_kbool(w, "verified", r->is_verified);
    facet_jsonw_kstr(w, "unsearched", *r->unsearched ? r->unsearched : NULL);
    facet_jsonw_kint(w, "files", r->files);
    facet_jsonw_kint(w, "bytes", r->bytes);
    facet_jsonw_key(w, "left");
    facet_jsonw_array(w);
    for (int i = 0; i < r->n_found && i < FACET_ERASE_FOUND; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "what", r->found[i].what);
        facet_jsonw_kstr(w, "file", r->found[i].path);
        facet_jsonw_kint(w, "at", r->found[i].offset);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "unconfirmed_devices");
    facet_jsonw_array(w);
    for (int i = 0; i < r->n_devices; i++)
        facet_jsonw_str(w, r->devices[i]);
    facet_jsonw_end_array(w);
}

static int tell_erasure(struct facet_cli *cli, const char *name, const struct facet_erase_report *r, bool verify, bool retrained)
{
    if (!r->was_known)
        facet_say(cli, "nobody in the gallery is named %s\n", name);
    facet_say(cli, "erased: %lld template%s, the name in %lld event%s, %lld picture%s, %lld waiting message%s%s\n", (long long)r->templates,
              r->templates == 1 ? "" : "s", (long long)r->events, r->events == 1 ? "" : "s", (long long)r->snapshots,
              r->snapshots == 1 ? "" : "s", (long long)r->spooled, r->spooled == 1 ? "" : "s",
              retrained ? "; the classifier was trained again without them" : r->had_trained ? "; what was trained on them was dropped" : "");
    if (verify)
        tell_proof(cli, r);
    if (cli->json) {
        struct facet_answer a;
        facet_answer_begin(&a);
        facet_jsonw_kbool(&a.w, "was_known", r->was_known);
        facet_jsonw_kint(&a.w, "templates", r->templates);
        facet_jsonw_kint(&a.w, "events", r->events);
        facet_jsonw_kint(&a.w, "snapshots", r->snapshots);
        facet_jsonw_kint(&a.w, "messages", r->spooled);
        facet_jsonw_kbool(&a.w, "retrained", retrained);
        if (verify)
            write_proof(&a.w, r);
        int err = facet_answer_end(&a);
        if (err)
            return err;
    }
    return verify && (!r->is_verified || r->n_devices) ? FACET_EXIT_NO : FACET_EXIT_OK;
}

/* Which method was in use, "" when none was. */
static void ask_method(struct facet_gallery *g, char method[16])
{
    bool is_stale;
    if (facet_classifier_state(g, method, &is_stale))
        method[0] = '\0';
}

static bool train_again(struct facet_gallery *g, const char *method)
{
    struct facet_classifier *c = NULL;
    bool done = *method && !facet_classifier_train_gallery(&c, g, method);
    facet_classifier_close(&c);
    return done;
}

static int erase_kept(struct facet_kept *k, const char *name, bool verify, struct facet_erase_report *r, bool *retrained)
{
    const char *spool_paths[FACET_KEPT_SPOOLS], *places[] = { k->cache };
    char method[16] = "";
    for (int i = 0; i < k->n_spools; i++)
        spool_paths[i] = k->spool_paths[i];
    struct facet_erasing w = { .gallery = k->gallery, .events = k->events, .vault = k->vault, .spools = k->spools, .spool_paths = spool_paths,
                               .n_spools = k->n_spools, .places = places, .n_places = 1, .verify = verify };
    ask_method(k->gallery, method);
    int err = facet_erase_person(&w, name, r);
    *retrained = !err && r->had_trained && train_again(k->gallery, method);
    return err;
}

static int people_erase(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct people_options *po = opts;
    struct facet_kept k;
    struct facet_kept_opts o = kept_options(po);
    struct facet_erase_report *r = calloc(1, sizeof(*r));
    bool retrained = false;
    int err = r ? facet_kept_open(&k, &o, false) : facet_fail_nomem();
    if (!err) {
        err = erase_kept(&k, argv[0], po->verify, r, &retrained);
        facet_kept_close(&k);
    }
    int code = err ? err : tell_erasure(cli, argv[0], r, po->verify, retrained);
    free(r);
    return code;
}

static int people_export(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    if (argc == 2)
        return export_person(cli, opts, argv[0], argv[1]);
    if (!strcmp(argv[0], "-"))
        return facet_usage(cli, "an export is written to a file that only you may read, not to standard output");
    int err = open_people(&p, cli, opts, true);
    if (!err)
        err = facet_gallery_export(p.g, argv[0]);
    return close_people(&p, err, "written to %s; it holds personal data%s\n", argv[0], "");
}

/* Where there is no gallery yet, one is made for the embeddings that the file holds. */
static int open_or_make(struct people *p, struct facet_cli *cli, const struct people_options *o, const char *path)
{
    struct facet_gallery_info head;
    int err = open_people(p, cli, o, false);
    if (err != FACET_E_NOT_FOUND)
        return err;
    err = facet_gallery_import_info(path, &head);
    struct facet_gallery_opts made = { .path = o->gallery, .contract = head.contract, .model = head.model, .dim = head.dim, .create = true };
    return err ? err : facet_gallery_open(&p->g, &made);
}

static int people_import(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct people p;
    int people = 0, templates = 0;
    int err = open_or_make(&p, cli, opts, argv[0]);
    if (!err)
        err = facet_gallery_import(p.g, argv[0], &people, &templates);
    facet_gallery_close(&p.g);
    if (err)
        return err;
    facet_say(cli, "%d people and %d templates are new\n", people, templates);
    if (!cli->json)
        return FACET_EXIT_OK;
    facet_answer_begin(&p.answer);
    facet_jsonw_kint(&p.answer.w, "people", people);
    facet_jsonw_kint(&p.answer.w, "templates", templates);
    return facet_answer_end(&p.answer);
}

static const struct facet_sub subs[] = {
    { "list", "", "everybody, by name", 0, 0, people_list },
    { "show", "NAME", "one person's templates", 1, 1, people_show },
    { "rename", "NAME NEW", "another name for the same person", 2, 2, people_rename },
    { "merge", "NAME OTHER...", "the others' templates become NAME's", 2, -1, people_merge },
    { "delete", "NAME...", "people, their templates and what was trained on them; overwritten", 1, -1, people_delete },
    { "erase", "NAME", "one person everywhere: key, templates, name in events, pictures, what waits to be sent", 1, 1, people_erase },
    { "export", "FILE | NAME FOLDER", "all people as JSON lines; or everything that is held on one person", 1, 2, people_export },
    { "import", "FILE", "people from such a file, all or nothing; makes the gallery where there is none", 1, 1, people_import },
    { NULL },
};

const struct facet_cmd facet_cmd_people = {
    .name = "people",
    .group = "People",
    .summary = "list, show, rename, merge, delete, erase, export and import people",
    .usage = "list|show|rename|merge|delete|erase|export|import ...",
    .details = "An export holds everything that the gallery knows, embeddings included: keep it as you keep the gallery. "
               "Import refuses embeddings of another recogniser. Erase --verify says 1 when something is left or a device has not "
               "confirmed yet (docs/privacy.md).",
    .options = options,
    .options_size = sizeof(struct people_options),
    .max_args = -1,
    .subs = subs,
    .examples = "  facet people list\n"
                "  facet people rename 'Ada' 'Ada Lovelace'\n"
                "  facet people --gallery staff.db export staff.jsonl\n"
                "  facet people export 'Ada Lovelace' ada-data\n"
                "  facet people erase 'Ada Lovelace' --verify\n",
};
