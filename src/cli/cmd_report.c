/* facet report: experiments as a page and as Markdown. */
#include "base/errors.h"
#include "base/file.h"
#include "base/share.h"
#include "report/page.h"
#include "cli/commands.h"
#include "cli/out.h"

#include <string.h>

struct report_options { const char *out, *markdown, *prices, *published; };

static const struct facet_opt options[] = {
    FACET_OPT(struct report_options, out, "out", 'o', FACET_OPT_PATH, "FILE", "the page; without it report.html in the first folder"),
    FACET_OPT(struct report_options, markdown, "markdown", 'm', FACET_OPT_PATH, "FILE", "the digest; without it report.md beside the page"),
    FACET_OPT(struct report_options, prices, "prices", 'p', FACET_OPT_PATH, "FILE",
              "what machines, electricity and traffic cost (bench/prices.yaml is an example): adds what a camera costs a month"),
    FACET_OPT(struct report_options, published, "published", 0, FACET_OPT_PATH, "DIR",
              "CSV files of figures that others printed, each with '# source: ...'; without it those that come with the program"),
    { .name = NULL },
};

static int save(const char *path, int (*make)(struct facet_str *, const struct facet_report_page_opts *), const struct facet_report_page_opts *o)
{
    struct facet_str text = FACET_STR_INIT;
    int err = make(&text, o);
    if (!err)
        err = facet_file_write_atomic(path, text.data, text.len);
    facet_str_fini(&text);
    return err;
}

static int run_report(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct report_options *o = opts;
    char page[4096], digest[4096], published[4096];
    struct facet_report_page_opts po = { .dirs = (const char *const *)argv, .n_dirs = argc, .prices = o->prices, .published = o->published };
    if (!po.published && facet_share_find(published, sizeof(published), "published") == FACET_OK)
        po.published = published;
    int err = o->out ? facet_copy_text(page, sizeof(page), o->out) : facet_path_join(page, sizeof(page), argv[0], "report.html");
    if (!err && o->markdown)
        err = facet_copy_text(digest, sizeof(digest), o->markdown);
    else if (!err)
        err = (size_t)snprintf(digest, sizeof(digest), "%.*sreport.md", (int)(facet_path_base(page) - page), page) < sizeof(digest)
                  ? FACET_OK : facet_fail(FACET_E_LIMIT, "path '%.60s...' is too long", page);
    if (!err)
        err = save(page, facet_report_page, &po);
    if (!err)
        err = save(digest, facet_report_digest, &po);
    if (!err)
        facet_say(cli, "%s\n%s\n", page, digest);
    if (err || !cli->json)
        return err;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "page", page);
    facet_jsonw_kstr(&a.w, "markdown", digest);
    return facet_answer_end(&a);
}

const struct facet_cmd facet_cmd_report = {
    .name = "report",
    .group = "Measure",
    .summary = "make a page of what experiments measured",
    .usage = "[options] DIR...",
    .details = "Each folder was made by `facet bench run`; several machines' stand side by side. The page holds everything it needs, asks no network, "
               "and prints well. The digest has the same as tables.",
    .options = options,
    .options_size = sizeof(struct report_options),
    .min_args = 1,
    .max_args = -1,
    .examples = "facet report results\n"
                "facet report --out both.html desk-results board-results --prices bench/prices.yaml\n",
    .run = run_report,
};
