/* facet data: pinned sets of files that are no models. */
#include "base/errors.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "models/models.h"

struct data_options { const char *mirror; };

static const struct facet_opt data_opts[] = {
    FACET_OPT(struct data_options, mirror, "mirror", 'm', FACET_OPT_PATH, "DIR",
              "folder with models/ and data/ (else $FACET_MIRROR)"),
    { .name = NULL },
};

static int64_t bytes_of(const struct facet_data_spec *s)
{
    int64_t n = 0;
    for (size_t i = 0; i < s->n_files; i++)
        n += s->files[i].bytes;
    return n;
}

static int list_data(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    struct facet_manifest *m;
    struct facet_answer a;
    int err = facet_manifest_open(&m, NULL);
    if (err)
        return err;
    facet_answer_begin(&a);
    facet_jsonw_key(&a.w, "data");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < facet_manifest_data_count(m); i++) {
        const struct facet_data_spec *s = facet_manifest_data_at(m, i);
        facet_jsonw_object(&a.w);
        facet_jsonw_kstr(&a.w, "name", s->name);
        facet_jsonw_kstr(&a.w, "title", s->title);
        facet_jsonw_kint(&a.w, "files", (int64_t)s->n_files);
        facet_jsonw_kint(&a.w, "bytes", bytes_of(s));
        facet_jsonw_kstr(&a.w, "licence", s->licence);
        facet_jsonw_end_object(&a.w);
        facet_say(cli, "%-16s %3zu files %6.1f MB  %s: %s\n", s->name, s->n_files, (double)bytes_of(s) / 1e6, s->licence,
                  s->title);
    }
    facet_manifest_close(&m);
    facet_jsonw_end_array(&a.w);
    if (cli->json)
        return facet_answer_end(&a);
    facet_str_fini(&a.text);
    return FACET_EXIT_OK;
}

static int pull_data(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct data_options *o = options;
    struct facet_manifest *m;
    struct facet_progress p;
    bool nothing = false;
    int err = facet_manifest_open(&m, NULL);
    if (err)
        return err;
    const struct facet_data_spec *s = facet_manifest_data_find(m, argv[0]);
    facet_progress_init(&p, cli, argv[0], "B");
    struct facet_pull_opts pull = {.mirror = o->mirror, .progress = facet_progress_pull, .ctx = &p,
                                   .cancel = cli->cancel, .did_nothing = &nothing};
    err = s ? facet_data_pull(s, argv[1], &pull) : FACET_E_NOT_FOUND;
    facet_progress_fini(&p);
    if (!err)
        facet_say(cli, "%s: %s in %s (%s%s%s)\n", s->name, nothing ? "is already" : "is now", argv[1], s->licence,
                  *s->licence_note ? "; " : "", s->licence_note);
    facet_manifest_close(&m);
    return err;
}

static const struct facet_sub data_subs[] = {
    { "list", "", "sets that can be pulled", 0, 0, list_data },
    { "pull", "NAME DIR", "put a set's files below a folder", 2, 2, pull_data },
    { .name = NULL },
};

const struct facet_cmd facet_cmd_data = {
    .name = "data",
    .group = "Models",
    .summary = "pull the pinned pictures and clips of demo and tests",
    .usage = "list|pull [options] [NAME DIR]",
    .details = "Files keep their paths below DIR. Those that are there and right are left alone. They show real people: "
               "for tests and measurements, never for a release or a document.",
    .options = data_opts,
    .options_size = sizeof(struct data_options),
    .subs = data_subs,
    .examples = "facet data pull hamilton demo/data\n",
};
