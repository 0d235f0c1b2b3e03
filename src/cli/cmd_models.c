/* facet models: what can be recognised with, where it comes from, under which licence. */
#include "base/errors.h"
#include "base/file.h"
#include "cli/commands.h"
#include "cli/models_info.h"
#include "cli/models_optimise.h"
#include "cli/out.h"
#include "engine/format/import.h"
#include "engine/format/onnx.h"
#include "models/models.h"

#include <stdio.h>
#include <string.h>

struct models_options {
    bool force, all;
    const char *mirror, *task, *importer, *backend;
    struct facet_models_optimise_options optimise;
};

static const struct facet_opt models_opts[] = {
    FACET_OPT(struct models_options, force, "force", 'f', FACET_OPT_FLAG, NULL, "pull, optimise: again, although it is there"),
    FACET_OPT(struct models_options, all, "all", 'a', FACET_OPT_FLAG, NULL, "pull, check: every model of the list"),
    FACET_OPT(struct models_options, mirror, "mirror", 'm', FACET_OPT_PATH, "DIR",
              "pull: folder with models/ and data/ (else $FACET_MIRROR)"),
    FACET_OPT(struct models_options, task, "task", 't', FACET_OPT_STR, "WORD", "list: only those for this task"),
    FACET_OPT(struct models_options, importer, "from", 0, FACET_OPT_STR, "FORMAT", "import: the files' format"),
    FACET_OPT(struct models_options, backend, "backend", 'b', FACET_OPT_STR, "NAME", "info: " FACET_BACKEND_HELP),
    FACET_MODELS_OPTIMISE_OPTS(struct models_options),
    { .name = NULL },
};

/* ---- list ---- */

static const char *state_of(const struct facet_model_spec *s)
{
    return facet_model_present(s) ? "here" : "-";
}

static int64_t bytes_of(const struct facet_model_spec *s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s->n_files; i++)
        n += s->files[i].bytes;
    return n;
}

static void list_json(struct facet_jsonw *w, const struct facet_model_spec *s)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", s->name);
    facet_jsonw_kstr(w, "version", s->version);
    facet_jsonw_kstr(w, "task", s->task);
    facet_jsonw_kstr(w, "kind", s->kind);
    facet_jsonw_kbool(w, "default", s->is_default);
    facet_jsonw_kbool(w, "present", facet_model_present(s));
    facet_jsonw_kint(w, "bytes", bytes_of(s));
    facet_jsonw_kstr(w, "title", s->title);
    facet_jsonw_kstr(w, "licence", s->licence);
    facet_jsonw_kstr(w, "licence_note", s->licence_note);
    facet_jsonw_kbool(w, "commercial", s->commercial);
    facet_jsonw_kstr(w, "source", s->source);
    facet_jsonw_kstr(w, "made_from", *s->made_from ? s->made_from : NULL);
    facet_jsonw_end_object(w);
}

static void list_text(const struct facet_cli *cli, const struct facet_model_spec *s)
{
    facet_say(cli, "%-28s %-7s %-5s %6.1f MB  %s%s\n", s->name, s->task, state_of(s), (double)bytes_of(s) / 1e6,
              s->licence, s->is_default ? "  (default)" : *s->made_from ? "  (made here)" : "");
}

static int list_models(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct models_options *o = options;
    struct facet_manifest *m;
    struct facet_answer a;
    int err = facet_manifest_open(&m, NULL);
    if (err)
        return err;
    facet_answer_begin(&a);
    facet_jsonw_key(&a.w, "models");
    facet_jsonw_array(&a.w);
    facet_say(cli, "%-28s %-7s %-5s %9s  %s\n", "NAME", "TASK", "STATE", "SIZE", "LICENCE");
    for (size_t i = 0; i < facet_manifest_count(m); i++) {
        const struct facet_model_spec *s = facet_manifest_at(m, i);
        if (o->task && strcmp(o->task, s->task))
            continue;
        list_json(&a.w, s);
        list_text(cli, s);
    }
    facet_manifest_close(&m);
    facet_jsonw_end_array(&a.w);
    if (cli->json)
        return facet_answer_end(&a);
    facet_str_fini(&a.text);
    return FACET_EXIT_OK;
}

/* ---- for each that was named ---- */

typedef int model_fn(struct facet_cli *cli, const struct models_options *o, const struct facet_model_spec *s);

/* The names in argv; none: the defaults; --all: every one. Ends at the first failure. */
static int for_each(struct facet_cli *cli, const struct models_options *o, int argc, char **argv, model_fn *fn)
{
    struct facet_manifest *m;
    int err = facet_manifest_open(&m, NULL);
    for (int i = 0; !err && i < argc; i++) {
        const struct facet_model_spec *s = facet_manifest_find(m, argv[i]);
        err = s ? fn(cli, o, s) : FACET_E_NOT_FOUND;
    }
    for (size_t i = 0; !err && !argc && i < facet_manifest_count(m); i++) {
        const struct facet_model_spec *s = facet_manifest_at(m, i);
        if (o->all || s->is_default)
            err = fn(cli, o, s);
    }
    facet_manifest_close(&m);
    return err;
}

static int pull_one(struct facet_cli *cli, const struct models_options *o, const struct facet_model_spec *s)
{
    struct facet_progress p;
    bool nothing = false;
    if (o->all && *s->made_from)
        return FACET_OK;
    facet_progress_init(&p, cli, s->name, "B");
    struct facet_pull_opts pull = {.mirror = o->mirror, .force = o->force, .progress = facet_progress_pull, .ctx = &p,
                                   .cancel = cli->cancel, .did_nothing = &nothing};
    int err = facet_model_pull(s, &pull);
    if (!err && nothing && facet_model_check(s) == FACET_E_HASH) {
        facet_complain("%s: what is here is damaged, pulling it again", s->name);
        pull.force = true;
        err = facet_model_pull(s, &pull);
    }
    facet_progress_fini(&p);
    if (err)
        return err;
    facet_say(cli, "%s: %s (%s%s%s)\n", s->name, nothing ? "is here already" : "pulled", s->licence,
              *s->licence_note ? "; " : "", s->licence_note);
    if (!s->commercial && !nothing)
        facet_say(cli, "%s: its licence does not allow, or does not state, commercial use\n", s->name);
    return FACET_OK;
}

static int pull_models(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct models_options *o = options;
    int err = for_each(cli, o, argc, argv, pull_one);
    return err || !cli->json ? err : list_models(cli, options, 0, NULL);
}

/* What `check` found so far: it goes on after a fault. */
struct checked { struct facet_answer a; int faults; };

static int check_one(struct facet_cli *cli, struct checked *c, const struct facet_model_spec *s)
{
    int err = facet_model_check(s);
    bool is_no = err == FACET_E_HASH || (err == FACET_E_NOT_FOUND && strstr(facet_error_text(), "facet models pull"));
    if (err && !is_no)
        return err;
    c->faults += is_no;
    facet_jsonw_object(&c->a.w);
    facet_jsonw_kstr(&c->a.w, "name", s->name);
    facet_jsonw_kbool(&c->a.w, "whole", !is_no);
    facet_jsonw_kstr(&c->a.w, "fault", is_no ? facet_error_text() : NULL);
    facet_jsonw_end_object(&c->a.w);
    if (is_no && !cli->json)
        facet_complain("%s", facet_error_text());
    if (!is_no)
        facet_say(cli, "%s: whole\n", s->name);
    return FACET_OK;
}

static int check_those(struct facet_cli *cli, const struct models_options *o, struct checked *c, int argc, char **argv)
{
    struct facet_manifest *m;
    int err = facet_manifest_open(&m, NULL);
    for (int i = 0; !err && i < argc; i++) {
        const struct facet_model_spec *s = facet_manifest_find(m, argv[i]);
        err = s ? check_one(cli, c, s) : FACET_E_NOT_FOUND;
    }
    for (size_t i = 0; !err && !argc && i < facet_manifest_count(m); i++) {
        const struct facet_model_spec *s = facet_manifest_at(m, i);
        if (o->all ? facet_model_present(s) : s->is_default)
            err = check_one(cli, c, s);
    }
    facet_manifest_close(&m);
    return err;
}

/* Damaged or absent is the answer "no"; each one is told. */
static int check_models(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    struct checked c = { .faults = 0 };
    facet_answer_begin(&c.a);
    facet_jsonw_key(&c.a.w, "models");
    facet_jsonw_array(&c.a.w);
    int err = check_those(cli, options, &c, argc, argv);
    facet_jsonw_end_array(&c.a.w);
    facet_jsonw_kbool(&c.a.w, "whole", c.faults == 0);
    if (!err && cli->json)
        err = facet_answer_end(&c.a);
    else
        facet_str_fini(&c.a.text);
    return err ? err : c.faults ? FACET_EXIT_NO : FACET_EXIT_OK;
}

static int remove_one(struct facet_cli *cli, const struct models_options *o, const struct facet_model_spec *s)
{
    int err = facet_model_remove(s);
    if (!err)
        facet_say(cli, "%s: removed\n", s->name);
    return err;
}

static int remove_models(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    return for_each(cli, options, argc, argv, remove_one);
}

/* ---- import ---- */

static const struct facet_importer *importer_for(const struct models_options *o, const char *first)
{
    if (o->importer)
        return facet_importer_find(o->importer);
    if (facet_path_is_dir(first))
        return facet_importer_find("facenet-npy");
    return facet_importer_find(!strcmp(facet_path_ext(first), "onnx") ? "onnx" : "caffe");
}

static int import_files(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_importer *importer = importer_for(options, argv[1]);
    struct facet_graph *g = NULL;
    if (!importer) {
        facet_usage(cli, "there is no format '%s'; known are:", ((const struct models_options *)options)->importer);
        for (const struct facet_importer *const *i = facet_importers; *i; i++)
            fprintf(stderr, "    %-14s %s\n", (*i)->name, (*i)->help);
        return FACET_EXIT_USAGE;
    }
    int err = importer->import(&g, (const char *const *)argv + 1, (size_t)argc - 1);
    if (!err)
        err = facet_graph_check(g);
    if (!err)
        err = facet_onnx_save(g, argv[0]);
    facet_graph_free(&g);
    if (!err)
        facet_say(cli, "%s: written\n", argv[0]);
    return err;
}

static int show_info(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    return facet_models_info(cli, argv[0], ((const struct models_options *)options)->backend);
}

static int optimise_model(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct models_options *o = options;
    return facet_models_optimise(cli, &o->optimise, o->force, argv[0]);
}

static const struct facet_sub models_subs[] = {
    { "list", "", "models that can be pulled, and whether they are here", 0, 0, list_models },
    { "pull", "[NAME...]", "fetch, verify and import models (none named: the defaults)", 0, -1, pull_models },
    { "check", "[NAME...]", "compare what is here with its checksums", 0, -1, check_models },
    { "info", "NAME[/PART]|FILE.onnx", "layers, shapes, work, memory, cut points and back ends of a network", 1, 1, show_info },
    { "import", "OUT.onnx FILE...", "write a network of another format as ONNX", 2, -1, import_files },
    { "optimise", "NAME|FILE.onnx", "make a network smaller and faster, and measure what that costs", 1, 1, optimise_model },
    { "rm", "NAME...", "remove models from this machine", 1, -1, remove_models },
    { .name = NULL },
};

const struct facet_cmd facet_cmd_models = {
    .name = "models",
    .group = "Models",
    .summary = "list, pull, check, inspect, import, optimise and remove networks",
    .usage = "list|pull|check|info|import|optimise|rm [options] [NAME...]",
    .details = "Every file is pinned by its SHA-256. A pull looks in the folder that FACET_MIRROR names, then at the "
               "file's address; it verifies, imports to ONNX, and puts the model in FACET_MODELS (else "
               "~/.local/share/facet/models). A second pull does nothing. A cancelled or broken download is resumed.\n"
               "Optimising writes a new model beside the old one, NAME-int8 and the like, that is used by its name; docs/quantisation.md "
               "tells how, and what it costs.",
    .options = models_opts,
    .options_size = sizeof(struct models_options),
    .subs = models_subs,
    .examples = "facet models pull\n"
                "facet models pull --mirror /media/stick yunet-n-640\n"
                "facet models info facenet-20180402\n"
                "facet models import --from caffe net.onnx net.prototxt net.caffemodel\n"
                "facet models optimise facenet-20180402 --int8 --calibrate pictures/\n",
};
